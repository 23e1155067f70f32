// SPDX-License-Identifier: Apache-2.0
// The callee: an INVITE that waits for the application, and the 2xx that waits for its ACK.
// RFC 3261 sections 9.2, 13.3 and 14.2.
#include <algorithm>

#include "dialog/context.hpp"

namespace sipstack {

using Cause = CallEnded::Cause;

void InviteSession::invited(CallId id, Dialog dialog, const RequestArrived& event, TimePoint now) {
  belongs_to(id);
  dialog_ = std::make_shared<Dialog>(std::move(dialog));
  ua_.dialogs.insert({dialog_->call_id(), dialog_->local_tag(), dialog_->remote_tag()}, id_);
  server_ = ServerInvite{event.txn, event.request, event.flow};
  ua_.layer.set_user(event.txn, part(server_invite));
  const MessageView invite = event.request.view();
  if (has_session(invite)) talk_.offer.open(OpenOffer::By::them, OpenOffer::In::invite);
  heard_allow(invite);
  state_ = State::ringing;
  if (ua_.options.max_ring > Duration::zero())
    arm(UsageTimer::What::ring_limit, now + ua_.options.max_ring);
  ua_.tell(CallArrived{id_, event.request, event.flow, replaces_});
}

ResponseWriter InviteSession::response(int status, std::string_view reason) {
  const MessageView invite = server_->request.view();
  ResponseWriter out = ua_.response(invite, server_->flow, status, dialog_->local_tag(), reason);
  // Section 12.1.1: what may make a dialog carries the route set back, and our Contact.
  if (state_ == State::ringing && status > 100 && status < 300)
    out.copy(invite, HeaderId::record_route);
  return out;
}

std::error_code InviteSession::accept(std::string_view sdp, const ExtraHeaders& headers,
                                      TimePoint now) {
  if (!server_ || accept_) return Errc::wrong_state;
  if (!accept_must_wait()) return send_accept(sdp, headers, now);
  accept_ = Saying{200, std::string(sdp), headers};
  // Of what waits only descriptions still matter.
  sayings_.erase(std::remove_if(sayings_.begin(), sayings_.end(),
                                [](const Saying& s) { return s.sdp.empty(); }),
                 sayings_.end());
  return {};
}

std::error_code InviteSession::send_accept(std::string_view sdp, const ExtraHeaders& headers,
                                           TimePoint now) {
  const MessageView invite = server_->request.view();
  if (talk_.invite_settled) sdp = {};
  ResponseWriter out = response(200);
  ua_.write_contact(out, headers, dialog_->sips());
  ua_.write_capabilities(out);
  // RFC 6086 section 5.2.3: only where the request has it.
  if (server_->request->has(HeaderId::recv_info)) out.header(HeaderId::recv_info, ua_.recv_info);
  timer_.accept(invite, out);
  write_extra(out, headers);
  if (!sdp.empty()) out.body("application/sdp", sdp);

  // Sealed here and not by the layer: the very same bytes are sent again until the ACK.
  const std::string here = ua_.layer.locals().sent_by(server_->flow);
  const auto sealed = out.seal({server_->flow.transport, here, {}});
  if (!sealed) return Errc::write_failed;
  if (const auto error = ua_.layer.respond(server_->txn, *sealed, now)) return error;

  const bool first = state_ == State::ringing;
  const bool offer = talk_.offer.none() && !sdp.empty();
  if (offer)
    talk_.offer.open(OpenOffer::By::us, OpenOffer::In::invite);
  else if (sdp.empty())
    talk_.offer.withdrawn();
  else
    talk_.offer.answered();
  if (!sdp.empty()) local_sdp_ = sdp;
  // RFC 6141 section 4.9: a refused re-INVITE moves no target.
  if (!first) dialog_->refresh_target(invite, server_->flow);
  answer_ = Answer{server_->txn, *sealed, ua_.timings().t1, invite.cseq().number, offer, first};
  server_.reset();
  forget_provisionals();
  state_ = State::up;
  disarm(UsageTimer::What::ring_limit);
  arm(UsageTimer::What::answer_again, now + answer_->interval);
  arm(UsageTimer::What::no_ack, now + ua_.timings().timeout());
  session_agreed(now);
  return {};
}

std::error_code InviteSession::reject(int status, std::string_view reason,
                                      const ExtraHeaders& headers, TimePoint now) {
  if (!server_ || status < 300 || status > 699) return Errc::wrong_state;
  ResponseWriter out = response(status, reason);
  write_extra(out, headers);
  // What could not be written stays unanswered: the application may do better.
  if (const auto error = ua_.layer.respond(server_->txn, out, now)) return error;
  server_invite_over();
  if (state_ == State::ringing) end({id_, Cause::rejected, status, {}, {}}, now);
  return {};
}

void InviteSession::refuse(int status, Cause cause, TimePoint now) {
  ua_.layer.respond(server_->txn, response(status), now);
  server_invite_over();
  end({id_, cause, status, {}, {}}, now);
}

// Section 9.2: 200 to the CANCEL whatever becomes of it; 487 only where there was no final response.
void InviteSession::cancelled(const RequestArrived& cancel, TimePoint now) {
  ua_.answer(cancel, 200, now,
             dialog_ ? std::string_view(dialog_->local_tag()) : std::string_view());
  if (!server_ || server_->txn != cancel.cancels) return;
  const bool first = state_ == State::ringing;
  terminate_server_invite(now);
  if (first) end({id_, Cause::cancelled, 487, cancel.request, {}}, now);
}

// Section 13.3.1.4.
void InviteSession::receive(const AckArrived& event, TimePoint now) {
  const MessageView ack = event.request.view();
  if (!answer_ || answer_->cseq != ack.cseq().number) return;
  acknowledged(event.request, now);
}

void InviteSession::acknowledged(Message ack, TimePoint now) {
  if (answer_->offer && talk_.offer.is(OpenOffer::By::us, OpenOffer::In::invite)) {
    if (ack && has_session(ack.view()))
      talk_.offer.answered();
    else
      talk_.offer.withdrawn();
  }
  answer_.reset();
  disarm(UsageTimer::What::answer_again);
  disarm(UsageTimer::What::no_ack);
  ua_.tell(CallConfirmed{id_, std::move(ack)});
  if (leave_when_acknowledged_) leave({id_, Cause::local_bye, 0, {}, {}}, now);
}

}  // namespace sipstack
