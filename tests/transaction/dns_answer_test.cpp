// SPDX-License-Identifier: Apache-2.0
// DNS messages, good and forged, in bytes. RFC 1035 section 4.1; hardening A78.
#include <string>

#include "catch.hpp"
#include "sipstack/base/random.hpp"
#include "sipstack/transaction/dns.hpp"

using namespace sipstack;
using std::chrono::seconds;

namespace {

using Kind = DnsQuestion::Kind;
using Outcome = DnsAnswer::Outcome;

std::string u16(unsigned v) {
  return {static_cast<char>((v >> 8) & 0xFF), static_cast<char>(v & 0xFF)};
}
std::string u32(std::uint32_t v) { return u16(v >> 16) + u16(v & 0xFFFF); }
std::string name(const std::string& text) {
  std::string out;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t dot = std::min(text.find('.', at), text.size());
    out += static_cast<char>(dot - at);
    out += text.substr(at, dot - at);
    at = dot + 1;
  }
  return out + '\0';
}
const std::string kPointer = "\xC0\x0C";  // to the name in the question

std::string record(const std::string& owner, unsigned type, std::uint32_t ttl,
                   const std::string& data) {
  return owner + u16(type) + u16(1) + u32(ttl) + u16(static_cast<unsigned>(data.size())) + data;
}
std::string srv(unsigned priority, unsigned weight, unsigned port, const std::string& target) {
  return u16(priority) + u16(weight) + u16(port) + target;
}

struct Reply {
  std::string asked = "example.com";
  unsigned type = 33;
  unsigned flags = 0x8180;
  std::vector<std::string> answers;
  std::vector<std::string> authorities;

  std::string bytes() const {
    std::string out =
        u16(0x1234) + u16(flags) + u16(1) + u16(static_cast<unsigned>(answers.size())) +
        u16(static_cast<unsigned>(authorities.size())) + u16(0) + name(asked) + u16(type) + u16(1);
    for (const std::string& r : answers) out += r;
    for (const std::string& r : authorities) out += r;
    return out;
  }
  DnsAnswer read(Kind kind = Kind::srv) const {
    return read_dns_answer(bytes(), {kind, "example.com"});
  }
};

}  // namespace

TEST_CASE("dns: SRV, NAPTR, A and AAAA are read, compressed names too, TTL is the least") {
  Reply reply;
  reply.answers = {record(kPointer, 33, 300, srv(20, 5, 5060, name("B.Example.COM"))),
                   record(kPointer, 33, 60, srv(10, 7, 5062, "\1a" + kPointer))};
  DnsAnswer answer = reply.read();
  REQUIRE(answer.outcome == Outcome::found);
  CHECK(answer.ttl == seconds(60));
  REQUIRE(answer.srv.size() == 2);
  CHECK(answer.srv[0].target == "a.example.com");
  CHECK(answer.srv[0].priority == 10);
  CHECK(answer.srv[0].weight == 7);
  CHECK(answer.srv[0].port == 5062);
  CHECK(answer.srv[1].target == "b.example.com");

  reply.type = 35;
  reply.answers = {record(
      kPointer, 35, 60,
      u16(50) + u16(10) + "\1s\7SIP+D2U" + std::string(1, '\0') + name("_sip._udp.example.com"))};
  answer = reply.read(Kind::naptr);
  REQUIRE(answer.naptr.size() == 1);
  CHECK(answer.naptr[0].order == 50);
  CHECK(answer.naptr[0].preference == 10);
  CHECK(answer.naptr[0].flags == "s");
  CHECK(answer.naptr[0].service == "SIP+D2U");
  CHECK(answer.naptr[0].regexp.empty());
  CHECK(answer.naptr[0].replacement == "_sip._udp.example.com");

  reply.type = 1;
  reply.answers = {record(kPointer, 1, 60, "\xC0\1\2\3"),
                   record(kPointer, 28, 60, std::string(16, 1))};
  answer = reply.read(Kind::address);
  REQUIRE(answer.addresses.size() == 1);  // AAAA was not asked for
  CHECK(answer.addresses[0] == IpAddress::parse("192.1.2.3"));
  reply.type = 28;
  answer = reply.read(Kind::address);
  REQUIRE(answer.addresses.size() == 1);
  CHECK(answer.addresses[0].is_v6());
}

