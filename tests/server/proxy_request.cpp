// SPDX-License-Identifier: Apache-2.0
// What the proxy does to a request that it forwards, and which it does not. RFC 3261 sections 16.3 to 16.6.
#include "server/proxy_fixture.hpp"
#include "sipstack/server/users.hpp"

using namespace sipstack;
using namespace sipstack::testing_server;

TEST_CASE(
    "a forwarded request has our Via on top, a hop less, the binding as Request-URI, and all else "
    "as it was") {
  ProxyFixture s;
  s.bind("bob", {kBob.contact()});
  const std::string body("abc\0\xff", 5);
  const std::string sent =
      s.request(kCaller, "OPTIONS", "sip:bob@example.org", "1",
                {"x-ODD:  a;b,\"c\"  ", "f: <sip:caller@elsewhere.example>;tag=cf",
                 "t: <sip:bob@example.org>", "Call-ID: c", "CSeq: 1 OPTIONS", "Max-Forwards: 17",
                 "s: hello", "c: application/x-odd", "Warning: 399 h \"fold\r\n ed\""},
                body);
  s.send(kCaller, sent);
  const Seen f = s.take(kBob);
  CHECK(f.start() == "OPTIONS " + kBob.uri() + " SIP/2.0");
  CHECK(vias(f) == 2);
  CHECK(f->top_via().sent_by() == "192.0.2.1:5060");
  CHECK(f->branch().substr(0, 7) == "z9hG4bK");
  CHECK(f->max_forwards() == 16);
  CHECK(f->body() == body);
  for (const auto line :
       {"\r\nx-ODD:  a;b,\"c\"  \r\n", "\r\nf: <sip:caller@elsewhere.example>;tag=cf\r\n",
        "\r\ns: hello\r\n", "\r\nc: application/x-odd\r\n",
        "\r\nWarning: 399 h \"fold\r\n ed\"\r\n", "\r\nCall-ID: c\r\n"})
    CHECK(f.message.bytes().find(line) != std::string_view::npos);
  // Its own response goes back without our Via, with what we do not know of as it was.
  s.send(kBob, s.response(f, 299, "t1", {"X-Back:  1"}, "Frobbed"));
  const Seen r = s.take(kCaller);
  CHECK(r.start() == "SIP/2.0 299 Frobbed");
  CHECK(vias(r) == 1);
  CHECK(r->to_tag() == "t1");
  CHECK(r.message.bytes().find("\r\nX-Back:  1\r\n") != std::string_view::npos);
  s.end();
}

TEST_CASE(
    "what the server can do is told without a trace, and each copy the same (RFC 3261 section "
    "8.2.7)") {
  ProxyFixture s;
  const std::string sent = s.ask("OPTIONS", "sip:example.org");
  const Seen first = s.take(kCaller);
  CHECK(first->status() == 200);
  CHECK(first.raw(HeaderId::allow) != "(none)");
  CHECK_FALSE(first->to_tag().empty());
  CHECK(s.core->transactions().servers() == 0);
  s.send(kCaller, sent);
  CHECK(s.take(kCaller).message.bytes() == first.message.bytes());
  s.end();
}

TEST_CASE("received and rport note where a request came from") {
  ProxyFixture s;
  s.bind("bob", {kBob.contact()});
  s.send(kCaller,
         "OPTIONS sip:bob@example.org SIP/2.0\r\nVia: SIP/2.0/UDP "
         "inside.example:5099;rport;branch=z9hG4bKn\r\n"
         "From: <sip:c@e>;tag=f\r\nTo: <sip:bob@example.org>\r\nCall-ID: c\r\nCSeq: 1 "
         "OPTIONS\r\n\r\n");
  const Seen f = s.take(kBob);
  const auto lines = f.lines(HeaderId::via);
  REQUIRE(lines.size() == 2);
  CHECK(lines[1].find("received=198.51.100.1") != std::string::npos);
  CHECK(lines[1].find("rport=5060") != std::string::npos);
  CHECK(f->max_forwards() == 70);  // none was there
  s.reply(kBob, f, 200);
  CHECK(s.take(kCaller)->status() == 200);
  s.end();
}

