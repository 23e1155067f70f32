// SPDX-License-Identifier: Apache-2.0
// UPDATE both ways, and offers of the peer that wait for our application. RFC 3311; RFC 6337 section 2.
#include <algorithm>

#include "dialog/context.hpp"

namespace sipstack {

using By = OpenOffer::By;
using In = OpenOffer::In;
using Cause = CallEnded::Cause;
using std::chrono::milliseconds;

// ---- ours (section 5.1)

std::error_code InviteSession::update(std::string_view sdp, bool after_glare, TimePoint now) {
  Dialog* const d = dialog();
  if (d == nullptr || update_.pending || waits(UsageTimer::What::update_glare))
    return Errc::wrong_state;
  // Before that the caller need not know of the dialog.
  if (state_ == State::ringing && (!reliable_ || !reliable_->acknowledged))
    return Errc::wrong_state;
  update_ = {};
  update_.remote_tag = d->remote_tag();
  update_.sdp = sdp;
  update_.retried = !after_glare;
  return may_update() ? send_update(std::nullopt, now) : make_error_code(Errc::wrong_state);
}

/// Whether update_ may go now: behind our PRACKs, whose order it would upset, and with an offer only while
/// no other one is open or may be made by an INVITE without one.
bool InviteSession::may_update() {
  const Talk* const talk = talk_with(update_.remote_tag.view());
  if (talk == nullptr) return false;
  const auto same = [this](const Prack& p) { return p.remote_tag == update_.remote_tag.view(); };
  if (std::any_of(pracks_.begin(), pracks_.end(), same)) return false;
  if (update_.sdp.empty()) return true;
  if (!talk->offer.none() || !talk->offer.agreed) return false;
  const bool offers_later =
      (client_.pending && !client_.offered) || (server_ && !has_session(server_->request.view()));
  return !offers_later || talk->invite_settled;
}

std::error_code InviteSession::send_update(std::optional<Flow> flow, TimePoint now) {
  Dialog* const d = dialog_with(update_.remote_tag.view());
  if (d == nullptr) return Errc::gone;
  const auto txn = send_within(*d, "UPDATE", update_request, update_.sdp.view(), {}, flow, now);
  if (!txn) return txn.error();
  update_.txn = *txn;
  update_.pending = true;
  if (!update_.sdp.empty()) talk_with(update_.remote_tag.view())->offer.open(By::us, In::update);
  return {};
}

void InviteSession::update_response(const ResponseArrived& event, TimePoint now) {
  const MessageView response = event.response.view();
  const int status = response.status();
  if (event.txn != update_.txn || !update_.pending || status < 200) return;
  Dialog* const d = dialog_with(update_.remote_tag.view());
  if (d == nullptr || state_ == State::leaving) {
    update_.pending = false;
    return;
  }
  if (status < 300) return update_accepted(event, *d, now);
  std::error_code error;
  if (status == 401 || status == 407) {
    error = Errc::challenged_again;
    if (digest_.challenged(response)) {
      error = send_update(challenger(ua_.layer, event), now);
      if (!error) return;
    }
  } else {
    digest_.succeeded();
  }
  if (status == 422 && timer_.too_small(response) && !send_update(std::nullopt, now)) return;
  withdraw_update();
  if (status == 491 && !update_.retried) {
    // Section 5.3 with RFC 3261 section 14.1.
    const std::uint64_t steps =
        d->caller() ? 210 + ua_.random().below(191) : ua_.random().below(201);
    arm(UsageTimer::What::update_glare, now + milliseconds(10 * steps));
    return say_next(now);
  }
  if (update_.refresh && (status == 405 || status == 501)) {
    peer_updates_ = false;
    return refresh_session(now);
  }
  update_over(status, event.response, error, now);
}

void InviteSession::update_accepted(const ResponseArrived& event, Dialog& d, TimePoint now) {
  const MessageView response = event.response.view();
  digest_.succeeded(response);
  d.refresh_target(response, event.flow);
  heard_allow(response);
  Talk& talk = *talk_with(update_.remote_tag.view());
  if (!update_.sdp.empty() && has_session(response)) {
    talk.offer.answered();
    local_sdp_ = update_.sdp.view();
  }
  withdraw_update();
  if (state_ == State::up) {
    timer_.answered(response);
    session_agreed(now);
  }
  update_over(response.status(), event.response, {}, now);
}

/// Its offer is closed, if it is open still.
void InviteSession::withdraw_update() {
  update_.pending = false;
  Talk* const talk = talk_with(update_.remote_tag.view());
  if (talk != nullptr && talk->offer.is(By::us, In::update)) talk->offer.withdrawn();
}

void InviteSession::update_over(int status, const Message& response, std::error_code error,
                                TimePoint now) {
  const bool up = state_ == State::up;
  if (!update_.refresh)
    ua_.tell(UpdateCompleted{id_, status, response, error});
  else if (status < 300)
    ua_.tell(SessionRefreshed{id_, response});
  else
    refresh_later(now);
  // RFC 3261 section 12.2.1.2, RFC 4028 section 10. Of an early dialog it says nothing about the INVITE.
  if (up && fatal(status, true)) {
    const bool late = error == Errc::timeout;
    return leave({id_, late ? Cause::timeout : Cause::failed, status, response, error}, now);
  }
  say_next(now);
}

void InviteSession::update_failed(const TxnFailed& event, TimePoint now) {
  if (event.txn != update_.txn || !update_.pending) return;
  withdraw_update();
  if (state_ == State::leaving) return;
  if (Dialog* const d = dialog_with(update_.remote_tag.view());
      d != nullptr && event.error == Errc::transport_failed)
    d->forget_flow();
  update_over(event.error == Errc::timeout ? 408 : 503, {}, event.error, now);
}

void InviteSession::update_after_glare(TimePoint now) {
  if (dialog() == nullptr || dialog_with(update_.remote_tag.view()) == nullptr) return;
  if (!may_update()) {
    // The peer's turn lasts; each of its offers is answered or dropped in the end.
    arm(UsageTimer::What::update_glare, now + ua_.timings().t2);
    return;
  }
  update_.retried = true;
  if (const auto error = send_update(std::nullopt, now)) update_over(491, {}, error, now);
}

// ---- the peer's (section 5.2)

void InviteSession::updated(const RequestArrived& event, Dialog& d, TimePoint now) {
  const MessageView request = event.request.view();
  if (too_many_refreshes(event, now)) return;
  heard_allow(request);
  const auto waits = [&](const PeerOffer& o) {
    return o.request->from_tag() == request.from_tag() && o.request->method() == Method::update;
  };
  if (std::any_of(peer_offers_.begin(), peer_offers_.end(), waits))
    return refuse_for_now(event, 500, now);
  if (has_session(request)) {
    offered(event, *talk_with(request.from_tag()), In::update, now);
    return;
  }
  ResponseWriter out = update_success(request, event.flow, d);
  ua_.layer.respond(event.txn, out, now);
  session_agreed(now);
}

void InviteSession::offered(const RequestArrived& event, Talk& talk, In in, TimePoint now) {
  if (const int status = talk.offer.refusal()) return refuse_for_now(event, status, now);
  talk.offer.open(By::them, in);
  peer_offers_.push_back({event.txn, event.request, event.flow});
  ua_.layer.set_user(event.txn, part(peer_offer));
  ua_.tell(OfferReceived{id_, event.request});
}

void InviteSession::refuse_for_now(const RequestArrived& event, int status, TimePoint now) {
  ResponseWriter out = ua_.response(event.request.view(), event.flow, status);
  if (status == 500) out.header(HeaderId::retry_after, ua_.random().below(11));
  ua_.layer.respond(event.txn, out, now);
}

ResponseWriter InviteSession::update_success(const MessageView& request, const Flow& flow,
                                             Dialog& d) {
  ResponseWriter out = ua_.response(request, flow, 200);
  write_contact(out, {}, d.sips());
  ua_.write_capabilities(out);
  if (state_ == State::up) timer_.accept(request, out);
  d.refresh_target(request, flow);
  return out;
}

std::error_code InviteSession::accept_offer(std::string_view sdp, TimePoint now) {
  if (peer_offers_.empty() || sdp.empty()) return Errc::wrong_state;
  const PeerOffer& waiting = peer_offers_.front();
  const MessageView request = waiting.request.view();
  Dialog* const d = dialog_with(request.from_tag());
  if (d == nullptr) return Errc::gone;
  const bool by_update = request.method() == Method::update;
  ResponseWriter out = by_update ? update_success(request, waiting.flow, *d)
                                 : ua_.response(request, waiting.flow, 200);
  out.body("application/sdp", sdp);
  if (const auto error = ua_.layer.respond(waiting.txn, out, now)) return error;
  talk_with(request.from_tag())->offer.answered();
  local_sdp_ = sdp;
  peer_offers_.erase(peer_offers_.begin());
  if (by_update) session_agreed(now);
  say_next(now);
  return {};
}

std::error_code InviteSession::reject_offer(int status, TimePoint now) {
  if (peer_offers_.empty() || status < 300 || status > 699) return Errc::wrong_state;
  const PeerOffer& waiting = peer_offers_.front();
  const MessageView request = waiting.request.view();
  if (const auto error =
          ua_.layer.respond(waiting.txn, ua_.response(request, waiting.flow, status), now))
    return error;
  if (Talk* const talk = talk_with(request.from_tag())) talk->offer.withdrawn();
  peer_offers_.erase(peer_offers_.begin());
  say_next(now);
  return {};
}

/// The application was too slow: the layer has given up on the request.
void InviteSession::offer_abandoned(const TxnFailed& event, TimePoint now) {
  const auto found = std::find_if(peer_offers_.begin(), peer_offers_.end(),
                                  [&](const PeerOffer& o) { return o.txn == event.txn; });
  if (found == peer_offers_.end()) return;
  if (Talk* const talk = talk_with(found->request->from_tag())) talk->offer.withdrawn();
  peer_offers_.erase(found);
  ua_.tell(OfferWithdrawn{id_, false});
  say_next(now);
}

/// What waits at the end of the call: 487, as for INVITE (RFC 3261 section 15.1.2).
void InviteSession::refuse_offers(TimePoint now) {
  for (const PeerOffer& o : peer_offers_)
    ua_.layer.respond(o.txn, ua_.response(o.request.view(), o.flow, 487), now);
  peer_offers_.clear();
}

}  // namespace sipstack
