// SPDX-License-Identifier: Apache-2.0
// UPDATE both ways, early and in the call, its glare, and hold by re-INVITE. RFC 3311, RFC 6337.
#include "phones.hpp"

using namespace sipstack;
using namespace sipstack::testing;

namespace {

/// Alice calls Bob, who has rung reliably with his answer; Bob may go on to accept.
struct Ringing {
  explicit Ringing(const std::string& offer = kOffer)
      : alice(network, "alice", "192.0.2.1"), bob(network, "bob", "192.0.2.2") {
    CallOptions options = call_to(bob.uri());
    options.body = offer;
    now([&](TimePoint t) { at_alice = *alice.ua().invite(options, t); });
    at_bob = bob.last<CallArrived>().call;
  }
  Ringing& rings(const std::string& sdp = kAnswer) {
    now([&](TimePoint t) { CHECK_FALSE(bob.ua().ring(at_bob, 183, t, sdp, {}, true)); });
    return *this;
  }
  Ringing& up(const std::string& sdp = {}) {
    now([&](TimePoint t) { CHECK_FALSE(bob.ua().accept(at_bob, sdp, t)); });
    CHECK(bob.count<CallConfirmed>() == 1);
    return *this;
  }
  template <class F>
  void now(F f) {
    network.now(f);
    network.run(milliseconds(1));
  }
  std::error_code update(Phone& phone, const std::string& sdp) {
    std::error_code error;
    now([&](TimePoint t) {
      error = phone.ua().update(&phone == &alice ? at_alice : at_bob, sdp, t);
    });
    return error;
  }
  void must_end() {
    now([&](TimePoint t) { alice.ua().hang_up(at_alice, t); });
    CHECK(network.run_to_rest(network.time() + seconds(200)));
    for (Phone* phone : {&alice, &bob}) {
      CHECK(phone->count<CallEnded>() == 1);
      phone->must_be_empty();
    }
  }

  Network network;
  Phone alice, bob;
  CallId at_alice, at_bob;
};

/// A peer that we write, in a call with Bob.
struct Written {
  explicit Written(bool confirmed = true)
      : bob(network, "bob", "192.0.2.2"), peer(network, "peer", "192.0.2.9") {
    invite = peer.request("INVITE", bob);
    if (confirmed) bob.user = answers;
    peer.send(invite, bob.where);
    if (!confirmed) return;
    answer = peer.last("200 INVITE").message;
    peer.send(peer.within(invite, answer.view(), "ACK", 1), bob.where);
    bob.user = nullptr;
  }
  Letter within(const std::string& method, int cseq, const std::string& sdp = {}) {
    Letter out = peer.within(invite, answer.view(), method, cseq);
    if (!sdp.empty()) out.with("application/sdp", sdp);
    return out;
  }
  MessageView send(const Letter& letter) {
    peer.send(letter, bob.where);
    return peer.answer_to(letter);
  }
  CallId call() { return bob.last<CallArrived>().call; }

  Network network;
  Phone bob;
  Stranger peer;
  Letter invite;
  Message answer;
};

bool soon(const MessageView& refusal) {
  const auto after = refusal.get(hdr::retry_after);
  return refusal.status() == 500 && after && after->number <= 10;
}

}  // namespace

TEST_CASE("either side changes a call that rings, and one that is up, by UPDATE") {
  Ringing t;
  t.rings();
  bool early = true;
  SECTION("ringing") {}
  SECTION("up") {
    t.up();
    early = false;
  }
  for (Phone* phone : {&t.alice, &t.bob}) {
    Phone& other = phone == &t.alice ? t.bob : t.alice;
    CHECK_FALSE(t.update(*phone, kOffer));
    CHECK(other.last<OfferReceived>().request->body() == kOffer);
    CHECK(t.update(*phone, kOffer) == Errc::wrong_state);  // one at a time
    CHECK(t.update(other, kOffer) == Errc::wrong_state);   // and only behind the answer
    t.now([&](TimePoint at) {
      const CallId call = other.last<OfferReceived>().call;
      CHECK(other.ua().accept_offer(call, {}, at) == Errc::wrong_state);
      CHECK_FALSE(other.ua().accept_offer(call, kAnswer, at));
      CHECK(other.ua().accept_offer(call, kAnswer, at) == Errc::wrong_state);
    });
    CHECK(phone->last<UpdateCompleted>().status == 200);
    CHECK(phone->last<UpdateCompleted>().response->body() == kAnswer);
  }
  // Without an offer it tells where we are, and is answered by itself.
  CHECK_FALSE(t.update(t.alice, {}));
  CHECK(t.bob.count<OfferReceived>() == 1);
  CHECK(t.alice.count<UpdateCompleted>() == 2);
  if (early) t.up();
  t.must_end();
}

TEST_CASE("a refused UPDATE leaves the session as it was, and another may follow") {
  Ringing t;
  t.rings().up();
  CHECK_FALSE(t.update(t.bob, kOffer));
  t.now([&](TimePoint at) { CHECK_FALSE(t.alice.ua().reject_offer(t.at_alice, 488, at)); });
  CHECK(t.bob.last<UpdateCompleted>().status == 488);
  CHECK_FALSE(t.update(t.bob, kOffer));
  t.now([&](TimePoint at) { CHECK_FALSE(t.alice.ua().accept_offer(t.at_alice, kAnswer, at)); });
  CHECK(t.bob.last<UpdateCompleted>().status == 200);
  t.must_end();
}

