// SPDX-License-Identifier: Apache-2.0
// Each event of the user agent finds the handler that its user has hung on it.
#include <string>
#include <utility>

#include "endpoint/state.hpp"

namespace sipstack {

namespace {

/// What a request gets that nobody here wants (RFC 3261 section 21.5.2).
constexpr int kNotImplemented = 501;

}  // namespace

void EndpointState::on(CallArrived& event) {
  auto record = std::make_shared<CallRecord>();
  calls.emplace(event.call, std::move(record));
  if (!invited) {
    agent().reject(event.call, 480, now());
    return;
  }
  invited(IncomingCall(handle(event.call), std::move(event.invite)));
}

void EndpointState::on(CallProgress& event) {
  const auto record = call(event.call);
  if (!record) return;
  record->first_progress(handle(event.call), event.response);
  record->progress(event.response);
}

void EndpointState::on(CallAnswered& event) {
  const auto record = call(event.call);
  if (!record) return;
  if (event.reinvite) {
    if (const auto done = record->reinvite_done.take()) done({}, event.response);
    record->answered(event.response);
    return;
  }
  if (const auto done = record->invited.take())
    done({}, handle(event.call), std::move(event.response));
}

void EndpointState::on(CallConfirmed& event) {
  const auto record = call(event.call);
  if (!record) return;
  if (const auto done = record->accepted.take()) done({}, handle(event.call));
  record->confirmed(event.ack);
}

void EndpointState::on(CallReinvited& event) {
  const auto record = call(event.call);
  if (record && record->reinvited)
    record->reinvited(event.request);
  else
    agent().reject(event.call, 488, now());
}

void EndpointState::on(ReinviteFailed& event) {
  const auto record = call(event.call);
  if (!record) return;
  // A refusal is an outcome and no error.
  if (const auto done = record->reinvite_done.take()) done(event.error, event.response);
  record->reinvite_failed(event);
}

void EndpointState::on(CallRequest& event) {
  const auto record = call(event.call);
  if (record && record->requested)
    record->requested(event.txn, event.request);
  else
    agent().respond(event.txn, kNotImplemented, now());
}

void EndpointState::on(ProvisionalAcknowledged& event) {
  if (const auto record = call(event.call)) record->pracked(event.prack);
}

void EndpointState::on(OfferReceived& event) {
  const auto record = call(event.call);
  if (record && record->offered)
    record->offered(event.request);
  else
    agent().reject_offer(event.call, 488, now());
}

void EndpointState::on(UpdateCompleted& event) {
  const auto record = call(event.call);
  if (!record) return;
  if (const auto done = record->update_done.take()) done(event.error, event.response);
  record->updated(event);
}

void EndpointState::on(SessionRefreshed& event) {
  if (const auto record = call(event.call)) record->refreshed(event.response);
}

void EndpointState::on(CallEnded& event) {
  const auto found = calls.find(event.call);
  if (found == calls.end()) return;
  const auto record = std::move(found->second);
  calls.erase(found);  // the handle is stale from here on
  error_code error = event.error;
  if (!error && event.status < 300) {
    switch (event.cause) {
      case CallEnded::Cause::local_bye:
      case CallEnded::Cause::remote_bye:
      case CallEnded::Cause::cancelled: error = Errc::cancelled; break;
      case CallEnded::Cause::expired:
      case CallEnded::Cause::timeout: error = Errc::timeout; break;
      case CallEnded::Cause::not_acknowledged: error = Errc::not_acknowledged; break;
      case CallEnded::Cause::rejected:
      case CallEnded::Cause::failed: error = Errc::bad_response; break;
    }
  }
  if (const auto done = record->invited.take()) {
    // A refusal is an outcome and no error; our own CANCEL is told as what it was.
    if (event.cause == CallEnded::Cause::cancelled) error = Errc::cancelled;
    done(error, handle(event.call), event.message);
  }
  if (const auto done = record->accepted.take())
    done(error ? error : make_error_code(Errc::cancelled), handle(event.call));
  for (auto* const exchange : {&record->reinvite_done, &record->update_done})
    if (const auto done = exchange->take())
      done(error ? error : make_error_code(Errc::cancelled), {});
  for (const auto& [number, done] : std::exchange(record->waits, {})) done({}, event);
  record->ended(event);
}

void EndpointState::on(RequestReceived& event) {
  if (requested)
    requested(event.txn, event.request, event.flow);
  else
    agent().respond(event.txn, kNotImplemented, now());
}

void EndpointState::on(RequestCompleted& event) {
  const auto found = requests.find(event.request);
  if (found == requests.end()) return;
  const auto done = std::move(found->second);
  requests.erase(found);
  done(event.error, std::move(event.response));
}

// A flow that cannot be kept alive is told by its end, or is a carrier's own affair.
void EndpointState::on(KeepFlowAlive& event) {
  if (transports) static_cast<void>(transports->keep_alive(event.flow, event.interval));
}

void EndpointState::on(RegistrationChanged& event) {
  const auto asked = unregistrations.find(event.registration);
  if (asked != unregistrations.end() && event.state == RegistrationChanged::State::removed) {
    const auto done = std::move(asked->second);
    unregistrations.erase(asked);
    done(event.error, event.response);
  }
  const auto found = registrations.find(event.registration);
  if (found == registrations.end()) {
    registration(event);
    return;
  }
  const auto done = std::move(found->second);
  registrations.erase(found);
  if (event.state == RegistrationChanged::State::removed && !event.error)
    event.error = Errc::cancelled;  // by ourselves, before it came about
  done(event.error, event.registration, std::move(event.response));
}

}  // namespace sipstack
