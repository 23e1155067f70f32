// SPDX-License-Identifier: Apache-2.0
// Challenges and credentials: a scheme and comma-separated parameters.
// RFC 3261 section 25.1, RFC 7616, RFC 7235 section 2.1.

namespace sipstack::scan::SIPSTACK_ISA {

%%{
  machine auth;
  alphtype unsigned char;
  getkey static_cast<unsigned char>(*p);
  include runs "runs.rl";

  action scheme { out.scheme = text(mark, p); }
  action params { list = p; }

  #   challenge       =  ("Digest" LWS digest-cln *(COMMA digest-cln)) / other-challenge
  #   other-challenge =  auth-scheme LWS auth-param *(COMMA auth-param)
  #   auth-param      =  auth-param-name EQUAL ( token / quoted-string )
  # A value without quotes may hold what a URI holds (uri=sip:a@b, from devices), and ";" for the
  # certificate schemes of GB/T 28181.
  auth_char = token_char | [:;/?@&=$#(){}\[\]];
  action auth_run { p = skip(kAuthValue, p, pe, readable) - 1; }
  auth_param = token_r SWS "=" SWS
      ( ( ( token_char | [:;/?@&$#(){}\[\]] ) auth_char* ) >auth_run | quoted_string_r );
  auth_params = auth_param ( SWS "," SWS auth_param )*;
  #   token68  =  1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"=": Basic, Bearer
  token68 = ( alnum | [\-._~+/] )+ "="*;

  main := SWS token_r %scheme LWS ( auth_params | token68 ) >params SWS;
  info := SWS auth_params >params SWS;
}%%

%% write data noerror;

namespace {

ParseErrc auth(Scan& s, AuthValue& out, bool with_scheme) noexcept {
  const char* p = s.at;
  const char* const pe = s.end;
  const char* const eof = s.end;
  const char* const readable = s.readable;
  int cs = with_scheme ? auth_en_main : auth_en_info;
  ParseErrc code = ParseErrc::bad_header;
  const char* mark = nullptr;
  const char* list = nullptr;
  out = AuthValue{};

  %% write exec;

  s.at = p;
  if (cs < auth_first_final) return code;
  out.params = text(list, trim_white(list, p));
  return ParseErrc::ok;
}

}  // namespace
}  // namespace sipstack::scan::SIPSTACK_ISA