TEST_CASE("an unknown method is forwarded like any other") {
  ProxyFixture s;
  s.bind("bob", {kBob.contact()});
  s.ask("FROBNICATE");
  const Seen f = s.take(kBob);
  CHECK(f->method_name() == "FROBNICATE");
  s.reply(kBob, f, 200);
  CHECK(s.take(kCaller)->status() == 200);
  s.end();
}

TEST_CASE("what is not valid is not forwarded") {
  ProxyFixture s;
  s.bind("bob", {kBob.contact()});
  const auto status = [&](const std::string& uri, const Lines& more) {
    s.ask("OPTIONS", uri, more);
    CHECK(s.nothing_for(kBob));
    return s.take(kCaller)->status();
  };
  CHECK(status("sip:bob@example.org", {"Max-Forwards: 0"}) == 483);
  CHECK(status("sip:bob@example.org", {"Route: <sip:192.0.2.1;lr>, <sip:["}) == 400);
  CHECK(status("tel:+15551234", {}) == 416);
  CHECK(status("news:bob", {}) == 416);
  CHECK(status("sip:nobody@example.org", {}) == 480);
  CHECK(status("sip:example.org;x", {"Max-Forwards: 70"}) == 200);  // it is us who answer
  s.ask("OPTIONS", "sip:bob@example.org", {"Proxy-Require: x-a, x-b"});
  const Seen refused = s.take(kCaller);
  CHECK(refused->status() == 420);
  CHECK(refused.raw(HeaderId::unsupported) == "x-a, x-b");
  // Require is between the ends.
  s.ask("OPTIONS", "sip:bob@example.org", {"Require: x-a"});
  s.reply(kBob, s.take(kBob), 420);
  CHECK(s.take(kCaller)->status() == 420);
  s.end();
}

TEST_CASE("OPTIONS for the server itself is answered with what it can do") {
  ProxyFixture s;
  for (const auto uri : {"sip:example.org", "sip:192.0.2.1", "sip:192.0.2.1:5060"}) {
    s.ask("OPTIONS", uri);
    const Seen r = s.take(kCaller);
    CHECK(r->status() == 200);
    CHECK(r.raw(HeaderId::allow) != "(none)");
    CHECK(r.raw(HeaderId::supported) == "path");
  }
  s.ask("MESSAGE", "sip:example.org");
  CHECK(s.take(kCaller)->status() == 404);
  s.end();
}

// ---- who may

TEST_CASE("A70: nothing is relayed for strangers") {
  ProxyFixture s;
  s.bind("bob", {kBob.contact()});
  const std::string away = "sip:victim@203.0.113.9";
  const auto refused = [&](const std::string& method, const std::string& uri, const Lines& more) {
    s.ask(method, uri, more, kStranger);
    const Seen r = s.take(kStranger);
    CHECK(r->status() == 403);
    CHECK(s.out.empty());
  };
  for (const auto method : {"INVITE", "MESSAGE", "OPTIONS", "BYE", "REGISTER", "FROB"})
    refused(method, away, {});
  refused("MESSAGE", "sip:bob@example.org", {"Route: <sip:203.0.113.9;lr>"});
  refused("MESSAGE", away, {"Route: <sip:192.0.2.1;lr>"});
  refused("MESSAGE", away, {"Route: <sip:0123456789abcdef@192.0.2.1;lr>"});
  // An ACK of nobody's call goes nowhere.
  s.send(kStranger,
         s.request(kStranger, "ACK", away, "a",
                   {"From: <sip:s@e>;tag=f", "To: <sip:v@e>;tag=t", "Call-ID: x", "CSeq: 1 ACK",
                    "Max-Forwards: 70", "Route: <sip:0123456789abcdef@192.0.2.1;lr>"}));
  CHECK(s.out.empty());
  s.end();
}

