// SPDX-License-Identifier: Apache-2.0
// Who a transaction belongs to, above the transaction layer.
#pragma once

#include <cstdint>

namespace sipstack {

/// Which part of the core uses a transaction. The layer itself never looks at it.
enum class UsageKind : std::uint8_t {
  none,
  invite_session,  ///< UserAgent: a call
  registration,    ///< UserAgent: a client registration
  request,         ///< UserAgent: a request of its own outside any dialog
  proxy,           ///< Proxy: a response context
  registrar,       ///< Registrar: a REGISTER being worked on
  subscription,    ///< UserAgent: a subscription or REFER of ours
  notifier,        ///< UserAgent: somebody's subscription with us
  publication      ///< UserAgent: state that we publish
};

/// Set by the usage, carried by the transaction, given back with every event. `slot`, `generation` and
/// `detail` are the usage's own (usually a slab Handle and, say, the branch number).
struct UsageRef {
  UsageKind kind = UsageKind::none;
  std::uint32_t slot = 0;
  std::uint32_t generation = 0;
  std::uint32_t detail = 0;

  friend bool operator==(const UsageRef& a, const UsageRef& b) noexcept {
    return a.kind == b.kind && a.slot == b.slot && a.generation == b.generation &&
           a.detail == b.detail;
  }
};

}  // namespace sipstack
