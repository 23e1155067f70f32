// SPDX-License-Identifier: Apache-2.0
// One endpoint on many cores: a thread, a protocol core and sockets for each, and no lock between them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "sipstack/endpoint/endpoint.hpp"

namespace sipstack {

/// What stands in EndpointOptions holds for each shard; its limits are a shard's. `log`, `on_message`, and
/// `users` and `location` of a server are called on every shard's thread and must bear that; without a
/// `location` all shards share one in memory.
struct ShardedEndpointOptions : EndpointOptions {
  std::size_t shards = 0;  ///< 0: as many as the machine has processors; 256 at most
  /// Bytes between each two shards, 256 KiB at least. A datagram that finds them full is lost.
  std::size_t ring = std::size_t{1} << 20;
  /// Bytes kept beside each of them for streams, which may not lose.
  std::size_t overflow = std::size_t{16} << 20;
};

/// Several endpoints at the same addresses that look like one.
///
/// A call belongs to one shard, by a keyed hash of its Call-ID: one trunk, which is one pair of addresses,
/// is shared out as well as ten thousand phones. The system deals what arrives out by address
/// (SO_REUSEPORT); a message that reaches another shard than its call's is handed over by a ring of bytes,
/// and what has to leave by a connection that another shard holds goes back the same way. The location
/// store is the one thing that shards share. A nonce is known to the shard that issued it; shown to
/// another, it is stale.
///
/// Threads: the constructor, listen(), start() and the destructor on the thread that runs `first`, or
/// before it runs. shard(i) is i's: before start() to hang handlers on, later on its own thread alone,
/// where post() leads. Handlers run on the thread of their shard. `first` and the other threads are told
/// apart by nothing: shard 0 is one like the others.
///
/// Not here: a request that names another call (Replaces, Target-Dialog) goes by its own Call-ID and may
/// miss that one; an ICMP error may reach another shard than the one whose datagram it is about, and is
/// then learnt by a timeout.
class ShardedEndpoint {
 public:
  /// `first` runs shard 0, and lives longer than this.
  ShardedEndpoint(boost::asio::io_context& first, const ShardedEndpointOptions& options);
  /// Ends the threads, then the endpoints, whose waiting handlers are dropped. Not in a handler of a shard
  /// other than the first.
  ~ShardedEndpoint();
  ShardedEndpoint(const ShardedEndpoint&) = delete;
  ShardedEndpoint& operator=(const ShardedEndpoint&) = delete;

  std::size_t shards() const noexcept;
  Endpoint& shard(std::size_t index) noexcept;

  /// All shards listen there; as Endpoint::listen(). address_in_use also where it is another process's
  /// that would share.
  expected<SocketAddress, error_code> listen(std::string_view where);
  /// Threads for all shards but the first, which runs when `first` does. Once. What a handler throws on
  /// another thread comes out of first's run().
  void start();
  /// f on that shard's thread, soon. On any thread.
  void post(std::size_t index, std::function<void(Endpoint&)> f);
  /// As Endpoint::shut_down(), for all; `done` on the first shard's thread.
  void shut_down(Duration limit, std::function<void()> done);

  /// Messages that a shard has handed to others, and those of them that were lost since there was no room.
  struct Counters {
    std::uint64_t passed = 0;
    std::uint64_t lost = 0;
  };
  /// On any thread.
  Counters counters(std::size_t index) const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sipstack
