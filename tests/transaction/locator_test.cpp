// SPDX-License-Identifier: Apache-2.0
// RFC 3263 and RFC 2782 step by step, with a zone file in place of a network and time as a number.
#include "sipstack/transaction/locator.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <initializer_list>
#include <map>

#include "catch.hpp"

using namespace sipstack;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

using Kind = DnsQuestion::Kind;
using Outcome = DnsAnswer::Outcome;

TimePoint at(double s) { return TimePoint(Duration(static_cast<std::int64_t>(s * 1e6))); }

TransportSet set_of(std::initializer_list<Transport> all) {
  TransportSet set;
  for (const Transport t : all) set.add(t);
  return set;
}
const TransportSet kPlain = set_of({Transport::udp, Transport::tcp});
const TransportSet kAll =
    set_of({Transport::udp, Transport::tcp, Transport::tls, Transport::ws, Transport::wss});

/// "udp 192.0.2.1:5060", one after the other.
std::string text_of(const Located& located) {
  std::string all;
  for (const Destination& d : located.destinations) {
    if (!all.empty()) all += ", ";
    all += std::string(uri_name(d.transport)) + " " + d.remote.to_string();
  }
  return all;
}

/// A domain's records, and what was asked of them.
struct Zone {
  std::map<std::string, std::vector<NaptrRecord>> naptr;
  std::map<std::string, std::vector<SrvRecord>> srv;
  std::map<std::string, std::vector<std::string>> addresses;
  Duration ttl = seconds(60);
  Duration no_ttl = Duration::zero();
  std::vector<std::string> asked;

  DnsAnswer answer(const DnsQuestion& question) {
    static const char* const kinds[] = {"NAPTR ", "SRV ", "A "};
    asked.push_back(kinds[static_cast<int>(question.kind)] + question.name);
    DnsAnswer answer;
    answer.naptr = naptr[question.name];
    answer.srv = srv[question.name];
    if (question.kind != Kind::naptr) answer.naptr.clear();
    if (question.kind != Kind::srv) answer.srv.clear();
    if (question.kind == Kind::address)
      for (const std::string& ip : addresses[question.name])
        answer.addresses.push_back(IpAddress::parse(ip).value());
    const bool found = !answer.naptr.empty() || !answer.srv.empty() || !answer.addresses.empty();
    answer.outcome = found ? Outcome::found : Outcome::nothing;
    answer.ttl = found ? ttl : no_ttl;
    return answer;
  }
};

struct Bench {
  explicit Bench(const LocatorOptions& options = {}, std::uint64_t seed = 1)
      : random(seed), locator(random, options) {}

  /// Asks the zone until the lookup has its result.
  std::string locate(const std::string& uri, TransportSet ours = kPlain, TimePoint now = at(0)) {
    zone.asked.clear();
    const auto id = locator.locate(uri, ours, now);
    serve(now);
    Located located;
    REQUIRE(locator.next(located));
    CHECK(located.id == id);
    CHECK_FALSE(locator.next(located));
    CHECK(locator.pending() == 0);
    CHECK(locator.deadline() == kNever);
    last = located;
    return text_of(located);
  }
  void serve(TimePoint now) {
    for (DnsQuestion question; locator.next(question);)
      locator.answered(question, zone.answer(question), now);
  }

  SeededRandom random;
  Zone zone;
  Locator locator;
  Located last;
};

using Asked = std::vector<std::string>;

}  // namespace

TEST_CASE("locator: a numeric host is asked of nobody (RFC 3263 4.1, 4.2)") {
  struct Case {
    const char* uri;
    const char* where;
  };
  const Case cases[] = {
      {"sip:192.0.2.1", "udp 192.0.2.1:5060"},
      {"sip:192.0.2.1:5070", "udp 192.0.2.1:5070"},
      {"sip:bob@192.0.2.1;transport=TCP", "tcp 192.0.2.1:5060"},
      {"sip:192.0.2.1;transport=tls", "tls 192.0.2.1:5061"},
      {"sips:192.0.2.1", "tls 192.0.2.1:5061"},
      {"sips:192.0.2.1:5070", "tls 192.0.2.1:5070"},
      {"sips:192.0.2.1;transport=tcp", "tls 192.0.2.1:5061"},
      {"sip:192.0.2.1;transport=ws", "ws 192.0.2.1:80"},
      {"sips:192.0.2.1;transport=ws", "wss 192.0.2.1:443"},
      {"sip:[2001:db8::1]:5070", "udp [2001:db8::1]:5070"},
      {"sip:example.com;maddr=192.0.2.7", "udp 192.0.2.7:5060"},
      {"sip:example.com:5070;maddr=192.0.2.7;transport=tcp", "tcp 192.0.2.7:5070"},
      {"sips:192.0.2.1;transport=udp", ""},
      {"sip:192.0.2.1;transport=sctp", ""},
      {"tel:+12125551212", ""},
      {"nonsense", ""},
      {"", ""},
  };
  Bench b;
  for (const Case& c : cases) {
    CAPTURE(c.uri);
    CHECK(b.locate(c.uri, kAll) == c.where);
    CHECK(b.zone.asked.empty());
  }
}

