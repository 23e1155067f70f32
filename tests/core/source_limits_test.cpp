// SPDX-License-Identifier: Apache-2.0
// What one source may ask of us: buckets, who is exempt, and that the table has an end.
#include "sipstack/core/source_limits.hpp"

#include <string>

#include "catch.hpp"
#include "sipstack/parser/message.hpp"
#include "sipstack/parser/peek.hpp"

using namespace sipstack;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Verdict = SourceBuckets::Verdict;

namespace {

IpAddress ip(const char* text) { return *IpAddress::parse(text); }

/// What a request is taken for depends on these alone.
std::string text_of(const std::string& method, const std::string& to_params = {},
                    const std::string& more = {}) {
  return method +
         " sip:b@example.org SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bK1\r\n" +
         "Max-Forwards: 70\r\nFrom: <sip:a@example.org>;tag=1\r\nTo: <sip:b@example.org>" +
         to_params + "\r\nCall-ID: c\r\nCSeq: 1 " + method + "\r\n" + more +
         "Content-Length: 0\r\n\r\n";
}

struct Fixture {
  explicit Fixture(const SourceLimits& limits = few()) : buckets(limits, HashKey{5, 6}) {}
  static SourceLimits few() {
    SourceLimits l;
    l.requests = {10, 2};
    l.registers = {4, 1};
    l.failures = {3, 1};
    return l;
  }
  Verdict ask(const std::string& text, const IpAddress& from) {
    MessageIndex index;
    REQUIRE(parse(text, index));
    return buckets.judge(MessageView(text.data(), index), from, now);
  }
  /// How many of a thousand pass, and how many of the others are answered.
  std::pair<int, int> flood(const std::string& text, const IpAddress& from) {
    int passed = 0, refused = 0;
    for (int i = 0; i < 1000; ++i) {
      const Verdict v = ask(text, from);
      passed += v == Verdict::pass ? 1 : 0;
      refused += v == Verdict::refuse ? 1 : 0;
    }
    return {passed, refused};
  }
  SourceBuckets buckets;
  TimePoint now{seconds(1)};
};

const IpAddress kOne = ip("198.51.100.1");
const IpAddress kOther = ip("198.51.100.2");

}  // namespace

TEST_CASE("sources: a burst passes, one more is told once a second, and the rest is silence") {
  Fixture f;
  CHECK(f.flood(text_of("OPTIONS"), kOne) == std::pair(10, 1));
  CHECK(f.flood(text_of("OPTIONS"), kOther) == std::pair(10, 1));
  f.now += milliseconds(400);
  CHECK(f.flood(text_of("OPTIONS"), kOne) == std::pair(0, 0));
  f.now += milliseconds(600);
  CHECK(f.flood(text_of("OPTIONS"), kOne) == std::pair(2, 1));  // two a second
  f.now += seconds(100);
  CHECK(f.flood(text_of("OPTIONS"), kOne) == std::pair(10, 1));
}

TEST_CASE("sources: ACKs always pass, what carries a call on until twice the burst is used up") {
  Fixture f;
  CHECK(f.flood(text_of("INVITE"), kOne) == std::pair(10, 1));
  CHECK(f.flood(text_of("BYE", ";tag=x"), kOne).first == 10);
  CHECK(f.flood(text_of("CANCEL"), kOne).first == 0);
  CHECK(f.flood(text_of("ACK", ";tag=x"), kOne).first == 1000);
  CHECK(f.flood(text_of("ACK"), kOne).first == 1000);
}

TEST_CASE("sources: REGISTERs have a limit of their own, which a To tag does not lift") {
  Fixture f;
  CHECK(f.flood(text_of("REGISTER"), kOne) == std::pair(4, 1));
  CHECK(f.flood(text_of("REGISTER", ";tag=x"), kOne).first == 0);
  CHECK(f.flood(text_of("OPTIONS"), kOne).first == 6);
}

TEST_CASE("sources: after some wrong passwords nothing with credentials is looked at") {
  Fixture f;
  const std::string guess = text_of("INVITE", {}, "Proxy-Authorization: Digest username=\"a\"\r\n");
  for (int i = 0; i < 3; ++i) {
    CHECK(f.ask(guess, kOne) == Verdict::pass);
    f.buckets.failed(kOne, f.now);
  }
  CHECK(f.ask(guess, kOne) == Verdict::refuse);
  CHECK(f.ask(guess, kOne) == Verdict::drop);
  CHECK(f.ask(text_of("INVITE"), kOne) == Verdict::pass);  // its neighbours can still be challenged
  CHECK(f.ask(guess, kOther) == Verdict::pass);
  f.now += seconds(1);
  CHECK(f.ask(guess, kOne) == Verdict::pass);
}

TEST_CASE("sources: an IPv6 /64 is one source, and neither is an IPv4 address of the same bytes") {
  Fixture f;
  CHECK(f.flood(text_of("OPTIONS"), ip("2001:db8:1:2::1")).first == 10);
  CHECK(f.flood(text_of("OPTIONS"), ip("2001:db8:1:2:ffff::9")).first == 0);
  CHECK(f.flood(text_of("OPTIONS"), ip("2001:db8:1:3::1")).first == 10);
}

