// SPDX-License-Identifier: Apache-2.0
// The Via grammar. RFC 3261 sections 20.42 and 25.1, RFC 3581.

namespace sipstack::scan::SIPSTACK_ISA {

%%{
  machine via;
  alphtype unsigned char;
  getkey static_cast<unsigned char>(*p);
  include runs "runs.rl";

  action version { out.version = text(mark, p); }
  action transport { out.transport = text(mark, p); }
  action host { out.host = text(mark, p); }
  action port { port = text(mark, p); }
  action params { if (list == nullptr) list = p; ++s.params; }
  action name_end { param = known(out, text(mark, p)); }
  action value_end { if (param != nullptr) *param = text(mark, p); }
  action comma { fhold; fbreak; }

  #   via-parm          =  sent-protocol LWS sent-by *( SEMI via-params )
  #   via-params        =  via-ttl / via-maddr / via-received / via-branch / via-extension
  #   sent-protocol     =  protocol-name SLASH protocol-version SLASH transport
  #   protocol-name     =  "SIP" / token
  #   protocol-version  =  token
  #   transport         =  "UDP" / "TCP" / "TLS" / "SCTP" / other-transport
  #   sent-by           =  host [ COLON port ]
  via_param = token_r %name_end ( SWS "=" SWS gen_value_r %value_end )?;
  main := SWS token_r SWS "/" SWS token_r %version SWS "/" @{ fgoto transport; };
  transport := SWS token_r %transport LWS host_r %host ( SWS ":" SWS digits_r %port )?
               ( SWS ";" >params SWS via_param )* SWS ( "," @comma )?;
}%%

%% write data noerror;

namespace {

ParseErrc via(Scan& s, Via& out) noexcept {
  const unsigned params_before = s.params;
  if (via_lane(s, out)) return ParseErrc::ok;
  s.params = params_before;
  out = Via{};

  const char* p = skip_white(s.at, s.end);
  const char* const pe = s.end;
  const char* const eof = s.end;
  const char* const readable = s.readable;
  int cs = via_en_main;
  ParseErrc code = ParseErrc::bad_header;
  const char* const begin = p;
  const char* mark = nullptr;
  const char* list = nullptr;
  std::string_view* param = nullptr;
  std::string_view port;
  if (pe - p > 8 && std::memcmp(p, "SIP/2.0/", 8) == 0) {
    out.version = {p + 4, 3};
    p += 8;
    cs = via_en_transport;
  }

  %% write exec;

  s.at = p;
  if (cs < via_first_final) return code;
  const char* const stop = trim_white(begin, p);
  out.text = text(begin, stop);
  if (list != nullptr) out.params = Params(text(list, stop));
  if (!host_fits(out.host)) {
    s.at = out.host.data();
    return ParseErrc::bad_header;
  }
  if (port.empty()) return ParseErrc::ok;
  code = scan::port(port, out.port);
  if (code != ParseErrc::ok) s.at = port.data();
  return code;
}

}  // namespace
}  // namespace sipstack::scan::SIPSTACK_ISA
