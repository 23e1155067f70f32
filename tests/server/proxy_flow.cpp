// SPDX-License-Identifier: Apache-2.0
// Phones that only their own flow reaches, inside a dialog as well: behind a NAT, or in a browser. RFC 5626
// section 5.3, RFC 7118 section 5.2.
#include <cctype>
#include <utility>

#include "server/flow_token.hpp"
#include "server/proxy_fixture.hpp"

using namespace sipstack;
using namespace sipstack::testing_server;
using sipstack::server::flow_from_token;
using sipstack::server::flow_token;

namespace {

/// A phone that calls itself by its private address, and is seen with another.
struct Hidden {
  std::string name;
  Peer seen;
  Transport transport;

  std::string inside() const {
    return transport == Transport::udp ? "10.0.0.7:5060" : "x7.invalid";
  }
  std::string uri() const {
    return "sip:" + name + "@" + inside() + (transport == Transport::udp ? "" : ";transport=ws");
  }
  std::string via(const std::string& branch) const {
    return "Via: SIP/2.0/" + std::string(via_name(transport)) + " " + inside() +
           ";rport;branch=z9hG4bK" + branch + "\r\n";
  }
};

Hidden behind_nat(const std::string& name, const std::string& host, std::uint16_t port) {
  return {name, {name, host, port}, Transport::udp};
}
Hidden in_browser(const std::string& name, const std::string& host, std::uint16_t port) {
  return {name, {name, host, port, Transport::ws}, Transport::ws};
}

/// A registered pair and the call between them.
struct HiddenCall : ProxyFixture {
  HiddenCall(const Hidden& from, const Hidden& to) : caller(from), callee(to) {
    listen(Transport::ws);
    by(callee, "REGISTER", "sip:example.org", 1, "r", {"Contact: <" + callee.uri() + ">"},
       "sip:bob@example.org");
    REQUIRE(take(callee.seen)->status() == 200);
    by(caller, "INVITE", "sip:bob@example.org", 1, "c", {"Contact: <" + caller.uri() + ">"},
       "sip:bob@example.org");
    invite = take(callee.seen);
    CHECK(invite.flow == back_to(callee));
    reply(callee.seen, invite, 200, {"Contact: <" + callee.uri() + ">"});
    const Seen ok = take(caller.seen);
    REQUIRE(ok->status() == 200);
    remote = ok.raw(HeaderId::to);
    route = "Route: " + invite.lines(HeaderId::record_route).at(0);
  }

  static Flow back_to(const Hidden& phone) { return flow_of(phone.seen); }

  void by(const Hidden& phone, const std::string& method, const std::string& uri, int cseq,
          const std::string& branch, const Lines& more, const std::string& to_uri) {
    std::string text = method + " " + uri + " SIP/2.0\r\n" + phone.via(branch);
    Lines lines = {"From: <sip:caller@elsewhere.example>;tag=cf",
                   "To: <" + to_uri + ">",
                   "Call-ID: call-1",
                   "CSeq: " + std::to_string(cseq) + " " + method,
                   "Max-Forwards: 70",
                   "Content-Length: 0"};
    lines.insert(lines.end(), more.begin(), more.end());
    for (const auto& line : lines) text += line + "\r\n";
    send(phone.seen, text + "\r\n");
  }
  /// A request of either side inside the dialog.
  void inside(bool from_caller, const std::string& method, int cseq,
              const std::string& with_route) {
    const Hidden& from = from_caller ? caller : callee;
    const Hidden& other = from_caller ? callee : caller;
    const std::string one = "<sip:caller@elsewhere.example>;tag=cf";
    send(from.seen,
         method + " " + other.uri() + " SIP/2.0\r\n" + from.via("i" + std::to_string(++number)) +
             "From: " + (from_caller ? one : remote) + "\r\nTo: " + (from_caller ? remote : one) +
             "\r\nCall-ID: call-1\r\nCSeq: " + std::to_string(cseq) + " " + method +
             "\r\nMax-Forwards: 70\r\n" + with_route + "\r\nContent-Length: 0\r\n\r\n");
  }

