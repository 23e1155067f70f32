// SPDX-License-Identifier: Apache-2.0
// What tests of subscriptions share.
#pragma once

#include "phones.hpp"

namespace sipstack::testing {

inline CoreOptions notifying() {
  CoreOptions options;
  options.user_agent.notifier.packages = {"presence", "dialog"};
  return options;
}

inline SubscriptionOptions presence_of(const std::string& target) {
  SubscriptionOptions options;
  options.target = target;
  options.from = "sip:alice@a.invalid";
  options.event = "presence";
  options.accept = {"application/pidf+xml"};
  options.expires = 600;
  return options;
}

/// Says yes to every subscription.
inline void allows(Phone& phone, const UserEvent& event, TimePoint now) {
  if (const auto* arrived = std::get_if<SubscriptionArrived>(&event))
    CHECK_FALSE(phone.ua().accept(arrived->notifier, "application/pidf+xml", "<open/>", now));
}

}  // namespace sipstack::testing
