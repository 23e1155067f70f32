// SPDX-License-Identifier: Apache-2.0
// Several addresses of one name: the next has its turn when one refuses, is dead or silent. RFC 3263 section 4.3,
// RFC 3261 section 16.7.
#include "server/proxy_fixture.hpp"

using namespace sipstack;
using namespace sipstack::testing_server;

namespace {

const Peer kGateOne{"first", "198.51.100.81"};
const Peer kGateTwo{"second", "198.51.100.82"};
const Peer kGateThree{"third", "198.51.100.83"};

struct Named : ProxyFixture {
  Named() : ProxyFixture(through_a_name()) {}

  static ServerOptions through_a_name() {
    ServerOptions o = with_domain();
    StaticRoute partner;
    partner.domain = "partner.example";
    partner.targets = {"sip:gw.partner.example"};
    partner.open = true;
    o.proxy.routes = {partner};
    return o;
  }
  /// A request whose next hop is a name, and what DNS says of it.
  void call(const std::string& method, const std::vector<Peer>& targets) {
    ask(method, "sip:bob@partner.example");
    REQUIRE(resolves.size() == 1);
    CHECK(resolves.front().uri == "sip:gw.partner.example");
    std::vector<Flow> flows;
    for (const Peer& target : targets) flows.push_back(flow_of(target));
    core->resolved(resolves.front().txn, flows, now);
    resolves.clear();
    drain();
  }
};

}  // namespace

TEST_CASE(
    "the next address has its turn after 503, a dead one and silence; the caller sees one call") {
  Named s;
  const std::string method = GENERATE("INVITE", "MESSAGE");
  const Lines contact = {"Contact: " + kGateTwo.contact()};
  s.call(method, {kGateOne, kGateTwo, kGateThree});
  const Seen first = s.take(kGateOne);
  SECTION("503") {
    s.reply(kGateOne, first, 503);
    if (method == "INVITE") CHECK(s.take(kGateOne)->method() == Method::ack);
  }
  SECTION("the network says that nobody is there") { s.lose(first); }
  SECTION("silence") { s.advance(std::chrono::seconds(32)); }
  const Seen second = s.take(kGateTwo);
  CHECK(second.start() == first.start());
  CHECK(branch_of(second) != branch_of(first));  // another transaction
  s.reply(kGateOne, first, 200, contact);        // and that one is over
  CHECK(s.nothing_for(kGateThree));
  s.reply(kGateTwo, second, 200, contact);
  const Seen ok = s.take_past_100(kCaller);
  CHECK(ok->status() == 200);
  CHECK(ok->to_tag() == "t-second");
  CHECK(s.nothing_for(kGateThree));
  s.end();
}

TEST_CASE("any other answer is the callee's, and where all have failed the caller is told so") {
  Named s;
  s.call("INVITE", {kGateOne, kGateTwo});
  s.lose(s.take(kGateOne));
  SECTION("busy") {
    s.reply(kGateTwo, s.take(kGateTwo), 486);
    CHECK(s.take_past_100(kCaller)->status() == 486);
  }
  SECTION(
      "refused by all") {  // a 503 is about them and not about us (RFC 3261 section 16.7 step 6)
    s.reply(kGateTwo, s.take(kGateTwo), 503);
    CHECK(s.take_past_100(kCaller)->status() == 500);
  }
  SECTION("silence of all") {
    s.advance(std::chrono::seconds(33));
    CHECK(s.take(kGateTwo)->method() == Method::invite);
    CHECK(s.take_past_100(kCaller)->status() == 408);
  }
  SECTION("hung up meanwhile: nobody else is tried") {
    const Seen second = s.take(kGateTwo);
    s.reply(kGateTwo, second, 180);
    s.send(kCaller, ProxyFixture::companion(
                        s.request(kCaller, "INVITE", "sip:bob@partner.example", "c1",
                                  ProxyFixture::lines("INVITE", "sip:bob@partner.example")),
                        "CANCEL"));
    const Seen cancel = s.take(kGateTwo);
    CHECK(cancel->method() == Method::cancel);
    s.reply(kGateTwo, cancel, 200);
    s.reply(kGateTwo, second, 487);
    s.out.clear();
  }
  s.end();
}

TEST_CASE(
    "an address that failed is tried last for a while, and a name that leads nowhere is 500") {
  Named s;
  s.call("MESSAGE", {kGateOne, kGateTwo});
  s.lose(s.take(kGateOne));
  s.reply(kGateTwo, s.take(kGateTwo), 200);
  CHECK(s.take(kCaller)->status() == 200);
  s.call("MESSAGE", {kGateOne, kGateTwo});
  CHECK(s.nothing_for(kGateOne));
  s.reply(kGateTwo, s.take(kGateTwo), 200);
  CHECK(s.take(kCaller)->status() == 200);
  s.advance(std::chrono::seconds(31));
  s.call("MESSAGE", {kGateOne, kGateTwo});
  s.reply(kGateOne, s.take(kGateOne), 200);
  CHECK(s.take(kCaller)->status() == 200);
  s.call("MESSAGE", {});
  CHECK(s.take(kCaller)->status() == 500);
  s.end();
}
