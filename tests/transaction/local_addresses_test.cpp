// SPDX-License-Identifier: Apache-2.0
// Our own names: sent-by, the socket for a target, and what is ours.
#include "sipstack/transaction/local_addresses.hpp"

#include "catch.hpp"

using namespace sipstack;

namespace {

SocketAddress end_at(const std::string& text) {
  const auto parsed = SocketAddress::parse(text);
  REQUIRE(parsed.has_value());
  return *parsed;
}

IpAddress ip(const std::string& text) { return *IpAddress::parse(text); }

Flow flow(Transport transport, const std::string& local, const std::string& remote) {
  return {transport, end_at(local), end_at(remote), 0};
}

}  // namespace

TEST_CASE("local addresses: a socket is found by transport and family") {
  LocalAddresses locals;
  locals.add({Transport::udp, end_at("192.0.2.1:5060"), {}});
  locals.add({Transport::udp, end_at("[2001:db8::1]:5060"), {}});
  locals.add({Transport::tcp, end_at("192.0.2.1:5070"), {}});
  CHECK(locals.find(Transport::udp)->bound.port == 5060);
  CHECK(locals.find(Transport::udp, ip("2001:db8::9"))->bound.ip.is_v6());
  CHECK(locals.find(Transport::tcp, ip("198.51.100.1"))->bound.port == 5070);
  CHECK(locals.find(Transport::tcp, ip("2001:db8::9")) == nullptr);
  CHECK(locals.find(Transport::tls) == nullptr);
}

TEST_CASE("local addresses: loopback speaks to loopback where there is a choice") {
  LocalAddresses locals;
  locals.add({Transport::udp, end_at("192.0.2.1:5060"), {}});
  locals.add({Transport::udp, end_at("127.0.0.1:5062"), {}});
  CHECK(locals.find(Transport::udp, ip("127.0.0.1"))->bound.port == 5062);
  CHECK(locals.find(Transport::udp, ip("198.51.100.1"))->bound.port == 5060);
  LocalAddresses only;
  only.add({Transport::udp, end_at("127.0.0.1:5062"), {}});
  CHECK(only.find(Transport::udp, ip("198.51.100.1"))->bound.port == 5062);
}

TEST_CASE(
    "local addresses: sent-by is the advertised name, the bound address, or the flow's under a "
    "wildcard") {
  LocalAddresses locals;
  locals.add({Transport::udp, end_at("0.0.0.0:5080"), {}});
  CHECK(locals.sent_by(flow(Transport::udp, "192.0.2.7:5080", "192.0.2.9:5060")) ==
        "192.0.2.7:5080");
  // A connection that we opened: the listening port, not its own (RFC 3261 section 18.1.1).
  locals.add({Transport::tcp, end_at("0.0.0.0:5080"), {}});
  CHECK(locals.sent_by(flow(Transport::tcp, "192.0.2.7:41234", "192.0.2.9:5060")) ==
        "192.0.2.7:5080");
  // No listening socket of that transport: the connection's own end.
  CHECK(locals.sent_by(flow(Transport::tls, "192.0.2.7:41235", "192.0.2.9:5061")) ==
        "192.0.2.7:41235");
  locals.add({Transport::tls, end_at("192.0.2.7:5061"), "sip.example.com"});
  CHECK(locals.sent_by(flow(Transport::tls, "192.0.2.7:41235", "192.0.2.9:5061")) ==
        "sip.example.com");
}

TEST_CASE("local addresses: sent-by of two sockets is that of the one the flow uses") {
  LocalAddresses locals;
  locals.add({Transport::udp, end_at("192.0.2.1:5060"), "outside.example:5060"});
  locals.add({Transport::udp, end_at("192.0.2.1:5062"), {}});
  locals.add({Transport::udp, end_at("10.0.0.1:5060"), {}});
  locals.add({Transport::udp, end_at("[::]:5060"), {}});
  CHECK(locals.sent_by(flow(Transport::udp, "192.0.2.1:5060", "192.0.2.9:5060")) ==
        "outside.example:5060");
  CHECK(locals.sent_by(flow(Transport::udp, "192.0.2.1:5062", "192.0.2.9:5060")) ==
        "192.0.2.1:5062");
  CHECK(locals.sent_by(flow(Transport::udp, "10.0.0.1:5060", "10.0.0.9:5060")) == "10.0.0.1:5060");
  CHECK(locals.sent_by(flow(Transport::udp, "[2001:db8::1]:5060", "[2001:db8::9]:5060")) ==
        "[2001:db8::1]:5060");
}

TEST_CASE("local addresses: what is ours, and what is not") {
  LocalAddresses locals;
  locals.add({Transport::udp, end_at("192.0.2.1:5060"), {}});
  locals.add({Transport::tls, end_at("192.0.2.1:5061"), "SIP.example.com"});
  locals.add({Transport::tcp, end_at("192.0.2.1:5070"), "edge.example.com:5090"});
  CHECK(locals.is_ours("192.0.2.1", 5060));
  CHECK(locals.is_ours("192.0.2.1", 0));
  CHECK_FALSE(locals.is_ours("192.0.2.1", 5062));
  CHECK_FALSE(locals.is_ours("192.0.2.2", 5060));
  CHECK(locals.is_ours("sip.EXAMPLE.com", 0));
  CHECK(locals.is_ours("sip.example.com", 5061));
  CHECK_FALSE(locals.is_ours("sip.example.com", 5060));
  CHECK(locals.is_ours("edge.example.com", 5090));
  CHECK(locals.is_ours("192.0.2.1", 5070));
  CHECK_FALSE(locals.is_ours("", 0));
}

TEST_CASE(
    "local addresses: a wildcard socket is ours at the addresses it was seen at, and on loopback") {
  LocalAddresses locals;
  locals.add({Transport::udp, end_at("0.0.0.0:5060"), {}});
  CHECK(locals.is_ours("127.0.0.1", 5060));
  CHECK_FALSE(locals.is_ours("192.0.2.1", 5060));
  locals.seen(ip("192.0.2.1"));
  locals.seen(ip("2001:db8::1"));
  locals.seen(ip("0.0.0.0"));
  CHECK(locals.is_ours("192.0.2.1", 5060));
  CHECK_FALSE(locals.is_ours("192.0.2.1", 5061));
  CHECK_FALSE(locals.is_ours("[2001:db8::1]", 5060));  // the socket is IPv4
  CHECK_FALSE(locals.is_ours("0.0.0.0", 5060));
}

TEST_CASE("local addresses: no stranger fills the memory with addresses") {
  LocalAddresses locals;
  locals.add({Transport::udp, end_at("0.0.0.0:5060"), {}});
  for (int i = 0; i < 200; ++i) locals.seen(ip("10.0.0." + std::to_string(i)));
  CHECK(locals.is_ours("10.0.0.63", 5060));
  CHECK_FALSE(locals.is_ours("10.0.0.64", 5060));
}
