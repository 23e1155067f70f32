// SPDX-License-Identifier: Apache-2.0
// Response heads and the lines about ourselves. RFC 3261 sections 8.2.6, 11.2, 13.2.1.
#include "dialog/context.hpp"

#include <algorithm>

#include "sipstack/dialog/package_agent.hpp"

namespace sipstack {
namespace {

std::string joined(const std::vector<std::string>& list) {
  std::string out;
  for (const auto& item : list) {
    if (!out.empty()) out += ", ";
    out += item;
  }
  return out;
}

void add(std::vector<std::string>& list, std::string_view item) {
  if (std::find(list.begin(), list.end(), item) == list.end()) list.emplace_back(item);
}
void remove(std::vector<std::string>& list, std::string_view item) {
  list.erase(std::remove(list.begin(), list.end(), item), list.end());
}

/// What we notify of.
std::string packages(const NotifierOptions& o) {
  auto list = o.packages;
  if (o.refer) list.emplace_back("refer");
  return joined(list);
}

/// The options with what follows from them: methods and option tags that features bring along.
UserAgentOptions completed(UserAgentOptions o) {
  if (o.reliable != ExtensionUse::off) {
    add(o.supported, "100rel");
    add(o.allow, "PRACK");
  } else {
    remove(o.supported, "100rel");
    remove(o.allow, "PRACK");
  }
  if (o.session_timer) add(o.supported, "timer");
  o.min_se = std::max<std::uint32_t>(o.min_se, 90);  // RFC 4028 section 5
  if (o.presence) {
    add(o.allow, "PUBLISH");
    add(o.notifier.packages, o.presence->package);
  }
  if (!o.notifier.packages.empty()) add(o.allow, "SUBSCRIBE");
  if (o.notifier.refer) {
    add(o.allow, "REFER");
    add(o.allow, "SUBSCRIBE");  // for the subscription that it makes
    add(o.supported, "norefersub");
  }
  if (o.replaces) add(o.supported, "replaces");
  if (o.join) add(o.supported, "join");
  return o;
}

std::vector<std::string> without(std::vector<std::string> list, std::string_view item) {
  remove(list, item);
  return list;
}

}  // namespace

UserAgentContext::UserAgentContext(TransactionLayer& l, const UserAgentOptions& o)
    : layer(l),
      options(completed(o)),
      key{l.random().next(), l.random().next()},
      allow(joined(options.allow)),
      supported(joined(options.supported)),
      supported_unreliable(joined(without(options.supported, "100rel"))),
      accept(joined(options.accept)),
      recv_info(joined(options.recv_info)),
      allow_events(packages(options.notifier)),
      dialogs(key),
      usages(*this, key) {
  if (options.presence) presence.emplace(*this, *options.presence);
}

void UserAgentContext::tell(UserEvent event) {
  usages.heard(event);
  // The presence agent's subscriptions are no business of the application's.
  if (presence) {
    if (const auto* arrived = std::get_if<SubscriptionArrived>(&event);
        arrived != nullptr && presence->serves(arrived->request.view()))
      return;
    if (const auto* ended = std::get_if<NotifierEnded>(&event);
        ended != nullptr && presence->ended(ended->notifier))
      return;
  }
  if (PackageAgent* const agent = options.package_agent) {
    if (const auto* arrived = std::get_if<SubscriptionArrived>(&event);
        arrived != nullptr && agent->serves(arrived->request.view()))
      return;
    if (const auto* ended = std::get_if<NotifierEnded>(&event);
        ended != nullptr && agent->ended(ended->notifier))
      return;
  }
  events.push_back(std::move(event));
}

void UserAgentContext::reap() {
  for (const CallId id : over_calls) calls.erase(id);
  for (const RequestId id : over_requests) requests.erase(id);
  for (const RegistrationId id : over_registrations) registrations.erase(id);
  over_calls.clear();
  over_requests.clear();
  over_registrations.clear();
  usages.reap();
}

InviteSession* UserAgentContext::call_of(const DialogId& id) {
  const CallId call = dialogs.find(id, [&](CallId candidate) {
    const InviteSession* session = calls.find(candidate);
    return session != nullptr && session->has_dialog(id);
  });
  return calls.find(call);
}

const InviteSession* UserAgentContext::call_of(const DialogId& id) const {
  return const_cast<UserAgentContext*>(this)->call_of(id);
}

std::string UserAgentContext::tag_for(const MessageView& request) const {
  std::string text(request.call_id());
  text.append("\n").append(request.from_tag()).append("\n").append(request.branch());
  const std::uint64_t hash = keyed_hash(key, text);
  std::string tag(16, '0');
  for (unsigned i = 0; i < 16; ++i) tag[i] = "0123456789abcdef"[(hash >> (4 * i)) & 15];
  return tag;
}

ResponseWriter UserAgentContext::response(const MessageView& request, const Flow& flow, int status,
                                          std::string_view to_tag, std::string_view reason) {
  const std::string own = to_tag.empty() ? tag_for(request) : std::string(to_tag);
  ResponseWriter out(pool(), request, flow, status, own, reason);
  write_product(out, HeaderId::server);
  return out;
}

void UserAgentContext::answer(const RequestArrived& event, int status, TimePoint now,
                              std::string_view to_tag) {
  layer.respond(event.txn, response(event.request.view(), event.flow, status, to_tag), now);
}

void UserAgentContext::answer_missing(const RequestArrived& event, HeaderId field, TimePoint now) {
  const std::string reason = std::string("Missing or malformed ").append(name(field));
  layer.respond(event.txn, response(event.request.view(), event.flow, 400, {}, reason), now);
}

void UserAgentContext::answer_busy(const RequestArrived& event, TimePoint now) {
  ResponseWriter out = response(event.request.view(), event.flow, 503);
  out.header(HeaderId::retry_after, 8 + random().below(25));
  layer.respond(event.txn, out, now);
}

void UserAgentContext::answer_options(const RequestArrived& event, TimePoint now) {
  ResponseWriter out = response(event.request.view(), event.flow, 200);
  write_capabilities(out);
  out.header(HeaderId::accept, accept);
  write_contact(out, {}, false);
  layer.respond(event.txn, out, now);
}

void UserAgentContext::write_capabilities(MessageWriter& out, bool reliable) const {
  out.header(HeaderId::allow, allow);
  out.header(HeaderId::supported, reliable ? supported : supported_unreliable);
  if (!allow_events.empty()) out.header(HeaderId::allow_events, allow_events);
}

void UserAgentContext::write_contact(MessageWriter& out, const ExtraHeaders& headers, bool secure,
                                     std::string_view params) const {
  if (!names(headers, HeaderId::contact))
    out.contact_here(options.contact_user, {}, params.empty() ? "" : ";" + std::string(params),
                     secure);
}

void UserAgentContext::write_product(MessageWriter& out, HeaderId id) const {
  if (!options.product.empty()) out.header(id, options.product);
}

}  // namespace sipstack
