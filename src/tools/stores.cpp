// SPDX-License-Identifier: Apache-2.0
#include "tools/stores.hpp"

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "sipstack/endpoint/trace.hpp"
#include "tools/log_line.hpp"

namespace sipstack::tools {

namespace {

template <class T>
StoreFigure counter(const char* name, const char* help, T value) {
  return {StoreFigure::Kind::counter, name, help, static_cast<double>(value)};
}
template <class T>
StoreFigure gauge(const char* name, const char* help, T value) {
  return {StoreFigure::Kind::gauge, name, help, static_cast<double>(value)};
}
StoreFigure time_counter(const char* name, const char* help, Duration value) {
  return counter(name, help, std::chrono::duration<double>(value).count());
}

/// What every store of bindings counts.
template <class Counters>
std::vector<StoreFigure> location_figures(const Counters& c) {
  return {counter("sipstack_location_lookups_total", "Questions where a user is", c.lookups),
          counter("sipstack_location_updates_total", "Registrations that the store was to take",
                  c.updates),
          counter("sipstack_location_unavailable_total", "Of both, those that it could not answer",
                  c.unavailable),
          gauge("sipstack_location_pending", "Questions that wait for the disk or for Redis",
                c.pending)};
}

}  // namespace

std::vector<StoreFigure> figures_of(const SqliteLocation::Counters& c) {
  std::vector<StoreFigure> all = location_figures(c);
  all.push_back(counter("sipstack_location_sqlite_commits_total",
                        "Transactions that were synced to the disk", c.commits));
  all.push_back(counter("sipstack_location_sqlite_committed_updates_total",
                        "Registrations in these transactions", c.committed));
  all.push_back(counter("sipstack_location_sqlite_rows_total",
                        "Rows written or removed by these transactions", c.rows));
  all.push_back(counter("sipstack_location_sqlite_commits_failed_total",
                        "Transactions that the disk refused", c.failed));
  all.push_back(time_counter("sipstack_location_sqlite_commit_seconds_total",
                             "Time in transactions, good and refused", c.commit_time));
  return all;
}

std::vector<StoreFigure> figures_of(const RedisLocation::Counters& c) {
  std::vector<StoreFigure> all = location_figures(c);
  all.push_back(
      gauge("sipstack_location_redis_connected", "Nodes of Redis that are connected", c.connected));
  all.push_back(
      counter("sipstack_location_redis_connects_total", "Connections that came to be", c.connects));
  all.push_back(counter("sipstack_location_redis_connection_failures_total",
                        "Connections that died, or did not come to be", c.failures));
  all.push_back(counter("sipstack_location_redis_commands_total",
                        "Commands for questions, those that were sent again included", c.commands));
  all.push_back(counter("sipstack_location_redis_moved_total",
                        "Of these, sent again by MOVED: a slot has another node",
                        c.redirected - c.asks));
  all.push_back(counter("sipstack_location_redis_asks_total",
                        "Of these, sent again by ASK: a slot is moving", c.asks));
  all.push_back(counter("sipstack_location_redis_contended_total",
                        "Updates begun again, since another node's came between", c.contended));
  all.push_back(time_counter("sipstack_location_redis_answer_seconds_total",
                             "Time from questions to answers, without what was refused at once",
                             c.answer_time));
  return all;
}

std::vector<StoreFigure> figures_of(const SqliteUsers::Counters& c) {
  return {counter("sipstack_users_lookups_total", "Lookups of HA1s in the table", c.lookups),
          counter("sipstack_users_found_total", "Of these, those of known users", c.found),
          counter("sipstack_users_failed_total", "Of these, where the table could not be read",
                  c.failed),
          time_counter("sipstack_users_lookup_seconds_total", "Time in lookups, waiting included",
                       c.lookup_time)};
}

Stores::Stores(const Settings& settings)
    : level_(std::make_shared<std::atomic<LogLevel>>(settings.log_level)),
      json_(settings.log_format == "json") {}

LogHook Stores::log() const {
  return [json = json_, level = level_](const LogRecord& r) {
    if (r.level > level->load(std::memory_order_relaxed)) return;
    fmt::print(stderr, "{}\n", json ? json_line(r, wall_time()) : text_line(r));
  };
}

void Stores::log_level(LogLevel level) noexcept { level_->store(level, std::memory_order_relaxed); }

void Stores::users(StoreFigures figures) {
  former_users_ = users_figures();
  users_ = std::move(figures);
}

std::vector<StoreFigure> Stores::figures() const {
  std::vector<StoreFigure> all;
  if (location_) all = location_();
  auto users = users_figures();
  std::move(users.begin(), users.end(), std::back_inserter(all));
  return all;
}

std::vector<StoreFigure> Stores::users_figures() const {
  if (!users_) return former_users_;
  std::vector<StoreFigure> all = users_();
  for (StoreFigure& figure : all)
    for (const StoreFigure& former : former_users_)
      if (former.name == figure.name) figure.value += former.value;
  return all;
}

}  // namespace sipstack::tools
