// SPDX-License-Identifier: Apache-2.0
// sipstack b2bua: each incoming call becomes a second one. RFC 3261 section 6, RFC 7092.
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "tools/bridge_route.hpp"
#include "tools/command.hpp"
#include "tools/config.hpp"
#include "tools/operation.hpp"
#include "tools/settings.hpp"
#include "tools/uri_argument.hpp"

namespace sipstack::tools {

namespace {

/// What o= says for us: the address that we are told to listen on, where that is one.
std::string origin_address(const Settings& arguments) {
  for (const std::string& where : arguments.listen) {
    const auto address = SocketAddress::parse(where.substr(where.find(':') + 1));
    if (address && !address->ip.is_unspecified()) return address->ip.to_string();
  }
  return B2buaOptions().origin_address;
}

/// Where calls go; a reload changes it.
struct Directory {
  explicit Directory(const Settings& settings)
      : routes(settings.routes), otherwise(settings.bridge.to) {
    if (!settings.to.empty()) otherwise.targets = {settings.to};
    otherwise.route = settings.route();
    otherwise.credentials = settings.credentials();
  }
  B2buaRoute route(const Uri& called) const {
    B2buaRoute r = otherwise;
    auto targets = bridge_targets(routes, called);
    if (!targets.empty()) r.targets = std::move(targets);
    return r;
  }

  std::vector<BridgeRoute> routes;
  B2buaRoute otherwise;
};

B2buaOptions bridge_options(const Settings& arguments,
                            const std::shared_ptr<Directory>& directory) {
  B2buaOptions options = arguments.bridge;
  options.to = directory->otherwise;
  options.route = [directory](CallId, const Message& request, const Flow&) {
    return directory->route(request->request_uri());
  };
  options.pass_headers.insert(options.pass_headers.end(), arguments.pass_headers.begin(),
                              arguments.pass_headers.end());
  options.follow_redirects = arguments.redirects == "follow";
  options.reliable =
      arguments.reliable == "coupled" ? ReliableRelay::coupled : ReliableRelay::independent;
  options.refer = arguments.refer == "relay" ? ReferRelay::relay : ReferRelay::refuse;
  options.handle_glare = arguments.glare == "handle";
  options.own_origin = arguments.origin == "own";
  options.origin_address = origin_address(arguments);
  options.max_ring = std::chrono::milliseconds(arguments.max_ring_ms);
  return options;
}

/// What the file says now; calls that are up stay.
std::vector<std::string> reread_bridge(Node& node, const CLI::App& command, const Settings& started,
                                       Settings& settings, Directory& directory) {
  const Settings before = settings;
  std::vector<std::string> problems = load(kBridge, command, settings);
  if (!problems.empty()) {
    settings = before;
    return problems;
  }
  directory = Directory(settings);
  for (const std::string& name : unchangeable(kBridge, started, settings))
    node.log(LogLevel::warning, name + " has changed in the file; that needs a restart");
  node.log_level(settings.log_level);
  return {};
}

int bridge(const CLI::App& command, const ConfigWishes& wishes, Settings& settings) {
  if (const auto status = prepare(kBridge, command, wishes, settings)) return *status;
  if (wishes.check) return kDone;
  const Settings started = settings;
  const auto directory = std::make_shared<Directory>(settings);
  ShardedEndpointOptions options = endpoint_options(settings);
  options.b2bua = bridge_options(settings, directory);
  options.user_agent.recv_info = settings.info_packages;
  options.shards = 1;
  Node node(settings, std::move(options));
  Operation operation(node, settings);
  if (!node.open({"udp:0.0.0.0:5060", "tcp:0.0.0.0:5060"}) || !operation.open()) return kFailed;
  operation.on_reload([&] { return reread_bridge(node, command, started, settings, *directory); });
  operation.on_end([&node] {
    const B2buaCounters& n = node.endpoint().core().b2bua()->counters();
    node.log(LogLevel::info, fmt::format("{} calls came, {} connected, {} refused here, {} left",
                                         n.arrived, n.connected, n.refused, n.calls));
  });
  return operation.run();
}

CLI::Validator one_of(const std::string& a, const std::string& b) { return CLI::IsMember({a, b}); }

}  // namespace

void add_b2bua(CLI::App& app, Command& chosen) {
  auto arguments = std::make_shared<Settings>();
  auto wishes = std::make_shared<ConfigWishes>();
  Settings& a = *arguments;
  a.drain_ms = 0;  // calls may last for hours: by default a signal hangs them up
  CLI::App* command =
      app.add_subcommand("b2bua", "Back-to-back user agent: each call becomes a second one");
  command->add_option("--to", a.to, "Where calls go")->transform(sip_uri("URI"));
  command
      ->add_option("--pass-header", a.pass_headers,
                   "Passes from side to side, repeatable; X-* is all that begin so")
      ->allow_extra_args(false)
      ->type_name("NAME");
  command->add_option("--info-package", a.info_packages, "INFO package that is taken, repeatable")
      ->allow_extra_args(false)
      ->type_name("NAME");
  command->add_option("--redirects", a.redirects, "What becomes of 3xx: follow or pass")
      ->check(one_of("follow", "pass"))
      ->type_name("HOW");
  command
      ->add_option("--reliable", a.reliable,
                   "Who acknowledges reliable provisionals: independent or coupled")
      ->check(one_of("independent", "coupled"))
      ->type_name("HOW");
  command->add_option("--refer", a.refer, "What becomes of REFER: relay or refuse")
      ->check(one_of("relay", "refuse"))
      ->type_name("HOW");
  command->add_option("--glare", a.glare, "What becomes of 491: handle or pass")
      ->check(one_of("handle", "pass"))
      ->type_name("HOW");
  command->add_option("--origin", a.origin, "o= of descriptions: own or pass")
      ->check(one_of("own", "pass"))
      ->type_name("WHOSE");
  command->add_flag("--relay-options", a.bridge.relay_options,
                    "Have the other side answer OPTIONS");
  command->add_option("--max-ring-ms", a.max_ring_ms, "Give a callee up that rings that long")
      ->check(CLI::Range(1, 86400000))
      ->type_name("MS");
  command
      ->add_option("--session-expires", a.endpoint.user_agent.session_expires,
                   "Have sessions refreshed at least that often, in seconds (RFC 4028)")
      ->check(CLI::Range(90, 86400000))
      ->type_name("S");
  auto* user =
      command->add_option("--user", a.user, "Answers the callee's challenges")->type_name("NAME");
  command->add_option("--password", a.password, "Its password")->needs(user)->type_name("SECRET");
  command->add_option("--proxy", a.proxy, "Outbound proxy toward the callee")
      ->transform(sip_uri("URI"));
  add_server_options(*command, *arguments, *wishes);
  add_network_options(*command, *arguments);
  command->callback([&chosen, command, wishes, arguments] {
    if (arguments->to.empty() && arguments->config.empty()) throw CLI::RequiredError("--to");
    chosen = [command, wishes, arguments] { return bridge(*command, *wishes, *arguments); };
  });
}

}  // namespace sipstack::tools
