// SPDX-License-Identifier: Apache-2.0
// Responses: what goes on at once, which is the best, and how the others are ended. RFC 3261 sections 16.7
// to 16.10.
#include "server/proxy_fixture.hpp"

using namespace sipstack;
using namespace sipstack::testing_server;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

namespace {

/// The caller's INVITE is on its way to some callees.
struct Ringing : ProxyFixture {
  explicit Ringing(const std::vector<Peer>& peers, const std::vector<std::string>& q = {})
      : callees(peers) {
    Lines contacts;
    for (std::size_t i = 0; i < peers.size(); ++i)
      contacts.push_back(peers[i].contact() + (q.empty() ? "" : ";q=" + q[i]));
    bind("bob", contacts);
    invite = ask("INVITE");
  }
  /// The caller's ACK to the final response that it got, which ends here.
  void ack(const Seen& final) {
    send(kCaller, companion(invite, "ACK", std::string(final->to_tag())));
  }

  std::vector<Peer> callees;
  std::string invite;
};

}  // namespace

TEST_CASE("the caller gets a 100 in time, and never the callee's") {
  Ringing s({kBob});
  CHECK(s.nothing_for(kCaller));
  s.advance(milliseconds(200));
  CHECK(s.take(kCaller)->status() == 100);
  const Seen f = s.take(kBob);
  s.reply(kBob, f, 100);
  CHECK(s.nothing_for(kCaller));
  s.reply(kBob, f, 180);
  CHECK(s.take(kCaller)->status() == 180);
  s.reply(kBob, f, 183);
  CHECK(s.take(kCaller)->status() == 183);
  s.reply(kBob, f, 486);
  CHECK(s.take(kCaller)->status() == 486);
  s.end();
}

TEST_CASE(
    "a refusal is acknowledged by the proxy and goes on with the callee's tag; the caller's ACK "
    "ends here") {
  Ringing s({kBob});
  const Seen f = s.take(kBob);
  s.reply(kBob, f, 486);
  const Seen ack = s.take(kBob);
  CHECK(ack->method() == Method::ack);
  CHECK(branch_of(ack) == branch_of(f));
  CHECK(vias(ack) == 1);
  const Seen r = s.take(kCaller);
  CHECK(r->status() == 486);
  CHECK(r->to_tag() == "t-bob");
  s.ack(r);
  CHECK(s.nothing_for(kBob));
  s.advance(seconds(3));
  CHECK(s.out.empty());  // nothing is sent again once it is acknowledged
  s.end();
}

TEST_CASE("every 2xx goes on, however often, and the proxy acknowledges none") {
  Ringing s({kBob});
  const Seen f = s.take(kBob);
  for (int i = 0; i < 4; ++i) {
    s.reply(kBob, f, 200);
    const Seen r = s.take(kCaller);
    CHECK(r->status() == 200);
    CHECK(vias(r) == 1);
    CHECK(s.nothing_for(kBob));
    s.advance(seconds(1));
    CHECK(s.out.empty());
  }
  // After 64*T1 nothing is known of it any more, and nothing forwarded (RFC 6026 section 7.3).
  s.advance(seconds(33));
  s.reply(kBob, f, 200);
  CHECK(s.out.empty());
  s.end();
}

TEST_CASE("two ring, the first 200 wins, the other is cancelled and its 487 kept back") {
  Ringing s({kBob, kBen});
  const Seen one = s.take(kBob), two = s.take(kBen);
  CHECK(branch_of(one) != branch_of(two));
  s.reply(kBob, one, 180);
  s.reply(kBen, two, 180);
  CHECK(s.take(kCaller)->to_tag() == "t-bob");
  CHECK(s.take(kCaller)->to_tag() == "t-ben");
  s.reply(kBen, two, 200);
  CHECK(s.take(kCaller)->status() == 200);
  const Seen cancel = s.take(kBob);
  CHECK(cancel->method() == Method::cancel);
  CHECK(branch_of(cancel) == branch_of(one));
  CHECK(cancel->cseq().number == 7);
  CHECK(vias(cancel) == 1);
  CHECK(cancel.raw(HeaderId::reason).find("cause=200") != std::string::npos);
  s.reply(kBob, cancel, 200);
  s.reply(kBob, one, 487);
  CHECK(s.take(kBob)->method() == Method::ack);
  CHECK(s.nothing_for(kCaller));
  s.end();
}

TEST_CASE("where a 200 crosses the CANCEL both calls stand, and both 200s reach the caller") {
  Ringing s({kBob, kBen});
  const Seen one = s.take(kBob), two = s.take(kBen);
  s.reply(kBob, one, 180);
  s.take(kCaller);
  s.reply(kBen, two, 200);
  CHECK(s.take(kCaller)->to_tag() == "t-ben");
  const Seen cancel = s.take(kBob);
  s.reply(kBob, one, 200);
  CHECK(s.take(kCaller)->to_tag() == "t-bob");
  s.reply(kBob, cancel, 481);
  // Again, when the proxy has forgotten the rest.
  s.reply(kBob, one, 200);
  CHECK(s.take(kCaller)->to_tag() == "t-bob");
  s.reply(kBen, two, 200);
  CHECK(s.take(kCaller)->to_tag() == "t-ben");
  s.end();
}

