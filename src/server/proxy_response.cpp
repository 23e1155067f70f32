// SPDX-License-Identifier: Apache-2.0
// The proxy's responses: passed on at once, or the best of all in the end. RFC 3261 sections 16.7 to
// 16.10, RFC 6026 section 7, RFC 4320.
#include <algorithm>

#include "server/proxy_impl.hpp"

namespace sipstack {

using server::Branch;

void Proxy::Impl::response(const ResponseArrived& e, TimePoint now) {
  const MessageView m = e.response.view();
  if (m.head().vias < 2) {
    // For nobody behind us (step 3). A final one still ends the branch.
    if (m.status() >= 200)
      failed({e.txn, e.user, m.method(), true, make_error_code(Errc::bad_response)}, now);
    return;
  }
  const bool success = m.status() >= 200 && m.status() < 300;
  if (e.user.detail == kPassOn) {
    // A 2xx again, or of another fork: both transactions are in Accepted (RFC 6026 section 7.1).
    if (!success) return;
    if (auto copy = server::as_forwarded(layer.pool(), m))
      layer.respond({e.user.slot, e.user.generation}, *std::move(copy), now);
    return;
  }
  const ContextId id{e.user.slot, e.user.generation};
  Context* const c = contexts.find(id);
  if (c == nullptr || e.user.detail == 0 || e.user.detail > c->branches.size()) return;
  Branch& branch = c->branches[e.user.detail - 1];

  if (m.status() < 200) {
    if (!branch.pending() || m.status() == 100) return;
    if (c->invite() && !branch.cancelled) {
      branch.timer_c = now + options.timer_c;
      arm(*c);
    }
    if (!c->answered) pass(*c, e.response, now);
    return;
  }
  if (success) {
    // Every 2xx to INVITE goes on, one to anything else only if it is the first final (step 5).
    if (!c->answered || c->invite()) pass(*c, e.response, now);
    c->answered = true;
    c->stopped = true;
    branch.status = m.status();
    branch.response = {};
    cancel_pending(*c, now, "SIP;cause=200;text=\"Call completed elsewhere\"");
    return settle(id, now);
  }
  if (!branch.pending()) return;
  branch.status = m.status();
  branch.response = e.response;
  // RFC 5626 section 7; and RFC 3261 section 21.5.4, where several servers do.
  if (m.status() == 430 || (m.status() == 503 && branch.failover))
    try_next(*c, e.user.detail - 1, now);
  if (m.status() >= 600) {
    c->stopped = true;
    cancel_pending(*c, now, "SIP;cause=" + std::to_string(m.status()));
  }
  settle(id, now);
}

void Proxy::Impl::failed(const TxnFailed& e, TimePoint now) {
  if (e.user.detail == kPassOn) return;
  const ContextId id{e.user.slot, e.user.generation};
  Context* const c = contexts.find(id);
  if (c == nullptr) return;
  if (!e.client) {
    // A response that could not be sent changes nothing (section 16.9); a caller to whom nobody spoke
    // for too long was answered by the transaction layer.
    if (e.error != Errc::timeout || c->answered) return;
    c->answered = true;
    c->stopped = true;
    cancel_pending(*c, now, {});
    return settle(id, now);
  }
  if (e.user.detail == 0 || e.user.detail > c->branches.size()) return;
  Branch& branch = c->branches[e.user.detail - 1];
  if (!branch.pending()) return;
  branch.status = e.error == Errc::timeout ? 408 : 503;
  // RFC 5626 section 5.3.1: that tells the registrar's side to try another flow. Where that side is ours, a phone
  // whose last flow is gone is no server that fails, but not there.
  if ((branch.flow_only || (edge && c->routing.flow)) && branch.status == 503) branch.status = 430;
  // The flow by which the phone registered is gone, or silent; there may be another.
  try_next(*c, e.user.detail - 1, now);
  settle(id, now);
}

/// Section 16.8: the callee has rung for long enough. Its 487, or 64*T1 without one, ends the branch.
void Proxy::Impl::timer_c(Context& c, TimePoint now) {
  for (Branch& b : c.branches) {
    if (!b.pending() || b.timer_c > now) continue;
    b.timer_c = kNever;
    if (b.cancelled) continue;
    b.cancelled = true;
    layer.cancel(b.client, now);
  }
  arm(c);
}

void Proxy::Impl::arm(Context& c) {
  TimePoint next = kNever;
  for (const Branch& b : c.branches)
    if (b.pending()) next = std::min(next, b.timer_c);
  if (next == kNever)
    layer.wheel().disarm(c);
  else if (!c.armed() || c.at() != next)
    layer.wheel().arm(c, next);
}

void Proxy::Impl::pass(const Context& c, const Message& response, TimePoint now) {
  if (auto copy = server::as_forwarded(layer.pool(), response.view()))
    layer.respond(c.server, *std::move(copy), now);
}

void Proxy::Impl::cancel_pending(Context& c, TimePoint now, std::string_view reason) {
  c.waiting.clear();
  if (!c.invite()) return;
  for (Branch& b : c.branches) {
    if (!b.pending() || b.cancelled) continue;
    b.cancelled = true;
    b.timer_c = kNever;
    layer.cancel(b.client, now, reason);
  }
}

void Proxy::Impl::settle(ContextId id, TimePoint now) {
  Context* const c = contexts.find(id);
  if (c == nullptr) return;
  if (c->looking_up && !c->stopped) return;
  for (;;) {
    // Once it is answered, a request that is no INVITE needs nobody's response any more.
    if (c->answered && !c->invite()) return close(id);
    if (c->any_pending()) return arm(*c);
    if (c->answered) return close(id);
    if (c->stopped || c->waiting.empty()) break;
    start_group(*c, now);
  }
  answer_best(*c, now);
  close(id);
}

/// Step 6.
void Proxy::Impl::answer_best(Context& c, TimePoint now) {
  const Branch* const best = c.best();
  if (c.cancelled && (best == nullptr || !best->response)) return answer(c, 487, now);
  // Nobody answered. For anything but INVITE the transaction layer keeps that 408 to itself, as the caller
  // has timed out as well (RFC 4320 section 4.2).
  if (best == nullptr) return answer(c, 408, now);
  // A 503 is about one callee and not about us (step 6); made up, it says that we could not reach it.
  if (best->status == 503) return answer(c, 500, now);
  // What an edge proxy says to us of its flow is no caller's business (RFC 5626 section 11.5), nor is what we found
  // out of one of ours: but where we are that proxy.
  const bool for_registrar = edge || c.routing.by_path;
  if (best->status == 430 && (best->response || !for_registrar)) return answer(c, 480, now);
  if (!best->response) return answer(c, best->status, now);
  auto copy = server::as_forwarded(layer.pool(), best->response.view(), &c);
  if (!copy) return answer(c, 500, now);
  layer.respond(c.server, *std::move(copy), now);
  c.answered = true;
}

void Proxy::Impl::answer(Context& c, int status, TimePoint now) {
  server::reply(layer, c.server, c.request.view(), c.flow, status, options.product, now,
                [](ResponseWriter&) {});
  c.answered = true;
}

void Proxy::Impl::unavailable(Context& c, TimePoint now) {
  server::reply(layer, c.server, c.request.view(), c.flow, 503, options.product, now,
                [&](ResponseWriter& w) {
                  w.header(HeaderId::retry_after, server::retry_after(layer.random()));
                });
  c.answered = true;
}

void Proxy::Impl::close(ContextId id) {
  Context& c = *contexts.find(id);
  layer.wheel().disarm(c);
  if (c.invite())
    for (const Branch& b : c.branches)
      if (b.client && b.status >= 200 && b.status < 300)
        layer.set_user(b.client, {UsageKind::proxy, c.server.slot, c.server.generation, kPassOn});
  const auto entry = on_the_way.find(c.loop_key);
  if (entry != on_the_way.end() && entry->second == id) on_the_way.erase(entry);
  contexts.erase(id);
}

}  // namespace sipstack
