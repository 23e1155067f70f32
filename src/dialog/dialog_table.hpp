// SPDX-License-Identifier: Apache-2.0
// Which call (or subscription) a request within a dialog is for: Call-ID and both tags, hashed with a key of the process,
// since the other side chooses two of the three. RFC 3261 section 12.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "sipstack/base/keyed_hash.hpp"
#include "sipstack/dialog/user_agent.hpp"

namespace sipstack {

struct DialogId {
  std::string_view call_id;
  std::string_view local_tag;
  std::string_view remote_tag;

  /// The receiver's view of a request: its own tag stands in To.
  static DialogId of_request(const MessageView& m) noexcept {
    return {m.call_id(), m.to_tag(), m.from_tag()};
  }
  /// The sender's view of the response to its request.
  static DialogId of_response(const MessageView& m) noexcept {
    return {m.call_id(), m.from_tag(), m.to_tag()};
  }
};

/// `Owner`: the handle of what has the dialog.
template <class Owner>
class BasicDialogTable {
 public:
  explicit BasicDialogTable(const HashKey& key) noexcept : key_(key) {}

  void insert(const DialogId& id, Owner owner) { owners_.emplace(hash(id), owner); }
  void erase(const DialogId& id, Owner owner) {
    auto [it, end] = owners_.equal_range(hash(id));
    for (; it != end; ++it) {
      if (it->second != owner) continue;
      ended_[next_ended_++ % ended_.size()] = it->first;
      owners_.erase(it);
      return;
    }
  }
  /// The first owner for which `is_its` is true: hashes may collide, so it compares in full.
  template <class F>
  Owner find(const DialogId& id, F&& is_its) const {
    auto [it, end] = owners_.equal_range(hash(id));
    for (; it != end; ++it)
      if (is_its(it->second)) return it->second;
    return {};
  }
  /// Whether such a dialog was erased lately; the last few are remembered (RFC 3891 section 3: 603).
  bool ended_lately(const DialogId& id) const {
    const std::uint64_t wanted = hash(id);
    return std::find(ended_.begin(), ended_.end(), wanted) != ended_.end();
  }
  std::size_t size() const noexcept { return owners_.size(); }

 private:
  struct AsItIs {
    std::size_t operator()(std::uint64_t hash) const noexcept {
      return static_cast<std::size_t>(hash);
    }
  };

  std::uint64_t hash(const DialogId& id) const {
    std::string text;
    text.reserve(id.call_id.size() + id.local_tag.size() + id.remote_tag.size() + 2);
    // No Call-ID and no tag holds a line end.
    text.append(id.call_id).append("\n").append(id.local_tag).append("\n").append(id.remote_tag);
    return keyed_hash(key_, text);
  }

  HashKey key_;
  std::array<std::uint64_t, 32> ended_{};
  std::size_t next_ended_ = 0;
  std::unordered_multimap<std::uint64_t, Owner, AsItIs> owners_;
};

using DialogTable = BasicDialogTable<CallId>;

}  // namespace sipstack
