// SPDX-License-Identifier: Apache-2.0
// The grammar of addresses in headers: From, To, Contact, Route, Refer-To, ...
// RFC 3261 sections 20.10 and 25.1.

namespace sipstack::scan::SIPSTACK_ISA {

%%{
  machine name_addr;
  alphtype unsigned char;
  getkey static_cast<unsigned char>(*p);
  include runs "runs.rl";

  action begin { begin = p; }
  action display_end { display_end = p; }
  action bracket {
    bracket = p;
    const char* const close = skip(kNotClose, p + 1, pe, readable);
    if (close == pe) {
      s.at = p;
      return ParseErrc::unterminated;
    }
    Scan inside{p + 1, close, readable};
    ParseErrc bad = scan_uri(inside, out.uri, uri_en_main);
    if (bad != ParseErrc::ok && form == Address::maybe_without_scheme) {
      inside.at = p + 1;
      bad = scan_uri(inside, out.uri, uri_en_without_scheme);
    }
    if (inside.params > most) most = inside.params;
    if (bad != ParseErrc::ok) {
      s.at = inside.at;
      return bad;
    }
    fexec close;
  }
  action bare {
    Scan inside{begin, p, readable};
    const ParseErrc bad = scan_uri(inside, out.uri, uri_en_main);
    if (inside.params > most) most = inside.params;
    if (bad != ParseErrc::ok) {
      s.at = inside.at;
      return bad;
    }
  }
  action star { out.wildcard = true; }
  action params { if (list == nullptr) list = p; ++s.params; }
  action name_end { param = known(out, text(mark, p)); }
  action value_end { if (param != nullptr) *param = text(mark, p); }
  action comma { fhold; fbreak; }

  #   name-addr      =  [ display-name ] LAQUOT addr-spec RAQUOT
  #   display-name   =  *(token LWS)/ quoted-string
  # White space between a token and "<" may be missing (RFC 4475 section 3.1.1.6).
  display_name = quoted_string_r >begin %display_end | token >begin %display_end
                 ( LWS token %display_end )*;
  name_addr = ( display_name SWS )? "<" @bracket ">";

  #   addr-spec      =  SIP-URI / SIPS-URI / absoluteURI
  # Without <>, the URI ends at the first comma, question mark or semicolon (RFC 3261 section 20).
  addr_spec = ( alpha ( alnum | [+\-.] )* ":" ( 0x21..0x7e - [;,?<>"] )+ ) >begin %bare;

  #   Contact        =  ("Contact" / "m" ) HCOLON
  #                     ( STAR / (contact-param *(COMMA contact-param)))
  #   contact-param  =  (name-addr / addr-spec) *(SEMI contact-params)
  header_param = token_r %name_end ( SWS "=" SWS gen_value_r %value_end )?;
  value = ( name_addr | addr_spec ) ( SWS ";" >params SWS header_param )*;

  main := SWS ( value | "*" %star ) SWS ( "," @comma )?;
}%%

%% write data noerror noentry;

namespace {

ParseErrc name_addr(Scan& s, NameAddr& out, Address form) noexcept {
  const unsigned params_before = s.params;
  if (name_addr_lane(s, out)) return ParseErrc::ok;
  s.params = params_before;
  out = NameAddr{};

  const char* p = skip_white(s.at, s.end);
  const char* const pe = s.end;
  const char* const eof = s.end;
  const char* const readable = s.readable;
  int cs = name_addr_start;
  ParseErrc code = ParseErrc::bad_header;
  unsigned most = s.params;
  s.params = 0;
  const char* const first = p;
  const char* begin = nullptr;
  const char* display_end = nullptr;
  const char* bracket = nullptr;
  const char* mark = nullptr;
  const char* list = nullptr;
  std::string_view* param = nullptr;

  %% write exec;

  s.at = p;
  if (most > s.params) s.params = most;
  if (cs < name_addr_first_final) return code;
  const char* const stop = trim_white(first, p);
  out.text = text(first, stop);
  if (list != nullptr) out.params = Params(text(list, stop));
  if (bracket != nullptr) {
    out.wildcard = false;
    if (display_end != nullptr) out.display = text(begin, display_end);
  }
  const bool allowed = out.wildcard ? form == Address::or_star
                                    : bracket != nullptr || form != Address::in_brackets;
  if (!allowed) s.at = first;
  return allowed ? ParseErrc::ok : ParseErrc::bad_header;
}

}  // namespace
}  // namespace sipstack::scan::SIPSTACK_ISA