TEST_CASE("before the dialog is known and the offer answered, no UPDATE may go") {
  // RFC 3311 section 5.1.
  Ringing t;
  CHECK(t.update(t.alice, {}) == Errc::wrong_state);
  CHECK(t.update(t.bob, {}) == Errc::wrong_state);
  t.rings("");
  CHECK(t.update(t.alice, kOffer) == Errc::wrong_state);  // ours of the INVITE is open
  CHECK(t.update(t.bob, kOffer) == Errc::wrong_state);
  CHECK_FALSE(t.update(t.bob, {}));
  CHECK(t.bob.count<UpdateCompleted>() == 1);
  t.up(kAnswer);
  CHECK_FALSE(t.update(t.alice, kOffer));
  t.must_end();
}

TEST_CASE("UPDATE moves the remote target") {
  Written t;
  Letter move = t.within("UPDATE", 2);
  move.set("Contact", "<sip:stranger@192.0.2.9;moved>");
  const MessageView ok = t.send(move);
  CHECK(ok.status() == 200);
  CHECK(ok.has(HeaderId::contact));
  t.network.now([&](TimePoint now) { CHECK(t.bob.ua().request(t.call(), "INFO", {}, {}, now)); });
  t.network.run(milliseconds(1));
  CHECK(t.peer.last("INFO").message->uri_text() == "sip:stranger@192.0.2.9;moved");
}

TEST_CASE("offers that cross get 491 or 500, by whose is open") {
  // RFC 3311 section 5.2, RFC 6337 section 2.2.
  Written t;
  SECTION("an UPDATE and an INVITE while one of theirs waits") {
    t.peer.send(t.within("UPDATE", 2, kOffer), t.bob.where);
    CHECK(soon(t.send(t.within("UPDATE", 3, kOffer))));
    CHECK(soon(t.send(t.within("UPDATE", 4))));
    CHECK(soon(t.send(t.within("INVITE", 5, kOffer))));
    t.network.now([&](TimePoint now) {
      CHECK(t.bob.ua().reinvite(t.call(), kOffer, now) == Errc::wrong_state);
      CHECK_FALSE(t.bob.ua().accept_offer(t.call(), kAnswer, now));
    });
    t.network.run(milliseconds(1));
    CHECK(t.peer.last("200 UPDATE").message->cseq().number == 2);
    t.peer.send(t.within("UPDATE", 6, kOffer), t.bob.where);
    CHECK(t.bob.count<OfferReceived>() == 2);
  }
  SECTION("an UPDATE and an INVITE while our UPDATE is on its way") {
    t.network.now([&](TimePoint now) { CHECK_FALSE(t.bob.ua().update(t.call(), kOffer, now)); });
    t.network.run(milliseconds(1));
    CHECK(t.send(t.within("UPDATE", 2, kOffer)).status() == 491);
    CHECK(t.send(t.within("INVITE", 3, kOffer)).status() == 491);
    CHECK(t.send(t.within("UPDATE", 4)).status() == 200);
  }
  SECTION("an UPDATE while their INVITE waits, and while ours is on its way") {
    t.peer.send(t.within("INVITE", 2, kOffer), t.bob.where);
    CHECK(soon(t.send(t.within("UPDATE", 3, kOffer))));
    CHECK(t.send(t.within("UPDATE", 4)).status() == 200);
    t.network.now([&](TimePoint now) { t.bob.ua().reject(t.call(), 488, now); });
    t.network.run(milliseconds(1));
    t.network.now([&](TimePoint now) { CHECK_FALSE(t.bob.ua().reinvite(t.call(), kOffer, now)); });
    t.network.run(milliseconds(1));
    CHECK(t.send(t.within("UPDATE", 5, kOffer)).status() == 491);
  }
  CHECK(t.bob.ua().calls() == 1);
}

TEST_CASE("an UPDATE with an offer while the INVITE's is open gets 500, and does no harm") {
  Written t(false);
  t.network.now([&](TimePoint now) { t.bob.ua().ring(t.call(), 180, now); });
  t.network.run(milliseconds(1));
  t.answer = t.peer.last("180 INVITE").message;
  CHECK(soon(t.send(t.within("UPDATE", 2, kOffer))));
  t.network.now([&](TimePoint now) { CHECK_FALSE(t.bob.ua().accept(t.call(), kAnswer, now)); });
  t.network.run(milliseconds(1));
  CHECK(t.peer.last("200 INVITE").message->body() == kAnswer);
}

