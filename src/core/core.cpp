// SPDX-License-Identifier: Apache-2.0
// The way of a datagram through one shard: parse, transaction layer, then the one usage whose it is.
#include "sipstack/core/core.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "core/request_log.hpp"
#include "server/reply.hpp"
#include "sipstack/base/keyed_hash.hpp"
#include "sipstack/dialog/digest.hpp"
#include "sipstack/parser/peek.hpp"
#include "sipstack/server/presence.hpp"
#include "sipstack/server/registration_events.hpp"

namespace sipstack {
namespace {

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

bool only_line_ends(std::string_view bytes) noexcept {
  return bytes.find_first_not_of("\r\n") == std::string_view::npos;
}

/// HA1s of the one user that `--auth` names.
Ha1Lookup one_user(const Credentials& c) {
  return [c](std::string_view user, DigestAlgorithm algorithm) -> std::optional<std::string> {
    if (user != c.user) return std::nullopt;
    return digest_ha1(algorithm, c.user, c.realm, c.password);
  };
}

/// A proxy waits for its callees until timer C, which is above three minutes, and then for the CANCEL's
/// outcome; only behind that may the transaction layer answer in its place (RFC 3261 section 16.8).
TransactionOptions transaction_options(const CoreOptions& o) {
  TransactionOptions t = o.transactions;
  t.trusted.insert(t.trusted.end(), o.sources.trusted.begin(), o.sources.trusted.end());
  if (o.server)
    t.answer_cap = std::max(t.answer_cap, o.server->proxy.timer_c + 2 * t.timings.timeout());
  return t;
}

}  // namespace

struct Core::Impl {
  Impl(const CoreOptions& o, Random& r, LogHook l)
      : random(r),
        log(std::move(l)),
        limits(o.limits),
        log_requests(o.log_requests),
        pool(o.pool_bytes),
        hash_key{r.next(), r.next()},
        layer(pool, wheel, r, locals, transaction_options(o)),
        sources(o.sources, another_key("sources")),
        overload(o.overload, another_key("overload")) {
    UserAgentOptions ua = o.user_agent;
    if (o.challenge && ua.challenge == nullptr) {
      DigestServerOptions digest;
      digest.realm = o.challenge->realm;
      digest.names_us = [this](const Uri& uri) {
        return locals.is_ours(uri.host, uri.port.value_or(0));
      };
      challenge = std::make_unique<DigestServer>(digest, one_user(*o.challenge), r);
      ua.challenge = challenge.get();
    }
    if (o.b2bua) ua = B2bua::user_agent_options(std::move(ua), *o.b2bua);
    if (o.server && o.server->registration_events && ua.shard.count == 1 &&
        ua.package_agent == nullptr) {
      events = std::make_unique<RegistrationEvents>();
      ua.package_agent = events.get();
      ua.notifier.packages.emplace_back("reg");
    }
    if (o.server && o.server->presence && ua.shard.count == 1 && !ua.presence) {
      presence = std::make_unique<ServerPresence>(*o.server->presence);
      ua.presence = presence->agent_options();
    }
    agent = std::make_unique<UserAgent>(layer, ua);
    if (o.b2bua) b2bua = std::make_unique<B2bua>(*agent, r, *o.b2bua);
    if (o.server) serve(*o.server);
  }

  void serve(const ServerOptions& o) {
    store = o.location;
    if (store == nullptr) {
      memory = std::make_unique<MemoryLocation>(random, o.memory);
      store = memory.get();
    }
    if (o.users) users = std::make_unique<DigestServer>(digest_options(o), o.users, random);
    judge = users.get();
    product = o.proxy.product;
    registrar = std::make_unique<Registrar>(layer, *store, judge, o.registrar);
    proxy = std::make_unique<Proxy>(layer, *registrar, *store, judge, o.proxy);
    stateless = o.proxy.stateless;
    if (presence) presence->attach(layer, *agent, *registrar, judge, o.registrar.product);
    std::string packages = events ? "reg" : "";
    if (presence) packages += packages.empty() ? "presence" : ", presence";
    proxy->events_are_served(std::move(packages));
    registrar->on_flow([this](const Flow& flow) { return proxy->path_of(flow); });
    if (!events) return;
    events->attach(layer, *agent, *registrar, *store, judge, o.registrar.product);
    registrar->on_changed([this](const std::string& aor, const std::vector<Binding>& bindings,
                                 TimePoint now) { events->changed(aor, bindings, now); });
  }

  // ---- who gets in