TEST_CASE("a Route of ours is good for its dialog alone") {
  ProxyFixture s;
  s.bind("bob", {kBob.contact()});
  s.ask("INVITE");
  const Seen invite = s.take_past_100(kBob);
  s.reply(kBob, invite, 200, {"Contact: " + kBob.contact()});
  const Seen ok = s.take(kCaller);
  const Lines route = ProxyFixture::reversed(ok);
  REQUIRE(route.size() == 1);
  // Another Call-ID, or no dialog: not to strangers.
  s.send(kCaller, s.request(kCaller, "BYE", "sip:victim@203.0.113.9", "q1",
                            {"From: <sip:c@e>;tag=cf", "To: <sip:v@e>;tag=t", "Call-ID: other",
                             "CSeq: 1 BYE", "Route: " + route[0]}));
  CHECK(s.take(kCaller)->status() == 403);
  s.send(kCaller, s.request(kCaller, "INVITE", "sip:victim@203.0.113.9", "q2",
                            {"From: <sip:c@e>;tag=cf", "To: <sip:v@e>", "Call-ID: call-1",
                             "CSeq: 9 INVITE", "Route: " + route[0]}));
  CHECK(s.take(kCaller)->status() == 403);
  s.send(kCaller, s.in_dialog("BYE", ok, 8, "sip:bob@198.51.100.2"));
  CHECK(s.take(kBob)->method() == Method::bye);
  s.end();
}

TEST_CASE("with users, every method but ACK and CANCEL is challenged") {
  Challenged s;
  for (const auto method : {"INVITE", "OPTIONS", "MESSAGE", "BYE", "SUBSCRIBE", "NOTIFY", "PUBLISH",
                            "REFER", "INFO", "UPDATE", "PRACK", "FROB"}) {
    for (const std::string from :
         {"<sip:alice@example.org>;tag=1", "<sip:x@elsewhere.example>;tag=1"}) {
      s.from = from;
      s.say(method, "sip:bob@example.org");
      const Seen r = s.take_past_100(kCaller);
      CHECK(r->status() == 407);
      CHECK(r.lines(HeaderId::proxy_authenticate).size() == 2);
    }
  }
  s.end();
}

TEST_CASE("with the right digest a user calls anybody, and the credentials stay here") {
  Challenged s;
  for (const std::string uri : {"sip:far@203.0.113.9", "sip:bob@example.org"}) {
    s.say("MESSAGE", uri);
    REQUIRE(s.client.challenged(s.take(kCaller).message.view()));
    s.say("MESSAGE", uri, true);
    s.client.succeeded();
  }
  const Peer far{"far", "203.0.113.9", 5060};
  const Seen f = s.take(far);
  CHECK(f->method() == Method::message);
  CHECK(f.raw(HeaderId::proxy_authorization) == "(none)");
  CHECK(s.take(kCaller)->status() == 480);
  s.reply(far, f, 200);
  CHECK(s.take(kCaller)->status() == 200);
  s.end();
}

TEST_CASE("nobody speaks for another user of ours") {
  Challenged s;
  s.client = DigestClient({{"mallory", "other", ""}});
  s.say("MESSAGE", "sip:far@203.0.113.9");
  REQUIRE(s.client.challenged(s.take(kCaller).message.view()));
  s.say("MESSAGE", "sip:far@203.0.113.9", true);
  CHECK(s.take(kCaller)->status() == 403);
  CHECK(s.out.empty());
  s.end();
}

TEST_CASE("open for calls from outside: they reach our users, and nobody else") {
  ServerOptions o = with_users();
  o.proxy.open_inbound = true;
  Challenged s(o);
  s.from = "<sip:x@elsewhere.example>;tag=1";
  s.say("MESSAGE", "sip:bob@example.org");
  CHECK(s.take(kCaller)->status() == 480);  // let in; he is not there
  s.say("MESSAGE", "sip:far@203.0.113.9");
  CHECK(s.take(kCaller)->status() == 407);
  s.from = "<sip:alice@example.org>;tag=1";
  s.say("MESSAGE", "sip:bob@example.org");
  CHECK(s.take(kCaller)->status() == 407);
  s.end();
}

// ---- Max-Forwards, loops, breadth

