// SPDX-License-Identifier: Apache-2.0
// The Via grammar. RFC 3261 sections 20.42 and 25.1, RFC 3581.
#include "parser/scan.hpp"

namespace sipstack {
namespace {

%%{
  machine via;
  alphtype unsigned char;
  getkey static_cast<unsigned char>(*p);
  include grammar "grammar.rl";

  action begin { begin = p; }
  action mark { mark = p; }
  action version { out.version = scan::text(mark, p); }
  action transport { out.transport = scan::text(mark, p); }
  action host { out.host = scan::text(mark, p); }
  action port { port = scan::text(mark, p); }
  action params { if (list == nullptr) list = p; ++params; }
  action comma { fhold; fbreak; }

  #   via-parm          =  sent-protocol LWS sent-by *( SEMI via-params )
  #   via-params        =  via-ttl / via-maddr / via-received / via-branch / via-extension
  #   sent-protocol     =  protocol-name SLASH protocol-version SLASH transport
  #   protocol-name     =  "SIP" / token
  #   protocol-version  =  token
  #   transport         =  "UDP" / "TCP" / "TLS" / "SCTP" / other-transport
  #   sent-by           =  host [ COLON port ]
  sent_protocol = token SWS "/" SWS token >mark %version SWS "/" SWS token >mark %transport;
  sent_by = host >mark %host ( SWS ":" SWS port >mark %port )?;
  via_parm = sent_protocol >begin LWS sent_by ( SWS ";" >params SWS generic_param )*;

  main := SWS via_parm SWS ( "," @comma )?;
}%%

%% write data noerror noentry;

}  // namespace

ParseErrc scan::via(const char*& cursor, const char* end, Via& out, unsigned& most) noexcept {
  const char* p = cursor;
  const char* const pe = end;
  const char* const eof = end;
  int cs = via_start;
  ParseErrc code = ParseErrc::bad_header;
  unsigned params = 0;
  const char* begin = nullptr;
  const char* mark = nullptr;
  const char* list = nullptr;
  std::string_view port;
  out = Via{};

  %% write exec;

  cursor = p;
  if (cs < via_first_final) return code;
  const char* const stop = trim_white(begin, p);
  out.text = text(begin, stop);
  if (list != nullptr) out.params = Params(text(list, stop));
  if (params > most) most = params;
  if (!host_fits(out.host)) {
    cursor = out.host.data();
    return ParseErrc::bad_header;
  }
  if (port.empty()) return ParseErrc::ok;
  code = scan::port(port, out.port);
  if (code != ParseErrc::ok) cursor = port.data();
  return code;
}

}  // namespace sipstack
