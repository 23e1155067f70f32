// SPDX-License-Identifier: Apache-2.0
// A message to keep: one pooled block that holds bytes and index.
#pragma once

#include <cstddef>
#include <new>
#include <string_view>

#include "sipstack/base/block.hpp"
#include "sipstack/parser/message_view.hpp"

namespace sipstack {

/// Owns a share of an immutable message. Copying is a count; views that it gives live as long as any
/// share. Threads: as Block.
class Message {
 public:
  Message() = default;

  /// Parses `bytes` with `scratch` and, on success, copies bytes and used index into one block of
  /// `pool`. ParseErrc::too_large where the pool has no block left.
  static expected<Message, ParseError> parse(BlockPool& pool, std::string_view bytes,
                                             MessageIndex& scratch,
                                             const ParseLimits& limits = {}) noexcept;
  /// The same leniently: what is let through is told, with offsets in `bytes`.
  static expected<Message, ParseError> parse(BlockPool& pool, std::string_view bytes,
                                             MessageIndex& scratch, Diagnostics& told,
                                             const ParseLimits& limits = {}) noexcept;
  /// Copies bytes and the used part of an index over them, whatever parse() said: the answer to a
  /// malformed request mirrors what was malformed. The index says how many bytes (index.size), and
  /// counts from the first one. Empty where the pool has no block left.
  static Message keep(BlockPool& pool, std::string_view bytes, const MessageIndex& index) noexcept;

  /// keep() where the bytes stand in a block already, index.size of them from its first one: they are
  /// moved only where the index finds no room behind them.
  static Message adopt(BlockPool& pool, Block block, const MessageIndex& index) noexcept;

  explicit operator bool() const noexcept { return static_cast<bool>(block_); }
  MessageView view() const noexcept {
    if (!block_) return {};
    const char* const data = block_.data();
    // The head stands last, so that the block's size finds it.
    const auto* const head =
        std::launder(reinterpret_cast<const IndexHead*>(data + block_.size() - sizeof(IndexHead)));
    const auto* const entries =
        std::launder(reinterpret_cast<const HeaderEntry*>(data + aligned(head->size)));
    return {data, *head, entries};
  }
  /// The same by operator: message->status().
  class Arrow {
   public:
    explicit Arrow(MessageView view) noexcept : view_(view) {}
    const MessageView* operator->() const noexcept { return &view_; }

   private:
    MessageView view_;
  };
  Arrow operator->() const noexcept { return Arrow(view()); }
  std::string_view bytes() const noexcept { return view().bytes(); }
  /// The block; its first bytes are the message on the wire, bytes().size() of them.
  const Block& block() const noexcept { return block_; }

 private:
  friend class MessageWriter;
  static constexpr std::size_t aligned(std::size_t size) noexcept {
    constexpr std::size_t unit = alignof(IndexHead);
    return (size + unit - 1) / unit * unit;
  }
  /// The bytes that a block of `size` bytes of message and so many header lines needs.
  static std::size_t room(std::size_t size, std::size_t headers) noexcept;
  /// Where the entries of a message of `size` bytes go.
  static HeaderEntry* entries_in(const Block& block, std::size_t size) noexcept {
    return reinterpret_cast<HeaderEntry*>(block.data() + aligned(size));
  }
  /// The same as keep() for bytes that stand at the front of a block with room for it; `entries` may be
  /// null where they are in their place.
  static Message in_place(Block block, const IndexHead& head, const HeaderEntry* entries) noexcept;

  explicit Message(Block block) noexcept : block_(std::move(block)) {}
  Block block_;
};

}  // namespace sipstack
