// SPDX-License-Identifier: Apache-2.0
// How often something may happen, as limits by source have it.
#pragma once

#include <cstdint>

#include "sipstack/base/time.hpp"

namespace sipstack {

/// A token bucket: so many at once, and so many a second in the long run. 0 a second: no limit. A plain value.
struct Rate {
  std::uint32_t burst = 0;
  std::uint32_t per_second = 0;

  /// The time that a token takes to come back; zero where there is no limit.
  constexpr Duration token() const noexcept {
    return per_second == 0 ? Duration::zero()
                           : Duration(std::chrono::microseconds(1'000'000 / per_second));
  }
};

}  // namespace sipstack
