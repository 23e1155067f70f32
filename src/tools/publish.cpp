// SPDX-License-Identifier: Apache-2.0
// sipstack publish: publishes event state. RFC 3903.
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "sipstack/dialog/event_bodies.hpp"
#include "tools/client.hpp"
#include "tools/command.hpp"
#include "tools/file.hpp"
#include "tools/uri_argument.hpp"

namespace sipstack::tools {

namespace {

struct PublishArguments : ClientArguments {
  std::string target;
  std::string event;
  std::string from;
  std::string body;
  std::string type;
  std::uint32_t expires = 3600;
  bool once = false;
};

/// What a package's state is made of where nothing else is said.
std::string type_of(const std::string& event) {
  if (event == "presence") return std::string(kPidfType);
  if (event == "dialog") return std::string(kDialogInfoType);
  if (event == "message-summary") return "application/simple-message-summary";
  return "application/octet-stream";
}

void say_published(const MessageView& response) {
  const auto etag = response.get(hdr::sip_etag);
  const auto expires = response.get(hdr::expires);
  std::string line = "published";
  if (etag) line += " " + printable(etag->text);
  if (expires) line += fmt::format(" expires {}", expires->number);
  say(line);
}

int publish(const PublishArguments& arguments) {
  auto body = read_file(arguments.body);
  if (!body) return kFailed;
  if (body->empty()) {
    fmt::print(stderr, "sipstack: {}: there is nothing to publish\n", arguments.body);
    return kFailed;
  }
  Node node(arguments, EndpointOptions{});
  if (!node.open(arguments.sockets(arguments.target))) return kFailed;
  if (!arguments.once) node.announce();

  PublicationOptions options;
  // RFC 3903 section 4: the state is the target's, and From says whose it is.
  static_cast<RequestOptions&>(options) = client_request(
      arguments, arguments.target, arguments.from.empty() ? arguments.target : arguments.from);
  options.event = arguments.event;
  options.expires = arguments.expires;
  options.refresh = !arguments.once;
  options.content_type = arguments.type.empty() ? type_of(arguments.event) : arguments.type;
  options.body = *std::move(body);

  bool published = false;
  const auto failed = [&](const std::string& why) {
    fmt::print(stderr, "sipstack: {}: {}\n", arguments.target, why);
  };
  node.endpoint().async_publish(
      options, [&](const error_code& error, Publication publication, const Message& response) {
        if (node.finishing()) return;
        if (error || !response || response->status() >= 300) {
          failed(response ? status_line(response.view()) : failure(error));
          return node.finish(kFailed);
        }
        published = true;
        say_published(response.view());
        if (arguments.once) return node.finish(kDone);
        publication.on_changed([&](const PublicationChanged& change) {
          if (change.state == PublicationChanged::State::published)
            say_published(change.response.view());
          else if (change.state == PublicationChanged::State::failed && !node.finishing())
            failed(change.response ? status_line(change.response.view()) : failure(change.error));
        });
      });
  node.on_signal([&] { node.finish(published ? kDone : kFailed); });
  if (arguments.timeout_ms > 0)
    node.after(std::chrono::milliseconds(arguments.timeout_ms), [&] {
      if (published) return;
      failed(fmt::format("no answer within {} ms", arguments.timeout_ms));
      node.finish(kFailed);
    });
  return node.run();
}

}  // namespace

void add_publish(CLI::App& app, Command& chosen) {
  auto arguments = std::make_shared<PublishArguments>();
  CLI::App* command = app.add_subcommand("publish", "Publish state, and keep it published");
  command->add_option("TARGET", arguments->target, "Whose state: sip:alice@example.com")
      ->required()
      ->transform(sip_uri("URI"));
  command->add_option("--event", arguments->event, "What: presence, dialog, ...")
      ->required()
      ->type_name("PACKAGE");
  command->add_option("--body", arguments->body, "The state; - is standard input")
      ->required()
      ->type_name("FILE");
  command
      ->add_option("--content-type", arguments->type, "What the state is; the package's by default")
      ->type_name("TYPE");
  command->add_option("--from", arguments->from, "Who publishes; the target by default")
      ->transform(sip_uri("URI"));
  command->add_option("--expires", arguments->expires, "Seconds asked for (3600)")
      ->check(CLI::Range(1U, 4294967295U))
      ->type_name("S");
  command->add_flag("--once", arguments->once, "Publish and exit; the state is left to expire");
  add_client_options(*command, *arguments);
  command->footer(
      "Without --once it publishes again in time until a signal comes, and then removes the "
      "state.");
  command->callback([&chosen, arguments] { chosen = [arguments] { return publish(*arguments); }; });
}

}  // namespace sipstack::tools
