// SPDX-License-Identifier: Apache-2.0
// SQLite as far as the stores use it; its header is included in one file alone.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "sipstack/base/expected.hpp"

namespace sipstack::store {

/// A prepared statement. Parameters count from 1, columns from 0. Texts are bound by reference: they live
/// until the next reset().
class SqliteStatement {
 public:
  enum class Step { row, done, failed };

  SqliteStatement() = default;
  void bind(int parameter, std::string_view text);
  void bind_blob(int parameter, std::string_view bytes);
  void bind(int parameter, std::int64_t number);
  Step step();
  /// Lives until the next step() or reset().
  std::string_view bytes(int column) const;
  std::int64_t number(int column) const;
  void reset();

 private:
  friend class SqliteDatabase;
  struct Finalize {
    void operator()(void* statement) const noexcept;
  };
  std::unique_ptr<void, Finalize> statement_;
};

/// One connection. Threads: one at a time. Errors are sentences.
class SqliteDatabase {
 public:
  enum class Mode { read, create };
  /// `patience_ms`: for a lock that somebody is about to give up.
  static expected<SqliteDatabase, std::string> open(const std::string& file, Mode mode,
                                                    int patience_ms);

  /// Statements without results; false where one fails.
  bool execute(const char* sql);
  expected<SqliteStatement, std::string> prepare(std::string_view sql);
  /// The one number that a statement gives; nothing where it fails.
  std::optional<std::int64_t> number(std::string_view sql);
  /// What the last failure was.
  std::string error() const;

 private:
  struct Close {
    void operator()(void* database) const noexcept;
  };
  std::unique_ptr<void, Close> database_;
};

}  // namespace sipstack::store
