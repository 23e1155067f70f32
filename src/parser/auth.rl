// SPDX-License-Identifier: Apache-2.0
// Challenges and credentials: a scheme and comma-separated parameters.
// RFC 3261 section 25.1, RFC 7616, RFC 7235 section 2.1.
#include "parser/scan.hpp"

namespace sipstack {

%%{
  machine auth;
  alphtype unsigned char;
  getkey static_cast<unsigned char>(*p);
  include grammar "grammar.rl";

  action mark { mark = p; }
  action scheme { out.scheme = scan::text(mark, p); }
  action params { list = p; }

  #   challenge       =  ("Digest" LWS digest-cln *(COMMA digest-cln)) / other-challenge
  #   other-challenge =  auth-scheme LWS auth-param *(COMMA auth-param)
  #   auth-param      =  auth-param-name EQUAL ( token / quoted-string )
  # A value without quotes may hold what a URI holds (uri=sip:a@b, from devices), and ";" for the
  # certificate schemes of GB/T 28181.
  auth_char = token_char | [:;/?@&=$#(){}\[\]];
  auth_param = token SWS "=" SWS ( ( token_char | [:;/?@&$#(){}\[\]] ) auth_char* | quoted_string );
  auth_params = auth_param ( SWS "," SWS auth_param )*;
  #   token68  =  1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"=": Basic, Bearer
  token68 = ( alnum | [\-._~+/] )+ "="*;

  main := SWS token >mark %scheme LWS ( auth_params | token68 ) >params SWS;
  info := SWS auth_params >params SWS;
}%%

%% write data noerror;

namespace {

ParseErrc parse_auth(const char*& cursor, const char* end, AuthValue& out, int start) noexcept {
  const char* p = cursor;
  const char* const pe = end;
  const char* const eof = end;
  int cs = start;
  ParseErrc code = ParseErrc::bad_header;
  const char* mark = nullptr;
  const char* list = nullptr;
  out = AuthValue{};

  %% write exec;

  cursor = p;
  if (cs < auth_first_final) return code;
  out.params = scan::text(list, scan::trim_white(list, p));
  return ParseErrc::ok;
}

}  // namespace

ParseErrc parse_value(const char*& cursor, const char* end, AuthValue& out) noexcept {
  return parse_auth(cursor, end, out, auth_en_main);
}

ParseErrc parse_auth_info(const char*& cursor, const char* end, AuthValue& out) noexcept {
  return parse_auth(cursor, end, out, auth_en_info);
}

}  // namespace sipstack
