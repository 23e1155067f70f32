// SPDX-License-Identifier: Apache-2.0
// Tokens out of random bytes, and SplitMix64 (Steele, Lea, Flood 2014) for runs that can be replayed.
#include "sipstack/base/random.hpp"

#include <algorithm>

namespace sipstack {

std::string Random::token(std::size_t bytes) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string out(bytes * 2, '\0');
  unsigned char chunk[32];
  for (std::size_t done = 0; done < bytes;) {
    const std::size_t count = std::min(sizeof chunk, bytes - done);
    fill(chunk, count);
    for (std::size_t i = 0; i < count; ++i, ++done) {
      out[2 * done] = kHex[chunk[i] >> 4];
      out[2 * done + 1] = kHex[chunk[i] & 15];
    }
  }
  return out;
}

void SeededRandom::fill(void* out, std::size_t size) noexcept {
  auto* bytes = static_cast<unsigned char*>(out);
  while (size > 0) {
    state_ += 0x9e3779b97f4a7c15U;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    z ^= z >> 31;
    // Byte by byte, so that a seed gives the same run on every machine.
    const std::size_t count = std::min<std::size_t>(size, 8);
    for (std::size_t i = 0; i < count; ++i, z >>= 8) *bytes++ = static_cast<unsigned char>(z);
    size -= count;
  }
}

}  // namespace sipstack