TEST_CASE("the best response waits for all: 6xx, else the lowest class") {
  const auto best = [](int a, int b, int c) {
    Ringing s({kBob, kBen, kBill});
    s.reply(kBob, s.take(kBob), a);
    s.reply(kBen, s.take(kBen), b);
    CHECK(s.nothing_for(kCaller));
    const Seen last = s.take(kBill);
    s.reply(kBill, last, c);
    const Seen r = s.take(kCaller);
    const int status = r->status();
    s.ack(r);
    s.end();
    return status;
  };
  CHECK(best(503, 404, 302) == 302);
  CHECK(best(503, 404, 500) == 404);
  CHECK(best(486, 407, 404) == 407);
  CHECK(best(486, 415, 487) == 415);
  CHECK(best(408, 487, 486) == 486);
  CHECK(best(503, 503, 503) == 500);  // a 503 would say that the proxy itself is down
  CHECK(best(503, 501, 503) == 501);
}

TEST_CASE("a 6xx ends all other branches and then goes on") {
  Ringing s({kBob, kBen, kBill}, {"0.9", "0.9", "0.1"});
  const Seen one = s.take(kBob), two = s.take(kBen);
  s.reply(kBob, one, 180);
  s.take(kCaller);
  s.reply(kBen, two, 603);
  CHECK(s.nothing_for(kCaller));
  const Seen cancel = s.take(kBob);
  CHECK(cancel->method() == Method::cancel);
  s.reply(kBob, cancel, 200);
  s.reply(kBob, one, 487);
  CHECK(s.take(kCaller)->status() == 603);
  CHECK(s.nothing_for(kBill));
  s.end();
}

TEST_CASE("the challenges of all branches reach the caller together") {
  Ringing s({kBob, kBen, kBill});
  s.reply(kBob, s.take(kBob), 407, {"Proxy-Authenticate: Digest realm=\"one\", nonce=\"n1\""});
  s.reply(kBen, s.take(kBen), 401,
          {"WWW-Authenticate: Digest realm=\"two\",\r\n nonce=\"n2\"",
           "WWW-Authenticate: Digest realm=\"three\", nonce=\"n3\""});
  s.reply(kBill, s.take(kBill), 404);
  const Seen r = s.take(kCaller);
  CHECK((r->status() == 407 || r->status() == 401));
  CHECK(r.lines(HeaderId::proxy_authenticate) == Lines{"Digest realm=\"one\", nonce=\"n1\""});
  Lines www = r.lines(HeaderId::www_authenticate);
  for (auto& line : www) line = unfold(line);
  CHECK(www == Lines{"Digest realm=\"two\", nonce=\"n2\"", "Digest realm=\"three\", nonce=\"n3\""});
  s.end();
}

TEST_CASE("lower q is tried when higher has failed") {
  Ringing s({kBob, kBen, kBill}, {"0.2", "0.9", "0.2"});
  CHECK(s.nothing_for(kBob));
  s.reply(kBen, s.take(kBen), 486);
  CHECK(s.take(kBen)->method() == Method::ack);
  CHECK(s.nothing_for(kCaller));
  const Seen one = s.take(kBob), two = s.take(kBill);
  s.reply(kBob, one, 200);
  CHECK(s.take(kCaller)->status() == 200);
  // The other one never answered: there is nothing to cancel before it does (section 9.1).
  CHECK(s.nothing_for(kBill));
  s.reply(kBill, two, 180);
  CHECK(s.take(kBill)->method() == Method::cancel);
  s.end();
}

TEST_CASE("CANCEL is answered at once, goes on to every callee, and 487 comes back") {
  Ringing s({kBob, kBen}, {"0.9", "0.1"});
  const Seen f = s.take(kBob);
  s.reply(kBob, f, 180);
  s.take(kCaller);
  std::string cancel = ProxyFixture::companion(s.invite, "CANCEL");
  cancel.insert(cancel.find("\r\n\r\n"), "\r\nReason: SIP;cause=600");
  s.send(kCaller, cancel);
  const Seen ok = s.take(kCaller);
  CHECK(ok->status() == 200);
  CHECK(ok->method() == Method::cancel);
  const Seen c = s.take(kBob);
  CHECK(c.start() == "CANCEL " + kBob.uri() + " SIP/2.0");
  CHECK(branch_of(c) == branch_of(f));
  CHECK(c.raw(HeaderId::reason) == "SIP;cause=600");
  s.send(kCaller, cancel);
  CHECK(s.take(kCaller)->status() == 200);  // the same again
  s.reply(kBob, c, 200);
  s.reply(kBob, f, 487);
  const Seen r = s.take(kCaller);
  CHECK(r->status() == 487);
  CHECK(r->method() == Method::invite);
  CHECK(s.nothing_for(kBen));  // nobody else is tried
  s.ack(r);
  s.end();
}