  Hidden caller, callee;
  Seen invite;
  std::string remote, route;
};

}  // namespace

TEST_CASE("flow tokens say all of a flow, in characters of a user part, and nothing else is one") {
  Flow udp;
  udp.local = *SocketAddress::parse("192.0.2.1:5060");
  udp.remote = *SocketAddress::parse("198.51.100.7:65535");
  Flow web;
  web.transport = Transport::wss;
  web.local = *SocketAddress::parse("[2001:db8::1]:443");
  web.remote = *SocketAddress::parse("[2001:db8::2]:40000");
  web.connection = 0xfedcba9876543210;
  for (const Flow& flow : {udp, web}) {
    const std::string token = flow_token(flow);
    for (const char c : token)
      CHECK((std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_'));
    REQUIRE(flow_from_token(token));
    CHECK(*flow_from_token(token) == flow);
    for (std::size_t n = 0; n < token.size(); ++n) CHECK_FALSE(flow_from_token(token.substr(0, n)));
    CHECK_FALSE(flow_from_token(token + "A"));
    CHECK_FALSE(flow_from_token("." + token.substr(1)));
  }
  CHECK(flow_token(udp).size() == 18);
}

TEST_CASE("phones behind NATs and in browsers get what belongs to their call by their own flows") {
  const Hidden nat = behind_nat("bob", "198.51.100.2", 31000);
  const Hidden other_nat = behind_nat("caller", "198.51.100.1", 42000);
  const Hidden web = in_browser("bob", "198.51.100.2", 31001);
  const Hidden other_web = in_browser("caller", "198.51.100.1", 42001);
  for (const auto& [from, to] : {std::pair(other_nat, nat), std::pair(other_web, web),
                                 std::pair(other_nat, web), std::pair(other_web, nat)}) {
    CAPTURE(from.inside(), to.inside());
    HiddenCall s(from, to);
    s.inside(true, "ACK", 1, s.route);
    const Seen ack = s.take(to.seen);
    CHECK(ack->method() == Method::ack);
    CHECK(ack.flow == HiddenCall::back_to(to));
    CHECK(ack.raw(HeaderId::route) == "(none)");
    s.inside(false, "INFO", 1, s.route);
    const Seen info = s.take(from.seen);
    CHECK(info.flow == HiddenCall::back_to(from));
    s.reply(from.seen, info, 200);
    CHECK(s.take(to.seen)->status() == 200);
    s.inside(true, "BYE", 2, s.route);
    const Seen bye = s.take(to.seen);
    CHECK(bye.flow == HiddenCall::back_to(to));
    s.reply(to.seen, bye, 200);
    CHECK(s.take(from.seen)->status() == 200);
    s.end();
  }
}

TEST_CASE("a Route whose flows were changed is nobody's, and leads nowhere") {
  const Hidden bob = in_browser("bob", "198.51.100.2", 31001);
  HiddenCall s(in_browser("caller", "198.51.100.1", 42001), bob);
  const Hidden victim = in_browser("victim", "198.51.100.9", 45000);
  const std::string own = flow_token(HiddenCall::back_to(bob));
  const std::string its = flow_token(HiddenCall::back_to(victim));
  std::string changed = s.route;
  REQUIRE(changed.find(own) != std::string::npos);
  changed.replace(changed.find(own), own.size(), its);
  s.inside(true, "INFO", 2, changed);
  CHECK(s.nothing_for(victim.seen));
  CHECK(s.take(s.caller.seen)->status() == 403);
  // Nor do the flows of one dialog serve another.
  std::string borrowed =
      "INFO " + bob.uri() + " SIP/2.0\r\n" + victim.via("b") +
      "From: <sip:v@e>;tag=v\r\nTo: <sip:b@e>;tag=t\r\nCall-ID: other\r\nCSeq: 1 INFO\r\n"
      "Max-Forwards: 70\r\n" +
      s.route + "\r\nContent-Length: 0\r\n\r\n";
  s.send(victim.seen, borrowed);
  CHECK(s.nothing_for(bob.seen));
  CHECK(s.take(victim.seen)->status() == 403);
  s.end();
}
