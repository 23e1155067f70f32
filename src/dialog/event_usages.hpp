// SPDX-License-Identifier: Apache-2.0
// All subscriptions, referrals and publications of a user agent, and which of them a request is for.
// RFC 6665 sections 4.1.3, 4.2.1 and 4.4.1; RFC 5057 where a dialog has several usages.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "dialog/client_publication.hpp"
#include "dialog/client_subscription.hpp"
#include "dialog/server_subscription.hpp"

namespace sipstack {

struct UserAgentContext;

class EventUsages {
 public:
  EventUsages(UserAgentContext& ua, const HashKey& key) noexcept
      : ua_(ua), client_dialogs_(key), server_dialogs_(key) {}

  // requests
  /// A request with a To tag. False: it is about none of these, a call's then.
  bool receive_within(const RequestArrived& event, TimePoint now);
  /// SUBSCRIBE and REFER outside dialogs, inspected already.
  void on_subscribe(const RequestArrived& event, TimePoint now);
  void on_refer(const RequestArrived& event, TimePoint now);
  bool owns(const DialogId& id) const;

  // events of our own transactions and timers
  void receive(const ResponseArrived& event, TimePoint now);
  void receive(const TxnFailed& event, TimePoint now);
  void expire(const EventTimer& timer, TimePoint now);
  /// What the application is told of calls: referrals report it, and what waited for a BYE goes on.
  void heard(const UserEvent& event);

  // the usages' own
  void insert(SubscriptionId id, const DialogId& dialog) { client_dialogs_.insert(dialog, id); }
  void erase(SubscriptionId id, const DialogId& dialog) { client_dialogs_.erase(dialog, id); }
  void over(SubscriptionId id) { over_subscriptions_.push_back(id); }
  void over(NotifierId id, const Dialog& dialog);
  void over(PublicationId id) { over_publications_.push_back(id); }
  bool subscribed(const DialogId& dialog, std::string_view event) const;
  /// The call that follows a referral.
  void follow(CallId call, NotifierId referral);

  void reap();
  void shut_down(TimePoint now);
  bool empty() const noexcept { return size() == 0; }
  std::size_t size() const noexcept {
    return subscriptions.size() + notifiers.size() + publications.size();
  }

  Slab<ClientSubscription> subscriptions;
  Slab<ServerSubscription> notifiers;
  Slab<ClientPublication> publications;

 private:
  template <class Event>
  void pass_on(const Event& event, TimePoint now);
  struct CallHash {
    std::size_t operator()(CallId id) const noexcept {
      return (std::size_t{id.generation} << 20) ^ id.slot;
    }
  };
  ClientSubscription* subscription_of(const DialogId& id, std::string_view event);
  ServerSubscription* notifier_of(const DialogId& id, std::string_view event);
  /// The dialog of a request, whoever has it, and the call that it is of.
  std::shared_ptr<Dialog> dialog_of(const DialogId& id, CallId& call);
  void on_notify(const RequestArrived& event, TimePoint now);
  void subscribe_within(const RequestArrived& event, TimePoint now);
  void begin(const RequestArrived& event, std::shared_ptr<Dialog> dialog, CallId call,
             std::string name, std::uint32_t expires, TimePoint now);
  /// What is granted; nothing where the request is answered with a refusal.
  std::optional<std::uint32_t> grant(const RequestArrived& event, TimePoint now);
  bool knows_event(const RequestArrived& event, TimePoint now);
  void refer(const RequestArrived& event, std::shared_ptr<Dialog> dialog, CallId call,
             TimePoint now);

  UserAgentContext& ua_;
  BasicDialogTable<SubscriptionId> client_dialogs_;
  BasicDialogTable<NotifierId> server_dialogs_;
  std::unordered_multimap<CallId, NotifierId, CallHash> of_calls_;  ///< in their dialogs
  std::unordered_map<CallId, NotifierId, CallHash> followed_;
  std::vector<SubscriptionId> over_subscriptions_;
  std::vector<NotifierId> over_notifiers_;
  std::vector<PublicationId> over_publications_;
};

}  // namespace sipstack
