// SPDX-License-Identifier: Apache-2.0
// Operations on subscriptions, referrals and publications; see operations.hpp. Outcomes are told in
// subscription.cpp.
#include <utility>

#include "endpoint/operations.hpp"

namespace sipstack {

namespace {

/// Of a REFER: its handler waits for the last status.
void note_referral(EndpointState& state, const expected<SubscriptionId, error_code>& id,
                   std::function<void(error_code, int)> done, detail::CancellationSlot slot) {
  if (!id) {
    refuse(state, std::move(done), id.error());
  } else {
    auto record = std::make_shared<SubscriptionRecord>();
    record->referred = std::move(done);
    state.events.subscriptions.emplace(*id, std::move(record));
    state.on_cancel(slot, [id = *id](EndpointState& s) {
      const auto found = s.events.subscriptions.find(id);
      if (found == s.events.subscriptions.end()) return;
      abandon(s, found->second->referred);
      s.agent().unsubscribe(id, s.now());
    });
  }
  state.commanded();
}

}  // namespace

void Call::start_refer(const ReferOptions& options, std::function<void(error_code, int)> done,
                       Slot slot) const {
  const auto state = state_.lock();
  if (!state) return;
  if (state->closed_down) return refuse(*state, std::move(done), Errc::gone);
  note_referral(*state, state->agent().refer(id_, options, state->now()), std::move(done), slot);
}

void Endpoint::start_subscribe(EndpointState& state, const SubscriptionOptions& options,
                               std::function<void(error_code, Subscription, Message)> done,
                               Slot slot) {
  if (state.closed_down) return refuse(state, std::move(done), Errc::gone);
  const auto id = state.agent().subscribe(options, state.now());
  if (id) {
    auto record = std::make_shared<SubscriptionRecord>();
    record->done = std::move(done);
    state.events.subscriptions.emplace(*id, std::move(record));
    state.on_cancel(slot, [id = *id](EndpointState& s) {
      const auto found = s.events.subscriptions.find(id);
      if (found == s.events.subscriptions.end()) return;
      abandon(s, found->second->done);
      s.agent().unsubscribe(id, s.now());
    });
  } else {
    refuse(state, std::move(done), id.error());
  }
  state.commanded();
}

void Endpoint::start_refer(EndpointState& state, const ReferOptions& options,
                           std::function<void(error_code, int)> done, Slot slot) {
  if (state.closed_down) return refuse(state, std::move(done), Errc::gone);
  note_referral(state, state.agent().refer(options, state.now()), std::move(done), slot);
}

void Subscription::start_notify(std::function<void(error_code, Message)> done,
                                detail::CancellationSlot slot) const {
  const auto state = state_.lock();
  if (!state) return;
  const auto found = state->events.subscriptions.find(id_);
  if (found == state->events.subscriptions.end() || state->closed_down)
    return refuse(*state, std::move(done), Errc::gone);
  SubscriptionRecord& record = *found->second;
  if (record.next) return refuse(*state, std::move(done), Errc::wrong_state);
  if (record.unread) {
    state->tell_later(
        [done = std::move(done), unread = std::exchange(record.unread, {})] { done({}, unread); });
    return;
  }
  record.next = std::move(done);
  state->on_cancel(slot, [id = id_](EndpointState& s) {
    const auto known = s.events.subscriptions.find(id);
    if (known != s.events.subscriptions.end()) abandon(s, known->second->next);
  });
}

void Endpoint::start_publish(EndpointState& state, const PublicationOptions& options,
                             std::function<void(error_code, Publication, Message)> done,
                             Slot slot) {
  if (state.closed_down) return refuse(state, std::move(done), Errc::gone);
  const auto id = state.agent().publish(options, state.now());
  if (id) {
    auto record = std::make_shared<PublicationRecord>();
    record->kept = options.refresh;
    record->done = std::move(done);
    state.events.publications.emplace(*id, std::move(record));
    state.on_cancel(slot, [id = *id](EndpointState& s) {
      const auto found = s.events.publications.find(id);
      if (found == s.events.publications.end()) return;
      abandon(s, found->second->done);
      s.agent().remove(id, s.now());
    });
  } else {
    refuse(state, std::move(done), id.error());
  }
  state.commanded();
}

}  // namespace sipstack
