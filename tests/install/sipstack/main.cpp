// SPDX-License-Identifier: Apache-2.0
// A user agent, built from an installed tree: it opens a socket, calls itself, and is called.
#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <sipstack/endpoint/endpoint.hpp>
#include <string>

int main() {
  boost::asio::io_context io;
  sipstack::Endpoint endpoint(io);
  const auto bound = endpoint.listen("udp:127.0.0.1:0");
  if (!bound) return 1;

  int answered = 0;
  endpoint.on_invite([](sipstack::IncomingCall call) { call.reject(486); });
  sipstack::CallOptions call;
  call.target = "sip:bob@127.0.0.1:" + std::to_string(bound->port);
  call.from = "sip:alice@127.0.0.1";
  endpoint.async_invite(call,
                        [&](sipstack::error_code, sipstack::Call, sipstack::Message response) {
                          answered = response ? response->status() : -1;
                          endpoint.shut_down(std::chrono::seconds(1), [&] { io.stop(); });
                        });
  io.run();
  std::printf("%d\n", answered);
  return answered == 486 ? 0 : 1;
}