TEST_CASE("locator: a port in the URI means A and AAAA alone, even 5060 (RFC 3263 4.2)") {
  Bench b;
  b.zone.addresses["example.com"] = {"192.0.2.1", "2001:db8::1"};
  b.zone.srv["_sip._udp.example.com"] = {{0, 0, 5080, "other.example.com"}};
  CHECK(b.locate("sip:Example.COM:5060") == "udp 192.0.2.1:5060, udp [2001:db8::1]:5060");
  CHECK(b.zone.asked == Asked{"A example.com"});
  CHECK(b.last.transport_free);
  CHECK(b.locate("sips:example.com.:5070") == "tls 192.0.2.1:5070, tls [2001:db8::1]:5070");
  CHECK(b.locate("sip:a.test:5070;maddr=example.com") ==
        "udp 192.0.2.1:5070, udp [2001:db8::1]:5070");
}

TEST_CASE("locator: a named transport means SRV of it, then A and AAAA (RFC 3263 4.2)") {
  Bench b;
  b.zone.srv["_sip._tcp.example.com"] = {{1, 0, 5070, "two.example.com"},
                                         {0, 0, 5080, "one.example.com"}};
  b.zone.srv["_sips._tcp.example.com"] = {{0, 0, 5081, "one.example.com"}};
  b.zone.addresses["one.example.com"] = {"192.0.2.1"};
  b.zone.addresses["two.example.com"] = {"192.0.2.2"};
  b.zone.addresses["example.com"] = {"192.0.2.9"};
  CHECK(b.locate("sip:example.com;transport=tcp") == "tcp 192.0.2.1:5080, tcp 192.0.2.2:5070");
  CHECK(b.zone.asked ==
        Asked{"SRV _sip._tcp.example.com", "A one.example.com", "A two.example.com"});
  CHECK(b.locate("sip:example.com;transport=udp") == "udp 192.0.2.9:5060");
  CHECK(b.zone.asked == Asked{"SRV _sip._udp.example.com", "A example.com"});
  // "For a SIP URI, if the client wishes to use TLS, it also uses the service identifier _sips".
  CHECK(b.locate("sip:example.com;transport=tls") == "tls 192.0.2.1:5081");
  CHECK(b.locate("sips:example.com;transport=tcp") == "tls 192.0.2.1:5081");
  CHECK(b.locate("sip:example.com;transport=ws") == "ws 192.0.2.9:80");  // RFC 7118 5.5
}

TEST_CASE("locator: NAPTR chooses the transport (the example of RFC 3263 4.1)") {
  Bench b;
  b.zone.naptr["example.com"] = {{50, 50, "s", "SIPS+D2T", "", "_sips._tcp.example.com"},
                                 {90, 50, "s", "SIP+D2T", "", "_sip._tcp.example.com"},
                                 {100, 50, "s", "SIP+D2U", "", "_sip._udp.example.com"}};
  b.zone.srv["_sip._tcp.example.com"] = {{0, 1, 5060, "server1.example.com"}};
  b.zone.srv["_sip._udp.example.com"] = {{0, 1, 5060, "server2.example.com"}};
  b.zone.srv["_sips._tcp.example.com"] = {{0, 1, 5061, "server3.example.com"}};
  for (const char digit : {'1', '2', '3'})
    b.zone.addresses[std::string("server") + digit + ".example.com"] = {std::string("192.0.2.") +
                                                                        digit};

  CHECK(b.locate("sip:user@example.com") == "tcp 192.0.2.1:5060");
  CHECK(b.zone.asked ==
        Asked{"NAPTR example.com", "SRV _sip._tcp.example.com", "A server1.example.com"});
  CHECK_FALSE(b.last.transport_free);
  CHECK(b.locate("sip:user@example.com", kAll) == "tls 192.0.2.3:5061");
  CHECK(b.locate("sip:user@example.com", set_of({Transport::udp})) == "udp 192.0.2.2:5060");
  // A SIPS URI takes nothing but SIPS.
  CHECK(b.locate("sips:user@example.com", kAll) == "tls 192.0.2.3:5061");
  CHECK(b.last.host == "example.com");  // not server3: that is DNS's word (RFC 5922 section 7.3)
}

