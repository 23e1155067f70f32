// SPDX-License-Identifier: Apache-2.0
// Runs of bytes in one stride, for the instruction set that SIPSTACK_ISA names. Included by isa_*.cpp
// alone, once in each, with the intrinsics' headers before and all code compiled for that set after.
//
// Nothing is ever read behind `readable`, the end of the bytes that are known to be there: behind most
// values more of the message follows, which a wide load may touch and whose bytes are not used.

#define SIPSTACK_INLINE inline __attribute__((always_inline))

namespace sipstack::scan::SIPSTACK_ISA {

#if defined(SIPSTACK_ISA_X86)

// Bit i: whether byte i at p is outside the set.
SIPSTACK_INLINE unsigned outside(const char* p, const CharClass& set) noexcept {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  const __m128i rows = _mm_load_si128(reinterpret_cast<const __m128i*>(set.rows.data()));
  const __m128i bits = _mm_setr_epi8(1, 2, 4, 8, 16, 32, 64, -128, 0, 0, 0, 0, 0, 0, 0, 0);
  // A shuffle gives 0 where the index has its highest bit set: for bytes above ASCII.
  const __m128i row = _mm_shuffle_epi8(rows, bytes);
  const __m128i high = _mm_and_si128(_mm_srli_epi16(bytes, 4), _mm_set1_epi8(15));
  const __m128i hit = _mm_and_si128(row, _mm_shuffle_epi8(bits, high));
  unsigned out = static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(hit, _mm_setzero_si128())));
  if (set.above) out &= ~static_cast<unsigned>(_mm_movemask_epi8(bytes));
  return out;
}
SIPSTACK_INLINE unsigned equal_to(const char* p, char c) noexcept {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(c))));
}

#elif defined(SIPSTACK_ISA_NEON)

inline unsigned movemask(uint8x16_t truth) noexcept {
  const uint8x16_t bits = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
  const uint8x16_t set = vandq_u8(truth, bits);
  return vaddv_u8(vget_low_u8(set)) | (static_cast<unsigned>(vaddv_u8(vget_high_u8(set))) << 8U);
}
SIPSTACK_INLINE unsigned outside(const char* p, const CharClass& set) noexcept {
  const uint8x16_t bytes = vld1q_u8(reinterpret_cast<const std::uint8_t*>(p));
  const uint8x16_t bits = {1, 2, 4, 8, 16, 32, 64, 128, 0, 0, 0, 0, 0, 0, 0, 0};
  const uint8x16_t row = vqtbl1q_u8(vld1q_u8(set.rows.data()), vandq_u8(bytes, vdupq_n_u8(15)));
  const uint8x16_t hit = vtstq_u8(row, vqtbl1q_u8(bits, vshrq_n_u8(bytes, 4)));
  unsigned out = ~movemask(hit) & 0xffffU;
  if (set.above) out &= ~movemask(vcgeq_u8(bytes, vdupq_n_u8(0x80)));
  return out;
}
SIPSTACK_INLINE unsigned equal_to(const char* p, char c) noexcept {
  return movemask(vceqq_u8(vld1q_u8(reinterpret_cast<const std::uint8_t*>(p)),
                           vdupq_n_u8(static_cast<std::uint8_t>(c))));
}

#endif

#if defined(SIPSTACK_ISA_X86) || defined(SIPSTACK_ISA_NEON)

/// The first byte of [p, end) outside the set, or `end`.
SIPSTACK_INLINE const char* skip(const CharClass& set, const char* p, const char* end,
                                 const char* readable) noexcept {
  while (readable - p >= 16) {
    const unsigned stop = outside(p, set);
    if (stop != 0) {
      p += __builtin_ctz(stop);
      return p < end ? p : end;
    }
    p += 16;
    if (p >= end) return end;
  }
  while (p != end && set.has(*p)) ++p;
  return p;
}

// As outside() and equal_to(), of sixty-four bytes.
#if defined(SIPSTACK_ISA_AVX2)

SIPSTACK_INLINE std::uint32_t outside32(const char* p, const CharClass& set) noexcept {
  const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  const __m256i rows = _mm256_broadcastsi128_si256(
      _mm_load_si128(reinterpret_cast<const __m128i*>(set.rows.data())));
  const __m256i bits = _mm256_broadcastsi128_si256(
      _mm_setr_epi8(1, 2, 4, 8, 16, 32, 64, -128, 0, 0, 0, 0, 0, 0, 0, 0));
  const __m256i row = _mm256_shuffle_epi8(rows, bytes);
  const __m256i high = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), _mm256_set1_epi8(15));
  const __m256i hit = _mm256_and_si256(row, _mm256_shuffle_epi8(bits, high));
  auto out = static_cast<std::uint32_t>(
      _mm256_movemask_epi8(_mm256_cmpeq_epi8(hit, _mm256_setzero_si256())));
  if (set.above) out &= ~static_cast<std::uint32_t>(_mm256_movemask_epi8(bytes));
  return out;
}
/// Whether the first `length` (1 to 31) of 32 bytes at p are those at `lower`, in any case. A set bit 0x20
/// keeps no two bytes apart that may stand in a header name, where control characters are ruled out.
SIPSTACK_INLINE bool lower_equals(const char* p, const char* lower, unsigned length) noexcept {
  const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  const __m256i names = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(lower));
  const __m256i low = _mm256_or_si256(bytes, _mm256_set1_epi8(0x20));
  const auto same = static_cast<std::uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(low, names)));
  return (~same & (~std::uint32_t{0} >> (32 - length))) == 0;
}
SIPSTACK_INLINE std::uint64_t outside64(const char* p, const CharClass& set) noexcept {
  return outside32(p, set) | (std::uint64_t{outside32(p + 32, set)} << 32U);
}
SIPSTACK_INLINE std::uint32_t equal32(const char* p, char c) noexcept {
  const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  return static_cast<std::uint32_t>(
      _mm256_movemask_epi8(_mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(c))));
}

