// SPDX-License-Identifier: Apache-2.0
// Operations with completion tokens, less the tokens: begun, waited for, cancelled. An outcome is told by
// the event that brings it; what can't begin or is given up is told in a turn of its own, for no handler is
// called from inside a command.
#pragma once

#include <functional>
#include <utility>

#include "endpoint/state.hpp"
#include "sipstack/base/errc.hpp"

namespace sipstack {

/// The waiting handler of a record that may be gone: done(cancelled, {}...) in a turn of its own.
template <class... Results>
void abandon(EndpointState& state, std::function<void(error_code, Results...)>& waiting) {
  if (auto done = std::exchange(waiting, nullptr))
    state.tell_later([done = std::move(done)] { done(Errc::cancelled, Results{}...); });
}
template <class... Results>
void abandon(EndpointState& state, OnceSlot<error_code, Results...>& waiting) {
  auto done = waiting.take();
  abandon(state, done);
}

/// The same of a table of handlers.
template <class Map, class Id>
void abandon(EndpointState& state, Map& map, Id id) {
  const auto found = map.find(id);
  if (found == map.end()) return;
  auto done = std::move(found->second);
  map.erase(found);
  abandon(state, done);
}

/// What can't begin.
template <class... Results>
void refuse(EndpointState& state, std::function<void(error_code, Results...)> done,
            error_code error) {
  state.refuse_later([done = std::move(done), error] { done(error, Results{}...); });
}

}  // namespace sipstack
