// SPDX-License-Identifier: Apache-2.0
// The URI grammar: sip, sips, tel, and any other scheme as far as its characters go.
// RFC 3261 section 25.1, RFC 3966 section 3.
#include "parser/scan.hpp"

#include "sipstack/base/address.hpp"

namespace sipstack {
namespace {

%%{
  machine uri;
  alphtype unsigned char;
  getkey static_cast<unsigned char>(*p);
  include grammar "grammar.rl";

  # Until an "@" comes, bytes may be user or host: both are noted, and "@" takes the host back.
  action user { user = p; user_end = nullptr; }
  action user_end { user_end = p; }
  action password { password = p + 1; }
  action at {
    out.has_user = true;
    out.user = scan::text(user, user_end);
    if (password != nullptr) out.password = scan::text(password, p);
    host = nullptr; host_end = nullptr; port = nullptr; port_end = nullptr;
    list = nullptr; list_end = nullptr; headers = nullptr;
    params = 0; fields = 0;
  }
  action host { host = p; }
  action host_end { host_end = p; }
  action port { port = p; }
  action port_end { port_end = p; }
  action param { if (list == nullptr) list = p; ++params; }
  action list_end { list_end = p; }
  action headers { headers = p; }
  action field { ++fields; }
  action scheme_end { out.scheme_name = scan::text(begin, p); }
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
  user_char = unreserved | escaped | [&=+$,;?/];
  password_char = unreserved | escaped | [&=+$,];
  userinfo = user_char+ >user %user_end ( ":" @password password_char* )? "@" @at;

  #   hostport  =  host [ ":" port ]
  hostport = host >host %host_end ( ":" port >port %port_end )?;

  #   uri-parameters    =  *( ";" uri-parameter)
  #   other-param       =  pname [ "=" pvalue ]
  #   paramchar         =  param-unreserved / unreserved / escaped
  #   param-unreserved  =  "[" / "]" / "/" / ":" / "&" / "+" / "$"
  paramchar = unreserved | escaped | [\[\]/:&+$];
  uri_parameters = ( ";" >param paramchar+ ( "=" paramchar+ )? )*;

  #   headers         =  "?" header *( "&" header )
  #   header          =  hname "=" hvalue
  #   hname           =  1*( hnv-unreserved / unreserved / escaped )
  #   hvalue          =  *( hnv-unreserved / unreserved / escaped )
  #   hnv-unreserved  =  "[" / "]" / "/" / "?" / ":" / "+" / "$"
  hnv = unreserved | escaped | [\[\]/?:+$];
  field = hnv+ >field "=" hnv*;
  headers = "?" ( field ( "&" field )* ) >headers;

  sip_uri = "sip"i %scheme_end ":" @sip ( userinfo? hostport uri_parameters %list_end headers? );
  sips_uri = "sips"i %scheme_end ":" @sips ( userinfo? hostport uri_parameters %list_end headers? );

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

bool labels_fit(std::string_view name) noexcept {
  std::size_t length = 0;
  for (const char c : name) {
    length = c == '.' ? 0 : length + 1;
    if (length > 63) return false;
  }
  return name.size() <= 255;
}

}  // namespace

bool scan::host_fits(std::string_view host) noexcept {
  if (host.empty()) return false;
  if (host.front() == '[') return IpAddress::parse(host).has_value();
  return host.size() <= 63 || labels_fit(host);
}

ParseErrc scan::port(std::string_view digits, std::optional<std::uint16_t>& out) noexcept {
  std::uint32_t value = 0;
  if (!number(digits, 65535, value) || value == 0) return ParseErrc::out_of_range;
  out = static_cast<std::uint16_t>(value);
  return ParseErrc::ok;
}

namespace {

ParseErrc run(const char*& cursor, const char* end, Uri& out, unsigned& most, int start) noexcept {
  const char* const begin = cursor;
  const char* p = begin;
  const char* const pe = end;
  const char* const eof = end;
  int cs = start;
  unsigned params = 0;
  unsigned fields = 0;
  const char* user = nullptr;
  const char* user_end = nullptr;
  const char* password = nullptr;
  const char* host = nullptr;
  const char* host_end = nullptr;
  const char* port = nullptr;
  const char* port_end = nullptr;
  const char* list = nullptr;
  const char* list_end = nullptr;
  const char* headers = nullptr;
  out = Uri{};

  %% write exec;

  cursor = p;
  if (cs < uri_first_final) return ParseErrc::bad_uri;
  out.text = scan::text(begin, end);
  if (params > most) most = params;
  if (fields > most) most = fields;
  if (list != nullptr) out.params = Params(scan::text(list, list_end));
  if (out.scheme == UriScheme::tel) {
    out.user = scan::text(user, user_end);
    out.has_user = true;
  }
  if (host == nullptr) return ParseErrc::ok;
  out.host = scan::text(host, host_end);
  out.headers = scan::text(headers, end);
  if (!scan::host_fits(out.host)) {
    cursor = host;
    return ParseErrc::bad_uri;
  }
  if (port == nullptr) return ParseErrc::ok;
  const ParseErrc code = scan::port(scan::text(port, port_end), out.port);
  if (code != ParseErrc::ok) cursor = port;
  return code;
}

}  // namespace

ParseErrc scan::uri(const char*& cursor, const char* end, Uri& out, unsigned& params) noexcept {
  return run(cursor, end, out, params, uri_en_main);
}

ParseErrc scan::uri_without_scheme(const char*& cursor, const char* end, Uri& out,
                                   unsigned& params) noexcept {
  return run(cursor, end, out, params, uri_en_without_scheme);
}

}  // namespace sipstack
