// SPDX-License-Identifier: Apache-2.0
// What `sipstack uas` tells of itself, and where it lets itself be referred to. RFC 3856, 4235, 3515.
#pragma once

#include <chrono>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>

#include "sipstack/dialog/event_bodies.hpp"
#include "tools/media.hpp"
#include "tools/node.hpp"

namespace sipstack::tools {

/// Its subscribers: everybody is let in, and told when a call changes.
class Watchers {
 public:
  explicit Watchers(Node& node) : node_(node) {}
  static constexpr const char* kPackages[] = {"presence", "dialog"};

  void add(Notifier notifier, const Message& request);

  using CallNumber = std::uint64_t;
  /// A call is there; `initiator`: we made it.
  CallNumber add(const Call& call, DialogInfo::State state, bool initiator);
  /// It has changed, or (terminated) is over.
  void changed(CallNumber number, DialogInfo::State state);

 private:
  struct Watcher {
    Notifier notifier;
    bool dialog = false;  ///< package
    std::string entity;
    std::uint32_t version = 0;
  };
  struct Known {
    Call call;
    DialogInfo::State state;
    bool initiator;
  };
  std::string state_for(Watcher& watcher) const;
  void tell();

  Node& node_;
  std::list<std::shared_ptr<Watcher>> watchers_;
  std::unordered_map<CallNumber, Known> calls_;
  CallNumber last_ = 0;
};

/// Follows REFERs with calls of its own.
class Referrals {
 public:
  /// `max_call`: hangs up after that time; zero: never.
  Referrals(Node& node, Watchers& watchers, std::chrono::milliseconds max_call)
      : node_(node), watchers_(watchers), max_call_(max_call) {}
  void follow(Notifier referral, const Message& refer);

 private:
  Node& node_;
  Watchers& watchers_;
  std::chrono::milliseconds max_call_;
};

}  // namespace sipstack::tools
