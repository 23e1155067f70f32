// SPDX-License-Identifier: Apache-2.0
// Users files: passwords, HA1s of either kind, and which line is wrong.
#include "sipstack/server/users.hpp"

#include <string>

#include "catch.hpp"

using namespace sipstack;

namespace {

const std::string kMd5 = digest_ha1(DigestAlgorithm::md5, "alice", "example.org", "wonder land:7");
const std::string kSha =
    digest_ha1(DigestAlgorithm::sha256, "alice", "example.org", "wonder land:7");

Users users(std::string_view text) {
  auto parsed = parse_users(text, "example.org");
  REQUIRE(parsed);
  return *parsed;
}

std::optional<std::string> md5(const Users& u, std::string_view user) {
  return u.lookup()(user, DigestAlgorithm::md5);
}
std::optional<std::string> sha(const Users& u, std::string_view user) {
  return u.lookup()(user, DigestAlgorithm::sha256);
}

}  // namespace

TEST_CASE("a password becomes an HA1 of both kinds, colons and spaces in it included") {
  const Users u = users("alice:wonder land:7\n");
  CHECK(u.size() == 1);
  CHECK(md5(u, "alice") == kMd5);
  CHECK(sha(u, "alice") == kSha);
  CHECK_FALSE(md5(u, "Alice"));
  CHECK_FALSE(md5(u, "bob"));
  CHECK(u.algorithms() ==
        std::vector<DigestAlgorithm>{DigestAlgorithm::sha256, DigestAlgorithm::md5});
}

TEST_CASE("32 hex digits are an MD5 HA1, 64 a SHA-256 one, 31 a password") {
  std::string upper = kMd5;
  for (char& c : upper) c = static_cast<char>(c >= 'a' ? c - 32 : c);
  const Users u = users("alice:" + upper + "\nbob:" + kSha + "\ncarol:" + kMd5.substr(1) + "\n");
  CHECK(md5(u, "alice") == kMd5);
  CHECK_FALSE(sha(u, "alice"));
  CHECK(sha(u, "bob") == kSha);
  CHECK_FALSE(md5(u, "bob"));
  CHECK(md5(u, "carol") ==
        digest_ha1(DigestAlgorithm::md5, "carol", "example.org", kMd5.substr(1)));
}

TEST_CASE("a user may stand twice with an HA1 of either kind") {
  const Users u = users("alice:" + kMd5 + "\nalice:" + kSha);
  CHECK(u.size() == 1);
  CHECK(md5(u, "alice") == kMd5);
  CHECK(sha(u, "alice") == kSha);
}

TEST_CASE("what every user can answer is what is challenged with") {
  CHECK(users("alice:" + kMd5 + "\nbob:secret\n").algorithms() ==
        std::vector<DigestAlgorithm>{DigestAlgorithm::md5});
  CHECK(users("alice:" + kSha + "\nbob:secret\n").algorithms() ==
        std::vector<DigestAlgorithm>{DigestAlgorithm::sha256});
  CHECK(users("alice:" + kSha + "\nbob:" + kMd5 + "\n").algorithms().size() == 2);
}

TEST_CASE("comments, empty lines and CRLF are nothing") {
  const Users u = users("# users of example.org\r\n\r\n   \nalice:secret\r\n#bob:x\n");
  CHECK(u.size() == 1);
  CHECK(md5(u, "alice") == digest_ha1(DigestAlgorithm::md5, "alice", "example.org", "secret"));
}

TEST_CASE("a file without users knows nobody, and is a file all the same") {
  const Users u = users("# nobody yet\n");
  CHECK(u.size() == 0);
  REQUIRE(u.lookup());
  CHECK_FALSE(md5(u, "alice"));
  CHECK_FALSE(Users().lookup());
}

TEST_CASE("the first wrong line is named") {
  const auto line = [](std::string_view text) {
    const auto parsed = parse_users(text, "example.org");
    REQUIRE_FALSE(parsed);
    CHECK_FALSE(parsed.error().message.empty());
    CHECK(parsed.error().message.find("secret") == std::string::npos);
    return parsed.error().line;
  };
  CHECK(line("alice secret\n") == 1);
  CHECK(line("# x\n\nalice:\n") == 3);
  CHECK(line(":secret\n") == 1);
  CHECK(line("alice:secret\nbob:x\nalice:other") == 3);
  CHECK(line("alice:" + kMd5 + "\nalice:secret2") == 2);
  CHECK(line(std::string_view("alice:secret\0x\n", 15)) == 1);
}