TEST_CASE("A77: a request that comes back as it was has looped") {
  ProxyFixture s;
  s.bind("bob", {kBob.contact(), kBen.contact()});
  s.ask("OPTIONS");
  const Seen f = s.take(kBob);
  const auto bounce = [&](const std::string& uri) {
    std::string bytes(f.message.bytes());
    bytes.replace(8, kBob.uri().size(), uri);
    bytes.insert(bytes.find("\r\n") + 2, "Via: SIP/2.0/UDP " + kBob.at() + ";branch=z9hG4bKb" +
                                             std::to_string(++s.number) + "\r\n");
    s.send(kBob, bytes);
  };
  bounce("sip:bob@example.org");
  CHECK(s.take(kBob)->status() == 482);
  // Elsewhere it is a spiral.
  s.bind("ben", {kBill.contact()});
  bounce("sip:ben@example.org");
  const Seen got = s.take(kBill);
  CHECK(vias(got) == 4);
  s.reply(kBill, got, 200);
  CHECK(s.take(kBob)->status() == 200);
  s.end();
}

TEST_CASE("A77: two users who point at each other and themselves do not multiply a request") {
  ProxyFixture s;
  const Peer self{"self", "192.0.2.1", 5060};
  s.bind("a", {"<sip:a@example.org>", "<sip:b@example.org>"});
  s.bind("b", {"<sip:a@example.org>", "<sip:b@example.org>"});
  s.ask("MESSAGE", "sip:a@example.org");
  // What is addressed to our domain comes back to us: the resolver says so.
  int forwarded = 0;
  for (std::size_t i = 0; i < s.resolves.size() && i < 10000; ++i) {
    Flow to = Server::flow_of(self);
    s.core->resolved(s.resolves[i].txn, {to}, s.now);
    s.drain();
    for (bool any = true; any;) {
      any = false;
      for (auto it = s.out.begin(); it != s.out.end(); ++it) {
        if (it->flow.remote.to_string() != self.at()) continue;
        const std::string bytes(it->message.bytes());
        if (it->message->is_request()) ++forwarded;
        s.out.erase(it);
        s.send(self, bytes);
        any = true;
        break;
      }
    }
  }
  CHECK(forwarded >= 2);
  CHECK(forwarded <= 2 * 60);
  CHECK(s.take(kCaller)->status() == 482);
  s.end();
}

TEST_CASE("A77: Max-Breadth is split over branches, waited for, and 440 where there is none") {
  ProxyFixture s;
  s.bind("bob", {kBob.contact(), kBen.contact(), kBill.contact()});
  s.ask("OPTIONS");
  CHECK(s.take(kBob).raw("Max-Breadth") == "20");
  s.take(kBen);
  s.take(kBill);
  s.advance(std::chrono::minutes(5));
  s.out.clear();

  s.ask("OPTIONS", "sip:bob@example.org", {"Max-Breadth: 2"});
  // The latest registered first; two at a time.
  const Seen one = s.take(kBill), two = s.take(kBen);
  CHECK(one.raw("Max-Breadth") == "1");
  CHECK(s.nothing_for(kBob));
  s.reply(kBill, one, 404);
  CHECK(s.nothing_for(kBob));
  s.reply(kBen, two, 404);
  const Seen three = s.take(kBob);
  CHECK(three.raw("Max-Breadth") == "2");
  s.reply(kBob, three, 200);
  CHECK(s.take(kCaller)->status() == 200);

  s.ask("OPTIONS", "sip:bob@example.org", {"Max-Breadth: 0"});
  CHECK(s.take(kCaller)->status() == 440);
  s.ask("OPTIONS", "sip:bob@example.org", {"Max-Breadth: 9999"});
  CHECK(s.take(kBob).raw("Max-Breadth") == "20");
  s.end();
}

TEST_CASE("a request goes to twelve bindings at most") {
  ServerOptions o = Server::with_domain();
  o.registrar.max_contacts = 20;
  ProxyFixture s(o);
  Lines contacts;
  for (int i = 0; i < 20; ++i)
    contacts.push_back("<sip:c@198.51.100." + std::to_string(100 + i) + ">");
  s.bind("bob", contacts);
  s.ask("MESSAGE");
  CHECK(s.out.size() == 12);
  s.end();
}
