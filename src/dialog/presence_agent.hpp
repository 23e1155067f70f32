// SPDX-License-Identifier: Apache-2.0
// Joins what is published to who watches it. RFC 3856 with RFC 3903.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>

#include "dialog/event_timer.hpp"
#include "sipstack/dialog/event_state.hpp"
#include "sipstack/dialog/user_agent.hpp"

namespace sipstack {

struct UserAgentContext;

class PresenceAgent {
 public:
  PresenceAgent(UserAgentContext& ua, const PresenceAgentOptions& options);

  /// A PUBLISH outside dialogs.
  void published(const RequestArrived& event, TimePoint now);
  /// Whether a SUBSCRIBE is for this agent's package.
  bool serves(const MessageView& subscribe) const;
  void subscribed(NotifierId notifier, const MessageView& subscribe, TimePoint now);
  /// True where that subscription was its own.
  bool ended(NotifierId notifier);
  void expire(TimePoint now);

 private:
  struct Less {
    bool operator()(NotifierId a, NotifierId b) const noexcept {
      return a.slot != b.slot ? a.slot < b.slot : a.generation < b.generation;
    }
  };
  std::string resource_of(const MessageView& request) const;
  bool inspect(const RequestArrived& event, const std::string& resource, TimePoint now);
  /// A state that changed: tells it, or notes that it is to be told when it may be.
  void tell(const std::string& resource, TimePoint now);
  void notify_all(const std::string& resource, TimePoint now);
  EventStateCompositor::State state(const std::string& resource) const;
  void arm();

  UserAgentContext& ua_;
  const PresenceAgentOptions options_;
  EventStateCompositor states_;
  std::multimap<std::string, NotifierId> watchers_;  ///< by resource
  std::map<NotifierId, std::string, Less> resources_;
  /// Resources that were just told of, whether something more is owed, and when that may be told.
  std::map<std::string, bool> paced_;
  std::set<std::pair<TimePoint, std::string>> waiting_;
  EventTimer timer_{EventTimer::Role::expiry, UsageKind::none};
};

}  // namespace sipstack