#else

SIPSTACK_INLINE bool lower_equals(const char* p, const char* lower, unsigned length) noexcept {
  for (unsigned i = 0; i < length; ++i) {
    if ((static_cast<unsigned char>(p[i]) | 0x20U) != static_cast<unsigned char>(lower[i]))
      return false;
  }
  return true;
}
SIPSTACK_INLINE std::uint32_t outside32(const char* p, const CharClass& set) noexcept {
  return outside(p, set) | (outside(p + 16, set) << 16U);
}
SIPSTACK_INLINE std::uint64_t outside64(const char* p, const CharClass& set) noexcept {
  return outside32(p, set) | (std::uint64_t{outside32(p + 32, set)} << 32U);
}
SIPSTACK_INLINE std::uint32_t equal32(const char* p, char c) noexcept {
  return equal_to(p, c) | (equal_to(p + 16, c) << 16U);
}

#endif

#else

SIPSTACK_INLINE const char* skip(const CharClass& set, const char* p, const char* end,
                                 const char*) noexcept {
  while (p != end && set.has(*p)) ++p;
  return p;
}
#endif

/// The control characters of a text (below 0x20 but HT, and 0x7f), in order: among them all line ends.
/// Sixty-four bytes at a time.
class Controls {
 public:
  Controls(const char* begin, const char* end) noexcept : block_(begin), end_(end) { load(); }

  /// The next one, or the end.
  SIPSTACK_INLINE const char* next() noexcept {
    while (mask_ == 0) {
      if (end_ - block_ <= 64) return end_;
      block_ += 64;
      load();
    }
    const char* const found = block_ + __builtin_ctzll(mask_);
    mask_ &= mask_ - 1;
    return found;
  }
  /// The first one at `from` or behind it, or the end; next() goes on behind it.
  const char* next(const char* from) noexcept {
    if (from >= end_) return end_;
    block_ = from;
    load();
    return next();
  }

 private:
  SIPSTACK_INLINE void load() noexcept {
    if (end_ - block_ >= 64) {
      mask_ = controls(block_);
    } else {
      load_near_end();
    }
  }
  void load_near_end() noexcept {
    char last[64];
    std::memset(last, 'x', sizeof last);
    std::memcpy(last, block_, static_cast<std::size_t>(end_ - block_));
    mask_ = controls(last);
  }
  static std::uint64_t controls(const char* p) noexcept;

  const char* block_;
  const char* end_;
  std::uint64_t mask_ = 0;
};

#if defined(SIPSTACK_ISA_AVX2)

inline std::uint64_t Controls::controls(const char* p) noexcept {
  const auto half = [](const char* at) {
    const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
    const __m256i low = _mm256_cmpeq_epi8(_mm256_min_epu8(bytes, _mm256_set1_epi8(0x1f)), bytes);
    const __m256i tab = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('\t'));
    const __m256i del = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(0x7f));
    return static_cast<std::uint32_t>(
        _mm256_movemask_epi8(_mm256_or_si256(_mm256_andnot_si256(tab, low), del)));
  };
  return half(p) | (std::uint64_t{half(p + 32)} << 32U);
}

#elif defined(SIPSTACK_ISA_X86)

inline std::uint64_t Controls::controls(const char* p) noexcept {
  std::uint64_t mask = 0;
  for (unsigned i = 0; i < 64; i += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p + i));
    const __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
    const __m128i tab = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\t'));
    const __m128i del = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f));
    const int quarter = _mm_movemask_epi8(_mm_or_si128(_mm_andnot_si128(tab, low), del));
    mask |= static_cast<std::uint64_t>(static_cast<unsigned>(quarter)) << i;
  }
  return mask;
}

#elif defined(SIPSTACK_ISA_NEON)

inline std::uint64_t Controls::controls(const char* p) noexcept {
  std::uint64_t mask = 0;
  for (unsigned i = 0; i < 64; i += 16) {
    const uint8x16_t bytes = vld1q_u8(reinterpret_cast<const std::uint8_t*>(p + i));
    const uint8x16_t low =
        vbicq_u8(vcltq_u8(bytes, vdupq_n_u8(0x20)), vceqq_u8(bytes, vdupq_n_u8('\t')));
    mask |= std::uint64_t{movemask(vorrq_u8(low, vceqq_u8(bytes, vdupq_n_u8(0x7f))))} << i;
  }
  return mask;
}

#else

inline std::uint64_t Controls::controls(const char* p) noexcept {
  std::uint64_t mask = 0;
  for (unsigned i = 0; i < 64; ++i) {
    const auto byte = static_cast<unsigned char>(p[i]);
    mask |= std::uint64_t{(byte < 0x20 && byte != '\t') || byte == 0x7f} << i;
  }
  return mask;
}

#endif

}  // namespace sipstack::scan::SIPSTACK_ISA
