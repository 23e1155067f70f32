// SPDX-License-Identifier: Apache-2.0
#include "sipstack/store/sqlite_users.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string_view>
#include <utility>

#include "store/sqlite_database.hpp"

namespace sipstack {
namespace {

using store::SqliteDatabase;
using store::SqliteStatement;

/// Nothing where that is no HA1 of the algorithm.
std::optional<std::string> lower_digits(std::string_view text, DigestAlgorithm algorithm) {
  if (text.size() != (algorithm == DigestAlgorithm::md5 ? 32U : 64U) ||
      text.find_first_not_of("0123456789abcdefABCDEF") != std::string_view::npos)
    return std::nullopt;
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'F') c = static_cast<char>(c + ('a' - 'A'));
  return out;
}

}  // namespace

struct SqliteUsers::Impl {
  std::optional<std::string> find(std::string_view user, DigestAlgorithm algorithm);
  std::optional<std::string> look_up(std::string_view user, DigestAlgorithm algorithm);
  void log(LogLevel level, const std::string& what) const;

  SqliteUsersOptions options;
  std::string realm;
  std::atomic<std::uint64_t> lookups{0}, found{0}, failed{0};
  std::atomic<Duration::rep> lookup_time{0};
  std::mutex mutex;  ///< all below
  SqliteDatabase database;
  SqliteStatement one, users, of_kind;  // end before the database
  bool failing = false;
  bool malformed = false;  ///< some row was, and the log told
};

std::optional<std::string> SqliteUsers::Impl::find(std::string_view user,
                                                   DigestAlgorithm algorithm) {
  const auto begun = std::chrono::steady_clock::now();
  auto ha1 = look_up(user, algorithm);
  const auto took = std::chrono::steady_clock::now() - begun;
  lookup_time.fetch_add(std::chrono::duration_cast<Duration>(took).count());
  lookups.fetch_add(1);
  if (ha1) found.fetch_add(1);
  return ha1;
}

std::optional<std::string> SqliteUsers::Impl::look_up(std::string_view user,
                                                      DigestAlgorithm algorithm) {
  const std::lock_guard<std::mutex> lock(mutex);
  one.bind(1, user);
  one.bind(2, realm);
  one.bind(3, to_string(algorithm));
  const auto step = one.step();
  std::optional<std::string> ha1;
  if (step == SqliteStatement::Step::row) {
    ha1 = lower_digits(one.bytes(0), algorithm);
    if (!ha1 && !std::exchange(malformed, true))
      log(LogLevel::error, "a row's ha1 is none of its algorithm");
  }
  if (step == SqliteStatement::Step::failed) failed.fetch_add(1);
  if (const bool good = step != SqliteStatement::Step::failed; good == failing) {
    failing = !good;
    if (good)
      log(LogLevel::warning, "the table can be read again");
    else
      log(LogLevel::error, database.error());
  }
  one.reset();
  return ha1;
}

void SqliteUsers::Impl::log(LogLevel level, const std::string& what) const {
  if (options.log) options.log(level, "users: " + what);
}

SqliteUsers::SqliteUsers(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

expected<SqliteUsers, std::string> SqliteUsers::open(const std::string& file,
                                                     const std::string& realm,
                                                     const SqliteUsersOptions& options) {
  auto database = SqliteDatabase::open(file, SqliteDatabase::Mode::read, options.patience_ms);
  if (!database) return unexpected(std::move(database.error()));
  auto one =
      database->prepare("SELECT ha1 FROM users WHERE user = ?1 AND realm = ?2 AND algorithm = ?3");
  auto users = database->prepare("SELECT count(DISTINCT user) FROM users WHERE realm = ?1");
  auto of_kind =
      database->prepare("SELECT count(*) FROM users WHERE realm = ?1 AND algorithm = ?2");
  if (!one || !users || !of_kind) return unexpected(database->error());
  auto impl = std::make_shared<Impl>();
  impl->options = options;
  impl->realm = realm;
  impl->database = std::move(*database);
  impl->one = std::move(*one);
  impl->users = std::move(*users);
  impl->of_kind = std::move(*of_kind);
  return SqliteUsers(std::move(impl));
}

Ha1Lookup SqliteUsers::lookup() const {
  return [impl = impl_](std::string_view user, DigestAlgorithm algorithm) {
    return impl->find(user, algorithm);
  };
}

expected<std::vector<DigestAlgorithm>, std::string> SqliteUsers::algorithms() const {
  const std::lock_guard<std::mutex> lock(impl_->mutex);
  const auto count = [](SqliteStatement& statement) {
    std::optional<std::int64_t> number;
    if (statement.step() == SqliteStatement::Step::row) number = statement.number(0);
    statement.reset();
    return number;
  };
  impl_->users.bind(1, impl_->realm);
  const auto users = count(impl_->users);
  std::vector<DigestAlgorithm> all, some;
  // SHA-512-256, which few phones know, is for whoever asks for it.
  for (const DigestAlgorithm a : {DigestAlgorithm::sha256, DigestAlgorithm::md5}) {
    impl_->of_kind.bind(1, impl_->realm);
    impl_->of_kind.bind(2, to_string(a));
    const auto having = count(impl_->of_kind);
    if (!users || !having) return unexpected(impl_->database.error());
    if (*having == *users) all.push_back(a);
    if (*having != 0) some.push_back(a);
  }
  return all.empty() ? some : all;
}

SqliteUsers::Counters SqliteUsers::counters() const {
  return {impl_->lookups.load(), impl_->found.load(), impl_->failed.load(),
          Duration(impl_->lookup_time.load())};
}

}  // namespace sipstack
