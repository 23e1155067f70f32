// SPDX-License-Identifier: Apache-2.0
// From one thread to one other, without a lock: messages and the flows that they came by, in order.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <system_error>
#include <type_traits>

#include "sipstack/base/flow.hpp"

namespace sipstack {

/// What goes from shard to shard beside the bytes.
struct Handover {
  enum class Kind : std::uint32_t {
    received,  ///< a message of a call that the other shard owns
    send,      ///< bytes for a connection that the other shard owns
    failed,    ///< such bytes did not get through; no bytes
    lost,      ///< they did, and their connection is gone; no bytes
  };
  Kind kind = Kind::received;
  std::uint32_t size = 0;  ///< bytes behind this
  std::uint64_t token = 0;
  std::error_code error;
  Flow flow;
};
static_assert(std::is_trivially_copyable_v<Handover>);

/// A ring of bytes with one writer and one reader. Entries are contiguous, so that what is read need not be
/// copied; one that would not fit before the end of the memory begins at its front.
class HandoverRing {
 public:
  /// `capacity` is rounded up to a power of two, 4 KiB at least.
  explicit HandoverRing(std::size_t capacity) {
    while (capacity_ < capacity) capacity_ *= 2;
    bytes_.reset(new char[capacity_]);
  }

  /// The writer's. False where there is no room: nothing was written.
  bool push(Handover entry, std::string_view bytes) noexcept {
    entry.size = static_cast<std::uint32_t>(bytes.size());
    const std::size_t needed = space(bytes.size());
    std::uint64_t at = written_.load(std::memory_order_relaxed);
    const std::size_t before_end = capacity_ - static_cast<std::size_t>(at & (capacity_ - 1));
    const std::size_t skipped = before_end < needed ? before_end : 0;
    const std::uint64_t end = at + skipped + needed;
    if (end - seen_read_ > capacity_) {
      seen_read_ = read_.load(std::memory_order_acquire);
      if (end - seen_read_ > capacity_) return false;
    }
    if (skipped != 0) {
      const std::uint32_t mark = kToFront;
      std::memcpy(place(at), &mark, sizeof mark);
      at += skipped;
    }
    const std::uint32_t is_entry = 0;
    char* const to = place(at);
    std::memcpy(to, &is_entry, sizeof is_entry);
    std::memcpy(to + kAlign, &entry, sizeof entry);
    if (!bytes.empty()) std::memcpy(to + kAlign + sizeof entry, bytes.data(), bytes.size());
    written_.store(end, std::memory_order_release);
    return true;
  }

  /// The reader's: f(const Handover&, std::string_view bytes) for `most` entries or all there are. The
  /// bytes are the ring's, for the call. Returns how many.
  template <class F>
  std::size_t drain(std::size_t most, F&& f) {
    std::size_t count = 0;
    std::uint64_t at = read_.load(std::memory_order_relaxed);
    while (count < most) {
      if (at == written_.load(std::memory_order_acquire)) break;
      std::uint32_t mark = 0;
      std::memcpy(&mark, place(at), sizeof mark);
      if (mark == kToFront) {
        at += capacity_ - (at & (capacity_ - 1));
        continue;
      }
      const char* const from = place(at);
      Handover entry;
      std::memcpy(&entry, from + kAlign, sizeof entry);
      f(static_cast<const Handover&>(entry),
        std::string_view(from + kAlign + sizeof entry, entry.size));
      at += space(entry.size);
      read_.store(at, std::memory_order_release);
      ++count;
    }
    return count;
  }

 private:
  static constexpr std::size_t kAlign = alignof(Handover);
  static constexpr std::uint32_t kToFront = 1;
  static constexpr std::size_t kLine = 64;  // of the processor's cache

  static std::size_t space(std::size_t size) noexcept {
    return (kAlign + sizeof(Handover) + size + kAlign - 1) / kAlign * kAlign;
  }
  char* place(std::uint64_t at) noexcept { return bytes_.get() + (at & (capacity_ - 1)); }

  std::size_t capacity_ = 4096;
  std::unique_ptr<char[]> bytes_;
  // What each side writes lies apart, so that they do not take the line from each other at every step.
  alignas(kLine) std::atomic<std::uint64_t> written_{0};
  std::uint64_t seen_read_ = 0;  ///< the writer's last look at read_
  alignas(kLine) std::atomic<std::uint64_t> read_{0};
};

}  // namespace sipstack
