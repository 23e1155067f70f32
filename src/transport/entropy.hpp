// SPDX-License-Identifier: Apache-2.0
// Random bits of the sockets' own: masks, transaction ids, jitter.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sipstack {

/// OpenSSL's generator, which is a CSPRNG seeded by the system.
void fill_random(void* out, std::size_t size) noexcept;

inline std::uint32_t random_word() noexcept {
  std::uint32_t word = 0;
  fill_random(&word, sizeof word);
  return word;
}

}  // namespace sipstack
