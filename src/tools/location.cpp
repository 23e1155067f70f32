// SPDX-License-Identifier: Apache-2.0
#include "tools/location.hpp"

#include <cstdio>
#include <utility>

#include <fmt/format.h>

#include "sipstack/endpoint/trace.hpp"
#include "sipstack/parser/uri.hpp"
#include "tools/log_line.hpp"

#ifdef SIPSTACK_WITH_SQLITE
#include "sipstack/store/sqlite_location.hpp"
#endif
#ifdef SIPSTACK_WITH_REDIS
#include "sipstack/store/redis_location.hpp"
#include "store/redis_address.hpp"
#endif

namespace sipstack::tools {

namespace {

constexpr std::string_view kSqlite = "sqlite:";

using OpenedLocation = expected<std::unique_ptr<LocationStore>, std::string>;

OpenedLocation open_sqlite(const std::string& file, const Settings& settings) {
#ifdef SIPSTACK_WITH_SQLITE
  SqliteLocationOptions options;
  options.log = store_log(settings);
  auto store = SqliteLocation::open(file, options);
  if (!store) return unexpected(std::move(store.error()));
  return std::unique_ptr<LocationStore>(std::move(*store));
#else
  static_cast<void>(settings);
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

OpenedLocation open_redis(const std::string& url, const Settings& settings) {
#ifdef SIPSTACK_WITH_REDIS
  RedisLocationOptions options;
  options.log = store_log(settings);
  auto store = RedisLocation::open(url, options);
  if (!store) return unexpected("location: " + store.error());
  return std::unique_ptr<LocationStore>(std::move(*store));
#else
  static_cast<void>(settings);
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

LogHook store_log(const Settings& settings) {
  return [json = settings.log_format == "json", most = settings.log_level](const LogRecord& r) {
    if (r.level > most) return;
    fmt::print(stderr, "{}\n", json ? json_line(r, wall_time()) : text_line(r));
  };
}

OpenedLocation open_location(const Settings& settings) {
  const std::string& name = settings.location;
  if (name == "memory") return nullptr;
  if (is_redis(name)) return open_redis(name, settings);
  OpenedLocation store = unexpected(check_location(name));
  if (const auto file = sqlite_file(name)) store = open_sqlite(*file, settings);
  if (!store) return unexpected(fmt::format("location {}: {}", name, store.error()));
  return store;
}

}  // namespace sipstack::tools