TEST_CASE("sources: who is trusted, or on this machine, has no limit; nor has a rate of 0") {
  SourceLimits limits = Fixture::few();
  limits.trusted = {*IpPrefix::parse("198.51.100.0/25"), *IpPrefix::parse("2001:db8::/33")};
  Fixture f(limits);
  CHECK(f.flood(text_of("OPTIONS"), ip("198.51.100.127")).first == 1000);
  CHECK(f.flood(text_of("OPTIONS"), ip("198.51.100.128")).first == 10);
  CHECK(f.flood(text_of("OPTIONS"), ip("2001:db8:7fff::1")).first == 1000);
  CHECK(f.flood(text_of("OPTIONS"), ip("2001:db8:8000::1")).first == 10);
  CHECK(f.flood(text_of("OPTIONS"), ip("127.0.0.1")).first == 1000);
  CHECK(f.flood(text_of("OPTIONS"), ip("::1")).first == 1000);
  limits.limit_loopback = true;
  Fixture strict(limits);
  CHECK(strict.flood(text_of("OPTIONS"), ip("127.0.0.1")).first == 10);
  limits.requests.per_second = 0;
  Fixture open(limits);
  CHECK(open.flood(text_of("OPTIONS"), kOne).first == 1000);
}

TEST_CASE(
    "sources: the table has an end, at which the one that was quiet for longest is forgotten") {
  SourceLimits limits = Fixture::few();
  limits.max_sources = 100;
  Fixture f(limits);
  f.flood(text_of("OPTIONS"), kOne);
  for (int i = 0; i < 5000; ++i) {
    CHECK(f.ask(text_of("OPTIONS"), IpAddress::v4({10, 0, static_cast<std::uint8_t>(i >> 8),
                                                   static_cast<std::uint8_t>(i)})) ==
          Verdict::pass);
    if (i % 50 == 0) CHECK(f.ask(text_of("OPTIONS"), kOne) != Verdict::pass);  // it goes on
    CHECK(f.buckets.size() <= 100);
  }
  for (int i = 0; i < 100; ++i)
    f.ask(text_of("OPTIONS"), IpAddress::v4({10, 1, 0, static_cast<std::uint8_t>(i)}));
  CHECK(f.ask(text_of("OPTIONS"), kOne) == Verdict::pass);
}

TEST_CASE("sources: who is silenced need not be read, unless it carries a call on") {
  Fixture f;
  CHECK_FALSE(f.buckets.silent(kOne, f.now));
  f.flood(text_of("OPTIONS"), kOne);
  CHECK(f.buckets.silent(kOne, f.now));
  CHECK_FALSE(f.buckets.silent(kOther, f.now));
  f.now += seconds(1);
  CHECK_FALSE(f.buckets.silent(kOne, f.now));

  CHECK(peek_begins_something(text_of("INVITE")));
  CHECK(peek_begins_something("\r\n\r\n" + text_of("INVENTED")));
  CHECK(peek_begins_something("OPTIONS sip:a SIP/2.0\nt : <sip:b@c;x=tag>\n\n"));
  for (const char* method : {"ACK", "BYE", "CANCEL", "PRACK"})
    CHECK_FALSE(peek_begins_something(text_of(method)));
  CHECK_FALSE(peek_begins_something(text_of("INVITE", ";tag=x")));
  CHECK_FALSE(peek_begins_something(text_of("INVITE", ";x=1\r\n ; TAG =x")));
  CHECK_FALSE(peek_begins_something("SIP/2.0 200 OK\r\nTo: <sip:b@c>\r\n\r\n"));
  CHECK_FALSE(peek_begins_something("INVITE sip:a SIP/2.0\r\n\r\nTo: <sip:b@c>\r\n"));  // a body
  CHECK_FALSE(peek_begins_something("INVITE sip:a"));
  CHECK_FALSE(peek_begins_something(""));
}

TEST_CASE("sources: networks are read and compared to the bit") {
  for (const char* text : {"", "/", "192.0.2.1/33", "192.0.2.1/", "192.0.2.1/x", "192.0.2.1/-1",
                           "192.0.2.1/8 ", "2001:db8::/129", "host/8"})
    CHECK_FALSE(IpPrefix::parse(text));
  const auto net = IpPrefix::parse("192.0.2.128/27");
  REQUIRE(net);
  CHECK(net->contains(ip("192.0.2.159")));
  CHECK_FALSE(net->contains(ip("192.0.2.160")));
  CHECK_FALSE(net->contains(ip("192.0.2.127")));
  CHECK(IpPrefix::parse("192.0.2.1")->contains(ip("192.0.2.1")));
  CHECK_FALSE(IpPrefix::parse("192.0.2.1")->contains(ip("192.0.2.0")));
  CHECK(IpPrefix::parse("0.0.0.0/0")->contains(ip("203.0.113.1")));
  CHECK_FALSE(IpPrefix::parse("0.0.0.0/0")->contains(ip("::1")));
  CHECK(IpPrefix::parse("::/0")->contains(ip("2001:db8::1")));
}
