// SPDX-License-Identifier: Apache-2.0
// What RFC 3263 asks of DNS, as plain values, and the answers read from their bytes.
// RFC 1035 section 4, RFC 2782 (SRV), RFC 3403 section 4 (NAPTR), RFC 2308 (answers that say no).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sipstack/base/address.hpp"
#include "sipstack/base/time.hpp"

namespace sipstack {

/// One question. `name` is in lower case, without the last dot. An address is what A and AAAA hold,
/// both, or the hosts file, in the order in which to try them (RFC 6724).
struct DnsQuestion {
  enum class Kind : std::uint8_t { naptr, srv, address };
  Kind kind = Kind::address;
  std::string name;

  friend bool operator==(const DnsQuestion& a, const DnsQuestion& b) noexcept {
    return a.kind == b.kind && a.name == b.name;
  }
};

struct NaptrRecord {
  std::uint16_t order = 0;
  std::uint16_t preference = 0;
  std::string flags;
  std::string service;
  std::string regexp;
  std::string replacement;  ///< empty: the root, that is none
};

struct SrvRecord {
  std::uint16_t priority = 0;
  std::uint16_t weight = 0;
  std::uint16_t port = 0;
  std::string target;  ///< empty: ".", the service is decidedly not available
};

/// What came of a question: the records of its kind, no more than kMost of them (of SRV and NAPTR those
/// that are to be tried first).
struct DnsAnswer {
  enum class Outcome : std::uint8_t {
    failed,   ///< no answer, a server that could not say, or bytes that make no sense
    nothing,  ///< no such name, or no records of that kind
    found
  };
  static constexpr std::size_t kMost = 128;

  Outcome outcome = Outcome::failed;
  std::vector<NaptrRecord> naptr;
  std::vector<SrvRecord> srv;
  std::vector<IpAddress> addresses;
  Duration ttl = Duration::zero();  ///< how long it holds, a `nothing` too; zero: this once
};

/// Reads a whole DNS message that came as the answer to `question` (A, AAAA, SRV or NAPTR). Follows CNAMEs
/// inside the message, eight of them. Every length, count and pointer is checked; a message that breaks
/// off, answers another question or is marked truncated is `failed`, a record whose own data make no
/// sense is passed over. A TTL with the top bit set is zero (RFC 2181 section 8).
DnsAnswer read_dns_answer(std::string_view message, const DnsQuestion& question);

/// Whether DNS can be asked for an address by that name: labels of 1 to 63 letters, digits, hyphens and
/// underscores, 253 in all. A last dot is allowed.
bool is_host_name(std::string_view name) noexcept;

}  // namespace sipstack
