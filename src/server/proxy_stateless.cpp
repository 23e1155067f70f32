// SPDX-License-Identifier: Apache-2.0
// The stateless proxy: all that it knows of a request stands in the branch that it puts into it. RFC 3261 section
// 16.11, RFC 5393 section 4.2.
#include <algorithm>

#include "server/dialled.hpp"
#include "server/flow_token.hpp"
#include "server/proxy_impl.hpp"

namespace sipstack {

using server::Routing;
using server::Target;

namespace {

constexpr std::string_view kCookie = "z9hG4bK";

std::string hex(std::uint64_t number) {
  std::string text(16, '0');
  for (std::size_t i = text.size(); i-- > 0; number >>= 4)
    text[i] = "0123456789abcdef"[number & 15];
  return text;
}

/// A branch of ours: z9hG4bK, "s", what makes it unique, what decided the routing, a guard over all of it, each in
/// 16 digits, a dot and the flow that responses take.
struct StatelessBranch {
  static constexpr std::size_t kUnique = kCookie.size() + 1;
  static constexpr std::size_t kDot = kUnique + 48;

  static std::optional<StatelessBranch> read(std::string_view text) noexcept {
    if (text.size() <= kDot + 1 || text.substr(0, kCookie.size()) != kCookie ||
        text[kCookie.size()] != 's' || text[kDot] != '.')
      return std::nullopt;
    return StatelessBranch{text.substr(kUnique, 16), text.substr(kUnique + 16, 16),
                           text.substr(kUnique + 32, 16), text.substr(kDot + 1)};
  }
  std::string_view unique, routing, guard, flow;
};

}  // namespace

std::uint64_t Proxy::Impl::branch_guard(const MessageView& m, std::string_view unique,
                                        std::string_view routing, std::string_view flow) const {
  // A response repeats these of its request.
  std::string text("guard\n");
  for (const std::string_view part : {unique, routing, flow, m.call_id(), m.from_tag()})
    text.append(part).append("\n");
  return keyed_hash(loop_hash, text.append(std::to_string(m.cseq().number)));
}

/// The same for each copy of a request, and for its CANCEL and the ACK of a refusal.
std::string Proxy::Impl::stateless_branch(const MessageView& request, const Flow& from) const {
  std::string same("unique\n");
  const Via via = request.top_via();
  if (request.branch().substr(0, kCookie.size()) == kCookie) {
    same.append(via.sent_by()).append("\n").append(request.branch());
  } else {
    for (const std::string_view part : {request.raw(HeaderId::via).value_or(""), request.to_tag(),
                                        request.from_tag(), request.call_id(), request.uri_text()})
      same.append(part).append("\n");
    same.append(std::to_string(request.cseq().number));
  }
  const std::string unique = hex(keyed_hash(loop_hash, same));
  const std::string routing = hex(route_hash(request, false));
  const std::string flow = server::flow_token(response_target(request, from));
  std::string branch(kCookie);
  branch.append("s").append(unique).append(routing);
  return branch.append(hex(branch_guard(request, unique, routing, flow))).append(".").append(flow);
}

/// Section 16.3 item 4: a request that has been here, and would go the same way again.
bool Proxy::Impl::looped_stateless(const MessageView& request) const {
  if (request.head().vias < 2) return false;
  const std::string here = hex(route_hash(request, false));
  for (const auto& via : request.all(hdr::via)) {
    if (!via) break;
    const auto branch = StatelessBranch::read(via->branch());
    if (branch && branch->routing == here &&
        layer.locals().is_ours(via->host, via->port.value_or(0)))
      return true;
  }
  return false;
}

bool Proxy::Impl::forward(const Message& message, const Flow& flow, TimePoint now) {
  if (!options.stateless || edge) return false;
  const MessageView m = message.view();
  if (!m.is_request()) return forward_response(m);
  const Uri uri = m.request_uri();
  if (uri.is_sip() && registrar.serves(uri)) {
    if (m.method() == Method::register_) return false;
    if (m.method() == Method::options && !uri.has_user) return false;
  }
  // The answer has more to say than a status; it may cost a transaction.
  if (m.has(HeaderId::proxy_require) && m.method() != Method::ack) return false;
  layer.locals().seen(flow.local.ip);
  if (const int status = forward_request(m, flow, now); status != 0) layer.refuse(m, flow, status);
  return true;
}

int Proxy::Impl::forward_request(const MessageView& m, const Flow& flow, TimePoint now) {
  if (!understands(m.request_uri())) return 416;
  if (m.max_forwards() == 0) return 483;
  if (looped_stateless(m)) return 482;
  const auto routing = server::preprocess(m, flow, mark, nullptr, registrar);
  const auto uri = routing ? Uri::parse(routing->uri) : unexpected<ParseError>(ParseError{});
  if (!uri) return 400;
  if (!understands(*uri)) return 416;
  Target target;
  if (const int status = stateless_target(m, *routing, *uri, target)) return status;
  auto breadth = static_cast<unsigned>(options.max_breadth);
  if (const auto given = m.get(hdr::max_breadth))
    breadth = std::min<unsigned>(given->number, breadth);
  if (breadth == 0) return 440;
  Copy out = copy(m, flow, *routing, target, breadth, false);
  if (!out.writer) return 500;
  // Where it can't be sent, its sender hears as little as if it had been lost.
  layer.send_stateless(*std::move(out.writer), std::move(out.hop), now, stateless_branch(m, flow));
  return 0;
}

/// One target, by what the message says and by nothing that changes. 0, or why there is none.
int Proxy::Impl::stateless_target(const MessageView& m, const Routing& routing, const Uri& uri,
                                  Target& target) const {
  if (routing.in_dialog) {
    if (routing.route.empty() && registrar.serves(uri)) return 404;
    target.uri = routing.uri;
    target.flow = routing.flow;
    return 0;
  }
  // Nobody proves who he is, so that there are strangers alone.
  if (!routing.route.empty()) return 403;
  const auto from = m.get(hdr::from);
  if (digest != nullptr && from && registrar.serves(from->uri)) return 403;
  const bool ours = registrar.serves(uri) && !uri.params.has("maddr");
  const StaticRoute* const route = server::find_route(options.routes, uri, ours);
  if (route == nullptr || !route->open) return ours ? 404 : 403;
  if (!server::by_route(*route, uri, ours, target)) return 480;
  const auto to = Uri::parse(target.uri);
  // A sips request stays secure all the way (RFC 5630 section 5.3).
  return uri.scheme == UriScheme::sips && to && to->scheme == UriScheme::sip ? 480 : 0;
}

/// True where our branch is on top: then it goes back the way that its request came, or nowhere, if the branch was
/// not made for it.
bool Proxy::Impl::forward_response(const MessageView& m) {
  const auto branch = StatelessBranch::read(m.branch());
  if (!branch) return false;
  const Via via = m.top_via();
  if (m.head().vias < 2 || !layer.locals().is_ours(via.host, via.port.value_or(0))) return true;
  if (hex(branch_guard(m, branch->unique, branch->routing, branch->flow)) != branch->guard)
    return true;
  const auto flow = server::flow_from_token(branch->flow);
  if (!flow) return true;
  if (auto copy = server::as_forwarded(layer.pool(), m))
    layer.send_stateless(*std::move(copy), *flow);
  return true;
}

}  // namespace sipstack
