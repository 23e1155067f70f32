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
#include "sipstack/dialog/user_agent.hpp"
#include "sipstack/server/b2bua.hpp"
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
  LocationStore* location = nullptr;  ///< not owned; null: one in memory
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
  std::size_t pool_bytes = std::size_t{1} << 30;
};

/// What was received and dropped, and why. Monotonic counts.
struct CoreCounters {
  std::uint64_t received = 0;
  std::uint64_t bad = 0;           ///< did not parse
  std::uint64_t bad_answered = 0;  ///< of those, answered with 4xx or 505
  std::uint64_t stray = 0;         ///< responses that matched nothing
  std::uint64_t sent = 0;
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
  void expire(TimePoint now);

  // outputs: drain all three after every input and every command
  bool next(Transmit& out);
  bool next(Resolve& out);
  bool next(UserEvent& out);
  TimePoint deadline() const noexcept;

  UserAgent& user_agent() noexcept;
  B2bua* b2bua() noexcept;  ///< null where there is none
  Proxy* proxy() noexcept;  ///< null where there is none
  TransactionLayer& transactions() noexcept;
  LocalAddresses& locals() noexcept;
  BlockPool& pool() noexcept;
  Random& random() noexcept;
  const CoreCounters& counters() const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sipstack
