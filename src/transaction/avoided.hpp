// SPDX-License-Identifier: Apache-2.0
// Targets that failed lately: tried last, not never. RFC 3263 sections 1 and 4.3, RFC 3261 section 21.5.4.
#pragma once

#include <algorithm>
#include <cstddef>
#include <new>
#include <vector>

#include "sipstack/base/flow.hpp"
#include "sipstack/base/time.hpp"

namespace sipstack {

/// A target is transport, address, port and whom it must prove to be: what one server does says nothing of its
/// neighbours, nor of the name that led there. Few fail at a time, so it is a list; a full one forgets what would end first.
class Avoided {
 public:
  static constexpr std::size_t kMost = 256;

  void add(const Flow& target, TimePoint until) noexcept {
    const auto known = find(target);
    if (known != list_.end()) {
      known->until = std::max(known->until, until);
      return;
    }
    if (list_.size() >= kMost) {
      *std::min_element(list_.begin(), list_.end(), [](const Entry& a, const Entry& b) {
        return a.until < b.until;
      }) = {target.transport, target.remote, target.identity, until};
      return;
    }
    try {
      list_.push_back({target.transport, target.remote, target.identity, until});
    } catch (const std::bad_alloc&) {  // then it is tried once more
    }
  }
  /// It has answered.
  void remove(const Flow& target) noexcept {
    if (list_.empty()) return;
    const auto known = find(target);
    if (known == list_.end()) return;
    *known = list_.back();
    list_.pop_back();
  }
  bool has(const Flow& target, TimePoint now) const noexcept {
    const auto known = const_cast<Avoided*>(this)->find(target);
    return known != list_.end() && known->until > now;
  }
  void tidy(TimePoint now) noexcept {
    list_.erase(
        std::remove_if(list_.begin(), list_.end(), [&](const Entry& e) { return e.until <= now; }),
        list_.end());
  }
  bool empty() const noexcept { return list_.empty(); }

 private:
  struct Entry {
    Transport transport = Transport::udp;
    SocketAddress remote;
    std::uint32_t identity = 0;
    TimePoint until;
  };
  std::vector<Entry>::iterator find(const Flow& target) noexcept {
    return std::find_if(list_.begin(), list_.end(), [&](const Entry& e) {
      return e.transport == target.transport && e.remote == target.remote &&
             e.identity == target.identity;
    });
  }

  std::vector<Entry> list_;
};

}  // namespace sipstack
