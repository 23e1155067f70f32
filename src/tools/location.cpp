// SPDX-License-Identifier: Apache-2.0
#include "tools/location.hpp"

#include <utility>

#include <fmt/format.h>

#include "sipstack/parser/uri.hpp"

#ifdef SIPSTACK_WITH_REDIS
#include "store/redis_address.hpp"
#endif

namespace sipstack::tools {

namespace {

constexpr std::string_view kSqlite = "sqlite:";

using Opening = expected<OpenedLocation, std::string>;

template <class Store>
OpenedLocation with_figures(std::unique_ptr<Store> store) {
  const Store* const known = store.get();
  return {std::move(store), [known] { return figures_of(known->counters()); }};
}

Opening open_sqlite(const std::string& file, const Settings& settings, const LogHook& log) {
#ifdef SIPSTACK_WITH_SQLITE
  SqliteLocationOptions options = settings.sqlite;
  options.max_bytes = settings.sqlite_bytes;
  options.log = log;
  auto store = SqliteLocation::open(file, options);
  if (!store) return unexpected(std::move(store.error()));
  return with_figures(std::move(*store));
#else
  static_cast<void>(settings), static_cast<void>(log);
  return unexpected(check_sqlite(std::string(kSqlite) + file));
#endif
}

bool is_redis(const std::string& text) {
  return text.compare(0, 6, "redis:") == 0 || text.compare(0, 11, "redis+unix:") == 0 ||
         text.compare(0, 7, "rediss:") == 0;
}

/// Says nothing of the text itself, which may have a password.
std::string check_redis(const std::string& text) {
#ifdef SIPSTACK_WITH_REDIS
  const auto url = sipstack::store::parse_redis_url(text);
  return url ? "" : "is no Redis to be used: " + url.error();
#else
  static_cast<void>(text);
  return "must be something else than redis: this sipstack was built without it";
#endif
}

Opening open_redis(const std::string& url, const Settings& settings, const LogHook& log) {
#ifdef SIPSTACK_WITH_REDIS
  RedisLocationOptions options = settings.redis;
  options.log = log;
  auto store = RedisLocation::open(url, options);
  if (!store) return unexpected("location: " + store.error());
  return with_figures(std::move(*store));
#else
  static_cast<void>(settings), static_cast<void>(log);
  return unexpected("location " + check_redis(url));
#endif
}

}  // namespace

std::optional<std::string> sqlite_file(const std::string& text) {
  if (text.compare(0, kSqlite.size(), kSqlite) != 0) return std::nullopt;
  return text.substr(kSqlite.size());
}

std::string check_sqlite(const std::string& text) {
  const auto file = sqlite_file(text);
  if (!file) return {};
#ifndef SIPSTACK_WITH_SQLITE
  return "must be something else than sqlite: this sipstack was built without it";
#endif
  return file->empty() ? "must have a file behind sqlite:" : "";
}

std::string check_location(const std::string& text) {
  if (text == "memory") return {};
  if (sqlite_file(text)) return check_sqlite(text);
  if (is_redis(text)) return check_redis(text);
  return "must be memory, sqlite:FILE or redis://HOST[:PORT][/DATABASE]";
}

std::string check_node_uri(const std::string& text) {
  const auto uri = Uri::parse(text);
  const bool good = uri && uri->is_sip() && !uri->has_user && !uri->lr() && uri->headers.empty();
  return good ? ""
              : "must be a SIP URI of a host, without user or lr: sip:10.0.0.7:5060;transport=tcp";
}

Opening open_location(const Settings& settings, const LogHook& log) {
  const std::string& name = settings.location;
  if (name == "memory") return OpenedLocation{};
  if (is_redis(name)) return open_redis(name, settings, log);
  Opening store = unexpected(check_location(name));
  if (const auto file = sqlite_file(name)) store = open_sqlite(*file, settings, log);
  if (!store) return unexpected(fmt::format("location {}: {}", name, store.error()));
  return store;
}

}  // namespace sipstack::tools
