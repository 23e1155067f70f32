// SPDX-License-Identifier: Apache-2.0
// A notifier of one event package that is no application. RFC 6665 section 4.2.
#pragma once

#include <cstdint>

#include "sipstack/dialog/events.hpp"

namespace sipstack {

/// Takes the subscriptions of a package from the application: it is told of them, in place of events, and gives
/// the user agent its commands (accept, notify, terminate, ...), from within subscribed(), too. Threads: its
/// shard's.
class PackageAgent {
 public:
  virtual ~PackageAgent() = default;
  /// Whether a SUBSCRIBE, which may have a name for Event that nobody knows, is for this agent.
  virtual bool serves(const MessageView& subscribe) const = 0;
  /// Seconds of a subscription that does not say how many it wants; 0: as NotifierOptions has it.
  virtual std::uint32_t default_expires() const { return 0; }
  /// SubscriptionArrived.
  virtual void subscribed(NotifierId notifier, const MessageView& subscribe, TimePoint now) = 0;
  /// NotifierEnded. True where that subscription was its own.
  virtual bool ended(NotifierId notifier) = 0;
};

}  // namespace sipstack
