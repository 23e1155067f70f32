// SPDX-License-Identifier: Apache-2.0
// The first INVITE's provisional responses, answer and ACK across the two calls. RFC 3261 section 13, RFC 3262
// section 5, RFC 6337 section 3.1; late offers as in RFC 3725 section 4.
#include <utility>

#include "server/b2bua_impl.hpp"

namespace sipstack {

bool B2bua::Impl::on(const CallProgress& e, TimePoint now) {
  Side side = Side::b;
  Bridge* const bridge = find(e.call, side);
  if (bridge == nullptr) return ours(e.call);
  const MessageView response = e.response.view();
  note_allow(bridge->leg(side), response);
  if (bridge->state == Bridge::State::calling) {
    ring(*bridge, response, now);
  } else if (bridge->state == Bridge::State::up && bridge->exchange) {
    // An offer in a reliable response to a re-INVITE without one.
    Leg& asker = bridge->leg(bridge->exchange->from);
    const std::string_view sdp = server::session_of(response);
    const auto out = described(*bridge, bridge->exchange->from, sdp);
    if (asker.reliable && out && !ua.ring(asker.call, response.status(), now, *out, {}, true)) {
      bridge->offered_early = true;
      asker.told = sdp;
    } else {
      // It has no way to answer now: the peer keeps what it has, and the 2xx brings its offer.
      bridge->preview = sdp;
      const auto had = described(*bridge, side, bridge->leg(side).told);
      if (!had || ua.acknowledge(e.call, *had, now)) hang_up_both(*bridge, now);
    }
  }
  return true;
}

void B2bua::Impl::ring(Bridge& bridge, const MessageView& response, TimePoint now) {
  Leg& a = bridge.leg(Side::a);
  const CallId b = bridge.leg(Side::b).call;
  const int status = response.status();
  if (status == 100) return;
  const bool reliable = response.has(HeaderId::rseq) && response.lists(hdr::require, "100rel");
  const bool coupled = reliable && options.reliable == ReliableRelay::coupled;
  // RFC 6228: of one fork. The caller knows of one dialog alone, which lives on.
  if (status == 199) {
    if (coupled) ua.acknowledge(b, {}, now);
    return;
  }
  const std::string_view sdp = server::session_of(response);
  std::optional<std::string> out;
  bool offer = false;
  if (!sdp.empty() && bridge.early_offer) {
    bridge.preview = sdp;
    // What a reliable provisional has answered already is not said in another way (RFC 6337 section 3.1).
    if (!bridge.settled || server::same_session(sdp, a.told)) out = described(bridge, Side::a, sdp);
  } else if (!sdp.empty() && reliable && a.reliable && !bridge.settled && !bridge.offered_early) {
    out = described(bridge, Side::a, sdp);
    if (!out) return give_up(bridge, 488, now);
    offer = true;
  }
  const bool demanded = bridge.invite->lists(hdr::require, "100rel");
  const std::string text = out.value_or(std::string());
  const auto headers = server::passing(response, options.pass_headers);
  const auto error = ua.ring(a.call, status, now, text, headers, reliable);
  if (error && offer) return give_up(bridge, 500, now);
  if (coupled && (error || !a.reliable))
    ua.acknowledge(b, {}, now);
  else if (coupled)
    ++bridge.owed_pracks;
  if (error || text.empty()) return;
  a.told = sdp;
  if (offer)
    bridge.offered_early = true;
  else if (a.reliable && (reliable || demanded))
    bridge.settled = true;
}

bool B2bua::Impl::on(const ProvisionalAcknowledged& e, TimePoint now) {
  Side side = Side::a;
  Bridge* const bridge = find(e.call, side);
  if (bridge == nullptr) return ours(e.call);
  Leg& peer = bridge->leg(other(side));
  const std::string_view sdp = server::session_of(e.prack.view());
  if (bridge->offered_early && !sdp.empty()) {
    bridge->offered_early = false;
    bridge->settled = true;
    if (bridge->owed_pracks > 0) --bridge->owed_pracks;
    const auto answer = described(*bridge, other(side), sdp);
    peer.told = sdp;
    // Without an answer to its offer the other side would be told nothing that holds.
    if (!answer || ua.acknowledge(peer.call, *answer, now)) hang_up_both(*bridge, now);
  } else if (bridge->owed_pracks > 0 && sdp.empty()) {
    --bridge->owed_pracks;
    ua.acknowledge(peer.call, {}, now);
  }  // an offer comes as OfferReceived
  return true;
}

// ---- the answer

bool B2bua::Impl::on(const CallAnswered& e, TimePoint now) {
  Side side = Side::b;
  Bridge* const bridge = find(e.call, side);
  if (bridge == nullptr) return ours(e.call);
  note_allow(bridge->leg(side), e.response.view());
  if (!e.reinvite) {
    answered(*bridge, e.response, now);
  } else if (bridge->exchange && bridge->exchange->sent == Exchange::Sent::reinvite &&
             side == other(bridge->exchange->from)) {
    succeeded(*bridge, e.response.view(), now);
  } else if (const std::string& told = bridge->leg(side).told; !told.empty()) {
    // A refresh of a session without a description, answered with an offer; else it owes nothing.
    if (const auto had = described(*bridge, side, told)) ua.acknowledge(e.call, *had, now);
  }
  return true;
}

void B2bua::Impl::answered(Bridge& bridge, const Message& response, TimePoint now) {
  if (bridge.state != Bridge::State::calling) return;
  bridge.state = Bridge::State::up;
  Leg& a = bridge.leg(Side::a);
  const std::string_view sdp = server::session_of(response.view());
  const auto headers = server::passing(response.view(), options.pass_headers);
  std::string text;
  if (bridge.early_offer && bridge.settled) {
    // Another fork than the one that was heard early: the caller is told by an offer, once it may be.
    if (!sdp.empty() && !server::same_session(sdp, a.told)) bridge.resync = std::string(sdp);
  } else if (bridge.early_offer || !bridge.settled) {
    const std::string_view said =
        sdp.empty() && bridge.early_offer ? std::string_view(bridge.preview) : sdp;
    if (said.empty()) return give_up(bridge, 502, now);
    const auto out = described(bridge, Side::a, said);
    if (!out) return give_up(bridge, 488, now);
    text = *out;
    a.told = said;
    if (!bridge.early_offer) bridge.ack_owed_by = Side::a;
  }
  bridge.invite = {};
  bridge.route = {};
  bridge.settled = false;
  bridge.preview.clear();
  if (const auto error = ua.accept(a.call, text, now, headers)) {
    if (error == Errc::gone) return;  // CallEnded is on its way
    return give_up(bridge, 500, now);
  }
  a.unacknowledged = true;
  ++counters.connected;
}

/// The callee's call is ended, the caller's INVITE refused.
void B2bua::Impl::give_up(Bridge& bridge, int status, TimePoint now) {
  bridge.state = Bridge::State::over;
  ua.hang_up(bridge.leg(Side::b).call, now);
  ua.reject(bridge.leg(Side::a).call, status, now);
}

bool B2bua::Impl::on(const CallConfirmed& e, TimePoint now) {
  Side side = Side::a;
  Bridge* const bridge = find(e.call, side);
  if (bridge == nullptr) return ours(e.call);
  bridge->leg(side).unacknowledged = false;
  if (bridge->ack_owed_by == side) {
    bridge->ack_owed_by.reset();
    const std::string_view sdp = e.ack ? server::session_of(e.ack.view()) : std::string_view();
    const Side to = other(side);
    const auto answer = sdp.empty() ? std::optional<std::string>() : described(*bridge, to, sdp);
    if (!answer) {
      // RFC 6337 section 3.1: an offer in a 2xx has its answer in the ACK, or there is no session.
      hang_up_both(*bridge, now);
      return true;
    }
    bridge->leg(to).told = sdp;
    // A reliable provisional has had another answer meanwhile: it is told anew.
    if (ua.acknowledge(bridge->leg(to).call, *answer, now) == Errc::wrong_state)
      offer_again(*bridge, side, std::string(sdp), now);
  }
  go_on(*bridge, now);
  return true;
}

}  // namespace sipstack
