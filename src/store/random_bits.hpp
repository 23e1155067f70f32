// SPDX-License-Identifier: Apache-2.0
// The system's random numbers, for what is drawn once: nodes, keys of tables, seeds.
#pragma once

#include <cstdint>
#include <random>

namespace sipstack {

inline std::uint64_t random_bits() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

}  // namespace sipstack
