// SPDX-License-Identifier: Apache-2.0
// IP addresses as text. RFC 3986 section 3.2.2, RFC 5952, RFC 5954.
#include "sipstack/base/address.hpp"

#include <string>
#include <utility>

#include "catch.hpp"

namespace sipstack {
namespace {

TEST_CASE("addresses are read in every spelling and written in one") {
  const std::pair<const char*, const char*> table[] = {
      {"192.0.2.1", "192.0.2.1"},
      {"0.0.0.0", "0.0.0.0"},
      {"255.255.255.255", "255.255.255.255"},
      {"001.02.3.4", "1.2.3.4"},
      {"::", "::"},
      {"::1", "::1"},
      {"1::", "1::"},
      {"[2001:DB8::1]", "2001:db8::1"},
      {"2001:0db8:0000:0000:0001:0000:0000:0001", "2001:db8::1:0:0:1"},
      {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
      {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
      {"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
      {"0:0:1:0:0:0:1:0", "0:0:1::1:0"},
      {"::ffff:192.0.2.1", "::ffff:192.0.2.1"},
      {"::ffff:c000:201", "::ffff:192.0.2.1"},
      {"2001:db8::192.0.2.1", "2001:db8::c000:201"},
      {"1:2:3:4:5:6:192.0.2.1", "1:2:3:4:5:6:c000:201"},
      {"2001:db8:::192.0.2.1", "2001:db8::c000:201"},  // RFC 5118 section 4.10
      {":::192.0.2.1", "::c000:201"},
      {"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
  };
  for (const auto& [in, out] : table) {
    CAPTURE(in);
    const auto address = IpAddress::parse(in);
    REQUIRE(address.has_value());
    CHECK(address->to_string() == out);
    CHECK(IpAddress::parse(out) == address);
  }
}

TEST_CASE("what is no address is not read") {
  for (const char* const text : {"",
                                 ".",
                                 "1",
                                 "1.2.3",
                                 "1.2.3.4.5",
                                 "256.0.0.1",
                                 "1.2.3.",
                                 "1..2.3",
                                 "1.2.3.4 ",
                                 "0001.2.3.4",
                                 ":",
                                 ":::",
                                 "[",
                                 "[]",
                                 "[::",
                                 "::]",
                                 "1:2",
                                 "1:2:3:4:5:6:7",
                                 "1:2:3:4:5:6:7:8:9",
                                 "1::2::3",
                                 "12345::",
                                 "g::",
                                 ":1",
                                 "1:",
                                 "1:2:3:4:5:6:7:192.0.2.1",
                                 "::192.0.2.1:5",
                                 "::192.0.2",
                                 "1:2:3:4:5:6:7:8::",
                                 "::1:2:3:4:5:6:7:8",
                                 "1:::2",
                                 "::::192.0.2.1",
                                 ":::1:192.0.2.1",
                                 "[192.0.2.1]",
                                 "fe80::1%1",
                                 "host.example",
                                 "1.2.3.4:5"}) {
    CAPTURE(text);
    CHECK_FALSE(IpAddress::parse(text).has_value());
  }
  CHECK_FALSE(IpAddress::parse(std::string(100000, ':')).has_value());
}

TEST_CASE("addresses know their kind") {
  CHECK(IpAddress().is_unspecified());
  CHECK(IpAddress().to_string().empty());
  CHECK(IpAddress::parse("0.0.0.0")->is_unspecified());
  CHECK(IpAddress::parse("::")->is_unspecified());
  CHECK_FALSE(IpAddress::parse("::1")->is_unspecified());
  CHECK(IpAddress::parse("127.9.9.9")->is_loopback());
  CHECK(IpAddress::parse("::1")->is_loopback());
  CHECK_FALSE(IpAddress::parse("::2")->is_loopback());
  CHECK_FALSE(IpAddress::parse("1::1")->is_loopback());
  CHECK(IpAddress::parse("224.0.0.1")->is_multicast());
  CHECK(IpAddress::parse("239.1.2.3")->is_multicast());
  CHECK(IpAddress::parse("255.255.255.255")->is_multicast());
  CHECK(IpAddress::parse("ff02::1")->is_multicast());
  CHECK_FALSE(IpAddress::parse("223.0.0.1")->is_multicast());
  CHECK_FALSE(IpAddress::parse("fe80::1")->is_multicast());
  CHECK(IpAddress::parse("192.0.2.1")->bytes() == std::string("\xc0\x00\x02\x01", 4));
  CHECK(IpAddress::parse("::1")->bytes().size() == 16);
  CHECK(IpAddress::parse("::1") !=
        IpAddress::v6({{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}}, 2));
  CHECK(IpAddress::v4({192, 0, 2, 1}) == IpAddress::parse("192.0.2.1"));
}

TEST_CASE("a socket address is read back from its text") {
  for (const char* const text : {"192.0.2.1:5060", "[2001:db8::1]:65535", "0.0.0.0:0"}) {
    CAPTURE(text);
    const auto address = SocketAddress::parse(text);
    REQUIRE(address.has_value());
    CHECK(address->to_string() == text);
  }
  for (const char* const text :
       {"", ":", "192.0.2.1", "192.0.2.1:", "192.0.2.1:65536", "192.0.2.1:-1", "192.0.2.1:5060x",
        "2001:db8::1:5060", "[2001:db8::1]", "host:5060"}) {
    CAPTURE(text);
    CHECK_FALSE(SocketAddress::parse(text).has_value());
  }
}

}  // namespace
}  // namespace sipstack
