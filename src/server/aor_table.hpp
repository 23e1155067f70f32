// SPDX-License-Identifier: Apache-2.0
// AORs by a keyed hash, in a table that never grows all at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "server/packed_bindings.hpp"

namespace sipstack::server {

/// An open hash table in 256 groups, each of which grows by itself: with a million AORs no insertion moves more
/// than some thousands of entries of 16 bytes.
class AorTable {
 public:
  static constexpr std::size_t kGroups = 256;

  struct Entry {
    PackedBindings record;
    std::uint32_t hash = 0;
    std::uint32_t due =
        0;  ///< nothing of it expires before this second: what is not over costs no look
  };

  AorTable() : groups_(kGroups) {}

  Entry* find(std::uint32_t hash, std::string_view aor) noexcept {
    Group& g = group(hash);
    if (g.used == 0) return nullptr;
    for (std::size_t at = hash & g.mask(); g.entries[at].record; at = (at + 1) & g.mask())
      if (g.entries[at].hash == hash && g.entries[at].record.aor() == aor) return &g.entries[at];
    return nullptr;
  }
  /// Asks the processor for where that hash would stand.
  void fetch(std::uint32_t hash) const noexcept {
    const Group& g = groups_[hash >> 24];
    if (g.used != 0) __builtin_prefetch(&g.entries[hash & g.mask()], 1);
  }
  /// Of an AOR that is not there.
  void insert(Entry entry) {
    Group& g = group(entry.hash);
    if ((g.used + 1) * 8 > g.entries.size() * 7) g.grow();
    g.put(std::move(entry));
    ++g.used;
    ++size_;
  }
  void erase(Entry& entry) noexcept {
    Group& g = group(entry.hash);
    g.erase(static_cast<std::size_t>(&entry - g.entries.data()));
    --size_;
  }
  std::size_t size() const noexcept { return size_; }

  /// Looks at the next `places` of all, round and round, and drops the entries for which `over(entry)`.
  template <class Over>
  void look(std::size_t places, Over&& over) {
    for (; places > 0; --places) {
      if (place_ >= groups_[group_].entries.size()) {
        place_ = 0;
        group_ = (group_ + 1) % kGroups;
      } else if (!look_at(groups_[group_], place_, over)) {
        ++place_;
      }
    }
  }
  /// Drops the entries of one group for which `over(entry)`, which it may be asked twice.
  template <class Over>
  void sweep(std::size_t group, Over&& over) {
    Group& g = groups_[group];
    for (std::size_t at = 0; at < g.entries.size();)
      if (!look_at(g, at, over)) ++at;
  }
  template <class Each>
  void each_of(std::size_t group, Each&& each) const {
    for (const Entry& entry : groups_[group].entries)
      if (entry.record) each(entry);
  }

 private:
  struct Group {
    std::vector<Entry> entries;
    std::size_t used = 0;

    std::size_t mask() const noexcept { return entries.size() - 1; }
    void put(Entry entry) noexcept {
      std::size_t at = entry.hash & mask();
      while (entries[at].record) at = (at + 1) & mask();
      entries[at] = std::move(entry);
    }
    void grow() {
      std::vector<Entry> old(entries.empty() ? 8 : entries.size() * 2);
      old.swap(entries);
      for (Entry& entry : old)
        if (entry.record) put(std::move(entry));
    }
    /// What was pushed along by this entry moves back, so that no search needs a gravestone.
    void erase(std::size_t at) noexcept {
      --used;
      for (std::size_t next = (at + 1) & mask(); entries[next].record; next = (next + 1) & mask()) {
        const std::size_t home = entries[next].hash & mask();
        if (((next - home) & mask()) < ((next - at) & mask())) continue;
        entries[at] = std::move(entries[next]);
        at = next;
      }
      entries[at] = {};
    }
  };

  Group& group(std::uint32_t hash) noexcept { return groups_[hash >> 24]; }
  /// Whether the entry there went; another one may have moved to its place.
  template <class Over>
  bool look_at(Group& g, std::size_t at, Over& over) {
    if (!g.entries[at].record || !over(g.entries[at])) return false;
    g.erase(at);
    --size_;
    return true;
  }

  std::vector<Group> groups_;
  std::size_t size_ = 0;
  std::size_t group_ = 0;  ///< where look() goes on
  std::size_t place_ = 0;
};

}  // namespace sipstack::server
