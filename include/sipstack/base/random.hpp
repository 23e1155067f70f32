// SPDX-License-Identifier: Apache-2.0
// Randomness as an argument, and the tokens that SIP needs unguessable.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace sipstack {

/// A source of random bytes. The endpoint injects a CSPRNG seeded by the operating system; tests
/// inject a seeded generator. Branches, tags, Call-IDs, nonces and hash keys come from here
/// (RFC 3261 section 19.3: at least 32 bits of it in a tag; we use 64 and more).
class Random {
 public:
  virtual ~Random() = default;
  virtual void fill(void* out, std::size_t size) noexcept = 0;

  std::uint64_t next() noexcept {
    std::uint64_t value = 0;
    fill(&value, sizeof value);
    return value;
  }
  /// Uniform in [0, bound), bound > 0. The bias is below 2^-32 for bounds of 32 bits.
  std::uint64_t below(std::uint64_t bound) noexcept { return next() % bound; }
  /// `bytes` random bytes as lower-case hex digits, two a byte: a token (RFC 3261 section 25.1).
  std::string token(std::size_t bytes = 8);
};

/// SplitMix64: for tests and simulations only, never for tokens on a wire.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed) noexcept : state_(seed) {}
  void fill(void* out, std::size_t size) noexcept override;

 private:
  std::uint64_t state_;
};

}  // namespace sipstack
