// SPDX-License-Identifier: Apache-2.0
// Server transactions: requests and their retransmissions, ACK, responses, caps. RFC 3261 sections 17.2,
// 8.2.2.2 and 9.2, with RFC 4320 and RFC 6026.
#include "transaction/layer_impl.hpp"

namespace sipstack {

using fsm::Input;
using fsm::Machine;
using fsm::State;

Transaction* TransactionLayer::Impl::find_server(const MessageView& request,
                                                 std::string_view method, bool& full) noexcept {
  return by_key.find(
      server_hash(hash_key, request, method),
      [&](const Transaction& t) { return matches(t, request); }, full);
}

TxnEvent TransactionLayer::Impl::on_ack(Message&& ack, const Flow& flow, TimePoint now) {
  bool full = false;
  Transaction* const t = find_server(ack.view(), name(Method::invite), full);
  if (t == nullptr) return AckArrived{{}, {}, std::move(ack), flow};
  const Outcome outcome = drive(*t, Input::ack, now, ack);
  if (outcome.told) return AckArrived{t->id, t->user, std::move(ack), flow};
  if (t->at.state == State::terminated) erase(*t);
  return Absorbed{};
}

TxnEvent TransactionLayer::Impl::on_request(Message&& request, const Flow& flow, TimePoint now) {
  const MessageView view = request.view();
  bool full = false;
  if (Transaction* const known = find_server(view, view.method_name(), full)) {
    drive(*known, Input::request, now);
    return Absorbed{};
  }
  if (full) return Absorbed{};
  if (!room_for(view, flow)) {
    refuse(view, flow);
    return Absorbed{};
  }

  Transaction& t = make(TxnKind::server, view.method());
  t.legacy = is_legacy(view);
  t.flow = flow;
  t.reply_to = response_target(view, flow).remote;
  by_key.insert(t, server_hash(hash_key, view, view.method_name()));

  RequestArrived event{t.id, {}, flow, {}, false};
  if (view.method() == Method::cancel) {
    if (const Transaction* const invite = find_server(view, name(Method::invite), full))
      event.cancels = invite->id;
  } else if (view.to_tag().empty()) {
    const std::uint64_t hash = merge_hash(hash_key, view);
    bool many = false;
    event.merged =
        by_merge.find(
            hash, [&](const Transaction& other) { return merges(other, view); }, many) != nullptr;
    if (!event.merged) by_merge.insert(t, hash);
  }
  t.request = request;
  t.half_open = true;
  sources.add(flow.remote.ip);
  start(t, t.method == Method::invite ? Machine::ist : Machine::nist, reliable(flow.transport),
        now);
  arm(t, Input::guard, options().answer_cap, now);
  event.request = std::move(request);
  return event;
}

bool TransactionLayer::Impl::room_for(const MessageView& request, const Flow& flow) noexcept {
  // What carries a call on, or ends it, is never shed before new work.
  if (!request.to_tag().empty() || request.method() == Method::cancel)
    return servers < options().max_transactions + reserve();
  return servers < options().max_transactions &&
         sources.count(flow.remote.ip) < options().max_half_open_per_source;
}

// A 503 without a transaction: the same for every copy of the request, but for Retry-After (RFC 3261
// sections 8.2.7 and 21.5.4).
void TransactionLayer::Impl::refuse(const MessageView& request, const Flow& flow) {
  const std::uint64_t digest = server_hash(hash_key, request, request.method_name());
  char tag[16];
  for (int i = 0; i < 16; ++i) tag[i] = "0123456789abcdef"[(digest >> (4 * i)) & 15];
  ResponseWriter writer(pool, request, flow, 503, {tag, sizeof tag});
  writer.header(HeaderId::retry_after,
                8 + random.below(25));  // spread, so that not all come back at once
  if (auto sealed = writer.seal()) transmit(*sealed, response_target(request, flow), {});
}

Message TransactionLayer::Impl::make_response(const Transaction& t, int status) {
  // 17.2.1: no tag in a 100.
  const std::string tag = status == 100 ? std::string() : random.token();
  const ResponseWriter writer(pool, t.request.view(), t.flow, status, tag);
  auto sealed = writer.seal();
  return sealed ? *std::move(sealed) : Message{};
}

std::error_code TransactionLayer::Impl::respond(Transaction& t, Message response, TimePoint now) {
  if (t.kind != TxnKind::server) return Errc::wrong_state;
  if (!response || response->is_request()) return Errc::write_failed;
  const int status = response->status();
  Input input = Input::failure;
  if (status < 200)
    input = Input::provisional;
  else if (status < 300)
    input = Input::success;

  if (t.method != Method::invite) {
    // RFC 4320 4.1: no 1xx but 100, and over UDP not before our own, which is sent in time.
    if (status > 100 && status < 200) return Errc::wrong_state;
    if (status == 100 && t.at.state == State::trying && !t.at.reliable) return {};
    // RFC 4320 4.2: who would get this 408 has given up already.
    if (status == 408 && t.open()) {
      drive(t, Input::unanswered, now);
      t.response = {};
      settle(t);
      if (t.at.state == State::terminated) erase(t);
      return {};
    }
  }

  if (!drive(t, input, now, response).moved) return Errc::wrong_state;
  if (input == Input::provisional) {
    arm(t, Input::guard, options().answer_cap, now);  // the user is alive
    return {};
  }
  settle(t);
  if (t.at.state == State::terminated) erase(t);
  return {};
}

void TransactionLayer::Impl::settle(Transaction& t) noexcept {
  if (t.half_open) {
    t.half_open = false;
    sources.remove(t.flow.remote.ip);
  }
  // The response has the key's fields as well, unless its writer had other ideas.
  if (!t.legacy && t.request && t.response && same_branch(t.request.view(), t.response.view()))
    t.request = {};
}

TxnEvent TransactionLayer::Impl::expire_server(Transaction& t, Input input, TimePoint now) {
  const TxnFailed late{t.id, t.user, t.method, false, make_error_code(Errc::timeout)};
  if (input == Input::guard && t.method == Method::invite) {
    const Message timeout = make_response(t, 408);
    if (!timeout || respond(t, timeout, now)) erase(t);
    return late;
  }
  const Outcome outcome = drive(t, input, now);
  if (t.at.state == State::terminated) erase(t);
  if (outcome.timed_out) return late;
  return Absorbed{};
}

}  // namespace sipstack