  /// Refuses, drops or lets pass what has just been read: limits of its source, then overload. A copy of what
  /// has been taken is never shed: its sender would take the 503 for the answer.
  bool admits(const MessageView& m, const Flow& flow, TimePoint now) {
    if (!m.is_request() || m.method() == Method::ack) return true;
    const auto limit = sources.judge(m, flow.remote.ip, now);
    bool answer = limit == SourceBuckets::Verdict::refuse;
    std::uint64_t* count = &counters.limited;
    if (limit == SourceBuckets::Verdict::pass) {
      const auto load =
          begins_something(m) ? overload.judge(m.call_id(), now) : Overload::Verdict::admit;
      note_overload();
      if (load == Overload::Verdict::admit) return true;
      answer = load == Overload::Verdict::refuse;
      count = &counters.shed;
    }
    if (layer.knows(m, flow)) return true;
    ++*count;
    if (answer)
      layer.refuse(m, flow, 503);
    else
      ++counters.silent;
    return false;
  }
  /// What carries a call on, or ends it, is never shed (RFC 7339 section 5.10.1).
  static bool begins_something(const MessageView& m) noexcept {
    const Method method = m.method();
    return method == Method::register_ || (method != Method::cancel && m.to_tag().empty());
  }
  void note_overload() {
    if (overload.overloaded() == overload_noted) return;
    overload_noted = !overload_noted;
    if (!log) return;
    if (overload_noted)
      log(LogLevel::warning, "overloaded: new requests are refused");
    else
      log(LogLevel::info, "no longer overloaded: " + std::to_string(counters.shed) +
                              " requests were refused so far");
  }
  /// None need be drawn for each of what is found or told apart by a hash.
  HashKey another_key(std::string_view purpose) const noexcept {
    return {keyed_hash(hash_key, purpose), keyed_hash({hash_key.k1, hash_key.k0}, purpose)};
  }
  std::uint64_t failures() const noexcept {
    return (challenge ? challenge->said(DigestVerdict::refused) : 0) +
           (users ? users->said(DigestVerdict::refused) : 0);
  }

  DigestServerOptions digest_options(const ServerOptions& o) {
    DigestServerOptions options;
    if (!o.registrar.domains.empty()) options.realm = o.registrar.domains.front();
    options.algorithms = o.algorithms;
    options.names_us = [this](const Uri& uri) { return registrar->serves(uri); };
    return options;
  }

  void reconfigure(const ServerOptions& o) {
    if (!proxy) return;
    if (o.users && users)
      users->reconfigure(digest_options(o), o.users);
    else if (o.users)
      users = std::make_unique<DigestServer>(digest_options(o), o.users, random);
    judge = o.users ? users.get() : nullptr;
    registrar->reconfigure(o.registrar, judge);
    proxy->reconfigure(o.proxy, judge);
    if (events) events->reconfigure(judge);
    if (presence) presence->reconfigure(judge);
  }

  /// True where the request was refused, since we are about to end.
  bool turned_away(const RequestArrived& e) {
    const MessageView m = e.request.view();
    if (!draining || !m.to_tag().empty() || m.method() == Method::cancel) return false;
    ++counters.draining_refused;
    server::tell_once(layer, e.txn, m, e.flow, 503, product,
                      [&](ResponseWriter& w) { w.header(HeaderId::retry_after, retry_after); });
    return true;
  }

  void dispatch(TxnEvent&& event, TimePoint now) {
    std::visit(Overloaded{
                   [](Absorbed&) {},
                   [&](RequestArrived& e) {
                     const std::uint64_t before = failures();
                     on_request(e, now);
                     if (failures() != before) sources.failed(e.flow.remote.ip, now);
                   },
                   [&](AckArrived& e) { on_ack(e, now); },
                   [&](ResponseArrived& e) {
                     if (e.user.kind == UsageKind::proxy)
                       proxy->receive(e, now);
                     else
                       agent->receive(e, now);
                   },
                   [&](StrayResponse& e) {
                     ++counters.stray;
                     if (proxy)
                       proxy->receive(e, now);
                     else
                       agent->receive(e, now);
                   },
                   [&](TxnFailed& e) {
                     ++(e.error == Errc::timeout ? counters.timed_out : counters.unreachable);
                     if (e.user.kind == UsageKind::proxy)
                       proxy->receive(e, now);
                     else if (e.user.kind != UsageKind::none && e.user.kind != UsageKind::registrar)
                       agent->receive(e, now);
                   },
               },
               event);
  }

