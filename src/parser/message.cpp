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

std::size_t Message::room(std::size_t size, std::size_t headers) noexcept {
  return aligned(aligned(size) + headers * sizeof(HeaderEntry)) + sizeof(IndexHead);
}

Message Message::keep(BlockPool& pool, std::string_view bytes, const MessageIndex& index) noexcept {
  Block block = pool.allocate(room(index.size, index.headers));
  if (!block) return {};
  std::memcpy(block.data(), bytes.data(), index.size);
  return in_place(std::move(block), index, index.entries);
}

Message Message::adopt(BlockPool& pool, Block block, const MessageIndex& index) noexcept {
  if (block.capacity() < room(index.size, index.headers))
    return keep(pool, {block.data(), index.size}, index);
  return in_place(std::move(block), index, index.entries);
}

Message Message::in_place(Block block, const IndexHead& head, const HeaderEntry* entries) noexcept {
  char* const data = block.data();
  const std::size_t entries_at = aligned(head.size);
  const std::size_t entries_end = entries_at + head.headers * sizeof(HeaderEntry);
  const std::size_t head_at = aligned(entries_end);
  std::memset(data + head.size, 0, entries_at - head.size);
  if (entries != nullptr) std::memcpy(data + entries_at, entries, entries_end - entries_at);
  std::memset(data + entries_end, 0, head_at - entries_end);
  new (data + head_at) IndexHead(head);
  block.resize(head_at + sizeof(IndexHead));
  return Message(std::move(block));
}

}  // namespace sipstack
