// SPDX-License-Identifier: Apache-2.0
// A stateless proxy: whatever comes again goes the same way, and nothing is kept. RFC 3261 section 16.11.
#include "server/proxy_fixture.hpp"

using namespace sipstack;
using namespace sipstack::testing_server;

namespace {

const Peer kTrunk{"trunk", "198.51.100.71"};
const Peer kOtherTrunk{"other", "198.51.100.72", 5060, Transport::tcp};

ServerOptions stateless() {
  ServerOptions o = Server::with_domain();
  o.proxy.stateless = true;
  StaticRoute numbers;
  numbers.prefix = "+";
  numbers.targets = {"sip:198.51.100.71"};
  numbers.open = true;
  StaticRoute partner;
  partner.domain = "partner.example";
  partner.targets = {"sip:198.51.100.72;transport=tcp"};
  partner.open = true;
  StaticRoute closed;
  closed.domain = "closed.example";
  closed.targets = {"sip:198.51.100.71"};
  o.proxy.routes = {numbers, partner, closed};
  return o;
}

struct Stateless : ProxyFixture {
  explicit Stateless(const ServerOptions& o = stateless()) : ProxyFixture(o) {}

  /// What went to a trunk over a connection of ours.
  Seen take_stream() {
    REQUIRE_FALSE(out.empty());
    Seen seen = out.front();
    out.pop_front();
    CHECK(seen.flow.remote.to_string() == kOtherTrunk.at());
    return seen;
  }
  bool keeps_nothing() const {
    return core->transactions().clients() + core->transactions().servers() +
               core->proxy()->contexts() ==
           0;
  }
};

}  // namespace

TEST_CASE(
    "stateless: a copy, the CANCEL and the ACK of a refusal go where the INVITE went, by its "
    "branch") {
  Stateless s;
  const std::string bytes = s.ask("INVITE", "sip:+4930123@example.org");
  const Seen invite = s.take(kTrunk);
  CHECK(invite.start() == "INVITE sip:+4930123@198.51.100.71;user=phone SIP/2.0");
  CHECK(vias(invite) == 2);
  CHECK(invite->max_forwards() == 69);
  CHECK(s.nothing_for(kCaller));  // no 100
  CHECK(s.keeps_nothing());
  s.send(kCaller, bytes);
  CHECK(s.take(kTrunk).message.bytes() == invite.message.bytes());
  s.send(kCaller, ProxyFixture::companion(bytes, "CANCEL"));
  const Seen cancel = s.take(kTrunk);
  CHECK(cancel->method() == Method::cancel);
  CHECK(branch_of(cancel) == branch_of(invite));
  CHECK(cancel.start() == "CANCEL" + invite.start().substr(6));
  CHECK(s.nothing_for(kCaller));  // which is the trunk's to answer
  // All responses pass, 100 too.
  for (const int status : {100, 180, 487}) {
    s.reply(kTrunk, invite, status);
    const Seen r = s.take(kCaller);
    CHECK(r->status() == status);
    CHECK(vias(r) == 1);
  }
  s.reply(kTrunk, cancel, 200);
  CHECK(s.take(kCaller)->method() == Method::cancel);
  s.send(kCaller, ProxyFixture::companion(bytes, "ACK", "t-trunk"));
  const Seen ack = s.take(kTrunk);
  CHECK(ack->method() == Method::ack);
  CHECK(branch_of(ack) == branch_of(invite));
  CHECK(s.keeps_nothing());
  // Another transaction has another branch; so has one of another sender that is called the same.
  s.ask("INVITE", "sip:+4930123@example.org");
  CHECK(branch_of(s.take(kTrunk)) != branch_of(invite));
  std::string other = bytes;
  other.replace(other.find(kCaller.at()), kCaller.at().size(), kBen.at());
  s.send(kBen, other);
  CHECK(branch_of(s.take(kTrunk)) != branch_of(invite));
  CHECK(s.out.empty());
  s.end();
}

TEST_CASE("stateless: a dialog goes through by its Route, both ways, between transports as well") {
  Stateless s;
  s.ask("INVITE", "sip:bob@partner.example");
  const Seen invite = s.take_stream();
  CHECK(invite->uri_text() == "sip:bob@partner.example");
  // A connection of theirs or ours, that is for the transport; here it has a number.
  Peer callee = kOtherTrunk;
  s.send(callee, s.response(invite, 200, "t", {"Contact: <sip:bob@198.51.100.71>"}));
  const Seen ok = s.take(kCaller);
  REQUIRE(ProxyFixture::reversed(ok).size() == 2);
  for (const std::string method : {"ACK", "BYE"}) {
    const std::string request =
        s.in_dialog(method, ok, method == "ACK" ? 7 : 8, "sip:bob@198.51.100.71");
    s.send(kCaller, request);
    const Seen first = s.take(kTrunk);
    CHECK(first.start() == method + " sip:bob@198.51.100.71 SIP/2.0");
    CHECK(first.raw(HeaderId::route) == "(none)");
    s.send(kCaller, request);
    CHECK(s.take(kTrunk).message.bytes() == first.message.bytes());
    if (method == "BYE") s.reply(kTrunk, first, 200);
  }
  CHECK(s.take(kCaller)->status() == 200);
  CHECK(s.keeps_nothing());
  s.end();
}

