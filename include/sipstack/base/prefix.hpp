// SPDX-License-Identifier: Apache-2.0
// Networks of addresses, as options name them, and what counts as one source.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "sipstack/base/address.hpp"
#include "sipstack/base/keyed_hash.hpp"

namespace sipstack {

/// A network: "192.0.2.0/24", "2001:db8::/32" (RFC 4632 section 3.1, RFC 4291 section 2.3). A plain value.
struct IpPrefix {
  IpAddress address;
  unsigned bits = 0;  ///< of the address that count: 0 to 32, or to 128

  /// Reads ADDRESS or ADDRESS/BITS; an address alone is itself alone. Nothing for anything else. Bits of the
  /// address behind the prefix are passed over.
  static std::optional<IpPrefix> parse(std::string_view text) noexcept;
  /// False for an address of the other family.
  bool contains(const IpAddress& ip) const noexcept;
};

/// Who counts as one where sources are counted: an IPv4 address, or an IPv6 /64, which is what one
/// subscriber has at the least (RFC 6177). The two don't meet: no IPv6 network that is routed begins with 32
/// zero bits.
std::uint64_t source_prefix(const IpAddress& ip) noexcept;
/// Where a table of sources has that one.
std::uint64_t source_hash(const HashKey& key, std::uint64_t prefix) noexcept;

}  // namespace sipstack
