// SPDX-License-Identifier: Apache-2.0
// Whom an INVITE goes to: by a URI that somebody gave us, by a 3xx. RFC 3261 sections 8.1.3.4, 19.1.5 and
// 21.3, RFC 5806 section 5.2.
#include <algorithm>

#include "dialog/context.hpp"
#include "sipstack/parser/uri_parts.hpp"

namespace sipstack {
namespace {

constexpr std::size_t kMaxContacts = 32;     // of all 3xx together
constexpr std::size_t kMaxCarriedOver = 16;  // carried over from them

/// What a URI may add to an INVITE: the rest could make us say anything to anybody (section 19.1.5).
bool honoured(std::string_view field) {
  static constexpr std::string_view kFields[] = {"Replaces",       "Join",    "Require",
                                                 "Accept-Contact", "Subject", "User-to-User"};
  return std::any_of(std::begin(kFields), std::end(kFields),
                     [field](std::string_view name) { return iequals(field, name); });
}

}  // namespace

bool call_uri(std::string_view text, CallOptions& options) {
  const auto uri = Uri::parse(text);
  if (!uri || !uri->is_sip()) return false;
  if (const auto method = uri->params.find("method"); method && !iequals(*method, "INVITE"))
    return false;
  const char* const end =
      uri->headers.empty() ? uri->text.data() + uri->text.size() : uri->headers.data() - 1;
  options.target.assign(uri->text.data(), end);
  options.to.clear();
  for (const Param& field : UriHeaders(*uri)) {
    const std::string name = unescape(field.name);
    if (honoured(name)) options.headers.emplace_back(name, unescape(field.value));
  }
  return true;
}

void InviteSession::take_contacts(const MessageView& response) {
  if (response.status() == 380) return;  // a service, not a place to look for the callee
  // Section 21.3.4: the request is repeated as it was, by the proxy that the Contact names.
  const bool by_proxy = response.status() == 305;
  Setup& s = *setup_;
  std::vector<std::pair<int, Setup::Next>> found;
  for (const auto& contact : response.all(hdr::contact)) {
    if (!contact || s.tried.size() + s.next.size() + found.size() >= kMaxContacts) break;
    if (contact->wildcard || !contact->uri.is_sip()) continue;
    // Section 8.1.3.4: what was to be secure stays so.
    if (is_sips(s.target) && contact->uri.scheme != UriScheme::sips) continue;
    // The recursion guard: no URI twice.
    const auto same = [&](const Setup::Tried& other) {
      const auto uri = Uri::parse(other.uri);
      return other.proxy == by_proxy && uri && equal(*uri, contact->uri);
    };
    if (std::any_of(s.tried.begin(), s.tried.end(), same)) continue;
    std::string uri(contact->uri.text);
    s.tried.push_back({uri, by_proxy});
    if (by_proxy)
      found.emplace_back(contact->q(), Setup::Next{s.target, {loose_route(uri)}});
    else
      found.emplace_back(contact->q(), Setup::Next{std::move(uri), s.routes});
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<Setup::Next> next;
  for (auto& [q, one] : found) next.push_back(std::move(one));
  s.next.insert(s.next.begin(), std::make_move_iterator(next.begin()),
                std::make_move_iterator(next.end()));
  if (!found.empty()) take_diversions(response);
}

// RFC 5806 section 5.2: whoever diverted the call is named to the next one. The latest stands topmost.
void InviteSession::take_diversions(const MessageView& response) {
  Setup& s = *setup_;
  std::vector<std::string> all;
  for (const auto& by : response.all(hdr::diversion)) {
    if (!by || all.size() >= kMaxCarriedOver) break;
    all.push_back(unfold(by->text));
  }
  for (std::string& by : s.diverted)
    if (all.size() < kMaxCarriedOver) all.push_back(std::move(by));
  s.diverted = std::move(all);
}

bool InviteSession::try_next(TimePoint now) {
  Setup& s = *setup_;
  while (!s.next.empty() && s.redirects < s.options.max_redirects) {
    s.target = std::move(s.next.front().target);
    s.head.routes = std::move(s.next.front().routes);
    s.next.erase(s.next.begin());
    ++s.redirects;
    drop_early();
    if (!send_invite(std::nullopt, now)) return true;
  }
  return false;
}

}  // namespace sipstack
