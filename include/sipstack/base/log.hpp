// SPDX-License-Identifier: Apache-2.0
// The one hook through which the library says anything. Without a hook it is silent.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

namespace sipstack {

enum class LogLevel : std::uint8_t { error, warning, info, debug };

/// Called on the shard's thread; the text lives for the call and never holds control characters from
/// the wire. Must not call back into the stack.
using LogHook = std::function<void(LogLevel, std::string_view)>;

}  // namespace sipstack
