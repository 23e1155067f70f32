// SPDX-License-Identifier: Apache-2.0
// The operating system's randomness for everything that must not be guessed. RFC 3261 section 19.3,
// RFC 4086.
#pragma once

#include <array>
#include <cstddef>

#include "sipstack/base/random.hpp"

namespace sipstack {

/// A CSPRNG (OpenSSL's, seeded by getrandom), drawn 4 KiB at a time and wiped as it is used. Where
/// there is no randomness the process ends: a guessable tag is worse than none.
///
/// Threads: one at a time. A child of fork() must make one of its own.
class SystemRandom final : public Random {
 public:
  SystemRandom() = default;
  SystemRandom(const SystemRandom&) = delete;
  SystemRandom& operator=(const SystemRandom&) = delete;
  ~SystemRandom() override;

  void fill(void* out, std::size_t size) noexcept override;

 private:
  std::array<unsigned char, 4096> pool_;
  std::size_t used_ = 4096;
};

}  // namespace sipstack
