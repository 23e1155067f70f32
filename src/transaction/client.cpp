// SPDX-License-Identifier: Apache-2.0
// Client transactions: responses, timeouts, the ACK for a non-2xx, CANCEL. RFC 3261 sections 17.1 and 9.1.
#include <algorithm>
#include <charconv>
#include <chrono>

#include "transaction/layer_impl.hpp"

namespace sipstack {

using fsm::Input;
using fsm::State;

namespace {

Input input_of(int status) noexcept {
  if (status < 200) return Input::provisional;
  return status < 300 ? Input::success : Input::failure;
}

// What ACK and CANCEL take over from their INVITE: From, Call-ID, CSeq's number, Route.
void repeat_headers(RequestWriter& writer, const MessageView& invite, std::string_view method) {
  writer.copy(invite, HeaderId::from);
  writer.copy(invite, HeaderId::call_id);
  char cseq[32];
  char* end = std::to_chars(cseq, cseq + 12, invite.head().cseq).ptr;
  *end++ = ' ';
  end = method.copy(end, method.size()) + end;
  writer.header(HeaderId::cseq, std::string_view(cseq, static_cast<std::size_t>(end - cseq)));
  writer.header(HeaderId::max_forwards, 70);
  writer.copy(invite, HeaderId::route);
}

}  // namespace

TxnEvent TransactionLayer::Impl::on_response(Message&& response, const Flow& flow, TimePoint now) {
  const MessageView view = response.view();
  const auto branch = ClientBranch::parse(view.branch());
  Transaction* t = branch ? slab.find(branch->txn) : nullptr;
  if (t != nullptr && view.method() == Method::cancel && t->method == Method::invite)
    t = slab.find(t->client.peer);  // a CANCEL has its INVITE's branch (section 9.1)
  if (t == nullptr || t->kind != TxnKind::client || t->resolving)
    return StrayResponse{std::move(response), flow};
  if (t->client.random != branch->random) {
    // Again the 503 of a target that was left: it waits for its ACK (17.1.1.2).
    const ClientExtras* const extra = t->client.extras;
    if (extra == nullptr || !extra->refused.ack || extra->refused.random != branch->random ||
        view.status() < 300 || view.method() != Method::invite)
      return StrayResponse{std::move(response), flow};
    transmit(extra->refused.ack, extra->refused.flow, {});
    return Absorbed{};
  }
  if (t->flow.transport != flow.transport || t->match != response_hash(hash_key, view))
    return StrayResponse{std::move(response), flow};
  // More Vias than we sent: misrouted. A machine that took it would wait for nothing more (8.1.3.3).
  if (view.head().vias > t->vias) return StrayResponse{std::move(response), flow};

  judge_target(*t, view, now);
  if (view.status() == 503 && t->open() && !t->cancel_wanted && t->has_targets() &&
      leave_refusing(*t, view, now))
    return Absorbed{};
  const Input input = input_of(view.status());
  const Outcome outcome = drive(*t, input, now, response);
  if (t->at.state == State::proceeding && t->method == Method::invite && !t->cancelled) {
    if (t->cancel_wanted) {
      send_cancel(*t, now);
    } else if (options().ringing_cap != Duration::zero()) {
      arm(*t, Input::guard, options().ringing_cap, now);
      schedule(*t);
    }
  }
  const bool tell = outcome.told && !t->quiet();
  const TxnId id = t->id;
  const UsageRef user = t->user;
  if (t->at.state == State::terminated) {
    erase(*t);
  } else if (!t->open()) {
    settle_count(*t);
    t->request = {};
    if (t->client.extras != nullptr && t->client.extras->refused.ack)
      t->client.extras->writer.reset();
    else
      drop_extras(*t);
  }
  if (!tell) return Absorbed{};
  return ResponseArrived{id, user, std::move(response), flow};
}

void TransactionLayer::Impl::judge_target(const Transaction& t, const MessageView& response,
                                          TimePoint now) noexcept {
  if (response.status() != 503) return avoided.remove(t.flow);
  // RFC 3261 section 21.5.4. What a stranger demands has an upper end.
  const auto retry_after = response.get(hdr::retry_after);
  if (!retry_after || retry_after->number == 0 || options().avoid_refusing == Duration::zero())
    return;
  const Duration asked = std::chrono::seconds(retry_after->number);
  avoided.add(t.flow, now + std::min(asked, options().avoid_refusing));
}

// RFC 3263 section 4.3. A connection that the user named says nothing of the address behind it.
void TransactionLayer::Impl::avoid_failed(const Transaction& t, TimePoint now) noexcept {
  if (t.flow.connection == 0 && options().avoid_failed != Duration::zero())
    avoided.add(t.flow, now + options().avoid_failed);
}

// RFC 3263 section 4.3: a 503 leads to the next target, as a failure of the transport does. The user keeps
// its handle and hears nothing.
bool TransactionLayer::Impl::leave_refusing(Transaction& t, const MessageView& response,
                                            TimePoint now) {
  ClientExtras::Refused refused;
  if (t.method == Method::invite) refused = {t.client.random, make_ack(t, response), t.flow};
  auto& targets = t.client.extras->targets;
  while (!targets.empty() && targets.back().remote == t.flow.remote) targets.pop_back();
  if (targets.empty()) return false;
  transmit(refused.ack, refused.flow, {});
  t.client.extras->refused = std::move(refused);
  std::error_code why;
  if (next_target(t, now, why)) return true;
  t.client.extras->refused = {};
  return false;
}

TxnEvent TransactionLayer::Impl::expire_client(Transaction& t, Input input, TimePoint now) {
  const bool silent = t.at.state == State::calling || t.at.state == State::trying;
  if (input == Input::timeout && silent) avoid_failed(t, now);
  if (input == Input::timeout && silent && !t.cancel_wanted && t.has_targets()) {
    // RFC 3263 4.3: nothing came at all, so the next target; but not the same one by other means.
    auto& targets = t.client.extras->targets;
    while (!targets.empty() && targets.back().remote == t.flow.remote) targets.pop_back();
    std::error_code why;
    if (next_target(t, now, why)) return Absorbed{};
  }
  if (input == Input::guard && t.method == Method::invite && !t.cancelled && t.open()) {
    t.cancel_wanted = true;  // it has rung for too long
    send_cancel(t, now);
    return Absorbed{};
  }
  const Outcome outcome = drive(t, input, now);
  if (outcome.timed_out) return fail(t, Errc::timeout);
  if (t.at.state == State::terminated) erase(t);
  return Absorbed{};
}

TxnEvent TransactionLayer::Impl::client_transport_failed(Transaction& t, TimePoint now) {
  const bool silent = t.at.state == State::calling || t.at.state == State::trying;
  std::error_code why;
  if (silent) avoid_failed(t, now);
  if (silent && !t.cancel_wanted && next_target(t, now, why)) return Absorbed{};
  const bool answered = !t.open();
  const Outcome outcome = drive(t, Input::transport_error, now);
  // Figure 5 would tell of an ACK that could not be sent. The user has its final response, and the slot
  // that it would hear of means nothing to it any more.
  if (outcome.broken && !answered) return fail(t, Errc::transport_failed);
  if (t.at.state == State::terminated) erase(t);
  return Absorbed{};
}

// RFC 3261 has no word for it. A peer that ended or went away before it answered may have read the request or
// not: if it did, the copy finds its server transaction by the branch (section 17.2.3).
TxnEvent TransactionLayer::Impl::client_request_lost(Transaction& t, TimePoint now) {
  const bool silent = t.at.state == State::calling || t.at.state == State::trying;
  if (!silent) return Absorbed{};
  if (t.flow.connection != 0 || t.sent_again) return client_transport_failed(t, now);
  t.sent_again = true;
  repeating = true;
  transmit(t.request, t.flow, t.id);
  repeating = false;
  return Absorbed{};
}

// Section 17.1.1.3.
Message TransactionLayer::Impl::make_ack(const Transaction& invite,
                                         const MessageView& response) const {
  const MessageView request = invite.request.view();
  RequestWriter writer(pool, "ACK", request.uri_text());
  writer.copy(response, HeaderId::to);
  repeat_headers(writer, request, "ACK");
  LocalAddresses::Scratch scratch;
  const std::string_view here = locals.sent_by(invite.flow, scratch);
  const auto branch = ClientBranch{invite.id, invite.client.random}.text();
  auto sealed = writer.seal({invite.flow.transport, here, branch});
  return sealed ? *std::move(sealed) : Message{};
}

// Section 9.1. Its own transaction, with the branch and the destination of its INVITE, whose guard starts.
void TransactionLayer::Impl::send_cancel(Transaction& invite, TimePoint now) {
  invite.cancelled = true;
  arm(invite, Input::guard, options().timings.timeout(), now);
  schedule(invite);
  const MessageView request = invite.request.view();
  RequestWriter writer(pool, "CANCEL", request.uri_text());
  writer.copy(request, HeaderId::to);
  repeat_headers(writer, request, "CANCEL");
  if (invite.client.extras != nullptr && !invite.client.extras->reason.empty())
    writer.header(HeaderId::reason, invite.client.extras->reason);
  LocalAddresses::Scratch scratch;
  const std::string_view here = locals.sent_by(invite.flow, scratch);
  const auto branch = ClientBranch{invite.id, invite.client.random}.text();
  auto sealed = writer.seal({invite.flow.transport, here, branch});
  if (!sealed) return;  // no memory: the guard ends the INVITE all the same
  Transaction* const cancel = make(TxnKind::client, Method::cancel);
  if (cancel == nullptr) return;
  Transaction& t = *cancel;
  t.client.peer = invite.id;
  invite.client.peer = t.id;
  t.flow = invite.flow;
  t.request = *std::move(sealed);
  t.client.random = invite.client.random;
  t.match = response_hash(hash_key, t.request.view());
  t.vias = t.request->head().vias;
  start(t, fsm::Machine::nict, reliable(t.flow.transport), now);
}

}  // namespace sipstack
