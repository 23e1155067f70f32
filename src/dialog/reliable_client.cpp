// SPDX-License-Identifier: Apache-2.0
// Reliable provisional responses at the caller: taken in order, each with its PRACK.
// RFC 3262 sections 4 and 5.
#include <algorithm>

#include "dialog/context.hpp"

namespace sipstack {

using By = OpenOffer::By;
using In = OpenOffer::In;

bool InviteSession::take_reliable(const MessageView& response, Talk& talk, TimePoint now) {
  const auto rseq = response.get(hdr::rseq);
  // A copy, or one behind a gap, is neither acknowledged nor processed.
  if (!rseq || (talk.rseq != 0 && rseq->number != talk.rseq + 1)) return false;
  // The peer sends it again; by then some of our PRACKs will have been answered.
  if (pracks_.size() >= ua_.options.max_early_dialogs) return false;
  talk.rseq = rseq->number;

  Prack prack;
  prack.remote_tag = response.to_tag();
  prack.rack = std::to_string(rseq->number);
  prack.rack.append(" ").append(std::to_string(response.cseq().number)).append(" INVITE");
  prack.owed = prack_by_application_;
  if (has_session(response) && !talk.invite_settled) {
    if (talk.offer.is(By::us, In::invite)) {
      talk.offer.answered();
      talk.invite_settled = true;
      local_sdp_ = client_.again ? client_.sdp.view() : setup_->options.body;
    } else if (talk.offer.none() && !client_.offered) {
      talk.offer.open(By::them, In::reliable);
      prack.owed = true;
    }
  }
  if (prack.owed) {
    pracks_.push_back(std::move(prack));
    return true;
  }
  if (!send_prack(prack, std::nullopt, now)) pracks_.push_back(std::move(prack));
  return true;
}

std::error_code InviteSession::send_prack(Prack& prack, std::optional<Flow> flow, TimePoint now) {
  Dialog* const dialog = dialog_with(prack.remote_tag);
  if (dialog == nullptr) return Errc::gone;
  const auto txn = send_within(*dialog, "PRACK", prack_request, prack.sdp,
                               {{HeaderId::rack, prack.rack}}, flow, now);
  if (!txn) return txn.error();
  prack.txn = *txn;
  return {};
}

/// The oldest that the application owes, in a dialog that is still there.
InviteSession::Prack* InviteSession::owed_prack() noexcept {
  for (Prack& p : pracks_)
    if (p.owed && talk_with(p.remote_tag) != nullptr) return &p;
  return nullptr;
}

std::error_code InviteSession::acknowledge_provisional(std::string_view sdp, TimePoint now) {
  Prack* const owed = owed_prack();
  if (owed == nullptr) return Errc::wrong_state;
  Talk* const talk = talk_with(owed->remote_tag);
  const bool answer = talk->offer.is(By::them, In::reliable);
  // Section 5: an offer must be answered; one of ours needs that none is open.
  if (answer ? sdp.empty() : !sdp.empty() && (!talk->offer.none() || !talk->offer.agreed))
    return Errc::wrong_state;
  owed->sdp = sdp;
  if (const auto error = send_prack(*owed, std::nullopt, now)) return error;
  owed->owed = false;
  owed->offer = !answer && !sdp.empty();
  if (owed->offer) talk->offer.open(By::us, In::prack);
  if (answer) {
    talk->offer.answered();
    talk->invite_settled = true;
    local_sdp_ = sdp;
  }
  return {};
}

void InviteSession::prack_response(const ResponseArrived& event, TimePoint now) {
  const MessageView response = event.response.view();
  const int status = response.status();
  const auto found = std::find_if(pracks_.begin(), pracks_.end(),
                                  [&](const Prack& p) { return !p.owed && p.txn == event.txn; });
  if (status < 200 || found == pracks_.end()) return;
  if ((status == 401 || status == 407) && digest_.challenged(response) &&
      !send_prack(*found, challenger(ua_.layer, event), now))
    return;
  Prack prack = std::move(*found);
  pracks_.erase(found);
  Talk* const talk = talk_with(prack.remote_tag);
  if (status >= 300 || !prack.offer || talk == nullptr)
    return prack_over(prack, status, event.response, {});
  digest_.succeeded();
  if (has_session(response)) {
    talk->offer.answered();
    local_sdp_ = prack.sdp;
  } else {
    talk->offer.withdrawn();
  }
  ua_.tell(UpdateCompleted{id_, status, event.response, {}});
}

void InviteSession::prack_failed(const TxnFailed& event) {
  const auto found = std::find_if(pracks_.begin(), pracks_.end(),
                                  [&](const Prack& p) { return !p.owed && p.txn == event.txn; });
  if (found == pracks_.end()) return;
  const Prack prack = std::move(*found);
  pracks_.erase(found);
  prack_over(prack, event.error == Errc::timeout ? 408 : 503, {}, event.error);
}

// What became of the provisional response is the callee's to find out: it ends its INVITE without a
// PRACK. Here only an offer is over.
void InviteSession::prack_over(const Prack& prack, int status, Message response,
                               std::error_code error) {
  if (status < 300) digest_.succeeded();
  if (!prack.offer) return;
  if (Talk* const talk = talk_with(prack.remote_tag)) talk->offer.withdrawn();
  ua_.tell(UpdateCompleted{id_, status, std::move(response), error});
}

}  // namespace sipstack
