// SPDX-License-Identifier: Apache-2.0
// Static routes, numbers, and what the application decides. RFC 3261 sections 16.5, 8.3 and 21.5.4, RFC 3966.
#include "server/dialled.hpp"
#include "server/proxy_fixture.hpp"
#include "sipstack/server/users.hpp"

using namespace sipstack;
using namespace sipstack::testing_server;

namespace {

const Peer kGate{"gate", "198.51.100.71"};
const Peer kGate2{"gate2", "198.51.100.72"};
const Peer kPartner{"partner", "198.51.100.80"};

StaticRoute route(std::string domain, std::string prefix, std::vector<std::string> targets,
                  bool open = true) {
  StaticRoute r;
  r.domain = std::move(domain);
  r.prefix = std::move(prefix);
  r.targets = std::move(targets);
  r.open = open;
  return r;
}

ServerOptions with_routes(std::vector<StaticRoute> routes) {
  ServerOptions o = Server::with_domain();
  o.proxy.routes = std::move(routes);
  return o;
}

ServerOptions to_gateways() {
  return with_routes({route("", "+", {"sip:198.51.100.71", "sip:198.51.100.72;transport=udp"})});
}

std::string first_target(const std::vector<StaticRoute>& routes, const char* text, bool ours) {
  const StaticRoute* const r = server::find_route(routes, *Uri::parse(text), ours);
  return r == nullptr ? "none" : r->targets.front();
}

std::string made(const StaticRoute& r, const char* text, bool ours = false) {
  server::Target t;
  return server::by_route(r, *Uri::parse(text), ours, t)
             ? t.uri + (t.hop.empty() ? "" : " by " + t.hop) +
                   (t.path.empty() ? "" : " " + t.path[0])
             : "none";
}

}  // namespace

TEST_CASE("of the routes that fit the domain decides, then the longest prefix, then the order") {
  const std::vector<StaticRoute> table = {
      route("", "", {"any"}),
      route("", "+49", {"germany"}),
      route("", "+4930", {"berlin"}),
      route("", "+4930", {"never"}),
      route("*.example.com", "", {"below"}),
      route("*.b.example.com", "", {"below b"}),
      route("a.example.com", "", {"a"}),
      route("a.example.com", "+49", {"a's germany"}),
      route("example.org", "bob", {"bob's"}),
  };
  CHECK(first_target(table, "tel:+49-(89)-1", false) == "germany");
  CHECK(first_target(table, "tel:+49.30.1", false) == "berlin");
  CHECK(first_target(table, "tel:7042;phone-context=x.example.com", false) == "below");
  CHECK(first_target(table, "tel:7042;phone-context=+1", false) == "any");
  CHECK(first_target(table, "sip:+4930@other.example", false) == "berlin");
  CHECK(first_target(table, "sip:bob@A.example.com.", false) == "a");
  CHECK(first_target(table, "sip:+49-1@a.example.com", false) == "a's germany");
  CHECK(first_target(table, "sip:bob@c.b.example.com", false) == "below b");
  CHECK(first_target(table, "sip:bob@example.com", false) == "any");
  CHECK(first_target(table, "sip:xexample.com", false) == "any");
  // Names of ours have no default, numbers do; "bea" is no number.
  CHECK(first_target(table, "sip:bobby@example.org", true) == "bob's");
  CHECK(first_target(table, "sip:bea@example.org", true) == "none");
  CHECK(first_target(table, "sip:123@example.org", true) == "any");
}

TEST_CASE("a number gets the gateway's host, a proxy gets it as it was") {
  StaticRoute r = route("", "", {"sip:gw.example:5070;transport=tcp"});
  CHECK(made(r, "tel:+49-30-1") == "sip:+49301@gw.example:5070;transport=tcp;user=phone");
  CHECK(made(r, "sip:0301;phone-context=example.org@example.org;x", true) ==
        "sip:0301;phone-context=example.org@gw.example:5070;transport=tcp;user=phone");
  CHECK(made(r, "sip:+49301@other.example") ==
        "sip:+49301@other.example by sip:gw.example:5070;transport=tcp");
  r.strip = 3;
  r.prepend = "0";
  CHECK(made(r, "tel:+49301;npdi") == "sip:0301;npdi@gw.example:5070;transport=tcp;user=phone");
  CHECK(made(r, "sip:%2b49301@other.example:5090;y") ==
        "sip:0301@other.example:5090;y by sip:gw.example:5070;transport=tcp");
  r.targets = {"sip:proxy.example;lr"};
  CHECK(made(r, "tel:+49301") == "tel:0301 <sip:proxy.example;lr>");
  r.strip = 0;
  r.prepend.clear();
  CHECK(made(r, "tel:+49-301") == "tel:+49-301 <sip:proxy.example;lr>");
  r.targets = {"mailto:x", "nonsense"};
  CHECK(made(r, "tel:+49301") == "none");
}

