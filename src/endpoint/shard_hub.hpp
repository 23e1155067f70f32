// SPDX-License-Identifier: Apache-2.0
// What several shards have in common: rings between each two of them, and the way to wake one.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "endpoint/handover_ring.hpp"
#include "sipstack/base/shard.hpp"

namespace sipstack {

struct EndpointState;

/// Threads: each shard passes and wakes on its own thread; counters may be read on any.
class ShardHub : public std::enable_shared_from_this<ShardHub> {
 public:
  struct Limits {
    std::size_t ring = 0;      ///< bytes of one ring
    std::size_t overflow = 0;  ///< bytes kept for one reader where its ring is full
  };
  /// Connections and tokens name their shard in the uppermost byte.
  static constexpr std::size_t kMostShards = 256;
  static constexpr std::uint32_t shard_of(std::uint64_t id) noexcept {
    return static_cast<std::uint32_t>(id >> 56);
  }

  ShardHub(const HashKey& key, const std::vector<boost::asio::io_context*>& contexts,
           const Limits& limits);

  Shard shard(std::uint32_t index) const noexcept;
  /// One time line for all: what one shard stores, others read.
  std::chrono::steady_clock::time_point origin() const noexcept { return origin_; }
  void attach(std::uint32_t index, std::weak_ptr<EndpointState> state);

  /// From one shard to another, in order. Where there is no room a datagram is lost, as it may be on a
  /// network; what came by a stream, or is to go out by one, is kept. False where it is lost.
  bool pass(std::uint32_t from, std::uint32_t to, const Handover& entry, std::string_view bytes);
  /// Everybody to whom `from` has passed something since: at the end of its batch.
  void wake(std::uint32_t from);

  std::uint64_t passed(std::uint32_t from) const noexcept;
  std::uint64_t lost(std::uint32_t from) const noexcept;

 private:
  struct Kept {
    Handover entry;
    std::string bytes;
  };
  /// From one shard to one other. All but the ring and `starved` is the writer's.
  struct Link {
    explicit Link(std::size_t bytes) : ring(bytes) {}
    HandoverRing ring;
    std::atomic<bool> starved{false};  ///< the writer has kept something, and waits for room
    std::deque<Kept> kept;
    std::size_t kept_bytes = 0;
    bool wake_due = false;
  };
  struct Side {
    boost::asio::io_context* io = nullptr;
    std::weak_ptr<EndpointState> state;  ///< its own thread's
    std::atomic<bool> notified{false};   ///< a drain() is on its way
    std::atomic<std::uint64_t> passed{0};
    std::atomic<std::uint64_t> lost{0};
    std::vector<std::unique_ptr<Link>> to;  ///< by reader; null to itself
  };

  void notify(std::uint32_t to);
  void drain(std::uint32_t to);
  /// Moves what was kept into the ring, as far as it fits.
  static void refill(Link& link);

  HashKey key_;
  Limits limits_;
  std::chrono::steady_clock::time_point origin_ = std::chrono::steady_clock::now();
  std::vector<std::unique_ptr<Side>> sides_;
};

}  // namespace sipstack