TEST_CASE("dns: no such name and no such record are answers, and the SOA says for how long") {
  const std::string soa = name("ns.example.com") + name("root.example.com") + u32(1) + u32(2) +
                          u32(3) + u32(4) + u32(300);
  for (const unsigned flags : {0x8183U, 0x8180U}) {
    Reply reply;
    reply.flags = flags;
    CHECK(reply.read().outcome == Outcome::nothing);
    CHECK(reply.read().ttl == Duration::zero());
    reply.authorities = {record(kPointer, 6, 900, soa)};
    CHECK(reply.read().outcome == Outcome::nothing);
    CHECK(reply.read().ttl == seconds(300));
    reply.authorities = {record(kPointer, 6, 20, soa)};
    CHECK(reply.read().ttl == seconds(20));
    reply.authorities = {record(kPointer, 6, 20, soa.substr(0, 20))};
    CHECK(reply.read().ttl == Duration::zero());
  }
}

TEST_CASE("dns: A78, an answer to another question is none, nor what is no answer") {
  Reply good;
  good.answers = {record(kPointer, 33, 60, srv(1, 1, 5060, name("a.test")))};
  REQUIRE(good.read().outcome == Outcome::found);
  Reply forged = good;
  forged.asked = "example.net";
  CHECK(forged.read().outcome == Outcome::failed);
  forged = good;
  forged.type = 1;
  CHECK(forged.read().outcome == Outcome::failed);
  for (const unsigned flags : {0x0180U, 0x8380U, 0x8182U, 0x8185U}) {  // query, truncated, rcodes
    forged = good;
    forged.flags = flags;
    CHECK(forged.read().outcome == Outcome::failed);
  }
  // Records of somebody else's name are no answer to ours.
  forged = good;
  forged.answers = {record(name("example.net"), 33, 60, srv(1, 1, 5060, name("a.test")))};
  CHECK(forged.read().outcome == Outcome::nothing);
}

TEST_CASE("dns: A78, compression pointers lead backwards or nowhere") {
  const std::size_t here = Reply{}.bytes().size();  // where the first record begins
  const auto pointer = [](std::size_t to) { return u16(0xC000U | static_cast<unsigned>(to)); };
  for (const std::string& owner :
       {pointer(here), pointer(here + 1), pointer(here + 40), pointer(0), pointer(11),
        "\1x" + pointer(here), pointer(0x3FFF), std::string("\xC0"), std::string("\x80\1"),
        std::string("\x40\1")}) {
    Reply reply;
    reply.answers = {record(owner, 33, 60, srv(1, 1, 5060, name("a.test")))};
    CHECK(reply.read().outcome != Outcome::found);
  }
  // Two names that point at each other, inside a record's data.
  Reply reply;
  reply.answers = {record(kPointer, 33, 60, srv(1, 1, 5060, "\1a" + pointer(here + 20)))};
  CHECK(reply.read().outcome != Outcome::found);
  // A name of names: longer than any may be.
  std::string longest;
  for (int i = 0; i < 5; ++i) longest += '\x3f' + std::string(63, 'a');
  reply.answers = {record(kPointer, 33, 60, srv(1, 1, 5060, longest + '\0'))};
  CHECK(reply.read().outcome == Outcome::nothing);
}

TEST_CASE("dns: A78, a message that breaks off at any byte is never an answer, nor read beyond") {
  Reply reply;
  reply.answers = {record(kPointer, 33, 60, srv(1, 1, 5060, name("a.test"))),
                   record(kPointer, 33, 60, srv(2, 1, 5060, name("b.test")))};
  const std::string whole = reply.bytes();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const std::string part = whole.substr(0, size);  // of its own size, for the sanitizer
    CHECK(read_dns_answer(part, {Kind::srv, "example.com"}).outcome == Outcome::failed);
  }
  CHECK(reply.read().outcome == Outcome::found);
}

TEST_CASE("dns: A78, records that are empty, short, too long or unknown are passed over") {
  const std::string good = srv(1, 1, 5060, name("a.test"));
  Reply reply;
  reply.answers = {record(kPointer, 33, 60, ""),
                   record(kPointer, 33, 60, good.substr(0, 5)),
                   record(kPointer, 33, 60, good + "x"),
                   record(kPointer, 33, 60, srv(1, 1, 0, name("a.test"))),
                   record(kPointer, 33, 60, srv(1, 1, 5060, std::string("\3a.b\0", 5))),
                   record(kPointer, 33, 60, srv(1, 1, 5060, std::string("\3a\0b\0", 5))),
                   record(kPointer, 65280, 60, "whatever"),
                   record(kPointer, 33, 60, good)};
  const DnsAnswer answer = reply.read();
  REQUIRE(answer.srv.size() == 1);
  CHECK(answer.srv[0].target == "a.test");
  for (const std::size_t size : {0, 3, 5}) {
    Reply a;
    a.type = 1;
    a.answers = {record(kPointer, 1, 60, std::string(size, '\1'))};
    CHECK(a.read(Kind::address).outcome == Outcome::nothing);
  }
  Reply naptr;
  naptr.type = 35;
  naptr.answers = {record(kPointer, 35, 60, u16(1) + u16(1) + "\xFFs")};
  CHECK(naptr.read(Kind::naptr).outcome == Outcome::nothing);
}

