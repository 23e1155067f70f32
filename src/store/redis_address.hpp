// SPDX-License-Identifier: Apache-2.0
// Where a Redis is, and which node of a cluster a key belongs to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sipstack/base/expected.hpp"

namespace sipstack::store {

/// Of a TCP socket, or of one in the file system where `path` is set.
struct RedisAddress {
  std::string host;
  std::uint16_t port = 6379;
  std::string path;

  std::string to_string() const;
  friend bool operator==(const RedisAddress& a, const RedisAddress& b) {
    return a.host == b.host && a.port == b.port && a.path == b.path;
  }
};

struct RedisUrl {
  RedisAddress address;
  std::string user;
  std::string password;  ///< empty: nobody asks for one
  unsigned database = 0;
};

/// See RedisLocation::open(). A sentence where it is none, without the password.
expected<RedisUrl, std::string> parse_redis_url(std::string_view url);

constexpr std::size_t kRedisSlots = 16384;

/// CRC16 of what stands between the first `{` and the next `}`, or of all of it where that is nothing (Redis
/// cluster specification, "Keys distribution model" and "Hash tags").
std::size_t redis_slot(std::string_view key) noexcept;

/// `MOVED 3999 127.0.0.1:6381` and `ASK 3999 127.0.0.1:6381`: who has the slot, for good or for this once.
struct RedisRedirect {
  bool once = false;
  std::size_t slot = 0;
  RedisAddress to;  ///< no host: that of whoever said so
};
std::optional<RedisRedirect> parse_redis_redirect(std::string_view error);

}  // namespace sipstack::store