TEST_CASE("locator: behind a match no other order of NAPTR counts, its preferences do (RFC 3403)") {
  Bench b;
  b.zone.naptr["example.com"] = {{10, 1, "S", "sip+d2t", "", "_sip._tcp.a.example.com"},
                                 {10, 2, "s", "SIP+D2U", "", "_sip._udp.b.example.com"},
                                 {20, 1, "s", "SIP+D2U", "", "_sip._udp.c.example.com"}};
  b.zone.srv["_sip._tcp.a.example.com"] = {{0, 0, 5060, "a.example.com"}};
  b.zone.srv["_sip._udp.b.example.com"] = {{0, 0, 5060, "b.example.com"}};
  b.zone.srv["_sip._udp.c.example.com"] = {{0, 0, 5060, "c.example.com"}};
  b.zone.addresses["a.example.com"] = {"192.0.2.1"};
  b.zone.addresses["b.example.com"] = {"192.0.2.2"};
  b.zone.addresses["c.example.com"] = {"192.0.2.3"};
  CHECK(b.locate("sip:example.com") == "tcp 192.0.2.1:5060, udp 192.0.2.2:5060");
}

TEST_CASE("locator: NAPTR records that are not for us are as if they were not there") {
  Bench b;
  b.zone.naptr["example.com"] = {
      {1, 1, "u", "SIP+D2U", "!^.*$!sip:evil@example.net!", ""},      // not terminal by SRV
      {1, 1, "s", "SIP+D2U", "!x!y!", "_sip._udp.evil.example.com"},  // both fields: in error
      {1, 1, "s", "SIP+D2U", "", ""},
      {1, 1, "s", "SIP+D2S", "", "_sip._sctp.example.com"},
      {1, 1, "s", "SIPS+D2U", "", "_sips._udp.example.com"},
      {1, 1, "a", "SIP+D2T", "", "evil.example.com"},
      {1, 1, "s", "E2U+sip", "", "_sip._udp.evil.example.com"},
  };
  b.zone.srv["_sip._udp.example.com"] = {{0, 0, 5062, "a.example.com"}};
  b.zone.addresses["a.example.com"] = {"192.0.2.1"};
  CHECK(b.locate("sip:example.com") == "udp 192.0.2.1:5062");
  for (const std::string& question : b.zone.asked)
    CHECK(question.find("evil") == std::string::npos);
}

TEST_CASE("locator: without NAPTR every transport is asked for by SRV, and then A and AAAA") {
  Bench b;
  b.zone.addresses["example.com"] = {"192.0.2.1"};
  CHECK(b.locate("sip:example.com") == "udp 192.0.2.1:5060");
  CHECK(b.zone.asked == Asked{"NAPTR example.com", "SRV _sip._udp.example.com",
                              "SRV _sip._tcp.example.com", "A example.com"});
  CHECK(b.last.transport_free);
  CHECK(b.locate("sips:example.com", kAll) == "tls 192.0.2.1:5061");

  b.zone.srv["_sip._tcp.example.com"] = {{0, 0, 5070, "tcp.example.com"}};
  b.zone.addresses["tcp.example.com"] = {"192.0.2.2"};
  CHECK(b.locate("sip:example.com", kPlain, at(100)) == "tcp 192.0.2.2:5070");
  b.zone.srv["_sip._udp.example.com"] = {{0, 0, 5080, "udp.example.com"}};
  b.zone.addresses["udp.example.com"] = {"192.0.2.3"};
  CHECK(b.locate("sip:example.com", kPlain, at(200)) == "udp 192.0.2.3:5080, tcp 192.0.2.2:5070");
}

