// SPDX-License-Identifier: Apache-2.0
// Dialogs, responses and timers find their subscription; calls report to their referral. RFC 6665
// sections 4.1.3 and 4.4.1, RFC 3515 section 2.4.4.
#include "dialog/event_usages.hpp"

#include "dialog/context.hpp"
#include "sipstack/parser/fragment.hpp"

namespace sipstack {
namespace {

template <class T>
Handle<T> handle(const UsageRef& user) noexcept {
  return {user.slot, user.generation};
}

/// What names the dialog of a 2xx.
std::string dialog_lines(const MessageView& response) {
  std::string out;
  for (const HeaderId id :
       {HeaderId::from, HeaderId::to, HeaderId::call_id, HeaderId::cseq, HeaderId::contact})
    if (const auto value = response.raw(id))
      out.append(name(id)).append(": ").append(unfold(*value)).append("\r\n");
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

std::optional<DialogInfo> sipfrag_dialog(std::string_view body) {
  MessageIndex index;
  if (sipfrag_status(body) == 0 || !parse_fragment(body, index)) return std::nullopt;
  const MessageView fragment(body.data(), index);
  const auto from = fragment.get(hdr::from);
  const auto to = fragment.get(hdr::to);
  const auto call_id = fragment.raw(HeaderId::call_id);
  if (!from || !to || !call_id || from->tag().empty() || to->tag().empty()) return std::nullopt;
  DialogInfo out;
  out.call_id = *call_id;
  out.local_tag = from->tag();
  out.remote_tag = to->tag();
  out.initiator = true;
  out.state = DialogInfo::State::confirmed;
  const auto contact = fragment.get(hdr::contact);
  out.remote_uri = contact && !contact->wildcard ? contact->uri.text : to->uri.text;
  return out;
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

// ---- what calls do to referrals

void EventUsages::follow(CallId call, NotifierId referral) { followed_[call] = referral; }

void EventUsages::heard(const UserEvent& event) {
  if (followed_.empty() && of_calls_.empty()) return;
  CallId call;
  int status = 0;
  std::string reason, lines;
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
    if (ua_.options.notifier.refer_dialog) lines = dialog_lines(answered->response.view());
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
    referral->report(status, reason, lines);
  if (status >= 200) followed_.erase(found);
}

// ---- our own transactions and timers

template <class Event>
void EventUsages::pass_on(const Event& event, TimePoint now) {
  const UsageRef& user = event.user;
  if (user.kind == UsageKind::subscription) {
    if (auto* s = subscriptions.find(handle<ClientSubscription>(user))) s->receive(event, now);
  } else if (user.kind == UsageKind::notifier) {
    if (auto* s = notifiers.find(handle<ServerSubscription>(user))) s->receive(event, now);
  } else if (user.kind == UsageKind::publication) {
    if (auto* p = publications.find(handle<ClientPublication>(user))) p->receive(event, now);
  }
}

void EventUsages::receive(const ResponseArrived& event, TimePoint now) { pass_on(event, now); }
void EventUsages::receive(const TxnFailed& event, TimePoint now) { pass_on(event, now); }

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
