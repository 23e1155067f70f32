// SPDX-License-Identifier: Apache-2.0
// The grammars of extension headers that are neither addresses, tokens nor numbers.
// RFC 3261 section 25.1 (Warning, Timestamp, MIME-Version), RFC 3323, 3841, 4412, 6809, 7315, 7433,
// 7989, 8224.
#include "parser/scan.hpp"
#include "sipstack/parser/extensions.hpp"

namespace sipstack {
namespace {

// Up to three parts of a value, and its parameters.
struct Parts {
  std::string_view a;
  std::string_view b;
  std::string_view c;
  std::string_view params;
};

%%{
  machine features;
  alphtype unsigned char;
  getkey static_cast<unsigned char>(*p);
  include grammar "grammar.rl";

  action mark { mark = p; }
  action a { out.a = scan::text(mark, p); }
  action b { out.b = scan::text(mark, p); }
  action c { out.c = scan::text(mark, p); }
  action params { if (list == nullptr) list = p; }
  action comma { fhold; fbreak; }

  params = ( SWS ";" >params SWS generic_param )*;
  next = SWS ( "," @comma )?;

  #   warning-value  =  warn-code SP warn-agent SP warn-text
  #   warn-code      =  3DIGIT
  #   warn-agent     =  hostport / pseudonym
  #   warn-text      =  quoted-string
  warn_agent = ( token_char | [\[\]:] )+;
  warning := SWS digit{3} >mark %a LWS warn_agent >mark %b LWS quoted_string >mark %c next;

  #   Timestamp  =  "Timestamp" HCOLON 1*(DIGIT) [ "." *(DIGIT) ] [ LWS delay ]
  #   delay      =  *(DIGIT) [ "." *(DIGIT) ]
  timestamp := SWS ( digit+ ( "." digit* )? ) >mark %a
               ( LWS ( ( digit+ ( "." digit* )? | "." digit* ) >mark %b SWS )? )?;

  #   MIME-Version  =  "MIME-Version" HCOLON 1*DIGIT "." 1*DIGIT
  mime_version := SWS digit+ >mark %a "." digit+ >mark %b SWS;
  # GB/T 28181: "2.0"; the minor number is not always there.
  version := SWS digit+ >mark %a ( "." digit+ >mark %b )? SWS;

  # RFC 3323 section 4.2
  #   Privacy-hdr  =  "Privacy" HCOLON priv-value *(";" priv-value)
  # Many write commas.
  privacy := SWS ( token ( SWS [;,] SWS token )* ) >mark %a SWS;

  # RFC 3841 section 10, RFC 6809 section 6.2
  #   ac-value  =  "*" *(SEMI ac-params)
  #   fc-value  =  "*" *(SEMI feature-cap)
  feature_set := SWS "*" >mark %a params next;

  # RFC 4412 section 3.1
  #   r-value      =  namespace "." r-priority
  #   token-nodot  =  1*( alphanum / "-" / "!" / "%" / "*" / "_" / "+" / "`" / "'" / "~" )
  token_nodot = ( token_char - "." )+;
  resource := SWS token_nodot >mark %a "." token_nodot >mark %b next;

  # RFC 7989 section 5
  #   session-id-value  =  local-uuid *(SEMI sess-id-param)
  #   sess-uuid         =  32(DIGIT / %x61-66)
  # Upper case passes: RFC 7329 section 4.1 left it open.
  session_id := SWS xdigit{32} >mark %a params SWS;

  # RFC 7433 section 4.1, RFC 7315 section 5.3
  #   uui-value      =  uui-data *(SEMI uui-param)
  #   uui-data       =  token / quoted-string
  #   vnetwork-spec  =  (token / quoted-string) *(SEMI vnetwork-param)
  data := SWS ( token | quoted_string ) >mark %a params next;

  # RFC 8224 section 4.1
  #   Identity                =  "Identity" HCOLON signed-identity-digest SEMI ident-info
  #                              *( SEMI ident-info-params )
  #   signed-identity-digest  =  1*(base64-char / ".")
  #   ident-info              =  "info" EQUAL LAQUOT absoluteURI RAQUOT
  # base64url and padding are on the wire, too; a quoted digest alone is RFC 4474's.
  digest = ( alnum | [/+.\-_=] )+ | quoted_string;
  ident_param = token ( SWS "=" SWS
                        ( gen_value | "<" ( 0x21..0x7e - [<>] )+ ">" ) )?;
  identity := SWS digest >mark %a ( SWS ";" >params SWS ident_param )* next;

  # RFC 7315 section 5.6
  #   P-Charging-Vector  =  "P-Charging-Vector" HCOLON icid-value *(SEMI charge-params)
  #   icid-value         =  "icid-value" EQUAL gen-value
  charging := SWS "icid-value"i SWS "=" SWS gen_value >mark %a params SWS;

  # RFC 7315 section 5.4
  #   access-net-spec        =  (access-type / access-class) *(SEMI access-info)
  #   extension-access-info  =  gen-value
  main := SWS token >mark %a ( SWS ";" >params SWS ( generic_param | gen_value ) )* next;
}%%

%% write data noerror;

ParseErrc parse_parts(const char*& cursor, const char* end, Parts& out, int start) noexcept {
  const char* p = cursor;
  const char* const pe = end;
  const char* const eof = end;
  int cs = start;
  ParseErrc code = ParseErrc::bad_header;
  const char* mark = nullptr;
  const char* list = nullptr;

  %% write exec;

  cursor = p;
  if (cs < features_first_final) return code;
  if (list != nullptr) out.params = scan::text(list, scan::trim_white(list, p));
  return ParseErrc::ok;
}

std::string_view reach(std::string_view first, std::string_view last) noexcept {
  return scan::text(first.data(), last.data() + last.size());
}

ParseErrc parse_version(const char*& cursor, const char* end, Version& out, int start) noexcept {
  Parts parts;
  out = Version{};
  const ParseErrc code = parse_parts(cursor, end, parts, start);
  if (code != ParseErrc::ok) return code;
  out.text = parts.b.empty() ? parts.a : reach(parts.a, parts.b);
  for (const auto& [digits, number] :
       {std::pair{parts.a, &out.major_number}, std::pair{parts.b, &out.minor_number}}) {
    if (scan::number(digits, 0xffffffff, *number)) continue;
    cursor = digits.data();
    return ParseErrc::out_of_range;
  }
  return ParseErrc::ok;
}

ParseErrc parse_tokens(const char*& cursor, const char* end, TokenValue& out, int start) noexcept {
  Parts parts;
  const ParseErrc code = parse_parts(cursor, end, parts, start);
  out.token = parts.a;
  out.params = Params(parts.params);
  return code;
}

}  // namespace

ParseErrc parse_value(const char*& cursor, const char* end, Warning& out) noexcept {
  Parts parts;
  out = Warning{};
  const ParseErrc code = parse_parts(cursor, end, parts, features_en_warning);
  if (code != ParseErrc::ok) return code;
  out.text = reach(parts.a, parts.c);
  out.agent = parts.b;
  out.warn_text = parts.c;
  for (const char digit : parts.a) out.code = out.code * 10 + (digit - '0');
  return ParseErrc::ok;
}

ParseErrc parse_value(const char*& cursor, const char* end, Timestamp& out) noexcept {
  Parts parts;
  out = Timestamp{};
  const ParseErrc code = parse_parts(cursor, end, parts, features_en_timestamp);
  if (code != ParseErrc::ok) return code;
  out.text = parts.b.empty() ? parts.a : reach(parts.a, parts.b);
  out.value = parts.a;
  out.delay = parts.b;
  return ParseErrc::ok;
}

ParseErrc parse_value(const char*& cursor, const char* end, Version& out) noexcept {
  return parse_version(cursor, end, out, features_en_version);
}

ParseErrc parse_mime_version(const char*& cursor, const char* end, Version& out) noexcept {
  return parse_version(cursor, end, out, features_en_mime_version);
}

ParseErrc parse_value(const char*& cursor, const char* end, Privacy& out) noexcept {
  Parts parts;
  const ParseErrc code = parse_parts(cursor, end, parts, features_en_privacy);
  out.text = parts.a;
  return code;
}

ParseErrc parse_value(const char*& cursor, const char* end, FeatureSet& out) noexcept {
  return parse_tokens(cursor, end, out, features_en_feature_set);
}

ParseErrc parse_value(const char*& cursor, const char* end, AccessNetwork& out) noexcept {
  return parse_tokens(cursor, end, out, features_en_main);
}

ParseErrc parse_value(const char*& cursor, const char* end, ResourcePriority& out) noexcept {
  Parts parts;
  const ParseErrc code = parse_parts(cursor, end, parts, features_en_resource);
  out = {parts.a, parts.b};
  return code;
}

ParseErrc parse_value(const char*& cursor, const char* end, SessionId& out) noexcept {
  Parts parts;
  const ParseErrc code = parse_parts(cursor, end, parts, features_en_session_id);
  out = {parts.a, Params(parts.params)};
  return code;
}

ParseErrc parse_value(const char*& cursor, const char* end, DataValue& out) noexcept {
  Parts parts;
  const ParseErrc code = parse_parts(cursor, end, parts, features_en_data);
  out = {parts.a, Params(parts.params)};
  return code;
}

ParseErrc parse_value(const char*& cursor, const char* end, ChargingVector& out) noexcept {
  Parts parts;
  const ParseErrc code = parse_parts(cursor, end, parts, features_en_charging);
  out = {parts.a, Params(parts.params)};
  return code;
}

ParseErrc parse_value(const char*& cursor, const char* end, Identity& out) noexcept {
  Parts parts;
  out = Identity{};
  const ParseErrc code = parse_parts(cursor, end, parts, features_en_identity);
  if (code != ParseErrc::ok) return code;
  out.digest = parts.a;
  out.params = parts.params;
  // A URI in <> may hold ";": walked here, and not as Params.
  for (std::string_view rest = parts.params; !rest.empty();) {
    const char* p = scan::skip_white(rest.data() + 1, rest.data() + rest.size());
    const char* const stop = rest.data() + rest.size();
    const char* const name = p;
    while (p != stop && *p != '=' && *p != ';' && !is_white(*p)) ++p;
    const std::string_view key = scan::text(name, p);
    p = scan::skip_white(p, stop);
    if (p == stop || *p != '=') {
      rest = scan::text(p, stop);
      continue;
    }
    p = scan::skip_white(p + 1, stop);
    const char* const value = p;
    const char close = p == stop ? '\0' : *p == '<' ? '>' : *p == '"' ? '"' : '\0';
    if (close != '\0') {
      for (++p; p != stop && *p != close; ++p) {
        if (close == '"' && *p == '\\' && p + 1 != stop) ++p;
      }
      if (p != stop) ++p;
    }
    while (p != stop && *p != ';') ++p;
    const std::string_view text = scan::text(value, scan::trim_white(value, p));
    if (iequals(key, "info") && text.size() >= 2 && text.front() == '<') {
      out.info = text.substr(1, text.size() - 2);
    } else if (iequals(key, "alg")) {
      out.alg = text;
    } else if (iequals(key, "ppt")) {
      out.ppt = text;
    }
    rest = scan::text(p, stop);
  }
  return ParseErrc::ok;
}

}  // namespace sipstack
