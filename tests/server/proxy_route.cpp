// SPDX-License-Identifier: Apache-2.0
// Staying in the path: Record-Route, Route, strict routers, Path, connections, redirects. RFC 3261 sections
// 16.4, 16.6 and 16.12, RFC 3327, RFC 5658.
#include "server/proxy_fixture.hpp"

using namespace sipstack;
using namespace sipstack::testing_server;

namespace {

ServerOptions redirecting() {
  ServerOptions o = Server::with_domain();
  o.proxy.redirect = true;
  return o;
}

/// A call through the proxy, up to the caller's 200.
struct Call : ProxyFixture {
  explicit Call(const Peer& peer = kBob, const ServerOptions& o = with_domain())
      : ProxyFixture(o), callee(peer) {
    bind("bob", {callee.contact()});
    ask("INVITE", "sip:bob@example.org", {"Record-Route: <sip:before.example;lr>"});
    invite = take(callee);
    reply(callee, invite, 200, {"Contact: " + callee.contact()});
    ok = take(kCaller);
    REQUIRE(ok->status() == 200);
  }
  Peer callee;
  Seen invite, ok;
};

}  // namespace

TEST_CASE("we record our route above others', loose, and it comes back untouched in the 200") {
  Call s;
  const Lines rr = s.invite.lines(HeaderId::record_route);
  REQUIRE(rr.size() == 2);
  CHECK(rr[1] == "<sip:before.example;lr>");
  CHECK(rr[0].find("@192.0.2.1:5060") != std::string::npos);
  CHECK(rr[0].find(";lr>") != std::string::npos);
  CHECK(s.ok.lines(HeaderId::record_route) == rr);
  s.end();
}

TEST_CASE("by our route ACK and BYE reach the other side, both ways, and the route is used up") {
  Call s;
  const Lines ours = {s.invite.lines(HeaderId::record_route).at(0)};
  const auto sent = [&](const std::string& method, int cseq) {
    Lines all = {"From: <sip:caller@elsewhere.example>;tag=cf",
                 "To: <sip:bob@example.org>;tag=t-bob",
                 "Call-ID: call-1",
                 "CSeq: " + std::to_string(cseq) + " " + method,
                 "Max-Forwards: 70",
                 "Route: " + ours[0]};
    s.send(kCaller, s.request(kCaller, method, kBob.uri(), "d" + std::to_string(++s.number), all));
  };
  sent("ACK", 7);
  const Seen ack = s.take(kBob);
  CHECK(ack.start() == "ACK " + kBob.uri() + " SIP/2.0");
  CHECK(ack.raw(HeaderId::route) == "(none)");
  CHECK(vias(ack) == 2);
  CHECK(ack->max_forwards() == 69);
  sent("INFO", 8);
  const Seen info = s.take(kBob);
  CHECK(vias(info) == 2);
  CHECK(info.raw(HeaderId::record_route) == "(none)");
  s.reply(kBob, info, 200);
  CHECK(s.take(kCaller)->status() == 200);
  // The callee hangs up.
  s.send(kBob, s.request(kBob, "BYE", kCaller.uri(), "bye",
                         {"From: <sip:bob@example.org>;tag=t-bob",
                          "To: <sip:caller@elsewhere.example>;tag=cf", "Call-ID: call-1",
                          "CSeq: 1 BYE", "Max-Forwards: 70", "Route: " + ours[0]}));
  const Seen bye = s.take(kCaller);
  CHECK(bye.start() == "BYE " + kCaller.uri() + " SIP/2.0");
  s.reply(kCaller, bye, 200);
  CHECK(s.take(kBob)->status() == 200);
  s.end();
}

