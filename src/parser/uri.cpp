// SPDX-License-Identifier: Apache-2.0
// URIs beyond their grammar: equality and canonical form. RFC 3261 sections 10.3 and 19.1.4,
// RFC 3966 section 4.
#include "sipstack/parser/uri.hpp"

#include "parser/scan.hpp"
#include "sipstack/base/address.hpp"

namespace sipstack {
namespace {

constexpr bool is_hex(char c) noexcept {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

constexpr unsigned hex(char c) noexcept {
  return static_cast<unsigned>(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

constexpr unsigned lower(unsigned c) noexcept { return c >= 'A' && c <= 'Z' ? c | 0x20U : c; }

constexpr bool contains(std::string_view set, char c) noexcept {
  return set.find(c) != std::string_view::npos;
}

// Reads one character. An escaped one of the reserved set (RFC 2396 section 2.2) stays apart from the
// plain one; every other equals it.
unsigned next_char(std::string_view text, std::size_t& at) noexcept {
  const char c = text[at];
  if (c != '%' || text.size() - at < 3 || !is_hex(text[at + 1]) || !is_hex(text[at + 2])) {
    ++at;
    return static_cast<unsigned char>(c);
  }
  const unsigned value = hex(text[at + 1]) * 16 + hex(text[at + 2]);
  at += 3;
  return contains(";/?:@&=+$,", static_cast<char>(value)) && value != 0 ? value | 0x100U : value;
}

enum class Case { matters, ignored };

bool same(std::string_view a, std::string_view b, Case c) noexcept {
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < a.size() && j < b.size()) {
    const unsigned x = next_char(a, i);
    const unsigned y = next_char(b, j);
    if (x != y && (c == Case::matters || lower(x) != lower(y))) return false;
  }
  return i == a.size() && j == b.size();
}

bool same_host(std::string_view a, std::string_view b) noexcept {
  if (iequals(a, b)) return true;
  // An IPv6 address has more than one spelling (RFC 5118 section 4).
  if (a.empty() || b.empty() || a.front() != '[' || b.front() != '[') return false;
  const auto x = IpAddress::parse(a);
  return x.has_value() && x == IpAddress::parse(b);
}

std::optional<std::string_view> find_param(const Params& params, std::string_view name) noexcept {
  for (const Param& param : params) {
    if (same(param.name, name, Case::ignored)) return param.value;
  }
  return std::nullopt;
}

// Parameters that a URI without them does not match.
bool always_counts(std::string_view name) noexcept {
  for (const std::string_view counting : {"user", "ttl", "method", "maddr", "transport"}) {
    if (same(name, counting, Case::ignored)) return true;
  }
  return false;
}

bool params_match(const Params& a, const Params& b) noexcept {
  for (const Param& param : a) {
    const auto other = find_param(b, param.name);
    if (other.has_value() ? !same(param.value, *other, Case::ignored) : always_counts(param.name)) {
      return false;
    }
  }
  return true;
}

// Takes "name=value" off the front.
Param next_header(std::string_view& rest) noexcept {
  const std::size_t ampersand = rest.find('&');
  const std::string_view header = rest.substr(0, ampersand);
  rest.remove_prefix(ampersand == std::string_view::npos ? rest.size() : ampersand + 1);
  const std::size_t equals = header.find('=');
  if (equals == std::string_view::npos) return {header, {}, false};
  return {header.substr(0, equals), header.substr(equals + 1), true};
}

// Whether every header of `a` stands in `b`, as often.
bool headers_match(std::string_view a, std::string_view b) noexcept {
  for (std::string_view rest = a; !rest.empty();) {
    const Param header = next_header(rest);
    int balance = 0;
    for (const auto& [side, step] : {std::pair{a, 1}, std::pair{b, -1}}) {
      for (std::string_view others = side; !others.empty();) {
        const Param other = next_header(others);
        if (same(header.name, other.name, Case::ignored) &&
            same(header.value, other.value, Case::ignored)) {
          balance += step;
        }
      }
    }
    if (balance != 0) return false;
  }
  return true;
}

// Visual separators are no part of a number (RFC 3966 section 4).
bool same_number(std::string_view a, std::string_view b) noexcept {
  constexpr std::string_view separators = "-.()";
  std::size_t i = 0;
  std::size_t j = 0;
  for (;;) {
    while (i < a.size() && contains(separators, a[i])) ++i;
    while (j < b.size() && contains(separators, b[j])) ++j;
    if (i == a.size() || j == b.size()) return i == a.size() && j == b.size();
    if (lower(static_cast<unsigned char>(a[i++])) != lower(static_cast<unsigned char>(b[j++]))) {
      return false;
    }
  }
}

// RFC 3966 section 4: all parameters must match, in any order; phone-context is a number or a domain.
bool tel_params_match(const Params& a, const Params& b) noexcept {
  for (const Param& param : a) {
    const auto other = find_param(b, param.name);
    if (!other || !(same(param.value, *other, Case::ignored) ||
                    (iequals(param.name, "phone-context") && same_number(param.value, *other)))) {
      return false;
    }
  }
  return true;
}

// Comparing lists costs the product of their lengths: beyond any that is in use, URIs must be equal
// byte for byte.
constexpr std::size_t kComparable = 64;

bool comparable(const Uri& uri) noexcept {
  std::size_t count = 0;
  for (const char c : uri.params.text()) count += c == ';' ? 1 : 0;
  for (const char c : uri.headers) count += c == '&' ? 1 : 0;
  return count <= kComparable;
}

void append_unescaped(std::string& out, std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    out.push_back(static_cast<char>(next_char(text, i) & 0xffU));
  }
}

}  // namespace

expected<Uri, ParseError> Uri::parse(std::string_view text) noexcept {
  Uri uri;
  const char* const end = text.data() + text.size();
  scan::Scan s{text.data(), end, end};
  const ParseErrc code = scan::scanners().uri(s, uri);
  if (code == ParseErrc::ok) return uri;
  const auto offset = static_cast<std::uint32_t>(s.at - text.data());
  return unexpected<ParseError>(ParseError{code, HeaderId::other, offset});
}

std::optional<Transport> Uri::transport() const noexcept {
  Transport transport = Transport::udp;
  if (known.transport.data() == nullptr || !transport_from(known.transport, transport)) {
    return std::nullopt;
  }
  // RFC 3261 section 26.2.2 and RFC 7118 section 5.2: sips goes over TLS.
  if (scheme == UriScheme::sips && transport == Transport::tcp) return Transport::tls;
  if (scheme == UriScheme::sips && transport == Transport::ws) return Transport::wss;
  return transport;
}

bool equal(const Uri& a, const Uri& b) noexcept {
  if (a.text == b.text) return true;
  if (a.scheme != b.scheme || !comparable(a) || !comparable(b)) return false;
  if (a.scheme == UriScheme::tel) {
    return same_number(a.user, b.user) && tel_params_match(a.params, b.params) &&
           tel_params_match(b.params, a.params);
  }
  if (!a.is_sip()) return false;
  if (a.has_user != b.has_user || a.password.has_value() != b.password.has_value()) return false;
  return same(a.user, b.user, Case::matters) &&
         same(a.password.value_or(""), b.password.value_or(""), Case::matters) &&
         same_host(a.host, b.host) && a.port == b.port && params_match(a.params, b.params) &&
         params_match(b.params, a.params) && headers_match(a.headers, b.headers) &&
         headers_match(b.headers, a.headers);
}

std::string canonical_aor(const Uri& uri) {
  std::string out;
  for (const char c : uri.scheme_name) {
    out.push_back(static_cast<char>(lower(static_cast<unsigned char>(c))));
  }
  out.push_back(':');
  if (uri.scheme == UriScheme::tel) {
    for (const char c : uri.user) {
      if (!contains("-.()", c)) out.push_back(c);
    }
    return out;
  }
  if (!uri.is_sip()) {
    out.append(uri.text.substr(uri.scheme_name.size() + 1));
    return out;
  }
  if (uri.has_user) {
    append_unescaped(out, uri.user);
    out.push_back('@');
  }
  for (const char c : uri.host) {
    out.push_back(static_cast<char>(lower(static_cast<unsigned char>(c))));
  }
  if (uri.port) {
    out.push_back(':');
    out.append(std::to_string(*uri.port));
  }
  return out;
}

std::string unescape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  append_unescaped(out, text);
  return out;
}

std::string escape_user(std::string_view text) {
  constexpr char digits[] = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const bool alphanumeric =
        (c >= '0' && c <= '9') || (lower(static_cast<unsigned char>(c)) >= 'a' &&
                                   lower(static_cast<unsigned char>(c)) <= 'z');
    if (alphanumeric || contains("-_.!~*'()&=+$,;?/", c)) {
      out.push_back(c);
    } else {
      out.push_back('%');
      out.push_back(digits[static_cast<unsigned char>(c) >> 4U]);
      out.push_back(digits[static_cast<unsigned char>(c) & 0xfU]);
    }
  }
  return out;
}

}  // namespace sipstack
