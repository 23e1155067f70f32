// SPDX-License-Identifier: Apache-2.0
// A message and its index in one pooled block: bytes, padding, entries, head. The head stands last, so
// that the block's size finds it.
#include "sipstack/parser/message.hpp"

#include <cstring>
#include <new>
#include <type_traits>

namespace sipstack {
namespace {

static_assert(std::is_trivially_copyable_v<IndexHead>);
static_assert(alignof(HeaderEntry) <= alignof(IndexHead));

constexpr std::size_t aligned(std::size_t size) noexcept {
  constexpr std::size_t unit = alignof(IndexHead);
  return (size + unit - 1) / unit * unit;
}

// `parse` gets the message without the CRLFs in front: they are no part of it, and so not of the block
// (RFC 3261 section 7.5).
template <class Parse>
expected<Message, ParseError> parse_and_keep(BlockPool& pool, std::string_view bytes,
                                             const MessageIndex& scratch, Parse parse) noexcept {
  std::size_t skipped = 0;
  while (bytes.size() - skipped >= 2 && bytes[skipped] == '\r' && bytes[skipped + 1] == '\n') {
    skipped += 2;
  }
  const std::string_view message = bytes.substr(skipped);
  if (auto parsed = parse(message); !parsed) {
    ParseError error = parsed.error();
    error.offset += static_cast<std::uint32_t>(skipped);
    return unexpected<ParseError>(error);
  }
  Message kept = Message::keep(pool, message, scratch);
  if (!kept) return unexpected<ParseError>(ParseError{ParseErrc::too_large, HeaderId::other, 0});
  return kept;
}

struct Layout {
  std::size_t entries_at;
  std::size_t entries_size;
  std::size_t head_at;
  std::size_t size;
  explicit Layout(const MessageIndex& index) noexcept
      : entries_at(aligned(index.size)),
        entries_size(index.headers * sizeof(HeaderEntry)),
        head_at(aligned(entries_at + entries_size)),
        size(head_at + sizeof(IndexHead)) {}
};

void put_index(Block& block, const Layout& layout, const MessageIndex& index) noexcept {
  char* const data = block.data();
  const std::size_t entries_end = layout.entries_at + layout.entries_size;
  std::memset(data + index.size, 0, layout.entries_at - index.size);
  std::memcpy(data + layout.entries_at, index.entries, layout.entries_size);
  std::memset(data + entries_end, 0, layout.head_at - entries_end);
  new (data + layout.head_at) IndexHead(index);
  block.resize(layout.size);
}

}  // namespace

expected<Message, ParseError> Message::parse(BlockPool& pool, std::string_view bytes,
                                             MessageIndex& scratch,
                                             const ParseLimits& limits) noexcept {
  return parse_and_keep(pool, bytes, scratch, [&](std::string_view message) {
    return sipstack::parse(message, scratch, limits);
  });
}

expected<Message, ParseError> Message::parse(BlockPool& pool, std::string_view bytes,
                                             MessageIndex& scratch, Diagnostics& told,
                                             const ParseLimits& limits) noexcept {
  return parse_and_keep(pool, bytes, scratch, [&](std::string_view message) {
    Diagnostics repairs;
    const auto parsed = sipstack::parse(message, scratch, repairs, limits);
    const auto skipped = static_cast<std::uint32_t>(message.data() - bytes.data());
    told.tell(repairs, skipped);
    return parsed;
  });
}

Message Message::keep(BlockPool& pool, std::string_view bytes, const MessageIndex& index) noexcept {
  const Layout layout(index);
  Block block = pool.allocate(layout.size);
  if (!block) return {};
  std::memcpy(block.data(), bytes.data(), index.size);
  put_index(block, layout, index);
  return Message(std::move(block));
}

Message Message::adopt(BlockPool& pool, Block block, const MessageIndex& index) noexcept {
  const Layout layout(index);
  if (block.capacity() < layout.size) return keep(pool, {block.data(), index.size}, index);
  put_index(block, layout, index);
  return Message(std::move(block));
}

MessageView Message::view() const noexcept {
  if (!block_) return {};
  const char* const data = block_.data();
  const auto* const head =
      std::launder(reinterpret_cast<const IndexHead*>(data + block_.size() - sizeof(IndexHead)));
  const auto* const entries =
      std::launder(reinterpret_cast<const HeaderEntry*>(data + aligned(head->size)));
  return {data, *head, entries};
}

}  // namespace sipstack
