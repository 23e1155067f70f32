// SPDX-License-Identifier: Apache-2.0
// The typed values beyond their grammars: accessors, and text in and out of quotes.
#include "sipstack/parser/values.hpp"

#include "parser/scan.hpp"

namespace sipstack {

std::string_view Via::received() const noexcept {
  std::string_view value = known.received;
  if (value.size() >= 2 && value.front() == '[' && value.back() == ']') {
    value.remove_prefix(1);
    value.remove_suffix(1);
  }
  return value;
}

std::string_view Via::sent_by() const noexcept {
  if (host.empty() || text.empty()) return {};
  const char* const stop = params.empty() ? text.data() + text.size() : params.text().data();
  return scan::text(host.data(), scan::trim_white(host.data(), stop));
}

// qvalue  =  ( "0" [ "." 0*3DIGIT ] ) / ( "1" [ "." 0*3("0") ] )
int quality(std::string_view value) noexcept {
  if (value.empty() || value.size() > 5 || (value[0] != '0' && value[0] != '1')) return 1000;
  if (value.size() > 1 && value[1] != '.') return 1000;
  int thousandths = (value[0] - '0') * 1000;
  int weight = 100;
  for (std::size_t i = 2; i < value.size(); ++i, weight /= 10) {
    if (value[i] < '0' || value[i] > '9') return 1000;
    thousandths += (value[i] - '0') * weight;
  }
  return thousandths > 1000 ? 1000 : thousandths;
}

std::optional<std::uint32_t> NameAddr::expires() const noexcept {
  const std::string_view value = known.expires;
  if (value.empty()) return std::nullopt;
  for (const char c : value) {
    if (c < '0' || c > '9') return std::nullopt;
  }
  std::uint32_t seconds = 0;
  return scan::number(value, 0xffffffff, seconds) ? seconds : 0xffffffff;
}

ParseErrc parse_number(const char*& cursor, const char* end, NumberValue& out) noexcept {
  out = NumberValue{};
  const char* const first = scan::skip_white(cursor, end);
  const char* p = first;
  while (p != end && *p >= '0' && *p <= '9') ++p;
  const char* const digits_end = p;
  p = scan::skip_white(p, end);
  cursor = p;
  if (digits_end == first || p != end) return ParseErrc::bad_header;
  if (scan::number(scan::text(first, digits_end), 0xffffffff, out.number)) return ParseErrc::ok;
  cursor = first;
  return ParseErrc::out_of_range;
}

ParseErrc parse_value(const char*& cursor, const char* end, TextValue& out) noexcept {
  const char* const first = scan::skip_white(cursor, end);
  out.text = scan::text(first, scan::trim_white(first, end));
  cursor = end;
  return ParseErrc::ok;
}

std::string unquote(std::string_view text) {
  if (text.size() < 2 || text.front() != '"' || text.back() != '"') return std::string(text);
  text.remove_prefix(1);
  text.remove_suffix(1);
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) ++i;
    out.push_back(text[i]);
  }
  return out;
}

std::string quote(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 2);
  out.push_back('"');
  for (const char c : text) {
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  out.push_back('"');
  return out;
}

std::string unfold(std::string_view raw) {
  const char* p = scan::skip_white(raw.data(), raw.data() + raw.size());
  const char* const end = scan::trim_white(p, raw.data() + raw.size());
  std::string out;
  out.reserve(static_cast<std::size_t>(end - p));
  while (p != end) {
    if (*p != '\r' && *p != '\n') {
      out.push_back(*p++);
      continue;
    }
    // A fold is all the white space around its CRLF: one SP (RFC 3261 section 7.3.1).
    while (!out.empty() && is_white(out.back())) out.pop_back();
    out.push_back(' ');
    p = scan::skip_white(p, end);
  }
  return out;
}

}  // namespace sipstack
