// SPDX-License-Identifier: Apache-2.0
// One shard at work: inputs to the core, its outputs to the sockets, the resolver and the one
// timer.
#include "endpoint/state.hpp"

#include <exception>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <boost/asio/post.hpp>

namespace sipstack {

namespace {

constexpr std::uint64_t token_of(TxnId txn) noexcept {
  return (std::uint64_t{txn.slot} << 32) | txn.generation;
}
constexpr TxnId txn_of(std::uint64_t token) noexcept {
  return {static_cast<std::uint32_t>(token >> 32), static_cast<std::uint32_t>(token)};
}

}  // namespace

EndpointState::EndpointState(boost::asio::io_context& context, const EndpointOptions& given)
    : io(context),
      options(given),
      core(given, random, given.log),
      transports(std::make_unique<Transports>(context, *this, core.pool(), given.transport)),
      resolver(std::make_unique<Resolver>(context, *transports, given.resolver)),
      timer(context),
      limit(context) {}

TimePoint EndpointState::now() const noexcept {
  return TimePoint(std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now() - origin));
}

void EndpointState::received(std::string_view bytes, const Flow& flow) {
  if (options.on_message) options.on_message(false, bytes, flow);
  core.receive(bytes, flow, now());
}

void EndpointState::stream_error(const ParseError& error, std::string_view bytes,
                                 const Flow& flow) {
  if (options.on_message) options.on_message(false, bytes, flow);
  core.receive_error(error, bytes, flow, now());
}

void EndpointState::send_failed(std::uint64_t token, std::error_code error) {
  core.transport_failed(txn_of(token), error, now());
}

// A transaction learns of its connection's death when it sends again or times out; whoever waits
// for a response on it is told by send_failed().
void EndpointState::closed(const Flow& flow, std::error_code error) {
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

void EndpointState::flush() {
  if (closed_down) return;
  for (Transmit out; core.next(out);) {
    const std::string_view bytes = out.message.bytes();
    if (options.on_message) options.on_message(true, bytes, out.flow);
    transports->send(out.message.block(), bytes.size(), out.flow, token_of(out.txn));
  }
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
  if (ending && agent().calls() == 0 && agent().registrations() == 0) finish();
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
