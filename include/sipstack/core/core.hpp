// SPDX-License-Identifier: Apache-2.0
// One shard's protocol, whole: bytes, commands and the time go in; bytes to send, questions to the
// resolver, events and the next deadline come out. No socket, no clock, no thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "sipstack/base/log.hpp"
#include "sipstack/core/overload.hpp"
#include "sipstack/core/source_limits.hpp"
#include "sipstack/core/traffic.hpp"
#include "sipstack/dialog/user_agent.hpp"
#include "sipstack/server/b2bua.hpp"
#include "sipstack/server/memory_location.hpp"
#include "sipstack/server/presence.hpp"
#include "sipstack/server/proxy.hpp"
#include "sipstack/server/registrar.hpp"
#include "sipstack/transaction/layer.hpp"

namespace sipstack {

/// What the roles of a server need; see RegistrarOptions and ProxyOptions.
struct ServerOptions {
  RegistrarOptions registrar;
  ProxyOptions proxy;
  Ha1Lookup users;  ///< empty: nobody is challenged
  /// Offered to users, strongest first; see Users::algorithms().
  std::vector<DigestAlgorithm> algorithms = {DigestAlgorithm::sha256, DigestAlgorithm::md5};
  /// Phones may watch their own registration (RFC 3680). Not where several cores share the work: each would
  /// see its own REGISTERs alone.
  bool registration_events = true;
  /// Set: a presence server for all AORs of the domains (RFC 3856, RFC 3903), which takes PUBLISH, and SUBSCRIBE
  /// for `presence`, that proxies would forward to phones. Not where several cores share the work, and not at
  /// an edge. Off by default: it keeps what it is sent.
  std::optional<ServerPresenceOptions> presence;
  LocationStore* location = nullptr;  ///< not owned; null: one in memory
  MemoryLocationOptions memory;       ///< of that one
};

struct CoreOptions {
  TransactionOptions transactions;
  UserAgentOptions user_agent;
  /// user:password of `--auth`: the user agent challenges requests outside dialogs.
  std::optional<Credentials> challenge;
  std::optional<ServerOptions> server;  ///< set: requests go to registrar and proxy first
  /// Set: calls that reach the user agent are bridged; its events that are about them don't come out.
  std::optional<B2buaOptions> b2bua;
  ParseLimits limits;
  SourceLimits sources;  ///< what one source may ask for; on, but for loopback
  OverloadOptions overload;
  std::size_t pool_bytes = std::size_t{1} << 30;
  /// A record at info, "request", for each final response of ours: method, status, call-id, source, transport,
  /// from and to.
  bool log_requests = false;
};

/// What was received and dropped, and why. Monotonic counts.
struct CoreCounters {
  std::uint64_t received = 0;
  std::uint64_t bad = 0;           ///< did not parse
  std::uint64_t bad_answered = 0;  ///< of those, answered with 4xx or 505
  std::uint64_t stray = 0;         ///< responses that matched nothing
  std::uint64_t sent = 0;
  std::uint64_t limited = 0;      ///< requests of a source that was over a limit of SourceLimits
  std::uint64_t shed = 0;         ///< new requests that overload let through no more
  std::uint64_t silent = 0;       ///< of both, those that were not even answered
  std::uint64_t repeated = 0;     ///< of those, retransmissions
  std::uint64_t begun = 0;        ///< server transactions: requests that were no copies
  std::uint64_t timed_out = 0;    ///< transactions that ended by a timeout
  std::uint64_t unreachable = 0;  ///< that ended by a transport error or for want of a target
  std::uint64_t draining_refused = 0;  ///< requests answered 503 since drain()
  TrafficCounters in, out;
};

/// Threads: none of its own; one thread at a time. Order of members is order of life: the pool dies last.
class Core {
 public:
  Core(const CoreOptions& options, Random& random, LogHook log = {});
  ~Core();
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  // inputs
  /// One datagram, or one message of a stream; the bytes are copied once, into a block. Keep-alives
  /// (CRLFs alone) are ignored here.
  void receive(std::string_view bytes, const Flow& flow, TimePoint now);
  /// What a stream framer could not follow: answered where it can be.
  void receive_error(const ParseError& error, std::string_view bytes, const Flow& flow,
                     TimePoint now);
  void resolved(TxnId txn, const std::vector<Flow>& targets, TimePoint now);
  void transport_failed(TxnId txn, std::error_code error, TimePoint now);
  void request_lost(TxnId txn, TimePoint now);
  void expire(TimePoint now);
  /// How long input has been waiting without a break, as far as the driver knows; zero: none waits any more.
  /// Tell it behind every batch that did not empty the queue, and behind the one that did. By it overload is
  /// noticed, see Overload; who never tells it sheds nothing.
  void waiting(Duration without_break, TimePoint now);

  // outputs: drain all three after every input and every command
  bool next(Transmit& out);
  bool next(Resolve& out);
  bool next(UserEvent& out);
  TimePoint deadline() const noexcept;

  /// New options for a server that runs, from the next request on; registrations, calls and nonces stay. Users
  /// may come and go. Not changed: the location store, registration_events, presence, the GRUU key and timer C, by which
  /// transactions were built. Without CoreOptions::server: nothing happens.
  void reconfigure(const ServerOptions& options);
  void log_requests(bool on) noexcept;  ///< see CoreOptions::log_requests
  /// From now on requests that begin something (without a To tag; not CANCEL and ACK) get 503 with a
  /// Retry-After of so many seconds; what is in progress goes on.
  void drain(std::uint32_t retry_after) noexcept;
  /// Nothing is in progress: no transaction waits for a final response, and our user agent has no call.
  bool idle() const noexcept;

  UserAgent& user_agent() noexcept;
  B2bua* b2bua() noexcept;  ///< null where there is none
  /// Of a server; else null.
  Proxy* proxy() noexcept;
  const Proxy* proxy() const noexcept;
  LocationStore* location() noexcept;
  const DigestServer* digest() const noexcept;  ///< null where nobody is challenged
  TransactionLayer& transactions() noexcept;
  LocalAddresses& locals() noexcept;
  BlockPool& pool() noexcept;
  Random& random() noexcept;
  const CoreCounters& counters() const noexcept;
  const Overload& overload() const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sipstack
