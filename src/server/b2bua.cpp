// SPDX-License-Identifier: Apache-2.0
// Calls arrive, are routed and called, and end. RFC 3261 sections 8.2 and 8.1, RFC 7332 section 4.
#include "sipstack/server/b2bua.hpp"

#include <algorithm>
#include <utility>

#include "server/b2bua_impl.hpp"

namespace sipstack {

using Cause = CallEnded::Cause;

UserAgentOptions B2bua::user_agent_options(UserAgentOptions options, const B2buaOptions& ours) {
  options.tell_messages = true;
  options.answer_options = options.answer_options && !ours.relay_options;
  options.notifier.refer =
      options.notifier.refer || ours.refer != ReferRelay::refuse || ours.on_refer;
  return options;
}

B2bua::B2bua(UserAgent& ua, Random& random, const B2buaOptions& options)
    : impl_(std::make_unique<Impl>(ua, random, options)) {}
B2bua::~B2bua() = default;

bool B2bua::receive(const UserEvent& event, TimePoint now) {
  return std::visit([&](const auto& e) { return impl_->on(e, now); }, event);
}

std::error_code B2bua::connect(CallId a, const B2buaRoute& route, TimePoint now) {
  const auto found = impl_->calls.find(a);
  if (found == impl_->calls.end()) return Errc::gone;
  const Impl::BridgeId id = found->second.bridge;
  Impl::Bridge* const bridge = impl_->bridges.find(id);
  if (bridge == nullptr || bridge->state != Impl::Bridge::State::routing) return Errc::wrong_state;
  impl_->begin(id, *bridge, route, now);
  return {};
}

std::error_code B2bua::refuse(CallId a, int status, TimePoint now, std::string_view reason) {
  const auto found = impl_->calls.find(a);
  if (found == impl_->calls.end()) return Errc::gone;
  Impl::Bridge* const bridge = impl_->bridges.find(found->second.bridge);
  if (bridge == nullptr || bridge->state != Impl::Bridge::State::routing) return Errc::wrong_state;
  impl_->refuse_call(a, status, now, reason);
  return {};
}

CallId B2bua::peer(CallId call) const noexcept {
  Side side = Side::a;
  Impl::Bridge* const bridge = impl_->find(call, side);
  return bridge == nullptr ? CallId() : bridge->leg(other(side)).call;
}

const B2buaCounters& B2bua::counters() const noexcept {
  impl_->counters.calls = impl_->bridges.size();
  return impl_->counters;
}

bool B2bua::idle() const noexcept {
  const Impl& i = *impl_;
  return i.bridges.empty() && i.calls.empty() && i.outgoing_ids.empty() && i.requests.empty() &&
         i.referrals.empty() && i.notifiers.empty();
}

// ---- the caller

B2buaRoute B2bua::Impl::route_of(CallId call, const Message& request, const Flow& flow) const {
  return options.route ? options.route(call, request, flow) : options.to;
}

void B2bua::Impl::refuse_call(CallId call, int status, TimePoint now, std::string_view reason) {
  ++counters.refused;
  ExtraHeaders headers;
  if (status == 503) headers.emplace_back("Retry-After", std::to_string(5 + random.below(11)));
  // A phrase or status that cannot be written is no reason to let the call ring.
  if (ua.reject(call, status, now, reason, headers)) ua.reject(call, 500, now);
}

/// A call of ours has come back to where it began, or to where it was sent: the next one would as well
/// (RFC 3261 section 16.3 has proxies look for the same). With another Request-URI it is a spiral.
bool B2bua::Impl::loops(const MessageView& invite) const {
  const auto sent = outgoing_ids.find(std::string(invite.call_id()));
  if (sent == outgoing_ids.end()) return false;
  const Bridge* const bridge = bridges.find(sent->second);
  return bridge == nullptr || bridge->arrived_at == invite.uri_text() || !options.route;
}

bool B2bua::Impl::on(const CallArrived& e, TimePoint now) {
  ++counters.arrived;
  const MessageView invite = e.invite.view();
  if (e.replaces) {
    const auto where = calls.find(e.replaces);
    // A call of the application's own, beside ours.
    if (where == calls.end()) return false;
    take_over(e.call, Where(where->second), e.invite, now);
    return true;
  }
  int status = 0;
  if (loops(invite)) {
    ++counters.loops;
    status = 482;
  } else if (invite.max_forwards() == 0) {
    status = 483;  // RFC 7332 section 4
  } else if (bridges.size() >= options.max_calls) {
    status = 503;
  }
  if (status != 0) {
    calls.emplace(e.call, Where{});
    refuse_call(e.call, status, now);
    return true;
  }
  const BridgeId id = bridges.emplace();
  Bridge& bridge = *bridges.find(id);
  bridge.invite = e.invite;
  bridge.arrived_at = invite.uri_text();
  for (Leg& leg : bridge.legs) leg.session = random.below(std::uint64_t{1} << 53);
  Leg& a = bridge.leg(Side::a);
  a.call = e.call;
  a.reliable = invite.lists(hdr::supported, "100rel") || invite.lists(hdr::require, "100rel");
  note_allow(a, invite);
  bridge.early_offer = !server::session_of(invite).empty();
  calls.emplace(e.call, Where{id, Side::a, false});
  const B2buaRoute route = route_of(e.call, e.invite, e.flow);
  if (!route.later) begin(id, bridge, route, now);
  return true;
}

void B2bua::Impl::begin(BridgeId id, Bridge& bridge, const B2buaRoute& route, TimePoint now) {
  const CallId caller = bridge.leg(Side::a).call;
  if (route.targets.empty()) {
    const bool refusal = route.status >= 300 && route.status <= 699;
    return refuse_call(caller, refusal ? route.status : 500, now, route.reason);
  }
  bridge.route = route;
  bridge.state = Bridge::State::calling;
  if (!call_next(id, bridge, now)) refuse_call(caller, 503, now);
}

// ---- the callee

CallOptions B2bua::Impl::outgoing(Bridge& bridge, const std::string& target) const {
  const MessageView invite = bridge.invite.view();
  CallOptions call;
  call.target = target;
  call.from = bridge.route.from.empty() ? server::caller_of(invite) : bridge.route.from;
  call.to = bridge.route.to;
  call.route = bridge.route.route;
  call.credentials = bridge.route.credentials;
  call.headers = server::passing(invite, options.pass_headers);
  call.headers.insert(call.headers.end(), bridge.route.headers.begin(), bridge.route.headers.end());
  call.max_forwards =
      static_cast<std::uint32_t>(std::max(1, invite.max_forwards().value_or(70)) - 1);
  call.max_ring = options.max_ring;
  if (!options.follow_redirects) call.max_redirects = 0;
  call.session_expires = options.session_expires;
  call.prack_by_application = options.reliable == ReliableRelay::coupled;
  // RFC 3262 section 5: without an offer from us the callee's is in its first reliable provisional, and a
  // caller without 100rel could not answer it.
  if (!bridge.early_offer && !bridge.leg(Side::a).reliable) call.reliable = ExtensionUse::off;
  return call;
}

bool B2bua::Impl::call_next(BridgeId id, Bridge& bridge, TimePoint now) {
  while (bridge.next_target < bridge.route.targets.size()) {
    CallOptions call = outgoing(bridge, bridge.route.targets[bridge.next_target++]);
    if (bridge.early_offer) {
      auto offer = described(bridge, Side::b, server::session_of(bridge.invite.view()));
      if (!offer) {
        refuse_call(bridge.leg(Side::a).call, 488, now);
        return true;
      }
      call.content_type = "application/sdp";
      call.body = *std::move(offer);
    }
    const auto callee = ua.invite(call, now);
    if (!callee) continue;
    Leg& b = bridge.leg(Side::b);
    b.call = *callee;
    b.reliable = b.updates = false;
    b.told = server::session_of(bridge.invite.view());
    bridge.owed_pracks = 0;
    bridge.preview.clear();
    calls.emplace(*callee, Where{id, Side::b, false});
    bridge.outgoing = ua.call_id(*callee);
    outgoing_ids[bridge.outgoing] = id;
    return true;
  }
  return false;
}

/// The callee's final response, or what came instead, as the caller's (RFC 3261 section 8.1.3).
void B2bua::Impl::callee_failed(BridgeId id, Bridge& bridge, const CallEnded& e, TimePoint now) {
  const CallId caller = bridge.leg(Side::a).call;
  // What was settled early binds the caller to a callee that is gone.
  const bool may_go_on = e.status < 600 && !bridge.settled && !bridge.offered_early;
  if (may_go_on && call_next(id, bridge, now)) return;
  int status = e.status >= 300 ? e.status : 500;
  const bool told = e.message && !e.message->is_request() && e.cause != Cause::timeout;
  if (e.cause == Cause::timeout) status = 408;
  // The challenge was for us, by another realm and URI than the caller knows.
  if (status == 401 || status == 407) status = 403;
  const bool redirect = status < 400;
  if (redirect && options.follow_redirects) status = 480;
  ExtraHeaders headers;
  std::string_view phrase;
  if (told) {
    headers = server::passing_refusal(e.message.view(), options.pass_headers,
                                      redirect && !options.follow_redirects);
    if (status == e.message->status()) phrase = e.message->reason();
  }
  if (ua.reject(caller, status, now, phrase, headers)) ua.reject(caller, status, now);
}

// ---- the end

bool B2bua::Impl::on(const CallEnded& e, TimePoint now) {
  const auto found = calls.find(e.call);
  if (found == calls.end()) return false;
  const Where where = found->second;
  calls.erase(found);
  Bridge* const there = bridges.find(where.bridge);
  if (there == nullptr) return true;
  Bridge& bridge = *there;
  if (where.newcomer) {
    // Who wanted to take a leg's place has gone.
    if (bridge.exchange && bridge.exchange->newcomer == e.call) {
      bridge.exchange->newcomer = {};
      bridge.exchange->withdrawn = true;
      withdraw(bridge, now);
    }
    return true;
  }
  bridge.leg(where.side).call = {};
  if (where.side == Side::b) {
    outgoing_ids.erase(bridge.outgoing);
    if (bridge.state == Bridge::State::calling && bridge.leg(Side::a).call) {
      callee_failed(where.bridge, bridge, e, now);
      return true;
    }
  }
  // A newcomer finds nobody any more.
  if (bridge.exchange && bridge.exchange->newcomer)
    ua.reject(std::exchange(bridge.exchange->newcomer, {}), 480, now);
  bridge.exchange.reset();
  bridge.resync.reset();
  bridge.state = Bridge::State::over;
  if (const CallId rest = bridge.leg(other(where.side)).call) {
    std::string reason = e.message ? server::reason_of(e.message.view()) : std::string();
    if (ua.hang_up(rest, now, reason) == Errc::write_failed) ua.hang_up(rest, now);
  }
  erase_when_over(where.bridge, bridge);
  return true;
}

void B2bua::Impl::erase_when_over(BridgeId id, Bridge& bridge) {
  if (!bridge.leg(Side::a).call && !bridge.leg(Side::b).call) bridges.erase(id);
}

// ---- both

B2bua::Impl::Bridge* B2bua::Impl::find(CallId call, Side& side) {
  const auto found = calls.find(call);
  if (found == calls.end() || found->second.newcomer) return nullptr;
  side = found->second.side;
  return bridges.find(found->second.bridge);
}

void B2bua::Impl::note_allow(Leg& leg, const MessageView& message) {
  if (message.has(HeaderId::allow)) leg.updates = message.lists(hdr::allow, "UPDATE");
}

std::optional<std::string> B2bua::Impl::described(Bridge& bridge, Side to, std::string_view sdp) {
  std::optional<std::string> out;
  if (options.media)
    out = options.media(bridge.leg(Side::a).call, other(to), sdp);
  else
    out = std::string(sdp);
  Leg& leg = bridge.leg(to);
  if (out && !out->empty() && options.own_origin)
    *out = leg.origin.apply(*out, leg.session, options.origin_address);
  return out;
}

}  // namespace sipstack
