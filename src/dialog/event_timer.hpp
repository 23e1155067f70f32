// SPDX-License-Identifier: Apache-2.0
// A timer of a subscription or publication.
#pragma once

#include "dialog/usage_timer.hpp"

namespace sipstack {

struct EventTimer : UsageTimer {
  enum class Role : std::uint8_t {
    refresh,  ///< time to subscribe or publish again
    expiry,
    no_notify,  ///< Timer N (RFC 6665 section 4.1.2.4)
    wake        ///< something waits to be sent
  };
  EventTimer(Role r, UsageKind k) noexcept : UsageTimer(What::refresh, k), role(r) {}
  const Role role;
};

}  // namespace sipstack
