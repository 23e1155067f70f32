// SPDX-License-Identifier: Apache-2.0
// Time as an argument. The core never reads a clock: whoever drives it passes `now`.
#pragma once

#include <chrono>
#include <cstdint>

namespace sipstack {

/// The core's monotonic time line, in microseconds since an origin that the driver chooses.
/// It has no now(): the endpoint maps it from std::chrono::steady_clock, tests make it up.
struct Clock {
  using rep = std::int64_t;
  using period = std::micro;
  using duration = std::chrono::duration<rep, period>;
  using time_point = std::chrono::time_point<Clock>;
  static constexpr bool is_steady = true;
};

using Duration = Clock::duration;
using TimePoint = Clock::time_point;

/// "No deadline": later than every time that can be waited for.
inline constexpr TimePoint kNever = TimePoint::max();

}  // namespace sipstack
