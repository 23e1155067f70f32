// SPDX-License-Identifier: Apache-2.0
#include "tools/bridge_route.hpp"

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <utility>

namespace sipstack::tools {

namespace {

/// A number without its visual separators (RFC 3966 section 3); other users as they are.
std::string number_of(std::string_view user) {
  std::string plain;
  for (const char c : user) {
    if (c == '-' || c == '.' || c == '(' || c == ')') continue;
    if (!(c == '+' && plain.empty()) && (c < '0' || c > '9') && c != '*' && c != '#')
      return std::string(user);
    plain += c;
  }
  return plain;
}

/// How well a domain fits, 0: not at all, 1: by naming none.
std::size_t domain_fits(std::string_view pattern, std::string_view host) {
  if (pattern.empty()) return 1;
  if (iequals(pattern, host)) return 1000;
  if (pattern.substr(0, 2) != "*.") return 0;
  const std::string_view end = pattern.substr(1);
  const bool below =
      host.size() > end.size() && iequals(host.substr(host.size() - end.size()), end);
  return below ? 1 + std::min<std::size_t>(end.size(), 998) : 0;
}

}  // namespace

std::vector<std::string> bridge_targets(const std::vector<BridgeRoute>& routes, const Uri& called) {
  const std::string user = number_of(unescape(called.user));
  const BridgeRoute* best = nullptr;
  std::pair<std::size_t, std::size_t> fit{0, 0};
  for (const BridgeRoute& r : routes) {
    const std::size_t domain = domain_fits(r.domain, called.host);
    if (domain == 0 || user.compare(0, r.prefix.size(), r.prefix) != 0) continue;
    if (best != nullptr && std::pair(domain, r.prefix.size()) <= fit) continue;
    best = &r;
    fit = {domain, r.prefix.size()};
  }
  std::vector<std::string> targets;
  if (best == nullptr) return targets;
  const std::string sent = best->prepend + user.substr(std::min(best->strip, user.size()));
  for (const std::string& to : best->to) {
    const auto uri = Uri::parse(to);
    const bool takes = uri && uri->is_sip() && !uri->has_user && !sent.empty();
    const std::size_t colon = to.find(':');
    targets.push_back(
        takes ? to.substr(0, colon + 1) + escape_user(sent) + "@" + to.substr(colon + 1) : to);
  }
  return targets;
}

}  // namespace sipstack::tools
