// SPDX-License-Identifier: Apache-2.0
// When what expires is refreshed, and when what failed is tried again: registrations, subscriptions and
// publications. RFC 3261 section 10.2.4, RFC 5626 section 4.5.
#pragma once

#include <algorithm>
#include <cstdint>

#include "sipstack/base/random.hpp"
#include "sipstack/base/time.hpp"
#include "sipstack/parser/message.hpp"

namespace sipstack {

/// 423s answered in a row, so that two servers can't play ping-pong.
inline constexpr int kMaxTooBrief = 2;

/// When to refresh: a tenth of the interval ahead, but with time for a whole transaction (64*T1) where
/// the interval has it. Never within half a second, nor behind the expiry (hardening A75).
inline Duration refresh_after(std::uint32_t expires, Duration transaction) {
  const Duration whole = std::chrono::seconds(expires);
  const Duration margin = std::max(whole / 10, std::min(transaction, whole / 2));
  return std::max<Duration>(whole - margin, std::chrono::milliseconds(500));
}

/// RFC 5626 section 4.5 with its default maximum of 30 min: between half and all of base * 2^failures. Its
/// first failure counts for registrations (30 to 60 s); subscriptions and publications begin below.
inline Duration pause_after(unsigned failures, Random& random, std::uint64_t base = 30) {
  constexpr std::uint64_t kMax = 1800;
  const std::uint64_t upper = std::min(kMax, base << std::min(failures, 10U));
  return std::chrono::milliseconds(upper * 500 + random.below(upper * 500 + 1));
}

/// The same, and at least as long as the Retry-After of a refusal asks for, a day at most. `response` may be
/// empty.
inline Duration pause_after(unsigned failures, const Message& response, Random& random,
                            std::uint64_t base = 30) {
  Duration wait = pause_after(failures, random, base);
  if (response)
    if (const auto asked = response->get(hdr::retry_after))
      wait = std::max<Duration>(wait, std::chrono::seconds(std::min(asked->number, 86400U)));
  return wait;
}

}  // namespace sipstack
