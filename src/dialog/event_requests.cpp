// SPDX-License-Identifier: Apache-2.0
// NOTIFY, SUBSCRIBE and REFER requests: whom they are for, and what begins with them. RFC 6665 sections 4.1.3,
// 4.1.4 and 4.2.1, RFC 3515 section 2.4.2, RFC 5057.
#include "dialog/context.hpp"
#include "dialog/inspect.hpp"
#include "sipstack/dialog/package_agent.hpp"

namespace sipstack {
namespace {

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
  if (!request.has(HeaderId::expires)) {
    const PackageAgent* const agent = ua_.options.package_agent;
    const std::uint32_t own =
        agent != nullptr && agent->serves(request) ? agent->default_expires() : 0;
    return std::min(own != 0 ? own : o.default_expires, o.max_expires);
  }
  const auto asked = request.get(hdr::expires);
  if (!asked && asked.error().code != ParseErrc::out_of_range) {
    ua_.layer.respond(event.txn, ua_.response(request, event.flow, 400, {}, "Malformed Expires"),
                      now);
    return std::nullopt;
  }
  const std::uint32_t wanted = asked ? asked->number : UINT32_MAX;
  if (wanted != 0 && wanted < 3600 && wanted < o.min_expires) {
    ResponseWriter out = ua_.response(request, event.flow, 423);
    out.header(HeaderId::min_expires, o.min_expires);
    ua_.layer.respond(event.txn, out, now);
    return std::nullopt;
  }
  return std::min(wanted, o.max_expires);
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
  else if (ua_.options.package_agent != nullptr &&
           ua_.options.package_agent->serves(event.request.view()))
    ua_.options.package_agent->subscribed(id, event.request.view(), now);
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

}  // namespace sipstack
