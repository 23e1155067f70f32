// SPDX-License-Identifier: Apache-2.0
// What the grammar of session descriptions tells besides yes or no.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "sipstack/parser/sdp.hpp"

namespace sipstack::sdp {

struct Sections {
  std::string_view origin;        ///< the value of o=
  std::string_view name;          ///< the value of s=
  std::size_t session_begin = 0;  ///< offset of the first line behind the opening
  std::size_t first_media = 0;    ///< offset of the first m= line, or the size of the text
  std::size_t media_count = 0;
  bool opening = false;  ///< v=, o= and s= are not where they belong
};

/// Checks all of `text` (src/parser/sdp.rl).
expected<Sections, ParseError> scan(std::string_view text, const Limits& limits) noexcept;

/// The same for Mode::lenient, line by line (src/parser/sdp_repair.cpp). Tells every departure from
/// RFC 8866 where `deviations` is not null.
expected<Sections, ParseError> repair(std::string_view text, const Limits& limits,
                                      Deviations* deviations) noexcept;

/// The first CR, LF or NUL from `p` on, or `end`. Eight bytes at a time.
inline const char* text_end(const char* p, const char* end) noexcept {
  constexpr std::uint64_t ones = ~std::uint64_t{0} / 255;
  constexpr std::uint64_t high = ones * 0x80;
  // Bytes below 0x0e: the three, and others that are rare and looked at one by one.
  while (end - p >= 8) {
    std::uint64_t eight;
    std::memcpy(&eight, p, 8);
    if ((((eight - ones * 0x0e) & ~eight) & high) != 0) {
      for (int i = 0; i < 8; ++i, ++p)
        if (*p == '\r' || *p == '\n' || *p == '\0') return p;
    } else {
      p += 8;
    }
  }
  while (p != end && *p != '\r' && *p != '\n' && *p != '\0') ++p;
  return p;
}

inline std::string_view trimmed(std::string_view text) noexcept {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

/// The word at the front; `rest` goes on behind it and the spaces.
inline std::string_view take_word(std::string_view& rest) noexcept {
  rest = trimmed(rest);
  const std::string_view word = rest.substr(0, rest.find(' '));
  rest = trimmed(rest.substr(word.size()));
  return word;
}

}  // namespace sipstack::sdp
