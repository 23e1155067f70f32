// SPDX-License-Identifier: Apache-2.0
// What broke other systems within a call: hardening A47, A48, A52, A61, A62 and A72, now with PRACK, UPDATE and
// session timers, and what RFC 5057 says of a call whose requests fail.
#include <algorithm>

#include "phones.hpp"

using namespace sipstack;
using namespace sipstack::testing;

namespace {

/// Alice, and a peer that we write; either may have called.
struct Call {
  explicit Call(bool alice_calls, const CoreOptions& options = {})
      : alice(network, "alice", "192.0.2.1", options), peer(network, "peer", "192.0.2.9") {
    if (alice_calls) {
      auto o = call_to("sip:p@" + peer.where.to_string());
      o.credentials = {{"alice", "secret", ""}};
      network.now([&](TimePoint now) { id = *alice.ua().invite(o, now); });
      network.run(milliseconds(1));
      peer.answer(peer.last("INVITE"), "p", Letter().add("Allow", "INVITE, UPDATE"));
    } else {
      alice.user = answers;
      Letter invite = peer.request("INVITE", alice);
      invite.add("Allow", "INVITE, UPDATE").add("Supported", "timer");
      peer.send(invite, alice.where);
      const Message ok = peer.last("200 INVITE").message;
      peer.send(peer.within(invite, ok.view(), "ACK", 1), alice.where);
      id = alice.last<CallArrived>().call;
    }
  }
  template <class F>
  void now(F f) {
    network.now(f);
    network.run(milliseconds(1));
  }
  /// Different requests: a copy counts once.
  std::size_t count(const std::string& method) {
    std::vector<std::uint32_t> seen;
    for (const auto& heard : peer.all) {
      const MessageView m = heard.message.view();
      if (m.is_request() && m.method_name() == method &&
          std::find(seen.begin(), seen.end(), m.cseq().number) == seen.end())
        seen.push_back(m.cseq().number);
    }
    return seen.size();
  }
  bool showed_credentials() {
    for (const auto& heard : peer.all)
      if (heard.message->has(HeaderId::authorization) ||
          heard.message->has(HeaderId::proxy_authorization))
        return true;
    return false;
  }
  void must_end(std::size_t ends = 1) {
    alice.user = nullptr;
    now([&](TimePoint t) { alice.ua().hang_up(id, t); });
    CHECK(network.run_to_rest(network.time() + seconds(300)));
    CHECK(alice.count<CallEnded>() == ends);
    alice.must_be_empty();
  }

  Network network;
  Phone alice;
  Stranger peer;
  CallId id;
};

Letter challenge(int n) {
  return Letter().add("Proxy-Authenticate",
                      "Digest realm=\"evil\", nonce=\"n" + std::to_string(n) + "\"");
}

CoreOptions timed() {
  CoreOptions o;
  o.user_agent.session_expires = 100;
  o.user_agent.refresher = Refresher::local;
  return o;
}

}  // namespace

