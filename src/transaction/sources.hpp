// SPDX-License-Identifier: Apache-2.0
// What each source has to answer for: half-open transactions, and calls that it began only to cancel them.
// A source is an IPv4 address or an IPv6 /64.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "sipstack/base/address.hpp"
#include "sipstack/base/keyed_hash.hpp"
#include "sipstack/base/rate.hpp"
#include "sipstack/base/slab.hpp"
#include "sipstack/base/time.hpp"
#include "transaction/slot_table.hpp"

namespace sipstack {

/// As many entries as there are sources with something open, and kRemembered whose bucket fills up again.
class Sources {
 public:
  static constexpr std::size_t kRemembered = 65536;

  Sources(const HashKey& key, const Rate& resets) noexcept : key_(key), resets_(resets) {}

  /// Makes room for one more source. False: there is no memory.
  bool reserve() noexcept;
  std::optional<std::uint32_t> find(const IpAddress& ip) const noexcept;
  /// One more is open; gives the number by which close() knows the source. `known`: what find() said,
  /// now. After reserve().
  std::uint32_t open(std::optional<std::uint32_t> known, const IpAddress& ip,
                     TimePoint now) noexcept;
  void close(std::uint32_t source) noexcept;
  std::size_t open_of(std::uint32_t source) const noexcept { return entry(source).open; }

  /// One call was begun and cancelled.
  void reset(std::uint32_t source, TimePoint now) noexcept;
  /// There were too many of these lately.
  bool exhausted(std::uint32_t source, TimePoint now) const noexcept;

  std::size_t size() const noexcept { return slab_.size(); }

 private:
  struct Entry {
    std::uint64_t prefix = 0;
    std::uint32_t open = 0;
    std::uint32_t slot = 0;
    std::uint32_t generation = 0;
    std::uint32_t hash = 0;
    TimePoint full_at{};  ///< when the bucket is full again
    // Nothing is open; the bucket is remembered. The oldest first.
    Entry* older = nullptr;
    Entry* newer = nullptr;
    bool idle = false;
  };
  Entry& entry(std::uint32_t source) noexcept { return slab_.in_slot(source); }
  const Entry& entry(std::uint32_t source) const noexcept {
    return const_cast<Sources*>(this)->entry(source);
  }
  void wake(Entry& e) noexcept;
  void forget(Entry& e) noexcept;
  void tidy(TimePoint now) noexcept;

  HashKey key_;
  Rate resets_;
  Slab<Entry> slab_;
  SlotTable table_;
  Entry* oldest_ = nullptr;
  Entry* newest_ = nullptr;
  std::size_t idle_ = 0;
  TimePoint now_{};  ///< the last that was told
};

}  // namespace sipstack
