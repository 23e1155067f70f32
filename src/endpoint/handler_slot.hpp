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

/// A user's handler that may be replaced, or die with its owner, while it runs.
template <class... Args>
class HandlerSlot {
 public:
  using Function = std::function<void(Args...)>;
  HandlerSlot& operator=(Function function) {
    function_ = function ? std::make_shared<const Function>(std::move(function)) : nullptr;
    return *this;
  }
  explicit operator bool() const noexcept { return function_ != nullptr; }
  template <class... Given>
  void operator()(Given&&... given) const {
    const auto running = function_;
    if (running) (*running)(std::forward<Given>(given)...);
  }

 private:
  std::shared_ptr<const Function> function_;
};

struct HandleHash {
  template <class T>
  std::size_t operator()(Handle<T> h) const noexcept {
    return std::hash<std::uint64_t>()((std::uint64_t{h.generation} << 32) | h.slot);
  }
};

}  // namespace sipstack
