// SPDX-License-Identifier: Apache-2.0
// A presence agent: RFC 3903 section 6 for publishers, RFC 3856 section 6 for watchers.
#include "dialog/presence_agent.hpp"

#include <algorithm>

#include "dialog/context.hpp"
#include "sipstack/dialog/event_bodies.hpp"

namespace sipstack {
namespace {

std::string uri_in_from(const MessageView& request) {
  const auto from = request.get(hdr::from);
  return from ? std::string(from->uri.text) : std::string();
}

bool is_type(const MediaType& media, std::string_view type) {
  const auto slash = type.find('/');
  return media.is(type.substr(0, slash), type.substr(slash + 1));
}

/// Accept, where there is one, must let us send that type.
bool accepts(const MessageView& request, std::string_view type) {
  if (!request.has(HeaderId::accept)) return true;
  for (const auto& media : request.all(hdr::accept)) {
    if (!media) return true;
    if (media->type == "*" || is_type(*media, type) ||
        (media->subtype == "*" && iequals(media->type, type.substr(0, type.find('/')))))
      return true;
  }
  return false;
}

EventStateOptions state_options(const PresenceAgentOptions& options) {
  EventStateOptions o = options.state;
  o.compose = o.compose || options.merge;
  return o;
}

}  // namespace

PresenceAgent::PresenceAgent(UserAgentContext& ua, const PresenceAgentOptions& options)
    : ua_(ua), options_(options), states_(state_options(options), ua.random()) {}

std::string PresenceAgent::resource_of(const MessageView& request) const {
  const Uri uri = request.request_uri();
  return options_.resource ? options_.resource(uri) : canonical_aor(uri);
}

// ---- publishers

/// Steps 1, 2 and the type of step 5; false where the request is answered.
bool PresenceAgent::inspect(const RequestArrived& event, const std::string& resource,
                            TimePoint now) {
  const MessageView request = event.request.view();
  const auto wanted = request.get(hdr::event);
  if (!wanted || wanted->token != options_.package) {
    ResponseWriter out = ua_.response(request, event.flow, 489);
    out.header(HeaderId::allow_events, ua_.allow_events);
    ua_.layer.respond(event.txn, out, now);
    return false;
  }
  if (resource.empty()) {
    ua_.answer(event, 404, now);
    return false;
  }
  if (options_.may_publish && !options_.may_publish(uri_in_from(request), resource)) {
    ua_.answer(event, 403, now);
    return false;
  }
  if (request.body().empty()) return true;
  const auto type = request.get(hdr::content_type);
  if (type && is_type(*type, options_.content_type) && !request.has(HeaderId::content_encoding)) {
    // Whoever is too large is told so, and by that alone.
    if (!options_.merge || request.body().size() > options_.state.max_body ||
        merge_pidf(resource, {request.body()}))
      return true;
    ua_.layer.respond(
        event.txn, ua_.response(request, event.flow, 400, {}, "Malformed Presence Document"), now);
    return false;
  }
  ResponseWriter out = ua_.response(request, event.flow, 415);
  out.header(HeaderId::accept, options_.content_type);
  ua_.layer.respond(event.txn, out, now);
  return false;
}

void PresenceAgent::published(const RequestArrived& event, TimePoint now) {
  const MessageView request = event.request.view();
  const std::string resource = resource_of(request);
  if (!inspect(event, resource, now)) return;
  EventStateCompositor::Request publish;
  publish.resource = resource;
  publish.content_type = options_.content_type;
  publish.body = request.body();
  if (request.has(HeaderId::sip_if_match)) {
    const auto etag = request.get(hdr::sip_if_match);
    if (!etag) return ua_.answer_missing(event, HeaderId::sip_if_match, now);
    publish.if_match = etag->text;
  }
  if (request.has(HeaderId::expires)) {
    const auto expires = request.get(hdr::expires);
    if (!expires && expires.error().code != ParseErrc::out_of_range)
      return ua_.answer_missing(event, HeaderId::expires, now);
    publish.expires = expires ? expires->number : UINT32_MAX;
  }
  const auto outcome = states_.publish(publish, now);
  if (outcome.status == 503) return ua_.answer_busy(event, now);
  ResponseWriter out = ua_.response(request, event.flow, outcome.status);
  if (outcome.status == 423) out.header(HeaderId::min_expires, outcome.expires);
  if (outcome.status == 200) {
    out.header(HeaderId::sip_etag, outcome.etag);
    out.header(HeaderId::expires, outcome.expires);
  }
  ua_.layer.respond(event.txn, out, now);
  if (outcome.changed) tell(resource, now);
  arm();
}

void PresenceAgent::expire(TimePoint now) {
  for (const std::string& resource : states_.expire(now)) tell(resource, now);
  while (!waiting_.empty() && waiting_.begin()->first <= now) {
    const std::string resource = waiting_.begin()->second;
    waiting_.erase(waiting_.begin());
    const auto paced = paced_.find(resource);
    const bool due = paced->second;
    paced_.erase(paced);
    if (due) tell(resource, now);
  }
  arm();
}

void PresenceAgent::arm() {
  TimePoint next = states_.deadline();
  if (!waiting_.empty()) next = std::min(next, waiting_.begin()->first);
  if (next == kNever)
    ua_.disarm(timer_);
  else
    ua_.arm(timer_, next);
}

// ---- watchers

bool PresenceAgent::serves(const MessageView& subscribe) const {
  const auto event = subscribe.get(hdr::event);
  return event && event->token == options_.package;
}

void PresenceAgent::subscribed(NotifierId notifier, const MessageView& subscribe, TimePoint now) {
  ServerSubscription* s = ua_.usages.notifiers.find(notifier);
  if (s == nullptr) return;
  const std::string resource = resource_of(subscribe);
  const bool full =
      options_.max_watchers != SIZE_MAX && watchers_.count(resource) >= options_.max_watchers;
  watchers_.emplace(resource, notifier);
  resources_.emplace(notifier, resource);
  if (resource.empty() || full) {
    if (full)
      s->reject(503, {{"Retry-After", "60"}}, now);
    else
      s->reject(404, {}, now);
    return;
  }
  if (!accepts(subscribe, options_.content_type)) {
    s->reject(406, {{"Accept", options_.content_type}}, now);
    return;
  }
  using Answer = PresenceAgentOptions::Answer;
  const Answer answer =
      options_.approve ? options_.approve(uri_in_from(subscribe), resource) : Answer::allow;
  if (answer == Answer::refuse) {
    s->reject(403, {}, now);
  } else {
    const auto shown = state(resource);
    s->accept(answer == Answer::wait, shown.content_type, shown.body, {}, now);
  }
}

bool PresenceAgent::ended(NotifierId notifier) {
  const auto found = resources_.find(notifier);
  if (found == resources_.end()) return false;
  const auto [first, last] = watchers_.equal_range(found->second);
  for (auto it = first; it != last; ++it)
    if (it->second == notifier) {
      watchers_.erase(it);
      break;
    }
  resources_.erase(found);
  return true;
}

EventStateCompositor::State PresenceAgent::state(const std::string& resource) const {
  if (options_.merge) {
    std::vector<std::string_view> documents;
    for (const auto* each : states_.states(resource)) documents.push_back(each->body);
    if (documents.size() > 1)
      if (auto all = merge_pidf(resource, documents))
        return {options_.content_type, *std::move(all)};
  }
  if (const auto* published = states_.state(resource)) return *published;
  // The neutral state of RFC 3856 section 6.9: nobody has said anything.
  if (options_.content_type == kPidfType) return {std::string(kPidfType), pidf(resource, false)};
  return {};
}

void PresenceAgent::tell(const std::string& resource, TimePoint now) {
  if (options_.pace == Duration::zero()) return notify_all(resource, now);
  if (watchers_.find(resource) == watchers_.end()) return;
  const auto [paced, first] = paced_.emplace(resource, false);
  if (!first) {
    paced->second = true;
    return;
  }
  waiting_.emplace(now + options_.pace, resource);
  notify_all(resource, now);
}

void PresenceAgent::notify_all(const std::string& resource, TimePoint now) {
  const auto shown = state(resource);
  std::vector<NotifierId> watching;  // who cannot be told is removed meanwhile
  const auto [first, last] = watchers_.equal_range(resource);
  for (auto it = first; it != last; ++it) watching.push_back(it->second);
  for (const NotifierId id : watching)
    if (ServerSubscription* s = ua_.usages.notifiers.find(id))
      s->notify(shown.content_type, shown.body, {}, now);
}

}  // namespace sipstack
