// SPDX-License-Identifier: Apache-2.0
// One shard at work: inputs to the core, its outputs to the sockets, the resolver and the one
// timer.
#include "endpoint/state.hpp"

#include <algorithm>
#include <cstring>
#include <exception>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <boost/asio/post.hpp>

#include "sipstack/parser/peek.hpp"

namespace sipstack {

namespace {

/// With several shards a token's uppermost byte says whose it is, and slots have the 24 bits below.
constexpr unsigned kSlotBits = 24;
constexpr std::uint32_t kSlots = (std::uint32_t{1} << kSlotBits) - 1;

/// Slots stay below: servers and clients are counted apart, open and lingering, and have an eighth more.
EndpointOptions of_shard(EndpointOptions options, const Shard& shard) {
  options.user_agent.shard = shard;
  options.transport.share_port = true;
  options.transport.first_connection = (ConnectionId{shard.index} << 56) + 1;
  for (std::size_t* limit :
       {&options.transactions.max_transactions, &options.transactions.max_lingering})
    *limit = std::min<std::size_t>(*limit, kSlots / 8);
  return options;
}

/// The core asks the user's store by way of `location`.
CoreOptions asking(CoreOptions options, LocationStore* location) {
  if (location != nullptr) options.server->location = location;
  return options;
}

}  // namespace

EndpointState::EndpointState(boost::asio::io_context& context, const EndpointOptions& given)
    : io(context),
      options(given),
      location(given.server && given.server->location != nullptr
                   ? std::make_unique<PostedLocation>(*this, context, *given.server->location)
                   : nullptr),
      core(asking(given, location.get()), random, given.log),
      transports(std::make_unique<Transports>(context, *this, core.pool(), given.transport)),
      resolver(std::make_unique<Resolver>(context, *transports, random, given.resolver)),
      timer(context),
      limit(context) {}

EndpointState::EndpointState(boost::asio::io_context& context, const EndpointOptions& own,
                             std::shared_ptr<ShardHub> others, std::uint32_t index)
    : EndpointState(context, of_shard(own, others->shard(index))) {
  hub = std::move(others);
  shard = index;
  origin = hub->origin();
}

TimePoint EndpointState::now() const noexcept {
  return TimePoint(std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now() - origin));
}

void EndpointState::received(std::string_view bytes, const Flow& flow) {
  if (hub) {
    const std::uint32_t owner = hub->shard(shard).owner(peek_call_id(bytes));
    if (owner != shard) {
      Handover entry;
      entry.flow = flow;
      hub->pass(shard, owner, entry, bytes);
      return;
    }
  }
  if (options.on_message) options.on_message(false, bytes, flow);
  core.receive(bytes, flow, now());
}

void EndpointState::waiting(Duration without_break) { core.waiting(without_break, now()); }

void EndpointState::stream_error(const ParseError& error, std::string_view bytes,
                                 const Flow& flow) {
  if (options.on_message) options.on_message(false, bytes, flow);
  core.receive_error(error, bytes, flow, now());
}

void EndpointState::send_failed(std::uint64_t token, std::error_code error) {
  if (passed_on(Handover::Kind::failed, token, error)) return;
  core.transport_failed(transaction(token), error, now());
}

void EndpointState::request_lost(std::uint64_t token) {
  if (passed_on(Handover::Kind::lost, token, {})) return;
  core.request_lost(transaction(token), now());
}

/// To the shard that sent it, where that is another.
bool EndpointState::passed_on(Handover::Kind what, std::uint64_t token, std::error_code error) {
  if (!hub || ShardHub::shard_of(token) == shard) return false;
  Handover entry;
  entry.kind = what;
  entry.token = token;
  entry.error = error;
  hub->pass(shard, ShardHub::shard_of(token), entry, {});
  return true;
}

TxnId EndpointState::transaction(std::uint64_t token) const noexcept {
  const auto slot = static_cast<std::uint32_t>(token >> 32);
  return {hub ? slot & kSlots : slot, static_cast<std::uint32_t>(token)};
}

void EndpointState::take_over(std::uint32_t from, const Handover& entry, std::string_view bytes) {
  switch (entry.kind) {
    case Handover::Kind::received:
      if (options.on_message) options.on_message(false, bytes, entry.flow);
      core.receive(bytes, entry.flow, now());
      return;
    case Handover::Kind::failed: return send_failed(entry.token, entry.error);
    case Handover::Kind::lost: return request_lost(entry.token);
    case Handover::Kind::send: {
      const Block block = core.pool().allocate(bytes.size());
      if (!block) {
        Handover failed;
        failed.kind = Handover::Kind::failed;
        failed.token = entry.token;
        failed.error = make_error_code(std::errc::not_enough_memory);
        if (entry.token != 0) hub->pass(shard, from, failed, {});
        return;
      }
      std::memcpy(block.data(), bytes.data(), bytes.size());
      transports->send(block, bytes.size(), entry.flow, entry.token);
      return;
    }
  }
}

// Transactions are told by send_failed() and request_lost().
void EndpointState::closed(const Flow& flow, std::error_code error) {
  agent().flow_closed(flow, now());
  if (flow_closed)
    tell_later([weak = weak_from_this(), flow, error] {
      if (const auto self = weak.lock()) self->flow_closed(flow, error);
    });
}

void EndpointState::handshake_failed(const Flow& flow, std::error_code error) {
  if (options.log)
    options.log(LogLevel::info, std::string(uri_name(flow.transport)) + " from " +
                                    flow.remote.to_string() + ": " + error.message());
}

