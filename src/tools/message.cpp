// SPDX-License-Identifier: Apache-2.0
// sipstack message: sends a text. RFC 3428.
#include <iostream>
#include <iterator>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include "tools/client.hpp"
#include "tools/command.hpp"
#include "tools/uri_argument.hpp"

namespace sipstack::tools {

namespace {

struct MessageArguments : ClientArguments {
  std::string target;
  std::string text;
  std::string from;
  std::string type = "text/plain;charset=UTF-8";
};

int send(const MessageArguments& arguments) {
  RequestOptions request = client_request(arguments, arguments.target, arguments.from);
  request.content_type = arguments.type;
  request.body = arguments.text == "-" ? std::string(std::istreambuf_iterator<char>(std::cin), {})
                                       : arguments.text;
  return request_and_say(arguments, "MESSAGE", request, {});
}

}  // namespace

void add_message(CLI::App& app, Command& chosen) {
  auto arguments = std::make_shared<MessageArguments>();
  CLI::App* command = app.add_subcommand("message", "Send a text");
  command->add_option("TARGET", arguments->target, "Whom to send it to")
      ->required()
      ->transform(sip_uri("URI"));
  command->add_option("TEXT", arguments->text, "The text; - is standard input")->required();
  command->add_option("--from", arguments->from, "Who sends it")->transform(sip_uri("URI"));
  command
      ->add_option("--content-type", arguments->type, "What the text is (text/plain;charset=UTF-8)")
      ->type_name("TYPE");
  add_client_options(*command, *arguments);
  command->callback([&chosen, arguments] { chosen = [arguments] { return send(*arguments); }; });
}

}  // namespace sipstack::tools
