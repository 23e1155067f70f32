// SPDX-License-Identifier: Apache-2.0
// Provisional responses of the callee: sent again until their PRACK where they are reliable, and said anew
// while the call rings for long. RFC 3262 sections 3 and 5, RFC 3261 section 13.3.1.1.
#include <algorithm>

#include "dialog/context.hpp"

namespace sipstack {

using By = OpenOffer::By;
using In = OpenOffer::In;
using Cause = CallEnded::Cause;
using std::chrono::seconds;

std::error_code InviteSession::ring(int status, std::string_view sdp, const ExtraHeaders& headers,
                                    bool reliable, TimePoint now) {
  if (!server_ || accept_ || status <= 100 || status > 199) return Errc::wrong_state;
  const MessageView invite = server_->request.view();
  const bool demanded = lists(invite, hdr::require, "100rel");
  reliable = demanded || ((reliable || ua_.options.reliable == ExtensionUse::required) &&
                          lists(invite, hdr::supported, "100rel"));
  if (ua_.options.reliable == ExtensionUse::off) reliable = false;
  Saying what{status, std::string(sdp), headers};
  // Section 3: the next one waits for the PRACK of the last one.
  if (reliable && (unacknowledged() || !sayings_.empty())) {
    if (sayings_.size() >= ua_.options.max_queued_provisionals) return Errc::wrong_state;
    sayings_.push_back(std::move(what));
    return {};
  }
  return send_provisional(std::move(what), reliable, now);
}

bool InviteSession::unacknowledged() const noexcept {
  return reliable_ && server_ && reliable_->txn == server_->txn && !reliable_->acknowledged;
}

std::error_code InviteSession::send_provisional(Saying what, bool reliable, TimePoint now) {
  ResponseWriter out = response(what.status);
  ua_.write_contact(out, what.headers, dialog_->sips());
  std::uint32_t rseq = 0;
  if (reliable) {
    const bool first = !reliable_ || reliable_->txn != server_->txn;
    // Any of the first 2^31 - 1; numbers never wrap within one INVITE.
    rseq = first ? static_cast<std::uint32_t>(1 + ua_.random().below(0x7fffffff))
                 : reliable_->rseq + 1;
    out.header(HeaderId::require, "100rel");
    out.header(HeaderId::rseq, rseq);
    ua_.write_capabilities(out);  // RFC 3311 section 5.1: that UPDATE may be used from here on
  }
  write_extra(out, what.headers);
  if (!what.sdp.empty()) out.body("application/sdp", what.sdp);
  const auto sealed =
      out.seal({server_->flow.transport, ua_.layer.locals().sent_by(server_->flow), {}});
  if (!sealed) return Errc::write_failed;
  if (const auto error = ua_.layer.respond(server_->txn, *sealed, now)) return error;

  if (!reliable) {
    rung_ = *sealed;
    if (state_ == State::ringing) arm(UsageTimer::What::still_ringing, now + seconds(60));
    return {};
  }
  rung_ = {};
  if (!what.sdp.empty() && !talk_.invite_settled) {
    if (talk_.offer.is(By::them, In::invite)) {
      talk_.offer.answered();
      talk_.invite_settled = true;
      local_sdp_ = what.sdp;
    } else if (talk_.offer.none()) {
      talk_.offer.open(By::us, In::reliable);
      local_sdp_ = what.sdp;
    }
  }
  const Duration t1 = ua_.timings().t1;
  reliable_ = Reliable{server_->txn,
                       *sealed,
                       rseq,
                       server_->request->cseq().number,
                       t1,
                       now + ua_.timings().timeout(),
                       !what.sdp.empty(),
                       false};
  arm(UsageTimer::What::provisional_again, now + t1);
  if (state_ == State::ringing) arm(UsageTimer::What::still_ringing, now + seconds(150));
  what.sdp.clear();
  last_ring_ = std::move(what);
  return {};
}

// Proxies on the way forget a call that nothing is heard of.
void InviteSession::ring_again(TimePoint now) {
  if (state_ != State::ringing || !server_ || accept_) return;
  if (rung_) {
    ua_.layer.respond(server_->txn, rung_, now);
    arm(UsageTimer::What::still_ringing, now + seconds(60));
  } else if (!unacknowledged() && sayings_.empty() && last_ring_) {
    send_provisional(*last_ring_, true, now);
  }
}

// Section 3: from T1 on, doubled without T2 as a limit; 5xx where no PRACK comes for 64*T1.
void InviteSession::provisional_again(TimePoint now) {
  if (!unacknowledged()) return;
  if (now < reliable_->until) {
    ua_.layer.respond(reliable_->txn, reliable_->response, now);
    reliable_->interval *= 2;
    arm(UsageTimer::What::provisional_again, std::min(now + reliable_->interval, reliable_->until));
    return;
  }
  if (state_ == State::ringing) return refuse(504, Cause::not_acknowledged, now);
  ua_.layer.respond(server_->txn, response(504), now);
  server_invite_over();
}

void InviteSession::pracked(const RequestArrived& event, TimePoint now) {
  const MessageView prack = event.request.view();
  const auto rack = prack.get(hdr::rack);
  if (!rack) return ua_.answer(event, 400, now);
  if (!reliable_ || reliable_->acknowledged || rack->rseq != reliable_->rseq ||
      rack->cseq.number != reliable_->cseq || rack->cseq.method != Method::invite)
    return ua_.answer(event, 481, now);
  reliable_->acknowledged = true;
  reliable_->response = {};
  disarm(UsageTimer::What::provisional_again);
  const bool ours_open = talk_.offer.is(By::us, In::reliable);
  ua_.tell(ProvisionalAcknowledged{id_, event.request});
  if (has_session(prack) && !ours_open) {
    offered(event, talk_, In::prack, now);
  } else {
    ua_.answer(event, 200, now);
    if (ours_open && has_session(prack)) {
      talk_.offer.answered();
      talk_.invite_settled = true;
    } else if (ours_open) {
      talk_.offer.withdrawn();
    }
  }
  say_next(now);
}

// Section 3: no 2xx while a session description waits for its PRACK; RFC 3261 section 13.2.1: nor while
// another offer is open.
bool InviteSession::accept_must_wait() const noexcept {
  if (unacknowledged() && reliable_->sdp) return true;
  if (std::any_of(sayings_.begin(), sayings_.end(), [](const Saying& s) { return !s.sdp.empty(); }))
    return true;
  return !talk_.offer.none() && talk_.offer.in != In::invite;
}

void InviteSession::say_next(TimePoint now) {
  if (!server_) return;
  if (accept_ && !accept_must_wait()) {
    const Saying what = std::move(*accept_);
    accept_.reset();
    if (send_accept(what.sdp, what.headers, now) && state_ == State::ringing)
      refuse(500, Cause::failed, now);
    return;
  }
  if (unacknowledged() || sayings_.empty()) return;
  Saying next = std::move(sayings_.front());
  sayings_.erase(sayings_.begin());
  send_provisional(std::move(next), true, now);
}

// A final response was sent: nothing is sent again, but a PRACK on its way still gets its 200.
void InviteSession::forget_provisionals() noexcept {
  disarm(UsageTimer::What::provisional_again);
  disarm(UsageTimer::What::still_ringing);
  if (reliable_) reliable_->response = {};
  rung_ = {};
  last_ring_.reset();
  sayings_.clear();
  accept_.reset();
}

void InviteSession::server_invite_over() noexcept {
  server_.reset();
  forget_provisionals();
  if (talk_.offer.is(By::them, In::invite) || talk_.offer.is(By::us, In::reliable))
    talk_.offer.withdrawn();
}

}  // namespace sipstack
