// SPDX-License-Identifier: Apache-2.0
// sipstack serve: registrar, location service, stateful proxy and redirect server. RFC 3261
// sections 10, 16 and 8.3.
#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "sipstack/server/users.hpp"
#include "tools/command.hpp"
#include "tools/file.hpp"
#include "tools/node.hpp"

namespace sipstack::tools {

namespace {

struct ServeArguments : NetworkArguments {
  std::vector<std::string> domains;
  std::string users;
  std::string digest = "md5";
  std::string location = "memory";
  std::string mode = "proxy";
  std::string record_route = "on";
  std::vector<std::string> trusted;
  int threads = 1;
};

/// Nothing, and said why, where the file is no good.
std::optional<Users> read_users(const std::string& file, const std::string& realm) {
  const auto text = read_file(file);
  if (!text) return std::nullopt;
  auto users = parse_users(*text, realm);
  if (!users) {
    fmt::print(stderr, "sipstack serve: {}:{}: {}\n", file, users.error().line,
               users.error().message);
    return std::nullopt;
  }
  return *std::move(users);
}

/// MD5 alone by default: baresip 1.0, SIPp 3.6 and sipsak fail at a challenge with an algorithm
/// that they don't know, where RFC 8760 section 2.4 has them pass over it. Where the file has only
/// other HA1s, those.
std::vector<DigestAlgorithm> offered(const Users& users, const std::string& wanted) {
  std::vector<DigestAlgorithm> algorithms = users.algorithms();
  if (wanted == "both") return algorithms;
  const auto one = wanted == "md5" ? DigestAlgorithm::md5 : DigestAlgorithm::sha256;
  if (std::count(algorithms.begin(), algorithms.end(), one) != 0) algorithms = {one};
  return algorithms;
}

int serve(const ServeArguments& arguments) {
  EndpointOptions options;
  ServerOptions server;
  server.registrar.domains = arguments.domains;
  server.proxy.redirect = arguments.mode == "redirect";
  server.proxy.record_route = arguments.record_route == "on";
  if (!arguments.users.empty()) {
    const auto users = read_users(arguments.users, arguments.domains.front());
    if (!users) return kFailed;
    server.users = users->lookup();
    server.algorithms = offered(*users, arguments.digest);
  }
  options.server = server;
  for (const std::string& network : arguments.trusted)
    options.sources.trusted.push_back(*IpPrefix::parse(network));

  Node node(arguments, options, static_cast<std::size_t>(arguments.threads));
  if (!node.open({"udp:0.0.0.0:5060", "tcp:0.0.0.0:5060"})) return kFailed;
  node.announce();
  return node.run();
}

}  // namespace

void add_serve(CLI::App& app, Command& chosen) {
  auto arguments = std::make_shared<ServeArguments>();
  CLI::App* command =
      app.add_subcommand("serve", "Registrar, location service, proxy and redirect server");
  command
      ->add_option("--domain", arguments->domains,
                   "Whose users are served, repeatable; the first is the realm")
      ->required()
      ->allow_extra_args(false)
      ->type_name("NAME");
  command
      ->add_option("--users", arguments->users,
                   "Lines user:password or user:HA1; without it nobody is challenged")
      ->type_name("FILE");
  command
      ->add_option("--digest", arguments->digest,
                   "Challenge with md5, which every phone knows, sha-256, or both")
      ->check(CLI::IsMember({"md5", "sha-256", "both"}))
      ->capture_default_str()
      ->type_name("ALGORITHM");
  command->add_option("--location", arguments->location, "Where bindings are kept: memory")
      ->check(CLI::IsMember({"memory"}))
      ->type_name("STORE");
  command->add_option("--mode", arguments->mode, "proxy or redirect")
      ->check(CLI::IsMember({"proxy", "redirect"}))
      ->type_name("MODE");
  command
      ->add_option("--record-route", arguments->record_route,
                   "Stay in the path of calls: on or off")
      ->check(CLI::IsMember({"on", "off"}))
      ->type_name("on|off");
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
  add_network_options(*command, *arguments);
  command->callback([&chosen, arguments] { chosen = [arguments] { return serve(*arguments); }; });
}

}  // namespace sipstack::tools