TEST_CASE("A61: nobody makes us repeat an UPDATE, re-INVITE or refresh for ever by new nonces") {
  for (const std::string method : {"UPDATE", "INVITE", "refresh"}) {
    Call t(true, method == "refresh" ? timed() : CoreOptions());
    const std::string sent = method == "refresh" ? "UPDATE" : method;
    const std::size_t before = t.count(sent);
    if (method == "UPDATE") t.now([&](TimePoint now) { t.alice.ua().update(t.id, kOffer, now); });
    if (method == "INVITE") t.now([&](TimePoint now) { t.alice.ua().reinvite(t.id, kOffer, now); });
    if (method == "refresh") t.network.run(milliseconds(50'200));
    for (int i = 0; i < 20; ++i) t.peer.reply(t.peer.last(sent), 407, {}, challenge(i));
    CHECK(t.count(sent) - before >= 2);
    CHECK(t.count(sent) - before <= 3);
    if (method == "UPDATE") CHECK(t.alice.last<UpdateCompleted>().error == Errc::challenged_again);
    t.must_end();
  }
}

TEST_CASE("A62: a callee shows no credentials, whatever request of it is challenged") {
  for (const std::string method : {"UPDATE", "INVITE", "INFO", "BYE", "refresh"}) {
    Call t(false, method == "refresh" ? timed() : CoreOptions());
    t.now([&](TimePoint now) {
      if (method == "UPDATE") t.alice.ua().update(t.id, kOffer, now);
      if (method == "INVITE") t.alice.ua().reinvite(t.id, kOffer, now);
      if (method == "INFO") CHECK(t.alice.ua().request(t.id, "INFO", {}, {}, now));
      if (method == "BYE") t.alice.ua().hang_up(t.id, now);
    });
    if (method == "refresh") t.network.run(milliseconds(50'200));
    const std::string sent = method == "refresh" ? "UPDATE" : method;
    t.peer.reply(t.peer.last(sent), 407, {}, challenge(1));
    t.network.run(seconds(2));
    CHECK(t.count(sent) == 1);
    CHECK_FALSE(t.showed_credentials());
    t.must_end();
  }
}

TEST_CASE("A48: an UPDATE that gets nothing but malformed answers is given up, with BYE") {
  Call t(true);
  t.now([&](TimePoint now) { CHECK_FALSE(t.alice.ua().update(t.id, kOffer, now)); });
  const Stranger::Heard update = t.peer.last("UPDATE");
  const std::string good = t.peer.response(update.message.view(), 200, {}).text();
  for (const char* line : {"Via: ", "CSeq: ", "To: ", "Call-ID: "}) {
    std::string bad = good;
    bad.insert(bad.find(line) + std::string(line).size(), "\x01;;");
    // Bytes that no parser of ours would send: put on the wire as they are.
    t.now([&](TimePoint now) {
      t.alice.receive(bad, {Transport::udp, t.alice.where, t.peer.where, 0}, now);
    });
  }
  CHECK(t.alice.count<UpdateCompleted>() == 0);
  t.network.run(seconds(33));
  CHECK(t.alice.last<UpdateCompleted>().status == 408);
  CHECK(t.count("BYE") == 1);
  t.must_end();
}

TEST_CASE("A52: a reliable 183 that is cancelled in every way leaves no timer") {
  for (const int way : {0, 1, 2, 3, 4}) {
    Network network;
    Phone bob(network, "bob", "192.0.2.2");
    Stranger peer(network, "peer", "192.0.2.9");
    Letter invite = peer.request("INVITE", bob);
    invite.add("Supported", "100rel");
    peer.send(invite, bob.where);
    const CallId call = bob.last<CallArrived>().call;
    network.now([&](TimePoint now) { bob.ua().ring(call, 183, now, kAnswer, {}, true); });
    network.now([&](TimePoint now) { bob.ua().accept(call, {}, now); });  // held back
    network.run(milliseconds(1));
    const Message progress = peer.last("183 INVITE").message;
    Letter cancel = invite;
    cancel.start = "CANCEL" + invite.start.substr(6);
    cancel.remove("Content-Type").set("CSeq", "1 CANCEL").body.clear();
    Letter prack = peer.within(invite, progress.view(), "PRACK", 2);
    prack.add("RAck", std::string(*progress->raw(HeaderId::rseq)) + " 1 INVITE");
    switch (way) {
      case 0: peer.send(cancel, bob.where); break;
      case 1:
        peer.send(cancel, bob.where);
        peer.send(prack, bob.where);
        break;
      case 2: peer.send(peer.within(invite, progress.view(), "BYE", 2), bob.where); break;
      case 3: network.now([&](TimePoint now) { bob.ua().hang_up(call, now); }); break;
      default: network.now([&](TimePoint now) { bob.ua().reject(call, 486, now); }); break;
    }
    network.run(milliseconds(1));
    CHECK(bob.count<CallEnded>() == 1);
    const std::size_t heard = peer.count("183 INVITE");
    CHECK(network.run_to_rest(network.time() + seconds(300)));
    CHECK(peer.count("183 INVITE") == heard);
    CHECK(peer.count("200 INVITE") == 0);
    bob.must_be_empty();
  }
}

TEST_CASE("A72: our CSeq at its end leaves a call that can still be ended") {
  Call t(false);
  // A number near the end moves only what we expect of the peer.
  const Stranger::Heard ok = t.peer.last("200 INVITE");
  Letter info = t.peer.request("INFO", t.alice);
  info.set("From", std::string(*ok.message->raw(HeaderId::from)));
  info.set("To", std::string(*ok.message->raw(HeaderId::to)));
  info.set("Call-ID", std::string(ok.message->call_id()));
  info.set("CSeq", "2147483647 INFO");
  t.peer.send(info, t.alice.where);
  CHECK(t.peer.answer_to(info).status() == 200);
  info.set("CSeq", "7 UPDATE").set("Via", "SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKlow");
  info.start = "UPDATE" + info.start.substr(4);
  t.peer.send(info, t.alice.where);
  CHECK(t.peer.answer_to(info).status() == 500);
  t.must_end();
}

TEST_CASE("what a failed request within a call says of the call") {
  // RFC 5057 sections 5.1 to 5.3.
  struct Case {
    const char* method;
    int status;  // 0: silence
    bool ends;
  };
  for (const Case& c :
       {Case{"INFO", 481, true}, Case{"INFO", 408, true}, Case{"INFO", 0, true},
        Case{"INFO", 500, false}, Case{"INFO", 405, false}, Case{"INFO", 404, true},
        Case{"OPTIONS", 481, false}, Case{"OPTIONS", 0, false}, Case{"OPTIONS", 482, true},
        Case{"MESSAGE", 481, false}, Case{"INVITE", 488, false}, Case{"INVITE", 603, false},
        Case{"INVITE", 481, true}, Case{"INVITE", 502, true}, Case{"UPDATE", 410, true},
        Case{"UPDATE", 503, false}}) {
    INFO(c.method << ' ' << c.status);
    Call t(true);
    const std::string method = c.method;
    t.now([&](TimePoint now) {
      if (method == "INVITE")
        t.alice.ua().reinvite(t.id, kOffer, now);
      else if (method == "UPDATE")
        t.alice.ua().update(t.id, kOffer, now);
      else
        CHECK(t.alice.ua().request(t.id, method, {}, {}, now));
    });
    if (c.status == 0)
      t.network.run(seconds(33));
    else
      t.peer.reply(t.peer.last(method), c.status, {});
    t.network.run(milliseconds(1));
    CHECK((t.count("BYE") == 1) == c.ends);
    t.must_end();
  }
}
