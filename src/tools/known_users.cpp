// SPDX-License-Identifier: Apache-2.0
#include "tools/known_users.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "sipstack/server/users.hpp"
#include "tools/file.hpp"
#include "tools/location.hpp"

namespace sipstack::tools {

namespace {

expected<KnownUsers, std::string> by_lines(const std::string& file, const std::string& realm) {
  const auto text = read_file(file);
  if (!text) return unexpected(file + " cannot be read");
  const auto users = parse_users(*text, realm);
  if (!users)
    return unexpected(fmt::format("{}:{}: {}", file, users.error().line, users.error().message));
  return KnownUsers{users->lookup(), users->algorithms(), nullptr};
}

expected<KnownUsers, std::string> by_table(const std::string& file, const std::string& realm,
                                           const Settings& settings, const LogHook& log) {
#ifdef SIPSTACK_WITH_SQLITE
  SqliteUsersOptions options = settings.sqlite_users;
  options.log = log;
  const auto users = SqliteUsers::open(file, realm, options);
  if (!users) return unexpected(fmt::format("users {}: {}", file, users.error()));
  auto algorithms = users->algorithms();
  if (!algorithms) return unexpected(fmt::format("users {}: {}", file, algorithms.error()));
  return KnownUsers{users->lookup(), std::move(*algorithms),
                    [known = *users] { return figures_of(known.counters()); }};
#else
  static_cast<void>(file), static_cast<void>(realm), static_cast<void>(log);
  return unexpected("users: " + check_sqlite(settings.users));
#endif
}

}  // namespace

expected<KnownUsers, std::string> known_users(const Settings& settings, const LogHook& log) {
  const std::string& realm = settings.domains.front();
  const auto table = sqlite_file(settings.users);
  auto users = table ? by_table(*table, realm, settings, log) : by_lines(settings.users, realm);
  if (!users || settings.digest == "both") return users;
  // MD5 alone by default: baresip 1.0, SIPp 3.6 and sipsak fail at a challenge with an algorithm
  // that they don't know, where RFC 8760 section 2.4 has them pass over it. Where there are only
  // other HA1s, those.
  const auto one = settings.digest == "md5" ? DigestAlgorithm::md5 : DigestAlgorithm::sha256;
  std::vector<DigestAlgorithm>& known = users->algorithms;
  if (std::count(known.begin(), known.end(), one) != 0) known = {one};
  return users;
}

}  // namespace sipstack::tools
