// SPDX-License-Identifier: Apache-2.0
// Two endpoints on loopback, Alice and Bob, driven by one io_context.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "sipstack/endpoint/endpoint.hpp"

namespace sipstack::test {

/// Small descriptions that any peer takes; what they hold is no business of the endpoint.
inline const char* const kOffer =
    "v=0\r\no=alice 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio 40000 RTP/AVP 0\r\n";
inline const char* const kAnswer =
    "v=0\r\no=bob 7 7 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio 40002 RTP/AVP 0\r\n";

/// Timers twenty times as fast as the RFC's: what has to time out does so within the test's
/// patience.
inline EndpointOptions quick() {
  EndpointOptions options;
  options.transactions.timings = Timings::scaled(std::chrono::milliseconds(25));
  return options;
}

struct Ends {
  explicit Ends(const EndpointOptions& of_alice = quick(), const EndpointOptions& of_bob = quick(),
                const std::string& transport = "udp")
      : alice(io, of_alice), bob(io, of_bob) {
    bob_port = bob.listen(transport + ":127.0.0.1:0").value().port;
    alice.listen(transport + ":127.0.0.1:0").value();
    call.target = "sip:bob@127.0.0.1:" + std::to_string(bob_port) + ";transport=" + transport;
    call.from = "sip:alice@127.0.0.1";
    call.content_type = "application/sdp";
    call.body = kOffer;
  }

  /// Runs until it holds; false where that takes longer than anybody would wait.
  template <class Condition>
  bool until(Condition condition) {
    const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > patience) return false;
      if (io.stopped()) io.restart();
      io.run_one_for(std::chrono::milliseconds(200));
    }
    return true;
  }

  boost::asio::io_context io{1};
  Endpoint alice;
  Endpoint bob;
  std::uint16_t bob_port = 0;
  CallOptions call;
};

}  // namespace sipstack::test
