// SPDX-License-Identifier: Apache-2.0
// A file of users for digest authentication: user:password or user:HA1, a line each.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sipstack/base/expected.hpp"
#include "sipstack/dialog/digest.hpp"

namespace sipstack {

/// What is wrong with a users file. `message` is a sentence without the line's bytes: they are secrets.
struct UsersError {
  std::size_t line = 0;  ///< from 1
  std::string message;
};

/// HA1s by user. Passwords are hashed when they are read and not kept. Copies share one table that never
/// changes; a copy may be used from any thread.
class Users {
 public:
  Users() = default;

  /// Bound to nothing but the table; may outlive this. Of a file without users one that knows nobody;
  /// empty only where nothing was parsed.
  Ha1Lookup lookup() const;
  /// What to challenge with, strongest first: the algorithms for which every user has an HA1, or, where
  /// there is no such, every one for which some user has. A user whose HA1 is of one kind could not
  /// answer a challenge of the other, and clients answer the topmost (RFC 8760 section 2.4).
  std::vector<DigestAlgorithm> algorithms() const;
  std::size_t size() const noexcept;

 private:
  friend expected<Users, UsersError> parse_users(std::string_view text, std::string_view realm);
  struct Table;
  std::shared_ptr<const Table> table_;
};

/// Reads `text`, a line a user: "user:password", or "user:HA1" where what follows the first colon is 32
/// hex digits (MD5) or 64 (SHA-256) of H(user:realm:password); a user may stand twice with an HA1 of
/// either kind. Empty lines and lines that begin with # are skipped; LF or CRLF ends a line; spaces
/// belong to the password. Errors: the first line that is none of these, or a user given twice.
expected<Users, UsersError> parse_users(std::string_view text, std::string_view realm);

}  // namespace sipstack
