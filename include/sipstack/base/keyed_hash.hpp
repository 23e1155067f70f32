// SPDX-License-Identifier: Apache-2.0
// SipHash-1-3 with a key of the process: for every table whose keys a sender chooses.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sipstack {

/// 128 bits drawn once from Random; without it a sender could choose colliding branches and Call-IDs.
struct HashKey {
  std::uint64_t k0 = 0;
  std::uint64_t k1 = 0;
};

std::uint64_t keyed_hash(const HashKey& key, std::string_view bytes) noexcept;

}  // namespace sipstack
