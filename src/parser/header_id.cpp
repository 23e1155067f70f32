// SPDX-License-Identifier: Apache-2.0
// Header names to ids: one hash, one comparison. The table is made by the compiler from the registry.
#include "sipstack/parser/header_id.hpp"

#include "sipstack/parser/params.hpp"

namespace sipstack {
namespace {

constexpr unsigned lower(char c) noexcept {
  return static_cast<unsigned>(static_cast<unsigned char>(c)) | 0x20U;
}

// Chosen so that all registered names fall into slots of their own; the assertion below says when a
// new name needs another one.
constexpr unsigned kMultiplier = 391;
constexpr std::size_t kSlots = 1024;

constexpr std::size_t slot(std::string_view name) noexcept {
  const std::size_t size = name.size();
  unsigned hash = static_cast<unsigned>(size);
  hash = hash * kMultiplier + lower(name[0]);
  hash = hash * kMultiplier + lower(name[size - 1]);
  hash = hash * kMultiplier + lower(name[size / 2]);
  hash = hash * kMultiplier + lower(name[size / 3]);
  return (hash ^ (hash >> 8)) % kSlots;
}

struct Table {
  HeaderId ids[kSlots] = {};
  bool perfect = true;
};

constexpr Table make() noexcept {
  Table table;
  for (std::size_t i = 1; i < kHeaderIds; ++i) {
    const HeaderId id = static_cast<HeaderId>(i);
    for (const std::string_view text : {name(id), compact_name(id)}) {
      if (text.empty()) continue;
      HeaderId& entry = table.ids[slot(text)];
      if (entry != HeaderId::other) table.perfect = false;
      entry = id;
    }
  }
  return table;
}

constexpr Table kTable = make();
static_assert(kTable.perfect, "two header names share a slot: choose another kMultiplier");

}  // namespace

HeaderId header_id(std::string_view text) noexcept {
  if (text.empty()) return HeaderId::other;
  const HeaderId id = kTable.ids[slot(text)];
  return iequals(text, text.size() == 1 ? compact_name(id) : name(id)) ? id : HeaderId::other;
}

}  // namespace sipstack
