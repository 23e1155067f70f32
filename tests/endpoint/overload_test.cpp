// SPDX-License-Identifier: Apache-2.0
// From the socket to the core: that more comes than is read is noticed, and new requests are refused.
#include <string>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>

#include "catch.hpp"
#include "sipstack/endpoint/endpoint.hpp"

#ifdef __linux__

using namespace sipstack;
using boost::asio::ip::udp;

TEST_CASE("a socket that has been full for a while makes an endpoint refuse what is new") {
  boost::asio::io_context io;
  EndpointOptions options;
  options.overload.begins = std::chrono::microseconds(1);
  options.overload.enabled = GENERATE(true, false);
  Endpoint end(io, options);
  const auto bound = end.listen("udp:127.0.0.1:0");
  REQUIRE(bound);
  udp::socket peer(io, udp::endpoint(boost::asio::ip::address_v4::loopback(), 0));
  const std::string port = std::to_string(peer.local_endpoint().port());
  int number = 0;
  const auto ask = [&](int times) {
    for (int i = 0; i < times; ++i) {
      const std::string n = std::to_string(++number);
      const std::string request =
          "OPTIONS sip:bob@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:" + port +
          ";branch=z9hG4bK" + n +
          "\r\nFrom: <sip:a@example.com>;tag=1\r\nTo: <sip:bob@127.0.0.1>\r\nCall-ID: " + n +
          "\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n";
      boost::system::error_code ignored;
      peer.send_to(boost::asio::buffer(request),
                   udp::endpoint(boost::asio::ip::address_v4::loopback(), bound->port), 0, ignored);
    }
  };
  // More than the system's queue holds (8 MiB at the most, some 300 KiB at the least), and it is kept full.
  ask(7500);
  for (int turn = 0; turn < 20; ++turn) {
    io.poll_one();
    ask(150);
  }
  while (io.poll_one() != 0) {
  }
  const CoreCounters& counters = end.core().counters();
  if (options.overload.enabled) {
    CHECK(counters.shed > 0);
    CHECK(counters.shed < counters.received);
  } else {
    CHECK(counters.shed == 0);
  }
}

#endif
