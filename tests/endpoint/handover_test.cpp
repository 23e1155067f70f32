// SPDX-License-Identifier: Apache-2.0
// The ring between two shards: what goes in comes out, once, in order, whatever the sizes.
#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "catch.hpp"
#include "endpoint/handover_ring.hpp"
#include "sipstack/base/random.hpp"

using namespace sipstack;

namespace {

// Bytes that say of themselves which entry they are.
std::string nth(std::uint64_t n, std::size_t size) {
  std::string out(size, '\0');
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<char>('a' + (n + i) % 26);
  return out;
}

Handover entry(std::uint64_t n) {
  Handover one;
  one.token = n;
  one.flow.connection = n * 3;
  return one;
}

}  // namespace

TEST_CASE("a handover ring gives back what was put in, in order, and says when it is full") {
  SeededRandom random(7);
  HandoverRing ring(4096);
  std::deque<std::pair<std::uint64_t, std::string>> model;
  std::uint64_t in = 0;
  std::uint64_t out = 0;
  int full = 0;
  for (int step = 0; step < 100'000; ++step) {
    if (random.below(5) < 3) {
      const std::string bytes = nth(in, random.below(random.below(8) == 0 ? 1500 : 200));
      if (ring.push(entry(in), bytes))
        model.emplace_back(in++, bytes);
      else
        ++full;
    } else {
      ring.drain(random.below(4), [&](const Handover& one, std::string_view bytes) {
        REQUIRE(!model.empty());
        REQUIRE(one.token == model.front().first);
        REQUIRE(one.flow.connection == one.token * 3);
        REQUIRE(bytes == model.front().second);
        model.pop_front();
        ++out;
      });
    }
  }
  CHECK(full > 1000);
  CHECK(out > 10'000);
  ring.drain(~std::size_t{0}, [&](const Handover&, std::string_view) { model.pop_front(); });
  CHECK(model.empty());
  CHECK_FALSE(ring.push(entry(0), std::string(5000, 'x')));
  CHECK(ring.push(entry(0), {}));
}

TEST_CASE("a handover ring carries from one thread to another without a loss") {
  constexpr std::uint64_t kCount = 200'000;
  HandoverRing ring(4096);
  std::thread writer([&ring] {
    for (std::uint64_t n = 0; n < kCount;)
      if (ring.push(entry(n), nth(n, n % 300))) ++n;
  });
  std::uint64_t next = 0;
  std::uint64_t wrong = 0;
  while (next < kCount) {
    ring.drain(64, [&](const Handover& one, std::string_view bytes) {
      if (one.token != next || bytes != nth(next, next % 300)) ++wrong;
      ++next;
    });
  }
  writer.join();
  CHECK(wrong == 0);
  CHECK(ring.drain(1, [](const Handover&, std::string_view) {}) == 0);
}
