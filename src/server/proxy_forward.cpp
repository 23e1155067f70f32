// SPDX-License-Identifier: Apache-2.0
// Forwarding a request to its targets. RFC 3261 section 16.6; RFC 5393 section 5, RFC 5658, RFC 3327
// section 5.4.
#include <algorithm>

#include "server/flow_token.hpp"
#include "server/proxy_impl.hpp"
#include "sipstack/parser/rewrite.hpp"

namespace sipstack {

using server::Branch;
using server::reached_by_flow;
using server::Routing;
using server::Target;

namespace {

/// Methods that may set up a dialog, or may have to for all we know; BYE, ACK, MESSAGE and the like don't.
bool sets_up_dialog(const MessageView& m) noexcept {
  switch (m.method()) {
    case Method::invite:
    case Method::subscribe:
    case Method::notify:
    case Method::refer:
    case Method::update:
    case Method::other: return true;
    default: return false;
  }
}

std::string joined(const std::vector<std::string>& values) {
  std::string all;
  for (const std::string& v : values) {
    if (!all.empty()) all += ", ";
    all += v;
  }
  return all;
}

/// The URI of a Route value.
std::string route_uri(const std::string& value) {
  const char* cursor = value.data();
  NameAddr route;
  if (parse_value(cursor, value.data() + value.size(), route) != ParseErrc::ok) return {};
  return std::string(route.uri.text);
}

bool is_sips(std::string_view uri) noexcept { return iequals(uri.substr(0, 5), "sips:"); }

std::string as_sips(const std::string& uri) {
  return iequals(std::string_view(uri).substr(0, 4), "sip:") ? "sips" + uri.substr(3) : uri;
}

/// What RFC 3263 will make of a next hop, as far as it can be told without asking DNS.
struct Guess {
  Transport transport = Transport::udp;
  IpAddress ip;
};
Guess guess(const NextHop& hop) {
  if (hop.flow) return {hop.flow->transport, hop.flow->remote.ip};
  Guess g;
  if (const auto uri = Uri::parse(hop.uri)) {
    g.transport =
        uri->transport().value_or(uri->scheme == UriScheme::sips ? Transport::tls : Transport::udp);
    if (const auto ip = IpAddress::parse(uri->host)) g.ip = *ip;
  }
  return g;
}

/// Host, port and transport of a URI of ours.
std::string uri_of(Transport transport, const std::string& sent_by, bool sips) {
  std::string text = sent_by;
  if (transport != Transport::udp && !(sips && transport == Transport::tls))
    text.append(";transport=").append(uri_name(transport));
  return text;
}

}  // namespace

void Proxy::Impl::start_group(Context& c, TimePoint now) {
  const int q = c.waiting.back().q;
  std::size_t count = 0;
  while (count < c.waiting.size() && c.waiting[c.waiting.size() - 1 - count].q == q) ++count;
  // What is over the breadth waits for its turn (RFC 5393 section 5.3.3: serially instead).
  count = std::min<std::size_t>(count, std::max(1U, c.breadth));
  const auto share = c.breadth / static_cast<unsigned>(count);
  auto rest = c.breadth % static_cast<unsigned>(count);
  for (std::size_t i = 0; i < count; ++i) {
    const Target target = std::move(c.waiting.back());
    c.waiting.pop_back();
    start_branch(c, target, share + (rest > 0 ? 1 : 0), now);
    if (rest > 0) --rest;
  }
  arm(c);
}

void Proxy::Impl::start_branch(Context& c, const Target& target, unsigned breadth, TimePoint now) {
  Branch branch;
  branch.breadth = breadth;
  branch.failover = target.failover;
  branch.next = target.standby;
  if (target.flow && !target.by_flow_only) {
    branch.next.push_back(target);
    Target& contact = branch.next.back();
    contact.flow.reset();
    contact.standby.clear();
    contact.off_flow = true;
  }
  Copy out = copy(c.request.view(), c.flow, c.routing, target, breadth, c.drop_credentials, &c);
  if (!out.writer) {
    branch.status = 500;
  } else {
    const auto detail = static_cast<std::uint32_t>(c.branches.size() + 1);
    auto sent = layer.send(*std::move(out.writer), std::move(out.hop), usage(c.self, detail), now);
    if (sent) {
      branch.client = *sent;
      if (c.invite()) branch.timer_c = now + options.timer_c;
    } else {
      branch.status = 503;
    }
  }
  c.branches.push_back(std::move(branch));
}

bool Proxy::Impl::try_next(Context& c, std::size_t branch, TimePoint now) {
  if (c.stopped || c.answered) return false;
  std::vector<Target> next = std::move(c.branches[branch].next);
  c.branches[branch].next.clear();
  const int status = c.branches[branch].status;
  const auto skip = [&](const Target& t) { return t.off_flow && status != 503; };
  next.erase(std::remove_if(next.begin(), next.end(), skip), next.end());
  if (next.empty()) return false;
  Target target = std::move(next.front());
  target.standby.assign(std::make_move_iterator(next.begin() + 1),
                        std::make_move_iterator(next.end()));
  start_branch(c, target, c.branches[branch].breadth, now);
  return true;
}

Proxy::Impl::Copy Proxy::Impl::copy(const MessageView& request, const Flow& from,
                                    const Routing& routing, const Target& target, unsigned breadth,
                                    bool drop_credentials, const Context* more) const {
  Rewrite edit(request);
  edit.note_source(from);

  // Steps 2 and 6: Request-URI and Route.
  std::string uri = target.uri;
  std::vector<std::string> route = target.path;
  route.insert(route.end(), routing.route.begin(), routing.route.end());
  Copy out{unexpected<WriteErrc>(WriteErrc::malformed), {}};
  bool route_changed = routing.route_changed || !target.path.empty();
  if (target.flow && routing.by_path) {
    out.hop = NextHop::by(*target.flow);  // whatever else the phone's Path has behind us
  } else if (!target.hop.empty()) {
    out.hop = NextHop::to(target.hop);
  } else if (route.empty()) {
    out.hop = target.flow ? NextHop::by(*target.flow) : NextHop::to(uri);
  } else {
    const std::string first = route_uri(route.front());
    const auto hop = Uri::parse(first);
    if (!hop || !hop->is_sip()) return out;
    out.hop = NextHop::to(first);
    if (!hop->lr()) {
      // A strict router wants itself in the Request-URI, and what was there behind the Route.
      route.erase(route.begin());
      route.push_back("<" + uri + ">");
      uri = server::as_request_uri(*hop);
      route_changed = true;
    }
  }
  if (!out.hop.flow && (target.secure || is_sips(target.uri))) out.hop.uri = as_sips(out.hop.uri);
  if (uri != request.uri_text()) edit.request_uri(uri);
  if (route_changed) {
    if (route.empty())
      edit.remove(HeaderId::route);
    else
      edit.replace(HeaderId::route, joined(route));
  }

  // Steps 3 to 5.
  edit.replace(HeaderId::max_forwards,
               static_cast<std::uint64_t>(request.max_forwards().value_or(71) - 1));
  if (request.method() != Method::ack) edit.replace(HeaderId::max_breadth, std::uint64_t{breadth});
  if (drop_credentials) edit.remove(HeaderId::proxy_authorization);
  if (options.record_route && sets_up_dialog(request))
    edit.prepend(HeaderId::record_route, record_route(request, from, out.hop));
  if (edge && request.method() == Method::register_) add_path(edit, request, from, out.hop);
  if (more != nullptr) {
    for (const std::string& name : more->remove) edit.remove(name);
    for (const auto& [name, value] : more->headers) edit.append(name, value);
  }
  out.writer = edit.request(layer.pool());
  return out;
}

/// Step 4. One value where both sides reach us the same way, else one for each (RFC 5658 section 4).
std::string Proxy::Impl::record_route(const MessageView& request, const Flow& from,
                                      const NextHop& hop) const {
  const LocalAddresses& locals = layer.locals();
  const auto contact = request.get(hdr::contact);
  // RFC 5626 section 5.3.2: the caller wants what follows over this very flow.
  const bool ob = contact && contact->uri.params.has("ob") && request.head().vias == 1;
  const bool back = contact && (ob || reached_by_flow(contact->uri, request, from));
  const std::string user =
      mark.make(request, back ? &from : nullptr, hop.flow ? &*hop.flow : nullptr);
  const bool sips = request.request_uri().scheme == UriScheme::sips;
  const auto value = [&](const std::string& side) {
    return (sips ? "<sips:" : "<sip:") + user + "@" + side + ";lr>";
  };
  const std::string in = value(uri_of(from.transport, locals.sent_by(from), sips));
  const std::string other = our_other_side(from, hop, sips);
  return other.empty() ? in : value(other) + ", " + in;
}

std::string Proxy::Impl::our_other_side(const Flow& from, const NextHop& hop, bool sips) const {
  const LocalAddresses& locals = layer.locals();
  const Guess to = guess(hop);
  const bool known = to.ip.is_v4() || to.ip.is_v6();
  const bool same_family = !known || to.ip.is_v6() == from.remote.ip.is_v6();
  if (to.transport == from.transport && same_family) return {};
  const LocalAddress* const socket = locals.find(to.transport, to.ip);
  if (socket == nullptr) return {};
  Flow side;
  side.transport = to.transport;
  side.local = socket->bound;
  if (side.local.ip.is_unspecified()) {
    if (!same_family) return {};  // which of our addresses they will see can't be told yet
    side.local.ip = from.local.ip;
  }
  side.remote.ip = to.ip;
  return uri_of(to.transport, locals.sent_by(side), sips);
}

/// RFC 5626 section 5.1. Phones that know nothing of Path would be refused for it (RFC 3327 section 5.2), though
/// they have nothing to do with it: we say it for them, and want a registrar that knows.
void Proxy::Impl::add_path(Rewrite& edit, const MessageView& request, const Flow& from,
                           const NextHop& hop) const {
  std::string side = our_other_side(from, hop, false);
  if (side.empty()) side = uri_of(from.transport, layer.locals().sent_by(from), false);
  const bool first_hop = request.head().vias == 1;
  edit.prepend(HeaderId::path,
               "<sip:" + paths.make(from) + "@" + side + (first_hop ? ";lr;ob>" : ";lr>"));
  if (!request.lists(hdr::supported, "path")) edit.append(HeaderId::supported, "path");
  if (!request.lists(hdr::require, "path")) edit.append(HeaderId::require, "path");
}

}  // namespace sipstack
