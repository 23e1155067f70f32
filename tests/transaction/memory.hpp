// SPDX-License-Identifier: Apache-2.0
// Counts what this executable takes from the system, and can make it fail. See memory.cpp.
#pragma once

#include <cstddef>

namespace memory {

std::size_t live() noexcept;         ///< bytes taken and not given back, as the heap rounds them
std::size_t allocations() noexcept;  ///< how often anything was taken

/// While one of these lives, the n-th allocation from now on fails, and all behind it where `all` is set.
class Failing {
 public:
  explicit Failing(std::size_t n, bool all = false) noexcept;
  ~Failing();
  Failing(const Failing&) = delete;
  Failing& operator=(const Failing&) = delete;
  static bool happened() noexcept;  ///< since the last one began
};

/// While one of these lives, nothing fails and nothing counts towards n: for what a test itself does.
class Spared {
 public:
  Spared() noexcept;
  ~Spared();
  Spared(const Spared&) = delete;
  Spared& operator=(const Spared&) = delete;
};

}  // namespace memory
