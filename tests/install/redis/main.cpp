// SPDX-License-Identifier: Apache-2.0
// A product that keeps bindings in Redis, built from an installed tree.
#include <cstdio>
#include <sipstack/store/redis_location.hpp>

int main() {
  const auto bad = sipstack::RedisLocation::open("rediss://127.0.0.1");
  if (bad) return 1;
  std::puts(bad.error().c_str());
  const auto store = sipstack::RedisLocation::open("redis+unix:///nowhere/redis.sock");
  return store && (*store)->counters().connected == 0 ? 0 : 1;
}
