// SPDX-License-Identifier: Apache-2.0
// Handlers of a user, and handles as keys.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

#include "sipstack/base/slab.hpp"

namespace sipstack {

/// A user's handler that may be replaced, or die with its owner, while it runs. Eight bytes while there is
/// none: a call has a dozen of these, and mostly three that are set.
template <class... Args>
class HandlerSlot {
 public:
  using Function = std::function<void(Args...)>;
  HandlerSlot() = default;
  HandlerSlot(const HandlerSlot&) = delete;
  HandlerSlot& operator=(const HandlerSlot&) = delete;
  ~HandlerSlot() { release(held_); }
  HandlerSlot& operator=(Function function) {
    release(std::exchange(held_, function ? new Held{std::move(function), 1} : nullptr));
    return *this;
  }
  explicit operator bool() const noexcept { return held_ != nullptr; }
  template <class... Given>
  void operator()(Given&&... given) const {
    if (held_ == nullptr) return;
    const Running running(held_);
    running.held->function(std::forward<Given>(given)...);
  }

 private:
  struct Held {
    Function function;
    std::uint32_t users;  ///< the slot, and calls that are under way: on one thread
  };
  struct Running {
    explicit Running(Held* h) noexcept : held(h) { ++held->users; }
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;
    ~Running() { release(held); }
    Held* held;
  };
  static void release(Held* held) noexcept {
    if (held != nullptr && --held->users == 0) delete held;
  }

  Held* held_ = nullptr;
};

/// A handler to be called once, of an operation that is under way now and then.
template <class... Args>
class OnceSlot {
 public:
  using Function = std::function<void(Args...)>;
  OnceSlot& operator=(Function function) {
    function_ = function ? std::make_unique<Function>(std::move(function)) : nullptr;
    return *this;
  }
  explicit operator bool() const noexcept { return function_ != nullptr; }
  /// Empty where there was none.
  Function take() {
    const auto taken = std::move(function_);
    return taken ? std::move(*taken) : Function();
  }

 private:
  std::unique_ptr<Function> function_;
};

struct HandleHash {
  template <class T>
  std::size_t operator()(Handle<T> h) const noexcept {
    return std::hash<std::uint64_t>()((std::uint64_t{h.generation} << 32) | h.slot);
  }
};

}  // namespace sipstack
