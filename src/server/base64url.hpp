// SPDX-License-Identifier: Apache-2.0
// Bytes in the user part of a URI: base 64 of RFC 4648 section 5, without padding.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sipstack::server {

inline constexpr std::string_view kBase64Url =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

inline std::string base64url(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size() * 4 / 3 + 1);
  unsigned bits = 0;
  int count = 0;
  for (const char c : bytes) {
    bits = bits << 8 | static_cast<unsigned char>(c);
    for (count += 8; count >= 6;) out += kBase64Url[bits >> (count -= 6) & 63];
  }
  if (count > 0) out += kBase64Url[bits << (6 - count) & 63];
  return out;
}

/// Nothing where a byte is no digit, or a digit too many.
inline std::optional<std::string> from_base64url(std::string_view text) {
  std::string out;
  unsigned bits = 0;
  int count = 0;
  for (const char c : text) {
    const auto digit = kBase64Url.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    bits = bits << 6 | static_cast<unsigned>(digit);
    if ((count += 6) >= 8) out += static_cast<char>(bits >> (count -= 8) & 0xff);
  }
  if (count >= 6) return std::nullopt;
  return out;
}

}  // namespace sipstack::server