TEST_CASE(
    "a CANCEL before anything came back waits for it, and without it the INVITE ends in 487") {
  Ringing s({kBob});
  s.take(kBob);
  s.send(kCaller, ProxyFixture::companion(s.invite, "CANCEL"));
  CHECK(s.take(kCaller)->status() == 200);
  CHECK(s.nothing_for(kBob));
  s.advance(seconds(70));
  CHECK(s.take_past_100(kCaller)->status() == 487);
  s.end();
}

TEST_CASE("a CANCEL that is too late changes nothing, and one for nothing is 481") {
  Ringing s({kBob});
  const Seen f = s.take(kBob);
  s.reply(kBob, f, 200);
  CHECK(s.take(kCaller)->status() == 200);
  s.send(kCaller, ProxyFixture::companion(s.invite, "CANCEL"));
  CHECK(s.take(kCaller)->status() == 200);
  CHECK(s.nothing_for(kBob));
  s.send(kStranger, s.request(kStranger, "CANCEL", "sip:bob@example.org", "none",
                              {"From: <sip:s@e>;tag=f", "To: <sip:bob@example.org>", "Call-ID: x",
                               "CSeq: 1 CANCEL"}));
  CHECK(s.take(kStranger)->status() == 481);
  s.end();
}

TEST_CASE("a callee that never answers is a 408 after 64*T1") {
  Ringing s({kBob});
  s.advance(milliseconds(31900));
  s.out.clear();
  s.advance(milliseconds(200));
  CHECK(s.take(kCaller)->status() == 408);
  s.end();
}

TEST_CASE("nobody is told of a request other than INVITE that was never answered") {
  ProxyFixture s;
  s.bind("bob", {kBob.contact()});
  s.ask("MESSAGE");
  s.advance(minutes(2));
  for (const auto& seen : s.out)
    if (seen.flow.remote.to_string() == kCaller.at()) CHECK(seen->status() == 100);
  s.end();
}

TEST_CASE("a callee that rings for too long is cancelled by timer C") {
  Ringing s({kBob});
  const Seen f = s.take(kBob);
  s.reply(kBob, f, 180);
  s.take(kCaller);
  s.advance(seconds(100));
  s.reply(kBob, f, 180);  // begins it anew
  s.take(kCaller);
  s.advance(seconds(184));
  CHECK(s.out.empty());
  s.advance(seconds(2));
  const Seen cancel = s.take(kBob);
  CHECK(cancel->method() == Method::cancel);
  s.reply(kBob, cancel, 200);
  s.reply(kBob, f, 487);
  CHECK(s.take(kCaller)->status() == 487);
  s.end();
}

TEST_CASE("a callee that can't be reached counts as 503, which is 500 to the caller") {
  Ringing s({kBob});
  s.lose(s.take(kBob));
  const Seen r = s.take(kCaller);
  CHECK(r->status() == 500);
  s.ack(r);
  s.end();
}

TEST_CASE("a callee that can't be reached does not hinder the others") {
  Ringing s({kBob, kBen});
  s.lose(s.take(kBob));
  s.reply(kBen, s.take(kBen), 486);
  CHECK(s.take(kCaller)->status() == 486);
  s.end();
}

TEST_CASE("a response that can't be sent ends nothing") {
  Ringing s({kBob});
  const Seen f = s.take(kBob);
  s.reply(kBob, f, 180);
  s.lose(s.take(kCaller));
  CHECK(s.nothing_for(kBob));
  s.reply(kBob, f, 200);
  CHECK(s.take(kCaller)->status() == 200);
  s.end();
}

TEST_CASE("a non-INVITE forks as well, and its first 2xx is the answer") {
  ProxyFixture s;
  s.bind("bob", {kBob.contact(), kBen.contact()});
  s.ask("MESSAGE");
  const Seen one = s.take(kBob), two = s.take(kBen);
  s.reply(kBob, one, 404);
  CHECK(s.nothing_for(kCaller));
  s.reply(kBen, two, 202);
  CHECK(s.take(kCaller)->status() == 202);
  s.end();
}

TEST_CASE("responses that nothing waits for are forwarded to nobody") {
  Ringing s({kBob});
  const Seen f = s.take(kBob);
  std::string forged = s.response(f, 200, "t");
  const auto branch = forged.find(branch_of(f)) + branch_of(f).size() - 3;
  forged[branch] = forged[branch] == '0' ? '1' : '0';
  s.send(kBob, forged);
  CHECK(s.out.empty());
  // Without a Via behind ours it was for us alone.
  std::string ours = s.response(f, 180, "t");
  const auto first = ours.find("Via: "), second = ours.find("Via: ", first + 5);
  ours.erase(second, ours.find("\r\n", second) + 2 - second);
  s.send(kBob, ours);
  CHECK(s.out.empty());
  s.end();
}
