// SPDX-License-Identifier: Apache-2.0
// sipstack register: binds an address of record to where we are. RFC 3261 section 10.2.
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "tools/client.hpp"
#include "tools/command.hpp"
#include "tools/uri_argument.hpp"

namespace sipstack::tools {

namespace {

struct RegisterArguments : ClientArguments {
  std::string aor;
  std::string registrar;
  std::vector<std::string> contacts;
  std::uint32_t expires = 3600;
  std::string instance;
  std::uint32_t reg_id = 0;
  bool gruu = false;
  bool once = false;
};

void say_bindings(const MessageView& response) {
  for (const auto& contact : response.all(hdr::contact)) {
    if (!contact) break;
    const auto expires = contact->expires();
    say(expires ? fmt::format("{} expires {}", printable(contact->uri.text), *expires)
                : printable(contact->uri.text));
    for (const char* const name : {"pub-gruu", "temp-gruu"})
      if (const auto gruu = contact->params.find(name))
        say(fmt::format("{} {}", name, printable(unquote(*gruu))));
  }
}

int register_aor(const RegisterArguments& arguments) {
  EndpointOptions endpoint;
  if (const auto uri = Uri::parse(arguments.aor); uri && !uri->user.empty())
    endpoint.user_agent.contact_user = std::string(uri->user);
  Node node(arguments, endpoint);
  const std::string registrar = arguments.registrar.empty() ? arguments.aor : arguments.registrar;
  if (!node.open(arguments.sockets(registrar))) return kFailed;
  if (!arguments.once) node.announce();

  RegistrationOptions options;
  options.aor = arguments.aor;
  options.registrar = arguments.registrar;
  options.contacts = arguments.contacts;
  options.expires = arguments.expires;
  options.route = arguments.route();
  options.credentials = arguments.credentials();
  options.refresh = !arguments.once;
  options.instance = arguments.instance;
  options.reg_id = arguments.reg_id;
  options.gruu = arguments.gruu;

  bool registered = false;
  const auto failed = [&](const std::string& why) {
    fmt::print(stderr, "sipstack: {}: {}\n", arguments.aor, why);
  };
  node.endpoint().on_registration([&](const RegistrationChanged& change) {
    if (change.state == RegistrationChanged::State::registered) {
      say("registered");
      if (change.response) say_bindings(change.response.view());
    } else if (change.state == RegistrationChanged::State::failed && !node.finishing()) {
      failed(change.response ? status_line(change.response.view()) : failure(change.error));
    }
  });
  node.endpoint().async_register(
      options, [&](const error_code& error, RegistrationId, const Message& response) {
        if (node.finishing()) return;
        if (!response || response->status() >= 300) {
          failed(response ? status_line(response.view()) : failure(error));
          return node.finish(kFailed);
        }
        registered = true;
        if (arguments.once) {
          say_bindings(response.view());
          return node.finish(kDone);
        }
        say("registered");
        say_bindings(response.view());
      });
  node.on_signal([&] { node.finish(registered ? kDone : kFailed); });
  if (arguments.timeout_ms > 0) {
    node.after(std::chrono::milliseconds(arguments.timeout_ms), [&] {
      if (registered) return;
      failed(fmt::format("no answer within {} ms", arguments.timeout_ms));
      node.finish(kFailed);
    });
  }
  return node.run();
}

}  // namespace

void add_register(CLI::App& app, Command& chosen) {
  auto arguments = std::make_shared<RegisterArguments>();
  CLI::App* command =
      app.add_subcommand("register", "Register an address of record, and keep it registered");
  command->add_option("AOR", arguments->aor, "Who is registered: sip:alice@example.com")
      ->required()
      ->transform(sip_uri("URI"));
  command->add_option("--registrar", arguments->registrar, "Where; the AOR's domain by default")
      ->transform(sip_uri("URI"));
  command->add_option("--expires", arguments->expires, "Seconds asked for (3600)")->type_name("S");
  command
      ->add_option("--contact", arguments->contacts,
                   "Where the AOR is reached, repeatable; here by default")
      ->allow_extra_args(false)
      ->transform(sip_uri("URI"));
  command
      ->add_option("--instance", arguments->instance,
                   "This device's name for good (RFC 5626): urn:uuid:...")
      ->type_name("URN")
      ->check(CLI::Validator(
          [](std::string& text) {
            const bool urn = text.size() > 4 &&
                             iequals(std::string_view(text).substr(0, 4), "urn:") &&
                             text.find_first_of("\"<> ") == std::string::npos;
            return urn ? std::string() : text + " is no URN";
          },
          "URN"));
  command
      ->add_option("--reg-id", arguments->reg_id,
                   "Outbound: this flow's number among the device's; needs --instance")
      ->type_name("N")
      ->check(CLI::Range(1U, 0x7fffffffU))
      ->needs("--instance");
  command->add_flag("--gruu", arguments->gruu, "Ask for GRUUs (RFC 5627); needs --instance")
      ->needs("--instance");
  command->add_flag("--once", arguments->once, "Register, print the bindings and exit");
  add_client_options(*command, *arguments);
  command->footer(
      "Without --once it registers again in time until a signal comes, and then unregisters.");
  command->callback(
      [&chosen, arguments] { chosen = [arguments] { return register_aor(*arguments); }; });
}

}  // namespace sipstack::tools
