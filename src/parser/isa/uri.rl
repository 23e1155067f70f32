// SPDX-License-Identifier: Apache-2.0
// The URI grammar: sip, sips, tel, and any other scheme as far as its characters go.
// RFC 3261 section 25.1, RFC 3966 section 3.

namespace sipstack::scan::SIPSTACK_ISA {

%%{
  machine uri;
  alphtype unsigned char;
  getkey static_cast<unsigned char>(*p);
  include runs "runs.rl";

  # Whether what follows is user or host depends on an "@" far behind: it is looked for, once.
  action user_or_host {
    user = p + 1;
    if (skip(kNotAt, p + 1, pe, readable) != pe) {
      fgoto with_user;
    } else {
      fgoto without_user;
    }
  }
  action user_end { user_end = p; }
  action password { password = p + 1; }
  action at {
    out.has_user = true;
    out.user = text(user, user_end);
    if (password != nullptr) out.password = text(password, p);
  }
  action host_end { host = mark; host_end = p; }
  action port_end { port = mark; port_end = p; }
  action param { if (list == nullptr) list = p; ++params; name = p + 1; }
  action list_end { list_end = p; }
  action headers { headers = p; }
  action field { ++fields; }
  action scheme_end { out.scheme_name = text(begin, p); }
  action sip { out.scheme = UriScheme::sip; }
  action sips { out.scheme = UriScheme::sips; }
  action tel { out.scheme = UriScheme::tel; }
  action other { out.scheme = UriScheme::other; }
  action number { user = p; }
  action number_end { user_end = p; }

  #   userinfo         =  ( user / telephone-subscriber ) [ ":" password ] "@"
  #   user             =  1*( unreserved / escaped / user-unreserved )
  #   user-unreserved  =  "&" / "=" / "+" / "$" / "," / ";" / "?" / "/"
  #   password         =  *( unreserved / escaped / "&" / "=" / "+" / "$" / "," )
  action user_run { p = skip(kUser, p, pe, readable) - 1; }
  user_chars = ( ( unreserved | [&=+$,;?/] )+ >user_run | escaped )+;
  password_char = unreserved | escaped | [&=+$,];
  userinfo = user_chars %user_end ( ":" @password password_char* )? "@" @at;

  #   hostport  =  host [ ":" port ]
  hostport = host_r %host_end ( ":" digits_r %port_end )?;

  #   uri-parameters    =  *( ";" uri-parameter)
  #   other-param       =  pname [ "=" pvalue ]
  #   paramchar         =  param-unreserved / unreserved / escaped
  #   param-unreserved  =  "[" / "]" / "/" / ":" / "&" / "+" / "$"
  action param_run { p = skip(kUriParam, p, pe, readable) - 1; }
  action name_end { slot = known(out, text(name, p)); }
  action value { value = p + 1; }
  action value_end { if (slot != nullptr) *slot = text(value, p); }
  paramchars = ( ( unreserved | [\[\]/:&+$] )+ >param_run | escaped )+;
  uri_parameters = ( ";" >param paramchars %name_end ( "=" @value paramchars %value_end )? )*;

  #   headers         =  "?" header *( "&" header )
  #   header          =  hname "=" hvalue
  #   hname           =  1*( hnv-unreserved / unreserved / escaped )
  #   hvalue          =  *( hnv-unreserved / unreserved / escaped )
  #   hnv-unreserved  =  "[" / "]" / "/" / "?" / ":" / "+" / "$"
  hnv = unreserved | escaped | [\[\]/?:+$];
  field = hnv+ >field "=" hnv*;
  headers = "?" ( field ( "&" field )* ) >headers;

  rest = hostport uri_parameters %list_end headers?;
  with_user := userinfo rest;
  without_user := rest;
  sip_uri = "sip"i %scheme_end ":" @sip @user_or_host;
  sips_uri = "sips"i %scheme_end ":" @sips @user_or_host;

  #   telephone-uri         =  "tel:" telephone-subscriber
  #   telephone-subscriber  =  global-number / local-number
  #   global-number-digits  =  "+" *phonedigit DIGIT *phonedigit
  #   local-number-digits   =  *phonedigit-hex (HEXDIG / "*" / "#") *phonedigit-hex
  # phone-context is not insisted upon: emergency numbers come without (RFC 3966 section 5.1.5).
  tel_uri = "tel"i %scheme_end ":" @tel
            ( ( "+"? ( xdigit | [*#\-.()] )+ ) >number %number_end uri_parameters %list_end );

  #   absoluteURI  =  scheme ":" ( hier-part / opaque-part )
  #   scheme       =  ALPHA *( ALPHA / DIGIT / "+" / "-" / "." )
  #   uric         =  reserved / unreserved / escaped
  # "[" and "]" (RFC 2732) and a fragment (RFC 3986 section 3) are let through for http: in Call-Info.
  uric = unreserved | escaped | [;/?:@&=+$,\[\]#];
  scheme = ( alpha ( alnum | [+\-.] )* ) - ( "sip"i | "sips"i | "tel"i );
  other_uri = scheme %scheme_end ":" @other uric+;

  main := sip_uri | sips_uri | tel_uri | other_uri;

  # What RFC 5359 section 2.4 prints in Referred-By: <alice@atlanta.example.com>.
  without_scheme := userinfo hostport uri_parameters %list_end;
}%%

%% write data noerror;

namespace {

ParseErrc scan_uri(Scan& s, Uri& out, int start) noexcept {
  const char* const begin = s.at;
  const char* p = begin;
  const char* const pe = s.end;
  const char* const eof = s.end;
  const char* const readable = s.readable;
  int cs = start;
  unsigned params = 0;
  unsigned fields = 0;
  const char* user = begin;
  const char* user_end = nullptr;
  const char* password = nullptr;
  const char* host = nullptr;
  const char* host_end = nullptr;
  const char* port = nullptr;
  const char* port_end = nullptr;
  const char* list = nullptr;
  const char* list_end = nullptr;
  const char* headers = nullptr;
  const char* mark = nullptr;
  const char* name = nullptr;
  const char* value = nullptr;
  std::string_view* slot = nullptr;
  out = Uri{};

  %% write exec;

  s.at = p;
  if (cs < uri_first_final) return ParseErrc::bad_uri;
  out.text = text(begin, pe);
  if (params > s.params) s.params = params;
  if (fields > s.params) s.params = fields;
  if (list != nullptr) out.params = Params(text(list, list_end));
  if (out.scheme == UriScheme::tel) {
    out.user = text(user, user_end);
    out.has_user = true;
  }
  if (host == nullptr) return ParseErrc::ok;
  out.host = text(host, host_end);
  out.headers = text(headers, pe);
  if (!host_fits(out.host)) {
    s.at = host;
    return ParseErrc::bad_uri;
  }
  if (port == nullptr) return ParseErrc::ok;
  const ParseErrc code = scan::port(text(port, port_end), out.port);
  if (code != ParseErrc::ok) s.at = port;
  return code;
}

ParseErrc uri(Scan& s, Uri& out) noexcept {
#if defined(SIPSTACK_ISA_X86) || defined(SIPSTACK_ISA_NEON)
  Stops stops(s.at, s.end, s.readable);
  // A lane that gives up answers null, and so does the end of a view without an address. What it has
  // counted by then may be none: "sip:a;b/c@h" looks like a host with a parameter at first.
  unsigned params = s.params;
  const char* const behind = uri_lane(s.at, s.end, s.readable, stops, out, params);
  if (behind != nullptr && behind == s.end) {
    s.params = params;
    s.at = s.end;
    return ParseErrc::ok;
  }
#endif
  return scan_uri(s, out, uri_en_main);
}

}  // namespace
}  // namespace sipstack::scan::SIPSTACK_ISA
