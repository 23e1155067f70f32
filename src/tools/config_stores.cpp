// SPDX-License-Identifier: Apache-2.0
// The keys of stores outside of the process. `location` is a text in front of all tables, so no table can have its name.
#include "tools/config.hpp"

namespace sipstack::tools {

namespace {

constexpr std::int64_t kMostEntries = 1'000'000'000;

std::string check_prefix(std::string& text) {
  // In a cluster the braces say which part of a key counts.
  if (text.find_first_of("{}") != std::string::npos) return "must have no braces";
  return text.empty() ? "must not be empty" : "";
}

}  // namespace

#define AT(path) +[](Settings& s) { return &s.path; }

void add_store_keys(std::vector<ConfigKey>& k) {
  k.insert(
      k.end(),
      {{kServe, "sqlite", "max-bindings", AT(sqlite.max_bindings), 1, kMostEntries, "", Reload::no,
        "Bindings of all users together; then 503"},
       {kServe, "sqlite", "max-pending", AT(sqlite.max_pending), 1, kMostEntries, "", Reload::no,
        "Registrations that wait for the disk; then 503"},
       {kServe, "sqlite", "max-batch", AT(sqlite.max_batch), 1, 1'000'000, "", Reload::no,
        "Registrations that are written by one transaction"},
       {kServe, "sqlite", "file-bytes", AT(sqlite_bytes), 0, INT64_MAX, "bytes", Reload::no,
        "Of the file of bindings; then 503; 0: as much as the disk has"},
       {kServe, "sqlite", "users-time", AT(sqlite_users.patience_ms), 0, 60'000, "ms", Reload::yes,
        "A lookup of a user waits so long, with its thread, for whoever writes the table"},
       {kServe, "redis", "prefix", AT(redis.prefix), 0, 0, "", Reload::no,
        "Of keys, the same at all nodes; what follows is the user in braces", check_prefix},
       {kServe, "redis", "answer-time", AT(redis.timeout), 10, 60'000, "ms", Reload::no,
        "For connecting, and for the next answer; past it the connection counts as dead"},
       {kServe, "redis", "retry-time", AT(redis.max_retry), 50, 3'600'000, "ms", Reload::no,
        "Longest pause, on the average, before a connection is tried again"},
       {kServe, "redis", "max-pending", AT(redis.max_pending), 1, kMostEntries, "", Reload::no,
        "Questions on their way; then 503"},
       {kServe, "redis", "value-bytes", AT(redis.max_value), 1024, 512 * 1024 * 1024, "bytes",
        Reload::no, "Of one user's bindings; then 403; the same at all nodes"},
       {kServe, "redis", "max-nodes", AT(redis.max_nodes), 1, 1000, "", Reload::no,
        "Of a cluster, connected at once; then 503 for users of further ones"}});
}

#undef AT

}  // namespace sipstack::tools
