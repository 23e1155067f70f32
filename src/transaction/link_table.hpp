// SPDX-License-Identifier: Apache-2.0
// A chained hash table whose links live in the objects: nothing is allocated for an entry.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace sipstack {

template <class T>
struct TableLink {
  T* next = nullptr;
  std::uint64_t hash = 0;
  bool in = false;
};

/// Keys are 64-bit hashes made with a key of the process (keyed_hash), so chains are short; objects with
/// one hash may be many, in the order of insertion reversed.
template <class T, TableLink<T> T::*Link>
class LinkTable {
 public:
  /// How many objects of one and the same hash a search looks at. Only a sender who sets about it makes
  /// more, and finds his own transactions no more.
  static constexpr int kLook = 32;

  void insert(T& object, std::uint64_t hash) {
    if (size_ >= buckets_.size()) grow();
    TableLink<T>& link = object.*Link;
    T*& head = bucket(hash);
    link = {head, hash, true};
    head = &object;
    ++size_;
  }

  void erase(T& object) noexcept {
    TableLink<T>& link = object.*Link;
    if (!link.in) return;
    T** at = &bucket(link.hash);
    while (*at != &object) at = &((*at)->*Link).next;
    *at = link.next;
    link = {};
    --size_;
  }

  /// The first object of that hash for which same(object); `full` tells that there were too many to look.
  template <class Same>
  T* find(std::uint64_t hash, Same&& same, bool& full) noexcept {
    full = false;
    if (buckets_.empty()) return nullptr;
    int looked = 0;
    for (T* object = bucket(hash); object != nullptr; object = (object->*Link).next) {
      if ((object->*Link).hash != hash) continue;
      if (++looked > kLook) {
        full = true;
        return nullptr;
      }
      if (same(*object)) return object;
    }
    return nullptr;
  }

  std::size_t size() const noexcept { return size_; }

 private:
  T*& bucket(std::uint64_t hash) noexcept { return buckets_[hash & (buckets_.size() - 1)]; }

  void grow() {
    std::vector<T*> old(buckets_.empty() ? 64 : buckets_.size() * 2, nullptr);
    old.swap(buckets_);
    for (T* object : old)
      while (object != nullptr) {
        TableLink<T>& link = object->*Link;
        T* const next = link.next;
        T*& head = bucket(link.hash);
        link.next = head;
        head = object;
        object = next;
      }
  }

  std::vector<T*> buckets_;
  std::size_t size_ = 0;
};

}  // namespace sipstack
