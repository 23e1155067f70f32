// SPDX-License-Identifier: Apache-2.0
// What the grammars share beside rules: one scanner for each value type, that counts parameters too,
// and the byte scans that no state machine need do.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

#include "parser/chars.hpp"
#include "sipstack/parser/values.hpp"

namespace sipstack::scan {

/// Which forms of an address a header takes.
enum class Address : std::uint8_t { any, or_star, in_brackets, maybe_without_scheme };

// As parse_value(); `params` becomes the largest number of parameters (or URI header fields) that one
// list in the value has, for ParseLimits::params.
ParseErrc via(const char*& cursor, const char* end, Via& out, unsigned& params) noexcept;
ParseErrc name_addr(const char*& cursor, const char* end, NameAddr& out, Address form,
                    unsigned& params) noexcept;
ParseErrc cseq(const char*& cursor, const char* end, CSeq& out) noexcept;
ParseErrc media_type(const char*& cursor, const char* end, MediaType& out,
                     unsigned& params) noexcept;
ParseErrc token_value(const char*& cursor, const char* end, TokenValue& out,
                      unsigned& params) noexcept;
ParseErrc number_value(const char*& cursor, const char* end, NumberValue& out,
                       unsigned& params) noexcept;
ParseErrc call_id_value(const char*& cursor, const char* end, CallIdValue& out,
                        unsigned& params) noexcept;
/// Exactly [cursor, end) is the URI.
ParseErrc uri(const char*& cursor, const char* end, Uri& out, unsigned& params) noexcept;

/// user@host alone; scheme `other`, its name empty.
ParseErrc uri_without_scheme(const char*& cursor, const char* end, Uri& out,
                             unsigned& params) noexcept;

/// Whether the host is one beyond its characters: labels of at most 63 (RFC 1035 section 2.3.4), an
/// address in the brackets.
bool host_fits(std::string_view host) noexcept;

/// How many header fields a URI brings, for ParseLimits::uri_headers.
inline unsigned uri_headers(const Uri& uri) noexcept {
  unsigned count = uri.headers.empty() ? 0 : 1;
  for (const char c : uri.headers) count += c == '&' ? 1 : 0;
  return count;
}

/// 1 to 65535; out_of_range for anything else. `digits` are digits.
ParseErrc port(std::string_view digits, std::optional<std::uint16_t>& out) noexcept;

/// Digits to a number not above `max`; false beyond. Never overflows.
inline bool number(std::string_view digits, std::uint32_t max, std::uint32_t& out) noexcept {
  std::uint64_t value = 0;
  for (const char c : digits) {
    value = value * 10 + static_cast<unsigned>(c - '0');
    if (value > max) return false;
  }
  out = static_cast<std::uint32_t>(value);
  return true;
}

inline std::string_view text(const char* begin, const char* end) noexcept {
  return begin == nullptr ? std::string_view{}
                          : std::string_view{begin, static_cast<std::size_t>(end - begin)};
}

inline const char* skip_white(const char* p, const char* end) noexcept {
  while (p != end && is_white(*p)) ++p;
  return p;
}

inline const char* trim_white(const char* begin, const char* end) noexcept {
  while (end != begin && is_white(end[-1])) --end;
  return end;
}

/// The first byte below 0x20 or equal to 0x7f, or `end`. Eight bytes at a time.
inline const char* find_control(const char* p, const char* end) noexcept {
  constexpr std::uint64_t ones = ~std::uint64_t{0} / 255;
  constexpr std::uint64_t high = ones * 0x80;
  while (end - p >= 8) {
    std::uint64_t eight;
    std::memcpy(&eight, p, 8);
    const std::uint64_t low = (eight - ones * 0x20) & ~eight;
    const std::uint64_t del = eight ^ (ones * 0x7f);
    if (((low | ((del - ones) & ~del)) & high) != 0) break;
    p += 8;
  }
  while (p != end && static_cast<unsigned char>(*p) >= 0x20 && *p != 0x7f) ++p;
  return p;
}

}  // namespace sipstack::scan
