// SPDX-License-Identifier: Apache-2.0
#include "store/sqlite_database.hpp"

#include <utility>

#include <sqlite3.h>

namespace sipstack::store {
namespace {

sqlite3* of(void* database) { return static_cast<sqlite3*>(database); }
sqlite3_stmt* statement_of(void* statement) { return static_cast<sqlite3_stmt*>(statement); }

}  // namespace

void SqliteStatement::Finalize::operator()(void* statement) const noexcept {
  sqlite3_finalize(statement_of(statement));
}

// SQLITE_STATIC, the null pointer: the bytes are the caller's until reset(). An empty text is no NULL.
void SqliteStatement::bind(int parameter, std::string_view text) {
  sqlite3_bind_text64(statement_of(statement_.get()), parameter, text.empty() ? "" : text.data(),
                      text.size(), nullptr, SQLITE_UTF8);
}

void SqliteStatement::bind_blob(int parameter, std::string_view bytes) {
  sqlite3_bind_blob64(statement_of(statement_.get()), parameter, bytes.empty() ? "" : bytes.data(),
                      bytes.size(), nullptr);
}

void SqliteStatement::bind(int parameter, std::int64_t number) {
  sqlite3_bind_int64(statement_of(statement_.get()), parameter, number);
}

SqliteStatement::Step SqliteStatement::step() {
  const int outcome = sqlite3_step(statement_of(statement_.get()));
  if (outcome == SQLITE_ROW) return Step::row;
  return outcome == SQLITE_DONE ? Step::done : Step::failed;
}

std::string_view SqliteStatement::bytes(int column) const {
  sqlite3_stmt* const s = statement_of(statement_.get());
  const auto* const data = static_cast<const char*>(sqlite3_column_blob(s, column));
  if (data == nullptr) return {};
  return {data, static_cast<std::size_t>(sqlite3_column_bytes(s, column))};
}

std::int64_t SqliteStatement::number(int column) const {
  return sqlite3_column_int64(statement_of(statement_.get()), column);
}

void SqliteStatement::reset() {
  sqlite3_reset(statement_of(statement_.get()));
  sqlite3_clear_bindings(statement_of(statement_.get()));
}

void SqliteDatabase::Close::operator()(void* database) const noexcept {
  sqlite3_close_v2(of(database));
}

expected<SqliteDatabase, std::string> SqliteDatabase::open(const std::string& file, Mode mode,
                                                           int patience_ms) {
  const int flags =
      mode == Mode::read ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  sqlite3* database = nullptr;
  const int outcome =
      sqlite3_open_v2(file.c_str(), &database, flags | SQLITE_OPEN_NOMUTEX, nullptr);
  SqliteDatabase opened;
  opened.database_.reset(database);  // even one that failed has to be closed
  if (outcome != SQLITE_OK) return unexpected(std::string(sqlite3_errstr(outcome)));
  sqlite3_busy_timeout(database, patience_ms);
  return opened;
}

bool SqliteDatabase::execute(const char* sql) {
  return sqlite3_exec(of(database_.get()), sql, nullptr, nullptr, nullptr) == SQLITE_OK;
}

expected<SqliteStatement, std::string> SqliteDatabase::prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v3(of(database_.get()), sql.data(), static_cast<int>(sql.size()),
                         SQLITE_PREPARE_PERSISTENT, &statement, nullptr) != SQLITE_OK)
    return unexpected(error());
  SqliteStatement prepared;
  prepared.statement_.reset(statement);
  return prepared;
}

std::optional<std::int64_t> SqliteDatabase::number(std::string_view sql) {
  auto statement = prepare(sql);
  if (!statement || statement->step() != SqliteStatement::Step::row) return std::nullopt;
  return statement->number(0);
}

std::string SqliteDatabase::error() const { return sqlite3_errmsg(of(database_.get())); }

}  // namespace sipstack::store
