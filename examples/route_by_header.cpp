// SPDX-License-Identifier: Apache-2.0
// A proxy that routes by a header field of its own: X-Tenant says whose server a request is for.
//
//     route_by_header udp:127.0.0.1:5060 blue=sip:127.0.0.1:5071 green=sip:127.0.0.1:5072
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <iostream>
#include <map>
#include <sipstack/endpoint/endpoint.hpp>
#include <string>

int main(int argc, char** argv) {
  std::map<std::string, std::string, std::less<>> servers;
  for (int i = 2; i < argc; ++i) {
    const std::string pair = argv[i];
    const auto equals = pair.find('=');
    if (equals != std::string::npos) servers[pair.substr(0, equals)] = pair.substr(equals + 1);
  }
  if (servers.empty()) return std::cerr << "LISTEN TENANT=URI ...\n", 2;

  // [decide]
  const auto by_tenant = [&](const sipstack::ProxyRequest& request) -> sipstack::Decision {
    if (request.in_dialog) return sipstack::ProxyForward{};  // it goes where its call went
    const auto tenant = request.message.raw("X-Tenant");
    const auto found = servers.find(tenant.value_or(""));
    if (found == servers.end()) return sipstack::ProxyReply{403, "Unknown Tenant"};
    sipstack::ProxyTarget server;
    server.uri = request.uri;
    server.route = {"<" + found->second + ";lr>"};
    sipstack::ProxyForward forward;
    forward.targets = {server};
    forward.remove = {"X-Tenant"};  // ours to know
    return forward;
  };
  // [/decide]
  sipstack::EndpointOptions options;
  options.server.emplace().registrar.domains = {"example.com"};
  options.server->proxy.decide = by_tenant;

  boost::asio::io_context io;
  sipstack::Endpoint proxy{io, options};
  const auto bound = proxy.listen(argv[1]);
  if (!bound) return std::cerr << bound.error().message() << '\n', 1;
  std::cout << "listening " << bound->to_string() << std::endl;
  boost::asio::signal_set signals{io, SIGINT, SIGTERM};
  signals.async_wait(
      [&](auto, int) { proxy.shut_down(std::chrono::seconds(1), [&] { io.stop(); }); });
  io.run();
}
