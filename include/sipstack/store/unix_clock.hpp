// SPDX-License-Identifier: Apache-2.0
// What time it is for everybody: expiries that outlive a process or are shared need it, the protocol does not.
#pragma once

#include <cstdint>
#include <functional>

namespace sipstack {

/// Milliseconds since 1970 in UTC. Called on any thread, by several at a time.
using UnixClock = std::function<std::int64_t()>;

}  // namespace sipstack
