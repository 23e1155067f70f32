// SPDX-License-Identifier: Apache-2.0
// Objects in numbered slots with generations: handles that can go stale but never dangle.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>
#include <vector>

namespace sipstack {

/// Names an object in a Slab<T>. Generation 0 is never given out, so a default Handle is null.
template <class T>
struct Handle {
  std::uint32_t slot = 0;
  std::uint32_t generation = 0;

  explicit operator bool() const noexcept { return generation != 0; }
  friend bool operator==(Handle a, Handle b) noexcept {
    return a.slot == b.slot && a.generation == b.generation;
  }
  friend bool operator!=(Handle a, Handle b) noexcept { return !(a == b); }
};

/// Storage for T with stable addresses. Freed slots are used again under a new generation, so that a
/// handle kept too long finds nothing instead of a stranger.
///
/// Threads: none of its own. emplace() may allocate a chunk, and does so before anything changes;
/// everything else is O(1) and does not.
template <class T, std::size_t ChunkSize = 256>
class Slab {
 public:
  Slab() = default;
  Slab(const Slab&) = delete;
  Slab& operator=(const Slab&) = delete;
  ~Slab() {
    for (std::uint32_t i = 0; i < slots(); ++i)
      if (at(i).used()) at(i).object()->~T();
  }

  template <class... Args>
  Handle<T> emplace(Args&&... args) {
    reserve();
    const std::uint32_t slot = free_;
    Slot& s = at(slot);
    const std::uint32_t next = s.next_free();
    if constexpr (std::is_nothrow_constructible_v<T, Args...>) {
      ::new (static_cast<void*>(s.storage)) T(std::forward<Args>(args)...);
    } else {
      try {
        ::new (static_cast<void*>(s.storage)) T(std::forward<Args>(args)...);
      } catch (...) {
        s.next_free(next);
        throw;
      }
    }
    free_ = next;
    ++s.generation;
    ++size_;
    return {slot, s.generation};
  }
  /// Makes room for one more, so that the next emplace() allocates nothing.
  void reserve() {
    if (free_ == kNone) grow();
  }

  T* find(Handle<T> h) noexcept {
    if (h.slot >= slots()) return nullptr;
    Slot& s = at(h.slot);
    return s.generation == h.generation && s.used() ? s.object() : nullptr;
  }
  const T* find(Handle<T> h) const noexcept { return const_cast<Slab*>(this)->find(h); }
  /// The object of a slot that is known to be in use.
  T& in_slot(std::uint32_t slot) noexcept {
    assert(at(slot).used());
    return *at(slot).object();
  }

  /// Destroys the object; false where the handle was stale.
  bool erase(Handle<T> h) noexcept {
    T* object = find(h);
    if (object == nullptr) return false;
    object->~T();
    Slot& s = at(h.slot);
    ++s.generation;
    s.next_free(free_);
    free_ = h.slot;
    --size_;
    return true;
  }

  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }

  /// Calls f(handle, object) for every live object; f may erase the one that it is given.
  template <class F>
  void for_each(F&& f) {
    for (std::uint32_t i = 0; i < slots(); ++i) {
      Slot& s = at(i);
      if (s.used()) f(Handle<T>{i, s.generation}, *s.object());
    }
  }

 private:
  static constexpr std::uint32_t kNone = UINT32_MAX;
  // A free slot's storage holds the number of the next one. Generations of live objects are odd.
  struct Slot {
    alignas(T) alignas(std::uint32_t) unsigned char storage[sizeof(T) < sizeof(std::uint32_t)
                                                                ? sizeof(std::uint32_t)
                                                                : sizeof(T)];
    std::uint32_t generation = 0;
    bool used() const noexcept { return (generation & 1) != 0; }
    T* object() noexcept { return std::launder(reinterpret_cast<T*>(storage)); }
    std::uint32_t next_free() const noexcept {
      std::uint32_t next;
      std::memcpy(&next, storage, sizeof next);
      return next;
    }
    void next_free(std::uint32_t next) noexcept { std::memcpy(storage, &next, sizeof next); }
  };

  std::uint32_t slots() const noexcept { return slots_; }
  Slot& at(std::uint32_t i) noexcept { return chunks_[i / ChunkSize][i % ChunkSize]; }
  void grow() {
    const std::uint32_t first = slots_;
    chunks_.push_back(std::make_unique<Slot[]>(ChunkSize));
    slots_ += ChunkSize;
    for (std::uint32_t i = ChunkSize; i-- > 0;) {
      at(first + i).next_free(free_);
      free_ = first + i;
    }
  }

  std::vector<std::unique_ptr<Slot[]>> chunks_;
  std::uint32_t free_ = kNone;
  std::uint32_t slots_ = 0;
  std::size_t size_ = 0;
};

}  // namespace sipstack
