// SPDX-License-Identifier: Apache-2.0
// What a lenient reader let pass in a body: each repair told, nothing allocated.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sipstack {

/// One departure from a specification that was read all the same. The texts are constants.
struct Deviation {
  std::uint32_t offset = 0;  ///< of the byte, in the text that was given to the reader
  std::string_view rule;     ///< stable name for machines: "line-feed", "missing-time", ...
  std::string_view rfc;      ///< the section that asks for something else
  std::string_view assumed;  ///< what it was taken for
};

/// A sink for deviations, in the caller's storage. Keeps the first kCapacity and counts the others, so
/// that no input can make it grow. Threads: none.
class Deviations {
 public:
  static constexpr std::size_t kCapacity = 64;

  void add(std::size_t offset, std::string_view rule, std::string_view rfc,
           std::string_view assumed) noexcept {
    if (size_ < kCapacity)
      items_[size_++] = {static_cast<std::uint32_t>(offset), rule, rfc, assumed};
    else
      ++missed_;
  }
  void clear() noexcept { size_ = missed_ = 0; }

  const Deviation* begin() const noexcept { return items_; }
  const Deviation* end() const noexcept { return items_ + size_; }
  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  /// How many came when it was full.
  std::size_t missed() const noexcept { return missed_; }
  /// Whether a rule of that name is among them.
  bool has(std::string_view rule) const noexcept {
    for (const Deviation& item : *this)
      if (item.rule == rule) return true;
    return false;
  }

 private:
  Deviation items_[kCapacity];
  std::size_t size_ = 0;
  std::size_t missed_ = 0;
};

}  // namespace sipstack
