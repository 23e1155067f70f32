// SPDX-License-Identifier: Apache-2.0
// T1, T2, T4 and the timers derived from them. RFC 3261 section 17 and its table 4, RFC 6026.
#pragma once

#include "sipstack/base/time.hpp"

namespace sipstack {

struct Timings {
  Duration t1 = std::chrono::milliseconds(500);
  Duration t2 = std::chrono::seconds(4);
  Duration t4 = std::chrono::seconds(5);
  Duration trying = std::chrono::milliseconds(200);  ///< silence after which an INVITE gets a 100

  /// All three in the proportion of the defaults: T2 = 8*T1, T4 = 10*T1.
  static constexpr Timings scaled(Duration t1) noexcept {
    return {t1, 8 * t1, 10 * t1, std::chrono::milliseconds(200)};
  }
  /// Timers B, D (unreliable), F, H, J (unreliable), L, M: 64*T1.
  constexpr Duration timeout() const noexcept { return 64 * t1; }
};

}  // namespace sipstack