TEST_CASE("locator: a SRV record with the root as its target says that there is no service") {
  Bench b;
  b.zone.addresses["example.com"] = {"192.0.2.1"};
  b.zone.srv["_sip._udp.example.com"] = {{0, 0, 0, ""}};
  CHECK(b.locate("sip:example.com;transport=udp").empty());
  CHECK(b.locate("sip:example.com") == "tcp 192.0.2.1:5060");
  b.zone.srv["_sip._tcp.example.com"] = {{0, 0, 0, ""}};
  CHECK(b.locate("sip:example.com", kPlain, at(100)).empty());
}

TEST_CASE("locator: a SRV target that cannot be a host is passed over, an address is taken") {
  Bench b;
  b.zone.srv["_sip._udp.example.com"] = {{0, 0, 5060, ".1"},
                                         {1, 0, 5060, "-..-"},
                                         {2, 0, 5060, std::string(300, 'a')},
                                         {3, 0, 5060, "192.0.2.8"},
                                         {4, 0, 5060, "gone.example.com"}};
  CHECK(b.locate("sip:example.com;transport=udp") == "udp 192.0.2.8:5060");
  CHECK(b.zone.asked == Asked{"SRV _sip._udp.example.com", "A gone.example.com"});
}

TEST_CASE("locator: SRV goes by priority, and by weight among equals (RFC 2782)") {
  std::map<std::string, int> first;
  std::map<std::string, int> second;
  constexpr int kRuns = 20000;
  Bench b({}, 42);
  b.zone.srv["_sip._udp.example.com"] = {{10, 60, 5060, "a.test"},
                                         {10, 30, 5060, "b.test"},
                                         {10, 10, 5060, "c.test"},
                                         {10, 0, 5060, "d.test"},
                                         {20, 999, 5060, "e.test"}};
  const std::string names = "abcde";
  for (std::size_t i = 0; i < names.size(); ++i)
    b.zone.addresses[std::string(1, names[i]) + ".test"] = {"192.0.2." + std::to_string(i + 1)};
  for (int run = 0; run < kRuns; ++run) {
    b.locate("sip:example.com;transport=udp");
    REQUIRE(b.last.destinations.size() == 5);
    CHECK(b.last.destinations[4].remote.ip == IpAddress::parse("192.0.2.5"));
    ++first[b.last.destinations[0].remote.ip.to_string()];
    ++second[b.last.destinations[1].remote.ip.to_string()];
  }
  // The pick is one of 0 to 100; the record of weight 0 stands first and has one chance of 101.
  const auto near = [&](int count, double share) {
    return std::abs(count - share * kRuns) < 4.0 * std::sqrt(share * (1 - share) * kRuns);
  };
  CHECK(near(first["192.0.2.1"], 60.0 / 101));
  CHECK(near(first["192.0.2.2"], 30.0 / 101));
  CHECK(near(first["192.0.2.3"], 10.0 / 101));
  CHECK(near(first["192.0.2.4"], 1.0 / 101));
  CHECK(second["192.0.2.1"] > second["192.0.2.3"]);
  // The same seed gives the same order.
  Bench one({}, 7);
  Bench two({}, 7);
  one.zone = two.zone = b.zone;
  for (int i = 0; i < 20; ++i)
    CHECK(one.locate("sip:example.com;transport=udp") ==
          two.locate("sip:example.com;transport=udp"));
}

TEST_CASE("locator: A78, never more than 16 targets, from whatever there is more of") {
  Bench b;
  for (int i = 0; i < 100; ++i) {
    const std::string name = "h" + std::to_string(i) + ".test";
    b.zone.srv["_sip._udp.example.com"].push_back({static_cast<std::uint16_t>(i), 0, 5060, name});
    for (int n = 0; n < 100; ++n)
      b.zone.addresses[name].push_back("10." + std::to_string(i) + ".0." + std::to_string(n));
  }
  b.locate("sip:example.com;transport=udp");
  CHECK(b.last.destinations.size() == 16);
  CHECK(b.zone.asked.size() == 17);  // one SRV, and the addresses of 16 hosts
  b.zone.addresses["many.test"] = b.zone.addresses["h0.test"];
  b.locate("sip:many.test:5060");
  CHECK(b.last.destinations.size() == 16);
  // The same address by two names is one target.
  b.zone.srv["_sip._tcp.twice.test"] = {{0, 0, 5060, "x.test"}, {1, 0, 5060, "y.test"}};
  b.zone.addresses["x.test"] = b.zone.addresses["y.test"] = {"192.0.2.1"};
  CHECK(b.locate("sip:twice.test;transport=tcp") == "tcp 192.0.2.1:5060");
}

