// SPDX-License-Identifier: Apache-2.0
// Users files. HA1 by RFC 7616 section 3.4.2.
#include "sipstack/server/users.hpp"

#include <algorithm>
#include <map>

namespace sipstack {
namespace {

/// HA1 of each DigestAlgorithm; empty: none.
using Ha1s = std::string[kDigestAlgorithms];
struct User {
  Ha1s ha1;
};

constexpr std::size_t index(DigestAlgorithm a) noexcept { return static_cast<std::size_t>(a); }

bool is_hex(std::string_view text) noexcept {
  return text.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
}

std::string lower_hex(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'F') c = static_cast<char>(c + ('a' - 'A'));
  return out;
}

bool blank(std::string_view line) noexcept {
  return line.find_first_not_of(" \t") == std::string_view::npos;
}

}  // namespace

struct Users::Table {
  std::map<std::string, User, std::less<>> users;
};

Ha1Lookup Users::lookup() const {
  if (!table_) return {};
  return [table = table_](std::string_view user,
                          DigestAlgorithm algorithm) -> std::optional<std::string> {
    const auto found = table->users.find(user);
    if (found == table->users.end()) return std::nullopt;
    const std::string& ha1 = found->second.ha1[index(algorithm)];
    if (ha1.empty()) return std::nullopt;
    return ha1;
  };
}

std::vector<DigestAlgorithm> Users::algorithms() const {
  std::vector<DigestAlgorithm> all, some;
  if (!table_) return all;
  // SHA-512-256, which few phones know, is for whoever asks for it.
  for (const DigestAlgorithm a : {DigestAlgorithm::sha256, DigestAlgorithm::md5}) {
    const auto has = [a](const auto& entry) { return !entry.second.ha1[index(a)].empty(); };
    const auto& users = table_->users;
    if (std::all_of(users.begin(), users.end(), has)) all.push_back(a);
    if (std::any_of(users.begin(), users.end(), has)) some.push_back(a);
  }
  return all.empty() ? some : all;
}

std::size_t Users::size() const noexcept { return table_ ? table_->users.size() : 0; }

expected<Users, UsersError> parse_users(std::string_view text, std::string_view realm) {
  const auto table = std::make_shared<Users::Table>();
  std::size_t number = 0;
  const auto fail = [&](std::string message) {
    return unexpected<UsersError>(UsersError{number, std::move(message)});
  };
  while (!text.empty()) {
    ++number;
    const auto end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (blank(line) || line.front() == '#') continue;
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) return fail("no colon between user and password");
    const std::string_view user = line.substr(0, colon), secret = line.substr(colon + 1);
    if (user.empty()) return fail("no user before the colon");
    if (secret.empty()) return fail("no password behind the colon");
    if (line.find('\0') != std::string_view::npos) return fail("a NUL byte");

    User& entry = table->users[std::string(user)];
    const auto set = [&entry](DigestAlgorithm a, std::string ha1) {
      if (!entry.ha1[index(a)].empty()) return false;
      entry.ha1[index(a)] = std::move(ha1);
      return true;
    };
    bool fresh = true;
    if (is_hex(secret) && secret.size() == 32) {
      fresh = set(DigestAlgorithm::md5, lower_hex(secret));
    } else if (is_hex(secret) && secret.size() == 64) {
      fresh = set(DigestAlgorithm::sha256, lower_hex(secret));
    } else {
      for (std::size_t i = 0; i < kDigestAlgorithms; ++i) {
        const auto a = static_cast<DigestAlgorithm>(i);
        fresh = set(a, digest_ha1(a, user, realm, secret)) && fresh;
      }
    }
    if (!fresh) return fail("a user that was given before");
  }
  Users users;
  users.table_ = table;
  return users;
}

}  // namespace sipstack
