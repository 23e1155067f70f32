// SPDX-License-Identifier: Apache-2.0
// Names of domains as numbers, so that a Flow stays a plain value. RFC 5922 section 7.3.
#pragma once

#include <cctype>
#include <cstddef>
#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

#include "sipstack/base/keyed_hash.hpp"

namespace sipstack {

/// A number is never given twice, so one that was dropped cannot come to mean another domain.
class Identities {
 public:
  static constexpr std::size_t kKept = 65536;

  /// The first number is drawn: a flow that strays to another shard means nobody there, not another.
  explicit Identities(const HashKey& key)
      : by_name_(0, Hash{key}), last_(static_cast<std::uint32_t>(key.k0 >> 33)) {}

  std::uint32_t number(std::string_view domain) {
    std::string name(domain);
    for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (!name.empty() && name.back() == '.') name.pop_back();
    if (name.empty()) return 0;
    if (const auto found = by_name_.find(name); found != by_name_.end()) {
      entries_.splice(entries_.end(), entries_, found->second);
      return found->second->number;
    }
    if (last_ == UINT32_MAX) return last_;  // no name: it fails
    if (entries_.size() >= kKept) {
      by_number_.erase(entries_.front().number);
      by_name_.erase(entries_.front().name);
      entries_.pop_front();
    }
    entries_.push_back({std::move(name), ++last_});
    const auto entry = std::prev(entries_.end());
    by_name_.emplace(entry->name, entry);
    by_number_.emplace(last_, entry);
    return last_;
  }

  /// Null where the number was dropped.
  const std::string* name(std::uint32_t number) const {
    const auto found = by_number_.find(number);
    return found == by_number_.end() ? nullptr : &found->second->name;
  }

 private:
  struct Entry {
    std::string name;
    std::uint32_t number;
  };
  struct Hash {
    HashKey key;
    std::size_t operator()(std::string_view text) const noexcept {
      return static_cast<std::size_t>(keyed_hash(key, text));
    }
  };
  std::list<Entry> entries_;  ///< that used last at the end
  std::unordered_map<std::string_view, std::list<Entry>::iterator, Hash> by_name_;
  std::unordered_map<std::uint32_t, std::list<Entry>::iterator> by_number_;
  std::uint32_t last_;
};

}  // namespace sipstack
