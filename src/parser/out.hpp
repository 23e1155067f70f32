// SPDX-License-Identifier: Apache-2.0
// Bytes put together, piece by piece.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace sipstack {

// Most pieces are short: two overlapping moves take any length of the same power of two.
inline char* copy_bytes(char* to, const char* from, std::size_t size) noexcept {
  const auto ends = [&](auto unit) {
    constexpr std::size_t width = sizeof unit;
    decltype(unit) head;
    decltype(unit) tail;
    std::memcpy(&head, from, width);
    std::memcpy(&tail, from + size - width, width);
    std::memcpy(to, &head, width);
    std::memcpy(to + size - width, &tail, width);
  };
  struct Sixteen {
    char bytes[16];
  };
  if (size > 32)
    std::memcpy(to, from, size);
  else if (size >= 16)
    ends(Sixteen{});
  else if (size >= 8)
    ends(std::uint64_t{});
  else if (size >= 4)
    ends(std::uint32_t{});
  else if (size >= 2)
    ends(std::uint16_t{});
  else if (size == 1)
    *to = *from;
  return to + size;
}

// Bytes into storage whose size is known to suffice.
struct Out {
  char* at;
  Out& operator<<(std::string_view bytes) noexcept {
    at = copy_bytes(at, bytes.data(), bytes.size());
    return *this;
  }
};

}  // namespace sipstack
