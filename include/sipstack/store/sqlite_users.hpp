// SPDX-License-Identifier: Apache-2.0
// HA1s of a realm from a table in an SQLite file, which others may write while we read.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "sipstack/base/expected.hpp"
#include "sipstack/base/log.hpp"
#include "sipstack/base/time.hpp"
#include "sipstack/dialog/digest.hpp"

namespace sipstack {

struct SqliteUsersOptions {
  /// How long a lookup waits for somebody who writes, with its shard. In WAL mode nobody has to wait.
  int patience_ms = 100;
  /// Called on the threads that look up: at the first lookup that fails, at the first that is good again, and
  /// for the first row whose HA1 is none. Never gets a user or an HA1. Must not call the users.
  LogHook log;
};

/// The file has the table
///
///     CREATE TABLE users (user TEXT NOT NULL, realm TEXT NOT NULL, algorithm TEXT NOT NULL, ha1 TEXT NOT NULL,
///                         PRIMARY KEY (user, realm, algorithm)) WITHOUT ROWID
///
/// or a view of that name with these columns. `algorithm` is "MD5", "SHA-256" or "SHA-512-256", `ha1` the
/// hex digits of H(user:realm:password) (RFC 7616 section 3.4.2). Only read, by one statement that looks a row up:
/// what is written by others counts from the next request on.
///
/// Where the file is locked for longer than `patience_ms`, or a read fails, nobody is known, and whoever comes
/// is challenged again.
///
/// Copies share one connection. Threads: any.
class SqliteUsers {
 public:
  /// A sentence where the file cannot be read or has no such table.
  static expected<SqliteUsers, std::string> open(const std::string& file, const std::string& realm,
                                                 const SqliteUsersOptions& options = {});

  /// Keeps the connection; may outlive this.
  Ha1Lookup lookup() const;
  /// What to challenge with, as Users::algorithms() has it, by what the table says now; reads all of it.
  expected<std::vector<DigestAlgorithm>, std::string> algorithms() const;

  /// Since open(), of all copies and lookups; they only grow.
  struct Counters {
    std::uint64_t lookups = 0;
    std::uint64_t found = 0;   ///< of these, that had a good HA1
    std::uint64_t failed = 0;  ///< the table was locked for too long, or could not be read
    Duration lookup_time{};    ///< of all, waiting for each other and for whoever writes included
  };
  /// Threads: any; waits for no lookup.
  Counters counters() const;

 private:
  struct Impl;
  explicit SqliteUsers(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace sipstack