  void on_request(const RequestArrived& e, TimePoint now) {
    ++counters.begun;
    if (turned_away(e)) return;
    const MessageView request = e.request.view();
    if (!proxy || agent->owns(request)) return agent->receive(e, now);
    if (request.method() == Method::register_ && !proxy->forwards_registrations()) {
      const Uri uri = request.request_uri();
      if (uri.is_sip() && registrar->serves(uri.host, uri.port.value_or(0)))
        return registrar->receive(e, now);
    }
    if (proxy->forwards_registrations()) return proxy->receive(e, now);
    if (events && events->wants(request)) return events->receive(e, now);
    if (presence && presence->wants(request)) return presence->receive(e, now);
    proxy->receive(e, now);
  }

  /// By a stateless proxy. What is for ourselves has transactions.
  bool forwarded(const Message& message, const Flow& flow, TimePoint now) {
    const MessageView m = message.view();
    if (m.is_request() &&
        (agent->owns(m) || (events && events->wants(m)) || (presence && presence->wants(m))))
      return false;
    return proxy->forward(message, flow, now);
  }

  void on_ack(const AckArrived& e, TimePoint now) {
    if (!proxy || agent->owns(e.request.view()))
      agent->receive(e, now);
    else
      proxy->receive(e, now);
  }

  /// A request that is no good is answered once, without a transaction: the same answer for each copy
  /// (RFC 3261 section 8.2.7), so the tag comes from the request.
  void refuse(const MessageView& request, const ParseError& error, const Flow& flow) {
    const int status = error.status();
    if (status == 0 || !request || !recoverable(request) || flow.remote.ip.is_multicast()) return;
    const std::uint64_t tag = keyed_hash(hash_key, request.bytes());
    char text[16];
    for (int i = 0; i < 16; ++i) text[i] = "0123456789abcdef"[(tag >> (4 * i)) & 15];
    std::string reason(reason_phrase(status));
    if (status == 400) {
      reason = std::string(error.message());
      if (const auto header = name(error.header); !header.empty())
        reason.append(" (").append(header).append(")");
    }
    ResponseWriter writer(pool, request, flow, status, std::string_view(text, 16), reason);
    auto response = writer.seal();
    if (!response) return;
    ++counters.bad_answered;
    layer.send_stateless(*std::move(response), response_target(request, flow));
  }

  void count_bad(const ParseError& error, const Flow& flow) {
    ++counters.bad;
    if (!log) return;
    const std::string source = flow.remote.to_string();
    std::string text = "bad message from " + source + ": ";
    text.append(to_string(error.code)).append(" at byte ").append(std::to_string(error.offset));
    const std::array<LogField, 4> fields = {{{"source", source},
                                             {"transport", uri_name(flow.transport)},
                                             {"error", to_string(error.code)},
                                             {"offset", std::int64_t{error.offset}}}};
    log({LogLevel::info, "bad-message", text, fields.data(), fields.size()});
  }

