// SPDX-License-Identifier: Apache-2.0
// One request and its outcome.
#include "tools/client.hpp"

#include <cstdio>
#include <utility>

#include <fmt/format.h>

#include "tools/command.hpp"

namespace sipstack::tools {

RequestOptions client_request(const ClientArguments& arguments, std::string_view target,
                              std::string_view from) {
  RequestOptions request;
  request.target = std::string(target);
  request.route = arguments.route();
  request.credentials = arguments.credentials();
  const auto uri = Uri::parse(target);
  if (!from.empty())
    request.from = std::string(from);
  else if (!arguments.user.empty() && uri && !uri->host.empty())
    request.from = fmt::format("sip:{}@{}", escape_user(arguments.user), uri->host);
  return request;
}

int request_and_say(const ClientArguments& arguments, std::string_view method,
                    const RequestOptions& request, std::function<void(const MessageView&)> more) {
  Node node(arguments, EndpointOptions{});
  if (!node.open(arguments.sockets(request.target))) return kFailed;
  node.on_signal([&] { node.finish(kFailed); });
  if (arguments.timeout_ms > 0) {
    node.after(std::chrono::milliseconds(arguments.timeout_ms), [&] {
      fmt::print(stderr, "sipstack: no answer within {} ms\n", arguments.timeout_ms);
      node.finish(kFailed);
    });
  }
  node.endpoint().async_request(
      std::string(method), request, [&](const error_code& error, const Message& response) {
        if (!response) {
          fmt::print(stderr, "sipstack: {}: {}\n", request.target, failure(error));
          return node.finish(kFailed);
        }
        say(status_line(response.view()));
        const bool good = response->status() < 300;
        if (good && more) more(response.view());
        node.finish(good ? kDone : kFailed);
      });
  return node.run();
}

}  // namespace sipstack::tools