TEST_CASE("locator: A78, a name that cannot be one is asked of nobody (CVE-2024-42491)") {
  Bench b;
  for (const std::string& uri :
       {std::string("sip:.1"), std::string("sip:a..b"),
        "sip:" + std::string(64, 'a') + ".example.com", std::string("sip:example.com;maddr=.."),
        "sip:example.com;maddr=" + std::string(300, 'a')}) {
    CAPTURE(uri);
    CHECK(b.locate(uri).empty());
    CHECK(b.zone.asked.empty());
  }
}

TEST_CASE("locator: A78, a name server that is silent costs no more than the budget") {
  Bench b;
  const auto id = b.locator.locate("sip:example.com", kPlain, at(0));
  std::vector<std::string> asked;
  std::vector<double> times;
  TimePoint now = at(0);
  Located located;
  while (!b.locator.next(located)) {
    for (DnsQuestion question; b.locator.next(question);) asked.push_back(question.name);
    REQUIRE(b.locator.deadline() != kNever);
    REQUIRE(b.locator.deadline() > now);
    now = b.locator.deadline();
    times.push_back(std::chrono::duration<double>(now.time_since_epoch()).count());
    b.locator.expire(now);
  }
  CHECK(located.id == id);
  CHECK(located.destinations.empty());
  CHECK(times == std::vector<double>{1.5, 3.0, 5.0});
  CHECK(asked == std::vector<std::string>{"example.com", "_sip._udp.example.com",
                                          "_sip._tcp.example.com", "example.com"});
  CHECK(b.locator.pending() == 0);
}

TEST_CASE("locator: A78, what has been found when the budget ends is what there is") {
  Bench b;
  b.zone.srv["_sip._udp.example.com"] = {{0, 0, 5060, "slow.test"}, {1, 0, 5060, "quick.test"}};
  b.zone.addresses["quick.test"] = {"192.0.2.1"};
  b.zone.addresses["slow.test"] = {"192.0.2.2"};
  b.locator.locate("sip:example.com;transport=udp", kPlain, at(0));
  DnsQuestion slow;
  for (DnsQuestion question; b.locator.next(question);) {
    if (question.name == "slow.test")
      slow = question;
    else
      b.locator.answered(question, b.zone.answer(question), at(0.1));
  }
  Located located;
  CHECK_FALSE(b.locator.next(located));
  b.locator.expire(at(5));
  REQUIRE(b.locator.next(located));
  CHECK(text_of(located) == "udp 192.0.2.1:5060");
  // The late answer changes nothing that was told, and serves the next lookup.
  b.locator.answered(slow, b.zone.answer(slow), at(5.1));
  CHECK_FALSE(b.locator.next(located));
  CHECK(b.locate("sip:example.com;transport=udp", kPlain, at(5.2)) ==
        "udp 192.0.2.2:5060, udp 192.0.2.1:5060");
  CHECK(b.zone.asked.empty());
}

TEST_CASE("locator: A78, a failing name server is no reason to give up the stages behind") {
  Bench b;
  b.zone.addresses["example.com"] = {"192.0.2.1"};
  b.locator.locate("sip:example.com", kPlain, at(0));
  for (DnsQuestion question; b.locator.next(question);)
    b.locator.answered(
        question, question.kind == Kind::address ? b.zone.answer(question) : DnsAnswer{}, at(0));
  Located located;
  REQUIRE(b.locator.next(located));
  CHECK(text_of(located) == "udp 192.0.2.1:5060");
  CHECK(b.locator.cached() == 1);  // failures are not kept
}

TEST_CASE("locator: A78, answers after forget, twice, or to no question do nothing") {
  Bench b;
  b.zone.addresses["example.com"] = {"192.0.2.1"};
  const auto id = b.locator.locate("sip:example.com:5060", kPlain, at(0));
  DnsQuestion question;
  REQUIRE(b.locator.next(question));
  b.locator.forget(id);
  b.locator.answered(question, b.zone.answer(question), at(0));
  b.locator.answered(question, b.zone.answer(question), at(0));
  DnsQuestion other{Kind::address, "poison.test"};
  DnsAnswer forged;
  forged.outcome = Outcome::found;
  forged.addresses = {*IpAddress::parse("203.0.113.6")};
  forged.ttl = hours(1);
  b.locator.answered(other, forged, at(0));
  Located located;
  CHECK_FALSE(b.locator.next(located));
  CHECK(b.locator.pending() == 0);
  CHECK(b.locator.deadline() == kNever);
  CHECK(b.locate("sip:poison.test:5060").empty());  // what nobody asked is not kept
}

