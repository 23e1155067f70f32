// SPDX-License-Identifier: Apache-2.0
// Sets of bytes, as a scanner of sixteen bytes at once looks them up. RFC 3261 section 25.1.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace sipstack::scan {

/// A set of ASCII characters, and maybe all bytes above. `rows` is indexed by the low four bits; bit h of
/// an entry tells whether the character whose high bits are h belongs to the set. One shuffle by each
/// half of a byte thus answers for every set there is.
struct CharClass {
  alignas(16) std::array<std::uint8_t, 16> rows{};
  bool above = false;  ///< 0x80 to 0xff

  constexpr bool has(char c) const noexcept {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x80) return above;
    return ((rows[byte & 15U] >> (byte >> 4U)) & 1U) != 0;
  }
  constexpr void add(unsigned byte) noexcept {
    rows[byte & 15U] = static_cast<std::uint8_t>(rows[byte & 15U] | (1U << (byte >> 4U)));
  }
};

constexpr CharClass operator+(CharClass set, std::string_view more) noexcept {
  for (const char c : more) set.add(static_cast<unsigned char>(c));
  return set;
}
constexpr CharClass operator-(CharClass set, std::string_view less) noexcept {
  CharClass out = set;
  for (auto& row : out.rows) row = 0;
  for (unsigned byte = 0; byte < 0x80; ++byte) {
    const char c = static_cast<char>(byte);
    if (set.has(c) && less.find(c) == std::string_view::npos) out.add(byte);
  }
  return out;
}
constexpr CharClass range(unsigned first, unsigned last, bool above = false) noexcept {
  CharClass set;
  set.above = above;
  for (unsigned byte = first; byte <= last; ++byte) set.add(byte);
  return set;
}

inline constexpr CharClass kDigit = CharClass{} + "0123456789";
inline constexpr CharClass kAlnum = kDigit + "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
// The runs that grammars step over; each is the class of that name in grammar.rl or uri.rl.
inline constexpr CharClass kToken = kAlnum + "-.!%*_+`'~";
inline constexpr CharClass kWord = kToken + "()<>:\\\"/[]?{}";
inline constexpr CharClass kGenValue = kToken + "[]:/=";
inline constexpr CharClass kQuoted = range(0x20, 0x7e, true) - "\"\\" + "\t";
inline constexpr CharClass kHostName = kAlnum + "-._";
inline constexpr CharClass kUnreserved = kAlnum + "-_.!~*'()";
inline constexpr CharClass kUser = kUnreserved + "&=+$,;?/";
inline constexpr CharClass kUriParam = kUnreserved + "[]/:&+$";
inline constexpr CharClass kAddrSpec = range(0x21, 0x7e) - ";,?<>\"";
inline constexpr CharClass kUriText = range(0x21, 0x7e, true);
inline constexpr CharClass kReason = range(0x20, 0x7e, true) + "\t";
inline constexpr CharClass kAuthValue = kToken + ":;/?@&=$#(){}[]";
inline constexpr CharClass kNotAt = range(0x00, 0x7f, true) - "@";
inline constexpr CharClass kNotClose = range(0x00, 0x7f, true) - ">";

}  // namespace sipstack::scan
