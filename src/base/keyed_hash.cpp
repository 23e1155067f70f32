// SPDX-License-Identifier: Apache-2.0
// SipHash-1-3: Aumasson and Bernstein, "SipHash: a fast short-input PRF", with one compression round
// and three of finalisation.
#include "sipstack/base/keyed_hash.hpp"

#include <cstring>

namespace sipstack {
namespace {

constexpr std::uint64_t rotate(std::uint64_t x, int bits) noexcept {
  return (x << bits) | (x >> (64 - bits));
}

struct State {
  std::uint64_t v0, v1, v2, v3;

  void round() noexcept {
    v0 += v1;
    v2 += v3;
    v1 = rotate(v1, 13) ^ v0;
    v3 = rotate(v3, 16) ^ v2;
    v0 = rotate(v0, 32);
    v2 += v1;
    v0 += v3;
    v1 = rotate(v1, 17) ^ v2;
    v3 = rotate(v3, 21) ^ v0;
    v2 = rotate(v2, 32);
  }
  void absorb(std::uint64_t word) noexcept {
    v3 ^= word;
    round();
    v0 ^= word;
  }
};

// Little-endian.
std::uint64_t load(const char* bytes) noexcept {
  std::uint64_t word;
  std::memcpy(&word, bytes, sizeof word);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  word = __builtin_bswap64(word);
#endif
  return word;
}

// The last `left` < 8 of the bytes before `end`.
std::uint64_t load_tail(const char* end, std::size_t left, std::size_t size) noexcept {
  if (left == 0) return 0;
  if (size >= 8) return load(end - 8) >> (8 * (8 - left));
  std::uint64_t word = 0;
  for (std::size_t i = 0; i < left; ++i)
    word |= static_cast<std::uint64_t>(static_cast<unsigned char>(*(end - (left - i)))) << (8 * i);
  return word;
}

}  // namespace

std::uint64_t keyed_hash(const HashKey& key, std::string_view bytes) noexcept {
  State s{0x736f6d6570736575U ^ key.k0, 0x646f72616e646f6dU ^ key.k1, 0x6c7967656e657261U ^ key.k0,
          0x7465646279746573U ^ key.k1};
  const char* at = bytes.data();
  const std::size_t size = bytes.size();
  for (std::size_t i = size / 8; i != 0; --i, at += 8) s.absorb(load(at));
  const std::size_t left = size % 8;
  s.absorb(static_cast<std::uint64_t>(size) << 56 | load_tail(at + left, left, size));
  s.v2 ^= 0xff;
  s.round();
  s.round();
  s.round();
  return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

}  // namespace sipstack
