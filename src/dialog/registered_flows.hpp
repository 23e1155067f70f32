// SPDX-License-Identifier: Apache-2.0
// The flows by which registrations reach us, and which registrations stand for one another.
// RFC 5626 sections 4.4 and 4.5.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <unordered_map>

#include "sipstack/base/flow.hpp"
#include "sipstack/base/time.hpp"

namespace sipstack {

/// One add_flows(): how many of its registrations are there, and how many of them stand.
struct FlowSet {
  std::uint32_t members = 0;
  std::uint32_t standing = 0;
};

/// A connection is its number, whatever else is known of it; a UDP flow is its two ends.
inline bool same_flow(const Flow& a, const Flow& b) noexcept {
  if (a.transport != b.transport || a.connection != b.connection) return false;
  return a.connection != 0 || (a.local == b.local && a.remote == b.remote);
}

/// Flows that registrations depend on, each with how many do and how often it is kept alive.
class RegisteredFlows {
 public:
  /// One more depends on it. True where it has to be kept alive more often than before.
  bool add(const Flow& flow, Duration interval) {
    Entry& entry = flows_[flow];
    ++entry.users;
    if (entry.interval != Duration::zero() && entry.interval <= interval) return false;
    entry.interval = interval;
    return true;
  }
  /// True where nobody depends on it any more. False for one that is gone.
  bool remove(const Flow& flow) {
    const auto found = flows_.find(flow);
    if (found == flows_.end() || --found->second.users != 0) return false;
    flows_.erase(found);
    return true;
  }
  /// It is gone. True where somebody depends on it.
  bool forget(const Flow& flow) { return flows_.erase(flow) != 0; }

 private:
  struct Entry {
    std::size_t users = 0;
    Duration interval{};
  };
  struct Hash {
    std::size_t operator()(const Flow& f) const noexcept {
      if (f.connection != 0) return std::hash<ConnectionId>()(f.connection);
      const auto of = [](const SocketAddress& a) {
        return std::hash<std::string_view>()(a.ip.bytes()) * 31 + a.port;
      };
      return of(f.remote) * 31 + of(f.local);
    }
  };
  struct Same {
    bool operator()(const Flow& a, const Flow& b) const noexcept { return same_flow(a, b); }
  };
  std::unordered_map<Flow, Entry, Hash, Same> flows_;
};

}  // namespace sipstack
