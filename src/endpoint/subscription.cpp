// SPDX-License-Identifier: Apache-2.0
// Subscriptions, referrals and publications: commands of the handles, and events to their handlers.
#include "sipstack/endpoint/subscription.hpp"

#include <utility>

#include "endpoint/state.hpp"

namespace sipstack {

namespace {

template <class Map, class Id>
typename Map::mapped_type find(const Map& map, Id id) {
  const auto found = map.find(id);
  return found == map.end() ? nullptr : found->second;
}

/// f(record) where it is still there.
template <class Map, class Id, class F>
void with(const std::weak_ptr<EndpointState>& weak, Map EventRecords::*map, Id id, F f) {
  if (const auto state = weak.lock())
    if (const auto record = find(state->events.*map, id)) f(*record);
}

template <class Map, class Id>
bool alive(const std::weak_ptr<EndpointState>& weak, Map EventRecords::*map, Id id) noexcept {
  const auto state = weak.lock();
  return state && !state->closed_down && (state->events.*map).count(id) != 0;
}

expected<Subscription, error_code> begun(EndpointState& state,
                                         const expected<SubscriptionId, error_code>& id) {
  if (id) state.events.subscriptions.emplace(*id, std::make_shared<SubscriptionRecord>());
  state.commanded();
  if (!id) return unexpected(id.error());
  return state.handle(*id);
}

}  // namespace

// ---- ours

Subscription::operator bool() const noexcept {
  return alive(state_, &EventRecords::subscriptions, id_);
}
error_code Subscription::refresh() {
  return carry_out(state_,
                   [&](EndpointState& s, TimePoint now) { return s.agent().refresh(id_, now); });
}
error_code Subscription::unsubscribe() {
  return carry_out(
      state_, [&](EndpointState& s, TimePoint now) { return s.agent().unsubscribe(id_, now); });
}
void Subscription::on_notify(std::function<void(const Message&)> handler) {
  with(state_, &EventRecords::subscriptions, id_,
       [&](SubscriptionRecord& r) { r.notified = std::move(handler); });
}
void Subscription::on_changed(std::function<void(const SubscriptionChanged&)> handler) {
  with(state_, &EventRecords::subscriptions, id_,
       [&](SubscriptionRecord& r) { r.changed = std::move(handler); });
}
void Subscription::on_forked(std::function<void(Subscription)> handler) {
  with(state_, &EventRecords::subscriptions, id_,
       [&](SubscriptionRecord& r) { r.forked = std::move(handler); });
}

expected<Subscription, error_code> Call::refer(const ReferOptions& options) {
  const auto state = state_.lock();
  if (!state || state->closed_down) return unexpected(make_error_code(Errc::gone));
  return begun(*state, state->agent().refer(id_, options, state->now()));
}
expected<Subscription, error_code> Call::subscribe(const SubscriptionOptions& options) {
  const auto state = state_.lock();
  if (!state || state->closed_down) return unexpected(make_error_code(Errc::gone));
  return begun(*state, state->agent().subscribe(id_, options, state->now()));
}
std::string Call::refer_to() const {
  const auto state = state_.lock();
  return state && !state->closed_down ? state->agent().refer_to(id_) : std::string();
}

expected<Subscription, error_code> Endpoint::subscribe(const SubscriptionOptions& options) {
  if (state_->closed_down) return unexpected(make_error_code(Errc::gone));
  return begun(*state_, state_->agent().subscribe(options, state_->now()));
}
expected<Subscription, error_code> Endpoint::refer(const ReferOptions& options) {
  if (state_->closed_down) return unexpected(make_error_code(Errc::gone));
  return begun(*state_, state_->agent().refer(options, state_->now()));
}

// ---- with us

Notifier::operator bool() const noexcept { return alive(state_, &EventRecords::notifiers, id_); }

error_code Notifier::accept(std::string_view content_type, std::string_view body,
                            const ExtraHeaders& headers) {
  return carry_out(state_, [&](EndpointState& s, TimePoint now) {
    return s.agent().accept(id_, content_type, body, now, headers);
  });
}
error_code Notifier::defer() {
  return carry_out(state_,
                   [&](EndpointState& s, TimePoint now) { return s.agent().defer(id_, now); });
}
error_code Notifier::reject(int status, const ExtraHeaders& headers) {
  return carry_out(state_, [&](EndpointState& s, TimePoint now) {
    return s.agent().reject(id_, status, now, headers);
  });
}
error_code Notifier::notify(std::string_view content_type, std::string_view body,
                            const ExtraHeaders& headers) {
  return carry_out(state_, [&](EndpointState& s, TimePoint now) {
    return s.agent().notify(id_, content_type, body, now, headers);
  });
}
error_code Notifier::terminate(std::string_view reason, std::string_view content_type,
                               std::string_view body, std::uint32_t retry_after) {
  return carry_out(state_, [&](EndpointState& s, TimePoint now) {
    return s.agent().terminate(id_, reason, now, content_type, body, retry_after);
  });
}
error_code Notifier::report(int status, std::string_view reason) {
  return carry_out(state_, [&](EndpointState& s, TimePoint now) {
    return s.agent().report(id_, status, now, reason);
  });
}
void Notifier::on_ended(std::function<void(const NotifierEnded&)> handler) {
  with(state_, &EventRecords::notifiers, id_,
       [&](NotifierRecord& r) { r.ended = std::move(handler); });
}

void Endpoint::on_subscribe(std::function<void(Notifier, const Message&)> handler) {
  state_->events.subscribed = std::move(handler);
}
void Endpoint::on_refer(std::function<void(Notifier, Call, const Message&)> handler) {
  state_->events.referred = std::move(handler);
}

// ---- publications

Publication::operator bool() const noexcept {
  return alive(state_, &EventRecords::publications, id_);
}
error_code Publication::modify(std::string_view content_type, std::string_view body) {
  return carry_out(state_, [&](EndpointState& s, TimePoint now) {
    return s.agent().modify(id_, content_type, body, now);
  });
}
error_code Publication::remove() {
  return carry_out(state_,
                   [&](EndpointState& s, TimePoint now) { return s.agent().remove(id_, now); });
}
void Publication::on_changed(std::function<void(const PublicationChanged&)> handler) {
  with(state_, &EventRecords::publications, id_,
       [&](PublicationRecord& r) { r.changed = std::move(handler); });
}

// ---- events

namespace {

void told(SubscriptionRecord& record, const Message& notify) {
  const int status = record.referred ? sipfrag_status(notify->body()) : 0;
  if (status >= 200) std::exchange(record.referred, nullptr)({}, status);
  if (const auto next = std::exchange(record.next, nullptr))
    next({}, notify);
  else if (!record.notified)
    record.unread = notify;
  record.notified(notify);
}

/// What still waits for a subscription that has ended.
void over(SubscriptionRecord& record, const SubscriptionChanged& event) {
  if (const auto done = std::exchange(record.referred, nullptr)) {
    const bool refused =
        event.message && !event.message->is_request() && event.message->status() >= 300;
    const error_code unknown = event.error ? event.error : make_error_code(Errc::bad_response);
    done(refused ? error_code{} : unknown, refused ? event.message->status() : 0);
  }
  if (const auto next = std::exchange(record.next, nullptr)) next(make_error_code(Errc::gone), {});
}

}  // namespace

void EndpointState::on(NotifyReceived& event) {
  if (const auto record = find(events.subscriptions, event.subscription))
    told(*record, event.notify);
}

void EndpointState::on(SubscriptionChanged& event) {
  const auto record = find(events.subscriptions, event.subscription);
  if (!record) return;
  if (event.state == SubscriptionChanged::State::ended)
    events.subscriptions.erase(event.subscription);  // the handle is stale from here on
  if (const auto done = std::exchange(record->done, nullptr)) {
    record->unread = {};  // it is in `event`
    done(event.error, handle(event.subscription), event.message);
  }
  record->changed(event);
  if (event.state == SubscriptionChanged::State::ended) over(*record, event);
}

void EndpointState::on(SubscriptionForked& event) {
  const auto first = find(events.subscriptions, event.of);
  events.subscriptions.emplace(event.subscription, std::make_shared<SubscriptionRecord>());
  if (first && first->forked)
    first->forked(handle(event.subscription));
  else
    agent().unsubscribe(event.subscription, now());
}

void EndpointState::on(SubscriptionArrived& event) {
  events.notifiers.emplace(event.notifier, std::make_shared<NotifierRecord>());
  if (events.subscribed)
    events.subscribed(handle(event.notifier), event.request);
  else
    agent().reject(event.notifier, 480, now());
}

void EndpointState::on(ReferArrived& event) {
  events.notifiers.emplace(event.referral, std::make_shared<NotifierRecord>());
  if (events.referred)
    events.referred(handle(event.referral), event.call ? handle(event.call) : Call(),
                    event.request);
  else
    agent().reject(event.referral, 603, now());
}

void EndpointState::on(NotifierEnded& event) {
  const auto record = find(events.notifiers, event.notifier);
  events.notifiers.erase(event.notifier);
  if (record) record->ended(event);
}

void EndpointState::on(PublicationChanged& event) {
  const auto record = find(events.publications, event.publication);
  if (!record) return;
  if (event.state == PublicationChanged::State::removed || !record->kept)
    events.publications.erase(event.publication);
  if (const auto done = std::exchange(record->done, nullptr))
    return done(event.error, handle(event.publication), event.response);
  record->changed(event);
}

}  // namespace sipstack
