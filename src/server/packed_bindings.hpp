// SPDX-License-Identifier: Apache-2.0
// The bindings of one AOR in one piece of memory: a million phones lie in it.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include "sipstack/server/location.hpp"

namespace sipstack::server {

/// For this process alone: what outlives it is written by another hand. Order is kept, and time to the
/// microsecond.
class PackedBindings {
 public:
  PackedBindings() = default;  ///< none
  PackedBindings(std::string_view aor, const std::vector<Binding>& bindings);

  explicit operator bool() const noexcept { return bytes_ != nullptr; }
  std::string_view aor() const noexcept;
  std::size_t count() const noexcept;
  /// Those that have not expired at `now`.
  std::vector<Binding> live(TimePoint now) const;

 private:
  std::unique_ptr<char[]> bytes_;
};

}  // namespace sipstack::server
