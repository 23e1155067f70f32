// SPDX-License-Identifier: Apache-2.0
// Offers within a call, one at a time: by re-INVITE, UPDATE or PRACK of one side to the other, glare, and a
// newcomer in place of a side. RFC 3261 section 14, RFC 3311, RFC 3891, RFC 6337.
#include <utility>

#include "server/b2bua_impl.hpp"

namespace sipstack {

// ---- what is asked for

bool B2bua::Impl::on(const CallReinvited& e, TimePoint now) {
  Side side = Side::a;
  Bridge* const bridge = find(e.call, side);
  if (bridge == nullptr) return ours(e.call);
  note_allow(bridge->leg(side), e.request.view());
  if (bridge->exchange || bridge->state != Bridge::State::up) {
    ua.reject(e.call, 491, now);  // both sides at once
    return true;
  }
  Exchange exchange;
  exchange.asked = Exchange::Asked::reinvite;
  exchange.from = side;
  exchange.sdp = server::session_of(e.request.view());
  open(*bridge, std::move(exchange), now);
  return true;
}

bool B2bua::Impl::on(const OfferReceived& e, TimePoint now) {
  Side side = Side::a;
  Bridge* const bridge = find(e.call, side);
  if (bridge == nullptr) return ours(e.call);
  const MessageView request = e.request.view();
  note_allow(bridge->leg(side), request);
  std::string sdp(server::session_of(request));
  if (bridge->exchange && bridge->exchange->from == side &&
      bridge->exchange->asked == Exchange::Asked::offer) {
    bridge->queued.push_back(std::move(sdp));  // another fork's; the oldest is answered first
    return true;
  }
  const bool reachable = static_cast<bool>(bridge->leg(other(side)).call);
  if (bridge->exchange || sdp.empty() || !reachable || bridge->state == Bridge::State::over) {
    ua.reject_offer(e.call, bridge->exchange ? 491 : sdp.empty() ? 488 : 480, now);
    return true;
  }
  Exchange exchange;
  exchange.asked = Exchange::Asked::offer;
  exchange.from = side;
  exchange.sdp = std::move(sdp);
  exchange.by_prack = request.method() == Method::prack;
  open(*bridge, std::move(exchange), now);
  return true;
}

void B2bua::Impl::take_over(CallId newcomer, const Where& where, const Message& invite,
                            TimePoint now) {
  Bridge* const bridge = bridges.find(where.bridge);
  const bool stands = bridge != nullptr && !where.newcomer && bridge->state == Bridge::State::up;
  if (!stands || bridge->exchange || invite->max_forwards() == 0) {
    calls.emplace(newcomer, Where{});
    return refuse_call(newcomer, !stands ? 481 : bridge->exchange ? 491 : 483, now);
  }
  calls.emplace(newcomer, Where{where.bridge, where.side, true});
  Exchange exchange;
  exchange.asked = Exchange::Asked::reinvite;
  exchange.from = where.side;
  exchange.sdp = server::session_of(invite.view());
  exchange.newcomer = newcomer;
  exchange.invite = invite;
  open(*bridge, std::move(exchange), now);
}

void B2bua::Impl::offer_again(Bridge& bridge, Side from, std::string sdp, TimePoint now) {
  if (bridge.exchange || bridge.state != Bridge::State::up) return;
  Exchange exchange;
  exchange.from = from;
  exchange.sdp = std::move(sdp);
  open(bridge, std::move(exchange), now);
}

void B2bua::Impl::open(Bridge& bridge, Exchange exchange, TimePoint now) {
  bridge.exchange = std::move(exchange);
  go_on(bridge, now);
}

void B2bua::Impl::go_on(Bridge& bridge, TimePoint now) {
  if (!bridge.exchange && bridge.resync && bridge.state == Bridge::State::up &&
      !bridge.leg(Side::a).unacknowledged) {
    Exchange exchange;
    exchange.from = Side::b;
    exchange.sdp = *std::exchange(bridge.resync, std::nullopt);
    bridge.exchange = std::move(exchange);
  }
  if (!bridge.exchange && !bridge.queued.empty()) {
    Exchange exchange;
    exchange.asked = Exchange::Asked::offer;
    exchange.from = Side::b;
    exchange.sdp = std::move(bridge.queued.front());
    bridge.queued.erase(bridge.queued.begin());
    bridge.exchange = std::move(exchange);
  }
  if (!bridge.exchange || bridge.exchange->sent != Exchange::Sent::waits) return;
  Exchange& exchange = *bridge.exchange;
  Leg& to = bridge.leg(other(exchange.from));
  std::string text;
  if (!exchange.sdp.empty()) {
    auto out = described(bridge, other(exchange.from), exchange.sdp);
    if (!out) return failed(bridge, 488, now);
    text = *std::move(out);
  }
  exchange.before = to.told;
  const auto error = send_offer(bridge, exchange, text, now);
  if (!error) {
    if (!exchange.sdp.empty()) to.told = exchange.sdp;
    return;
  }
  exchange.sent = Exchange::Sent::waits;
  // Its ACK comes, or its end; anything else may last.
  if (error == Errc::wrong_state && (to.unacknowledged || bridge.ack_owed_by)) return;
  failed(bridge,
         error == Errc::wrong_state                    ? 491
         : error == std::errc::operation_not_supported ? 488
                                                       : 500,
         now);
}

std::error_code B2bua::Impl::send_offer(Bridge& bridge, Exchange& exchange, std::string_view sdp,
                                        TimePoint now) {
  Leg& to = bridge.leg(other(exchange.from));
  if (exchange.by_prack && bridge.owed_pracks > 0) {
    exchange.sent = Exchange::Sent::prack;
    const auto error = ua.acknowledge(to.call, sdp, now);
    if (!error) --bridge.owed_pracks;
    return error;
  }
  if (exchange.asked != Exchange::Asked::reinvite && to.updates) {
    exchange.sent = Exchange::Sent::update;
    return ua.update(to.call, sdp, now, options.handle_glare);
  }
  // RFC 3311 section 5.1: before the answer there is nothing else that could carry it.
  if (bridge.state != Bridge::State::up)
    return std::make_error_code(std::errc::operation_not_supported);
  exchange.sent = Exchange::Sent::reinvite;
  return ua.reinvite(to.call, sdp, now, options.handle_glare);
}

// ---- what comes of it

void B2bua::Impl::succeeded(Bridge& bridge, const MessageView& response, TimePoint now) {
  Exchange exchange = *std::move(bridge.exchange);
  bridge.exchange.reset();
  Leg& from = bridge.leg(exchange.from);
  std::string_view sdp = server::session_of(response);
  if (exchange.withdrawn) {
    restore(bridge, exchange, now);
  } else if (exchange.asked != Exchange::Asked::nobody) {
    if (exchange.newcomer) replace_leg(bridge, exchange);
    const std::string preview = std::exchange(bridge.preview, {});
    if (exchange.sdp.empty() && std::exchange(bridge.settled, false)) {
      if (!ua.accept(from.call, {}, now)) from.unacknowledged = true;
    } else {
      if (exchange.sdp.empty() && sdp.empty()) sdp = preview;
      answer_asker(bridge, exchange, sdp, now);
    }
  }
  go_on(bridge, now);
}

void B2bua::Impl::answer_asker(Bridge& bridge, const Exchange& exchange, std::string_view sdp,
                               TimePoint now) {
  Leg& from = bridge.leg(exchange.from);
  const auto out =
      sdp.empty() ? std::optional<std::string>() : described(bridge, exchange.from, sdp);
  std::error_code error = Errc::wrong_state;
  if (out && exchange.asked == Exchange::Asked::reinvite)
    error = ua.accept(from.call, *out, now);
  else if (out)
    error = ua.accept_offer(from.call, *out, now);
  if (error) {
    if (error == Errc::gone) return;  // its end is on its way, and takes the other side along
    if (exchange.newcomer) {
      ua.reject(from.call, 500, now);
      ua.hang_up(exchange.replaced, now);
      return;
    }
    // The other side has said yes to what this one will not hear of.
    refuse_asker(bridge, exchange, sdp.empty() ? 502 : 488, now);
    return restore(bridge, exchange, now);
  }
  from.told = sdp;
  if (exchange.asked != Exchange::Asked::reinvite) return;
  from.unacknowledged = true;
  if (exchange.sdp.empty()) bridge.ack_owed_by = exchange.from;
}

void B2bua::Impl::failed(Bridge& bridge, int status, TimePoint now) {
  const Exchange exchange = *std::move(bridge.exchange);
  bridge.exchange.reset();
  if (exchange.sent != Exchange::Sent::waits && !exchange.sdp.empty())
    bridge.leg(other(exchange.from)).told = exchange.before;
  if (!exchange.withdrawn && exchange.asked != Exchange::Asked::nobody)
    refuse_asker(bridge, exchange, status, now);
  go_on(bridge, now);
}

void B2bua::Impl::refuse_asker(Bridge& bridge, const Exchange& exchange, int status,
                               TimePoint now) {
  const CallId asker = bridge.leg(exchange.from).call;
  // What is said of one side's dialog, or asked of its user, says nothing of the other's.
  if (status == 401 || status == 407) status = 403;
  if (status < 400 || status == 408 || status == 481) status = 500;
  if (exchange.newcomer) {
    ua.reject(exchange.newcomer, status, now);
  } else if (exchange.asked == Exchange::Asked::reinvite) {
    ua.reject(asker, status, now);
  } else {
    ua.reject_offer(asker, status, now);
  }
}

void B2bua::Impl::replace_leg(Bridge& bridge, Exchange& exchange) {
  Leg& leg = bridge.leg(exchange.from);
  exchange.replaced = leg.call;
  calls[leg.call] = Where{};  // accept() hangs it up; its end is nobody's concern
  calls[exchange.newcomer].newcomer = false;
  if (exchange.from == Side::b) outgoing_ids.erase(bridge.outgoing);
  const MessageView invite = exchange.invite.view();
  const std::uint64_t session = leg.session + 1;
  leg = Leg{};
  leg.call = exchange.newcomer;
  leg.session = session;
  leg.reliable = invite.lists(hdr::supported, "100rel") || invite.lists(hdr::require, "100rel");
  note_allow(leg, invite);
}

void B2bua::Impl::restore(Bridge& bridge, const Exchange& exchange, TimePoint now) {
  const Side to = other(exchange.from);
  const CallId call = bridge.leg(to).call;
  if (exchange.before.empty()) return hang_up_both(bridge, now);
  if (exchange.sdp.empty()) {
    // Its own offer waits for an answer: what it had.
    const auto had = described(bridge, to, exchange.before);
    if (!had || ua.acknowledge(call, *had, now)) hang_up_both(bridge, now);
    return;
  }
  offer_again(bridge, exchange.from, exchange.before, now);
}

void B2bua::Impl::hang_up_both(Bridge& bridge, TimePoint now) {
  for (const Leg& leg : bridge.legs)
    if (leg.call) ua.hang_up(leg.call, now);
}

// ---- events

bool B2bua::Impl::on(const ReinviteFailed& e, TimePoint now) {
  Side side = Side::a;
  Bridge* const bridge = find(e.call, side);
  if (bridge == nullptr) return ours(e.call);
  if (bridge->exchange && bridge->exchange->sent == Exchange::Sent::reinvite &&
      side == other(bridge->exchange->from))
    failed(*bridge, e.status, now);
  return true;
}

bool B2bua::Impl::on(const UpdateCompleted& e, TimePoint now) {
  Side side = Side::a;
  Bridge* const bridge = find(e.call, side);
  if (bridge == nullptr) return ours(e.call);
  const bool sent = bridge->exchange && side == other(bridge->exchange->from) &&
                    (bridge->exchange->sent == Exchange::Sent::update ||
                     bridge->exchange->sent == Exchange::Sent::prack);
  if (!sent) return true;
  if (e.status / 100 == 2)
    succeeded(*bridge, e.response.view(), now);
  else
    failed(*bridge, e.status, now);
  return true;
}

bool B2bua::Impl::on(const OfferWithdrawn& e, TimePoint now) {
  Side side = Side::a;
  Bridge* const bridge = find(e.call, side);
  if (bridge == nullptr) return ours(e.call);
  const bool about =
      bridge->exchange && bridge->exchange->from == side && !bridge->exchange->newcomer &&
      bridge->exchange->asked == (e.reinvite ? Exchange::Asked::reinvite : Exchange::Asked::offer);
  if (!about) return true;
  bridge->exchange->withdrawn = true;
  withdraw(*bridge, now);
  return true;
}

/// Nobody waits for the exchange any more: what can be taken back of it is.
void B2bua::Impl::withdraw(Bridge& bridge, TimePoint now) {
  if (bridge.exchange->sent == Exchange::Sent::waits)
    failed(bridge, 487, now);
  else if (bridge.exchange->sent == Exchange::Sent::reinvite)
    ua.cancel_reinvite(bridge.leg(other(bridge.exchange->from)).call, now);
}

bool B2bua::Impl::on(const SessionRefreshed& e, TimePoint now) {
  Side side = Side::a;
  Bridge* const bridge = find(e.call, side);
  if (bridge == nullptr) return ours(e.call);
  // The answer to a refresh may be another than the last one; it is the other side's to know.
  const std::string_view sdp = server::session_of(e.response.view());
  if (!sdp.empty() && !server::same_session(sdp, bridge->leg(other(side)).told))
    offer_again(*bridge, side, std::string(sdp), now);
  go_on(*bridge, now);
  return true;
}

}  // namespace sipstack
