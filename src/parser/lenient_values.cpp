// SPDX-License-Identifier: Apache-2.0
// Numbers, tokens, credentials, dates and Call-IDs beyond their grammars, and the names of the rules.
#include <algorithm>
#include <array>

#include "parser/chars.hpp"
#include "parser/lenient.hpp"

namespace sipstack {
namespace {

using lenient::is_visible;

struct Row {
  std::string_view name;
  std::string_view text;
  std::string_view rfc;
};

constexpr Row kRows[] = {
#define SIPSTACK_X(id, name, text) {name, text, {}},
    SIPSTACK_REPAIRS(SIPSTACK_X)
#undef SIPSTACK_X
#define SIPSTACK_X(id, name, text, rfc) {name, text, rfc},
        SIPSTACK_BODY_REPAIRS(SIPSTACK_X)
#undef SIPSTACK_X
};

bool is_list(HeaderId id) noexcept { return rule(id) == HeaderRule::list; }

std::string_view token(const char*& p, const char* end) noexcept {
  const char* const first = p;
  while (p != end && is_token_char(*p)) ++p;
  return scan::text(first, p);
}

std::string_view digits(const char*& p, const char* end) noexcept {
  const char* const first = p;
  while (p != end && *p >= '0' && *p <= '9') ++p;
  return scan::text(first, p);
}

}  // namespace

std::string_view to_string(Repair rule) noexcept {
  return kRows[static_cast<std::size_t>(rule)].name;
}

std::string_view assumption(Repair rule) noexcept {
  return kRows[static_cast<std::size_t>(rule)].text;
}

std::string_view rfc(Repair rule) noexcept { return kRows[static_cast<std::size_t>(rule)].rfc; }

namespace detail {

const char* skip_empty_values(const char* p, const char* end, Notes& notes) noexcept {
  for (; p != end && (is_white(*p) || *p == ','); ++p) {
    if (*p == ',') notes.tell(Repair::empty_value, p);
  }
  return p;
}

ParseErrc reread(HeaderId, const char*& cursor, const char* end, CSeq& out, Notes& notes) noexcept {
  const char* p = scan::skip_white(cursor, end);
  out = CSeq{};
  const std::string_view number = digits(p, end);
  const char* const method = scan::skip_white(p, end);
  cursor = method;
  if (number.empty() || method == end) return ParseErrc::bad_header;
  if (method == p) notes.tell(Repair::missing_space, p);
  out.method_name = token(cursor, end);
  out.method = method_from(out.method_name);
  if (out.method_name.empty() || scan::skip_white(cursor, end) != end) return ParseErrc::bad_header;
  cursor = end;
  if (scan::number(number, 0x7fffffff, out.number)) return ParseErrc::ok;
  cursor = number.data();
  return ParseErrc::out_of_range;
}

ParseErrc reread(HeaderId id, const char*& cursor, const char* end, NumberValue& out,
                 Notes& notes) noexcept {
  cursor = scan::skip_white(cursor, end);
  out = NumberValue{};
  const std::string_view number = digits(cursor, end);
  // A message could end in two places.
  if (number.empty() || id == HeaderId::content_length) return ParseErrc::bad_header;
  // These are compared with another message's: no other number will do.
  if (!scan::number(number, 0xffffffff, out.number)) {
    if (id == HeaderId::rseq) {
      cursor = number.data();
      return ParseErrc::out_of_range;
    }
    out.number = 0xffffffff;
    notes.tell(Repair::clamped_number, number.data());
  }
  const char* const tail = scan::skip_white(cursor, end);
  cursor = tail;
  Notes silent;
  if (tail != end && *tail == ';' &&
      lenient::params(cursor, end, false, out.params, silent) == ParseErrc::ok) {
    cursor = tail;
    return lenient::params(cursor, end, false, out.params, notes);
  }
  if (tail != end) notes.tell(Repair::ignored_tail, tail);
  out.params = Params{};
  cursor = end;
  return ParseErrc::ok;
}

ParseErrc reread(HeaderId id, const char*& cursor, const char* end, TokenValue& out,
                 Notes& notes) noexcept {
  cursor = scan::skip_white(cursor, end);
  out = TokenValue{};
  out.token = token(cursor, end);
  const bool features = id == HeaderId::accept_contact || id == HeaderId::reject_contact ||
                        id == HeaderId::feature_caps;
  if (out.token.empty() || (features && out.token != "*")) return ParseErrc::bad_header;
  return lenient::params(cursor, end, is_list(id), out.params, notes);
}

ParseErrc reread(HeaderId id, const char*& cursor, const char* end, MediaType& out,
                 Notes& notes) noexcept {
  cursor = scan::skip_white(cursor, end);
  out = MediaType{};
  out.type = token(cursor, end);
  cursor = scan::skip_white(cursor, end);
  if (out.type.empty() || cursor == end || *cursor != '/') return ParseErrc::bad_header;
  cursor = scan::skip_white(cursor + 1, end);
  out.subtype = token(cursor, end);
  if (out.subtype.empty()) return ParseErrc::bad_header;
  return lenient::params(cursor, end, is_list(id), out.params, notes);
}

ParseErrc reread(HeaderId id, const char*& cursor, const char* end, CallIdValue& out,
                 Notes& notes) noexcept {
  cursor = scan::skip_white(cursor, end);
  const char* const first = cursor;
  while (cursor != end && is_visible(*cursor) && *cursor != ';' && *cursor != ',') ++cursor;
  out = CallIdValue{};
  out.call_id = scan::text(first, cursor);
  if (out.call_id.empty()) return ParseErrc::bad_header;
  TextValue strict;
  const char* again = first;
  if (parse_call_id(again, cursor, strict) != ParseErrc::ok) {
    notes.tell(Repair::odd_call_id, first);
  }
  return lenient::params(cursor, end, is_list(id), out.params, notes);
}

ParseErrc reread(HeaderId id, const char*& cursor, const char* end, TextValue& out,
                 Notes& notes) noexcept {
  const char* const first = scan::skip_white(cursor, end);
  const char* const strict = cursor;
  cursor = first;
  while (cursor != end && is_visible(*cursor)) ++cursor;
  out.text = scan::text(first, cursor);
  // One run of visible bytes: no other reading of a Call-ID is possible.
  const bool one = !out.text.empty() && scan::skip_white(cursor, end) == end;
  if (id != HeaderId::call_id || !one) {
    if (id != HeaderId::call_id) cursor = strict;
    return ParseErrc::bad_header;
  }
  notes.tell(Repair::odd_call_id, first);
  cursor = end;
  return ParseErrc::ok;
}

// Elements of the list may be empty (RFC 7235 appendix C), as may values.
ParseErrc reread(HeaderId id, const char*& cursor, const char* end, AuthValue& out,
                 Notes& notes) noexcept {
  const char*& p = cursor;
  p = scan::skip_white(p, end);
  out = AuthValue{};
  if (id != HeaderId::authentication_info) {
    out.scheme = token(p, end);
    if (out.scheme.empty() || p == end || !is_white(*p)) return ParseErrc::bad_header;
  }
  const char* const first = p = skip_empty_values(p, end, notes);
  if (p == end) return ParseErrc::bad_header;
  while (p != end) {
    const std::string_view name = token(p, end);
    p = scan::skip_white(p, end);
    if (name.empty() || p == end || *p != '=') return ParseErrc::bad_header;
    const char* const equals = p;
    p = scan::skip_white(p + 1, end);
    if (p == end || *p == ',') {
      notes.tell(Repair::empty_parameter_value, equals);
    } else if (*p == '"') {
      for (++p; p != end && *p != '"'; ++p) {
        if (*p == '\\' && p + 1 != end) ++p;
      }
      if (p == end) return ParseErrc::unterminated;
      ++p;
    } else {
      const char* const value = p;
      bool odd = false;
      for (; p != end && is_visible(*p) && *p != ','; ++p) {
        if (*p == '"') return ParseErrc::bad_header;
        odd = odd || !(is_token_char(*p) ||
                       std::string_view(":;/?@&=$#(){}[]").find(*p) != std::string_view::npos);
      }
      if (odd || *value == '=') notes.tell(Repair::odd_parameter_value, value);
    }
    out.params = scan::text(first, p);
    p = scan::skip_white(p, end);
    if (p == end) break;
    if (*p != ',') return ParseErrc::bad_header;
    p = scan::skip_white(p + 1, end);
    if (p == end) notes.tell(Repair::empty_value, end - 1);
    p = skip_empty_values(p, end, notes);
  }
  return ParseErrc::ok;
}

// RFC 4475 section 3.1.2.12: "it could attempt to interpret this date and adjust it to GMT".
ParseErrc reread(HeaderId, const char*& cursor, const char* end, Date& out, Notes& notes) noexcept {
  struct Zone {
    std::string_view name;
    int offset;
  };
  // RFC 2822 section 4.3, and other names of GMT.
  static constexpr Zone kZones[] = {{"UT", 0},     {"UTC", 0},    {"UCT", 0},    {"Z", 0},
                                    {"GMT", 0},    {"EST", -300}, {"EDT", -240}, {"CST", -360},
                                    {"CDT", -300}, {"MST", -420}, {"MDT", -360}, {"PST", -480},
                                    {"PDT", -420}};
  const char* const first = scan::skip_white(cursor, end);
  const char* const stop = scan::trim_white(first, end);
  const char* zone = stop;
  while (zone != first && !is_white(zone[-1]) && zone[-1] != ':') --zone;
  // No zone at all: the seconds stand last.
  const bool none = zone == first || zone[-1] == ':';
  const char* const time_end = none ? stop : scan::trim_white(first, zone);
  std::array<char, 64> copy{};
  constexpr std::string_view gmt = " GMT";
  const auto length = static_cast<std::size_t>(time_end - first);
  cursor = first;
  if (length + gmt.size() > copy.size()) return ParseErrc::bad_header;
  std::copy_n(first, length, copy.data());
  std::copy_n(gmt.data(), gmt.size(), copy.data() + length);
  const char* at = copy.data();
  const ParseErrc code = parse_value(at, copy.data() + length + gmt.size(), out);
  out.text = scan::text(first, stop);
  cursor = first + std::min<std::ptrdiff_t>(at - copy.data(), stop - first);
  if (code != ParseErrc::ok) return code;
  const char* const told = none ? time_end : zone;
  notes.tell(Repair::date_form, told);
  out.utc_offset = std::nullopt;
  cursor = end;
  if (none) return ParseErrc::ok;
  const std::string_view name = scan::text(zone, stop);
  for (const Zone& known : kZones) {
    if (iequals(name, known.name)) out.utc_offset = known.offset;
  }
  std::uint32_t number = 0;
  if (name.size() == 5 && (name[0] == '+' || name[0] == '-') &&
      std::all_of(name.begin() + 1, name.end(), [](char c) { return c >= '0' && c <= '9'; }) &&
      scan::number(name.substr(1), 9999, number)) {
    const int minutes = static_cast<int>(number / 100 * 60 + number % 100);
    out.utc_offset = name[0] == '-' ? -minutes : minutes;
  }
  return ParseErrc::ok;
}

}  // namespace detail
}  // namespace sipstack
