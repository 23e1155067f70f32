// SPDX-License-Identifier: Apache-2.0
// Operations on calls, requests and registrations; see operations.hpp. Outcomes are told in events.cpp.
#include "endpoint/operations.hpp"

#include <algorithm>
#include <utility>

namespace sipstack {

namespace {

Call note_call(EndpointState& state, CallId id, std::function<void(Call, const Message&)> progress,
               std::function<void(error_code, Call, Message)> done) {
  auto record = std::make_shared<CallRecord>();
  record->first_progress = std::move(progress);
  record->invited = std::move(done);
  state.calls.emplace(id, std::move(record));
  return state.handle(id);
}

/// CANCEL, or BYE where the answer has crossed it: the handler hears when it has taken effect.
void hang_up_on_cancel(EndpointState& state, detail::CancellationSlot slot, CallId id) {
  state.on_cancel(slot, [id](EndpointState& s) { s.agent().hang_up(id, s.now()); });
}

/// Of an exchange within a call: `waiting` is where its handler waits.
template <class Begin>
void begin_exchange(const std::weak_ptr<EndpointState>& weak, CallId id,
                    OnceSlot<error_code, Message> CallRecord::*waiting,
                    std::function<void(error_code, Message)> done, detail::CancellationSlot slot,
                    Begin begin) {
  const auto state = weak.lock();
  if (!state) return;  // with the endpoint go its handlers
  const auto record = state->call(id);
  error_code error = Errc::gone;
  if (record && !state->closed_down)
    error = (*record).*waiting ? error_code(Errc::wrong_state) : begin(*state);
  if (error) {
    refuse(*state, std::move(done), error);
  } else {
    (*record).*waiting = std::move(done);
    state->on_cancel(slot, [id, waiting](EndpointState& s) {
      if (const auto known = s.call(id)) abandon(s, (*known).*waiting);
    });
  }
  state->commanded();
}

}  // namespace

// ---- calls

expected<Call, error_code> Endpoint::invite(const CallOptions& options,
                                            std::function<void(Call, const Message&)> progress,
                                            std::function<void(error_code, Call, Message)> done) {
  if (state_->closed_down) return unexpected(make_error_code(Errc::gone));
  const auto id = state_->agent().invite(options, state_->now());
  if (id) note_call(*state_, *id, std::move(progress), std::move(done));
  state_->commanded();
  if (!id) return unexpected(id.error());
  return state_->handle(*id);
}

void Endpoint::start_invite(EndpointState& state, const CallOptions& options,
                            std::function<void(Call, const Message&)> progress,
                            std::function<void(error_code, Call, Message)> done, Slot slot) {
  if (state.closed_down) return refuse(state, std::move(done), Errc::gone);
  const auto id = state.agent().invite(options, state.now());
  if (id) {
    note_call(state, *id, std::move(progress), std::move(done));
    hang_up_on_cancel(state, slot, *id);
  } else {
    refuse(state, std::move(done), id.error());
  }
  state.commanded();
}

expected<Call, error_code> Notifier::follow(const CallOptions& options,
                                            std::function<void(Call, const Message&)> progress,
                                            std::function<void(error_code, Call, Message)> done) {
  const auto state = state_.lock();
  if (!state || state->closed_down) return unexpected(make_error_code(Errc::gone));
  const auto id = state->agent().follow(id_, options, state->now());
  if (id) note_call(*state, *id, std::move(progress), std::move(done));
  state->commanded();
  if (!id) return unexpected(id.error());
  return state->handle(*id);
}

void Notifier::start_follow(const CallOptions& options,
                            std::function<void(error_code, Call, Message)> done,
                            detail::CancellationSlot slot) const {
  const auto state = state_.lock();
  if (!state) return;
  if (state->closed_down) return refuse(*state, std::move(done), Errc::gone);
  const auto id = state->agent().follow(id_, options, state->now());
  if (id) {
    note_call(*state, *id, {}, std::move(done));
    hang_up_on_cancel(*state, slot, *id);
  } else {
    refuse(*state, std::move(done), id.error());
  }
  state->commanded();
}

void IncomingCall::accept(std::string_view sdp, std::function<void(error_code, Call)> done,
                          detail::CancellationSlot slot) {
  const auto state = call_.state_.lock();
  if (!state) return;
  const auto record = state->call(call_.id_);
  error_code error = Errc::gone;
  if (record && !state->closed_down) error = state->agent().accept(call_.id_, sdp, state->now());
  if (error) {
    state->refuse_later([done = std::move(done), error, call = call_] { done(error, call); });
  } else {
    record->accepted = std::move(done);
    hang_up_on_cancel(*state, slot, call_.id_);
  }
  state->commanded();
}

void Call::start_request(std::string_view method, std::string_view content_type,
                         std::string_view body, std::function<void(error_code, Message)> done,
                         Slot slot) const {
  const auto state = state_.lock();
  if (!state) return;
  if (state->closed_down) return refuse(*state, std::move(done), Errc::gone);
  const auto id = state->agent().request(id_, method, content_type, body, state->now());
  if (id) {
    state->requests.emplace(*id, std::move(done));
    state->on_cancel(slot, [id = *id](EndpointState& s) { abandon(s, s.requests, id); });
  } else {
    refuse(*state, std::move(done), id.error());
  }
  state->commanded();
}

void Call::start_reinvite(Change change, std::string_view sdp,
                          std::function<void(error_code, Message)> done, Slot slot) const {
  begin_exchange(state_, id_, &CallRecord::reinvite_done, std::move(done), slot,
                 [&](EndpointState& s) {
                   switch (change) {
                     case Change::hold: return s.agent().hold(id_, s.now());
                     case Change::resume: return s.agent().resume(id_, s.now());
                     default: return s.agent().reinvite(id_, sdp, s.now());
                   }
                 });
}

void Call::start_update(std::string_view sdp, std::function<void(error_code, Message)> done,
                        Slot slot) const {
  begin_exchange(state_, id_, &CallRecord::update_done, std::move(done), slot,
                 [&](EndpointState& s) { return s.agent().update(id_, sdp, s.now()); });
}

void Call::start_wait(std::function<void(error_code, CallEnded)> done, Slot slot) const {
  const auto state = state_.lock();
  if (!state) return;
  const auto record = state->call(id_);
  if (!record || state->closed_down) return refuse(*state, std::move(done), Errc::gone);
  const std::uint64_t number = ++state->waits;
  record->waits.emplace_back(number, std::move(done));
  state->on_cancel(slot, [id = id_, number](EndpointState& s) {
    const auto known = s.call(id);
    if (!known) return;
    const auto at = std::find_if(known->waits.begin(), known->waits.end(),
                                 [&](const auto& wait) { return wait.first == number; });
    if (at == known->waits.end()) return;
    auto waiting = std::move(at->second);
    known->waits.erase(at);
    abandon(s, waiting);
  });
}

// ---- single requests, registrations

void Endpoint::start_request(EndpointState& state, std::string_view method,
                             const RequestOptions& options,
                             std::function<void(error_code, Message)> done, Slot slot) {
  if (state.closed_down) return refuse(state, std::move(done), Errc::gone);
  const auto id = state.agent().request(method, options, state.now());
  if (id) {
    state.requests.emplace(*id, std::move(done));
    state.on_cancel(slot, [id = *id](EndpointState& s) { abandon(s, s.requests, id); });
  } else {
    refuse(state, std::move(done), id.error());
  }
  state.commanded();
}

void Endpoint::start_register(EndpointState& state, const RegistrationOptions& options,
                              std::function<void(error_code, RegistrationId, Message)> done,
                              Slot slot) {
  if (state.closed_down) return refuse(state, std::move(done), Errc::gone);
  const auto id = state.agent().add_registration(options, state.now());
  if (id) {
    state.registrations.emplace(*id, std::move(done));
    state.on_cancel(slot, [id = *id](EndpointState& s) {
      abandon(s, s.registrations, id);
      s.agent().remove(id, s.now());
    });
  } else {
    refuse(state, std::move(done), id.error());
  }
  state.commanded();
}

void Endpoint::start_unregister(EndpointState& state, RegistrationId registration,
                                std::function<void(error_code, Message)> done, Slot slot) {
  error_code error = Errc::gone;
  if (!state.closed_down)
    error = state.unregistrations.count(registration) != 0
                ? error_code(Errc::wrong_state)
                : state.agent().remove(registration, state.now());
  if (error) {
    refuse(state, std::move(done), error);
  } else {
    state.unregistrations.emplace(registration, std::move(done));
    state.on_cancel(
        slot, [registration](EndpointState& s) { abandon(s, s.unregistrations, registration); });
  }
  state.commanded();
}

// ---- the end

void Endpoint::shut_down(Duration limit, std::function<void()> done) {
  if (state_->closed_down || state_->ending) return;
  start_shut_down(*state_, limit, [done = std::move(done)](error_code) {
    if (done) done();
  });
}

void Endpoint::start_shut_down(EndpointState& state, Duration limit,
                               std::function<void(error_code)> done) {
  if (state.closed_down || state.ending) return refuse(state, std::move(done), Errc::wrong_state);
  state.ending = true;
  state.ended = [done = std::move(done)] { done({}); };
  state.agent().shut_down(state.now());
  state.limit.expires_after(limit);
  state.limit.async_wait([weak = state.weak_from_this()](boost::system::error_code moved) {
    const auto self = weak.lock();
    if (!moved && self && !self->closed_down) self->finish();
  });
  state.commanded();  // idle already: the events that come of it end here
}

}  // namespace sipstack
