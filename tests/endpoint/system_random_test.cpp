// SPDX-License-Identifier: Apache-2.0
// SystemRandom: what must not be guessed.
#include <algorithm>
#include <array>
#include <cstdint>
#include <set>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

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

namespace {

using Token = std::uint64_t;  // as many bits as a tag has

std::vector<Token> draw(std::size_t count) {
  SystemRandom random;
  std::vector<Token> tokens(count);
  for (Token& token : tokens) token = random.next();
  return tokens;
}

}  // namespace

// hardening A57: the child has all that its parent had, time and OpenSSL's state with it, but for its process id.
TEST_CASE(
    "A57: a million tokens of two processes that begin in the same moment are all different") {
#if defined(SIPSTACK_SANITIZED)
  constexpr std::size_t kEach = 50'000;
#else
  constexpr std::size_t kEach = 500'000;
#endif
  draw(1);  // the generator is seeded before they part
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const std::vector<Token> tokens = draw(kEach);
    const auto* at = reinterpret_cast<const char*>(tokens.data());
    std::size_t left = tokens.size() * sizeof(Token);
    while (left > 0) {
      const ssize_t written = ::write(ends[1], at, left);
      if (written <= 0) _exit(1);
      at += written;
      left -= static_cast<std::size_t>(written);
    }
    _exit(0);
  }
  ::close(ends[1]);
  std::vector<Token> all = draw(kEach);
  all.resize(2 * kEach);
  auto* at = reinterpret_cast<char*>(all.data() + kEach);
  std::size_t left = kEach * sizeof(Token);
  while (left > 0) {
    const ssize_t got = ::read(ends[0], at, left);
    if (got <= 0) break;
    at += got;
    left -= static_cast<std::size_t>(got);
  }
  ::close(ends[0]);
  int status = -1;
  CHECK(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  REQUIRE(left == 0);
  std::sort(all.begin(), all.end());
  CHECK(std::adjacent_find(all.begin(), all.end()) == all.end());
}
