// SPDX-License-Identifier: Apache-2.0
#include "server/dialled.hpp"

#include <algorithm>

#include "sipstack/parser/uri_parts.hpp"

namespace sipstack::server {
namespace {

constexpr std::size_t kE164Digits = 15;

std::string_view domain_of(const Uri& uri) noexcept {
  if (uri.is_sip()) return uri.host;
  const auto number = TelNumber::from(uri);
  // "+1" as context is no domain.
  return number && !number->context.empty() && number->context.front() != '+' ? number->context
                                                                              : std::string_view();
}

/// How well a route's domain fits, 0: not. Exact ones are above all wildcards.
std::size_t domain_fit(std::string_view domain, std::string_view host) noexcept {
  if (domain.empty()) return 1;
  if (!host.empty() && host.back() == '.') host.remove_suffix(1);
  if (iequals(domain, host)) return SIZE_MAX;
  if (domain.size() < 3 || domain.substr(0, 2) != "*.") return 0;
  const std::string_view below = domain.substr(1);
  const bool fits =
      host.size() > below.size() && iequals(host.substr(host.size() - below.size()), below);
  return fits ? domain.size() : 0;
}

/// What the route makes of user or number.
std::string rewritten(const StaticRoute& route, const std::string& user) {
  return route.prepend + user.substr(std::min(route.strip, user.size()));
}

std::string host_port(const Uri& uri) {
  std::string out(uri.host);
  if (uri.port) out.append(":").append(std::to_string(*uri.port));
  return out;
}

/// RFC 3261 section 19.1.6: a number at a gateway.
std::string at_gateway(const Uri& gateway, const std::string& number, const std::string& params,
                       bool secure) {
  std::string out(secure ? std::string_view("sips") : gateway.scheme_name);
  out.append(":").append(escape(UriPart::user, number)).append(params);
  out.append("@").append(host_port(gateway));
  for (const Param& p : gateway.params) {
    if (iequals(p.name, "user") || iequals(p.name, "method")) continue;
    out.append(";").append(p.name);
    if (p.has_value) out.append("=").append(p.value);
  }
  return out + ";user=phone";
}

/// The Request-URI with another user part, or another number.
std::string with_user(const Uri& uri, const Dialled& whom, const std::string& user) {
  if (uri.scheme == UriScheme::tel) return "tel:" + user + whom.params;
  if (!uri.has_user) return std::string(uri.text);
  std::string out(uri.scheme_name);
  out.append(":").append(escape(UriPart::user, user)).append(whom.params);
  return out.append(uri.text.substr(uri.text.find('@')));
}

}  // namespace

bool Dialled::e164() const noexcept {
  return number && user.size() > 1 && user.size() <= kE164Digits + 1 && user.front() == '+' &&
         user.find_first_not_of("0123456789", 1) == std::string::npos;
}

Dialled dialled(const Uri& uri) {
  Dialled out;
  const auto number = TelNumber::from(uri);
  if (number) {
    out.user = number->digits();
    // A local number may have A to F (RFC 3966 section 3); in a SIP URI that would make "bea" one.
    out.number = uri.scheme == UriScheme::tel ||
                 out.user.find_first_not_of("+0123456789*#") == std::string::npos;
    out.params = number->params.text();
  }
  if (!out.number) {
    out.user = unescape(uri.user);
    out.params.clear();
  } else if (!out.params.empty() && out.params.front() != ';') {
    out.params.insert(0, ";");
  }
  return out;
}

const StaticRoute* find_route(const std::vector<StaticRoute>& routes, const Uri& uri, bool ours) {
  if (routes.empty()) return nullptr;
  const Dialled whom = dialled(uri);
  const std::string_view host = domain_of(uri);
  const StaticRoute* best = nullptr;
  std::size_t best_domain = 0;
  for (const StaticRoute& route : routes) {
    const std::size_t domain = domain_fit(route.domain, host);
    if (domain == 0 || whom.user.compare(0, route.prefix.size(), route.prefix) != 0) continue;
    // A default route is no answer to a name of ours that nobody has.
    if (ours && !whom.number && route.domain.empty()) continue;
    if (best != nullptr && (domain < best_domain ||
                            (domain == best_domain && route.prefix.size() <= best->prefix.size())))
      continue;
    best = &route;
    best_domain = domain;
  }
  return best;
}

void set_next_hop(Target& target, const Uri& next) {
  if (next.lr())
    target.path.insert(target.path.begin(), "<" + std::string(next.text) + ">");
  else
    target.hop = next.text;
}

bool by_route(const StaticRoute& route, const Uri& uri, bool ours, Target& out) {
  const Dialled whom = dialled(uri);
  const std::string user = rewritten(route, whom.user);
  const bool secure = uri.scheme == UriScheme::sips;
  const bool untouched = user == whom.user;
  std::vector<Target> all;
  for (const std::string& text : route.targets) {
    const auto next = Uri::parse(text);
    if (!next || !next->is_sip()) continue;
    Target t;
    t.failover = true;
    if (!next->lr() && whom.number && (ours || !uri.is_sip())) {
      if (user.empty()) continue;
      t.uri = at_gateway(*next, user, whom.params, secure);
    } else {
      t.uri = untouched ? as_request_uri(uri) : with_user(uri, whom, user);
      set_next_hop(t, *next);
    }
    if (Uri::parse(t.uri)) all.push_back(std::move(t));
  }
  if (all.empty()) return false;
  out = std::move(all.front());
  out.standby.assign(std::make_move_iterator(all.begin() + 1), std::make_move_iterator(all.end()));
  return true;
}

}  // namespace sipstack::server
