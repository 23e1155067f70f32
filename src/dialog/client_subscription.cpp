// SPDX-License-Identifier: Apache-2.0
// The subscriber: its SUBSCRIBE and REFER requests and what their responses mean. RFC 6665 sections 4.1.2,
// RFC 3515 section 2.4.1.
#include "dialog/client_subscription.hpp"

#include "dialog/context.hpp"
#include "dialog/refresh.hpp"

namespace sipstack {
namespace {

using std::chrono::seconds;

constexpr std::uint32_t kYear = 31536000;  // nobody grants more

}  // namespace

void ClientSubscription::belongs_to(SubscriptionId id) {
  id_ = id;
  for (EventTimer* timer : {&refresh_, &expiry_, &no_notify_}) timer->belongs_to(id);
}

std::error_code ClientSubscription::subscribe(SubscriptionId id, const SubscriptionOptions& options,
                                              CallId call, std::shared_ptr<Dialog> dialog,
                                              TimePoint now) {
  belongs_to(id);
  options_ = options;
  event_ = options.event;
  expires_ = options.expires;
  digest_ = DigestClient(options.credentials);
  call_ = call;
  dialog_ = std::move(dialog);
  std::optional<Flow> flow;
  if (!dialog_) {
    flow = ua_.go_by_registration(options_, true);
    head_ = RequestHead::of(options_, ua_.random(), ua_.options.shard);
    if (!head_.reaches(options.target)) return Errc::unresolved;
  }
  if (const auto error = send(expires_, flow, now)) return error;
  if (dialog_)
    ua_.usages.insert(id_, {dialog_->call_id(), dialog_->local_tag(), dialog_->remote_tag()});
  else
    ua_.usages.insert(id_, {head_.call_id, head_.tag, {}});
  return {};
}

std::error_code ClientSubscription::refer(SubscriptionId id, const ReferOptions& options,
                                          CallId call, std::shared_ptr<Dialog> dialog,
                                          TimePoint now) {
  refer_ = options;
  SubscriptionOptions implicit;
  static_cast<RequestOptions&>(implicit) = options;
  implicit.event = "refer";
  implicit.resubscribe = false;
  const bool second =
      dialog && ua_.usages.subscribed(
                    {dialog->call_id(), dialog->local_tag(), dialog->remote_tag()}, "refer");
  if (const auto error = subscribe(id, implicit, call, std::move(dialog), now)) return error;
  // Section 2.4.6: only its number tells it from the one before.
  if (second) event_ = "refer;id=" + std::to_string(refer_cseq_);
  return {};
}

void ClientSubscription::forked_from(SubscriptionId id, const ClientSubscription& of) {
  belongs_to(id);
  fork_of_ = of.id_;
  options_ = of.options_;
  event_ = of.event_;
  refer_ = of.refer_;
  expires_ = of.expires_;
  digest_ = of.digest_;
  head_ = of.head_;
  cseq_ = of.cseq_;
  asked_ = of.asked_;
  leaving_ = of.leaving_;
}

DigestClient& ClientSubscription::digest() {
  if (!options_.credentials.empty()) return digest_;
  InviteSession* call = ua_.calls.find(call_);
  return call == nullptr ? digest_ : call->digest();
}

// ---- requests

RequestWriter ClientSubscription::write(NextHop& hop, bool refer, std::uint32_t expires) {
  const char* const method = refer ? "REFER" : "SUBSCRIBE";
  RequestWriter out = dialog_ ? dialog_->request(ua_.pool(), method, cseq_)
                              : head_.write(ua_.pool(), method, options_.target, cseq_, hop);
  if (dialog_) hop = dialog_->next_hop();
  ua_.write_contact(out, options_.headers, dialog_ ? dialog_->sips() : is_sips(options_.target));
  if (refer) {
    out.header(HeaderId::refer_to, name_addr(refer_->refer_to));
    if (!refer_->referred_by.empty())
      out.header(HeaderId::referred_by, name_addr(refer_->referred_by));
    if (!refer_->subscribe) {
      out.header("Refer-Sub", "false");
      out.header(HeaderId::supported, "norefersub");
    }
  } else {
    out.header(HeaderId::event, event_);
    out.header(HeaderId::expires, expires);
    for (const auto& type : options_.accept) out.header(HeaderId::accept, type);
    if (!ua_.allow_events.empty()) out.header(HeaderId::allow_events, ua_.allow_events);
  }
  digest().authorize(out, method, std::string(out.uri()), options_.body, ua_.random());
  ua_.write_product(out, HeaderId::user_agent);
  write_extra(out, options_.headers);
  if (!options_.body.empty()) out.body(options_.content_type, options_.body);
  return out;
}

std::error_code ClientSubscription::send(std::uint32_t expires, const std::optional<Flow>& flow,
                                         TimePoint now) {
  if (InviteSession* call = ua_.calls.find(call_); call != nullptr && call->dialog() == nullptr)
    return Errc::wrong_state;  // nothing follows a BYE
  const bool refer = refer_ && state_ == State::waiting;
  within_ = dialog_ != nullptr;
  if (dialog_) {
    const auto cseq = dialog_->next_cseq();
    if (!cseq) return Errc::wrong_state;
    cseq_ = *cseq;
  } else {
    ++cseq_;
  }
  if (refer) refer_cseq_ = cseq_;
  NextHop hop;
  RequestWriter out = write(hop, refer, expires);
  if (out.error() != WriteErrc::ok) return Errc::write_failed;
  const UsageRef user{UsageKind::subscription, id_.slot, id_.generation, 0};
  const auto txn = ua_.layer.send(std::move(out), retry_hop(std::move(hop), flow), user, now);
  if (!txn) return txn.error();
  txn_ = *txn;
  sending_ = true;
  told_expires_ = false;
  asked_ = expires;
  ua_.disarm(refresh_);
  // Timer N (section 4.1.2.4).
  ua_.arm(no_notify_, now + ua_.timings().timeout());
  if (state_ == State::waiting) forks_until_ = now + ua_.timings().timeout();
  return {};
}

std::error_code ClientSubscription::refresh(TimePoint now) {
  if (!stands() || leaving_) return Errc::wrong_state;
  if (sending_) return {};
  return send(expires_, std::nullopt, now);
}

std::error_code ClientSubscription::unsubscribe(TimePoint now) {
  if (state_ == State::over) return Errc::gone;
  if (leaving_) return {};
  leaving_ = true;
  if (state_ == State::retrying) {
    over({}, {}, {}, false, {}, now);
    return {};
  }
  // Before the first NOTIFY there is no dialog to unsubscribe in; behind a SUBSCRIBE that is on its way,
  // its response comes first. A REFER's subscription ends by itself where nothing can be sent.
  if (!stands() || sending_) return {};
  leave_sent_ = true;
  if (const auto error = send(0, std::nullopt, now)) over({}, {}, error, false, {}, now);
  return {};
}

// ---- responses

void ClientSubscription::receive(const ResponseArrived& event, TimePoint now) {
  const MessageView response = event.response.view();
  const int status = response.status();
  if (event.txn != txn_ || !sending_ || status < 200 || state_ == State::over) return;
  sending_ = false;
  if (status / 100 == 2) return succeeded(event, now);
  if ((status == 401 || status == 407) && digest().challenged(response)) {
    const auto error = send(asked_, challenger(ua_.layer, event), now);
    if (!error) return;
    return over({}, event.response, error, false, {}, now);
  }
  if (status == 423 && asked_ != 0 && too_brief_ < kMaxTooBrief) {
    const auto least = response.get(hdr::min_expires);
    if (least && least->number > expires_) {
      ++too_brief_;
      expires_ = least->number;
      if (!send(expires_, challenger(ua_.layer, event), now)) return;
    }
  }
  refused(event.response, now);
}

void ClientSubscription::succeeded(const ResponseArrived& event, TimePoint now) {
  const MessageView response = event.response.view();
  digest().succeeded(response);
  too_brief_ = 0;
  // RFC 4488 section 4: there is no subscription, and no NOTIFY will come.
  if (refer_ && !stands() && response.raw("Refer-Sub").value_or("").substr(0, 5) == "false")
    return over("norefersub", event.response, {}, false, {}, now);
  // The response to a SUBSCRIBE that made the dialog may be another notifier's (section 4.4.1).
  const bool ours = dialog_ && response.to_tag() == dialog_->remote_tag();
  if (ours && within_) dialog_->refresh_target(response, event.flow);
  // RFC 5839: no NOTIFY follows. Only a subscription that stands, and stays, can do without.
  if (response.status() == 204 && stands() && !leave_sent_) ua_.disarm(no_notify_);
  if (leaving_ && !leave_sent_ && stands()) {
    leave_sent_ = true;
    if (const auto error = send(0, std::nullopt, now)) over({}, {}, error, false, {}, now);
    return;
  }
  if (asked_ == 0 || !stands() || !ours || told_expires_) return;
  const auto expires = response.get(hdr::expires);
  granted(expires ? expires->number : asked_, now);
}

void ClientSubscription::refused(const Message& response, TimePoint now) {
  const int status = response->status();
  too_brief_ = 0;
  const auto retry_after = response->get(hdr::retry_after);
  Duration wait = retry_after ? seconds(std::min(retry_after->number, kYear)) : seconds(0);
  std::error_code error;
  if (status == 401 || status == 407) error = Errc::challenged_again;
  if (!stands()) {
    // Asked for anew in vain: later again. Asked for in vain at first: the application's to deal with.
    const bool again = stood_ && !ends_subscription(status);
    return over({}, response, error, again, std::max(wait, pause_after(failures_, ua_.random())),
                now);
  }
  ua_.disarm(no_notify_);
  if (ends_subscription(status) || leaving_)
    // 481: the notifier has forgotten us, and may be there all the same.
    return over({}, response, error, status == 481, seconds(0), now);
  // Section 4.1.2.2: the subscription is good until it expires; once more before that.
  const Duration left = expires_at_ - now;
  wait = std::max<Duration>(wait, std::min<Duration>(left / 2, seconds(30)));
  if (wait < left) ua_.arm(refresh_, now + std::max<Duration>(wait, seconds(1)));
}

void ClientSubscription::receive(const TxnFailed& event, TimePoint now) {
  if (event.txn != txn_ || !sending_ || state_ == State::over) return;
  sending_ = false;
  // A NOTIFY has come since: there is a subscription, whatever became of the response.
  if (stands() && !leaving_ && event.error == Errc::timeout && !no_notify_.armed()) return;
  if (stands() && !leaving_ && event.error == Errc::transport_failed) {
    dialog_->forget_flow();
    if (const Duration left = expires_at_ - now; left > seconds(4)) {
      ua_.disarm(no_notify_);
      ua_.arm(refresh_, now + std::min<Duration>(left / 2, seconds(30)));
      return;
    }
  }
  over({}, {}, event.error, stood_, pause_after(failures_, ua_.random()), now);
}

void ClientSubscription::expire(EventTimer::Role role, TimePoint now) {
  if (state_ == State::over) return;
  switch (role) {
    case EventTimer::Role::refresh: {
      if (sending_) return;
      if (state_ == State::retrying) begin_anew();
      const auto error = send(expires_, std::nullopt, now);
      if (error) over({}, {}, error, stood_, pause_after(failures_, ua_.random()), now);
      return;
    }
    case EventTimer::Role::no_notify:
      // Section 4.1.2.4, and 4.1.2.2 for a refresh; an unsubscription that nobody confirms is one.
      return over({}, {}, leaving_ ? std::error_code{} : Errc::timeout, stood_,
                  pause_after(failures_, ua_.random()), now);
    case EventTimer::Role::expiry: {
      const Duration wait = has_lasted(now) ? Duration{} : pause_after(failures_, ua_.random());
      return over("timeout", {}, Errc::timeout, true, wait, now);
    }
    case EventTimer::Role::wake: return;
  }
}

void ClientSubscription::granted(std::uint32_t expires, TimePoint now) {
  // Hardening A75: what a notifier grants is no more than a year, and never refreshed in a hurry.
  expires = std::min(expires, kYear);
  expires_at_ = now + std::max<Duration>(seconds(expires), std::chrono::milliseconds(500));
  ua_.arm(expiry_, expires_at_);
  // The notifier of a REFER knows best how long it takes (RFC 3515 section 3.4).
  if (!refer_ && !leaving_ && expires != 0)
    ua_.arm(refresh_, now + refresh_after(expires, ua_.timings().timeout()));
}

}  // namespace sipstack
