// SPDX-License-Identifier: Apache-2.0
// Which of several cores a call belongs to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "sipstack/base/keyed_hash.hpp"

namespace sipstack {

/// One of `count` shards that share the work by Call-ID: every message of a call meets one transaction
/// layer and one dialog table, whichever socket brought it. By Call-ID and not by address, since a trunk is
/// one 4-tuple. The key is drawn once for all shards of a process: without it a sender could give one of
/// them all the work. A plain value.
struct Shard {
  HashKey key;
  std::uint32_t index = 0;
  std::uint32_t count = 1;

  std::uint32_t owner(std::string_view call_id) const noexcept {
    return count > 1 ? static_cast<std::uint32_t>(keyed_hash(key, call_id) % count) : 0;
  }
  bool owns(std::string_view call_id) const noexcept { return owner(call_id) == index; }
};

}  // namespace sipstack
