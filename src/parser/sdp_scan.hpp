// SPDX-License-Identifier: Apache-2.0
// What the grammar of session descriptions tells besides yes or no.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "sipstack/parser/sdp.hpp"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace sipstack::sdp {

/// Classes of bytes, for runs that no state machine need walk. RFC 8866 section 9.
struct ByteClasses {
  static constexpr unsigned char kToken = 1;    ///< token-char
  static constexpr unsigned char kVisible = 2;  ///< VCHAR / %x80-FF, of non-ws-string
  unsigned char of[256] = {};

  constexpr ByteClasses() noexcept {
    for (unsigned c = 0x21; c < 256; ++c)
      if (c != 0x7f) of[c] = kVisible;
    for (unsigned c = 0x21; c < 0x7f; ++c) {
      const bool separator = c == '"' || c == '(' || c == ')' || c == ',' || c == '/' ||
                             (c >= ':' && c <= '@') || (c >= '[' && c <= ']');
      if (!separator) of[c] |= kToken;
    }
  }
};
inline constexpr ByteClasses kByteClasses;

/// The first byte from `p` on that is not of that class, or `end`.
inline const char* run_end(const char* p, const char* end, unsigned char of_class) noexcept {
  while (p != end && (kByteClasses.of[static_cast<unsigned char>(*p)] & of_class) != 0) ++p;
  return p;
}

inline const char* spaces_end(const char* p, const char* end) noexcept {
  while (p != end && *p == ' ') ++p;
  return p;
}

/// The same for tokens, sixteen bytes at a time: letters, digits and "-" by ranges, the others of
/// token-char, which are rare, one by one.
inline const char* token_end(const char* p, const char* end) noexcept {
#if defined(__SSE2__)
  const auto bytes = [](int value) { return _mm_set1_epi8(static_cast<char>(value)); };
  // x in [low, high], where both are below 0x80: as unsigned bytes, max(x, low) = x = min(x, high).
  const auto within = [&bytes](__m128i x, int low, int high) {
    return _mm_and_si128(_mm_cmpeq_epi8(_mm_max_epu8(x, bytes(low)), x),
                         _mm_cmpeq_epi8(_mm_min_epu8(x, bytes(high)), x));
  };
  while (end - p >= 16) {
    const __m128i x = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    const __m128i letter = within(_mm_or_si128(x, bytes(0x20)), 'a', 'z');
    const __m128i common =
        _mm_or_si128(_mm_or_si128(letter, within(x, '0', '9')), _mm_cmpeq_epi8(x, bytes('-')));
    const unsigned others = ~static_cast<unsigned>(_mm_movemask_epi8(common)) & 0xffffU;
    if (others == 0) {
      p += 16;
      continue;
    }
    p += __builtin_ctz(others);
    if ((kByteClasses.of[static_cast<unsigned char>(*p)] & ByteClasses::kToken) == 0) return p;
    ++p;
  }
#endif
  return run_end(p, end, ByteClasses::kToken);
}

struct Sections {
  std::string_view origin;        ///< the value of o=
  std::string_view name;          ///< the value of s=
  std::size_t session_begin = 0;  ///< offset of the first line behind the opening
  std::size_t first_media = 0;    ///< offset of the first m= line, or the size of the text
  std::size_t media_count = 0;
  MediaOffsets media_at{};  ///< of the first m= lines
  bool opening = false;     ///< v=, o= and s= are not where they belong
};

/// Checks all of `text` (src/parser/sdp.rl). `found` is fresh; code ok where nothing is wrong.
ParseError scan(std::string_view text, const Limits& limits, Sections& found) noexcept;

/// The same for Mode::lenient, line by line (src/parser/sdp_repair.cpp). Tells every departure from
/// RFC 8866 where `told` is not null.
ParseError repair(std::string_view text, const Limits& limits, Diagnostics* told,
                  Sections& found) noexcept;

/// The first CR, LF or NUL from `p` on, or `end`. Sixteen or eight bytes at a time.
inline const char* text_end(const char* p, const char* end) noexcept {
#if defined(__SSE2__)
  while (end - p >= 16) {
    // Bytes below 0x0e: the three, and others that are rare.
    const __m128i x = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    const auto low = static_cast<unsigned>(
        _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(x, _mm_set1_epi8(0x0d)), x)));
    if (low == 0) {
      p += 16;
      continue;
    }
    p += __builtin_ctz(low);
    if (*p == '\r' || *p == '\n' || *p == '\0') return p;
    ++p;
  }
#endif
  constexpr std::uint64_t ones = ~std::uint64_t{0} / 255;
  constexpr std::uint64_t high = ones * 0x80;
  while (end - p >= 8) {
    std::uint64_t eight;
    std::memcpy(&eight, p, 8);
    // Bytes below 0x0e: the three, and others that are rare. The lowest hit is exact: a borrow reaches
    // only what is above it.
    const std::uint64_t low = (eight - ones * 0x0e) & ~eight & high;
    if (low == 0) {
      p += 8;
      continue;
    }
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    p += __builtin_ctzll(low) / 8;
#endif
    if (*p == '\r' || *p == '\n' || *p == '\0') return p;
    ++p;
  }
  while (p != end && *p != '\r' && *p != '\n' && *p != '\0') ++p;
  return p;
}

/// The first such byte from `p` on, or `end`. Runs here are short: a call would cost more than the search.
inline const char* find_byte(const char* p, const char* end, char byte) noexcept {
#if defined(__SSE2__)
  const __m128i wanted = _mm_set1_epi8(byte);
  for (; end - p >= 16; p += 16) {
    const __m128i x = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    const auto hits = static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(x, wanted)));
    if (hits != 0) return p + __builtin_ctz(hits);
  }
#endif
  while (p != end && *p != byte) ++p;
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
