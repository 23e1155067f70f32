// SPDX-License-Identifier: Apache-2.0
// What `serve` and `b2bua` can be told, by a file and by the command line, which wins.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "sipstack/store/redis_location.hpp"
#include "sipstack/store/sqlite_location.hpp"
#include "sipstack/store/sqlite_users.hpp"
#include "tools/node.hpp"

namespace sipstack::tools {

/// Of which command something is. Bits.
enum Servers : unsigned { kServe = 1, kBridge = 2, kBoth = 3 };

/// One of `[[b2bua.route]]`: where calls of a domain or to a prefix go.
struct BridgeRoute {
  std::string domain;  ///< host of the Request-URI, "*.example.com" for those below; empty: any
  std::string prefix;  ///< of the user part, visual separators removed; empty: any
  std::vector<std::string>
      to;                 ///< URIs, tried one after the other; without a user they get the caller's
  std::size_t strip = 0;  ///< digits taken off the front of the user part
  std::string prepend;    ///< and put there
};

struct Settings : ClientArguments {
  std::string config;
  std::string metrics;               ///< HOST:PORT; empty: none
  int drain_ms = 4000;               ///< the contract gives 5 s for all of the end
  std::vector<std::string> trusted;  ///< networks without limits by source

  // serve
  std::vector<std::string> domains;
  std::string users;
  std::string digest = "md5";
  std::string location = "memory";
  std::string mode = "proxy";
  std::string record_route = "on";
  int threads = 1;
  std::string gruu_key;  ///< hex
  std::string path_key;  ///< hex
  std::string presence = "off";
  ServerPresenceOptions presences;
  ServerOptions server;
  SqliteLocationOptions sqlite;
  std::size_t sqlite_bytes = 0;  ///< its `max_bytes`, of a type that the table of keys has
  SqliteUsersOptions sqlite_users;
  RedisLocationOptions redis;

  // b2bua
  std::string to;
  std::vector<std::string> pass_headers;
  std::vector<std::string> info_packages;
  std::string redirects = "follow";
  std::string reliable = "independent";
  std::string refer = "relay";
  std::string glare = "handle";
  std::string origin = "own";
  int max_ring_ms = 0;
  B2buaOptions bridge;
  std::vector<BridgeRoute> routes;

  /// What only a file sets, and defaults of everything. Parse limits of streams are those of `limits`.
  ShardedEndpointOptions endpoint;
};

// ---- checks that the command line and a file share: what is wrong with the text, or nothing

std::string check_listen(const std::string& where);
std::string check_name_servers(const std::string& list);
std::string check_address(const std::string& text);  ///< ADDRESS:PORT
/// HOST:PORT, where HOST may be a name of this machine.
std::string check_http(const std::string& text);
/// A SIP URI; "bob@example.com" becomes "sip:bob@example.com".
std::string complete_uri(std::string& text);

/// --config, --check-config, --print-config, --metrics, --log-format, --drain-ms.
struct ConfigWishes {
  bool check = false;
  bool print = false;
};
void add_server_options(CLI::App& command, Settings& settings, ConfigWishes& wishes);
/// Once more what the command line says, over what a file has said since.
void overlay(const CLI::App& command);

/// Defaults, then the file of --config, then the command line; `settings` are those that the options of `command`
/// are bound to. Where the file is no good: all its problems, "FILE:LINE:COLUMN: what", and nothing is changed;
/// but for what is missing in file and command line together.
std::vector<std::string> load(Servers which, const CLI::App& command, Settings& settings);
/// A server's start as far as files go. A status: the command is done, by a problem that was said or since
/// `wishes` had it printed. Nothing: go on.
std::optional<int> prepare(Servers which, const CLI::App& command, const ConfigWishes& wishes,
                           Settings& settings);
/// What the library's options are by these settings, but for what is a role's.
ShardedEndpointOptions endpoint_options(const Settings& settings);

}  // namespace sipstack::tools
