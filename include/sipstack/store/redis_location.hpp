// SPDX-License-Identifier: Apache-2.0
// Bindings in Redis, shared by as many nodes as there are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "sipstack/base/expected.hpp"
#include "sipstack/base/log.hpp"
#include "sipstack/base/time.hpp"
#include "sipstack/server/location.hpp"
#include "sipstack/store/unix_clock.hpp"

namespace sipstack {

struct RedisLocationOptions {
  /// Keys are this and the AOR in braces. Has no braces itself: in a cluster the AOR alone says where a key is.
  std::string prefix = "sipstack:aor:";
  /// For connecting, and for the next reply of those that are waited for; past it the connection counts as dead.
  /// A question that Redis makes us ask again is given up after it, too.
  Duration timeout = std::chrono::seconds(1);
  std::size_t max_pending = 65'536;    ///< questions on their way; past it `unavailable`
  std::size_t max_value = 256 * 1024;  ///< bytes of one AOR's bindings; longer ones are not read
  std::size_t max_nodes = 64;          ///< of a cluster, connected at once
  Duration max_retry =
      std::chrono::seconds(5);  ///< longest wait before a connection is tried again
  /// Empty: the system's. All nodes have to agree about it, within a second or so.
  UnixClock clock;
  /// Called on the store's thread. Must not call the store.
  LogHook log;
};

/// One key an AOR, which Redis drops when the last binding expires. An update reads, works out what will be, and
/// writes if nobody else has written meanwhile (a script of a few lines; else it begins again): whichever
/// nodes update an AOR, no update is lost, and CSeq holds across nodes.
///
/// While Redis is away, is loading, or takes nothing, everything gets `unavailable`, at once where that is known
/// already; the store connects again by itself, with growing pauses of random length. An update that was under
/// way when the connection died may have been done nonetheless.
///
/// Redis Cluster: any node's address will do; MOVED and ASK are followed. Replicas are not read. Flows of other
/// nodes' connections cannot be used: see docs/scale.md.
///
/// The connection is not encrypted: Redis belongs into a network of its own. Redis 2.6.12 or newer, or what
/// speaks its protocol.
///
/// Answers come on a thread of the store, refusals that are known at once before the call returns. Threads: any.
class RedisLocation final : public LocationStore {
 public:
  /// `redis://[[user]:password@]HOST[:PORT][/DATABASE]` or `redis+unix://[[user]:password@]/path[?db=DATABASE]`;
  /// user and password may have %-escapes. Does not wait for Redis, which need not be there yet. A sentence
  /// where that is no such URL. A host name is looked up by the store's thread, which waits for it.
  static expected<std::unique_ptr<RedisLocation>, std::string> open(
      std::string_view url, const RedisLocationOptions& options = {});
  /// Closes the connections. Questions that are under way are not answered.
  ~RedisLocation() override;

  void find(std::string_view aor, TimePoint now, LocationHandler done) override;
  void update(BindingUpdate update, TimePoint now, LocationHandler done) override;

  /// What there is, and what there was since open(): that only grows.
  struct Counters {
    std::size_t pending = 0;        ///< questions on their way
    std::size_t connected = 0;      ///< nodes of Redis
    std::uint64_t lookups = 0;      ///< questions of find(), answered or not
    std::uint64_t updates = 0;      ///< questions of update(), the same
    std::uint64_t answered = 0;     ///< questions, refusals by the rules included
    std::uint64_t unavailable = 0;  ///< questions that Redis could not answer
    std::uint64_t contended = 0;    ///< updates begun again, since another one came between
    std::uint64_t commands = 0;     ///< for questions, those that were sent again included
    std::uint64_t redirected = 0;   ///< commands sent again to another node of a cluster
    std::uint64_t asks = 0;         ///< of those, by ASK: while a slot moves
    std::uint64_t connects = 0;     ///< connections that came to be
    std::uint64_t failures = 0;     ///< connections that died, or did not come to be
    Duration answer_time{};         ///< of all questions that were not refused at once
  };
  /// Threads: any.
  Counters counters() const;

 private:
  struct Impl;
  explicit RedisLocation(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sipstack
