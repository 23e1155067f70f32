// SPDX-License-Identifier: Apache-2.0
// Pooled, reference-counted byte blocks: what messages live in.
#pragma once

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
  Block(const Block& other) noexcept;
  Block(Block&& other) noexcept : head_(std::exchange(other.head_, nullptr)) {}
  Block& operator=(Block other) noexcept {
    std::swap(head_, other.head_);
    return *this;
  }
  ~Block();

  explicit operator bool() const noexcept { return head_ != nullptr; }
  char* data() const noexcept;
  std::size_t capacity() const noexcept;  ///< bytes that may be written at data()
  std::size_t size() const noexcept;      ///< bytes in use, as set by resize()
  void resize(std::size_t size) noexcept;
  bool unique() const noexcept;  ///< this is the only handle
  std::string_view view() const noexcept { return {data(), size()}; }

 private:
  friend class BlockPool;
  struct Head;
  explicit Block(Head* head) noexcept : head_(head) {}
  Head* head_ = nullptr;
};

/// Size-classed free lists of blocks, powers of two from 512 bytes to 128 KiB. Steady traffic
/// allocates nothing; `limit` bounds the bytes ever held, and free blocks of other sizes are given back
/// to the heap before it is pleaded.
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
  friend class Block;
  struct Store;  // outlives the pool as long as a block does
  Store* store_;
};

}  // namespace sipstack
