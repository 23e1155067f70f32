// SPDX-License-Identifier: Apache-2.0
// Transport names, as Via and as URIs spell them. RFC 3261 section 25.1, RFC 7118 section 5.
#include "sipstack/base/flow.hpp"

#include <cstddef>

namespace sipstack {
namespace {

struct Names {
  std::string_view via;
  std::string_view uri;
};

constexpr Names kNames[] = {
    {"UDP", "udp"}, {"TCP", "tcp"}, {"TLS", "tls"}, {"WS", "ws"}, {"WSS", "wss"}};

bool matches(std::string_view text, std::string_view upper) noexcept {
  if (text.size() != upper.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c != upper[i] && (c < 'a' || c > 'z' || c - 'a' + 'A' != upper[i])) return false;
  }
  return true;
}

}  // namespace

std::string_view via_name(Transport t) noexcept { return kNames[static_cast<std::size_t>(t)].via; }
std::string_view uri_name(Transport t) noexcept { return kNames[static_cast<std::size_t>(t)].uri; }

bool transport_from(std::string_view name, Transport& out) noexcept {
  for (std::size_t i = 0; i < sizeof kNames / sizeof *kNames; ++i) {
    if (!matches(name, kNames[i].via)) continue;
    out = static_cast<Transport>(i);
    return true;
  }
  return false;
}

}  // namespace sipstack
