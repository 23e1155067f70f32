// SPDX-License-Identifier: Apache-2.0
// An edge proxy: flow tokens in Path, requests that come back by them, keeping phones reachable. RFC 5626
// section 5, RFC 3327.
#include "server/proxy_fixture.hpp"

using namespace sipstack;
using namespace sipstack::testing_server;

namespace {

const Peer kRegistrar{"registrar", "203.0.113.10"};
const Peer kBehindNat{"nate", "203.0.113.99", 33333};

ServerOptions at_the_edge(const std::string& next = "sip:203.0.113.10") {
  ServerOptions o;
  o.proxy.edge = next;
  return o;
}

struct Edge : ProxyFixture {
  explicit Edge(const ServerOptions& o = at_the_edge()) : ProxyFixture(o) {}

  Lines register_lines(const Peer& by, const Lines& more = {}) {
    Lines lines = {"From: <sip:" + by.name + "@example.org>;tag=f",
                   "To: <sip:" + by.name + "@example.org>",
                   "Call-ID: reg-" + by.name,
                   "CSeq: " + std::to_string(++number) + " REGISTER",
                   "Contact: " + by.contact(),
                   "Max-Forwards: 70"};
    lines.insert(lines.end(), more.begin(), more.end());
    return lines;
  }
  /// Through us to the registrar; the Path that it is told.
  std::string bind_through(const Peer& by, const Lines& more = {}) {
    send(by, request(by, "REGISTER", "sip:example.org", "reg" + std::to_string(number),
                     register_lines(by, more)));
    const Seen seen = take(kRegistrar);
    REQUIRE(seen.start() == "REGISTER sip:example.org SIP/2.0");
    const std::string path = seen.raw(HeaderId::path);
    CHECK(seen->lists(hdr::supported, "path"));
    CHECK(seen->lists(hdr::require, "path"));
    reply(kRegistrar, seen, 200, {"Path: " + path});
    CHECK(take(by)->status() == 200);
    return path;
  }
  /// The registrar's side calls the phone by its Path.
  Seen call(const Peer& phone, const std::string& path, const Lines& more = {}) {
    Lines all = {"From: <sip:c@elsewhere.example>;tag=cf",
                 "To: <sip:" + phone.name + "@example.org>",
                 "Call-ID: call-1",
                 "CSeq: 7 INVITE",
                 "Contact: <sip:c@203.0.113.10>",
                 "Max-Forwards: 70",
                 "Route: " + path};
    all.insert(all.end(), more.begin(), more.end());
    send(kRegistrar,
         request(kRegistrar, "INVITE", phone.uri(), "c" + std::to_string(++number), all));
    return take(phone);
  }
};

}  // namespace

TEST_CASE(
    "a REGISTER goes to the registrar with a Path, and a request that follows it down the flow") {
  Edge s;
  const Peer& phone = GENERATE(kTcpPhone, kBehindNat);
  const std::string path = s.bind_through(phone);
  CHECK(path.find("@192.0.2.1:5060;lr;ob>") != std::string::npos);
  const Seen invite = s.call(phone, path);
  CHECK(invite.start() == "INVITE " + phone.uri() + " SIP/2.0");
  CHECK(invite.raw(HeaderId::route) == "(none)");
  CHECK(ProxyFixture::reversed(invite).size() == (phone.transport == Transport::tcp ? 2 : 1));
  s.reply(phone, invite, 200, {"Contact: " + phone.contact()});
  const Seen ok = s.take_past_100(kRegistrar);
  CHECK(ok->status() == 200);
  // Inside the dialog the flow is kept to as well.
  Lines bye = {"From: <sip:c@elsewhere.example>;tag=cf", "To: " + ok.raw(HeaderId::to),
               "Call-ID: call-1", "CSeq: 8 BYE", "Max-Forwards: 70"};
  for (const auto& line : ProxyFixture::reversed(ok)) bye.push_back("Route: " + line);
  s.send(kRegistrar, s.request(kRegistrar, "BYE", phone.uri(), "bye", bye));
  s.reply(phone, s.take(phone), 200);
  CHECK(s.take(kRegistrar)->status() == 200);
  s.end();
}

TEST_CASE("phones speak to the next hop alone, whatever Route they bring") {
  Edge s;
  s.ask("INVITE", "sip:bob@example.org", {"Route: <sip:192.0.2.1;lr>, <sip:203.0.113.66;lr>"});
  const Seen invite = s.take(kRegistrar);
  CHECK(invite.raw(HeaderId::route) == "<sip:203.0.113.66;lr>");
  CHECK(invite.lines(HeaderId::record_route).size() == 1);
  s.reply(kRegistrar, invite, 407, {"Proxy-Authenticate: Digest realm=\"r\", nonce=\"n\""});
  CHECK(s.take(kRegistrar)->method() == Method::ack);
  CHECK(s.take_past_100(kCaller)->status() == 407);
  s.ask("OPTIONS", "sip:192.0.2.1");
  CHECK(s.take(kCaller)->status() == 200);
  s.ask("MESSAGE", "tel:+491");
  s.reply(kRegistrar, s.take(kRegistrar), 404);
  CHECK(s.take(kCaller)->status() == 404);
  s.end();
}

