// SPDX-License-Identifier: Apache-2.0
// A timer of a user agent's usage, with the way back to the one that waits.
#pragma once

#include <cstdint>

#include "sipstack/base/slab.hpp"
#include "sipstack/transaction/timer_wheel.hpp"
#include "sipstack/transaction/usage.hpp"

namespace sipstack {

struct UsageTimer : TimerHook {
  enum class What : std::uint8_t {
    ring_limit,         ///< nobody answers
    no_ack,             ///< 64*T1 after our 2xx (RFC 3261 section 13.3.1.4)
    answer_again,       ///< the 2xx is sent again (same section)
    glare,              ///< our re-INVITE met the peer's (section 14.1)
    refresh,            ///< a registration is due, or may be tried again
    provisional_again,  ///< a reliable provisional is sent again (RFC 3262 section 3)
    still_ringing,      ///< the caller is told once more (RFC 3261 section 13.3.1.1)
    update_glare,       ///< our UPDATE met an offer of the peer's (RFC 3311 section 5.3)
    session_refresh,    ///< our refresh is due (RFC 4028 section 7.2)
    session_expiry      ///< no refresh came (RFC 4028 section 10)
  };

  UsageTimer(What w, UsageKind k) noexcept : TimerHook(TimerOwner::user_agent), what(w), kind(k) {}

  template <class T>
  void belongs_to(Handle<T> handle) noexcept {
    slot = handle.slot;
    generation = handle.generation;
  }
  template <class T>
  Handle<T> owner_handle() const noexcept {
    return {slot, generation};
  }

  const What what;
  const UsageKind kind;
  std::uint32_t slot = 0;
  std::uint32_t generation = 0;
};

}  // namespace sipstack
