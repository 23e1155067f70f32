// SPDX-License-Identifier: Apache-2.0
// re-INVITE, both ways, and what happens when both are on their way. RFC 3261 section 14, RFC 5407
// sections 3.1.4, 3.1.5 and 3.3.1.
#include "dialog/context.hpp"

namespace sipstack {

using Cause = CallEnded::Cause;
using std::chrono::milliseconds;

// ---- ours (section 14.1)

std::error_code InviteSession::reinvite(std::string_view sdp, TimePoint now) {
  if (state_ != State::up || invite_in_progress() || glare_.armed()) return Errc::wrong_state;
  client_ = {};
  client_.sdp = sdp;
  return send_reinvite(std::nullopt, now);
}

bool InviteSession::invite_in_progress() const noexcept {
  return client_.pending || client_.answer_owed || server_ || answer_;
}

std::error_code InviteSession::send_reinvite(std::optional<Flow> flow, TimePoint now) {
  const auto cseq = dialog_->next_cseq();
  if (!cseq) return Errc::wrong_state;
  RequestWriter out = dialog_->request(ua_.pool(), "INVITE", *cseq);
  ua_.write_contact(out, {}, dialog_->sips());
  ua_.write_capabilities(out);
  digest_.authorize(out, "INVITE", std::string(out.uri()), client_.sdp, ua_.random());
  ua_.write_product(out, HeaderId::user_agent);
  if (!client_.sdp.empty()) out.body("application/sdp", client_.sdp);
  if (out.error() != WriteErrc::ok) return Errc::write_failed;
  remember_credentials(out);
  NextHop hop = retry_hop(dialog_->next_hop(), flow);
  const auto txn = ua_.layer.send(std::move(out), std::move(hop), part(client_invite), now);
  if (!txn) return txn.error();
  client_.txn = *txn;
  client_.cseq = *cseq;
  client_.pending = true;
  client_.again = true;
  return {};
}

void InviteSession::reinvite_response(const ResponseArrived& event, TimePoint now) {
  const MessageView response = event.response.view();
  const int status = response.status();
  if (status < 200) return;
  client_.pending = false;
  if (response.to_tag() != dialog_->remote_tag() && status < 300) {
    if (state_ == State::up) ua_.tell(ReinviteFailed{id_, status, Errc::bad_response});
    return;
  }
  if (status < 300) {
    digest_.succeeded();
    dialog_->refresh_target(response, event.flow);
    client_.answer_owed = state_ == State::up && client_.sdp.empty() && !response.body().empty();
    if (!client_.answer_owed) acknowledge_success(client_.cseq, {}, now);
    // RFC 5407 section 3.2.3: behind our BYE the ACK is all that it gets.
    if (state_ == State::up) ua_.tell(CallAnswered{id_, event.response, true});
    return;
  }
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
  if (status == 491 && !client_.retried) {
    // Section 14.1: whoever owns the Call-ID waits 2.1 to 4 s, the other 0 to 2 s, in steps of 10 ms.
    const std::uint64_t steps =
        dialog_->caller() ? 210 + ua_.random().below(191) : ua_.random().below(201);
    ua_.arm(glare_, now + milliseconds(10 * steps));
    return;
  }
  ua_.tell(ReinviteFailed{id_, status, error});
  // Section 14.1 with 12.2.1.2: the peer has no such dialog, or nobody answered for it.
  if (status == 481 || status == 408) leave({id_, Cause::failed, status, event.response, {}}, now);
}

void InviteSession::retry_after_glare(TimePoint now) {
  if (state_ != State::up) return;
  if (invite_in_progress()) {
    // The peer's turn lasts; ours comes after it. Bounded: each INVITE ends within 64*T1 or its answer.
    ua_.arm(glare_, now + ua_.timings().t2);
    return;
  }
  client_.retried = true;
  if (const auto error = send_reinvite(std::nullopt, now))
    ua_.tell(ReinviteFailed{id_, 491, error});
}

// ---- the peer's (section 14.2)

void InviteSession::reinvited(const RequestArrived& event, TimePoint now) {
  const MessageView request = event.request.view();
  if (server_) {
    ResponseWriter out = ua_.response(request, event.flow, 500);
    out.header(HeaderId::retry_after, ua_.random().below(11));
    ua_.layer.respond(event.txn, out, now);
    return;
  }
  // Ours is on its way; or an offer of ours in a 2xx has no answer yet (RFC 5407 section 3.1.5).
  if (client_.pending || client_.answer_owed || (answer_ && answer_->offer))
    return ua_.answer(event, 491, now);
  // RFC 5407 section 3.1.4: who sends a re-INVITE has our 2xx. The ACK was lost, or is late.
  if (answer_) acknowledged({}, now);
  if (state_ != State::up) return ua_.answer(event, 481, now);
  server_ = ServerInvite{event.txn, event.request, event.flow};
  ua_.layer.set_user(event.txn, part(server_invite));
  ua_.tell(CallReinvited{id_, event.request});
}

}  // namespace sipstack