TEST_CASE("the rest of a Route is followed, topmost first") {
  Call s;
  const Lines ours = {s.invite.lines(HeaderId::record_route).at(0)};
  const Peer next{"next", "198.51.100.90"};
  s.send(kCaller, s.request(kCaller, "BYE", kBob.uri(), "r",
                            {"From: <sip:c@e>;tag=cf", "To: <sip:bob@example.org>;tag=t-bob",
                             "Call-ID: call-1", "CSeq: 8 BYE",
                             "Route: " + ours[0] + ", <sip:198.51.100.90;lr;x>",
                             "Route: <sip:far.example;lr>"}));
  const Seen bye = s.take(next);
  CHECK(bye.start() == "BYE " + kBob.uri() + " SIP/2.0");
  Lines route;
  for (const auto& r : bye.message->all(hdr::route)) route.emplace_back(r->text);
  CHECK(route == Lines{"<sip:198.51.100.90;lr;x>", "<sip:far.example;lr>"});
  s.reply(next, bye, 200);
  CHECK(s.take(kCaller)->status() == 200);
  s.end();
}

TEST_CASE(
    "a strict router before us put us into the Request-URI; one behind us wants to be there") {
  Call s;
  const std::string rr = s.invite.lines(HeaderId::record_route).at(0);
  const std::string our_uri = rr.substr(1, rr.size() - 2);
  const Lines dialog = {"From: <sip:c@e>;tag=cf", "To: <sip:bob@example.org>;tag=t-bob",
                        "Call-ID: call-1", "CSeq: 8 BYE"};
  Lines before = dialog;
  before.push_back("Route: <sip:198.51.100.90;lr>, " + kBob.contact());
  const Peer next{"next", "198.51.100.90"};
  s.send(kCaller, s.request(kCaller, "BYE", our_uri, "s1", before));
  const Seen restored = s.take(next);
  CHECK(restored.start() == "BYE " + kBob.uri() + " SIP/2.0");
  CHECK(restored.raw(HeaderId::route) == "<sip:198.51.100.90;lr>");
  s.reply(next, restored, 200);
  s.take(kCaller);

  Lines behind = dialog;
  behind.push_back("Route: " + rr + ", <sip:198.51.100.90>, <sip:far.example;lr>");
  s.send(kCaller, s.request(kCaller, "BYE", kBob.uri(), "s2", behind));
  const Seen strict = s.take(next);
  CHECK(strict.start() == "BYE sip:198.51.100.90 SIP/2.0");
  Lines route;
  for (const auto& r : strict.message->all(hdr::route)) route.emplace_back(r->text);
  CHECK(route == Lines{"<sip:far.example;lr>", "<" + kBob.uri() + ">"});
  s.reply(next, strict, 200);
  s.take(kCaller);
  s.end();
}

TEST_CASE("between UDP and TCP we record both sides, and both are used up together") {
  const Peer tcp_callee{"bob", "198.51.100.2", 5060, Transport::tcp};
  Call s(tcp_callee);
  Lines rr;
  for (const auto& r : s.invite.message->all(hdr::record_route)) rr.emplace_back(r->text);
  REQUIRE(rr.size() == 3);
  CHECK(rr[0].find(";transport=tcp") != std::string::npos);  // their side
  CHECK(rr[1].find("transport") == std::string::npos);       // ours
  s.send(kCaller,
         s.request(kCaller, "BYE", tcp_callee.uri(), "b",
                   {"From: <sip:c@e>;tag=cf", "To: <sip:bob@example.org>;tag=t-bob",
                    "Call-ID: call-1", "CSeq: 8 BYE", "Route: " + rr[1], "Route: " + rr[0]}));
  const Seen bye = s.take(tcp_callee);
  CHECK(bye.flow.transport == Transport::tcp);
  CHECK(bye.raw(HeaderId::route) == "(none)");
  s.reply(tcp_callee, bye, 200);
  CHECK(s.take(kCaller)->status() == 200);
  s.end();
}

