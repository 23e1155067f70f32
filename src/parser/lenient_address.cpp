// SPDX-License-Identifier: Apache-2.0
// Addresses and Vias beyond their grammars. RFC 4475 section 3.1.2 says of most what may be inferred.
#include <algorithm>
#include <array>

#include "parser/chars.hpp"
#include "parser/lenient.hpp"
#include "sipstack/base/address.hpp"

namespace sipstack {
namespace lenient {
namespace {

bool is_alnum(char c) noexcept {
  return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

bool is_one_of(char c, std::string_view set) noexcept {
  return set.find(c) != std::string_view::npos;
}

bool is_escape(const char* p, const char* end) noexcept {
  const auto hex = [](char c) {
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
  };
  return end - p >= 3 && hex(p[1]) && hex(p[2]);
}

bool is_host_name(std::string_view name) noexcept {
  if (!name.empty() && name.back() == '.') name.remove_suffix(1);
  char before = '.';
  for (const char c : name) {
    const bool inner = c == '.' || c == '-';
    if (inner ? before == '.' || (c == '.' && before == '-') : !is_alnum(c) && c != '_') {
      return false;
    }
    before = c;
  }
  return !name.empty() && before != '-';
}

// [address%zone]: RFC 6874 writes %25, devices write % (RFC 4007 section 11.2).
bool is_scoped(std::string_view host, std::size_t& percent) noexcept {
  percent = host.find('%');
  if (percent == std::string_view::npos) return false;
  std::array<char, 64> address{};
  const std::string_view zone = host.substr(percent + 1, host.size() - percent - 2);
  const bool named = !zone.empty() && std::all_of(zone.begin(), zone.end(), [](char c) {
    return is_alnum(c) || is_one_of(c, "-._~");
  });
  if (!named || percent + 1 > address.size()) return false;
  std::copy_n(host.data(), percent, address.data());
  address[percent] = ']';
  return IpAddress::parse({address.data(), percent + 1}).has_value();
}

// One URI parameter or the header part: visible bytes up to one of `stops`.
const char* odd_run(const char* p, const char* end, std::string_view stops,
                    std::string_view allowed, Repair rule, Notes& notes) noexcept {
  bool told = false;
  for (; p != end && is_visible(*p) && !is_one_of(*p, stops); ++p) {
    const bool fits = *p == '%' ? is_escape(p, end) : is_alnum(*p) || is_one_of(*p, allowed);
    if (!fits && !told) notes.tell(rule, p);
    told = told || !fits;
  }
  return p;
}

constexpr std::string_view kMark = "-_.!~*'()";
constexpr std::string_view kUriParam = "-_.!~*'()[]/:&+$=";
constexpr std::string_view kUriHeader = "-_.!~*'()[]/?:+$=&";

// As the scanners note parameters: null where there is none.
bool note_first(std::string_view& slot, std::string_view name, const Param& param) noexcept {
  if (!iequals(param.name, name) || slot.data() != nullptr) return false;
  slot = param.value.empty() ? std::string_view(param.name.data() + param.name.size(), 0)
                             : param.value;
  return true;
}

ParseErrc user_info(const char* p, const char* at, Uri& out, const char*& cursor,
                    Notes& notes) noexcept {
  const char* const first = p;
  const char* password = nullptr;
  bool told = false;
  for (; p != at; ++p) {
    cursor = p;
    if (!is_visible(*p) || is_one_of(*p, "<>\"")) return ParseErrc::bad_uri;
    // A lone "%" may be anything: escaping it for the sender would be a guess.
    if (*p == '%' && !is_escape(p, at)) return ParseErrc::bad_uri;
    if (*p == ':' && password == nullptr) {
      password = p + 1;
    } else if (*p != '%' && !is_alnum(*p) && !is_one_of(*p, kMark) && !is_one_of(*p, "&=+$,;?/") &&
               !told) {
      notes.tell(Repair::unescaped_user, p);
      told = true;
    }
  }
  out.user = scan::text(first, password == nullptr ? at : password - 1);
  if (password != nullptr) out.password = scan::text(password, at);
  out.has_user = true;
  cursor = first;
  return out.user.empty() ? ParseErrc::bad_uri : ParseErrc::ok;
}

}  // namespace

ParseErrc host_port(const char*& p, const char* end, std::string_view& host,
                    std::optional<std::uint16_t>& port, bool may_be_empty, Notes& notes) noexcept {
  const char* const first = p;
  if (p != end && *p == '[') {
    while (p != end && *p != ']') ++p;
    if (p == end) {
      p = first;
      return ParseErrc::unterminated;
    }
    ++p;
  } else {
    while (p != end && !is_white(*p) && !is_one_of(*p, ":;?,")) ++p;
  }
  host = scan::text(first, p);
  std::size_t percent = 0;
  if (host.empty()) {
    if (!may_be_empty) return ParseErrc::bad_uri;
    notes.tell(Repair::empty_host, first);
  } else if (host.front() == '[' && is_scoped(host, percent)) {
    notes.tell(Repair::scope_id, first + percent);
  } else if (!scan::host_fits(host) || (host.front() != '[' && !is_host_name(host))) {
    p = first;
    return ParseErrc::bad_uri;
  }
  const char* const colon = scan::skip_white(p, end);
  if (colon == end || *colon != ':') return ParseErrc::ok;
  const char* const digits = p = scan::skip_white(colon + 1, end);
  while (p != end && *p >= '0' && *p <= '9') ++p;
  if (p == digits) {
    if (p != end && !is_white(*p) && !is_one_of(*p, ";?,")) return ParseErrc::bad_uri;
    notes.tell(Repair::empty_port, colon);
    return ParseErrc::ok;
  }
  const ParseErrc code = scan::port(scan::text(digits, p), port);
  if (code != ParseErrc::ok) p = digits;
  return code;
}

ParseErrc uri(const char*& cursor, const char* end, Uri& out, bool host_optional,
              Notes& notes) noexcept {
  const char* const begin = cursor;
  scan::Scan s{begin, end, end};
  const ParseErrc strict = scan::scanners().uri(s, out);
  cursor = s.at;
  if (strict == ParseErrc::ok) return strict;
  const std::string_view whole = scan::text(begin, end);
  const std::string_view scheme = whole.substr(0, whole.find(':'));
  const bool sips = iequals(scheme, "sips");
  if (scheme.size() == whole.size() || (!sips && !iequals(scheme, "sip"))) return strict;

  out = Uri{};
  out.text = whole;
  out.scheme = sips ? UriScheme::sips : UriScheme::sip;
  out.scheme_name = scheme;
  const char* p = begin + scheme.size() + 1;
  // As the grammar has it: whatever stands before the first "@" is the user's.
  const char* const at = std::find(p, end, '@');
  if (at != end) {
    const ParseErrc code = user_info(p, at, out, cursor, notes);
    if (code != ParseErrc::ok) return code;
    p = at + 1;
  }
  const ParseErrc code =
      host_port(p, end, out.host, out.port, host_optional && out.has_user, notes);
  cursor = p;
  if (code != ParseErrc::ok) return code;
  const char* const list = p;
  while (p != end && *p == ';') {
    const char* const semicolon = p++;
    if (p == end || is_one_of(*p, ";?")) {
      notes.tell(Repair::empty_parameter, semicolon);
      continue;
    }
    p = odd_run(p, end, ";?<>\"", kUriParam, Repair::unescaped_uri_parameter, notes);
  }
  out.params = Params(scan::text(list, p));
  for (const Param& param : out.params) {
    note_first(out.known.lr, "lr", param);
    note_first(out.known.transport, "transport", param);
  }
  if (p != end && *p == '?') {
    const char* const headers = p + 1;
    p = odd_run(headers, end, "<>\"", kUriHeader, Repair::unescaped_uri_parameter, notes);
    out.headers = scan::text(headers, p);
  }
  cursor = p;
  return p == end ? ParseErrc::ok : ParseErrc::bad_uri;
}

ParseErrc params(const char*& p, const char* end, bool list, Params& out, Notes& notes) noexcept {
  const char* first = nullptr;
  const char* stop = p;
  const auto ends = [&](const char* q) { return q == end || (list && *q == ','); };
  for (p = scan::skip_white(p, end); !ends(p); p = scan::skip_white(p, end)) {
    if (!list && *p == ',') {
      // A comma behind the only value.
      const char* const rest = detail::skip_empty_values(p, end, notes);
      if (rest == end) {
        p = end;
        break;
      }
      return ParseErrc::trailing_bytes;
    }
    if (*p != ';') return ParseErrc::bad_header;
    const char* const semicolon = p;
    if (first == nullptr) first = p;
    p = scan::skip_white(p + 1, end);
    if (ends(p) || *p == ';' || *p == ',') {
      notes.tell(Repair::empty_parameter, semicolon);
      continue;
    }
    const char* const name = p;
    while (p != end && is_token_char(*p)) ++p;
    if (p == name) return ParseErrc::bad_header;
    stop = p;
    const char* const equals = scan::skip_white(p, end);
    if (equals == end || *equals != '=') continue;
    p = scan::skip_white(equals + 1, end);
    if (ends(p) || *p == ';' || *p == ',') {
      notes.tell(Repair::empty_parameter_value, equals);
      stop = equals + 1;
      continue;
    }
    const char* const value = p;
    if (*p == '"') {
      for (++p; p != end && *p != '"'; ++p) {
        if (*p == '\\' && p + 1 != end) ++p;
      }
      if (p == end) return ParseErrc::unterminated;
      stop = ++p;
      continue;
    }
    bool odd = *p == '/' || *p == '=';
    for (; p != end && is_visible(*p) && *p != ';' && *p != ','; ++p) {
      if (*p == '"') return ParseErrc::bad_header;
      odd = odd || !(is_token_char(*p) || is_one_of(*p, "[]:/="));
    }
    if (odd) notes.tell(Repair::odd_parameter_value, value);
    stop = p;
  }
  if (first != nullptr) out = Params(scan::text(first, std::max(stop, first + 1)));
  return ParseErrc::ok;
}

}  // namespace lenient

namespace {

using lenient::is_visible;

// Loose routing hangs on ";lr": without brackets it is the URI's all the same.
bool is_route(HeaderId id) noexcept {
  return id == HeaderId::route || id == HeaderId::record_route || id == HeaderId::path ||
         id == HeaderId::service_route;
}

bool wants_brackets(HeaderId id) noexcept {
  switch (id) {
    case HeaderId::alert_info:
    case HeaderId::call_info:
    case HeaderId::diversion:
    case HeaderId::error_info:
    case HeaderId::geolocation:
    case HeaderId::history_info:
    case HeaderId::identity_info: return true;
    default: return is_route(id);
  }
}

bool is_tokens(std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return is_white(c) || is_token_char(c); });
}

// "<" of a name-addr, behind its display name; null where there is none before the value ends.
const char* find_bracket(const char* first, const char* end, bool list) noexcept {
  if (first != end && *first == '"') {
    const char* p = first + 1;
    for (; p != end && *p != '"'; ++p) {
      if (*p == '\\' && p + 1 != end) ++p;
    }
    if (p != end) p = scan::skip_white(p + 1, end);
    return p != end && *p == '<' ? p : nullptr;
  }
  for (const char* p = first; p != end && *p != '"'; ++p) {
    if (*p == '<') return p;
    // What looks like a URI is none's display name; nor is a display name with a list's comma one.
    if (*p == ':' || *p == ';' || (list && *p == ',')) return nullptr;
  }
  return nullptr;
}

}  // namespace

