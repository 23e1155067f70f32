// SPDX-License-Identifier: Apache-2.0
// The connections to a Redis or to the nodes of a cluster, who has which slot, and the thread's waiting.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "store/redis_connection.hpp"

namespace sipstack::store {

/// Threads: one.
class RedisNodes {
 public:
  RedisNodes(const std::shared_ptr<const RedisConnectionOptions>& options, std::size_t max_nodes);

  /// Whom to ask for a slot: its node as far as we know, else any, which will say. Null: none is there.
  RedisConnection* for_slot(std::size_t slot);
  /// Null where it is away, or there are too many.
  RedisConnection* at(const RedisAddress& address, RedisClock::time_point now);
  void moved(std::size_t slot, const RedisConnection& to);

  /// Sends, waits until something comes, `wake` can be read, or `until`; and takes it.
  void wait(int wake, RedisClock::time_point until);
  /// Connections that begin, end or are overdue.
  void tick(RedisClock::time_point now);

  bool usable() const noexcept;
  std::size_t connected() const noexcept;
  std::uint64_t connects() const noexcept;
  std::uint64_t losses() const noexcept;

 private:
  void drop_gone();

  const std::shared_ptr<const RedisConnectionOptions> options_;
  const std::size_t max_nodes_;
  /// The first is the one of the URL, which stays; others go when they have been away for a while.
  std::vector<std::unique_ptr<RedisConnection>> nodes_;
  std::array<const RedisConnection*, kRedisSlots> slots_{};  ///< null: not known
  std::uint64_t connects_of_gone_ = 0;
  std::uint64_t losses_of_gone_ = 0;
};

}  // namespace sipstack::store