TEST_CASE("a tel URI is called at the gateway, and its answer comes back") {
  ProxyFixture s(to_gateways());
  s.ask("INVITE", "tel:+49-30-1234");
  const Seen invite = s.take(kGate);
  CHECK(invite.start() == "INVITE sip:+49301234@198.51.100.71;user=phone SIP/2.0");
  CHECK(invite.raw(HeaderId::route) == "(none)");
  s.reply(kGate, invite, 200, {"Contact: " + kGate.contact()});
  CHECK(s.take_past_100(kCaller)->status() == 200);
  s.ask("INVITE",
        "tel:123;phone-context=+49");  // fits no route: elsewhere, where strangers don't go
  CHECK(s.take(kCaller)->status() == 403);
  CHECK(s.nothing_for(kGate));
  s.end();
}

TEST_CASE(
    "the next gateway has its turn after 503, a dead connection and silence, and no other answer") {
  ProxyFixture s(to_gateways());
  s.ask("INVITE", "tel:+491");
  SECTION("503") {
    s.reply(kGate, s.take(kGate), 503);
    CHECK(s.take(kGate)->method() == Method::ack);
    s.reply(kGate2, s.take(kGate2), 486);
    CHECK(s.take_past_100(kCaller)->status() == 486);
  }
  SECTION("it can't be sent") {
    s.lose(s.take(kGate));
    s.reply(kGate2, s.take(kGate2), 200, {"Contact: " + kGate2.contact()});
    CHECK(s.take_past_100(kCaller)->status() == 200);
  }
  SECTION("silence") {
    s.advance(std::chrono::seconds(33));
    s.reply(kGate2, s.take(kGate2), 200, {"Contact: " + kGate2.contact()});
    CHECK(s.take_past_100(kCaller)->status() == 200);
  }
  SECTION("503 of all") {
    s.reply(kGate, s.take(kGate), 503);
    s.reply(kGate2, s.take(kGate2), 503);
    CHECK(s.take_past_100(kCaller)->status() == 500);
  }
  SECTION("busy is an answer") {
    s.reply(kGate, s.take(kGate), 486);
    CHECK(s.take_past_100(kCaller)->status() == 486);
    CHECK(s.nothing_for(kGate2));
  }
  SECTION("hung up meanwhile") {
    const Seen invite = s.take(kGate);
    s.reply(kGate, invite, 180);
    s.send(kCaller, ProxyFixture::companion(s.request(kCaller, "INVITE", "tel:+491", "c1",
                                                      ProxyFixture::lines("INVITE", "tel:+491")),
                                            "CANCEL"));
    CHECK(s.take(kGate)->method() == Method::cancel);
    s.reply(kGate, invite, 487);
    CHECK(s.nothing_for(kGate2));
  }
  s.end();
}

TEST_CASE("without credentials a route is none, unless it is open; for our own numbers, too") {
  ServerOptions o = with_routes({route("", "+", {"sip:198.51.100.71"}, false),
                                 route("", "+1800", {"sip:198.51.100.72"}),
                                 route("partner.example", "", {"sip:198.51.100.80"}, false)});
  SECTION("nobody is a user") {
    ProxyFixture s(o);
    s.ask("INVITE", "tel:+491");
    CHECK(s.take(kCaller)->status() == 403);
    s.ask("INVITE", "sip:x@partner.example");
    CHECK(s.take(kCaller)->status() == 403);
    s.ask("INVITE", "sip:+491@example.org");
    CHECK(s.take(kCaller)->status() == 480);
    s.ask("INVITE", "sip:+18001@example.org");
    s.reply(kGate2, s.take(kGate2), 404);
    CHECK(s.take_past_100(kCaller)->status() == 404);
    s.end();
  }
  SECTION("users") {
    o.users = parse_users("caller:secret\n", "example.org")->lookup();
    o.proxy.open_inbound = true;
    ProxyFixture s(o);
    s.ask("INVITE", "tel:+491");
    CHECK(s.take(kCaller)->status() == 407);
    s.ask("INVITE", "sip:+491@example.org");  // as callee of ours: it may; as number: not
    CHECK(s.take(kCaller)->status() == 480);
    s.ask("INVITE", "tel:+18001");
    s.reply(kGate2, s.take(kGate2), 404);
    CHECK(s.take_past_100(kCaller)->status() == 404);
    CHECK(s.nothing_for(kGate));
    s.end();
  }
}

