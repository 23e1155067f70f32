// SPDX-License-Identifier: Apache-2.0
// sipstack serve: registrar, location service, stateful proxy and redirect server. RFC 3261
// sections 10, 16 and 8.3.
#include <array>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "tools/command.hpp"
#include "tools/config.hpp"
#include "tools/known_users.hpp"
#include "tools/location.hpp"
#include "tools/operation.hpp"
#include "tools/settings.hpp"
#include "tools/stores.hpp"

namespace sipstack::tools {

namespace {

/// Bytes of a key that the table of keys has found to be of the right size, in hex.
template <std::size_t N>
void read_key(const std::string& hex, std::optional<std::array<std::uint8_t, N>>& key) {
  if (hex.empty()) return;
  key.emplace();
  for (std::size_t i = 0; i < N; ++i)
    (*key)[i] = static_cast<std::uint8_t>(std::stoi(hex.substr(2 * i, 2), nullptr, 16));
}

/// The roles by the settings, users read, which `stores` look at from now on; or what is wrong with those.
expected<ServerOptions, std::string> server_options(const Settings& settings, Stores& stores) {
  ServerOptions server = settings.server;
  server.registrar.domains = settings.domains;
  server.proxy.redirect = settings.mode == "redirect";
  server.proxy.record_route = settings.record_route == "on";
  read_key(settings.gruu_key, server.registrar.gruu_key);
  read_key(settings.path_key, server.proxy.path_key);
  // Who says these beside an edge expects something that would not happen.
  if (!server.proxy.edge.empty() && !settings.users.empty())
    return unexpected(
        std::string("an edge proxy asks for no credentials: users are for its next hop"));
  if (!server.proxy.edge.empty() && server.proxy.redirect)
    return unexpected(std::string("an edge proxy forwards: mode must be proxy"));
  if (server.proxy.stateless && (!settings.users.empty() || server.proxy.redirect ||
                                 !server.proxy.edge.empty() || !server.proxy.node_uri.empty()))
    return unexpected(std::string(
        "a stateless proxy has no users and no node-uri, does not redirect, and is no edge"));
  if (settings.presence == "on") {
    if (!server.proxy.edge.empty())
      return unexpected(std::string("an edge proxy serves no presence: its next hop may"));
    if (settings.threads > 1)
      return unexpected(std::string("presence is one thread's: threads must be 1"));
    server.presence = settings.presences;
  }
  if (!settings.users.empty()) {
    const auto users = known_users(settings, stores.log());
    if (!users) return unexpected(users.error());
    server.users = users->lookup;
    server.algorithms = users->algorithms;
    stores.users(users->figures);
  } else {
    stores.users(nullptr);
  }
  return server;
}

/// What a file and the users say now, on every shard: all of it, or what is wrong.
std::vector<std::string> reread(Node& node, const CLI::App& command, const Settings& started,
                                Settings& settings, Stores& stores) {
  const Settings before = settings;
  std::vector<std::string> problems = load(kServe, command, settings);
  if (problems.empty()) {
    if (const auto server = server_options(settings, stores)) {
      for (std::size_t i = 0; i < node.shards().shards(); ++i)
        node.shards().post(i, [s = *server](Endpoint& shard) { shard.core().reconfigure(s); });
      for (const std::string& name : unchangeable(kServe, started, settings))
        node.log(LogLevel::warning, name + " has changed in the file; that needs a restart");
      node.log_level(settings.log_level);
      stores.log_level(settings.log_level);
      return {};
    } else {
      problems.push_back(server.error());
    }
  }
  settings = before;
  return problems;
}

int serve(const CLI::App& command, const ConfigWishes& wishes, Settings& settings) {
  if (const auto status = prepare(kServe, command, wishes, settings)) return *status;
  Stores stores(settings);
  const auto server = server_options(settings, stores);
  if (!server) {
    fmt::print(stderr, "sipstack serve: {}\n", server.error());
    return kFailed;
  }
  if (wishes.check) return kDone;
  const Settings started = settings;
  ShardedEndpointOptions options = endpoint_options(settings);
  options.server = *server;
  options.shards = static_cast<std::size_t>(settings.threads);
  const auto location = open_location(settings, stores.log());  // longer than the node
  if (!location) {
    fmt::print(stderr, "sipstack serve: {}\n", location.error());
    return kFailed;
  }
  options.server->location = location->store.get();
  stores.location(location->figures);

  Node node(settings, std::move(options));
  Operation operation(node, settings);
  if (!node.open({"udp:0.0.0.0:5060", "tcp:0.0.0.0:5060"}) || !operation.open()) return kFailed;
  operation.on_reload([&] { return reread(node, command, started, settings, stores); });
  operation.also_metrics([&stores] { return stores.figures(); });
  return operation.run();
}

}  // namespace

void add_serve(CLI::App& app, Command& chosen) {
  auto arguments = std::make_shared<Settings>();
  auto wishes = std::make_shared<ConfigWishes>();
  CLI::App* command =
      app.add_subcommand("serve", "Registrar, location service, proxy and redirect server");
  command
      ->add_option("--domain", arguments->domains,
                   "Whose users are served, repeatable; the first is the realm")
      ->allow_extra_args(false)
      ->type_name("NAME");
  command
      ->add_option(
          "--users", arguments->users,
          "Lines user:password or user:HA1, or sqlite:FILE with a table of HA1s; without it "
          "nobody is challenged")
      ->check(CLI::Validator(check_sqlite, ""))
      ->type_name("FILE");
  command
      ->add_option("--digest", arguments->digest,
                   "Challenge with md5, which every phone knows, sha-256, or both")
      ->check(CLI::IsMember({"md5", "sha-256", "both"}))
      ->capture_default_str()
      ->type_name("ALGORITHM");
  command
      ->add_option(
          "--location", arguments->location,
          "Where bindings are kept: memory, sqlite:FILE, where they outlive the process, or "
          "redis://HOST, which nodes share")
      ->check(CLI::Validator(check_location, ""))
      ->type_name("STORE");
  command
      ->add_option("--node-uri", arguments->server.proxy.node_uri,
                   "Where nodes share a location: the SIP URI by which the others reach this one")
      ->check(CLI::Validator(check_node_uri, ""))
      ->type_name("URI");
  command->add_option("--mode", arguments->mode, "proxy or redirect")
      ->check(CLI::IsMember({"proxy", "redirect"}))
      ->type_name("MODE");
  command
      ->add_option("--record-route", arguments->record_route,
                   "Stay in the path of calls: on or off")
      ->check(CLI::IsMember({"on", "off"}))
      ->type_name("on|off");
  command
      ->add_option(
          "--presence", arguments->presence,
          "Take what users publish of themselves, and tell it to their watchers: on or off")
      ->check(CLI::IsMember({"on", "off"}))
      ->capture_default_str()
      ->type_name("on|off");
  command->add_flag("--stateless", arguments->server.proxy.stateless,
                    "Forward by the routes of --config alone, and keep nothing (RFC 3261 16.11)");
  command
      ->add_option("--edge", arguments->server.proxy.edge,
                   "An edge proxy for phones, all of whose requests go to this next hop")
      ->check(CLI::Validator(complete_uri, ""))
      ->type_name("URI");
  command
      ->add_option("--trust", arguments->trusted,
                   "A network without limits of its own, repeatable: trunks, other proxies")
      ->check(CLI::Validator(
          [](const std::string& text) {
            return IpPrefix::parse(text) ? std::string() : "no network: " + text;
          },
          ""))
      ->allow_extra_args(false)
      ->type_name("ADDRESS[/BITS]");
  command->add_option("--threads", arguments->threads, "How many share the work: 1")
      ->check(CLI::Range(1, 256))
      ->type_name("N");
  add_server_options(*command, *arguments, *wishes);
  add_network_options(*command, *arguments);
  command->callback([&chosen, command, wishes, arguments] {
    if (arguments->domains.empty() && arguments->config.empty() &&
        arguments->server.proxy.edge.empty())
      throw CLI::RequiredError("--domain");
    chosen = [command, wishes, arguments] { return serve(*command, *wishes, *arguments); };
  });
}

}  // namespace sipstack::tools
