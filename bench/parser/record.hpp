// SPDX-License-Identifier: Apache-2.0
// What every parser must bring out of a message: summed up, so that it shows whether all did the same.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

struct Record {
  std::uint64_t sum = 0;
  void text(std::string_view s) noexcept {
    if (s.empty()) return;
    sum += s.size() * 257 + static_cast<unsigned char>(s.front()) +
           static_cast<unsigned char>(s.back()) * 3U;
  }
  /// Without the quotes around it.
  void unquoted(std::string_view s) noexcept {
    if (s.size() >= 2 && s.front() == '"' && s.back() == '"') s = s.substr(1, s.size() - 2);
    text(s);
  }
  void text(const char* s) noexcept {
    if (s != nullptr) text(std::string_view(s));
  }
  void unquoted(const char* s) noexcept {
    if (s != nullptr) unquoted(std::string_view(s));
  }
  void number(std::uint64_t n) noexcept { sum += n * 31; }
  void one() noexcept { sum += 1000003; }
};

inline std::uint64_t decimal(const char* s) noexcept {
  std::uint64_t value = 0;
  for (; s != nullptr && *s >= '0' && *s <= '9'; ++s) value = value * 10 + static_cast<unsigned>(*s - '0');
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