TEST_CASE(
    "another domain goes to its next hop with its name, by Route where that is a loose router") {
  ProxyFixture s(with_routes({route("partner.example", "", {"sip:198.51.100.80"}),
                              route("loose.example", "", {"sip:198.51.100.80;lr"})}));
  s.ask("MESSAGE", "sip:x@partner.example;y=z");
  const Seen plain = s.take(kPartner);
  CHECK(plain.start() == "MESSAGE sip:x@partner.example;y=z SIP/2.0");
  CHECK(plain.raw(HeaderId::route) == "(none)");
  s.reply(kPartner, plain, 200);
  CHECK(s.take(kCaller)->status() == 200);
  s.ask("MESSAGE", "sip:x@loose.example");
  const Seen loose = s.take(kPartner);
  CHECK(loose.raw(HeaderId::route) == "<sip:198.51.100.80;lr>");
  s.reply(kPartner, loose, 200);
  CHECK(s.take(kCaller)->status() == 200);
  // Where a Route says where to go, it is no routing table's business: strangers stay strangers.
  s.ask("MESSAGE", "sip:x@loose.example", {"Route: <sip:198.51.100.90;lr>"});
  CHECK(s.take(kCaller)->status() == 403);
  s.end();
}

TEST_CASE("a redirect server tells the gateway") {
  ServerOptions o = to_gateways();
  o.proxy.redirect = true;
  ProxyFixture s(o);
  s.ask("INVITE", "tel:+491");
  const Seen moved = s.take(kCaller);
  CHECK(moved->status() == 302);
  CHECK(moved.raw(HeaderId::contact) == "<sip:+491@198.51.100.71;user=phone>");
  s.end();
}

TEST_CASE("the application forwards, replies or redirects as it likes, and knows who asks") {
  ServerOptions o = Server::with_domain();
  o.users = parse_users("caller:secret\n", "example.org")->lookup();
  o.proxy.open_inbound = true;
  std::vector<std::string> asked;
  o.proxy.decide = [&](const ProxyRequest& r) -> Decision {
    asked.emplace_back(std::string(r.uri) + " " + std::string(r.user) + (r.in_dialog ? " in" : ""));
    const auto wish = r.message.raw("X-Wish");
    if (wish == "reply") return ProxyReply{603, "Not Today", {{"Retry-After", "60"}}};
    if (wish == "redirect") return ProxyRedirect{{"sip:a@b.example", "<sip:c@d.example>;q=0.1"}};
    if (wish == "nonsense") return ProxyReply{200, "", {{"Bad\r\nName", "x"}}};
    if (wish == "away") {
      ProxyForward f;
      f.targets = {{kBen.uri(), {}, 900},
                   {"sip:bob@example.org", {}, 1000},
                   {"sip:x@y.example", {"<sip:198.51.100.71;lr>"}, 800}};
      f.headers = {{"X-Said", "so"}};
      f.remove = {"X-Wish"};
      return f;
    }
    return ProxyForward{};
  };
  ProxyFixture s(o);
  const auto wish = [&](const std::string& what) {
    s.ask("INVITE", "sip:bob@example.org", {"X-Wish: " + what});
  };
  wish("usual");
  CHECK(s.take(kCaller)->status() == 480);
  CHECK(asked == Lines{"sip:bob@example.org "});
  wish("reply");
  const Seen refused = s.take(kCaller);
  CHECK(refused.start() == "SIP/2.0 603 Not Today");
  CHECK(refused.raw(HeaderId::retry_after) == "60");
  wish("redirect");
  const Seen moved = s.take(kCaller);
  CHECK(moved->status() == 302);
  CHECK(moved.lines(HeaderId::contact) == Lines{"<sip:a@b.example>", "<sip:c@d.example>;q=0.1"});
  wish("nonsense");
  CHECK(s.take(kCaller)->status() == 500);
  // In the order of q; Bob has no binding.
  wish("away");
  const Seen first = s.take(kBen);
  CHECK(s.nothing_for(kGate));
  CHECK(first.raw("X-Said") == "so");
  CHECK(first.raw("X-Wish") == "(none)");
  s.reply(kBen, first, 404);
  CHECK(s.take(kBen)->method() == Method::ack);
  const Seen second = s.take(kGate);
  CHECK(second.start() == "INVITE sip:x@y.example SIP/2.0");
  CHECK(second.raw(HeaderId::route) == "<sip:198.51.100.71;lr>");
  s.reply(kGate, second, 200, {"Contact: " + kGate.contact()});
  const Seen ok = s.take_past_100(kCaller);
  CHECK(ok->status() == 200);
  CHECK(asked.size() == 5);
  s.send(kCaller, s.in_dialog("BYE", ok, 8, kGate.uri()));
  CHECK(asked.back() == kGate.uri() + "  in");
  s.reply(kGate, s.take_past_100(kGate), 200);
  s.end();
}