// The transactions fail with Errc::transport_failed, whatever it was. A peer that cannot prove who it is
// is no everyday thing, and must be told to who looks for the reason.
void EndpointState::connect_failed(const Flow& flow, std::error_code error) {
  const bool proof = error.category() == tls_category();
  if (options.log)
    options.log(proof ? LogLevel::warning : LogLevel::info, std::string(uri_name(flow.transport)) +
                                                                " to " + flow.remote.to_string() +
                                                                ": " + error.message());
}

void EndpointState::batch_end() {
  const auto self = shared_from_this();  // a handler may destroy the endpoint
  flush();
  tell_guarded();
}

void EndpointState::timer_expired() {
  const auto self = shared_from_this();
  armed = kNever;
  core.expire(now());
  flush();
  tell();
}

void EndpointState::commanded() {
  if (telling) return;  // the loop in tell() goes on, and flushes
  flush();
  tell_later();
}

void EndpointState::tell_later(std::function<void()> f) {
  boost::asio::post(io, [weak = weak_from_this(), f = std::move(f)] {
    const auto self = weak.lock();
    if (!self || self->closed_down) return;
    if (f) f();
    self->tell();
  });
}

void EndpointState::refuse_later(std::function<void()> f) {
  boost::asio::post(io, [weak = weak_from_this(), f = std::move(f)] {
    if (const auto self = weak.lock()) f();
  });
}

void EndpointState::send(const Transmit& out) {
  const std::string_view bytes = out.message.bytes();
  const auto trace = [&] {
    if (options.on_message) options.on_message(true, bytes, transports->with_ends(out.flow));
  };
  std::uint64_t token = (std::uint64_t{out.txn.slot} << 32) | out.txn.generation;
  if (hub && token != 0) token |= std::uint64_t{shard} << 56;
  const std::uint32_t owner = ShardHub::shard_of(out.flow.connection);
  // A number that names no shard of ours is that of a connection which is gone.
  if (!hub || out.flow.connection == 0 || owner == shard || owner >= hub->shard(shard).count) {
    transports->send(out.message.block(), bytes.size(), out.flow, token);
    return trace();  // now that a connection which has to be opened first is there, and has a port
  }
  trace();
  Handover entry;
  entry.kind = Handover::Kind::send;
  entry.token = token;
  entry.flow = out.flow;
  if (!hub->pass(shard, owner, entry, bytes) && token != 0)
    core.transport_failed(out.txn, make_error_code(std::errc::no_buffer_space), now());
}

void EndpointState::flush() {
  if (closed_down) return;
  for (Transmit out; core.next(out);) send(out);
  if (hub) hub->wake(shard);
  for (Resolve question; core.next(question);) {
    resolver->resolve(question.uri,
                      [weak = weak_from_this(), txn = question.txn](std::vector<Flow> targets) {
                        const auto self = weak.lock();
                        if (!self || self->closed_down) return;
                        self->name_ourselves(targets);
                        self->core.resolved(txn, targets, self->now());
                        self->flush();
                        self->tell();
                      });
  }
  // A deadline that moved away needs nothing: the timer wakes too early, looks, and is armed again.
  const TimePoint deadline = core.deadline();
  if (deadline >= armed) return;
  armed = deadline;
  timer.expires_at(origin + deadline.time_since_epoch());
  timer.async_wait([weak = weak_from_this()](boost::system::error_code moved) {
    if (moved) return;
    const auto self = weak.lock();
    if (self && !self->closed_down) self->timer_expired();
  });
}

/// A WebSocket client has no address that others could connect to: RFC 7118 section 3 has it make up
/// a name, under the domain that RFC 2606 keeps free of them, for Via and Contact.
void EndpointState::name_ourselves(const std::vector<Flow>& targets) {
  for (const Flow& target : targets) {
    if (target.transport != Transport::ws && target.transport != Transport::wss) continue;
    if (core.locals().find(target.transport, target.remote.ip) != nullptr) continue;
    core.locals().add({target.transport, {}, random.token(6) + ".invalid"});
  }
}

void EndpointState::tell() {
  if (telling || closed_down) return;
  // Where a handler throws, the events behind it still have their turn.
  struct Telling {
    explicit Telling(EndpointState& s) : state(s) { state.telling = true; }
    Telling(const Telling&) = delete;
    Telling& operator=(const Telling&) = delete;
    ~Telling() {
      state.telling = false;
      if (!done && !state.closed_down) state.tell_later();
    }
    EndpointState& state;
    bool done = false;
  } guard(*this);
  for (UserEvent event; !closed_down && core.next(event);)
    std::visit([this](auto& e) { on(e); }, event);
  guard.done = true;
  if (!closed_down) {
    flush();
    finish_when_idle();
  }
}

void EndpointState::tell_guarded() {
  try {
    tell();
  } catch (...) {
    boost::asio::post(io, [thrown = std::current_exception()] { std::rethrow_exception(thrown); });
  }
}

void EndpointState::finish_when_idle() {
  // Single requests that nobody has answered are no reason to stay.
  if (ending && agent().calls() == 0 && agent().registrations() == 0 &&
      agent().subscriptions() == 0)
    finish();
}

void EndpointState::finish() {
  auto done = std::move(ended);
  ended = nullptr;
  transports->close();  // what is queued is still written
  resolver->cancel_all();
  timer.cancel();
  limit.cancel();
  closed_down = true;
  if (done) boost::asio::post(io, std::move(done));
}

void EndpointState::close() {
  closed_down = true;
  if (location) location->close();
  resolver.reset();
  transports.reset();
  timer.cancel();
  limit.cancel();
}

std::shared_ptr<CallRecord> EndpointState::call(CallId id) const {
  const auto found = calls.find(id);
  return found == calls.end() ? nullptr : found->second;
}

}  // namespace sipstack
