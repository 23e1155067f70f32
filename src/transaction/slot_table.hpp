// SPDX-License-Identifier: Apache-2.0
// An open hash table of slot numbers: eight bytes an entry, so that a search is one line of the cache.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <optional>
#include <vector>

namespace sipstack {

/// Keys are hashes made with a key of the process (keyed_hash), so that clusters are short; the objects
/// themselves lie in a slab and are compared there. Several may have one and the same hash.
class SlotTable {
 public:
  /// How many objects of one and the same hash a search looks at. Only a sender who sets about it makes
  /// more, and finds his own transactions no more.
  static constexpr int kLook = 32;

  /// Makes room for one more; insert() then needs no memory. False: there is none.
  bool reserve() noexcept {
    if ((size_ + 1) * 8 <= entries_.size() * 5) return true;
    try {
      grow();
    } catch (const std::bad_alloc&) {
      return false;
    }
    return true;
  }

  /// After reserve().
  void insert(std::uint32_t hash, std::uint32_t slot) noexcept {
    put({hash, slot + 1});
    ++size_;
  }

  void erase(std::uint32_t hash, std::uint32_t slot) noexcept {
    if (entries_.empty()) return;
    std::size_t at = hash & mask();
    for (; entries_[at].slot != slot + 1 || entries_[at].hash != hash; at = (at + 1) & mask())
      if (entries_[at].slot == 0) return;
    --size_;
    // What was pushed along by this entry moves back, so that no search needs a gravestone.
    for (std::size_t next = (at + 1) & mask(); entries_[next].slot != 0;
         next = (next + 1) & mask()) {
      const std::size_t home = entries_[next].hash & mask();
      if (((next - home) & mask()) < ((next - at) & mask())) continue;
      entries_[at] = entries_[next];
      at = next;
    }
    entries_[at] = {};
  }

  /// The first slot of that hash for which same(slot); `full` tells that there were too many to look.
  template <class Same>
  std::optional<std::uint32_t> find(std::uint32_t hash, Same&& same, bool& full) const noexcept {
    full = false;
    if (size_ == 0) return std::nullopt;
    int looked = 0;
    for (std::size_t at = hash & mask(); entries_[at].slot != 0; at = (at + 1) & mask()) {
      if (entries_[at].hash != hash) continue;
      if (++looked > kLook) {
        full = true;
        return std::nullopt;
      }
      if (same(entries_[at].slot - 1)) return entries_[at].slot - 1;
    }
    return std::nullopt;
  }

  /// Asks the processor for where that hash would stand.
  void fetch(std::uint32_t hash) const noexcept {
    if (!entries_.empty()) __builtin_prefetch(&entries_[hash & mask()], 1);
  }

  std::size_t size() const noexcept { return size_; }

 private:
  struct Entry {
    std::uint32_t hash = 0;
    std::uint32_t slot = 0;  ///< plus one; 0: none
  };

  std::size_t mask() const noexcept { return entries_.size() - 1; }
  void put(Entry entry) noexcept {
    std::size_t at = entry.hash & mask();
    while (entries_[at].slot != 0) at = (at + 1) & mask();
    entries_[at] = entry;
  }
  void grow() {
    std::vector<Entry> old(entries_.empty() ? 64 : entries_.size() * 2);
    old.swap(entries_);
    for (const Entry& entry : old)
      if (entry.slot != 0) put(entry);
  }

  std::vector<Entry> entries_;
  std::size_t size_ = 0;
};

}  // namespace sipstack