TEST_CASE("stateless: who comes by a connection is answered by it") {
  Stateless s;
  s.ask("MESSAGE", "sip:+1@example.org", {}, kTcpPhone);
  s.reply(kTrunk, s.take(kTrunk), 202);
  CHECK(s.take(kTcpPhone)->status() == 202);
  s.end();
}

TEST_CASE("stateless: responses to what we did not forward, or not so, are dropped") {
  Stateless s;
  s.ask("MESSAGE", "sip:+1@example.org");
  const Seen message = s.take(kTrunk);
  const std::string good = s.response(message, 200, "t");
  const auto changed = [&](const std::string& what, const std::string& by) {
    std::string bytes = good;
    const auto at = bytes.find(what);
    REQUIRE(at != std::string::npos);
    return bytes.replace(at, what.size(), by);
  };
  const std::string branch = branch_of(message);
  std::string forged = branch;
  forged.back() = forged.back() == 'A' ? 'B' : 'A';  // another way back
  s.send(kTrunk, changed(branch, forged));
  s.send(kTrunk, changed("Call-ID: call-1", "Call-ID: call-2"));
  s.send(kTrunk, changed("tag=cf", "tag=other"));
  s.send(kTrunk, changed("192.0.2.1:5060;branch", "192.0.2.7:5060;branch"));
  const auto second = good.find("Via: ", good.find("Via: ") + 1);
  s.send(kTrunk, good.substr(0, second) + good.substr(good.find("\r\n", second) + 2));
  CHECK(s.out.empty());
  s.send(kTrunk, good);
  CHECK(s.take(kCaller)->status() == 200);
  s.end();
}

TEST_CASE(
    "stateless: what is not valid, or leads nowhere, is refused each time, and leaves nothing") {
  Stateless s;
  const auto refused = [&](const std::string& method, const std::string& uri,
                           const Lines& more = {}) {
    const std::string bytes = s.ask(method, uri, more);
    const int status = s.take(kCaller)->status();
    s.send(kCaller, bytes);
    const Seen again = s.take(kCaller);
    CHECK(again->status() == status);
    if (method == "INVITE")
      s.send(kCaller, ProxyFixture::companion(bytes, "ACK", std::string(again->to_tag())));
    CHECK(s.out.empty());
    CHECK(s.keeps_nothing());
    return status;
  };
  CHECK(refused("INVITE", "sip:bob@example.org") == 404);
  CHECK(refused("MESSAGE", "sip:bob@elsewhere.example") == 403);
  CHECK(refused("INVITE", "sip:bob@closed.example") == 403);
  CHECK(refused("MESSAGE", "sip:+1@example.org", {"Route: <sip:203.0.113.66;lr>"}) == 403);
  CHECK(refused("INVITE", "sip:+1@example.org", {"Max-Forwards: 0"}) == 483);
  CHECK(refused("INVITE", "sip:+1@example.org", {"Max-Breadth: 0"}) == 440);
  CHECK(refused("MESSAGE", "mailto:x@example.org") == 416);
  s.ask("MESSAGE", "sip:+1@example.org", {"Proxy-Require: frob"});
  const Seen bad = s.take(kCaller);
  CHECK(bad->status() == 420);
  CHECK(bad.raw(HeaderId::unsupported) == "frob");
  s.ask("OPTIONS", "sip:example.org");
  CHECK(s.take(kCaller)->status() == 200);
  s.end();
}

TEST_CASE("stateless: a request that comes back as it was has looped, a spiral has not") {
  Stateless s;
  s.ask("INVITE", "sip:+1@partner.example");
  const Seen once = s.take_stream();
  const auto again = [&](const std::string& uri) {
    std::string bytes(once.message.bytes());
    bytes.replace(bytes.find("sip:+1@partner.example"), 22, uri);
    bytes.insert(bytes.find("Via: "), "Via: SIP/2.0/UDP " + kBen.at() + ";branch=z9hG4bKben" +
                                          std::to_string(++s.number) + "\r\n");
    s.send(kBen, bytes);
  };
  again("sip:+1@partner.example");
  CHECK(s.take(kBen)->status() == 482);
  again("sip:+1@example.org");
  CHECK(vias(s.take(kTrunk)) == 4);
  s.end();
}
