// SPDX-License-Identifier: Apache-2.0
// Endpoint::listen: what it takes, what it gives back, what it tells the core.
#include <string>
#include <system_error>

#include <boost/asio/io_context.hpp>

#include "catch.hpp"
#include "sipstack/endpoint/endpoint.hpp"

using namespace sipstack;

TEST_CASE("port 0 takes a free port and says which") {
  boost::asio::io_context io;
  Endpoint end(io);
  const auto udp = end.listen("udp:127.0.0.1:0");
  const auto tcp = end.listen("tcp:127.0.0.1:0");
  REQUIRE(udp);
  REQUIRE(tcp);
  CHECK(udp->port != 0);
  CHECK(tcp->port != 0);
  CHECK(udp->ip.to_string() == "127.0.0.1");
}

TEST_CASE("a name of this machine is as good as its address") {
  boost::asio::io_context io;
  Endpoint end(io);
  const auto bound = end.listen("udp:localhost:0");
  REQUIRE(bound);
  CHECK(bound->ip.is_loopback());
}

TEST_CASE("what is not TRANSPORT:HOST:PORT is an invalid argument") {
  boost::asio::io_context io;
  Endpoint end(io);
  for (const char* where :
       {"", "udp", "udp:", "udp:127.0.0.1", "udp::5060", "sctp:127.0.0.1:5060",
        "udp:127.0.0.1:65536", "udp:127.0.0.1:x", "udp:::1:5060", "127.0.0.1:5060"}) {
    CAPTURE(where);
    const auto bound = end.listen(where);
    REQUIRE_FALSE(bound);
    CHECK(bound.error() == std::errc::invalid_argument);
  }
}

TEST_CASE("an address in use is the system's error") {
  boost::asio::io_context io;
  Endpoint first(io);
  Endpoint second(io);
  const auto bound = first.listen("tcp:127.0.0.1:0");
  REQUIRE(bound);
  const auto again = second.listen("tcp:" + bound->to_string());
  REQUIRE_FALSE(again);
  CHECK(again.error() == std::errc::address_in_use);
}

TEST_CASE(
    "the core knows a concrete socket by its address, and by the advertised host where there is "
    "one") {
  boost::asio::io_context io;
  Endpoint plain(io);
  const auto a = plain.listen("udp:127.0.0.1:0");
  REQUIRE(a);
  CHECK(plain.core().locals().is_ours("127.0.0.1", a->port));
  CHECK_FALSE(plain.core().locals().is_ours("127.0.0.1", static_cast<std::uint16_t>(a->port ^ 1)));

  EndpointOptions options;
  options.advertised_host = "sip.example.com";
  Endpoint known(io, options);
  const auto b = known.listen("udp:127.0.0.1:0");
  REQUIRE(b);
  CHECK(known.core().locals().is_ours("SIP.example.com", b->port));
  CHECK(known.core().locals().all().front().advertised ==
        "sip.example.com:" + std::to_string(b->port));
}

TEST_CASE("behind a wildcard the core knows this machine's addresses") {
  boost::asio::io_context io;
  Endpoint end(io);
  const auto bound = end.listen("udp:0.0.0.0:0");
  REQUIRE(bound);
  CHECK(end.core().locals().is_ours("127.0.0.1", bound->port));
  CHECK(end.core().locals().all().front().advertised.empty());
}