TEST_CASE("calls between UDP, TCP and TLS are recorded on both sides, and stay on them both ways") {
  const Transport all[] = {Transport::udp, Transport::tcp, Transport::tls};
  const bool direct = GENERATE(true, false);  // or with a proxy of theirs between us
  for (const Transport here : all)
    for (const Transport there : all) {
      INFO(uri_name(here) << " to " << uri_name(there) << (direct ? "" : ", not the next one"));
      ProxyFixture s;
      s.listen(Transport::tls);
      const Peer ann{"ann", "198.51.100.1", 5060, here};
      const Peer bob{"bob", "198.51.100.2", 5061, there};
      const Lines behind =
          direct ? Lines{} : Lines{"Via: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKbehind"};
      s.bind("bob", {bob.contact()}, bob, behind);
      Lines invite = {"From: <sip:ann@elsewhere.example>;tag=a", "To: <sip:bob@example.org>",
                      "Call-ID: both", "CSeq: 1 INVITE", "Contact: " + ann.contact()};
      invite.insert(invite.end(), behind.begin(), behind.end());
      s.send(ann, s.request(ann, "INVITE", "sip:bob@example.org", "i", invite));
      const Seen seen = s.take(bob);
      CHECK(seen.flow.transport == there);
      Lines recorded;
      for (const auto& r : seen.message->all(hdr::record_route)) recorded.emplace_back(r->text);
      REQUIRE(recorded.size() == (here == there ? 1 : 2));
      const auto faces = [](const std::string& route, Transport by) {
        const bool named =
            route.find(";transport=" + std::string(uri_name(by))) != std::string::npos;
        return by == Transport::udp ? route.find("transport") == std::string::npos : named;
      };
      CHECK(faces(recorded.front(), there));
      CHECK(faces(recorded.back(), here));
      s.reply(bob, seen, 200, {"Contact: " + bob.contact()});
      const Seen ok = s.take_past_100(ann);
      // The route set of the callee is in order, that of the caller reversed (RFC 3261 section 12.1).
      const auto within = [&](const Peer& by, const Peer& to, const std::string& method,
                              const Lines& route) {
        Lines lines = {"Call-ID: both", "CSeq: 2 " + method};
        const std::string a = "<sip:ann@elsewhere.example>;tag=a", b = ok.raw(HeaderId::to);
        lines.push_back("From: " + (&by == &ann ? a : b));
        lines.push_back("To: " + (&by == &ann ? b : a));
        for (const auto& r : route) lines.push_back("Route: " + r);
        s.send(by, s.request(by, method, to.uri(), "w" + std::to_string(++s.number), lines));
        const Seen got = s.take(to);
        CHECK(got.flow.transport == to.transport);
        CHECK(got.start() == method + " " + to.uri() + " SIP/2.0");
        CHECK(got.raw(HeaderId::route) == "(none)");
        if (method == "ACK") return;
        s.reply(to, got, 200);
        CHECK(s.take(by)->status() == 200);
      };
      within(ann, bob, "ACK", ProxyFixture::reversed(ok));
      within(bob, ann, "INFO", recorded);
      within(ann, bob, "BYE", ProxyFixture::reversed(ok));
      s.end();
    }
}

TEST_CASE("without Record-Route calls go past us after the 200") {
  ServerOptions o = Server::with_domain();
  o.proxy.record_route = false;
  ProxyFixture s(o);
  s.bind("bob", {kBob.contact()});
  s.ask("INVITE");
  const Seen f = s.take(kBob);
  CHECK(f.raw(HeaderId::record_route) == "(none)");
  s.reply(kBob, f, 486);
  CHECK(s.take(kCaller)->status() == 486);
  s.end();
}

TEST_CASE("what sets up no dialog is not recorded") {
  ProxyFixture s;
  s.bind("bob", {kBob.contact()});
  for (const auto method : {"OPTIONS", "MESSAGE", "PUBLISH"}) {
    s.ask(method);
    const Seen f = s.take(kBob);
    CHECK(f.raw(HeaderId::record_route) == "(none)");
    s.reply(kBob, f, 200);
    s.take(kCaller);
  }
  for (const auto method : {"SUBSCRIBE", "REFER", "FROB"}) {
    s.ask(method);
    const Seen f = s.take(kBob);
    CHECK(f.raw(HeaderId::record_route) != "(none)");
    s.reply(kBob, f, 200);
    s.take(kCaller);
  }
  s.end();
}

TEST_CASE("a Path is the Route to its contact") {
  ProxyFixture s;
  const Peer edge{"edge", "198.51.100.77", 5080};
  s.bind("bob", {"<sip:phone@deep.invalid>"}, kCaller,
         {"Supported: path", "Path: <sip:198.51.100.77:5080;lr>, <sip:inner.invalid;lr;ob=1>"});
  s.ask("OPTIONS");
  const Seen f = s.take(edge);
  CHECK(f.start() == "OPTIONS sip:phone@deep.invalid SIP/2.0");
  Lines route;
  for (const auto& r : f.message->all(hdr::route)) route.emplace_back(r->text);
  CHECK(route == Lines{"<sip:198.51.100.77:5080;lr>", "<sip:inner.invalid;lr;ob=1>"});
  s.reply(edge, f, 200);
  s.take(kCaller);
  s.end();
}