TEST_CASE("a decision may come later, too late, or twice") {
  ServerOptions o = Server::with_domain();
  ProxyRequestId id;
  o.proxy.decide = [&](const ProxyRequest& r) -> Decision {
    id = r.id;
    return DecideLater{};
  };
  ProxyFixture s(o);
  Proxy& proxy = *s.core->proxy();
  const std::string invite = s.ask("INVITE");
  CHECK(s.nothing_for(kBob));
  const auto decide = [&](const Decision& d) {
    const auto error = proxy.decide(id, d, s.now);
    s.drain();
    return error;
  };
  SECTION("forwarded") {
    s.advance(std::chrono::seconds(10));
    CHECK(decide(DecideLater{}) == Errc::wrong_state);
    CHECK(decide(ProxyForward{{{kBob.uri()}}}) == std::error_code());
    const Seen seen = s.take(kBob);
    CHECK(decide(ProxyForward{{{kBen.uri()}}}) == Errc::wrong_state);
    s.reply(kBob, seen, 486);
    CHECK(s.take_past_100(kCaller)->status() == 486);
  }
  SECTION("the caller has hung up") {
    s.send(kCaller, ProxyFixture::companion(invite, "CANCEL"));
    CHECK(s.take_past_100(kCaller)->status() == 200);
    CHECK(s.take(kCaller)->status() == 487);
    CHECK(decide(ProxyForward{{{kBob.uri()}}}) == Errc::gone);
  }
  SECTION("nobody decides") {
    s.advance(std::chrono::minutes(10));
    CHECK(proxy.contexts() == 0);
    CHECK(decide(ProxyReply{}) == Errc::gone);
  }
  CHECK(s.nothing_for(kBen));
  s.end();
}

TEST_CASE("a number is looked up before the static routes, for those who may leave") {
  ServerOptions o = with_users();
  o.proxy.routes = {route("", "+", {"sip:198.51.100.71"})};
  Lines asked;
  o.proxy.number = [&](const ProxyRequest& r, std::string_view number) -> Decision {
    asked.emplace_back(std::string(number) + " " + std::string(r.user));
    if (number == "+491") return ProxyForward{{{"sip:one@198.51.100.80"}}};
    return ProxyForward{};
  };
  Challenged s(o);
  const auto say = [&](const std::string& uri) {
    s.say("MESSAGE", uri);
    REQUIRE(s.client.challenged(s.take(kCaller).message.view()));
    s.say("MESSAGE", uri, true);
    s.client.succeeded();
  };
  const auto answered = [&](const Peer& by) {
    const Seen seen = s.take(by);
    s.reply(by, seen, 200);
    CHECK(s.take(kCaller)->status() == 200);
    return seen.start();
  };
  s.from = "<sip:x@elsewhere.example>;tag=1";
  s.say("MESSAGE", "tel:+491");  // by the open route, and nobody was asked
  CHECK(answered(kGate) == "MESSAGE sip:+491@198.51.100.71;user=phone SIP/2.0");
  CHECK(asked.empty());
  s.from = "<sip:alice@example.org>;tag=af";
  say("tel:+49-1");
  CHECK(answered(kPartner) == "MESSAGE sip:one@198.51.100.80 SIP/2.0");
  say("sip:+49.1@example.org");
  CHECK(answered(kPartner) == "MESSAGE sip:one@198.51.100.80 SIP/2.0");
  say("tel:+492");
  CHECK(answered(kGate) == "MESSAGE sip:+492@198.51.100.71;user=phone SIP/2.0");
  say("tel:123;phone-context=+49");  // one who may leave, and no route
  CHECK(s.take(kCaller)->status() == 404);
  CHECK(asked == Lines{"+491 alice", "+491 alice", "+492 alice"});
  s.end();
}
