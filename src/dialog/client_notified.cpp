// SPDX-License-Identifier: Apache-2.0
// What a subscriber makes of a NOTIFY, and of the end of its subscription. RFC 6665 sections 4.1.3, 4.1.4
// and 4.4.1.
#include "dialog/client_subscription.hpp"
#include "dialog/context.hpp"
#include "dialog/inspect.hpp"
#include "dialog/refresh.hpp"

namespace sipstack {

using std::chrono::seconds;

namespace {

/// A subscription that ends sooner than this after it stood is asked for again at once but once.
constexpr auto kBriefly = seconds(32);

}  // namespace

bool ClientSubscription::has_dialog(const DialogId& id) const {
  if (dialog_)
    return dialog_->local_tag() == id.local_tag && dialog_->remote_tag() == id.remote_tag &&
           dialog_->call_id() == id.call_id;
  return head_.call_id == id.call_id && head_.tag == id.local_tag;
}

bool ClientSubscription::is(const DialogId& id, std::string_view event) const {
  if (state_ == State::retrying || state_ == State::over || !has_dialog(id)) return false;
  if (same_event(event_, event)) return true;
  // RFC 3515 section 2.4.6: the number of the REFER tells several in one dialog apart, and may be given
  // where there is but one.
  return refer_ && same_event("refer;id=" + std::to_string(refer_cseq_), event);
}

bool ClientSubscription::may_fork(const DialogId& id, std::string_view event, TimePoint now) const {
  return dialog_ && !call_ && !fork_of_ && !options_.one_dialog && forks_ < options_.max_forks &&
         now < forks_until_ && head_.call_id == id.call_id && head_.tag == id.local_tag &&
         same_event(options_.event, event);
}

void ClientSubscription::notified(const RequestArrived& event, TimePoint now) {
  const MessageView request = event.request.view();
  if (const auto refused = refusal(ua_, event, true)) {
    ua_.layer.respond(event.txn, *refused, now);
    return;
  }
  const auto refuse = [&](std::string_view field) {
    const std::string reason = std::string("Missing or malformed ").append(field);
    ua_.layer.respond(event.txn, ua_.response(request, event.flow, 400, {}, reason), now);
  };
  const auto state = request.get(hdr::subscription_state);
  if (!state) return refuse("Subscription-State");
  if (!dialog_) {
    // Section 4.4.1: it is the NOTIFY that makes the dialog, with its route set and Contact.
    auto dialog = Dialog::uas(request, event.flow, head_.tag);
    if (!dialog) return refuse(name(dialog.error().header));
    dialog_ = std::make_shared<Dialog>(*std::move(dialog));
    dialog_->continue_at(cseq_);
    if (fork_of_) ua_.tell(SubscriptionForked{id_, fork_of_});
    ua_.usages.insert(id_, {dialog_->call_id(), dialog_->local_tag(), dialog_->remote_tag()});
  } else if (!dialog_->in_order(request)) {
    return ua_.answer(event, 500, now);
  } else {
    dialog_->refresh_target(request, event.flow);
  }
  ua_.answer(event, 200, now);
  ua_.disarm(no_notify_);
  if (const auto said = request.get(hdr::event); refer_ && said && said->id())
    event_ = "refer;id=" + std::to_string(refer_cseq_);
  ua_.tell(NotifyReceived{id_, event.request});

  if (iequals(state->token, "terminated")) return terminated(event.request, now);
  const State before = state_;
  state_ = iequals(state->token, "pending") ? State::pending : State::active;
  if (before == State::waiting) {
    stood_ = true;
    began_ = now;
  }
  if (const auto expires = state->expires()) {
    told_expires_ = true;
    granted(*expires, now);
  } else if (before == State::waiting) {
    granted(asked_ == 0 ? 3600 : asked_, now);  // an RFC 3265 notifier may not say
  }
  if (state_ != before)
    tell(state_ == State::pending ? Told::pending : Told::active, {}, event.request);
  if (leaving_ && !leave_sent_ && !sending_) {
    leave_sent_ = true;
    if (const auto error = send(0, std::nullopt, now)) over({}, {}, error, false, {}, now);
  }
}

bool ClientSubscription::has_lasted(TimePoint now) const noexcept {
  return stands() && now - began_ >= kBriefly;
}

// Section 4.1.3: what each reason has the subscriber do.
void ClientSubscription::terminated(const Message& notify, TimePoint now) {
  const auto state = notify->get(hdr::subscription_state);
  const std::string reason(state->reason());
  const auto retry_after = state->retry_after();
  const Duration pause = pause_after(failures_, ua_.random());
  const Duration wait =
      retry_after ? Duration(seconds(std::min<std::uint32_t>(*retry_after, 31536000))) : pause;
  if (iequals(reason, "rejected") || iequals(reason, "noresource") || iequals(reason, "invariant"))
    return over(reason, notify, {}, false, {}, now);
  const bool at_once = iequals(reason, "deactivated") || iequals(reason, "timeout");
  // At once, but not over and over: a notifier that ends each at once would be asked as fast.
  const bool lasted = has_lasted(now);
  over(reason, notify, {}, true, at_once && (lasted || failures_ == 0) ? Duration{} : wait, now);
}

void ClientSubscription::over(std::string_view reason, Message message, std::error_code error,
                              bool again, Duration wait, TimePoint now) {
  if (state_ == State::over) return;
  const bool anew = again && options_.resubscribe && !leaving_ && !call_ && !fork_of_ && !refer_ &&
                    options_.expires != 0 && !ua_.closing;
  disarm();
  sending_ = false;
  if (dialog_) {
    ua_.usages.erase(id_, {dialog_->call_id(), dialog_->local_tag(), dialog_->remote_tag()});
  }
  if (!call_) ua_.usages.erase(id_, {head_.call_id, head_.tag, {}});
  if (!anew) {
    state_ = State::over;
    ua_.usages.over(id_);
    return tell(Told::ended, reason, std::move(message), error);
  }
  if (has_lasted(now)) failures_ = 0;
  ++failures_;
  state_ = State::retrying;
  tell(Told::retrying, reason, std::move(message), error, wait);
  ua_.arm(refresh_, now + wait);
}

/// An unrelated SUBSCRIBE: other Call-ID, other tag (section 4.1.2.2).
void ClientSubscription::begin_anew() {
  state_ = State::waiting;
  dialog_.reset();
  head_ = RequestHead::of(options_, ua_.random(), ua_.options.shard);
  digest_ = DigestClient(options_.credentials);
  cseq_ = 0;
  forks_ = 0;
  expires_ = options_.expires;
  ua_.usages.insert(id_, {head_.call_id, head_.tag, {}});
}

void ClientSubscription::tell(Told state, std::string_view reason, Message message,
                              std::error_code error, Duration wait) {
  ua_.tell(SubscriptionChanged{id_, state, std::string(reason), std::move(message), error, wait});
}

void ClientSubscription::disarm() {
  for (EventTimer* timer : {&refresh_, &expiry_, &no_notify_}) ua_.disarm(*timer);
}

}  // namespace sipstack
