// SPDX-License-Identifier: Apache-2.0
// Diversion values. RFC 5806 sections 4 and 5.
#include "sipstack/dialog/diversion.hpp"

#include <algorithm>

namespace sipstack {
namespace {

constexpr std::size_t kMaxDiversions = 16;

}  // namespace

std::string_view to_string(DiversionReason reason) noexcept {
  static constexpr std::string_view kNames[] = {
      "unknown",        "user-busy",  "no-answer", "unavailable",    "unconditional", "time-of-day",
      "do-not-disturb", "deflection", "follow-me", "out-of-service", "away"};
  const auto i = static_cast<std::size_t>(reason);
  return i < std::size(kNames) ? kNames[i] : kNames[0];
}

std::string diversion(std::string_view by, DiversionReason reason) {
  std::string out = "<";
  out.append(by).append(">;reason=").append(to_string(reason)).append(";counter=1");
  return out;
}

ExtraHeaders diverted(const MessageView& invite, DiversionReason reason) {
  ExtraHeaders out;
  out.emplace_back("Diversion", diversion(invite.request_uri().text, reason));
  for (const auto& by : invite.all(hdr::diversion)) {
    if (!by || out.size() >= kMaxDiversions) break;
    out.emplace_back("Diversion", unfold(by->text));
  }
  return out;
}

std::uint32_t diversions(const MessageView& invite) noexcept {
  std::uint32_t sum = 0;
  for (const auto& by : invite.all(hdr::diversion)) {
    // A counter of 2^32-1 says that it is too often, and must not wrap to say that it never was.
    const std::uint32_t one = by ? std::max<std::uint32_t>(by->counter().value_or(1), 1) : 1;
    sum = one > UINT32_MAX - sum ? UINT32_MAX : sum + one;
    if (!by) break;
  }
  return sum;
}

}  // namespace sipstack
