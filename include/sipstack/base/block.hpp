// SPDX-License-Identifier: Apache-2.0
// Pooled, reference-counted byte blocks: what messages live in.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

namespace sipstack {

class BlockPool;

/// A handle to one pooled block of bytes; copying shares the block, the last handle returns it to its
/// pool. Empty when default-constructed or when the pool had nothing to give.
///
/// Threads: a block belongs to its shard's thread; the count is not atomic. A handle may outlive the
/// pool: its block then goes back to the heap.
class Block {
 public:
  Block() = default;
  Block(const Block& other) noexcept : head_(other.head_) {
    if (head_ != nullptr) ++head_->uses;
  }
  Block(Block&& other) noexcept : head_(std::exchange(other.head_, nullptr)) {}
  Block& operator=(Block other) noexcept {
    std::swap(head_, other.head_);
    return *this;
  }
  ~Block() {
    if (head_ != nullptr && --head_->uses == 0) give_back();
  }

  explicit operator bool() const noexcept { return head_ != nullptr; }
  char* data() const noexcept { return head_ == nullptr ? nullptr : head_->bytes(); }
  /// Bytes that may be written at data().
  std::size_t capacity() const noexcept { return head_ == nullptr ? 0 : head_->capacity; }
  /// Bytes in use, as set by resize().
  std::size_t size() const noexcept { return head_ == nullptr ? 0 : head_->size; }
  void resize(std::size_t size) noexcept {
    assert(size <= capacity());
    if (head_ != nullptr) head_->size = static_cast<std::uint32_t>(size);
  }
  /// This is the only handle.
  bool unique() const noexcept { return head_ != nullptr && head_->uses == 1; }
  std::string_view view() const noexcept { return {data(), size()}; }
  /// Asks the processor for the bytes, which will be wanted soon.
  void fetch() const noexcept {
    if (head_ == nullptr) return;
    const char* const at = reinterpret_cast<const char*>(head_);
    for (std::size_t line = 0; line < 8; ++line) __builtin_prefetch(at + 64 * line, 1);
  }

 private:
  friend class BlockPool;
  struct Store;  // the pool's; outlives the pool as long as a block does
  struct alignas(16) Head {
    Store* store;
    Head* next_free;
    std::uint32_t uses;
    std::uint32_t size;
    std::uint32_t capacity;
    std::uint32_t size_class;
    char* bytes() noexcept { return reinterpret_cast<char*>(this + 1); }
  };
  explicit Block(Head* head) noexcept : head_(head) {}
  void give_back() noexcept;
  Head* head_ = nullptr;
};

/// Free lists of blocks by size: steps of 64 bytes from 256 to 4 KiB, then of an eighth of the power of
/// two below, up to 128 KiB: a block that is kept wastes little. Steady traffic allocates nothing;
/// `limit` bounds the bytes ever held, and free blocks of other sizes are given back to the heap before
/// it is pleaded.
///
/// Threads: one pool a shard. Errors: allocate() gives an empty Block past the limit, for a size past
/// the largest class, or when memory is short; it never throws.
class BlockPool {
 public:
  static constexpr std::size_t kLargest = 128 * 1024;

  explicit BlockPool(std::size_t limit_bytes = std::size_t{1} << 30);
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;
  ~BlockPool();

  /// A block of at least `size` bytes of capacity, its size() 0.
  Block allocate(std::size_t size) noexcept;

  std::size_t live() const noexcept;  ///< blocks handed out and not returned
  std::size_t held() const noexcept;  ///< bytes owned, free ones included

 private:
  Block::Store* store_;
};

}  // namespace sipstack
