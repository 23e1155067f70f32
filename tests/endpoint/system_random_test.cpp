// SPDX-License-Identifier: Apache-2.0
// SystemRandom: what must not be guessed.
#include <algorithm>
#include <array>
#include <set>
#include <vector>

#include "catch.hpp"
#include "sipstack/endpoint/system_random.hpp"

using sipstack::SystemRandom;

TEST_CASE("a draw larger than the pool is filled to its last byte") {
  SystemRandom random;
  std::vector<unsigned char> bytes(3 * 4096 + 17, 0);
  random.fill(bytes.data(), bytes.size());
  // 64 zero bytes in a row would come by chance once in 2^512.
  const auto zeros = std::search_n(bytes.begin(), bytes.end(), 64, 0);
  CHECK(zeros == bytes.end());
}

TEST_CASE("nothing comes twice, in one instance or in two") {
  SystemRandom a;
  SystemRandom b;
  std::set<std::string> seen;
  for (int i = 0; i < 2000; ++i) {
    CHECK(seen.insert(a.token()).second);
    CHECK(seen.insert(b.token()).second);
  }
}

TEST_CASE("odd sizes across the pool's end leave no byte of the caller's alone") {
  SystemRandom random;
  std::array<unsigned char, 4093> head{};
  random.fill(head.data(), head.size());
  int touched = 0;
  for (int round = 0; round < 64; ++round) {
    std::array<unsigned char, 9> out{};
    random.fill(out.data(), out.size());
    touched += out.back() != 0 ? 1 : 0;
  }
  CHECK(touched > 48);  // a byte is 0 once in 256 times
}
