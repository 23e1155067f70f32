// SPDX-License-Identifier: Apache-2.0
// sipstack subscribe: watches somebody's state. RFC 6665.
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

struct SubscribeArguments : ClientArguments {
  std::string target;
  std::string event;
  std::string from;
  std::vector<std::string> accept;
  std::uint32_t expires = 3600;
};

/// A body for a terminal: lines stay lines.
std::string shown(std::string_view body) {
  std::string out;
  for (const char c : body) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\r') continue;
    out += c != '\n' && c != '\t' && (byte < 0x20 || byte == 0x7F) ? '?' : c;
  }
  while (!out.empty() && out.back() == '\n') out.pop_back();
  return out;
}

class Watcher {
 public:
  Watcher(Node& node, const SubscribeArguments& arguments) : node_(node), arguments_(arguments) {}

  int run() {
    SubscriptionOptions options;
    static_cast<RequestOptions&>(options) =
        client_request(arguments_, arguments_.target, arguments_.from);
    options.event = arguments_.event;
    options.accept = arguments_.accept;
    options.expires = arguments_.expires;
    const auto made = node_.endpoint().subscribe(options);
    if (!made) return failed(failure(made.error())), kFailed;
    watch(*made);
    node_.on_signal([this] { node_.finish(stood_ ? kDone : kFailed); });
    if (arguments_.timeout_ms > 0)
      node_.after(std::chrono::milliseconds(arguments_.timeout_ms), [this] {
        if (stood_) return;
        failed(fmt::format("no NOTIFY within {} ms", arguments_.timeout_ms));
        node_.finish(kFailed);
      });
    return node_.run();
  }

 private:
  void watch(Subscription subscription) {
    ++open_;
    subscription.on_notify([this](const Message& notify) { tell(notify.view()); });
    subscription.on_changed([this](const SubscriptionChanged& change) { changed(change); });
    subscription.on_forked([this](const Subscription& fork) { watch(fork); });
  }

  void tell(const MessageView& notify) {
    stood_ = true;
    std::string line =
        "NOTIFY " + printable(unfold(notify.raw(HeaderId::subscription_state).value_or("")));
    if (!notify.body().empty())
      line += " " + printable(unfold(notify.raw(HeaderId::content_type).value_or("")));
    say(line);
    if (!notify.body().empty()) say(shown(notify.body()));
  }

  void changed(const SubscriptionChanged& change) {
    if (change.state == SubscriptionChanged::State::retrying && !node_.finishing())
      failed(fmt::format("ended{}; again in {} s",
                         change.reason.empty() ? "" : " (" + printable(change.reason) + ")",
                         std::chrono::duration_cast<std::chrono::seconds>(change.wait).count()));
    if (change.state != SubscriptionChanged::State::ended) return;
    --open_;
    if (node_.finishing()) return;
    if (change.message && !change.message->is_request())
      failed(status_line(change.message.view()));
    else if (change.error)
      failed(failure(change.error));
    else if (change.reason == "rejected")
      failed("rejected");
    else
      well_ = true;
    if (open_ == 0) node_.finish(well_ ? kDone : kFailed);
  }

  void failed(const std::string& why) const {
    fmt::print(stderr, "sipstack: {}: {}\n", arguments_.target, why);
  }

  Node& node_;
  const SubscribeArguments& arguments_;
  int open_ = 0;        ///< subscriptions; a SUBSCRIBE may fork
  bool stood_ = false;  ///< there was a NOTIFY
  bool well_ = false;   ///< one ended as it should
};

int subscribe(const SubscribeArguments& arguments) {
  EndpointOptions endpoint;
  const RequestOptions request = client_request(arguments, arguments.target, arguments.from);
  if (const auto from = Uri::parse(request.from); from && !from->user.empty())
    endpoint.user_agent.contact_user = std::string(from->user);
  Node node(arguments, endpoint);
  if (!node.open(arguments.sockets(arguments.target))) return kFailed;
  if (arguments.expires != 0) node.announce();
  return Watcher(node, arguments).run();
}

}  // namespace

void add_subscribe(CLI::App& app, Command& chosen) {
  auto arguments = std::make_shared<SubscribeArguments>();
  CLI::App* command = app.add_subcommand("subscribe", "Watch somebody's state");
  command->add_option("TARGET", arguments->target, "Whose state")
      ->required()
      ->transform(sip_uri("URI"));
  command->add_option("--event", arguments->event, "What: presence, dialog, message-summary, ...")
      ->required()
      ->type_name("PACKAGE");
  command->add_option("--from", arguments->from, "Who subscribes")->transform(sip_uri("URI"));
  command->add_option("--accept", arguments->accept, "A type that NOTIFYs may have, repeatable")
      ->allow_extra_args(false)
      ->type_name("TYPE");
  command
      ->add_option("--expires", arguments->expires,
                   "Seconds asked for (3600); 0: the state now, and no more")
      ->type_name("S");
  add_client_options(*command, *arguments);
  command->footer(
      "Prints each NOTIFY, its subscription state first. It subscribes again in time until a "
      "signal\ncomes, and then unsubscribes.");
  command->callback(
      [&chosen, arguments] { chosen = [arguments] { return subscribe(*arguments); }; });
}

}  // namespace sipstack::tools
