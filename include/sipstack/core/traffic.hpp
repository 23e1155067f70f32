// SPDX-License-Identifier: Apache-2.0
// Messages by kind: what a server's operator wants to see of one direction.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "sipstack/parser/message_view.hpp"
#include "sipstack/parser/method.hpp"

namespace sipstack {

#define SIPSTACK_X(id, name) +1
inline constexpr std::size_t kMethods = 1 SIPSTACK_METHODS(SIPSTACK_X);  ///< `other` included
#undef SIPSTACK_X

/// Messages as they were on the wire, copies included. Monotonic counts.
struct TrafficCounters {
  static constexpr std::size_t kClasses = 6;  ///< 1xx to 6xx
  std::array<std::uint64_t, kMethods> requests{};
  /// By the CSeq's method, then by class.
  std::array<std::array<std::uint64_t, kClasses>, kMethods> responses{};

  void count(const MessageView& m) noexcept {
    const auto method = static_cast<std::size_t>(m.method());
    if (m.is_request())
      ++requests[method];
    else
      ++responses[method][std::min<std::size_t>(static_cast<std::size_t>(m.status()) / 100 - 1,
                                                kClasses - 1)];
  }
};

}  // namespace sipstack