TEST_CASE("dns: A78, aliases are followed eight times, and a loop of them is a failure") {
  const auto chain = [](int length, bool loop) {
    Reply reply;
    for (int i = 0; i < length; ++i)
      reply.answers.push_back(record(i == 0 ? kPointer : name("c" + std::to_string(i) + ".test"), 5,
                                     30, name("c" + std::to_string(i + 1) + ".test")));
    const std::string last = length == 0 ? kPointer : name("c" + std::to_string(length) + ".test");
    if (loop) reply.answers.push_back(record(last, 5, 30, name("example.com")));
    reply.answers.push_back(record(last, 33, 60, srv(1, 1, 5060, name("a.test"))));
    return reply.read();
  };
  CHECK(chain(1, false).outcome == Outcome::found);
  CHECK(chain(1, false).ttl == seconds(30));
  CHECK(chain(8, false).outcome == Outcome::found);
  CHECK(chain(9, false).outcome == Outcome::failed);
  CHECK(chain(0, true).outcome == Outcome::failed);
  CHECK(chain(3, true).outcome == Outcome::failed);
}

TEST_CASE("dns: A78, a thousand SRV records are read, and the first of them kept") {
  Reply reply;
  for (unsigned i = 0; i < 1000; ++i)
    reply.answers.push_back(
        record(kPointer, 33, 60, srv(1000 - i, 1, 5060, name("h" + std::to_string(i) + ".test"))));
  const DnsAnswer answer = reply.read();
  REQUIRE(answer.srv.size() == DnsAnswer::kMost);
  CHECK(answer.srv.front().target == "h999.test");
  CHECK(answer.srv.back().priority == DnsAnswer::kMost);
}

TEST_CASE("dns: A78, a TTL of 0 stays 0, and one of 2^31 and more is 0 (RFC 2181 8)") {
  const auto ttl = [](std::uint32_t value) {
    Reply reply;
    reply.answers = {record(kPointer, 33, value, srv(1, 1, 5060, name("a.test")))};
    return reply.read().ttl;
  };
  CHECK(ttl(0) == Duration::zero());
  CHECK(ttl(1) == seconds(1));
  CHECK(ttl(0x7FFFFFFF) == seconds(0x7FFFFFFF));
  CHECK(ttl(0x80000000) == Duration::zero());
  CHECK(ttl(0xFFFFFFFF) == Duration::zero());
}

TEST_CASE("dns: mutated messages are read without harm, whatever comes of them") {
  Reply reply;
  reply.answers = {record(kPointer, 5, 60, name("a.test")),
                   record(name("a.test"), 33, 60, srv(1, 1, 5060, "\1b" + kPointer))};
  reply.authorities = {record(kPointer, 6, 60, name("x") + name("y") + std::string(20, '\1'))};
  const std::string good = reply.bytes();
  SeededRandom random(3);
  int found = 0;
  for (int run = 0; run < 20000; ++run) {
    std::string bytes = good;
    for (std::uint64_t n = random.below(4) + 1; n > 0; --n)
      bytes[random.below(bytes.size())] = static_cast<char>(random.next());
    const DnsAnswer answer = read_dns_answer(bytes, {Kind::srv, "example.com"});
    if (answer.outcome == Outcome::found) ++found;
    for (const SrvRecord& r : answer.srv) CHECK((r.target.empty() || is_host_name(r.target)));
  }
  CHECK(found > 0);
}

TEST_CASE("dns: what may be asked for by name") {
  for (const char* good :
       {"a", "example.com", "example.com.", "_sip._udp.x", "xn--a-1.test", "1.2"})
    CHECK(is_host_name(good));
  for (const std::string& bad :
       {std::string(), std::string("."), std::string(".1"), std::string("a..b"), std::string("a b"),
        std::string("a\0b", 3), std::string(64, 'a'), std::string("[::1]")})
    CHECK_FALSE(is_host_name(bad));
}
