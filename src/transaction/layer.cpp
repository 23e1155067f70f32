// SPDX-License-Identifier: Apache-2.0
// The transaction layer's face, and what its client and server halves share. RFC 3261 section 17.
#include "sipstack/transaction/layer.hpp"

#include <algorithm>
#include <new>

#include "sipstack/parser/peek.hpp"
#include "transaction/layer_impl.hpp"

namespace sipstack {

using fsm::Input;
using fsm::Machine;

TransactionLayer::Impl::Impl(TransactionLayer& owner)
    : layer(owner),
      pool(owner.pool_),
      wheel(owner.wheel_),
      random(owner.random_),
      locals(owner.locals_),
      hash_key{owner.random_.next(), owner.random_.next()},
      sources(hash_key, {owner.options_.reset_burst, owner.options_.resets_per_second}) {
  stateless_mark.write(keyed_hash(hash_key, "stateless"), 0);
}

Transaction* TransactionLayer::Impl::make(TxnKind kind, Method method) noexcept {
  try {
    const TxnId id = slab.emplace(kind);
    Transaction& t = slab.in_slot(id.slot);
    t.id = id;
    t.method = method;
    ++(kind == TxnKind::server ? servers : clients);
    return &t;
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

void TransactionLayer::Impl::settle_count(Transaction& t) noexcept {
  if (!t.half_open) return;
  t.half_open = false;
  if (t.kind == TxnKind::server) {
    --open_servers;
    sources.close(t.server.source);
  } else {
    --open_clients;
  }
}

void TransactionLayer::Impl::erase(Transaction& t) noexcept {
  settle_count(t);
  if (t.kind == TxnKind::server) {
    if (t.has_key) by_key.erase(t.server.key, t.id.slot);
    if (t.merge_key) by_merge.erase(t.server.merge, t.id.slot);
    if (t.server.extras != nullptr) all_extras.erase(t.server.extras->id);
    --servers;
  } else {
    --clients;
    drop_extras(t);
    // A response to the CANCEL has the branch of the INVITE and would find it no more.
    if (t.method == Method::invite)
      if (Transaction* const cancel = slab.find(t.client.peer)) erase(*cancel);
  }
  slab.erase(t.id);
}

// With a million that linger, none is in the processor's caches when its time comes. What the next ones
// will touch is asked for while this one is dealt with.
void TransactionLayer::Impl::look_ahead() const noexcept {
  const TimerHook* const next = wheel.upcoming();
  if (next == nullptr || next->owner() != TimerOwner::transaction) return;
  const auto& t = static_cast<const Transaction&>(*next);
  if (t.kind == TxnKind::server) {
    by_key.fetch(t.server.key);
    if (t.merge_key) by_merge.fetch(t.server.merge);
  }
  if (t.response) t.response.block().fetch();
}

ClientExtras& TransactionLayer::Impl::extras(Transaction& t) {
  if (t.client.extras == nullptr) {
    const auto id = all_extras.emplace();
    t.client.extras = all_extras.find(id);
    t.client.extras->id = id;
  }
  return *t.client.extras;
}

void TransactionLayer::Impl::drop_extras(Transaction& t) noexcept {
  if (t.client.extras == nullptr) return;
  all_extras.erase(t.client.extras->id);
  t.client.extras = nullptr;
}

void TransactionLayer::Impl::transmit(const Message& message, const Flow& flow, TxnId blame) {
  if (message) transmits.push({message, flow, blame, repeating});
}

void TransactionLayer::Impl::arm(Transaction& t, Input timer, Duration after,
                                 TimePoint now) noexcept {
  const bool pace = timer == Input::retransmit || timer == Input::silence;
  (pace ? t.pace_input : t.limit_input) = timer;
  (pace ? t.pace_at : t.limit_at) = now + after;
}

void TransactionLayer::Impl::disarm(Transaction& t, Input timer) noexcept {
  if (t.pace_input == timer) t.pace_at = kNever;
  if (t.limit_input == timer || (timer == Input::timeout && t.limit_input == Input::guard))
    t.limit_at = kNever;
}

void TransactionLayer::Impl::schedule(Transaction& t) noexcept {
  const TimePoint next = std::min(t.pace_at, t.limit_at);
  if (next == kNever)
    wheel.disarm(t);
  else if (!t.armed() || t.TimerHook::at() != next)
    wheel.arm(t, next);
}

// Carries the acts of the tables out on a transaction.
struct TransactionLayer::Impl::Effects {
  Impl& impl;
  Transaction& t;
  TimePoint now;
  const Message& message;
  Outcome& outcome;

  void arm(Input timer, Duration after) { impl.arm(t, timer, after, now); }
  void disarm(Input timer) { impl.disarm(t, timer); }
  void keep_response() { t.response = message; }
  void send_request() { impl.transmit(t.request, t.flow, t.id); }
  void send_response() { impl.transmit(t.response, t.reply_flow(), t.id); }
  void send_ack() {
    if (!t.response && t.request) t.response = impl.make_ack(t, message.view());
    impl.transmit(t.response, t.flow, t.id);
  }
  void send_trying() {
    t.response = impl.make_response(t, 100);
    impl.transmit(t.response, t.reply_flow(), t.id);
  }
  void tell() { outcome.told = true; }
  void tell_timeout() { outcome.timed_out = true; }
  void tell_transport() { outcome.broken = true; }
};

TransactionLayer::Impl::Outcome TransactionLayer::Impl::drive(Transaction& t, Input input,
                                                              TimePoint now,
                                                              const Message& message) {
  Outcome outcome;
  Effects effects{*this, t, now, message, outcome};
  repeating = input == Input::retransmit || input == Input::request;
  outcome.moved = fsm::drive(t.at, input, options().timings, effects);
  repeating = false;
  if (t.at.state != fsm::State::terminated) schedule(t);
  return outcome;
}

void TransactionLayer::Impl::start(Transaction& t, Machine machine, bool is_reliable,
                                   TimePoint now) {
  Outcome outcome;
  const Message none;
  Effects effects{*this, t, now, none, outcome};
  fsm::start(t.at, machine, is_reliable, options().timings, effects);
  schedule(t);
}

TxnEvent TransactionLayer::Impl::fail(Transaction& t, Errc error) {
  const bool nobody = t.kind == TxnKind::ack || t.kind == TxnKind::stateless || t.quiet();
  const TxnFailed event{t.id, t.user, t.method, t.kind != TxnKind::server, make_error_code(error)};
  erase(t);
  if (nobody) return Absorbed{};
  return event;
}

// ---------------------------------------------------------------- the face

TransactionLayer::TransactionLayer(BlockPool& pool, TimerWheel& wheel, Random& random,
                                   LocalAddresses& locals, const TransactionOptions& options)
    : pool_(pool),
      wheel_(wheel),
      random_(random),
      locals_(locals),
      options_(options),
      impl_(std::make_unique<Impl>(*this)) {}

TransactionLayer::~TransactionLayer() = default;

TxnEvent TransactionLayer::receive(Message message, const Flow& flow, TimePoint now) {
  if (!message) return Absorbed{};
  locals_.seen(flow.local.ip);
  const MessageView view = message.view();
  if (!view.is_request()) return impl_->on_response(std::move(message), flow, now);
  if (view.method() == Method::ack) return impl_->on_ack(std::move(message), flow, now);
  return impl_->on_request(std::move(message), flow, now);
}

TxnEvent TransactionLayer::expire(TimerHook& hook, TimePoint now) {
  auto& t = static_cast<Transaction&>(hook);
  impl_->look_ahead();
  if (t.resolving && t.kind != TxnKind::server) return impl_->fail(t, Errc::unresolved);
  const bool limit = t.limit_at <= t.pace_at;
  const Input input = limit ? t.limit_input : t.pace_input;
  (limit ? t.limit_at : t.pace_at) = kNever;
  switch (t.kind) {
    case TxnKind::client: return impl_->expire_client(t, input, now);
    case TxnKind::server: return impl_->expire_server(t, input, now);
    case TxnKind::ack:
    case TxnKind::stateless: break;
  }
  impl_->erase(t);
  return Absorbed{};
}

TxnEvent TransactionLayer::transport_failed(TxnId txn, std::error_code /*error*/, TimePoint now) {
  Transaction* const t = impl_->slab.find(txn);
  if (t == nullptr || t->resolving) return Absorbed{};
  if (t->kind == TxnKind::client) return impl_->client_transport_failed(*t, now);
  if (t->kind == TxnKind::server) return impl_->server_transport_failed(*t, now);
  impl_->avoid_failed(*t, now);
  std::error_code why;
  impl_->next_target(*t, now, why);  // without one, resend() may still have better luck
  return Absorbed{};
}

TxnEvent TransactionLayer::request_lost(TxnId txn, TimePoint now) {
  Transaction* const t = impl_->slab.find(txn);
  if (t == nullptr || t->resolving || t->kind != TxnKind::client) return Absorbed{};
  return impl_->client_request_lost(*t, now);
}

TxnEvent TransactionLayer::resolved(TxnId txn, const std::vector<Flow>& targets, TimePoint now) {
  Transaction* const t = impl_->slab.find(txn);
  if (t == nullptr || !t->resolving) return Absorbed{};
  if (t->kind == TxnKind::server) return impl_->server_resolved(*t, targets, now);
  return impl_->resolved(*t, targets, now);
}

expected<TxnId, std::error_code> TransactionLayer::send(RequestWriter&& request, NextHop hop,
                                                        UsageRef user, TimePoint now) {
  if (request.error() != WriteErrc::ok) return unexpected(make_error_code(Errc::write_failed));
  const Method method = method_from(request.method());
  if (method == Method::ack) return unexpected(make_error_code(Errc::wrong_state));
  // What ends or carries on a call has room where a new one has none.
  const bool begins = method != Method::bye && method != Method::prack &&
                      method != Method::update && method != Method::info &&
                      method != Method::notify;
  if (!impl_->has_room(impl_->clients, impl_->open_clients, !begins))
    return unexpected(make_error_code(Errc::too_many_transactions));
  return impl_->launch(TxnKind::client, method, user, std::move(request), std::move(hop), now);
}

expected<TxnId, std::error_code> TransactionLayer::send_ack(RequestWriter&& ack, NextHop hop,
                                                            TimePoint now) {
  if (ack.error() != WriteErrc::ok) return unexpected(make_error_code(Errc::write_failed));
  return impl_->launch(TxnKind::ack, Method::ack, {}, std::move(ack), std::move(hop), now);
}

expected<TxnId, std::error_code> TransactionLayer::Impl::launch(TxnKind kind, Method method,
                                                                UsageRef user,
                                                                RequestWriter&& request,
                                                                NextHop&& hop, TimePoint now,
                                                                std::string_view branch) {
  Transaction* const t = make(kind, method);
  if (t == nullptr) return unexpected(make_error_code(Errc::write_failed));
  t->user = user;
  if (kind == TxnKind::client) {
    t->half_open = true;
    ++open_clients;
  }
  const TxnId id = t->id;
  std::error_code error;
  try {
    if (!branch.empty()) extras(*t).branch = branch;
    error = dispatch(*t, std::move(request), std::move(hop), now);
  } catch (const std::bad_alloc&) {
    error = Errc::write_failed;
  }
  if (!error && (kind != TxnKind::stateless || t->resolving)) return id;
  erase(*t);
  if (error) return unexpected(error);
  return TxnId{};
}

void TransactionLayer::resend(TxnId ack, TimePoint /*now*/) {
  Transaction* const t = impl_->slab.find(ack);
  if (t != nullptr && t->kind == TxnKind::ack && !t->resolving)
    impl_->transmit(t->request, t->flow, t->id);
}

std::error_code TransactionLayer::send_stateless(RequestWriter&& request, NextHop hop,
                                                 TimePoint now, std::string_view branch) {
  if (request.error() != WriteErrc::ok) return Errc::write_failed;
  const Method method = method_from(request.method());
  const auto sent = impl_->launch(TxnKind::stateless, method, {}, std::move(request),
                                  std::move(hop), now, branch);
  return sent ? std::error_code() : sent.error();
}

void TransactionLayer::send_stateless(Message message, const Flow& flow) {
  impl_->transmit(message, flow, {});
}

void TransactionLayer::cancel(TxnId invite, TimePoint now, std::string_view reason) {
  Transaction* const t = impl_->slab.find(invite);
  if (t == nullptr || t->kind != TxnKind::client || t->method != Method::invite || t->cancel_wanted)
    return;
  if (!t->resolving && !t->open()) return;  // a final response came: nothing is left to cancel
  t->cancel_wanted = true;
  if (!reason.empty()) {
    try {
      impl_->extras(*t).reason = reason;
    } catch (const std::bad_alloc&) {  // a CANCEL without a reason still cancels
    }
  }
  if (!t->resolving && t->at.state == fsm::State::proceeding) impl_->send_cancel(*t, now);
}

std::error_code TransactionLayer::respond(TxnId txn, const ResponseWriter& response,
                                          TimePoint now) {
  Transaction* const t = impl_->slab.find(txn);
  if (t == nullptr) return Errc::gone;
  LocalAddresses::Scratch scratch;
  const bool asks = response.needs_origin();
  auto sealed = response.seal(
      {t->flow.transport, asks ? locals_.sent_by(t->flow, scratch) : std::string_view(), {}});
  if (!sealed) return Errc::write_failed;
  return impl_->respond(*t, *std::move(sealed), now);
}

std::error_code TransactionLayer::respond(TxnId txn, Message response, TimePoint now) {
  Transaction* const t = impl_->slab.find(txn);
  if (t == nullptr) return Errc::gone;
  return impl_->respond(*t, std::move(response), now);
}

std::error_code TransactionLayer::dismiss(TxnId txn, const ResponseWriter& response) {
  Transaction* const t = impl_->slab.find(txn);
  if (t == nullptr) return Errc::gone;
  if (t->kind != TxnKind::server || !t->open() || response.status() < 200) return Errc::wrong_state;
  LocalAddresses::Scratch scratch;
  const bool asks = response.needs_origin();
  auto sealed = response.seal(
      {t->flow.transport, asks ? locals_.sent_by(t->flow, scratch) : std::string_view(), {}});
  if (!sealed) return Errc::write_failed;
  impl_->transmit(*sealed, t->reply_flow(), {});
  impl_->erase(*t);
  return {};
}

StatelessTag TransactionLayer::stateless_tag(TxnId txn) const noexcept {
  const Transaction* const t = impl_->slab.find(txn);
  if (t == nullptr || t->kind != TxnKind::server || !t->request) return {};
  return impl_->tag_for(t->request.view());
}

void TransactionLayer::refuse(const MessageView& request, const Flow& flow, int status) {
  if (request.method() != Method::ack) impl_->refuse(request, flow, status);
}

bool TransactionLayer::absorbs(std::string_view bytes) const noexcept {
  const std::string_view tag = peek_ack_tag(bytes);
  return tag.size() == sizeof StatelessTag::chars &&
         tag.substr(0, StatelessTag::kMark) ==
             std::string_view(impl_->stateless_mark.chars, StatelessTag::kMark);
}

bool TransactionLayer::knows(const MessageView& request, const Flow& flow) const noexcept {
  const Method method = request.method();
  bool full = false;
  return impl_->find_server(request, server_hash(impl_->hash_key, request, method), method,
                            origin_of(flow), full) != nullptr;
}

bool TransactionLayer::next(Transmit& out) { return impl_->transmits.pop(out); }
bool TransactionLayer::next(Resolve& out) { return impl_->resolves.pop(out); }

UsageRef TransactionLayer::user(TxnId txn) const noexcept {
  const Transaction* const t = impl_->slab.find(txn);
  return t == nullptr ? UsageRef{} : t->user;
}

void TransactionLayer::set_user(TxnId txn, UsageRef user) noexcept {
  if (Transaction* const t = impl_->slab.find(txn)) t->user = user;
}

MessageView TransactionLayer::request(TxnId txn) const noexcept {
  const Transaction* const t = impl_->slab.find(txn);
  if (t == nullptr || t->kind != TxnKind::server || !t->open()) return {};
  return t->request.view();
}

std::optional<Flow> TransactionLayer::flow(TxnId txn) const noexcept {
  const Transaction* const t = impl_->slab.find(txn);
  if (t == nullptr || (t->resolving && t->kind != TxnKind::server)) return std::nullopt;
  return t->flow;
}

bool TransactionLayer::alive(TxnId txn) const noexcept { return impl_->slab.find(txn) != nullptr; }
std::size_t TransactionLayer::clients() const noexcept { return impl_->clients; }
std::size_t TransactionLayer::servers() const noexcept { return impl_->servers; }
std::size_t TransactionLayer::open() const noexcept {
  return impl_->open_clients + impl_->open_servers;
}

}  // namespace sipstack
