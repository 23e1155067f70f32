// SPDX-License-Identifier: Apache-2.0
// Which call a request within a dialog is for: Call-ID and both tags, hashed with a key of the process,
// since the other side chooses two of the three. RFC 3261 section 12.
#pragma once

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

class DialogTable {
 public:
  explicit DialogTable(const HashKey& key) noexcept : key_(key) {}

  void insert(const DialogId& id, CallId call) { calls_.emplace(hash(id), call); }
  void erase(const DialogId& id, CallId call) {
    auto [it, end] = calls_.equal_range(hash(id));
    for (; it != end; ++it) {
      if (it->second != call) continue;
      calls_.erase(it);
      return;
    }
  }
  /// The first call for which `is_its` is true: hashes may collide, so the call compares in full.
  template <class F>
  CallId find(const DialogId& id, F&& is_its) const {
    auto [it, end] = calls_.equal_range(hash(id));
    for (; it != end; ++it)
      if (is_its(it->second)) return it->second;
    return {};
  }
  std::size_t size() const noexcept { return calls_.size(); }

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
  std::unordered_multimap<std::uint64_t, CallId, AsItIs> calls_;
};

}  // namespace sipstack
