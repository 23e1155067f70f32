// SPDX-License-Identifier: Apache-2.0
// Commands of a call's handle: looked up, carried out, flushed.
#include "sipstack/endpoint/call.hpp"

#include <utility>

#include "endpoint/state.hpp"

namespace sipstack {

namespace {

template <class F>
void with_record(const std::weak_ptr<EndpointState>& weak, CallId id, F f) {
  if (const auto state = weak.lock())
    if (const auto record = state->call(id)) f(*record);
}

}  // namespace

Call::operator bool() const noexcept {
  const auto state = state_.lock();
  return state && !state->closed_down && state->calls.count(id_) != 0;
}

std::string Call::call_id() const {
  const auto state = state_.lock();
  return state && !state->closed_down ? state->agent().call_id(id_) : std::string();
}

error_code Call::hang_up(std::string_view reason) {
  return carry_out(
      state_, [&](EndpointState& s, TimePoint now) { return s.agent().hang_up(id_, now, reason); });
}

error_code Call::reinvite(std::string_view sdp) {
  return carry_out(
      state_, [&](EndpointState& s, TimePoint now) { return s.agent().reinvite(id_, sdp, now); });
}
error_code Call::reinvite(const sdp::Session& offer) { return reinvite(offer.to_string()); }

error_code Call::update(std::string_view sdp) {
  return carry_out(
      state_, [&](EndpointState& s, TimePoint now) { return s.agent().update(id_, sdp, now); });
}
error_code Call::update(const sdp::Session& offer) { return update(offer.to_string()); }

error_code Call::hold() {
  return carry_out(state_,
                   [&](EndpointState& s, TimePoint now) { return s.agent().hold(id_, now); });
}

error_code Call::resume() {
  return carry_out(state_,
                   [&](EndpointState& s, TimePoint now) { return s.agent().resume(id_, now); });
}

error_code Call::accept_offer(std::string_view sdp) {
  return carry_out(state_, [&](EndpointState& s, TimePoint now) {
    return s.agent().accept_offer(id_, sdp, now);
  });
}
error_code Call::accept_offer(const sdp::Session& answer) {
  return accept_offer(answer.to_string());
}

error_code Call::reject_offer(int status) {
  return carry_out(state_, [&](EndpointState& s, TimePoint now) {
    return s.agent().reject_offer(id_, status, now);
  });
}

error_code Call::request(std::string_view method, std::string_view content_type,
                         std::string_view body, std::function<void(error_code, Message)> done) {
  return carry_out(state_, [&](EndpointState& s, TimePoint now) -> error_code {
    const auto id = s.agent().request(id_, method, content_type, body, now);
    if (!id) return id.error();
    if (done) s.requests.emplace(*id, std::move(done));
    return {};
  });
}

error_code Call::accept(std::string_view sdp) {
  return carry_out(
      state_, [&](EndpointState& s, TimePoint now) { return s.agent().accept(id_, sdp, now); });
}
error_code Call::accept(const sdp::Session& answer) { return accept(answer.to_string()); }

error_code Call::reject(int status, std::string_view reason) {
  return carry_out(state_, [&](EndpointState& s, TimePoint now) {
    return s.agent().reject(id_, status, now, reason);
  });
}

error_code Call::acknowledge(std::string_view sdp) {
  return carry_out(state_, [&](EndpointState& s, TimePoint now) {
    return s.agent().acknowledge(id_, sdp, now);
  });
}
error_code Call::acknowledge(const sdp::Session& answer) { return acknowledge(answer.to_string()); }

void Call::on_progress(std::function<void(const Message&)> handler) {
  with_record(state_, id_, [&](CallRecord& r) { r.progress = std::move(handler); });
}
void Call::on_answered(std::function<void(const Message&)> handler) {
  with_record(state_, id_, [&](CallRecord& r) { r.answered = std::move(handler); });
}
void Call::on_reinvite_failed(std::function<void(const ReinviteFailed&)> handler) {
  with_record(state_, id_, [&](CallRecord& r) { r.reinvite_failed = std::move(handler); });
}
void Call::on_reinvite(std::function<void(const Message&)> handler) {
  with_record(state_, id_, [&](CallRecord& r) { r.reinvited = std::move(handler); });
}
void Call::on_confirmed(std::function<void(const Message&)> handler) {
  with_record(state_, id_, [&](CallRecord& r) { r.confirmed = std::move(handler); });
}
void Call::on_offer(std::function<void(const Message&)> handler) {
  with_record(state_, id_, [&](CallRecord& r) { r.offered = std::move(handler); });
}
void Call::on_updated(std::function<void(const UpdateCompleted&)> handler) {
  with_record(state_, id_, [&](CallRecord& r) { r.updated = std::move(handler); });
}
void Call::on_provisional_acknowledged(std::function<void(const Message&)> handler) {
  with_record(state_, id_, [&](CallRecord& r) { r.pracked = std::move(handler); });
}
void Call::on_refreshed(std::function<void(const Message&)> handler) {
  with_record(state_, id_, [&](CallRecord& r) { r.refreshed = std::move(handler); });
}
void Call::on_request(std::function<void(TxnId, const Message&)> handler) {
  with_record(state_, id_, [&](CallRecord& r) { r.requested = std::move(handler); });
}
void Call::on_ended(std::function<void(const CallEnded&)> handler) {
  with_record(state_, id_, [&](CallRecord& r) { r.ended = std::move(handler); });
}

bool IncomingCall::has_offer() const noexcept {
  const MessageView invite = invite_.view();
  const auto type = invite.get(hdr::content_type);
  return !invite.body().empty() && type && type->is("application", "sdp");
}

expected<sdp::Session, ParseError> IncomingCall::offer() const {
  if (!has_offer()) return unexpected(ParseError{ParseErrc::bad_body, HeaderId::content_type, 0});
  return sdp::Session::parse(invite_->body());
}

void IncomingCall::ring(int status, std::string_view sdp, bool reliable) {
  carry_out(call_.state_, [&](EndpointState& s, TimePoint now) {
    return s.agent().ring(call_.id_, status, now, sdp, {}, reliable);
  });
}

void IncomingCall::reject(int status, std::string_view reason, const ExtraHeaders& headers) {
  carry_out(call_.state_, [&](EndpointState& s, TimePoint now) {
    return s.agent().reject(call_.id_, status, now, reason, headers);
  });
}

}  // namespace sipstack