ParseErrc detail::reread(HeaderId id, const char*& cursor, const char* end, NameAddr& out,
                         Notes& notes) noexcept {
  const bool list = rule(id) == HeaderRule::list;
  const char* const first = scan::skip_white(cursor, end);
  const char* p = first;
  out = NameAddr{};
  cursor = first;
  if (first == end) return ParseErrc::bad_header;
  const char* const bracket = find_bracket(first, end, list);
  if (bracket != nullptr) {
    const char* const close = std::find(bracket, end, '>');
    cursor = bracket;
    if (close == end) return ParseErrc::unterminated;
    out.display = scan::text(first, scan::trim_white(first, bracket));
    if (!out.display.empty() && out.display.front() != '"' && !is_tokens(out.display)) {
      notes.tell(Repair::unquoted_display_name, first);
    }
    cursor = scan::skip_white(bracket + 1, close);
    const char* const stop = scan::trim_white(cursor, close);
    if (cursor != bracket + 1 || stop != close) {
      notes.tell(Repair::space_in_brackets, cursor != bracket + 1 ? bracket + 1 : stop);
    }
    const ParseErrc code = lenient::uri(cursor, stop, out.uri, true, notes);
    if (code != ParseErrc::ok) return code;
    p = close + 1;
  } else if (id == HeaderId::contact && *first == '*') {
    out.wildcard = true;
    ++p;
  } else {
    if (*first == '"') return ParseErrc::bad_header;
    while (p != end && is_visible(*p) && *p != ',') ++p;
    const char* const question = std::find(first, p, '?');
    if (question != p || wants_brackets(id)) notes.tell(Repair::missing_brackets, first);
    if (!is_route(id)) p = std::find(question != p ? question : first, p, ';');
    const ParseErrc code = lenient::uri(cursor, p, out.uri, true, notes);
    if (code != ParseErrc::ok) return code;
  }
  cursor = p;
  const ParseErrc code = lenient::params(cursor, end, list, out.params, notes);
  out.text = scan::text(first, scan::trim_white(first, cursor));
  for (const Param& param : out.params) {
    if (lenient::note_first(out.known.tag, "tag", param)) continue;
    if (out.known.again == nullptr && iequals(param.name, "tag")) {
      out.known.again = param.name.data();
    }
    lenient::note_first(out.known.q, "q", param);
    lenient::note_first(out.known.expires, "expires", param);
  }
  return code;
}