TEST_CASE("our UPDATE tries again behind 491, once, and tells a second one") {
  Written t;
  t.network.now([&](TimePoint now) { t.bob.ua().update(t.call(), kOffer, now); });
  t.network.run(milliseconds(1));
  const TimePoint refused = t.network.time();
  t.peer.reply(t.peer.last("UPDATE"), 491, {});
  CHECK(t.bob.ua().update(t.call(), kOffer, t.network.time()) == Errc::wrong_state);
  while (t.peer.count("UPDATE") < 2 && t.network.time() - refused < seconds(10))
    t.network.run(milliseconds(10));
  CHECK(t.network.time() - refused <= milliseconds(2020));  // a callee waits 2 s at most
  t.peer.reply(t.peer.last("UPDATE"), 491, {});
  CHECK(t.bob.last<UpdateCompleted>().status == 491);
  t.network.run(seconds(10));
  CHECK(t.peer.count("UPDATE") == 2);
  CHECK(t.bob.ua().calls() == 1);
}

TEST_CASE("481 and 408 to our UPDATE, and silence, end the call") {
  // RFC 3261 section 12.2.1.2.
  Written t;
  t.network.now([&](TimePoint now) { t.bob.ua().update(t.call(), {}, now); });
  t.network.run(milliseconds(1));
  int told = 0;
  SECTION("481") { t.peer.reply(t.peer.last("UPDATE"), told = 481, {}); }
  SECTION("408") { t.peer.reply(t.peer.last("UPDATE"), told = 408, {}); }
  SECTION("silence") { told = 408; }
  t.network.run(seconds(70));
  CHECK(t.bob.last<UpdateCompleted>().status == told);
  CHECK(t.peer.count("BYE") > 0);
  CHECK(t.bob.count<CallEnded>() == 1);
  t.network.run_to_rest();
  t.bob.must_be_empty();
}

TEST_CASE("an UPDATE that the application forgets is given up, and the call goes on") {
  Written t;
  t.peer.send(t.within("UPDATE", 2, kOffer), t.bob.where);
  t.network.run(seconds(200));
  CHECK(t.bob.ua().accept_offer(t.call(), kAnswer, t.network.time()) == Errc::wrong_state);
  t.network.now([&](TimePoint now) { CHECK_FALSE(t.bob.ua().update(t.call(), kOffer, now)); });
}

TEST_CASE("a BYE ends what waits for our application with 487") {
  Written t;
  t.peer.send(t.within("UPDATE", 2, kOffer), t.bob.where);
  CHECK(t.send(t.within("BYE", 3)).status() == 200);
  CHECK(t.peer.count("487 UPDATE") == 1);
  t.network.run_to_rest();
  CHECK(t.bob.count<CallEnded>() == 1);
  t.bob.must_be_empty();
}

TEST_CASE("hold and resume offer the last description anew, one version up") {
  const std::string ours =
      "v=0\r\no=- 7 4 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
      "m=audio 4000 RTP/AVP 0\r\nm=video 0 RTP/AVP 31\r\nm=audio 4002 RTP/AVP 0\r\na=recvonly\r\n";
  Ringing t(ours);
  t.rings().up();
  int refusal = 0;
  t.bob.user = [&](Phone& bob, const UserEvent& event, TimePoint now) {
    const auto* again = std::get_if<CallReinvited>(&event);
    if (again == nullptr) return;
    if (refusal != 0)
      bob.ua().reject(again->call, refusal, now);
    else
      bob.ua().accept(again->call, kAnswer, now);
  };
  const auto offered = [&] { return std::string(t.bob.last<CallReinvited>().request->body()); };
  const auto has = [&](const char* text) { return offered().find(text) != std::string::npos; };
  t.now([&](TimePoint at) { CHECK_FALSE(t.alice.ua().hold(t.at_alice, at)); });
  CHECK(has("o=- 7 5 IN"));
  CHECK(has("RTP/AVP 0\r\na=sendonly"));
  CHECK(has("m=video 0 RTP/AVP 31\r\nm=audio 4002 RTP/AVP 0\r\na=inactive"));
  // A refused one leaves us on hold, but has used its version.
  refusal = 488;
  t.now([&](TimePoint at) { CHECK_FALSE(t.alice.ua().resume(t.at_alice, at)); });
  CHECK(has("o=- 7 6 IN"));
  CHECK(t.alice.count<ReinviteFailed>() == 1);
  refusal = 0;
  t.now([&](TimePoint at) { CHECK_FALSE(t.alice.ua().resume(t.at_alice, at)); });
  CHECK(has("o=- 7 7 IN"));
  CHECK(has("RTP/AVP 0\r\na=sendrecv"));
  CHECK(has("4002 RTP/AVP 0\r\na=recvonly"));
  CHECK(t.alice.count<CallAnswered>() == 3);
  t.must_end();
}

TEST_CASE("a refusal may say when to come again, and why") {
  // RFC 3261 sections 20.33 and 20.43.
  Written t(false);
  t.network.now([&](TimePoint now) {
    t.bob.ua().reject(t.call(), 488, now, {},
                      {{"Retry-After", "120 (lunch)"}, {"Warning", "305 bob \"no such codec\""}});
  });
  t.network.run(milliseconds(1));
  const MessageView refusal = t.peer.last("488 INVITE").message.view();
  CHECK(refusal.raw(HeaderId::retry_after) == "120 (lunch)");
  CHECK(refusal.raw(HeaderId::warning) == "305 bob \"no such codec\"");
}
