// SPDX-License-Identifier: Apache-2.0
// sipstack options: asks what a target can do. RFC 3261 section 11.
#include <memory>
#include <string>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "tools/client.hpp"
#include "tools/command.hpp"
#include "tools/uri_argument.hpp"

namespace sipstack::tools {

namespace {

struct OptionsArguments : ClientArguments {
  std::string target;
  std::string from;
};

/// The values of a header as one line; none where it is absent.
void say_header(const MessageView& response, HeaderId id) {
  for (std::size_t i = 0; i < response.header_count(); ++i) {
    const HeaderView header = response.header(i);
    if (header.id == id) say(fmt::format("{}: {}", name(id), printable(unfold(header.value))));
  }
}

int ask(const OptionsArguments& arguments) {
  const RequestOptions request = client_request(arguments, arguments.target, arguments.from);
  return request_and_say(arguments, "OPTIONS", request, [](const MessageView& response) {
    for (const HeaderId id : {HeaderId::allow, HeaderId::accept, HeaderId::supported,
                              HeaderId::server, HeaderId::user_agent})
      say_header(response, id);
  });
}

}  // namespace

void add_options(CLI::App& app, Command& chosen) {
  auto arguments = std::make_shared<OptionsArguments>();
  CLI::App* command = app.add_subcommand("options", "Ask a target what it can do");
  command->add_option("TARGET", arguments->target, "Whom to ask")
      ->required()
      ->transform(sip_uri("URI"));
  command->add_option("--from", arguments->from, "Who asks")->transform(sip_uri("URI"));
  add_client_options(*command, *arguments);
  command->callback([&chosen, arguments] { chosen = [arguments] { return ask(*arguments); }; });
}

}  // namespace sipstack::tools