TEST_CASE("a Contact's method and headers don't get into a Request-URI") {
  ProxyFixture s;
  s.bind("bob", {"<sip:b@198.51.100.2;method=INVITE;x=1?Subject=hi>"});
  s.ask("OPTIONS");
  const Seen f = s.take(kBob);
  CHECK(f.start() == "OPTIONS sip:b@198.51.100.2;x=1 SIP/2.0");
  s.reply(kBob, f, 200);
  s.end();
}

TEST_CASE(
    "a phone that registered over its own connection is called over it, or else at its address") {
  ProxyFixture s;
  s.bind("bob", {kTcpPhone.contact()}, kTcpPhone);
  s.ask("MESSAGE");
  const Seen f = s.take(kTcpPhone);
  CHECK(f.flow.connection == Server::flow_of(kTcpPhone).connection);
  s.reply(kTcpPhone, f, 200);
  CHECK(s.take(kCaller)->status() == 200);
  s.ask("INVITE");
  s.lose(s.take(kTcpPhone));
  const Seen again = s.take(kTcpPhone);
  CHECK(again->method() == Method::invite);
  CHECK(again.flow.connection == 0);
  CHECK(s.nothing_for(kCaller));
  s.lose(again);
  CHECK(s.take(kCaller)->status() == 500);
  // Where somebody else registered it, or it wants UDP, its own address counts.
  s.bind("ben", {"<sip:x@198.51.100.3:5060;transport=tcp>"}, kTcpPhone);
  s.bind("bill", {"<sip:x@198.51.100.4>"}, kTcpPhone);
  s.ask("MESSAGE", "sip:ben@example.org");
  CHECK(s.take(kBen).flow.connection == 0);
  s.ask("MESSAGE", "sip:bill@example.org");
  CHECK(s.take(kBill).flow.transport == Transport::udp);
  s.end();
}

TEST_CASE("contacts that are no SIP URIs are not called") {
  ProxyFixture s;
  s.bind("bob", {"<mailto:bob@example.org>", "<tel:+1555>"});
  s.ask("MESSAGE");
  CHECK(s.take(kCaller)->status() == 480);
  s.end();
}

TEST_CASE("redirect: 302 with the bindings, best first, and nothing forwarded") {
  ProxyFixture s(redirecting());
  s.bind("bob", {kBob.contact() + ";q=0.5", kBen.contact() + ";q=0.9", "<tel:+1555>;q=0.1"});
  const std::string invite = s.ask("INVITE");
  const Seen r = s.take(kCaller);
  CHECK(r->status() == 302);
  CHECK(r.lines(HeaderId::contact) ==
        Lines{kBen.contact() + ";q=0.9", kBob.contact() + ";q=0.5", "<tel:+1555>;q=0.1"});
  s.send(kCaller, ProxyFixture::companion(invite, "ACK", std::string(r->to_tag())));
  CHECK(s.out.empty());
  s.ask("OPTIONS", "sip:nobody@example.org");
  CHECK(s.take(kCaller)->status() == 480);
  s.ask("OPTIONS", "sip:x@203.0.113.9");
  CHECK(s.take(kCaller)->status() == 403);
  s.end();
}

TEST_CASE("a maddr of ours is taken away, one of others goes to nobody") {
  ProxyFixture s;
  s.bind("bob", {kBob.contact()});
  s.ask("OPTIONS", "sip:bob@example.org:5060;maddr=192.0.2.1");
  const Seen f = s.take(kBob);
  CHECK(f.start() == "OPTIONS " + kBob.uri() + " SIP/2.0");
  s.reply(kBob, f, 200);
  s.take(kCaller);
  s.ask("OPTIONS", "sip:bob@example.org;maddr=203.0.113.9");
  CHECK(s.take(kCaller)->status() == 403);
  s.end();
}
