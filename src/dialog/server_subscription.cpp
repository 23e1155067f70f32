// SPDX-License-Identifier: Apache-2.0
// The notifier: what a subscriber is told, and when. RFC 6665 sections 4.2.1 and 4.2.2.
#include "dialog/server_subscription.hpp"

#include "dialog/context.hpp"

namespace sipstack {

void ServerSubscription::arrived(NotifierId id, std::shared_ptr<Dialog> dialog, CallId call,
                                 std::string event, std::uint32_t expires,
                                 const RequestArrived& request) {
  id_ = id;
  expiry_.belongs_to(id);
  wake_.belongs_to(id);
  dialog_ = std::move(dialog);
  call_ = call;
  event_ = std::move(event);
  granted_ = expires;
  request_ = request.request;
  request_txn_ = request.txn;
  request_flow_ = request.flow;
  referral_ = request.request->method() == Method::refer;
  ua_.layer.set_user(request.txn, {UsageKind::notifier, id.slot, id.generation, 0});
  if (referral_)
    ua_.tell(ReferArrived{id, call, request.request});
  else
    ua_.tell(SubscriptionArrived{id, call, request.request});
}

bool ServerSubscription::has_dialog(const DialogId& id) const {
  return dialog_->local_tag() == id.local_tag && dialog_->remote_tag() == id.remote_tag &&
         dialog_->call_id() == id.call_id;
}

bool ServerSubscription::is(const DialogId& id, std::string_view event) const {
  return state_ != State::terminating && state_ != State::over && has_dialog(id) &&
         same_event(event_, event);
}

ResponseWriter ServerSubscription::response(const RequestArrived& event, int status) {
  const MessageView request = event.request.view();
  ResponseWriter out = ua_.response(request, event.flow, status, dialog_->local_tag());
  if (status / 100 == 2) {
    // RFC 3261 section 12.1.1: what makes a dialog carries the route set back.
    if (request.to_tag().empty()) out.copy(request, HeaderId::record_route);
    ua_.write_contact(out, {}, dialog_->sips());
  }
  return out;
}

// ---- commands

std::error_code ServerSubscription::accept(bool pending, std::string_view content_type,
                                           std::string_view body, const ExtraHeaders& headers,
                                           TimePoint now) {
  if (state_ == State::pending && !pending) {
    state_ = State::active;
    return notify(content_type, body, headers, now);
  }
  if (state_ != State::arrived) return Errc::wrong_state;
  const RequestArrived event{request_txn_, request_, request_flow_, {}, false};
  const bool unwanted =
      referral_ && request_->raw("Refer-Sub").value_or("").substr(0, 5) == "false";
  ResponseWriter out = response(event, referral_ ? 202 : 200);
  // RFC 4488 section 4: told in the response, there is no subscription.
  if (unwanted) out.header("Refer-Sub", "false");
  if (!referral_) out.header(HeaderId::expires, granted_);
  if (const auto error = ua_.layer.respond(request_txn_, out, now)) return error;
  if (unwanted) {
    end(NotifierEnded::Cause::no_subscription, 0, {});
    return {};
  }
  if (!referral_) request_ = {};
  content_type_ = content_type;
  body_ = body;
  headers_ = headers;
  if (referral_ && body.empty()) {
    content_type_ = "message/sipfrag;version=2.0";
    body_ = "SIP/2.0 100 Trying\r\n";
  }
  state_ = pending ? State::pending : State::active;
  due_ = true;
  if (granted_ == 0) {
    // A poll (section 4.4.3): one NOTIFY, which says that it is the last.
    if (pending) body_.clear();
    finish("timeout", 0, NotifierEnded::Cause::unsubscribed);
  } else {
    expires_at_ = now + std::chrono::seconds(granted_);
    ua_.arm(expiry_, expires_at_);
  }
  send_next(now);
  return {};
}

std::error_code ServerSubscription::reject(int status, const ExtraHeaders& headers, TimePoint now) {
  if (state_ == State::pending) return terminate("rejected", 0, {}, {}, now);
  if (state_ != State::arrived || status < 300 || status > 699) return Errc::wrong_state;
  const RequestArrived event{request_txn_, request_, request_flow_, {}, false};
  ResponseWriter out = response(event, status);
  write_extra(out, headers);
  if (const auto error = ua_.layer.respond(request_txn_, out, now)) return error;
  end(NotifierEnded::Cause::rejected, status, {});
  return {};
}

std::error_code ServerSubscription::notify(std::string_view content_type, std::string_view body,
                                           const ExtraHeaders& headers, TimePoint now) {
  if (!standing()) return Errc::wrong_state;
  content_type_ = content_type;
  body_ = body;
  headers_ = headers;
  // Whoever is not allowed yet is told nothing (section 4.2.2); accept() will.
  if (state_ == State::pending) return {};
  due_ = true;
  send_next(now);
  return {};
}

std::error_code ServerSubscription::terminate(std::string_view reason, std::uint32_t retry_after,
                                              std::string_view content_type, std::string_view body,
                                              TimePoint now) {
  if (!standing()) return Errc::wrong_state;
  content_type_ = content_type;
  body_ = body;
  finish(reason, retry_after, NotifierEnded::Cause::terminated);
  send_next(now);
  return {};
}

std::error_code ServerSubscription::report(int status, std::string_view reason,
                                           std::string_view lines) {
  if (!referral_ || !standing() || status < 100 || status > 699) return Errc::wrong_state;
  content_type_ = "message/sipfrag;version=2.0";
  body_ = "SIP/2.0 " + std::to_string(status) + " ";
  body_.append(reason.empty() ? reason_phrase(status) : reason).append("\r\n").append(lines);
  due_ = true;
  // RFC 3515 section 2.4.7.
  if (status >= 200) finish("noresource", 0, NotifierEnded::Cause::terminated);
  wake();
  return {};
}

void ServerSubscription::shut_down(TimePoint now) {
  if (state_ == State::arrived) {
    reject(503, {}, now);
  } else if (standing()) {
    // The subscriber may ask again later, perhaps of another notifier.
    if (!referral_) body_.clear();
    finish("probation", 0, NotifierEnded::Cause::terminated);
    send_next(now);
  }
}

void ServerSubscription::finish(std::string_view reason, std::uint32_t retry_after,
                                NotifierEnded::Cause cause) {
  state_ = State::terminating;
  reason_ = reason;
  retry_after_ = retry_after;
  cause_ = cause;
  due_ = true;
  ua_.disarm(expiry_);
}

// ---- events

void ServerSubscription::refreshed(const RequestArrived& event, std::uint32_t expires,
                                   TimePoint now) {
  dialog_->refresh_target(event.request.view(), event.flow);
  ResponseWriter out = response(event, 200);
  out.header(HeaderId::expires, expires);
  ua_.layer.respond(event.txn, out, now);
  due_ = true;  // section 4.2.1.4: a NOTIFY with the full state, at once
  if (expires == 0) {
    if (state_ == State::pending) body_.clear();
    finish("timeout", 0, NotifierEnded::Cause::unsubscribed);
  } else {
    granted_ = expires;
    expires_at_ = now + std::chrono::seconds(expires);
    ua_.arm(expiry_, expires_at_);
  }
  send_next(now);
}

void ServerSubscription::receive(const ResponseArrived& event, TimePoint now) {
  const int status = event.response->status();
  if (event.txn != notify_txn_ || !sending_ || status < 200) return;
  sending_ = false;
  again_ = false;
  if (last_) return end(cause_, 0, {});
  if (ends_subscription(status)) return end(NotifierEnded::Cause::failed, status, {});
  if (status / 100 == 2) dialog_->refresh_target(event.response.view(), event.flow);
  send_next(now);
}

void ServerSubscription::receive(const TxnFailed& event, TimePoint now) {
  if (!event.client) {
    if (state_ == State::arrived) end(NotifierEnded::Cause::failed, 0, event.error);
    return;
  }
  if (event.txn != notify_txn_ || !sending_) return;
  sending_ = false;
  if (event.error == Errc::transport_failed && !again_) {
    // The connection that the dialog stuck to may be gone while the subscriber is not.
    again_ = true;
    dialog_->forget_flow();
    due_ = true;
    return send_next(now);
  }
  // Section 4.2.2: whoever does not answer is told nothing more.
  end(last_ ? cause_ : NotifierEnded::Cause::failed, 0, event.error);
}

void ServerSubscription::expire(EventTimer::Role role, TimePoint now) {
  if (role == EventTimer::Role::expiry && standing()) {
    if (!referral_) body_.clear();
    finish("timeout", 0, NotifierEnded::Cause::expired);
  }
  if (state_ != State::over) send_next(now);
}

void ServerSubscription::wake() { ua_.arm(wake_, {}); }

// ---- NOTIFY

void ServerSubscription::send_next(TimePoint now) {
  if (!due_ || sending_ || state_ == State::over || state_ == State::arrived) return;
  // Nothing follows a BYE in its dialog until that has been answered; then wake() comes.
  if (InviteSession* call = ua_.calls.find(call_); call != nullptr && call->dialog() == nullptr)
    return;
  due_ = false;
  if (const auto error = send_notify(now)) end(NotifierEnded::Cause::failed, 0, error);
}

std::uint32_t ServerSubscription::seconds_left(TimePoint now) const {
  if (now >= expires_at_) return 0;
  // Rounded up: never more than was granted.
  return static_cast<std::uint32_t>((expires_at_ - now + std::chrono::seconds(1) - Duration(1)) /
                                    std::chrono::seconds(1));
}

std::error_code ServerSubscription::send_notify(TimePoint now) {
  const auto cseq = dialog_->next_cseq();
  if (!cseq) return Errc::wrong_state;
  RequestWriter out = dialog_->request(ua_.pool(), "NOTIFY", *cseq);
  ua_.write_contact(out, headers_, dialog_->sips());
  out.header(HeaderId::event, event_);
  last_ = state_ == State::terminating;
  std::string state = "terminated;reason=" + reason_;
  if (!last_)
    state = (state_ == State::pending ? "pending;expires=" : "active;expires=") +
            std::to_string(seconds_left(now));
  else if (retry_after_ != 0)
    state.append(";retry-after=").append(std::to_string(retry_after_));
  out.header(HeaderId::subscription_state, state);
  ua_.write_product(out, HeaderId::user_agent);
  const bool told = referral_ || state_ != State::pending;
  if (told) write_extra(out, headers_);
  if (told && !body_.empty()) out.body(content_type_, body_);
  if (out.error() != WriteErrc::ok) return Errc::write_failed;
  const UsageRef user{UsageKind::notifier, id_.slot, id_.generation, 0};
  const auto txn = ua_.layer.send(std::move(out), dialog_->next_hop(), user, now);
  if (!txn) return txn.error();
  notify_txn_ = *txn;
  sending_ = true;
  return {};
}

void ServerSubscription::end(NotifierEnded::Cause cause, int status, std::error_code error) {
  if (state_ == State::over) return;
  state_ = State::over;
  ua_.disarm(expiry_);
  ua_.disarm(wake_);
  ua_.usages.over(id_, *dialog_);
  ua_.tell(NotifierEnded{id_, cause, status, error});
}

}  // namespace sipstack
