// SPDX-License-Identifier: Apache-2.0
// HA1s from a table, as others write it meanwhile.
#include "sipstack/store/sqlite_users.hpp"

#include <sqlite3.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "catch.hpp"

using namespace sipstack;

namespace {

struct UsersFixture {
  UsersFixture() {
    std::random_device device;
    path = (std::filesystem::temp_directory_path() /
            ("sipstack-users-" + std::to_string(device()) + std::to_string(device())))
               .string();
    REQUIRE(sqlite3_open(path.c_str(), &writer) == SQLITE_OK);
    options.patience_ms = 1;
    options.log = [this](LogLevel, std::string_view text) { said.emplace_back(text); };
  }
  ~UsersFixture() {
    sqlite3_close(writer);
    for (const char* suffix : {"", "-journal", "-wal", "-shm"})
      std::remove((path + suffix).c_str());
  }
  void sql(const std::string& text) {
    REQUIRE(sqlite3_exec(writer, text.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK);
  }
  void create() {
    sql("CREATE TABLE users (user TEXT NOT NULL, realm TEXT NOT NULL, algorithm TEXT NOT NULL,"
        " ha1 TEXT NOT NULL, PRIMARY KEY (user, realm, algorithm)) WITHOUT ROWID");
  }
  void add(const std::string& user, DigestAlgorithm algorithm, const std::string& ha1,
           const std::string& realm = "example.org") {
    sql("INSERT INTO users VALUES ('" + user + "', '" + realm + "', '" +
        std::string(to_string(algorithm)) + "', '" + ha1 + "')");
  }
  SqliteUsers open() {
    auto users = SqliteUsers::open(path, "example.org", options);
    if (!users) FAIL(users.error());
    return *users;
  }

  std::string path;
  sqlite3* writer = nullptr;
  SqliteUsersOptions options;
  std::vector<std::string> said;
};

constexpr auto kMd5 = DigestAlgorithm::md5;
constexpr auto kSha256 = DigestAlgorithm::sha256;
const std::string kMd5Digits = "0123456789abcdef0123456789ABCDEF";

}  // namespace

TEST_CASE("sqlite users: by user, realm and algorithm, as the table is now") {
  UsersFixture f;
  f.create();
  f.add("alice", kMd5, kMd5Digits);
  f.add("alice", kSha256, kMd5Digits + kMd5Digits);
  f.add("bob", kMd5, kMd5Digits, "example.com");
  const Ha1Lookup lookup = f.open().lookup();
  CHECK(lookup("alice", kMd5) == "0123456789abcdef0123456789abcdef");
  CHECK(lookup("alice", kSha256)->size() == 64);
  CHECK_FALSE(lookup("alice", DigestAlgorithm::sha512_256));
  CHECK_FALSE(lookup("ALICE", kMd5));
  CHECK_FALSE(lookup("bob", kMd5));
  CHECK_FALSE(lookup("", kMd5));
  CHECK_FALSE(lookup("' OR 1=1 --", kMd5));
  CHECK_FALSE(lookup(std::string_view("alice\0", 6), kMd5));
  f.sql("DELETE FROM users WHERE algorithm = 'MD5'");
  CHECK_FALSE(lookup("alice", kMd5));
  CHECK(lookup("alice", kSha256));
  f.add("eve", kMd5, "secret");  // a password where an HA1 should be
  f.add("eva", kMd5, kMd5Digits + "'||x'00'||'");
  CHECK_FALSE(lookup("eve", kMd5));
  CHECK_FALSE(lookup("eva", kMd5));
  CHECK(lookup("alice", kSha256));
  REQUIRE(f.said.size() == 1);
  CHECK(f.said[0] == "users: a row's ha1 is none of its algorithm");
}

TEST_CASE("sqlite users: challenges are such as everybody can answer") {
  UsersFixture f;
  f.create();
  const auto users = f.open();
  using Algorithms = std::vector<DigestAlgorithm>;
  CHECK(*users.algorithms() == Algorithms{kSha256, kMd5});  // nobody could be locked out
  f.add("alice", kSha256, kMd5Digits + kMd5Digits);
  CHECK(*users.algorithms() == Algorithms{kSha256});
  f.add("bob", kMd5, kMd5Digits);
  CHECK(*users.algorithms() == Algorithms{kSha256, kMd5});  // none for all: each that some have
  f.add("alice", kMd5, kMd5Digits);
  f.add("carol", kSha256, kMd5Digits + kMd5Digits, "example.com");
  CHECK(*users.algorithms() == Algorithms{kMd5});
}

TEST_CASE("sqlite users: while the file is locked nobody is known; in WAL mode it is never") {
  UsersFixture f;
  f.create();
  f.add("alice", kMd5, kMd5Digits);
  const auto users = f.open();
  const Ha1Lookup lookup = users.lookup();
  SECTION("with a rollback journal") {
    f.sql("BEGIN EXCLUSIVE");
    CHECK_FALSE(lookup("alice", kMd5));
    CHECK_FALSE(lookup("alice", kMd5));
    CHECK_FALSE(users.algorithms());
    f.sql("COMMIT");
    CHECK(lookup("alice", kMd5));
    const auto c = users.counters();
    CHECK(c.lookups == 3);
    CHECK(c.found == 1);
    CHECK(c.failed == 2);
    CHECK(c.lookup_time >= std::chrono::milliseconds(2 * f.options.patience_ms));
    CHECK(f.said == std::vector<std::string>{"users: database is locked",
                                             "users: the table can be read again"});
  }
  SECTION("in WAL mode") {
    f.sql("PRAGMA journal_mode=WAL");
    f.sql("BEGIN EXCLUSIVE");
    f.sql("DELETE FROM users");
    CHECK(lookup("alice", kMd5));
    f.sql("COMMIT");
    CHECK_FALSE(lookup("alice", kMd5));
    CHECK(f.said.empty());
  }
}

TEST_CASE("sqlite users: files without the table are refused") {
  UsersFixture f;
  f.sql("CREATE TABLE others (x)");
  const auto users = SqliteUsers::open(f.path, "example.org", f.options);
  REQUIRE_FALSE(users);
  CHECK(users.error().find("no such table") != std::string::npos);
  CHECK_FALSE(SqliteUsers::open(f.path + "-none", "example.org"));
  CHECK_FALSE(std::filesystem::exists(f.path + "-none"));  // nothing is created
}