TEST_CASE("locator: answers hold for their TTL, those that say no too, and no longer") {
  LocatorOptions options;
  options.max_ttl = seconds(1000);
  Bench b(options);
  b.zone.addresses["example.com"] = {"192.0.2.1"};
  const auto questions = [&](double now) {
    b.locate("sip:example.com", kPlain, at(now));
    return b.zone.asked.size();
  };
  CHECK(questions(0) == 4);
  CHECK(questions(59.9) == 3);  // the address is known, the others said no and for how long not
  b.zone.no_ttl = seconds(30);
  CHECK(questions(60) == 4);
  CHECK(questions(89) == 0);
  CHECK(questions(90) == 3);
  b.zone.ttl = hours(24 * 365);  // more than anybody should believe
  CHECK(questions(200) == 4);
  CHECK(questions(229) == 0);
  CHECK(questions(1199) == 3);
  CHECK(questions(1201) >= 1);
  b.zone.ttl = Duration::zero();  // this once
  b.zone.no_ttl = Duration::zero();
  Bench fresh;
  fresh.zone = b.zone;
  for (int i = 0; i < 3; ++i) {
    fresh.locate("sip:example.com", kPlain, at(i));
    CHECK(fresh.zone.asked.size() == 4);
  }
  CHECK(fresh.locator.cached() == 0);
}

TEST_CASE("locator: the cache has an end") {
  LocatorOptions options;
  options.cache_entries = 8;
  Bench b(options);
  for (int i = 0; i < 100; ++i) {
    const std::string name = "h" + std::to_string(i) + ".test";
    b.zone.addresses[name] = {"192.0.2.1"};
    b.zone.ttl = seconds(60 + i);
    b.locate("sip:" + name + ":5060");
    CHECK(b.locator.cached() <= 8);
  }
  b.locate("sip:h99.test:5060");
  CHECK(b.zone.asked.empty());  // those that hold longest stayed
  b.locate("sip:h0.test:5060");
  CHECK(b.zone.asked.size() == 1);
}

TEST_CASE("locator: a thousand calls to one domain ask once, and all are answered") {
  Bench b;
  b.zone.addresses["example.com"] = {"192.0.2.1"};
  for (int i = 0; i < 1000; ++i) b.locator.locate("sip:example.com:5060", kPlain, at(0));
  b.serve(at(0));
  CHECK(b.zone.asked.size() == 1);
  int answered = 0;
  for (Located located; b.locator.next(located);)
    if (text_of(located) == "udp 192.0.2.1:5060") ++answered;
  CHECK(answered == 1000);
  CHECK(b.locator.deadline() == kNever);
}

TEST_CASE("locator: a question whose answer was lost is asked again") {
  Bench b;
  b.zone.addresses["example.com"] = {"192.0.2.1"};
  b.locator.locate("sip:example.com:5060", kPlain, at(0));
  DnsQuestion question;
  REQUIRE(b.locator.next(question));  // and never answered
  b.locator.expire(at(5));
  Located located;
  REQUIRE(b.locator.next(located));
  CHECK(located.destinations.empty());
  CHECK(b.locate("sip:example.com:5060", kPlain, at(6)) == "udp 192.0.2.1:5060");
}

TEST_CASE("locator: above the limit of pending lookups a name has no targets, an address has") {
  LocatorOptions options;
  options.max_pending = 2;
  Bench b(options);
  b.locator.locate("sip:a.test", kPlain, at(0));
  b.locator.locate("sip:b.test", kPlain, at(0));
  b.locator.locate("sip:c.test", kPlain, at(0));
  Located located;
  REQUIRE(b.locator.next(located));
  CHECK(located.id == 3);
  CHECK(located.destinations.empty());
  b.locator.locate("sip:192.0.2.1", kPlain, at(0));
  REQUIRE(b.locator.next(located));
  CHECK(located.destinations.size() == 1);
  b.locator.forget_all();
  CHECK(b.locator.pending() == 0);
  CHECK(b.locate("sip:192.0.2.1") == "udp 192.0.2.1:5060");
}
