// SPDX-License-Identifier: Apache-2.0
// Where a request goes that may pass: as the application says, to a user of ours, to a number, elsewhere. RFC
// 3261 section 16.5.
#include <algorithm>

#include "server/dialled.hpp"
#include "server/proxy_impl.hpp"

namespace sipstack {

using server::Target;

namespace {

constexpr int kHighestQ = 1000;

/// A Contact value: URIs get brackets.
std::string as_contact(const std::string& value) {
  return value.find('<') == std::string::npos ? "<" + value + ">" : value;
}

}  // namespace

ProxyRequest Proxy::Impl::described(const Context& c, const MessageView& message) const {
  return {c.self, message, c.flow, c.routing.uri, c.user, c.routing.in_dialog};
}

void Proxy::Impl::decide(Context& c, TimePoint now) {
  if (!options.decide) return as_usual(c, now);
  c.asked = Context::Asked::application;
  const MessageView m = c.request.view();
  carry_out(c, options.decide(described(c, m)), now);
}

void Proxy::Impl::carry_out(Context& c, const Decision& decision, TimePoint now) {
  if (std::holds_alternative<DecideLater>(decision)) {
    c.looking_up = c.deciding = true;
    return;
  }
  if (const auto* reply = std::get_if<ProxyReply>(&decision)) {
    const bool known = reply->status >= 200 && reply->status <= 699;
    return end(c, known ? reply->status : 500, reply->reason, reply->headers, now);
  }
  if (const auto* redirect = std::get_if<ProxyRedirect>(&decision)) {
    ExtraHeaders contacts;
    for (const std::string& contact : redirect->contacts)
      contacts.emplace_back("Contact", as_contact(contact));
    const bool known = redirect->status >= 300 && redirect->status <= 399;
    return end(c, contacts.empty() ? 404 : known ? redirect->status : 302, {}, contacts, now);
  }
  const auto& forward = std::get<ProxyForward>(decision);
  c.headers.insert(c.headers.end(), forward.headers.begin(), forward.headers.end());
  c.remove.insert(c.remove.end(), forward.remove.begin(), forward.remove.end());
  if (forward.targets.empty())
    return c.asked == Context::Asked::number ? to_static_route(c, now) : as_usual(c, now);
  c.to_follow.assign(forward.targets.rbegin(), forward.targets.rend());
  follow(c, now);
}

std::error_code Proxy::Impl::decide(ProxyRequestId id, const Decision& decision, TimePoint now) {
  Context* const c = contexts.find(id);
  if (c == nullptr || c->stopped || c->answered) return Errc::gone;
  if (!c->deciding || std::holds_alternative<DecideLater>(decision)) return Errc::wrong_state;
  c->looking_up = c->deciding = false;
  carry_out(*c, decision, now);
  return {};
}

void Proxy::Impl::end(Context& c, int status, std::string_view reason, const ExtraHeaders& headers,
                      TimePoint now) {
  const ContextId id = c.self;
  ResponseWriter writer(layer.pool(), c.request.view(), c.flow, status, layer.random().token(),
                        reason);
  if (!options.product.empty()) writer.header(HeaderId::server, options.product);
  for (const auto& [name, value] : headers) writer.header(name, value);
  // Text of the application that can't be written is its mistake, not the caller's.
  if (layer.respond(c.server, writer, now) == Errc::write_failed) answer(c, 500, now);
  c.answered = true;
  settle(id, now);
}

void Proxy::Impl::as_usual(Context& c, TimePoint now) {
  c.asked = Context::Asked::nobody;
  if (edge || c.routing.by_path) return to_edge(c, now);
  const auto uri = Uri::parse(c.routing.uri);  // which was parsed before
  if (registrar.serves(*uri) && !uri->params.has("maddr")) {
    c.gruu = registrar.gruu(*uri);
    const std::string aor = c.gruu ? c.gruu->aor : registrar.aor(*uri);
    return aor.empty() ? end(c, 404, {}, {}, now) : look_up(c.self, aor, now);
  }
  const bool routed = c.routing.route.empty() && !c.routing.in_dialog;
  if (!uri->is_sip() && c.routing.route.empty()) return to_number(c, now);
  if (options.redirect) return end(c, 404, {}, {}, now);
  if (routed && server::find_route(options.routes, *uri, false) != nullptr)
    return to_static_route(c, now);
  Target target;
  target.uri = c.routing.uri;
  target.flow = c.routing.flow;
  c.waiting.push_back(std::move(target));
  settle(c.self, now);
}

void Proxy::Impl::follow(Context& c, TimePoint now) {
  while (!c.to_follow.empty()) {
    const ProxyTarget wanted = std::move(c.to_follow.back());
    c.to_follow.pop_back();
    const auto uri = Uri::parse(wanted.uri);
    if (!uri || !(uri->is_sip() || uri->scheme == UriScheme::tel)) continue;
    c.q = wanted.q;
    if (wanted.route.empty() && registrar.serves(*uri) && !uri->params.has("maddr")) {
      c.gruu = registrar.gruu(*uri);
      const std::string aor = c.gruu ? c.gruu->aor : registrar.aor(*uri);
      if (aor.empty()) continue;
      return look_up(c.self, aor, now);  // found() goes on here
    }
    Target target;
    if (const auto* route = wanted.route.empty() && !uri->is_sip()
                                ? server::find_route(options.routes, *uri, false)
                                : nullptr) {
      if (!server::by_route(*route, *uri, false, target)) continue;
    } else if (uri->is_sip() || !wanted.route.empty()) {
      target.uri = server::as_request_uri(*uri);
      target.path = wanted.route;
    } else {
      continue;
    }
    add(c, std::move(target));
  }
  start(c, now);
}

void Proxy::Impl::add(Context& c, Target&& target) const {
  const auto original = Uri::parse(c.routing.uri);
  const auto uri = Uri::parse(target.uri);
  // A sips request stays secure all the way (RFC 5630 section 5.3).
  if (original && original->scheme == UriScheme::sips && uri && uri->scheme == UriScheme::sip)
    return;
  target.q = c.q * (kHighestQ + 1);
  if (c.waiting.size() < options.max_branches) c.waiting.push_back(std::move(target));
}

void Proxy::Impl::start(Context& c, TimePoint now) {
  if (c.waiting.empty()) return nobody(c, now);
  if (c.breadth == 0) return end(c, 440, {}, {}, now);  // RFC 5393 section 5.3.3
  server::by_preference(c.waiting);
  settle(c.self, now);
}

/// Which users there are we don't know (section 16.5). A temporary GRUU without a binding is over, a public one
/// is not (RFC 5627 section 5.3).
void Proxy::Impl::nobody(Context& c, TimePoint now) {
  const auto uri = Uri::parse(c.routing.uri);
  if (c.asked == Context::Asked::nobody && !c.gruu && registrar.serves(*uri))
    return to_number(c, now);
  end(c, c.gruu && c.gruu->temporary ? 404 : 480, {}, {}, now);
}

/// A tel URI, or a user of ours without bindings.
void Proxy::Impl::to_number(Context& c, TimePoint now) {
  const auto uri = Uri::parse(c.routing.uri);
  const server::Dialled whom = server::dialled(*uri);
  if (!options.number || !may_leave(c) || !whom.e164()) return to_static_route(c, now);
  c.asked = Context::Asked::number;
  const MessageView m = c.request.view();
  carry_out(c, options.number(described(c, m), whom.user), now);
}

void Proxy::Impl::to_static_route(Context& c, TimePoint now) {
  const auto uri = Uri::parse(c.routing.uri);
  const bool ours = registrar.serves(*uri);
  const StaticRoute* const route = server::find_route(options.routes, *uri, ours);
  Target target;
  const bool routed = route != nullptr && (route->open || may_leave(c)) &&
                      server::by_route(*route, *uri, ours, target);
  if (!routed) return end(c, ours ? 480 : 404, {}, {}, now);
  if (options.redirect) {
    if (target.uri == c.routing.uri) return end(c, 404, {}, {}, now);
    return end(c, 302, {}, {{"Contact", as_contact(target.uri)}}, now);
  }
  add(c, std::move(target));
  if (c.waiting.empty()) return end(c, 480, {}, {}, now);
  start(c, now);
}

void Proxy::Impl::to_edge(Context& c, TimePoint now) {
  Target target;
  target.uri = c.routing.uri;
  target.flow = c.routing.flow;
  target.by_flow_only = c.routing.by_path;
  if (!c.routing.by_path && !c.routing.in_dialog) {
    const auto next = Uri::parse(options.edge);
    if (!next || !next->is_sip()) return end(c, 500, {}, {}, now);
    // Whatever Route a stranger brings along: it is the next hop that may follow it, or not.
    server::set_next_hop(target, *next);
  }
  c.waiting.push_back(std::move(target));
  settle(c.self, now);
}

}  // namespace sipstack
