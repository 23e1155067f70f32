// SPDX-License-Identifier: Apache-2.0
// What every parser must bring out of a message: summed up, so that it shows whether all did the same.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

// Marks of single fields, to be added up: one addition to the record for a header, so that the sum's own
// latency is not what is measured.
inline std::uint64_t mark(std::string_view s) noexcept {
  if (s.empty()) return 0;
  return s.size() * 257 + static_cast<unsigned char>(s.front()) +
         static_cast<unsigned char>(s.back()) * 3U;
}
inline std::uint64_t mark(const char* s) noexcept {
  return s == nullptr ? 0 : mark(std::string_view(s));
}
/// Without the quotes around it.
inline std::uint64_t mark_unquoted(std::string_view s) noexcept {
  if (s.size() >= 2 && s.front() == '"' && s.back() == '"') s = s.substr(1, s.size() - 2);
  return mark(s);
}
inline std::uint64_t mark_unquoted(const char* s) noexcept {
  return s == nullptr ? 0 : mark_unquoted(std::string_view(s));
}
inline std::uint64_t mark(std::uint64_t n) noexcept { return n * 31; }
constexpr std::uint64_t kOne = 1000003;

struct Record {
  std::uint64_t sum = 0;
  void add(std::uint64_t marks) noexcept { sum += marks; }
};

inline std::uint64_t decimal(const char* s) noexcept {
  std::uint64_t value = 0;
  for (; s != nullptr && *s >= '0' && *s <= '9'; ++s)
    value = value * 10 + static_cast<unsigned>(*s - '0');
  return value;
}

// Each reads all of the messages and gives the sum; 0 where one could not be read.
using Texts = std::vector<std::string>;
std::uint64_t osip_everything(const Texts& messages);
std::uint64_t osip_transaction(const Texts& messages);
std::uint64_t osip_sdp(const Texts& bodies);
std::uint64_t sofia_everything(const Texts& messages);
std::uint64_t sofia_transaction(const Texts& messages);
std::uint64_t sofia_sdp(const Texts& bodies);

}  // namespace bench
