// SPDX-License-Identifier: Apache-2.0
// SipHash-1-3 against values of other implementations and against the paper's construction.
#include "sipstack/base/keyed_hash.hpp"

#include <cstdint>
#include <string>

#include "catch.hpp"

using sipstack::HashKey;
using sipstack::keyed_hash;

namespace {

std::string counting(std::size_t length) {
  std::string out;
  for (std::size_t i = 0; i < length; ++i) out.push_back(static_cast<char>(i));
  return out;
}

// The paper's figure word for word, for any number of rounds: slow, on a padded copy of the input.
std::uint64_t by_the_paper(int c, int d, HashKey key, std::string m) {
  const std::size_t length = m.size();
  m.resize((length / 8) * 8 + 7, '\0');
  m.push_back(static_cast<char>(length % 256));
  std::uint64_t v[4] = {key.k0 ^ 0x736f6d6570736575U, key.k1 ^ 0x646f72616e646f6dU,
                        key.k0 ^ 0x6c7967656e657261U, key.k1 ^ 0x7465646279746573U};
  const auto rotl = [](std::uint64_t x, int b) { return (x << b) | (x >> (64 - b)); };
  const auto rounds = [&](int n) {
    while (n-- > 0) {
      v[0] += v[1], v[1] = rotl(v[1], 13), v[1] ^= v[0], v[0] = rotl(v[0], 32);
      v[2] += v[3], v[3] = rotl(v[3], 16), v[3] ^= v[2];
      v[0] += v[3], v[3] = rotl(v[3], 21), v[3] ^= v[0];
      v[2] += v[1], v[1] = rotl(v[1], 17), v[1] ^= v[2], v[2] = rotl(v[2], 32);
    }
  };
  for (std::size_t i = 0; i < m.size(); i += 8) {
    std::uint64_t word = 0;
    for (std::size_t b = 8; b-- > 0;) word = word << 8 | static_cast<unsigned char>(m[i + b]);
    v[3] ^= word;
    rounds(c);
    v[0] ^= word;
  }
  v[2] ^= 0xff;
  rounds(d);
  return v[0] ^ v[1] ^ v[2] ^ v[3];
}

constexpr HashKey kPaperKey{0x0706050403020100U, 0x0f0e0d0c0b0a0908U};

}  // namespace

TEST_CASE("keyed_hash gives the published SipHash-1-3 values for the zero key") {
  // The reference implementation's first two, then what CPython 3.11 (SipHash-1-3) says with PYTHONHASHSEED=0.
  CHECK(keyed_hash({}, "") == 0xd1fba762150c532cU);
  CHECK(keyed_hash({}, std::string(1, '\0')) == 0x68a914128e01e473U);
  CHECK(keyed_hash({}, "a") == 0x407448d2b89b1813U);
  CHECK(keyed_hash({}, "abcdefg") == 0x6db12aae9070f506U);
  CHECK(keyed_hash({}, "abcdefgh") == 0x3f7b849c0b8e35eaU);
  CHECK(keyed_hash({}, "z9hG4bK776asdhds") == 0x539004977bff3040U);
  CHECK(keyed_hash({}, counting(64)) == 0x75e05fd5bbc870c6U);
}

TEST_CASE("keyed_hash follows the paper for every length of the last word") {
  REQUIRE(by_the_paper(2, 4, kPaperKey, counting(15)) == 0xa129ca6149be45e5U);  // its appendix A
  for (std::size_t length = 0; length < 300; ++length) {
    CAPTURE(length);
    REQUIRE(keyed_hash(kPaperKey, counting(length)) ==
            by_the_paper(1, 3, kPaperKey, counting(length)));
  }
}

TEST_CASE("keyed_hash changes with either half of the key") {
  const std::uint64_t base = keyed_hash({1, 2}, "z9hG4bK");
  CHECK(keyed_hash({2, 2}, "z9hG4bK") != base);
  CHECK(keyed_hash({1, 3}, "z9hG4bK") != base);
  CHECK(keyed_hash({1, 2}, "z9hG4bK") == base);
}
