// SPDX-License-Identifier: Apache-2.0
// What the grammars share beside rules: one scanner for each value type, and the byte scans that no
// state machine need do.
#pragma once

#include <cstdint>
#include <cstring>
#include <new>
#include <optional>
#include <string_view>

#include "parser/chars.hpp"
#include "sipstack/parser/message_index.hpp"
#include "sipstack/parser/values.hpp"

namespace sipstack::scan {

/// Which forms of an address a header takes.
enum class Address : std::uint8_t { any, or_star, in_brackets, maybe_without_scheme };

// The scanners come once for every instruction set (src/parser/isa); this is one such set of them. All
// give the same results (tests/parser/isa.cpp). A scanner reads one value at s.at, as parse_value().
struct Scanners {
  std::string_view name;
  ParseErrc (*via)(Scan& s, Via& out) noexcept;
  ParseErrc (*name_addr)(Scan& s, NameAddr& out, Address form) noexcept;
  ParseErrc (*cseq)(Scan& s, CSeq& out) noexcept;
  ParseErrc (*media_type)(Scan& s, MediaType& out) noexcept;
  ParseErrc (*token_value)(Scan& s, TokenValue& out) noexcept;
  ParseErrc (*number_value)(Scan& s, NumberValue& out) noexcept;
  ParseErrc (*call_id_value)(Scan& s, CallIdValue& out) noexcept;
  ParseErrc (*auth)(Scan& s, AuthValue& out, bool with_scheme) noexcept;
  ParseErrc (*uri)(Scan& s, Uri& out) noexcept;  ///< exactly [s.at, s.end)
  expected<void, ParseError> (*parse)(std::string_view bytes, MessageIndex& index,
                                      const ParseLimits& limits) noexcept;
  expected<void, ParseError> (*split)(std::string_view bytes, MessageIndex& index,
                                      const ParseLimits& limits) noexcept;
};

extern const Scanners kPlain;
// Null where this was not built for such a processor.
extern const Scanners* const kSse42;
extern const Scanners* const kAvx2;
extern const Scanners* const kNeon;

/// Whether this processor can run them.
bool runs_here(const Scanners& set) noexcept;

/// The best that this processor can run: `plain` until the initialisers of scan.cpp have run, then the
/// same for good.
extern const Scanners* active;
inline const Scanners& scanners() noexcept { return *active; }

/// Its bit in IndexHead::faults.
constexpr std::uint32_t fault(ParseErrc code) noexcept {
  return std::uint32_t{1} << static_cast<unsigned>(code);
}

/// Header fields of a URI, behind "?".
inline std::size_t count_headers(const Uri& uri) noexcept {
  std::size_t count = uri.headers.empty() ? 0 : 1;
  for (const char c : uri.headers) count += c == '&' ? 1 : 0;
  return count;
}

/// Whether the host is one beyond its characters: labels of at most 63 (RFC 1035 section 2.3.4), an
/// address in the brackets.
bool host_fits(std::string_view host) noexcept;

/// 1 to 65535; out_of_range for anything else. `digits` are digits.
ParseErrc port(std::string_view digits, std::optional<std::uint16_t>& out) noexcept;

/// Behind the comment's last ")", or null where it is not closed. Nested at most 8 deep; counted, since
/// a state machine can't.
const char* comment_end(const char* p, const char* end) noexcept;

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

/// Empties an optional that may never have been constructed: reset() would read it.
template <class T>
inline void unset(std::optional<T>& value) noexcept {
  ::new (static_cast<void*>(&value)) std::optional<T>();
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
