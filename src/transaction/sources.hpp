// SPDX-License-Identifier: Apache-2.0
// How many half-open transactions each source has: IPv4 by address, IPv6 by /64.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "sipstack/base/address.hpp"
#include "sipstack/base/keyed_hash.hpp"

namespace sipstack {

/// As many entries as there are sources with something open: no more than transactions.
class Sources {
 public:
  explicit Sources(const HashKey& key);
  ~Sources();
  std::size_t count(const IpAddress& source) const noexcept;
  void add(const IpAddress& source);
  void remove(const IpAddress& source) noexcept;
  std::size_t size() const noexcept;

 private:
  struct Counts;
  std::unique_ptr<Counts> counts_;
};

}  // namespace sipstack
