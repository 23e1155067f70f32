// SPDX-License-Identifier: Apache-2.0
// Tokens and the generator that replays a run.
#include "sipstack/base/random.hpp"

#include <cstring>
#include <set>
#include <string>

#include "catch.hpp"

using sipstack::SeededRandom;

namespace {

class Counting final : public sipstack::Random {
 public:
  void fill(void* out, std::size_t size) noexcept override {
    for (std::size_t i = 0; i < size; ++i) static_cast<unsigned char*>(out)[i] = next_++;
  }

 private:
  unsigned char next_ = 0;
};

}  // namespace

TEST_CASE("a token is two lower-case hex digits for each random byte") {
  Counting source;
  CHECK(source.token(4) == "00010203");
  CHECK(source.token(0).empty());
  CHECK(source.token().size() == 16);
  std::string all;
  Counting again;
  all = again.token(256);
  CHECK(all.size() == 512);
  CHECK(all.substr(0, 6) == "000102");
  CHECK(all.substr(64, 4) == "2021");
  CHECK(all.substr(506) == "fdfeff");
}

TEST_CASE("the same seed gives the same bytes and another seed others") {
  SeededRandom a(42);
  SeededRandom b(42);
  SeededRandom c(43);
  const std::string first = a.token(100);
  CHECK(first == b.token(100));
  CHECK(first != c.token(100));
  CHECK(first != a.token(100));
}

TEST_CASE("SplitMix64 gives its published first values for seed 1234567") {
  SeededRandom random(1234567);
  unsigned char bytes[8];
  const std::uint64_t expected[] = {6457827717110365317U, 3203168211198807973U,
                                    9817491932198370423U};
  for (std::uint64_t value : expected) {
    random.fill(bytes, 8);
    std::uint64_t read = 0;
    for (int i = 8; i-- > 0;) read = read << 8 | bytes[i];
    CHECK(read == value);
  }
}

TEST_CASE("below stays below and reaches every value") {
  SeededRandom random(1);
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 1000; ++i) {
    const std::uint64_t value = random.below(7);
    REQUIRE(value < 7);
    seen.insert(value);
  }
  CHECK(seen.size() == 7);
}

TEST_CASE("a thousand tokens differ") {
  SeededRandom random(2);
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(random.token());
  CHECK(seen.size() == 1000);
}
