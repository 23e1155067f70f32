// SPDX-License-Identifier: Apache-2.0
// sipstack b2bua: each incoming call becomes a second one. RFC 3261 section 6, RFC 7092.
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "tools/command.hpp"
#include "tools/node.hpp"
#include "tools/uri_argument.hpp"

namespace sipstack::tools {

namespace {

struct B2buaArguments : ClientArguments {
  std::string to;
  std::vector<std::string> pass_headers;
  std::vector<std::string> info_packages;
  std::string redirects = "follow";
  std::string reliable = "independent";
  std::string refer = "relay";
  std::string glare = "handle";
  std::string origin = "own";
  bool relay_options = false;
  int max_ring_ms = 0;
  std::uint32_t session_expires = 0;
};

/// What o= says for us: the address that we are told to listen on, where that is one.
std::string origin_address(const B2buaArguments& arguments) {
  for (const std::string& where : arguments.listen) {
    const auto address = SocketAddress::parse(where.substr(where.find(':') + 1));
    if (address && !address->ip.is_unspecified()) return address->ip.to_string();
  }
  return B2buaOptions().origin_address;
}

B2buaOptions bridge_options(const B2buaArguments& arguments) {
  B2buaOptions options;
  options.to.targets = {arguments.to};
  options.to.route = arguments.route();
  options.to.credentials = arguments.credentials();
  options.pass_headers.insert(options.pass_headers.end(), arguments.pass_headers.begin(),
                              arguments.pass_headers.end());
  options.follow_redirects = arguments.redirects == "follow";
  options.reliable =
      arguments.reliable == "coupled" ? ReliableRelay::coupled : ReliableRelay::independent;
  options.refer = arguments.refer == "relay" ? ReferRelay::relay : ReferRelay::refuse;
  options.handle_glare = arguments.glare == "handle";
  options.own_origin = arguments.origin == "own";
  options.origin_address = origin_address(arguments);
  options.relay_options = arguments.relay_options;
  options.max_ring = std::chrono::milliseconds(arguments.max_ring_ms);
  return options;
}

int bridge(const B2buaArguments& arguments) {
  EndpointOptions options;
  options.b2bua = bridge_options(arguments);
  options.user_agent.session_expires = arguments.session_expires;
  options.user_agent.recv_info = arguments.info_packages;
  Node node(arguments, options);
  if (!node.open({"udp:0.0.0.0:5060", "tcp:0.0.0.0:5060"})) return kFailed;
  node.on_signal([&node] {
    const B2buaCounters& n = node.endpoint().core().b2bua()->counters();
    node.log(LogLevel::info, fmt::format("{} calls came, {} connected, {} refused here, {} left",
                                         n.arrived, n.connected, n.refused, n.calls));
    node.finish(kDone);
  });
  node.announce();
  return node.run();
}

CLI::Validator one_of(const std::string& a, const std::string& b) { return CLI::IsMember({a, b}); }

}  // namespace

void add_b2bua(CLI::App& app, Command& chosen) {
  auto arguments = std::make_shared<B2buaArguments>();
  B2buaArguments& a = *arguments;
  CLI::App* command =
      app.add_subcommand("b2bua", "Back-to-back user agent: each call becomes a second one");
  command->add_option("--to", a.to, "Where calls go")->required()->transform(sip_uri("URI"));
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
  command->add_flag("--relay-options", a.relay_options, "Have the other side answer OPTIONS");
  command->add_option("--max-ring-ms", a.max_ring_ms, "Give a callee up that rings that long")
      ->check(CLI::Range(1, 86400000))
      ->type_name("MS");
  command
      ->add_option("--session-expires", a.session_expires,
                   "Have sessions refreshed at least that often, in seconds (RFC 4028)")
      ->check(CLI::Range(90, 86400000))
      ->type_name("S");
  auto* user =
      command->add_option("--user", a.user, "Answers the callee's challenges")->type_name("NAME");
  command->add_option("--password", a.password, "Its password")->needs(user)->type_name("SECRET");
  command->add_option("--proxy", a.proxy, "Outbound proxy toward the callee")
      ->transform(sip_uri("URI"));
  add_network_options(*command, *arguments);
  command->callback([&chosen, arguments] { chosen = [arguments] { return bridge(*arguments); }; });
}

}  // namespace sipstack::tools