  Random& random;
  LogHook log;
  ParseLimits limits;
  bool log_requests = false;
  bool draining = false;
  bool stateless = false;  ///< ProxyOptions::stateless
  std::uint32_t retry_after = 0;
  std::string product;  ///< of the server roles
  BlockPool pool;
  TimerWheel wheel;
  LocalAddresses locals;
  HashKey hash_key;
  MessageIndex scratch;
  CoreCounters counters;
  TransactionLayer layer;
  SourceBuckets sources;
  Overload overload;
  bool overload_noted = false;
  std::unique_ptr<DigestServer> challenge;
  std::unique_ptr<DigestServer> users;
  std::unique_ptr<LocationStore> memory;
  LocationStore* store = nullptr;
  DigestServer* judge = nullptr;  ///< `users`, unless they were taken away
  std::unique_ptr<RegistrationEvents> events;
  std::unique_ptr<ServerPresence> presence;
  std::unique_ptr<UserAgent> agent;
  std::unique_ptr<B2bua> b2bua;
  TimePoint last{};  ///< of the last input: when what it led to is said to have happened
  std::unique_ptr<Registrar> registrar;
  std::unique_ptr<Proxy> proxy;
};

Core::Core(const CoreOptions& options, Random& random, LogHook log)
    : impl_(std::make_unique<Impl>(options, random, std::move(log))) {}
Core::~Core() = default;

void Core::receive(std::string_view bytes, const Flow& flow, TimePoint now) {
  if (only_line_ends(bytes)) return;
  impl_->last = now;
  ++impl_->counters.received;
  if (impl_->layer.absorbs(bytes)) return;
  if (impl_->sources.silent(flow.remote.ip, now) && peek_begins_something(bytes)) {
    ++impl_->counters.limited;
    ++impl_->counters.silent;
    return;
  }
  auto message = Message::parse(impl_->pool, bytes, impl_->scratch, impl_->limits);
  if (!message) return receive_error(message.error(), bytes, flow, now);
  impl_->counters.in.count(message->view());
  if (!impl_->admits(message->view(), flow, now)) return;
  if (impl_->stateless && impl_->forwarded(*message, flow, now)) return;
  impl_->dispatch(impl_->layer.receive(*std::move(message), flow, now), now);
}

void Core::receive_error(const ParseError& error, std::string_view bytes, const Flow& flow,
                         TimePoint) {
  impl_->count_bad(error, flow);
  // The scratch index holds what could be read; an oversized input is read as far as the index reaches.
  const auto head = bytes.substr(0, impl_->limits.message);
  const auto again = parse(head, impl_->scratch, impl_->limits);
  if (again && impl_->scratch.request == false) return;
  impl_->refuse(MessageView(head.data(), impl_->scratch), error, flow);
}

void Core::resolved(TxnId txn, const std::vector<Flow>& targets, TimePoint now) {
  impl_->last = now;
  impl_->dispatch(impl_->layer.resolved(txn, targets, now), now);
}

void Core::transport_failed(TxnId txn, std::error_code error, TimePoint now) {
  impl_->last = now;
  impl_->dispatch(impl_->layer.transport_failed(txn, error, now), now);
}

void Core::request_lost(TxnId txn, TimePoint now) {
  impl_->last = now;
  impl_->dispatch(impl_->layer.request_lost(txn, now), now);
}

void Core::expire(TimePoint now) {
  impl_->last = now;
  while (TimerHook* hook = impl_->wheel.pop(now)) {
    switch (hook->owner()) {
      case TimerOwner::transaction: impl_->dispatch(impl_->layer.expire(*hook, now), now); break;
      case TimerOwner::user_agent: impl_->agent->expire(*hook, now); break;
      case TimerOwner::proxy: impl_->proxy->expire(*hook, now); break;
      case TimerOwner::registrar:
        if (impl_->events) impl_->events->expire(*hook, now);
        break;
      case TimerOwner::application: break;
    }
  }
}

void Core::waiting(Duration without_break, TimePoint now) {
  impl_->overload.waiting(without_break, now);
  impl_->note_overload();
}

bool Core::next(Transmit& out) {
  if (!impl_->layer.next(out)) return false;
  const MessageView message = out.message.view();
  ++impl_->counters.sent;
  impl_->counters.out.count(message);
  if (out.repeated)
    ++impl_->counters.repeated;
  else if (impl_->log_requests && impl_->log && message.status() >= 200)
    log_answer(impl_->log, out);
  return true;
}
bool Core::next(Resolve& out) { return impl_->layer.next(out); }
bool Core::next(UserEvent& out) {
  while (impl_->agent->next(out))
    if (!impl_->b2bua || !impl_->b2bua->receive(out, impl_->last)) return true;
  return false;
}
TimePoint Core::deadline() const noexcept { return impl_->wheel.deadline(); }

void Core::reconfigure(const ServerOptions& options) { impl_->reconfigure(options); }
void Core::log_requests(bool on) noexcept { impl_->log_requests = on; }
void Core::drain(std::uint32_t retry_after) noexcept {
  impl_->draining = true;
  impl_->retry_after = retry_after;
}
bool Core::idle() const noexcept { return impl_->layer.open() == 0 && impl_->agent->calls() == 0; }

const Proxy* Core::proxy() const noexcept { return impl_->proxy.get(); }
LocationStore* Core::location() noexcept { return impl_->store; }
const DigestServer* Core::digest() const noexcept { return impl_->judge; }
UserAgent& Core::user_agent() noexcept { return *impl_->agent; }
B2bua* Core::b2bua() noexcept { return impl_->b2bua.get(); }
Proxy* Core::proxy() noexcept { return impl_->proxy.get(); }
TransactionLayer& Core::transactions() noexcept { return impl_->layer; }
LocalAddresses& Core::locals() noexcept { return impl_->locals; }
BlockPool& Core::pool() noexcept { return impl_->pool; }
Random& Core::random() noexcept { return impl_->random; }
const CoreCounters& Core::counters() const noexcept { return impl_->counters; }
const Overload& Core::overload() const noexcept { return impl_->overload; }

}  // namespace sipstack
