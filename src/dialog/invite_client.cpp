// SPDX-License-Identifier: Apache-2.0
// The caller: an INVITE, the responses of all its forks, and their ACKs. RFC 3261 sections 8.1.3, 13.2.
#include <algorithm>

#include "dialog/context.hpp"

namespace sipstack {

using Cause = CallEnded::Cause;

namespace {

constexpr std::size_t kMaxAcknowledged = 64;  // 2xx whose retransmissions are recognised

/// RFC 3262 section 4.
bool reliable_provisional(const MessageView& response) {
  return response.status() > 100 && response.has(HeaderId::rseq) &&
         lists(response, hdr::require, "100rel");
}

}  // namespace

std::error_code InviteSession::invite(CallId id, const CallOptions& options, TimePoint now) {
  belongs_to(id);
  initiator_ = true;
  setup_ = std::make_unique<Setup>();
  setup_->options = options;
  const auto flow = ua_.go_by_registration(setup_->options, true);
  setup_->head = RequestHead::of(setup_->options, ua_.random(), ua_.options.shard);
  setup_->target = options.target;
  setup_->tried.push_back({options.target, false});
  setup_->routes = setup_->head.routes;
  digest_ = DigestClient(options.credentials);
  contact_params_ = options.contact_params;
  provisionals_ = options.reliable.value_or(ua_.options.reliable);
  prack_by_application_ = options.prack_by_application;
  timer_.start(ua_.options, options.session_expires.value_or(ua_.options.session_expires));
  if (!setup_->head.reaches(options.target)) return Errc::unresolved;
  if (const auto error = send_invite(flow, now)) return error;
  state_ = State::calling;
  if (options.max_ring > Duration::zero())
    arm(UsageTimer::What::ring_limit, now + options.max_ring);
  return {};
}

std::error_code InviteSession::send_invite(std::optional<Flow> flow, TimePoint now) {
  Setup& s = *setup_;
  NextHop hop;
  RequestWriter out = s.head.write(ua_.pool(), "INVITE", s.target, ++s.cseq, hop);
  write_contact(out, s.options.headers, is_sips(s.target));
  ua_.write_capabilities(out, provisionals_ != ExtensionUse::off);
  if (!ua_.recv_info.empty()) out.header(HeaderId::recv_info, ua_.recv_info);
  if (provisionals_ == ExtensionUse::required) out.header(HeaderId::require, "100rel");
  timer_.write_request(out);
  digest_.authorize(out, "INVITE", std::string(out.uri()), s.options.body, ua_.random());
  ua_.write_product(out, HeaderId::user_agent);
  for (const std::string& by : s.diverted) out.header(HeaderId::diversion, by);
  write_extra(out, s.options.headers);
  if (!s.options.body.empty()) out.body(s.options.content_type, s.options.body);
  if (out.error() != WriteErrc::ok) return Errc::write_failed;
  remember_credentials(out);

  const auto txn =
      ua_.layer.send(std::move(out), retry_hop(std::move(hop), flow), part(client_invite), now);
  if (!txn) return txn.error();
  client_ = {};
  client_.txn = *txn;
  client_.cseq = s.cseq;
  client_.pending = true;
  client_.offered = !s.options.body.empty();
  return {};
}

// Section 22.1: the ACK for a 2xx carries the very credentials of its INVITE. They are read back from a
// copy that is sealed for nobody.
void InviteSession::remember_credentials(const RequestWriter& invite) {
  credentials_.clear();
  if (!challenged_) return;
  const auto copy = invite.seal({Transport::udp, "invalid", "z9hG4bK0"});
  if (!copy) return;
  const MessageView view = copy->view();
  for (std::size_t i = 0; i < view.header_count(); ++i) {
    const HeaderView line = view.header(i);
    if (line.id == HeaderId::authorization || line.id == HeaderId::proxy_authorization)
      credentials_.emplace_back(line.id, line.value);
  }
}

// ---- responses

void InviteSession::invite_response(const ResponseArrived& event, TimePoint now) {
  const int status = event.response->status();
  // Section 8.1.3.2: an unknown code is the x00 of its class.
  if (status >= 200 && status < 300) return success(event, now);
  if (event.txn != client_.txn || !client_.pending) return;
  if (client_.again) return reinvite_response(event, now);
  if (status < 200) return provisional(event, now);
  failure(event, now);
}

void InviteSession::provisional(const ResponseArrived& event, TimePoint now) {
  const MessageView response = event.response.view();
  if (state_ != State::calling) return;
  if (response.status() == 100) {
    if (std::exchange(setup_->heard_trying, true)) return;
  } else if (!response.to_tag().empty()) {
    heard_allow(response);
    Early* fork = early(response.to_tag());
    if (fork != nullptr) {
      fork->dialog.refresh_target(response, event.flow);
    } else if (early_.size() < ua_.options.max_early_dialogs &&
               ua_.dialogs.size() < ua_.options.max_dialogs) {
      fork = &early_.emplace_back(Early{Dialog::uac(response, event.flow, setup_->target), Talk{}});
      if (client_.offered) fork->talk.offer.open(OpenOffer::By::us, OpenOffer::In::invite);
      ua_.dialogs.insert(DialogId::of_response(response), id_);
    }
    if (reliable_provisional(response) && provisionals_ != ExtensionUse::off &&
        (fork == nullptr || !take_reliable(response, fork->talk, now)))
      return;
  }
  ua_.tell(CallProgress{id_, event.response});
}

void InviteSession::success(const ResponseArrived& event, TimePoint now) {
  const MessageView response = event.response.view();
  if (acknowledge_again(response, now)) return;
  if (event.txn == client_.txn && client_.pending) {
    if (client_.again) return reinvite_response(event, now);
    return establish(event, now);
  }
  if (dialog_ && response.to_tag() == dialog_->remote_tag()) {
    // Ours again without an ACK: the application still owes the answer, or there was no memory for it.
    if (response.cseq().number == client_.cseq && !client_.answer_owed)
      acknowledge_success(client_.cseq, {}, now);
    return;
  }
  if (acknowledged_.size() >= kMaxAcknowledged) return;
  const std::string target = dialog_ ? dialog_->remote_target() : setup_ ? setup_->target : "";
  const TxnId ack = refuse_fork(ua_, response, event.flow, target, credentials_, now);
  acknowledged_.push_back({std::string(response.to_tag()), response.cseq().number, ack});
}

// Section 13.2.2.4: the first 2xx makes the call; its early dialog is recomputed but for the sequence
// numbers, and the other early dialogs are dropped.
void InviteSession::establish(const ResponseArrived& event, TimePoint now) {
  const MessageView response = event.response.view();
  client_.pending = false;
  digest_.succeeded(response);
  Dialog confirmed = Dialog::uac(response, event.flow, setup_->target);
  if (client_.offered) talk_.offer.open(OpenOffer::By::us, OpenOffer::In::invite);
  if (const Early* const same = early(confirmed.remote_tag())) {
    confirmed.continue_from(same->dialog);
    talk_ = same->talk;
  }
  drop_early();
  dialog_ = std::make_shared<Dialog>(std::move(confirmed));
  ua_.dialogs.insert(DialogId::of_response(response), id_);
  const bool wanted = state_ == State::calling;
  const std::string offer = std::move(setup_->options.body);
  setup_.reset();
  disarm(UsageTimer::What::ring_limit);
  state_ = State::up;
  take_session(response, offer);
  client_.answer_owed = client_.answer_owed && wanted;
  heard_allow(response);
  timer_.answered(response);
  if (!client_.answer_owed) acknowledge_success(client_.cseq, {}, now);
  // Section 15: CANCEL came too late; the call stands and is ended like any other.
  if (!wanted) return leave(std::move(*ending_), now);
  session_agreed(now);
  ua_.tell(CallAnswered{id_, event.response, false});
}

/// The description in a 2xx to our INVITE or re-INVITE: an answer to `offer`, an offer where that is empty,
/// or one that says what a reliable provisional has settled already and is ignored (RFC 6337 section 3.1).
void InviteSession::take_session(const MessageView& response, std::string_view offer) {
  client_.answer_owed = false;
  if (talk_.offer.is(OpenOffer::By::us, OpenOffer::In::invite)) {
    if (has_session(response)) {
      talk_.offer.answered();
      local_sdp_ = offer;
    } else {
      talk_.offer.withdrawn();
    }
  } else if (!client_.offered && !talk_.invite_settled && talk_.offer.none() &&
             has_session(response)) {
    talk_.offer.open(OpenOffer::By::them, OpenOffer::In::invite);
    client_.answer_owed = true;
  }
}

void InviteSession::failure(const ResponseArrived& event, TimePoint now) {
  const MessageView response = event.response.view();
  const int status = response.status();
  client_.pending = false;
  if (state_ == State::cancelling) {
    ending_->status = status;
    ending_->message = event.response;
    return end(std::move(*ending_), now);
  }
  CallEnded ending{id_, Cause::rejected, status, event.response, {}};
  if (status == 401 || status == 407) {
    if (digest_.challenged(response)) {
      challenged_ = true;
      drop_early();
      // To whoever challenged: another target of the same name knows nothing of that nonce.
      const auto error = send_invite(challenger(ua_.layer, event), now);
      if (!error) return;
      ending.error = error;
    } else {
      ending.error = Errc::challenged_again;
    }
    return end(std::move(ending), now);
  }
  digest_.succeeded();
  if (status == 422 && timer_.too_small(response)) {
    // RFC 4028 section 7.3: a new try with what it wants at least.
    drop_early();
    if (!send_invite(std::nullopt, now)) return;
  }
  if (status < 400) take_contacts(response);
  if (status < 600 && try_next(now)) return;
  end(std::move(ending), now);
}

void InviteSession::drop_early() {
  for (const Early& e : early_)
    ua_.dialogs.erase({e.dialog.call_id(), e.dialog.local_tag(), e.dialog.remote_tag()}, id_);
  early_.clear();
}

// ---- ACK (section 13.2.2.4)

namespace {

expected<TxnId, std::error_code> send_ack(UserAgentContext& ua, const Dialog& dialog,
                                          std::uint32_t cseq, std::string_view sdp,
                                          const InviteSession::HeaderLines& credentials,
                                          TimePoint now) {
  RequestWriter out = dialog.request(ua.pool(), "ACK", cseq);
  for (const auto& [id, value] : credentials) out.header(id, value);
  ua.write_product(out, HeaderId::user_agent);
  if (!sdp.empty()) out.body("application/sdp", sdp);
  if (out.error() != WriteErrc::ok) return unexpected(make_error_code(Errc::write_failed));
  return ua.layer.send_ack(std::move(out), dialog.next_hop(), now);
}

}  // namespace

std::error_code InviteSession::acknowledge_success(std::uint32_t cseq, std::string_view sdp,
                                                   TimePoint now) {
  const auto ack = send_ack(ua_, *dialog_, cseq, sdp, credentials_, now);
  if (!ack) return ack.error();
  const auto forgotten =
      std::remove_if(acknowledged_.begin(), acknowledged_.end(),
                     [&](const Acknowledged& a) { return !ua_.layer.alive(a.ack); });
  acknowledged_.erase(forgotten, acknowledged_.end());
  if (acknowledged_.size() >= kMaxAcknowledged) acknowledged_.erase(acknowledged_.begin());
  acknowledged_.push_back({std::string(dialog_->remote_tag()), cseq, *ack});
  return {};
}

bool InviteSession::acknowledge_again(const MessageView& response, TimePoint now) {
  for (const Acknowledged& a : acknowledged_) {
    if (a.cseq != response.cseq().number || a.remote_tag != response.to_tag()) continue;
    ua_.layer.resend(a.ack, now);
    return true;
  }
  return false;
}

std::error_code InviteSession::acknowledge(std::string_view sdp, TimePoint now) {
  if (owed_prack() != nullptr && (state_ == State::calling || state_ == State::up))
    return acknowledge_provisional(sdp, now);
  if (state_ != State::up || !client_.answer_owed) return Errc::wrong_state;
  if (const auto error = acknowledge_success(client_.cseq, sdp, now)) return error;
  client_.answer_owed = false;
  if (sdp.empty()) {
    talk_.offer.withdrawn();
  } else {
    talk_.offer.answered();
    local_sdp_ = sdp;
  }
  return {};
}

void InviteSession::stray_success(const MessageView& response, TimePoint now) {
  acknowledge_again(response, now);
}

TxnId InviteSession::refuse_fork(UserAgentContext& ua, const MessageView& response,
                                 const Flow& flow, std::string_view target,
                                 const HeaderLines& credentials, TimePoint now) {
  Dialog fork = Dialog::uac(response, flow, target);
  if (fork.remote_target().empty()) return {};
  const auto ack = send_ack(ua, fork, response.cseq().number, {}, credentials, now);
  const auto cseq = fork.next_cseq();
  if (!ack || !cseq) return {};
  RequestWriter out = fork.request(ua.pool(), "BYE", *cseq);
  ua.write_product(out, HeaderId::user_agent);
  // Nobody waits for its outcome: the null handle is no request of the application's.
  ua.layer.send(std::move(out), fork.next_hop(), {UsageKind::request, 0, 0, 0}, now);
  return *ack;
}

}  // namespace sipstack
