// SPDX-License-Identifier: Apache-2.0
// re-INVITE, both ways, and what happens when both are on their way. RFC 3261 section 14, RFC 5407
// sections 3.1.4, 3.1.5 and 3.3.1.
#include "dialog/context.hpp"

namespace sipstack {

using Cause = CallEnded::Cause;
using std::chrono::milliseconds;

// ---- ours (section 14.1)

std::error_code InviteSession::reinvite(std::string_view sdp, bool after_glare, TimePoint now) {
  if (state_ != State::up || invite_in_progress() || waits(UsageTimer::What::glare) ||
      !talk_.offer.none())
    return Errc::wrong_state;
  client_ = {};
  client_.sdp = sdp;
  client_.retried = !after_glare;
  return send_reinvite(std::nullopt, now);
}

std::error_code InviteSession::cancel_reinvite(TimePoint now) {
  if (state_ != State::up || client_.refresh) return Errc::wrong_state;
  if (waits(UsageTimer::What::glare)) {
    disarm(UsageTimer::What::glare);
    ua_.tell(ReinviteFailed{id_, 487, {}, {}});
    return {};
  }
  if (!client_.pending || !client_.again) return Errc::wrong_state;
  ua_.layer.cancel(client_.txn, now);
  return {};
}

bool InviteSession::invite_in_progress() const noexcept {
  return client_.pending || client_.answer_owed || server_ || answer_;
}

std::error_code InviteSession::send_reinvite(std::optional<Flow> flow, TimePoint now) {
  const auto cseq = dialog_->next_cseq();
  if (!cseq) return Errc::wrong_state;
  RequestWriter out = dialog_->request(ua_.pool(), "INVITE", *cseq);
  write_contact(out, {}, dialog_->sips());
  ua_.write_capabilities(out, provisionals_ != ExtensionUse::off);
  if (provisionals_ == ExtensionUse::required) out.header(HeaderId::require, "100rel");
  timer_.write_request(out);
  digest_.authorize(out, "INVITE", std::string(out.uri()), client_.sdp.view(), ua_.random());
  ua_.write_product(out, HeaderId::user_agent);
  if (!client_.sdp.empty()) out.body("application/sdp", client_.sdp.view());
  if (out.error() != WriteErrc::ok) return Errc::write_failed;
  remember_credentials(out);
  NextHop hop = retry_hop(dialog_->next_hop(), flow);
  const auto txn = ua_.layer.send(std::move(out), std::move(hop), part(client_invite), now);
  if (!txn) return txn.error();
  client_.txn = *txn;
  client_.cseq = *cseq;
  client_.pending = true;
  client_.again = true;
  client_.offered = !client_.sdp.empty();
  talk_.invite_settled = false;
  talk_.rseq = 0;
  if (client_.offered) talk_.offer.open(OpenOffer::By::us, OpenOffer::In::invite);
  return {};
}

void InviteSession::reinvite_response(const ResponseArrived& event, TimePoint now) {
  const MessageView response = event.response.view();
  const int status = response.status();
  if (status < 200) return reinvite_progress(event, now);
  client_.pending = false;
  if (response.to_tag() != dialog_->remote_tag() && status < 300) {
    withdraw_reinvite();
    if (state_ == State::up)
      ua_.tell(ReinviteFailed{id_, status, Errc::bad_response, event.response});
    return;
  }
  if (status < 300) {
    digest_.succeeded(response);
    dialog_->refresh_target(response, event.flow);
    heard_allow(response);
    take_session(response, client_.sdp.view());
    if (state_ != State::up) client_.answer_owed = false;
    if (!client_.answer_owed) acknowledge_success(client_.cseq, {}, now);
    // RFC 5407 section 3.2.3: behind our BYE the ACK is all that it gets.
    if (state_ != State::up) return;
    timer_.answered(response);
    session_agreed(now);
    if (client_.refresh && !client_.answer_owed)
      ua_.tell(SessionRefreshed{id_, event.response});
    else
      ua_.tell(CallAnswered{id_, event.response, true});
    return;
  }
  withdraw_reinvite();
  if (state_ != State::up) return;
  std::error_code error;
  if (status == 401 || status == 407) {
    error = Errc::challenged_again;
    if (digest_.challenged(response)) {
      challenged_ = true;
      error = send_reinvite(challenger(ua_.layer, event), now);
      if (!error) return;
    }
  } else {
    digest_.succeeded();
  }
  if (status == 422 && timer_.too_small(response) && !send_reinvite(std::nullopt, now)) return;
  if (status == 491 && !client_.retried) {
    // Section 14.1: whoever owns the Call-ID waits 2.1 to 4 s, the other 0 to 2 s, in steps of 10 ms.
    const std::uint64_t steps =
        dialog_->caller() ? 210 + ua_.random().below(191) : ua_.random().below(201);
    arm(UsageTimer::What::glare, now + milliseconds(10 * steps));
    return;
  }
  if (client_.refresh)
    refresh_later(now);
  else
    ua_.tell(ReinviteFailed{id_, status, error, event.response});
  // Section 14.1 with 12.2.1.2: the peer has no such dialog, or nobody answered for it.
  if (fatal(status, true)) leave({id_, Cause::failed, status, event.response, {}}, now);
}

/// Its offer is closed, if a reliable provisional has not answered it.
void InviteSession::withdraw_reinvite() {
  if (talk_.offer.is(OpenOffer::By::us, OpenOffer::In::invite)) talk_.offer.withdrawn();
}

// A reliable provisional wants its PRACK here, too; the application hears of it where it has to answer.
void InviteSession::reinvite_progress(const ResponseArrived& event, TimePoint now) {
  const MessageView response = event.response.view();
  if (state_ != State::up || provisionals_ == ExtensionUse::off || response.status() == 100 ||
      response.to_tag() != dialog_->remote_tag() || !response.has(HeaderId::rseq) ||
      !lists(response, hdr::require, "100rel") || !take_reliable(response, talk_, now))
    return;
  if (owed_prack() != nullptr) ua_.tell(CallProgress{id_, event.response});
}

void InviteSession::retry_after_glare(TimePoint now) {
  if (state_ != State::up) return;
  if (invite_in_progress() || !talk_.offer.none()) {
    // The peer's turn lasts; ours comes after it. Bounded: each INVITE ends within 64*T1 or its answer.
    arm(UsageTimer::What::glare, now + ua_.timings().t2);
    return;
  }
  client_.retried = true;
  const auto error = send_reinvite(std::nullopt, now);
  if (error && client_.refresh)
    refresh_later(now);
  else if (error)
    ua_.tell(ReinviteFailed{id_, 491, error, {}});
}

// ---- the peer's (section 14.2)

void InviteSession::reinvited(const RequestArrived& event, TimePoint now) {
  const MessageView request = event.request.view();
  if (server_) return refuse_for_now(event, 500, now);
  // Ours is on its way; or an offer of ours in a 2xx has no answer yet (RFC 5407 section 3.1.5).
  if (client_.pending || client_.answer_owed || (answer_ && answer_->offer))
    return ua_.answer(event, 491, now);
  // RFC 5407 section 3.1.4: who sends a re-INVITE has our 2xx. The ACK was lost, or is late.
  if (answer_) acknowledged({}, now);
  if (state_ != State::up) return ua_.answer(event, 481, now);
  const bool offer = has_session(request);
  // An offer by UPDATE or PRACK is open (RFC 3311 section 5.2).
  if (const int status = talk_.offer.refusal(); status != 0 && offer)
    return refuse_for_now(event, status, now);
  if (too_many_refreshes(event, now)) return;
  heard_allow(request);
  talk_.invite_settled = false;
  if (offer) talk_.offer.open(OpenOffer::By::them, OpenOffer::In::invite);
  server_ = ServerInvite{event.txn, event.request, event.flow};
  ua_.layer.set_user(event.txn, part(server_invite));
  ua_.tell(CallReinvited{id_, event.request});
}

}  // namespace sipstack
