// SPDX-License-Identifier: Apache-2.0
// Publications by entity-tag. RFC 3903 section 6.
#include "sipstack/dialog/event_state.hpp"

#include <algorithm>

namespace sipstack {

EventStateCompositor::Outcome EventStateCompositor::publish(const Request& request, TimePoint now) {
  const auto refuse = [](int status) {
    Outcome out;
    out.status = status;
    return out;
  };
  // Step 3: the entity-tag names something that is there, of this resource.
  auto old = publications_.end();
  if (!request.if_match.empty()) {
    old = publications_.find(request.if_match);
    if (old == publications_.end() || old->second.resource != request.resource ||
        old->second.expires_at <= now)
      return refuse(412);
  }
  // Step 4.
  std::uint32_t expires = request.expires.value_or(options_.default_expires);
  if (expires != 0 && expires < options_.min_expires) {
    Outcome out = refuse(423);
    out.expires = options_.min_expires;
    return out;
  }
  expires = std::min(expires, options_.max_expires);
  // Step 5.
  const bool fresh = old == publications_.end();
  if (fresh && request.body.empty()) return refuse(400);
  if (request.body.size() > options_.max_body) return refuse(413);
  const auto known = resources_.find(request.resource);
  if (fresh && expires != 0 &&
      (publications_.size() >= options_.max_publications ||
       (known != resources_.end() && known->second.size() >= options_.max_per_resource)))
    return refuse(503);

  Outcome out;
  out.expires = expires;
  // Step 6: a new entity-tag each time, never one that was there before.
  out.etag = random_.token(12);
  if (expires == 0) {
    if (!fresh) out.changed = remove(old);
    return out;
  }
  Publication next;
  next.resource = request.resource;
  next.expires_at = now + std::chrono::seconds(expires);
  const bool modified = fresh || !request.body.empty();
  if (modified)
    next.state = {std::string(request.content_type), std::string(request.body)};
  else
    next.state = std::move(old->second.state);
  auto& tags = resources_[next.resource];
  auto place = tags.end();
  if (!fresh) {
    place = std::find(tags.begin(), tags.end(), old->first);
    expiries_.erase({old->second.expires_at, old->first});
    publications_.erase(old);
  }
  if (modified) {
    if (place != tags.end()) tags.erase(place);
    tags.push_back(out.etag);
    out.changed = true;
  } else {
    *place = out.etag;
  }
  expiries_.emplace(next.expires_at, out.etag);
  publications_.emplace(out.etag, std::move(next));
  return out;
}

/// True where the state of its resource is another now.
bool EventStateCompositor::remove(Publications::iterator which) {
  const auto resource = resources_.find(which->second.resource);
  auto& tags = resource->second;
  const bool shown = options_.compose || tags.back() == which->first;
  tags.erase(std::find(tags.begin(), tags.end(), which->first));
  if (tags.empty()) resources_.erase(resource);
  expiries_.erase({which->second.expires_at, which->first});
  publications_.erase(which);
  return shown;
}

const EventStateCompositor::State* EventStateCompositor::state(std::string_view resource) const {
  const auto found = resources_.find(resource);
  return found == resources_.end() ? nullptr
                                   : &publications_.find(found->second.back())->second.state;
}

std::vector<const EventStateCompositor::State*> EventStateCompositor::states(
    std::string_view resource) const {
  std::vector<const State*> all;
  const auto found = resources_.find(resource);
  if (found == resources_.end()) return all;
  for (const std::string& tag : found->second)
    all.push_back(&publications_.find(tag)->second.state);
  return all;
}

std::vector<std::string> EventStateCompositor::expire(TimePoint now) {
  std::vector<std::string> changed;
  while (!expiries_.empty() && expiries_.begin()->first <= now) {
    const auto which = publications_.find(expiries_.begin()->second);
    std::string resource = which->second.resource;
    if (remove(which) && std::find(changed.begin(), changed.end(), resource) == changed.end())
      changed.push_back(std::move(resource));
  }
  return changed;
}

TimePoint EventStateCompositor::deadline() const noexcept {
  return expiries_.empty() ? kNever : expiries_.begin()->first;
}

}  // namespace sipstack
