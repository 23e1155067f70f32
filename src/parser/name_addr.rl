// SPDX-License-Identifier: Apache-2.0
// The grammar of addresses in headers: From, To, Contact, Route, Refer-To, ...
// RFC 3261 sections 20.10 and 25.1.
#include "parser/scan.hpp"

namespace sipstack {
namespace {

%%{
  machine name_addr;
  alphtype unsigned char;
  getkey static_cast<unsigned char>(*p);
  include grammar "grammar.rl";

  action begin { begin = p; }
  action display_end { display_end = p; }
  action bracket {
    bracket = p;
    const char* const inside = p + 1;
    const char* const close =
        static_cast<const char*>(std::memchr(inside, '>', static_cast<std::size_t>(pe - inside)));
    if (close == nullptr) {
      cursor = p;
      return ParseErrc::unterminated;
    }
    cursor = inside;
    ParseErrc bad = scan::uri(cursor, close, out.uri, most);
    if (bad != ParseErrc::ok && form == Address::maybe_without_scheme) {
      cursor = inside;
      bad = scan::uri_without_scheme(cursor, close, out.uri, most);
    }
    if (bad != ParseErrc::ok) return bad;
    fexec close;
  }
  action bare {
    cursor = begin;
    const ParseErrc bad = scan::uri(cursor, p, out.uri, most);
    if (bad != ParseErrc::ok) return bad;
  }
  action star { out.wildcard = true; }
  action params { if (list == nullptr) list = p; ++params; }
  action comma { fhold; fbreak; }

  #   name-addr      =  [ display-name ] LAQUOT addr-spec RAQUOT
  #   display-name   =  *(token LWS)/ quoted-string
  # White space between a token and "<" may be missing (RFC 4475 section 3.1.1.6).
  display_name = quoted_string >begin %display_end | token >begin %display_end
                 ( LWS token %display_end )*;
  name_addr = ( display_name SWS )? "<" @bracket ">";

  #   addr-spec      =  SIP-URI / SIPS-URI / absoluteURI
  # Without <>, the URI ends at the first comma, question mark or semicolon (RFC 3261 section 20).
  addr_spec = ( alpha ( alnum | [+\-.] )* ":" ( 0x21..0x7e - [;,?<>"] )+ ) >begin %bare;

  #   Contact        =  ("Contact" / "m" ) HCOLON
  #                     ( STAR / (contact-param *(COMMA contact-param)))
  #   contact-param  =  (name-addr / addr-spec) *(SEMI contact-params)
  value = ( name_addr | addr_spec ) ( SWS ";" >params SWS generic_param )*;

  main := SWS ( value | "*" %star ) SWS ( "," @comma )?;
}%%

%% write data noerror noentry;

}  // namespace

ParseErrc scan::name_addr(const char*& cursor, const char* end, NameAddr& out, Address form,
                          unsigned& most) noexcept {
  const char* p = cursor;
  const char* const pe = end;
  const char* const eof = end;
  int cs = name_addr_start;
  ParseErrc code = ParseErrc::bad_header;
  unsigned params = 0;
  const char* begin = nullptr;
  const char* display_end = nullptr;
  const char* bracket = nullptr;
  const char* list = nullptr;
  const char* const first = skip_white(p, pe);
  out = NameAddr{};

  %% write exec;

  cursor = p;
  if (cs < name_addr_first_final) return code;
  const char* const stop = trim_white(first, p);
  out.text = text(first, stop);
  if (list != nullptr) out.params = Params(text(list, stop));
  if (params > most) most = params;
  if (bracket != nullptr) {
    out.wildcard = false;
    if (display_end != nullptr) out.display = text(begin, display_end);
  }
  const bool allowed = out.wildcard ? form == Address::or_star
                                    : bracket != nullptr || form != Address::in_brackets;
  if (!allowed) cursor = first;
  return allowed ? ParseErrc::ok : ParseErrc::bad_header;
}

ParseErrc parse_value(const char*& cursor, const char* end, NameAddr& out) noexcept {
  unsigned params = 0;
  return scan::name_addr(cursor, end, out, scan::Address::any, params);
}

ParseErrc parse_contact(const char*& cursor, const char* end, NameAddr& out) noexcept {
  unsigned params = 0;
  return scan::name_addr(cursor, end, out, scan::Address::or_star, params);
}

ParseErrc parse_route(const char*& cursor, const char* end, NameAddr& out) noexcept {
  unsigned params = 0;
  return scan::name_addr(cursor, end, out, scan::Address::in_brackets, params);
}

ParseErrc parse_referred_by(const char*& cursor, const char* end, NameAddr& out) noexcept {
  unsigned params = 0;
  return scan::name_addr(cursor, end, out, scan::Address::maybe_without_scheme, params);
}

}  // namespace sipstack
