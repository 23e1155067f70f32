// SPDX-License-Identifier: Apache-2.0
// The table of bindings in its file: read whole once, then changed in transactions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "store/sqlite_database.hpp"

namespace sipstack::store {

/// Rows by AOR, as encode_bindings() writes them. Threads: one at a time.
class SqliteBindings {
 public:
  /// Opens or creates the file, for this process alone. A sentence where it is locked, damaged or none of ours.
  static expected<SqliteBindings, std::string> open(const std::string& file,
                                                    std::uint64_t max_bytes);

  /// Every row that has not expired at `unix_ms`; the others are dropped. A sentence where the file is damaged.
  std::string load(std::int64_t unix_ms,
                   const std::function<void(std::string_view aor, std::string_view encoded)>& row);

  /// What becomes of AORs; those with empty texts go.
  using Changes = std::unordered_map<std::string, std::string>;
  /// All of it, synced to the disk, or nothing and false.
  bool commit(const Changes& changes);
  /// Why the last commit() failed.
  const std::string& error() const noexcept { return error_; }

 private:
  std::string prepare(std::uint64_t max_bytes);
  bool write(const Changes& changes);
  bool put(const std::string& aor, const std::string& encoded);

  SqliteDatabase database_;
  SqliteStatement insert_, remove_;  // end before the database
  std::string error_;
};

}  // namespace sipstack::store
