// SPDX-License-Identifier: Apache-2.0
// A session with a timer is refreshed, or ended where the peer does not. RFC 4028 sections 7.2, 7.4 and 10.
#include <algorithm>

#include "dialog/context.hpp"

namespace sipstack {

using Cause = CallEnded::Cause;
using std::chrono::milliseconds;
using std::chrono::seconds;

void InviteSession::heard_allow(const MessageView& message) noexcept {
  if (message.has(HeaderId::allow)) peer_updates_ = lists(message, hdr::allow, "UPDATE");
}

bool InviteSession::too_many_refreshes(const RequestArrived& event, TimePoint now) {
  const MessageView request = event.request.view();
  if (!timer_.refuses(request)) return false;
  ResponseWriter out = ua_.response(request, event.flow, 422);
  timer_.write_refusal(out);
  ua_.layer.respond(event.txn, out, now);
  return true;
}

/// A 2xx was sent or received, to whatever refreshes a session: its time begins anew.
void InviteSession::session_agreed(TimePoint now) {
  if (state_ != State::up) return;
  disarm(UsageTimer::What::session_refresh);
  disarm(UsageTimer::What::session_expiry);
  if (timer_.interval() == 0) return;
  const Duration whole = seconds(timer_.interval());
  if (timer_.we_refresh()) {
    arm(UsageTimer::What::session_refresh, now + whole / 2);
    session_ends_ = now + whole;
  } else {
    session_ends_ = now + whole - std::min<Duration>(seconds(32), whole / 3);
  }
  arm(UsageTimer::What::session_expiry, session_ends_);
}

void InviteSession::refresh_session(TimePoint now) {
  if (state_ != State::up) return;
  // Whatever is on its way may be a refresh as well; if not, ours follows.
  if (invite_in_progress() || waits(UsageTimer::What::glare) || update_.pending ||
      waits(UsageTimer::What::update_glare) || !talk_.offer.none())
    return refresh_later(now);
  std::error_code error;
  if (peer_updates_) {
    update_ = {};
    update_.remote_tag = dialog_->remote_tag();
    update_.refresh = true;
    error = send_update(std::nullopt, now);
  } else {
    // The same description, its version too: nothing changes (section 7.4).
    client_ = {};
    client_.sdp = local_sdp_;
    client_.refresh = true;
    error = send_reinvite(std::nullopt, now);
  }
  if (error) refresh_later(now);
}

// Half of the time that is left, each time: some tries, never many in a row.
void InviteSession::refresh_later(TimePoint now) {
  const Duration left = (session_ends_ - now) / 2;
  if (state_ == State::up && waits(UsageTimer::What::session_expiry) && left >= milliseconds(500))
    arm(UsageTimer::What::session_refresh, now + left);
}

void InviteSession::session_expired(TimePoint now) {
  if (state_ == State::up) leave({id_, Cause::expired, 0, {}, Errc::timeout}, now);
}

}  // namespace sipstack
