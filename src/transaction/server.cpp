// SPDX-License-Identifier: Apache-2.0
// Server transactions: requests and their retransmissions, ACK, responses, caps. RFC 3261 sections 17.2,
// 8.2.2.2 and 9.2, with RFC 4320 and RFC 6026.
#include <algorithm>

#include "transaction/layer_impl.hpp"

namespace sipstack {

using fsm::Input;
using fsm::Machine;
using fsm::State;

Transaction* TransactionLayer::Impl::find_server(const MessageView& request, std::uint32_t hash,
                                                 Method method, std::uint32_t origin,
                                                 bool& full) noexcept {
  const auto slot = by_key.find(
      hash,
      [&](std::uint32_t candidate) {
        return matches(slab.in_slot(candidate), request, method, origin);
      },
      full);
  return slot ? &slab.in_slot(*slot) : nullptr;
}

TxnEvent TransactionLayer::Impl::on_ack(Message&& ack, const Flow& flow, TimePoint now) {
  bool full = false;
  const MessageView view = ack.view();
  Transaction* const t =
      find_server(view, server_hash(hash_key, view, Method::invite), Method::invite, 0, full);
  if (t == nullptr) {
    // What was refused without a transaction is acknowledged all the same, and that is the end of it.
    if (view.to_tag() == std::string_view(tag_for(view))) return Absorbed{};
    return AckArrived{{}, {}, std::move(ack), flow};
  }
  const Outcome outcome = drive(*t, Input::ack, now, ack);
  if (outcome.told) return AckArrived{t->id, t->user, std::move(ack), flow};
  if (t->at.state == State::terminated) erase(*t);
  return Absorbed{};
}

bool TransactionLayer::Impl::reserve_server() noexcept {
  return by_key.reserve() && by_merge.reserve() && sources.reserve();
}

TxnEvent TransactionLayer::Impl::on_request(Message&& request, const Flow& flow, TimePoint now) {
  const MessageView view = request.view();
  const Method method = view.method();
  const std::uint32_t key = server_hash(hash_key, view, method);
  by_key.fetch(key);
  const bool may_merge = method != Method::cancel && view.to_tag().empty();
  const std::uint32_t merge = may_merge ? merge_hash(hash_key, view) : 0;
  if (may_merge) by_merge.fetch(merge);

  // Both tables are far away when a million linger. So the transaction that most requests will make is made
  // first, while the memory answers, and taken back where there is one already.
  const auto source = sources.find(flow.remote.ip);
  const std::uint32_t origin = origin_of(flow);
  bool full = false;
  Transaction* cancelled = nullptr;
  if (method == Method::cancel)
    cancelled =
        find_server(view, server_hash(hash_key, view, Method::invite), Method::invite, 0, full);
  const bool limited = source && !trusts(flow.remote.ip);
  const bool room = room_for(view, limited ? source : std::nullopt, cancelled != nullptr, now);
  Transaction* const made = room && reserve_server() ? make(TxnKind::server, method) : nullptr;
  if (made != nullptr) {
    Transaction& t = *made;
    t.legacy = is_legacy(view);
    t.flow = flow;
    t.request = request;
    t.half_open = true;
    ++open_servers;
    t.server.source = sources.open(source, flow.remote.ip, now);
    t.server.origin = origin;
    arm(t, Input::guard, options().answer_cap, now);
    start(t, method == Method::invite ? Machine::ist : Machine::nist, reliable(flow.transport),
          now);
  }

  Transaction* const known = find_server(view, key, method, origin, full);
  if (known != nullptr || full) {
    if (made != nullptr) erase(*made);
    if (known != nullptr) drive(*known, Input::request, now);
    return Absorbed{};
  }
  if (made == nullptr) {
    // A CANCEL that comes behind a refused INVITE is owed a 481 (section 9.2), and no transaction.
    refuse(view, flow, !room && method == Method::cancel && cancelled == nullptr ? 481 : 503);
    return Absorbed{};
  }

  Transaction& t = *made;
  t.server.key = key;
  t.has_key = true;
  by_key.insert(key, t.id.slot);
  RequestArrived event{t.id, std::move(request), flow, {}, false};
  if (cancelled != nullptr) {
    event.cancels = cancelled->id;
    if (cancelled->half_open) sources.reset(cancelled->server.source, now);
  }
  if (may_merge) {
    const auto other = by_merge.find(
        merge, [&](std::uint32_t slot) { return merges(slab.in_slot(slot), view); }, full);
    event.merged = other.has_value();
    if (!other && !full) {
      t.server.merge = merge;
      t.merge_key = true;
      by_merge.insert(merge, t.id.slot);
    }
  }
  return event;
}

bool TransactionLayer::Impl::trusts(const IpAddress& ip) const noexcept {
  const auto& trusted = options().trusted;
  return std::any_of(trusted.begin(), trusted.end(),
                     [&](const IpPrefix& prefix) { return prefix.contains(ip); });
}

bool TransactionLayer::Impl::room_for(const MessageView& request,
                                      std::optional<std::uint32_t> source, bool cancels,
                                      TimePoint now) noexcept {
  const bool hasty = source && sources.exhausted(*source, now);
  // What carries a call on, or ends it, is never shed before new work; a CANCEL of nothing ends nothing.
  const bool cancel = request.method() == Method::cancel;
  if (!request.to_tag().empty() || cancels || (cancel && !hasty))
    return has_room(servers, open_servers, true);
  if (hasty && (cancel || request.method() == Method::invite)) return false;
  return has_room(servers, open_servers, false) &&
         (!source || sources.open_of(*source) < options().max_half_open_per_source);
}

// The same for every copy of a request, and for the ACK that follows (RFC 3261 section 8.2.7).
StatelessTag TransactionLayer::Impl::tag_for(const MessageView& request) const noexcept {
  std::uint64_t digest = keyed_hash({hash_key.k1, hash_key.k0}, request.branch());
  digest = keyed_hash({hash_key.k1, digest}, request.call_id());
  StatelessTag tag = stateless_mark;
  tag.write(digest, StatelessTag::kMark);
  return tag;
}

// RFC 3261 sections 8.2.7 and 21.5.4.
void TransactionLayer::Impl::refuse(const MessageView& request, const Flow& flow, int status) {
  ResponseWriter writer(pool, request, flow, status, tag_for(request));
  if (status == 503)
    writer.header(HeaderId::retry_after,
                  8 + random.below(25));  // spread, so that not all come back at once
  if (auto sealed = writer.seal()) transmit(*sealed, response_target(request, flow), {});
}

Message TransactionLayer::Impl::make_response(const Transaction& t, int status) {
  // 17.2.1: no tag in a 100.
  char tag[16];
  std::uint64_t bits = status == 100 ? 0 : random.next();
  for (char& digit : tag) {
    digit = "0123456789abcdef"[bits & 15];
    bits >>= 4;
  }
  const std::string_view text(tag, status == 100 ? 0 : sizeof tag);
  const ResponseWriter writer(pool, t.request.view(), t.flow, status, text);
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

  if (input != Input::provisional && !t.settled && t.request) {
    t.flow = t.reply_flow();
    t.settled = true;
  }
  if (!drive(t, input, now, response).moved) return Errc::wrong_state;
  if (input == Input::provisional) {
    arm(t, Input::guard, options().answer_cap, now);  // the user is alive
    schedule(t);
    return {};
  }
  settle(t);
  if (t.at.state == State::terminated) erase(t);
  return {};
}

TxnEvent TransactionLayer::Impl::server_transport_failed(Transaction& t, TimePoint now) {
  if (t.response && respond_elsewhere(t)) return Absorbed{};
  if (!drive(t, Input::transport_error, now).broken) return Absorbed{};
  return TxnFailed{t.id, t.user, t.method, false, make_error_code(Errc::transport_failed)};
}

// Where the response was refused, the Via has the next word: its host, by SRV where it names no port. Asked
// once; the addresses that come of it are tried one after the other, and the last stays.
bool TransactionLayer::Impl::respond_elsewhere(Transaction& t) {
  if (t.server.extras != nullptr) {
    auto& left = t.server.extras->targets;
    if (left.empty()) return false;
    t.flow = left.back();
    left.pop_back();
    transmit(t.response, t.flow, t.id);
    return true;
  }
  const auto via = t.anchor().get(hdr::via);
  if (!via || !resolves.reserve()) return false;
  const Flow tried = t.reply_flow();
  // Responses go by the existing WebSocket alone (RFC 7118 section 5.3).
  if (tried.transport == Transport::ws || tried.transport == Transport::wss) return false;
  const auto ip = IpAddress::parse(via->host);
  const SocketAddress numeric{ip.value_or(IpAddress{}),
                              via->port.value_or(default_port(tried.transport))};
  if (ip && numeric == tried.remote) return false;  // it says what we know
  try {
    std::string uri = "sip:";
    uri.append(via->host);
    if (via->port) uri.append(":").append(std::to_string(*via->port));
    uri.append(";transport=");
    uri.append(uri_name(tried.transport));
    const auto id = all_extras.emplace();
    t.server.extras = all_extras.find(id);
    t.server.extras->id = id;
    resolves.push({t.id, std::move(uri)});
  } catch (const std::bad_alloc&) {
    return false;
  }
  t.resolving = true;
  return true;
}

TxnEvent TransactionLayer::Impl::server_resolved(Transaction& t, const std::vector<Flow>& targets,
                                                 TimePoint now) {
  t.resolving = false;
  const SocketAddress tried = t.reply_flow().remote;
  try {
    auto& list = t.server.extras->targets;
    for (auto target = targets.rbegin(); target != targets.rend(); ++target)
      if (target->remote != tried) list.push_back(*target);
    if (list.size() > kMaxTargets)  // the best stand last
      list.erase(list.begin(), list.end() - static_cast<std::ptrdiff_t>(kMaxTargets));
  } catch (const std::bad_alloc&) {  // as if there were none
    t.server.extras->targets.clear();
  }
  if (!t.server.extras->targets.empty()) t.settled = true;
  return server_transport_failed(t, now);
}

void TransactionLayer::Impl::settle(Transaction& t) noexcept {
  settle_count(t);
  // The response has the key's fields as well, unless its writer had other ideas.
  if (!t.legacy && t.request && t.response && same_branch(t.request.view(), t.response.view()))
    t.request = {};
}

TxnEvent TransactionLayer::Impl::expire_server(Transaction& t, Input input, TimePoint now) {
  const TxnFailed late{t.id, t.user, t.method, false, make_error_code(Errc::timeout)};
  if (input == Input::guard && t.method == Method::invite) {
    const Message timeout = make_response(t, 408);
    if (!timeout || respond(t, timeout, now)) {
      if (Transaction* const left = slab.find(late.txn)) erase(*left);
    }
    return late;
  }
  const Outcome outcome = drive(t, input, now);
  if (t.at.state == State::terminated) erase(t);
  if (outcome.timed_out) return late;
  return Absorbed{};
}

}  // namespace sipstack
