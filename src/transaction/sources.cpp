// SPDX-License-Identifier: Apache-2.0
// Half-open transactions by source.
#include "transaction/sources.hpp"

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstring>
#include <string_view>

namespace sipstack {
namespace {

// 64 bits: an IPv4 address, or the network half of an IPv6 one. The two don't meet: no IPv6 network that
// is routed begins with 32 zero bits.
std::uint64_t prefix(const IpAddress& ip) noexcept {
  std::uint64_t value = 0;
  char* const out = reinterpret_cast<char*>(&value);
  if (ip.is_v4())
    std::memcpy(out + 4, ip.storage().data(), 4);
  else
    std::memcpy(out, ip.storage().data(), 8);
  return value;
}

struct KeyedHasher {
  using is_avalanching = void;
  HashKey key;
  std::size_t operator()(std::uint64_t value) const noexcept {
    char bytes[sizeof value];
    std::memcpy(bytes, &value, sizeof value);
    return keyed_hash(key, {bytes, sizeof bytes});
  }
};

}  // namespace

struct Sources::Counts {
  explicit Counts(const HashKey& key) : map(0, KeyedHasher{key}) {}
  boost::unordered_flat_map<std::uint64_t, std::size_t, KeyedHasher> map;
};

Sources::Sources(const HashKey& key) : counts_(std::make_unique<Counts>(key)) {}
Sources::~Sources() = default;

std::size_t Sources::count(const IpAddress& source) const noexcept {
  const auto found = counts_->map.find(prefix(source));
  return found == counts_->map.end() ? 0 : found->second;
}

void Sources::add(const IpAddress& source) { ++counts_->map[prefix(source)]; }

void Sources::remove(const IpAddress& source) noexcept {
  const auto found = counts_->map.find(prefix(source));
  if (found != counts_->map.end() && --found->second == 0) counts_->map.erase(found);
}

std::size_t Sources::size() const noexcept { return counts_->map.size(); }

}  // namespace sipstack
