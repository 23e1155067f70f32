// SPDX-License-Identifier: Apache-2.0
// What a user has hung on subscriptions, referrals and publications.
#pragma once

#include <functional>
#include <memory>
#include <unordered_map>

#include "endpoint/handler_slot.hpp"
#include "sipstack/endpoint/subscription.hpp"

namespace sipstack {

struct SubscriptionRecord {
  std::function<void(error_code, Subscription, Message)> done;  ///< of async_subscribe(); once
  HandlerSlot<const Message&> notified;
  HandlerSlot<const SubscriptionChanged&> changed;
  HandlerSlot<Subscription> forked;
  std::function<void(error_code, Message)> next;  ///< of async_notify(); once
  Message unread;                                 ///< the last NOTIFY, which async_notify() gives
  std::function<void(error_code, int)> referred;  ///< of async_refer(); once
};

struct NotifierRecord {
  HandlerSlot<const NotifierEnded&> ended;
};

struct PublicationRecord {
  std::function<void(error_code, Publication, Message)> done;  ///< the first outcome; once
  bool kept = true;                                            ///< more follows the first outcome
  HandlerSlot<const PublicationChanged&> changed;
};

struct EventRecords {
  template <class Id, class Record>
  using Map = std::unordered_map<Id, std::shared_ptr<Record>, HandleHash>;

  HandlerSlot<Notifier, const Message&> subscribed;
  HandlerSlot<Notifier, Call, const Message&> referred;
  Map<SubscriptionId, SubscriptionRecord> subscriptions;
  Map<NotifierId, NotifierRecord> notifiers;
  Map<PublicationId, PublicationRecord> publications;
};

}  // namespace sipstack
