// SPDX-License-Identifier: Apache-2.0
#include "sipstack/base/prefix.hpp"

#include <charconv>
#include <cstring>

namespace sipstack {

std::optional<IpPrefix> IpPrefix::parse(std::string_view text) noexcept {
  const auto slash = text.find('/');
  const auto ip = IpAddress::parse(text.substr(0, slash));
  if (!ip) return std::nullopt;
  const unsigned most = ip->is_v4() ? 32 : 128;
  if (slash == std::string_view::npos) return IpPrefix{*ip, most};
  const std::string_view digits = text.substr(slash + 1);
  unsigned bits = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
  if (error != std::errc() || end != digits.data() + digits.size() || bits > most)
    return std::nullopt;
  return IpPrefix{*ip, bits};
}

bool IpPrefix::contains(const IpAddress& ip) const noexcept {
  if (ip.is_v4() != address.is_v4() || ip.is_v6() != address.is_v6()) return false;
  const std::size_t whole = bits / 8;
  if (std::memcmp(ip.storage().data(), address.storage().data(), whole) != 0) return false;
  if (bits % 8 == 0) return true;
  const auto mask = static_cast<unsigned>(0xFF00U >> (bits % 8)) & 0xFFU;
  return ((ip.storage()[whole] ^ address.storage()[whole]) & mask) == 0;
}

std::uint64_t source_prefix(const IpAddress& ip) noexcept {
  std::uint64_t value = 0;
  char* const out = reinterpret_cast<char*>(&value);
  if (ip.is_v4())
    std::memcpy(out + 4, ip.storage().data(), 4);
  else
    std::memcpy(out, ip.storage().data(), 8);
  return value;
}

std::uint64_t source_hash(const HashKey& key, std::uint64_t prefix) noexcept {
  char bytes[sizeof prefix];
  std::memcpy(bytes, &prefix, sizeof prefix);
  return keyed_hash(key, {bytes, sizeof bytes});
}

}  // namespace sipstack
