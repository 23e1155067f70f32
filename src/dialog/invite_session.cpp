// SPDX-License-Identifier: Apache-2.0
// What caller and callee of a call have in common: requests within the dialog, BYE, and the end.
// RFC 3261 sections 12.2.2 and 15; RFC 5407 for what crosses on the wire.
#include "dialog/invite_session.hpp"

#include <algorithm>

#include "dialog/context.hpp"
#include "dialog/inspect.hpp"

namespace sipstack {

using Cause = CallEnded::Cause;

void InviteSession::belongs_to(CallId id) noexcept {
  id_ = id;
  provisionals_ = ua_.options.reliable;
  timer_.start(ua_.options, ua_.options.session_expires);
}

// Timers take memory only while they wait: of the nine a call that stands has two at most.
void InviteSession::arm(UsageTimer::What what, TimePoint at) {
  for (const auto& timer : timers_)
    if (timer->what == what) return ua_.arm(*timer, at);
  const auto& timer =
      timers_.emplace_back(std::make_unique<UsageTimer>(what, UsageKind::invite_session));
  timer->belongs_to(id_);
  ua_.arm(*timer, at);
}

void InviteSession::disarm(UsageTimer::What what) noexcept {
  for (auto timer = timers_.begin(); timer != timers_.end(); ++timer) {
    if ((*timer)->what != what) continue;
    ua_.disarm(**timer);
    timers_.erase(timer);
    if (timers_.empty()) timers_.shrink_to_fit();
    return;
  }
}

bool InviteSession::waits(UsageTimer::What what) const noexcept {
  return std::any_of(timers_.begin(), timers_.end(),
                     [what](const auto& timer) { return timer->what == what; });
}

bool InviteSession::has_dialog(const DialogId& id) const noexcept {
  const auto is = [&id](const Dialog& d) {
    return d.local_tag() == id.local_tag && d.remote_tag() == id.remote_tag &&
           d.call_id() == id.call_id;
  };
  if (dialog_ && is(*dialog_)) return true;
  return std::any_of(early_.begin(), early_.end(), [&](const Early& e) { return is(e.dialog); });
}

Dialog* InviteSession::dialog() noexcept {
  // Behind our BYE no request may follow: it would overtake a BYE that was lost, and that would then be
  // out of order (section 12.2.2).
  if (state_ == State::leaving || state_ == State::cancelling) return nullptr;
  if (dialog_) return &*dialog_;
  return early_.empty() ? nullptr : &early_.back().dialog;
}

std::string InviteSession::call_id() const {
  if (dialog_) return std::string(dialog_->call_id());
  return setup_ ? setup_->head.call_id : std::string();
}

std::shared_ptr<Dialog> InviteSession::shared_dialog() noexcept {
  return state_ == State::leaving || state_ == State::over ? nullptr : dialog_;
}

// ---- requests within a dialog (section 12.2.2)

void InviteSession::receive(const RequestArrived& event, TimePoint now) {
  const MessageView request = event.request.view();
  const Method method = request.method();
  if (state_ == State::leaving) {
    // RFC 5407 section 3.2: the session is over; only a crossing BYE still succeeds.
    ua_.answer(event, method == Method::bye ? 200 : 481, now);
    if (method == Method::bye) end(std::move(*ending_), now);
    return;
  }
  if (const auto refused = refusal(ua_, event, true)) {
    ua_.layer.respond(event.txn, *refused, now);
    return;
  }
  Dialog* const dialog = dialog_with(request.from_tag());
  if (dialog == nullptr || !dialog->in_order(request)) return ua_.answer(event, 500, now);

  switch (method) {
    case Method::bye: return bye_received(event, now);
    case Method::invite: return reinvited(event, now);
    case Method::prack: return pracked(event, now);
    case Method::update: return updated(event, *dialog, now);
    case Method::options:
      if (ua_.options.answer_options) return ua_.answer_options(event, now);
      break;
    case Method::info:
    case Method::message:
      if (ua_.options.answer_options && !ua_.options.tell_messages)
        return ua_.answer(event, 200, now);
      break;
    default: break;
  }
  ua_.tell(CallRequest{id_, event.txn, event.request});
}

void InviteSession::bye_received(const RequestArrived& event, TimePoint now) {
  ua_.answer(event, 200, now);
  if (dialog_) return end({id_, Cause::remote_bye, 0, event.request, {}}, now);
  // A callee may not send BYE in an early dialog (section 15); one fork fewer.
  const MessageView request = event.request.view();
  for (auto it = early_.begin(); it != early_.end(); ++it) {
    if (it->dialog.remote_tag() != request.from_tag()) continue;
    ua_.dialogs.erase(DialogId::of_request(request), id_);
    early_.erase(it);
    return;
  }
}

// ---- events of our own transactions

void InviteSession::receive(const ResponseArrived& event, TimePoint now) {
  switch (event.user.detail) {
    case client_invite: return invite_response(event, now);
    case bye: return bye_response(event, now);
    case prack_request: return prack_response(event, now);
    case update_request: return update_response(event, now);
    default: return;
  }
}

void InviteSession::receive(const TxnFailed& event, TimePoint now) {
  if (event.user.detail == client_invite) return invite_failed(event, now);
  if (event.user.detail == bye) {
    if (event.txn != bye_txn_) return;
    if (event.error == Errc::transport_failed && !bye_again_ && dialog_) {
      // The connection that the dialog stuck to may be gone while the peer is not.
      bye_again_ = true;
      dialog_->forget_flow();
      if (!send_bye(std::nullopt, now)) return;
    }
    return end(std::move(*ending_), now);
  }
  if (event.user.detail == update_request) return update_failed(event, now);
  if (event.user.detail == prack_request) return prack_failed(event);
  if (event.user.detail == peer_offer) return offer_abandoned(event, now);
  if (!server_ || server_->txn != event.txn) return;
  server_invite_over();
  if (state_ == State::up) ua_.tell(OfferWithdrawn{id_, true});
  if (state_ != State::ringing) return;
  const bool late = event.error == Errc::timeout;
  end({id_, late ? Cause::timeout : Cause::failed, late ? 408 : 503, {}, event.error}, now);
}

void InviteSession::invite_failed(const TxnFailed& event, TimePoint now) {
  if (event.txn != client_.txn || !client_.pending) return;
  client_.pending = false;
  if (client_.again && talk_.offer.is(OpenOffer::By::us, OpenOffer::In::invite))
    talk_.offer.withdrawn();
  const bool late = event.error == Errc::timeout;
  // Section 8.1.3.1: a timeout is treated as a 408, a transport error as a 503.
  CallEnded ending{id_, late ? Cause::timeout : Cause::failed, late ? 408 : 503, {}, event.error};
  switch (state_) {
    case State::calling:
      if (!try_next(now)) end(std::move(ending), now);
      return;
    case State::cancelling: return end(std::move(*ending_), now);
    case State::up:
      if (event.error == Errc::transport_failed) dialog_->forget_flow();
      if (client_.refresh && !late) return refresh_later(now);
      if (!client_.refresh) ua_.tell(ReinviteFailed{id_, ending.status, event.error, {}});
      // Section 14.1: a re-INVITE that nobody answers ends the call.
      if (late) leave(std::move(ending), now);
      return;
    default: return;
  }
}

void InviteSession::expire(UsageTimer::What what, TimePoint now) {
  disarm(what);
  switch (what) {
    case UsageTimer::What::ring_limit:
      if (state_ == State::ringing) refuse(480, Cause::timeout, now);
      if (state_ == State::calling) give_up(Cause::timeout, now, {});
      return;
    case UsageTimer::What::answer_again:
      if (!answer_) return;
      // Section 13.3.1.4: from T1, doubled up to T2, whatever the transport.
      ua_.layer.respond(answer_->txn, answer_->response, now);
      answer_->interval = std::min(2 * answer_->interval, ua_.timings().t2);
      arm(UsageTimer::What::answer_again, now + answer_->interval);
      return;
    case UsageTimer::What::no_ack:
      answer_.reset();
      return leave({id_, Cause::not_acknowledged, 0, {}, Errc::not_acknowledged}, now);
    case UsageTimer::What::glare: return retry_after_glare(now);
    case UsageTimer::What::provisional_again: return provisional_again(now);
    case UsageTimer::What::still_ringing: return ring_again(now);
    case UsageTimer::What::update_glare: return update_after_glare(now);
    case UsageTimer::What::session_refresh: return refresh_session(now);
    case UsageTimer::What::session_expiry: return session_expired(now);
    default: return;
  }
}

// ---- the end (section 15)

std::error_code InviteSession::hang_up(TimePoint now, std::string_view reason) {
  switch (state_) {
    case State::calling: give_up(Cause::cancelled, now, reason); return {};
    case State::ringing: refuse(603, Cause::rejected, now); return {};
    case State::up:
      if (answer_ && answer_->first) {
        // Section 15: a callee sends no BYE before the ACK for its 2xx, or before 64*T1 without it.
        leave_when_acknowledged_ = true;
        bye_reason_ = reason;
        return {};
      }
      leave({id_, Cause::local_bye, 0, {}, {}}, now, reason);
      return {};
    case State::cancelling:
    case State::leaving: return {};
    default: return Errc::gone;
  }
}

void InviteSession::shut_down(TimePoint now) {
  if (state_ == State::ringing)
    refuse(487, Cause::rejected, now);
  else
    hang_up(now, {});
}

void InviteSession::give_up(Cause cause, TimePoint now, std::string_view reason) {
  state_ = State::cancelling;
  ending_ = CallEnded{id_, cause, 0, {}, cause == Cause::timeout ? Errc::timeout : Errc::ok};
  disarm(UsageTimer::What::ring_limit);
  ua_.layer.cancel(client_.txn, now, reason);
}

bool InviteSession::fatal(int status, bool of_the_call) noexcept {
  switch (status) {
    case 408:
    case 481: return of_the_call;  // the peer has lost the call, but maybe not the dialog
    case 404:
    case 410:
    case 416:
    case 482:
    case 483:
    case 484:
    case 485:
    case 502:
    case 604: return true;  // the dialog's target or route set leads nowhere
    default: return false;
  }
}

void InviteSession::request_failed(Method method, int status, const Message& response,
                                   std::error_code error, TimePoint now) {
  // Section 5.3: OPTIONS and MESSAGE belong to no usage, REFER and NOTIFY to others. Of an early dialog it
  // says nothing about the INVITE.
  if (state_ == State::up && fatal(status, method == Method::info))
    leave({id_, error ? Cause::timeout : Cause::failed, status, response, error}, now);
}

void InviteSession::leave(CallEnded ending, TimePoint now, std::string_view reason) {
  if (state_ == State::leaving || state_ == State::over) return;
  if (!dialog_) return end(std::move(ending), now);
  if (client_.answer_owed) acknowledge_success(client_.cseq, {}, now);
  client_.answer_owed = false;
  state_ = State::leaving;
  ending_ = std::move(ending);
  if (!reason.empty()) bye_reason_ = reason;
  terminate_server_invite(now);
  refuse_offers(now);
  answer_.reset();
  disarm_all();
  if (const auto error = send_bye(std::nullopt, now)) {
    if (!ending_->error) ending_->error = error;
    end(std::move(*ending_), now);
  }
}

std::error_code InviteSession::send_bye(std::optional<Flow> flow, TimePoint now) {
  const auto cseq = dialog_->next_cseq();
  if (!cseq) return Errc::wrong_state;
  RequestWriter out = dialog_->request(ua_.pool(), "BYE", *cseq);
  digest_.authorize(out, "BYE", std::string(out.uri()), {}, ua_.random());
  ua_.write_product(out, HeaderId::user_agent);
  if (!bye_reason_.empty()) out.header(HeaderId::reason, bye_reason_.view());  // RFC 3326
  if (out.error() != WriteErrc::ok) return Errc::write_failed;
  NextHop hop = retry_hop(dialog_->next_hop(), flow);
  const auto txn = ua_.layer.send(std::move(out), std::move(hop), part(bye), now);
  if (!txn) return txn.error();
  bye_txn_ = *txn;
  return {};
}

void InviteSession::bye_response(const ResponseArrived& event, TimePoint now) {
  const MessageView response = event.response.view();
  const int status = response.status();
  if (event.txn != bye_txn_ || status < 200) return;
  if ((status == 401 || status == 407) && digest_.challenged(response) &&
      !send_bye(challenger(ua_.layer, event), now))
    return;
  // Section 15.1.1: whatever the answer, the session is over.
  end(std::move(*ending_), now);
}

void InviteSession::terminate_server_invite(TimePoint now) {
  if (!server_) return;
  ua_.layer.respond(server_->txn, response(487), now);  // section 15.1.2
  server_invite_over();
}

void InviteSession::disarm_all() noexcept {
  for (const auto& timer : timers_) ua_.disarm(*timer);
  timers_.clear();
  timers_.shrink_to_fit();
}

void InviteSession::end(CallEnded ending, TimePoint now) {
  if (state_ == State::over) return;
  terminate_server_invite(now);
  refuse_offers(now);
  // A re-INVITE that nobody waits for any more would ring for ever in Proceeding.
  if (client_.pending) ua_.layer.cancel(client_.txn, now);
  drop_early();
  if (dialog_)
    ua_.dialogs.erase({dialog_->call_id(), dialog_->local_tag(), dialog_->remote_tag()}, id_);
  disarm_all();
  state_ = State::over;
  ua_.over(id_);
  ua_.tell(std::move(ending));
}

}  // namespace sipstack