TEST_CASE(
    "a loose router as next hop gets a Route, and one by another transport a Path that fits") {
  Edge s(at_the_edge("sip:203.0.113.10;transport=tcp;lr"));
  s.send(kCaller,
         s.request(kCaller, "REGISTER", "sip:example.org", "r", s.register_lines(kCaller)));
  REQUIRE(s.out.size() == 1);
  const Seen seen = s.out.front();
  s.out.clear();
  CHECK(seen.flow.transport == Transport::tcp);
  CHECK(seen.raw(HeaderId::route) == "<sip:203.0.113.10;transport=tcp;lr>");
  CHECK(seen.raw(HeaderId::path).find("@192.0.2.1:5060;transport=tcp;lr;ob>") != std::string::npos);
  s.end();
}

TEST_CASE("only the first hop says ob, and others' Path stays below ours") {
  Edge s;
  const Seen seen = [&] {
    s.send(kCaller,
           s.request(kCaller, "REGISTER", "sip:example.org", "r",
                     s.register_lines(kCaller, {"Via: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKx",
                                                "Path: <sip:p1.example;lr>", "Supported: path",
                                                "Require: path"})));
    return s.take(kRegistrar);
  }();
  const Lines path = seen.lines(HeaderId::path);
  REQUIRE(path.size() == 2);
  CHECK(path[0].find(";lr>") != std::string::npos);
  CHECK(path[0].find(";ob") == std::string::npos);
  CHECK(path[1] == "<sip:p1.example;lr>");
  CHECK(seen.lines(HeaderId::supported).size() == 1);
  CHECK(seen.lines(HeaderId::require).size() == 1);
  s.reply(kRegistrar, seen, 200);
  s.end();
}

TEST_CASE("a flow that is gone is told with 430") {
  Edge s;
  const std::string path = s.bind_through(kTcpPhone);
  s.lose(s.call(kTcpPhone, path));
  CHECK(s.take_past_100(kRegistrar)->status() == 430);
  CHECK(s.out.empty());
  s.end();
}

TEST_CASE("a token that we did not make leads nowhere but to the next hop") {
  Edge s;
  std::string path = s.bind_through(kTcpPhone);
  path[6] = path[6] == '0' ? '1' : '0';
  s.ask("INVITE", kTcpPhone.uri(), {"Route: " + path}, kStranger);
  CHECK(s.nothing_for(kTcpPhone));
  const Seen seen = s.take(kRegistrar);
  s.reply(kRegistrar, seen, 403);
  CHECK(s.take_past_100(kStranger)->status() == 403);
  // Another process with the same key knows it, one with another key does not.
  ServerOptions o = at_the_edge();
  o.proxy.path_key.emplace().fill(7);
  Edge one(o), same(o);
  const std::string known = one.bind_through(kTcpPhone);
  CHECK(same.call(kTcpPhone, known)->method() == Method::invite);
  one.end();
  s.end();
}

TEST_CASE("a phone that routes by its own Path goes on to the next hop, and can be called back") {
  Edge s;
  const std::string path = s.bind_through(kTcpPhone);
  s.send(kTcpPhone, s.request(kTcpPhone, "INVITE", "sip:far@example.org", "out",
                              {"From: <sip:tess@example.org>;tag=tf", "To: <sip:far@example.org>",
                               "Call-ID: out-1", "CSeq: 1 INVITE", "Route: " + path,
                               "Contact: <sip:tess@198.51.100.5:41234;transport=tcp;ob>"}));
  const Seen invite = s.take(kRegistrar);
  CHECK(invite.raw(HeaderId::route) == "(none)");
  s.reply(kRegistrar, invite, 200, {"Contact: <sip:far@203.0.113.10>"});
  const Seen ok = s.take_past_100(kTcpPhone);
  CHECK(ok->status() == 200);
  Lines bye = {"From: " + ok.raw(HeaderId::to), "To: <sip:tess@example.org>;tag=tf",
               "Call-ID: out-1", "CSeq: 2 BYE", "Max-Forwards: 70"};
  for (const auto& line : ok.lines(HeaderId::record_route)) bye.push_back("Route: " + line);
  s.send(kRegistrar,
         s.request(kRegistrar, "BYE", "sip:tess@198.51.100.5:41234;transport=tcp;ob", "bye", bye));
  s.reply(kTcpPhone, s.take(kTcpPhone), 200);
  CHECK(s.take(kRegistrar)->status() == 200);
  s.end();
}
