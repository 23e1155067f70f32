// SPDX-License-Identifier: Apache-2.0
// Requests, responses and timers find their subscription. RFC 6665 sections 4.1.3, 4.2.1.1, 4.4.1.
#include "dialog/event_usages.hpp"

#include "dialog/context.hpp"
#include "dialog/inspect.hpp"

namespace sipstack {
namespace {

template <class T>
Handle<T> handle(const UsageRef& user) noexcept {
  return {user.slot, user.generation};
}

std::size_t count_lines(const MessageView& m, HeaderId id) {
  std::size_t n = 0;
  for (std::size_t i = 0; i < m.header_count(); ++i) n += m.header(i).id == id ? 1U : 0U;
  return n;
}

/// Package and id of a request's Event, as NOTIFYs repeat it; empty where it has none.
std::string event_of(const MessageView& request) {
  const auto event = request.get(hdr::event);
  if (!event) return {};
  std::string out(event->token);
  if (const auto id = event->id()) out.append(";id=").append(*id);
  return out;
}

}  // namespace

bool same_event(std::string_view a, std::string_view b) {
  const auto part = [](std::string_view text) {
    const auto semicolon = text.find(';');
    std::string_view package = text.substr(0, semicolon);
    while (!package.empty() && package.back() == ' ') package.remove_suffix(1);
    std::string_view id;
    const Params params(semicolon == std::string_view::npos ? std::string_view()
                                                            : text.substr(semicolon));
    if (const auto found = params.find("id")) id = *found;
    return std::pair(package, id);
  };
  // RFC 6665 section 8.2.1: byte by byte.
  return part(a) == part(b);
}

int sipfrag_status(std::string_view body) {
  // The start line and no more: baresip 1.0 ends it with LF alone, others with nothing, and what follows
  // is of no interest here.
  constexpr std::string_view kVersion = "SIP/2.0 ";
  if (body.size() < kVersion.size() + 3 || !iequals(body.substr(0, kVersion.size()), kVersion))
    return 0;
  int status = 0;
  for (const char c : body.substr(kVersion.size(), 3)) {
    if (c < '0' || c > '9') return 0;
    status = status * 10 + (c - '0');
  }
  const std::string_view rest = body.substr(kVersion.size() + 3);
  const bool ends = rest.empty() || rest[0] == ' ' || rest[0] == '\r' || rest[0] == '\n';
  return ends && status >= 100 && status < 700 ? status : 0;
}

// ---- who is meant

ClientSubscription* EventUsages::subscription_of(const DialogId& id, std::string_view event) {
  const auto find = [&](const DialogId& key) {
    return subscriptions.find(client_dialogs_.find(key, [&](SubscriptionId candidate) {
      const ClientSubscription* s = subscriptions.find(candidate);
      return s != nullptr && s->is(id, event);
    }));
  };
  if (ClientSubscription* s = find(id)) return s;
  // A SUBSCRIBE whose notifier has not been heard yet is known by our half of the dialog.
  return find({id.call_id, id.local_tag, {}});
}

ServerSubscription* EventUsages::notifier_of(const DialogId& id, std::string_view event) {
  return notifiers.find(server_dialogs_.find(id, [&](NotifierId candidate) {
    const ServerSubscription* s = notifiers.find(candidate);
    return s != nullptr && s->is(id, event);
  }));
}

bool EventUsages::subscribed(const DialogId& dialog, std::string_view event) const {
  return const_cast<EventUsages*>(this)->subscription_of(dialog, event) != nullptr;
}

std::shared_ptr<Dialog> EventUsages::dialog_of(const DialogId& id, CallId& call) {
  if (InviteSession* session = ua_.call_of(id)) {
    call = session->id();
    return session->shared_dialog();
  }
  const NotifierId notifier = server_dialogs_.find(id, [&](NotifierId candidate) {
    const ServerSubscription* s = notifiers.find(candidate);
    return s != nullptr && s->has_dialog(id);
  });
  if (const ServerSubscription* s = notifiers.find(notifier)) return s->dialog();
  const SubscriptionId subscription = client_dialogs_.find(id, [&](SubscriptionId candidate) {
    const ClientSubscription* s = subscriptions.find(candidate);
    return s != nullptr && s->dialog() && s->has_dialog(id);
  });
  if (const ClientSubscription* s = subscriptions.find(subscription)) return s->dialog();
  return nullptr;
}

bool EventUsages::owns(const DialogId& id) const {
  CallId call;
  auto& self = *const_cast<EventUsages*>(this);
  if (self.dialog_of(id, call)) return true;
  // A NOTIFY from a notifier that has not been heard yet.
  const DialogId half{id.call_id, id.local_tag, {}};
  return static_cast<bool>(self.client_dialogs_.find(half, [&](SubscriptionId candidate) {
    const ClientSubscription* s = self.subscriptions.find(candidate);
    return s != nullptr && (!s->dialog() || s->dialog()->call_id() == id.call_id);
  }));
}

// ---- requests

bool EventUsages::receive_within(const RequestArrived& event, TimePoint now) {
  const MessageView request = event.request.view();
  const Method method = request.method();
  if (method == Method::notify) return on_notify(event, now), true;
  if (method == Method::subscribe) return subscribe_within(event, now), true;
  const DialogId id = DialogId::of_request(request);
  CallId call;
  if (method == Method::refer && ua_.options.notifier.refer) {
    const auto dialog = dialog_of(id, call);
    if (InviteSession* session = ua_.calls.find(call); session != nullptr)
      if (session->dialog() == nullptr) return false;  // it is ending
    if (!dialog) return false;
    if (const auto refused = refusal(ua_, event, true))
      ua_.layer.respond(event.txn, *refused, now);
    else if (!dialog->in_order(request))
      ua_.answer(event, 500, now);
    else
      refer(event, dialog, call, now);
    return true;
  }
  if (empty() || ua_.call_of(id) != nullptr) return false;
  const auto dialog = dialog_of(id, call);
  if (!dialog) return false;
  // A subscription's dialog has no other use for requests (RFC 5057 section 5.3).
  if (const auto refused = refusal(ua_, event, true))
    ua_.layer.respond(event.txn, *refused, now);
  else if (!dialog->in_order(request))
    ua_.answer(event, 500, now);
  else if (method == Method::options && ua_.options.answer_options)
    ua_.answer_options(event, now);
  else
    ua_.answer(event, 481, now);
  return true;
}

void EventUsages::on_notify(const RequestArrived& event, TimePoint now) {
  const MessageView request = event.request.view();
  const DialogId id = DialogId::of_request(request);
  const std::string name = event_of(request);
  if (name.empty()) return ua_.answer(event, owns(id) ? 489 : 481, now);
  if (ClientSubscription* s = subscription_of(id, name)) return s->notified(event, now);
  // Section 4.1.4: the SUBSCRIBE forked, and this is another notifier.
  const DialogId half{id.call_id, id.local_tag, {}};
  const SubscriptionId of = client_dialogs_.find(half, [&](SubscriptionId candidate) {
    const ClientSubscription* s = subscriptions.find(candidate);
    return s != nullptr && s->may_fork(id, name, now);
  });
  if (ClientSubscription* first = subscriptions.find(of)) {
    const SubscriptionId fork = subscriptions.emplace(ua_);
    ClientSubscription* s = subscriptions.find(fork);
    s->forked_from(fork, *first);
    first->count_fork();
    s->notified(event, now);
    if (!s->dialog()) subscriptions.erase(fork);  // it was no good
    return;
  }
  ua_.answer(event, 481, now);  // section 4.1.3
}

bool EventUsages::knows_event(const RequestArrived& event, TimePoint now) {
  const MessageView request = event.request.view();
  const auto wanted = request.get(hdr::event);
  const auto& packages = ua_.options.notifier.packages;
  if (wanted)
    for (const auto& package : packages)
      if (wanted->token == package) return true;
  ResponseWriter out = ua_.response(request, event.flow, 489);
  out.header(HeaderId::allow_events, ua_.allow_events);
  ua_.layer.respond(event.txn, out, now);
  return false;
}

// Section 4.2.1.1.
std::optional<std::uint32_t> EventUsages::grant(const RequestArrived& event, TimePoint now) {
  const MessageView request = event.request.view();
  const NotifierOptions& o = ua_.options.notifier;
  if (!request.has(HeaderId::expires)) return std::min(o.default_expires, o.max_expires);
  const auto asked = request.get(hdr::expires);
  if (!asked && asked.error().code != ParseErrc::out_of_range) {
    ua_.layer.respond(event.txn, ua_.response(request, event.flow, 400, {}, "Malformed Expires"),
                      now);
    return std::nullopt;
  }
  const std::uint32_t seconds = asked ? asked->number : UINT32_MAX;
  if (seconds != 0 && seconds < 3600 && seconds < o.min_expires) {
    ResponseWriter out = ua_.response(request, event.flow, 423);
    out.header(HeaderId::min_expires, o.min_expires);
    ua_.layer.respond(event.txn, out, now);
    return std::nullopt;
  }
  return std::min(seconds, o.max_expires);
}

void EventUsages::on_subscribe(const RequestArrived& event, TimePoint now) {
  const MessageView request = event.request.view();
  // RFC 3515 section 2.4.4: only a REFER makes a subscription to `refer`.
  if (const auto wanted = request.get(hdr::event); wanted && wanted->token == "refer")
    return ua_.answer(event, 403, now);
  if (!knows_event(event, now)) return;
  const auto expires = grant(event, now);
  if (!expires) return;
  auto dialog = Dialog::uas(request, event.flow, ua_.random().token(8));
  if (!dialog) return ua_.answer_missing(event, dialog.error().header, now);
  begin(event, std::make_shared<Dialog>(*std::move(dialog)), {}, event_of(request), *expires, now);
}

void EventUsages::subscribe_within(const RequestArrived& event, TimePoint now) {
  const MessageView request = event.request.view();
  const DialogId id = DialogId::of_request(request);
  const std::string name = event_of(request);
  CallId call;
  const auto dialog = dialog_of(id, call);
  if (!dialog) return ua_.answer(event, 481, now);
  if (const auto refused = refusal(ua_, event, true)) {
    ua_.layer.respond(event.txn, *refused, now);
    return;
  }
  ServerSubscription* notifier = name.empty() ? nullptr : notifier_of(id, name);
  const auto wanted = request.get(hdr::event);
  if (notifier == nullptr) {
    if (wanted && wanted->token == "refer") return ua_.answer(event, 403, now);
    if (!knows_event(event, now)) return;
    // A refresh behind the end is no new subscription.
    const NotifierId gone = server_dialogs_.find(id, [&](NotifierId candidate) {
      const ServerSubscription* s = notifiers.find(candidate);
      return s != nullptr && s->was(id, name);
    });
    if (gone) return ua_.answer(event, 481, now);
  }
  if (!dialog->in_order(request)) return ua_.answer(event, 500, now);
  const auto expires = grant(event, now);
  if (!expires) return;
  if (notifier == nullptr) return begin(event, dialog, call, name, *expires, now);
  if (!notifier->standing()) return ua_.answer(event, 481, now);
  notifier->refreshed(event, *expires, now);
}

void EventUsages::begin(const RequestArrived& event, std::shared_ptr<Dialog> dialog, CallId call,
                        std::string name, std::uint32_t expires, TimePoint now) {
  if (ua_.closing || notifiers.size() >= ua_.options.notifier.max_subscriptions)
    return ua_.answer_busy(event, now);
  const NotifierId id = notifiers.emplace(ua_);
  server_dialogs_.insert({dialog->call_id(), dialog->local_tag(), dialog->remote_tag()}, id);
  if (call) of_calls_.emplace(call, id);
  notifiers.find(id)->arrived(id, std::move(dialog), call, std::move(name), expires, event);
  if (ua_.presence && ua_.presence->serves(event.request.view()))
    ua_.presence->subscribed(id, event.request.view(), now);
}

// ---- REFER (RFC 3515 section 2.4.2)

void EventUsages::on_refer(const RequestArrived& event, TimePoint now) {
  auto dialog = Dialog::uas(event.request.view(), event.flow, ua_.random().token(8));
  if (!dialog) return ua_.answer_missing(event, dialog.error().header, now);
  refer(event, std::make_shared<Dialog>(*std::move(dialog)), {}, now);
}

void EventUsages::refer(const RequestArrived& event, std::shared_ptr<Dialog> dialog, CallId call,
                        TimePoint now) {
  const MessageView request = event.request.view();
  const auto refer_to = request.get(hdr::refer_to);
  if (!refer_to || count_lines(request, HeaderId::refer_to) != 1)
    return ua_.answer_missing(event, HeaderId::refer_to, now);
  dialog->refresh_target(request, event.flow);
  std::string name = "refer";
  // Section 2.4.6: from the second on in a dialog only the number tells them apart.
  if (dialog->count_refer() > 0) name += ";id=" + std::to_string(request.cseq().number);
  begin(event, std::move(dialog), call, std::move(name), ua_.options.notifier.refer_expires, now);
}

void EventUsages::follow(CallId call, NotifierId referral) { followed_[call] = referral; }

void EventUsages::heard(const UserEvent& event) {
  if (followed_.empty() && of_calls_.empty()) return;
  CallId call;
  int status = 0;
  std::string reason;
  const auto said = [&](const Message& response) {
    status = response->status();
    reason = response->reason();
  };
  if (const auto* progress = std::get_if<CallProgress>(&event)) {
    if (progress->response->status() == 100) return;  // that was said already
    call = progress->call;
    said(progress->response);
  } else if (const auto* answered = std::get_if<CallAnswered>(&event)) {
    if (answered->reinvite) return;
    call = answered->call;
    said(answered->response);
  } else if (const auto* ended = std::get_if<CallEnded>(&event)) {
    call = ended->call;
    status = ended->status >= 300 ? ended->status : 487;
    if (ended->message && !ended->message->is_request() && ended->message->status() >= 300)
      said(ended->message);
    // What their dialogs' BYE kept back goes on.
    const auto [first, last] = of_calls_.equal_range(call);
    for (auto it = first; it != last; ++it)
      if (ServerSubscription* s = notifiers.find(it->second)) s->wake();
    of_calls_.erase(first, last);
  } else {
    return;
  }
  const auto found = followed_.find(call);
  if (found == followed_.end()) return;
  if (ServerSubscription* referral = notifiers.find(found->second))
    referral->report(status, reason);
  if (status >= 200) followed_.erase(found);
}

// ---- our own transactions and timers

void EventUsages::receive(const ResponseArrived& event, TimePoint now) {
  const UsageRef& user = event.user;
  if (user.kind == UsageKind::subscription) {
    if (auto* s = subscriptions.find(handle<ClientSubscription>(user))) s->receive(event, now);
  } else if (user.kind == UsageKind::notifier) {
    if (auto* s = notifiers.find(handle<ServerSubscription>(user))) s->receive(event, now);
  } else if (user.kind == UsageKind::publication) {
    if (auto* p = publications.find(handle<ClientPublication>(user))) p->receive(event, now);
  }
}

void EventUsages::receive(const TxnFailed& event, TimePoint now) {
  const UsageRef& user = event.user;
  if (user.kind == UsageKind::subscription) {
    if (auto* s = subscriptions.find(handle<ClientSubscription>(user))) s->receive(event, now);
  } else if (user.kind == UsageKind::notifier) {
    if (auto* s = notifiers.find(handle<ServerSubscription>(user))) s->receive(event, now);
  } else if (user.kind == UsageKind::publication) {
    if (auto* p = publications.find(handle<ClientPublication>(user))) p->receive(event, now);
  }
}

void EventUsages::expire(const EventTimer& timer, TimePoint now) {
  if (timer.kind == UsageKind::subscription) {
    if (auto* s = subscriptions.find(timer.owner_handle<ClientSubscription>()))
      s->expire(timer.role, now);
  } else if (timer.kind == UsageKind::notifier) {
    if (auto* s = notifiers.find(timer.owner_handle<ServerSubscription>()))
      s->expire(timer.role, now);
  } else if (timer.kind == UsageKind::none) {
    if (ua_.presence) ua_.presence->expire(now);
  } else if (auto* p = publications.find(timer.owner_handle<ClientPublication>())) {
    p->expire(now);
  }
}

// ---- the end

void EventUsages::over(NotifierId id, const Dialog& dialog) {
  server_dialogs_.erase({dialog.call_id(), dialog.local_tag(), dialog.remote_tag()}, id);
  over_notifiers_.push_back(id);
}

void EventUsages::reap() {
  for (const SubscriptionId id : over_subscriptions_) subscriptions.erase(id);
  for (const NotifierId id : over_notifiers_) {
    const ServerSubscription* s = notifiers.find(id);
    if (s == nullptr) continue;
    const auto [first, last] = of_calls_.equal_range(s->call());
    for (auto it = first; it != last; ++it)
      if (it->second == id) {
        of_calls_.erase(it);
        break;
      }
    notifiers.erase(id);
  }
  for (const PublicationId id : over_publications_) publications.erase(id);
  over_subscriptions_.clear();
  over_notifiers_.clear();
  over_publications_.clear();
}

void EventUsages::shut_down(TimePoint now) {
  subscriptions.for_each([now](SubscriptionId, ClientSubscription& s) { s.shut_down(now); });
  notifiers.for_each([now](NotifierId, ServerSubscription& s) { s.shut_down(now); });
  publications.for_each([now](PublicationId, ClientPublication& p) { p.remove(now); });
}

}  // namespace sipstack
