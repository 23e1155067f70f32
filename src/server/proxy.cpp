// SPDX-License-Identifier: Apache-2.0
// The proxy's requests: validated, routed, their targets found. RFC 3261 sections 16.3 to 16.5, 16.10 and
// 8.3; loops by RFC 5393.
#include "sipstack/server/proxy.hpp"

#include <algorithm>

#include "server/dialled.hpp"
#include "server/proxy_impl.hpp"

namespace sipstack {

using server::Routing;
using server::Target;

Proxy::Impl::Impl(TransactionLayer& l, const Registrar& r, LocationStore& s, DigestServer* d,
                  const ProxyOptions& o)
    : layer(l),
      registrar(r),
      store(s),
      digest(d),
      options(o),
      mark(l.random()),
      loop_hash{l.random().next(), l.random().next()},
      paths(l.random(), o.path_key),
      edge(!o.edge.empty()) {}

void Proxy::Impl::refuse(const RequestArrived& e, int status, TimePoint now) {
  // Of a stranger's INVITE nothing is kept, and he is told once, not eleven times (hardening A55).
  if (e.request->method() == Method::invite)
    return server::tell_once(layer, e.txn, e.request.view(), e.flow, status, options.product,
                             [](ResponseWriter&) {});
  server::reply(layer, e.txn, e.request.view(), e.flow, status, options.product, now,
                [](ResponseWriter&) {});
}

// ---- section 16.3

int Proxy::Impl::invalid(const RequestArrived& e, TimePoint now) {
  const MessageView m = e.request.view();
  if (!understands(m.request_uri())) return 416;
  if (m.max_forwards() == 0) return 483;
  if (looped(m)) return 482;
  // No extension of ours needs a proxy.
  const std::string bad =
      server::unsupported(m, hdr::proxy_require, [](std::string_view) { return false; });
  if (bad.empty()) return 0;
  server::reply(layer, e.txn, m, e.flow, 420, options.product, now,
                [&](ResponseWriter& w) { w.header(HeaderId::unsupported, bad); });
  return 420;
}

/// What decides where a request goes, whatever its method. RFC 5393 section 4.2.1 puts such a hash into our
/// branch, to be found when the request comes back. We remember it instead for as long as the request is
/// on its way, together with the Via that it came with: a copy that has looped has that one, too.
std::uint64_t Proxy::Impl::route_hash(const MessageView& request, bool alone) const {
  std::string text;
  const auto add = [&text](std::string_view part) { text.append(part).append("\n"); };
  add(request.call_id());
  add(request.from_tag());
  if (alone) add(request.to_tag());
  add(std::to_string(request.cseq().number));
  add(request.uri_text());
  for (std::size_t i = 0; i < request.header_count(); ++i) {
    const HeaderView h = request.header(i);
    if (h.id == HeaderId::route || (alone && h.id == HeaderId::proxy_authorization)) add(h.value);
  }
  return keyed_hash(loop_hash, text);
}

std::uint64_t Proxy::Impl::loop_key(std::uint64_t hash, const Via& via) const {
  std::string text(via.sent_by());
  text.append("\n").append(via.branch());
  return hash ^ keyed_hash(loop_hash, text);
}

bool Proxy::Impl::looped(const MessageView& request) const {
  if (request.head().vias < 2 || on_the_way.empty()) return false;
  const std::uint64_t hash = route_hash(request);
  bool top = true;
  for (const auto& via : request.all(hdr::via)) {
    if (!via) break;
    if (!top && on_the_way.contains(loop_key(hash, *via))) return true;
    top = false;
  }
  return false;
}

// ---- who may

bool Proxy::Impl::authorize(const RequestArrived& e, const Routing& routing, Reach reach,
                            TimePoint now, std::string& user) {
  // By our Path comes what another node has let pass.
  if (routing.in_dialog || routing.by_path) return true;
  const MessageView m = e.request.view();
  if (digest == nullptr) {
    if (reach == Reach::elsewhere) refuse(e, 403, now);
    return reach != Reach::elsewhere;
  }
  const auto from = m.get(hdr::from);
  const bool from_us = from && registrar.serves(from->uri);
  const bool everybody = reach == Reach::open || (reach == Reach::ours && options.open_inbound);
  if (everybody && !from_us) return true;
  DigestServer::Result result = digest->check(m, true, now);
  if (result.verdict != DigestVerdict::accepted) {
    server::tell_once(layer, e.txn, m, e.flow, 407, options.product, [&](ResponseWriter& w) {
      digest->challenge(w, true, result.verdict == DigestVerdict::stale, now);
    });
    return false;
  }
  user = std::move(result.user);
  // Nobody speaks for another user of ours (hardening A23).
  if (from_us && !registrar.owns(user, from->uri)) {
    refuse(e, 403, now);
    return false;
  }
  return true;
}

// ---- sections 16.4 and 16.5

void Proxy::Impl::request(const RequestArrived& e, TimePoint now) {
  const MessageView m = e.request.view();
  if (m.method() == Method::cancel) return cancel(e, now);
  if (const int status = invalid(e, now)) {
    if (status != 420) refuse(e, status, now);
    return;
  }
  const bool has_paths = edge || !options.node_uri.empty();
  auto routing = server::preprocess(m, e.flow, mark, has_paths ? &paths : nullptr, registrar);
  const auto uri = routing ? Uri::parse(routing->uri) : unexpected<ParseError>(ParseError{});
  if (!uri) return refuse(e, 400, now);
  if (!understands(*uri)) return refuse(e, 416, now);

  const bool to_server = registrar.serves(*uri) && routing->route.empty() && !uri->has_user;
  if (to_server && m.method() == Method::options) return self_options(e);
  std::string user;
  if (!edge && !authorize(e, *routing, reach(*uri, *routing), now, user)) return;

  // Nobody is meant. A decision may know better; else nothing is kept of it.
  if (to_server && !edge && !options.decide) return refuse(e, 404, now);
  if (full(m)) return shed(e);
  Context& c = *contexts.find(open(e, *std::move(routing), !user.empty()));
  c.user = std::move(user);
  decide(c, now);
}

bool Proxy::Impl::understands(const Uri& uri) const noexcept {
  return uri.is_sip() || (uri.scheme == UriScheme::tel &&
                          (edge || !options.routes.empty() || options.decide || options.number));
}

Proxy::Impl::Reach Proxy::Impl::reach(const Uri& uri, const Routing& routing) const {
  if (!routing.route.empty()) return Reach::elsewhere;
  if (registrar.serves(uri) && !uri.params.has("maddr")) return Reach::ours;
  const StaticRoute* const route = server::find_route(options.routes, uri, false);
  return route != nullptr && route->open ? Reach::open : Reach::elsewhere;
}

bool Proxy::Impl::full(const MessageView& request) const noexcept {
  const std::size_t more = request.to_tag().empty() ? 0 : options.max_contexts / 8;
  return contexts.size() >= options.max_contexts + more;
}

/// RFC 3261 section 21.5.4.
void Proxy::Impl::shed(const RequestArrived& e) {
  server::tell_once(layer, e.txn, e.request.view(), e.flow, 503, options.product,
                    [&](ResponseWriter& w) {
                      w.header(HeaderId::retry_after, server::retry_after(layer.random()));
                    });
}

Proxy::Impl::ContextId Proxy::Impl::open(const RequestArrived& e, Routing&& routing,
                                         bool drop_credentials) {
  const ContextId id = contexts.emplace();
  Context& c = *contexts.find(id);
  c.self = id;
  c.server = e.txn;
  c.request = e.request;
  c.flow = e.flow;
  c.routing = std::move(routing);
  const MessageView m = c.request.view();
  // Others' credentials stay: they belong to a proxy further on (section 22.3).
  int credentials = 0;
  for (const auto& value : m.all(hdr::proxy_authorization)) credentials += value ? 1 : 2;
  c.drop_credentials = drop_credentials && credentials == 1;
  c.breadth = static_cast<unsigned>(options.max_breadth);
  if (const auto breadth = m.get(hdr::max_breadth))
    c.breadth = std::min<unsigned>(breadth->number, c.breadth);
  c.loop_key = loop_key(route_hash(m), m.top_via());
  on_the_way.emplace(c.loop_key, id);
  layer.set_user(e.txn, usage(id, 0));
  return id;
}

void Proxy::Impl::redirect(Context& c, const std::vector<Binding>& bindings, TimePoint now) {
  server::reply(layer, c.server, c.request.view(), c.flow, 302, options.product, now,
                [&](ResponseWriter& w) {
                  for (const Binding& b : bindings) {
                    std::string value = "<" + b.contact + ">";
                    if (b.has_q) value += ";q=" + server::qvalue(b.q);
                    w.header(HeaderId::contact, value);
                  }
                });
  c.answered = true;
}

void Proxy::Impl::self_options(const RequestArrived& e) {
  server::tell_once(
      layer, e.txn, e.request.view(), e.flow, 200, options.product, [this](ResponseWriter& w) {
        const bool events = !edge && !event_packages.empty();
        const bool publish = events && event_packages.find("presence") != std::string::npos;
        w.header(HeaderId::allow, std::string("ACK, CANCEL, OPTIONS, REGISTER") +
                                      (events ? ", SUBSCRIBE" : "") + (publish ? ", PUBLISH" : ""));
        if (events) w.header(HeaderId::allow_events, event_packages);
        w.header(HeaderId::accept, "application/sdp");
        w.header(HeaderId::supported, "path");
      });
}

// ---- section 16.10

void Proxy::Impl::cancel(const RequestArrived& e, TimePoint now) {
  if (!e.cancels) return refuse(e, 481, now);
  refuse(e, 200, now);
  const UsageRef ref = layer.user(e.cancels);
  const ContextId id{ref.slot, ref.generation};
  Context* const c = ref.kind == UsageKind::proxy && ref.detail == 0 ? contexts.find(id) : nullptr;
  if (c == nullptr || c->answered) return;
  c->cancelled = true;
  c->stopped = true;
  const auto reason = e.request->raw(HeaderId::reason);
  cancel_pending(*c, now, reason ? unfold(*reason) : std::string());
  settle(id, now);
}

/// An ACK for a 2xx is no transaction: it goes where it is routed, or nowhere (section 16.6 and 16.11).
void Proxy::Impl::ack(const AckArrived& e, TimePoint now) {
  const MessageView m = e.request.view();
  if (!m.request_uri().is_sip() || m.max_forwards() == 0) return;
  const auto routing = server::preprocess(m, e.flow, mark, nullptr, registrar);
  if (!routing || !(routing->in_dialog || e.user.kind == UsageKind::proxy)) return;
  const auto uri = Uri::parse(routing->uri);
  if (!uri || !uri->is_sip()) return;
  if (routing->route.empty() && registrar.serves(*uri)) return ack_to_gruu(e, *routing, *uri, now);
  Target target;
  target.uri = routing->uri;
  target.flow = routing->flow;
  pass_on(e, *routing, target, now);
}

/// The callee's Contact was a GRUU of ours (RFC 5627 section 6.1). An AOR is nobody's Contact.
void Proxy::Impl::ack_to_gruu(const AckArrived& e, const Routing& routing, const Uri& uri,
                              TimePoint now) {
  const auto gruu = registrar.gruu(uri);
  if (!gruu) return;
  store.find(gruu->aor, now,
             [e, routing, gruu, token = std::weak_ptr<Impl*>(alive)](const LocationResult& result,
                                                                     TimePoint at) {
               const auto impl = token.lock();
               if (!impl || !result) return;
               std::vector<Binding> bindings = *result;
               (*impl)->keep_those_of(gruu, bindings);
               Context c;
               c.routing = routing;
               (*impl)->add_targets(c, bindings);
               server::by_preference(c.waiting);
               if (!c.waiting.empty()) (*impl)->pass_on(e, routing, c.waiting.back(), at);
             });
}

void Proxy::Impl::pass_on(const AckArrived& e, const Routing& routing, const Target& target,
                          TimePoint now) {
  Copy out = copy(e.request.view(), e.flow, routing, target,
                  static_cast<unsigned>(options.max_breadth), false);
  if (out.writer) layer.send_stateless(*std::move(out.writer), std::move(out.hop), now);
}

// ---- the outside

Proxy::Proxy(TransactionLayer& layer, const Registrar& registrar, LocationStore& store,
             DigestServer* digest, const ProxyOptions& options)
    : impl_(std::make_unique<Impl>(layer, registrar, store, digest, options)) {}
Proxy::~Proxy() = default;

void Proxy::reconfigure(const ProxyOptions& options, DigestServer* digest) {
  const Duration timer_c = impl_->options.timer_c;  // the transactions' cap was made of it
  const bool stateless = impl_->options.stateless;  // what is on its way has transactions, or none
  impl_->options = options;
  impl_->options.timer_c = timer_c;
  impl_->options.stateless = stateless;
  impl_->edge = !options.edge.empty();
  impl_->digest = digest;
}

void Proxy::receive(const RequestArrived& event, TimePoint now) { impl_->request(event, now); }
void Proxy::receive(const AckArrived& event, TimePoint now) { impl_->ack(event, now); }
void Proxy::receive(const ResponseArrived& event, TimePoint now) { impl_->response(event, now); }
void Proxy::receive(const StrayResponse&, TimePoint) {}
void Proxy::receive(const TxnFailed& event, TimePoint now) { impl_->failed(event, now); }
void Proxy::expire(TimerHook& hook, TimePoint now) {
  impl_->timer_c(static_cast<server::ResponseContext&>(hook), now);
}
std::error_code Proxy::decide(ProxyRequestId request, const Decision& decision, TimePoint now) {
  return impl_->decide(request, decision, now);
}
bool Proxy::forward(const Message& message, const Flow& flow, TimePoint now) {
  return impl_->forward(message, flow, now);
}
void Proxy::events_are_served(std::string packages) { impl_->event_packages = std::move(packages); }
std::string Proxy::path_of(const Flow& flow) const {
  if (impl_->options.node_uri.empty() || impl_->options.stateless) return {};
  const auto uri = Uri::parse(impl_->options.node_uri);
  if (!uri || !uri->is_sip()) return {};
  std::string value = "<" + std::string(uri->scheme_name) + ":" + impl_->paths.make(flow) + "@";
  return value.append(uri->text.substr(uri->text.find(':') + 1)).append(";lr>");
}
bool Proxy::forwards_registrations() const noexcept { return impl_->edge; }
std::size_t Proxy::contexts() const noexcept { return impl_->contexts.size(); }

}  // namespace sipstack
