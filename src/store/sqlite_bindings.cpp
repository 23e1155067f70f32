// SPDX-License-Identifier: Apache-2.0
#include "store/sqlite_bindings.hpp"

#include <utility>

#include "server/binding_codec.hpp"

namespace sipstack::store {
namespace {

constexpr std::int64_t kApplication = 0x53495042;  // "SIPB": whose file it is
constexpr std::int64_t kSchema = 1;
constexpr int kPatienceMs = 1000;  // for a process that is about to end

constexpr const char* kCreate =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE binding (aor TEXT PRIMARY KEY, expires INTEGER NOT NULL, contacts BLOB NOT NULL)"
    " WITHOUT ROWID;"
    "PRAGMA application_id=1397313602;"  // kApplication
    "PRAGMA user_version=1;"
    "COMMIT";

}  // namespace

expected<SqliteBindings, std::string> SqliteBindings::open(const std::string& file,
                                                           std::uint64_t max_bytes) {
  auto database = SqliteDatabase::open(file, SqliteDatabase::Mode::create, kPatienceMs);
  if (!database) return unexpected(std::move(database.error()));
  SqliteBindings bindings;
  bindings.database_ = std::move(*database);
  std::string problem = bindings.prepare(max_bytes);
  if (!problem.empty()) return unexpected(std::move(problem));
  return bindings;
}

std::string SqliteBindings::prepare(std::uint64_t max_bytes) {
  // Exclusive: two processes, each with an image of its own, would undo each other's bindings.
  if (!database_.execute("PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL;"
                         "PRAGMA synchronous=FULL; BEGIN EXCLUSIVE; COMMIT"))
    return database_.error();
  const auto application = database_.number("PRAGMA application_id");
  const auto version = database_.number("PRAGMA user_version");
  const auto tables = database_.number("SELECT count(*) FROM sqlite_master");
  if (!application || !version || !tables) return database_.error();
  if (*tables == 0 && *application == 0) {
    if (!database_.execute(kCreate)) return database_.error();
  } else if (*application != kApplication) {
    return "it is an SQLite file of another program";
  } else if (*version != kSchema) {
    return "its schema is of version " + std::to_string(*version) + ", which is not known here";
  }
  if (max_bytes != 0) {
    const auto page = database_.number("PRAGMA page_size").value_or(4096);
    const std::string limit =
        "PRAGMA max_page_count=" + std::to_string(max_bytes / static_cast<std::uint64_t>(page) + 1);
    if (!database_.number(limit)) return database_.error();
  }
  auto insert = database_.prepare("INSERT OR REPLACE INTO binding VALUES (?1, ?2, ?3)");
  auto remove = database_.prepare("DELETE FROM binding WHERE aor = ?1");
  if (!insert || !remove) return database_.error();
  insert_ = std::move(*insert);
  remove_ = std::move(*remove);
  return {};
}

std::string SqliteBindings::load(
    std::int64_t unix_ms, const std::function<void(std::string_view, std::string_view)>& row) {
  auto rows = database_.prepare("SELECT aor, contacts FROM binding WHERE expires > ?1");
  if (!rows) return rows.error();
  rows->bind(1, unix_ms);
  auto step = rows->step();
  for (; step == SqliteStatement::Step::row; step = rows->step())
    row(rows->bytes(0), rows->bytes(1));
  if (step == SqliteStatement::Step::failed) return database_.error();
  // Where that fails the disk is full, of which the first update tells.
  auto expired = database_.prepare("DELETE FROM binding WHERE expires <= ?1");
  if (!expired) return expired.error();
  expired->bind(1, unix_ms);
  expired->step();
  return {};
}

bool SqliteBindings::commit(const Changes& changes) {
  if (write(changes)) return true;
  error_ = database_.error();
  // Some failures have rolled back themselves.
  database_.execute("ROLLBACK");
  return false;
}

bool SqliteBindings::write(const Changes& changes) {
  if (!database_.execute("BEGIN IMMEDIATE")) return false;
  for (const auto& [aor, encoded] : changes)
    if (!put(aor, encoded)) return false;
  return database_.execute("COMMIT");
}

bool SqliteBindings::put(const std::string& aor, const std::string& encoded) {
  SqliteStatement& statement = encoded.empty() ? remove_ : insert_;
  statement.bind(1, aor);
  if (!encoded.empty()) {
    statement.bind(2, server::summarize_bindings(encoded)->latest);
    statement.bind_blob(3, encoded);
  }
  const bool good = statement.step() == SqliteStatement::Step::done;
  statement.reset();
  return good;
}

}  // namespace sipstack::store