ParseErrc detail::reread(HeaderId, const char*& cursor, const char* end, Via& out,
                         Notes& notes) noexcept {
  const char* p = scan::skip_white(cursor, end);
  const char* const first = p;
  out = Via{};
  std::array<std::string_view, 3> protocol;
  for (std::size_t i = 0; i < protocol.size(); ++i) {
    if (i != 0) {
      cursor = p = scan::skip_white(p, end);
      if (p == end || *p != '/') return ParseErrc::bad_header;
      p = scan::skip_white(p + 1, end);
    }
    const char* const token = p;
    while (p != end && is_token_char(*p)) ++p;
    protocol[i] = scan::text(token, p);
    cursor = p;
    if (protocol[i].empty()) return ParseErrc::bad_header;
  }
  out.version = protocol[1];
  out.transport = protocol[2];
  if (p == end || !is_white(*p)) return ParseErrc::bad_header;
  cursor = scan::skip_white(p, end);
  const ParseErrc host = lenient::host_port(cursor, end, out.host, out.port, false, notes);
  if (host != ParseErrc::ok) return host == ParseErrc::bad_uri ? ParseErrc::bad_header : host;
  const ParseErrc code = lenient::params(cursor, end, true, out.params, notes);
  out.text = scan::text(first, scan::trim_white(first, cursor));
  for (const Param& param : out.params) {
    if (lenient::note_first(out.known.branch, "branch", param)) continue;
    if (out.known.again == nullptr && iequals(param.name, "branch")) {
      out.known.again = param.name.data();
    }
    lenient::note_first(out.known.received, "received", param);
    lenient::note_first(out.known.rport, "rport", param);
  }
  return code;
}

}  // namespace sipstack
