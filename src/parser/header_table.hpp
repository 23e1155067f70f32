// SPDX-License-Identifier: Apache-2.0
// From header names to ids: one hash without collisions, one comparison. The compiler makes the table
// from the registry; a new header needs nothing here.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "sipstack/parser/header_id.hpp"

namespace sipstack::detail {

constexpr std::size_t kHeaderSlots = 2048;
constexpr std::size_t kLongestHeaderName = 31;

constexpr std::uint32_t lower(char c) noexcept {
  return static_cast<std::uint32_t>(static_cast<unsigned char>(c)) | 0x20U;
}

constexpr std::uint32_t next_factor(std::uint32_t factor) noexcept {
  return factor * 1664525U + 1013904223U;
}

/// Factors of the hash, odd or even as they come.
struct HeaderHash {
  std::uint32_t first = 0;
  std::uint32_t last = 0;
  std::uint32_t middle = 0;
  std::uint32_t third = 0;

  constexpr explicit HeaderHash(std::uint32_t seed) noexcept
      : first(seed),
        last(next_factor(first)),
        middle(next_factor(last)),
        third(next_factor(middle)) {}

  /// Not for an empty name. The four products don't wait for each other.
  constexpr std::size_t operator()(const char* name, std::size_t size) const noexcept {
    const std::uint32_t hash =
        lower(name[0]) * first + lower(name[size - 1]) * last + lower(name[size / 2]) * middle +
        (lower(name[size / 3]) + static_cast<std::uint32_t>(size) * 128U) * third;
    return (hash >> 16U) % kHeaderSlots;
  }
};

struct HeaderTable {
  HeaderHash slot{0};
  std::array<HeaderId, kHeaderSlots> ids{};
  /// In lower case, filled up with NUL.
  alignas(32) std::array<std::array<char, kLongestHeaderName + 1>, kHeaderIds> names{};
  std::array<HeaderId, 32> compact{};  ///< by the letter's low five bits
};

constexpr bool fill(HeaderTable& table, std::uint32_t seed) noexcept {
  table.slot = HeaderHash(seed);
  table.ids = {};
  for (std::size_t i = 1; i < kHeaderIds; ++i) {
    const std::string_view text = name(static_cast<HeaderId>(i));
    HeaderId& entry = table.ids[table.slot(text.data(), text.size())];
    if (entry != HeaderId::other) return false;
    entry = static_cast<HeaderId>(i);
  }
  return true;
}

constexpr HeaderTable make_header_table() noexcept {
  HeaderTable table;
  std::uint32_t seed = 40503;
  while (!fill(table, seed)) seed = next_factor(seed);
  for (std::size_t i = 1; i < kHeaderIds; ++i) {
    const HeaderId id = static_cast<HeaderId>(i);
    for (std::size_t j = 0; j < name(id).size(); ++j) {
      table.names[i][j] = static_cast<char>(lower(name(id)[j]));
    }
    if (!compact_name(id).empty()) table.compact[lower(compact_name(id)[0]) & 31U] = id;
  }
  return table;
}

inline constexpr HeaderTable kHeaderTable = make_header_table();

}  // namespace sipstack::detail
