// SPDX-License-Identifier: Apache-2.0
// Reliable provisional responses and their PRACKs, both sides. RFC 3262; RFC 6337 section 2 for what they carry.
#include "phones.hpp"

using namespace sipstack;
using namespace sipstack::testing;

namespace {

CoreOptions with(ExtensionUse use) {
  CoreOptions options;
  options.user_agent.reliable = use;
  return options;
}

struct Two {
  Two() : alice(network, "alice", "192.0.2.1"), bob(network, "bob", "192.0.2.2") {}
  void call(const std::string& body = kOffer, bool by_application = false) {
    CallOptions options = call_to(bob.uri());
    options.body = body;
    options.prack_by_application = by_application;
    network.now([&](TimePoint now) { at_alice = *alice.ua().invite(options, now); });
    network.run(milliseconds(1));
  }
  CallId at_bob() { return bob.last<CallArrived>().call; }
  template <class F>
  void now(F f) {
    network.now(f);
    network.run(milliseconds(1));
  }
  std::string ladder() const { return "\n" + network.ladder().text_without_times(); }
  void must_end() {
    now([&](TimePoint t) { alice.ua().hang_up(at_alice, t); });
    CHECK(network.run_to_rest(network.time() + seconds(200)));
    CHECK(alice.count<CallEnded>() == 1);
    CHECK(bob.count<CallEnded>() == 1);
    alice.must_be_empty();
    bob.must_be_empty();
  }

  Network network;
  Phone alice, bob;
  CallId at_alice;
};

/// A caller that we write, and the callee that we test.
struct Callee {
  explicit Callee(const CoreOptions& options = {})
      : bob(network, "bob", "192.0.2.2", options), peer(network, "peer", "192.0.2.9") {}
  Letter invite(const std::string& header = "Supported", const std::string& tags = "100rel") {
    Letter out = peer.request("INVITE", bob);
    if (!header.empty()) out.add(header, tags);
    return out;
  }
  std::error_code ring(int status = 180, const std::string& sdp = {}, bool reliable = true) {
    std::error_code error;
    network.now([&](TimePoint now) {
      error = bob.ua().ring(bob.last<CallArrived>().call, status, now, sdp, {}, reliable);
    });
    network.run(milliseconds(1));
    return error;
  }
  std::uint32_t rseq() { return peer.last("180 INVITE").message->get(hdr::rseq)->number; }
  int prack(const Letter& made, const std::string& rack, int cseq, const std::string& sdp = {}) {
    Letter out = peer.within(made, peer.last("180 INVITE").message.view(), "PRACK", cseq);
    if (!rack.empty()) out.add("RAck", rack);
    if (!sdp.empty()) out.with("application/sdp", sdp);
    peer.send(out, bob.where);
    return peer.answer_to(out).status();
  }

  Network network;
  Phone bob;
  Stranger peer;
};

}  // namespace

TEST_CASE("a callee rings reliably and hears of the PRACK") {
  Two t;
  t.call();
  t.now([&](TimePoint now) { CHECK_FALSE(t.bob.ua().ring(t.at_bob(), 180, now, {}, {}, true)); });
  CHECK(t.bob.count<ProvisionalAcknowledged>() == 1);
  t.now([&](TimePoint now) { CHECK_FALSE(t.bob.ua().accept(t.at_bob(), kAnswer, now)); });
  CHECK(t.ladder() == R"(
alice                   bob
|--INVITE-------------->|
|<-180 INVITE-----------|
|--PRACK--------------->|
|<-200 PRACK------------|
|<-200 INVITE-----------|
|--ACK----------------->|
)");
  CHECK(t.alice.last<CallAnswered>().response->body() == kAnswer);
  t.must_end();
}

TEST_CASE("a 2xx waits for the PRACK of a description, whatever is lost meanwhile") {
  // RFC 3262 section 3. The answer is in the 183 and not repeated.
  Two t;
  int lost = 0;
  t.network.drop([&](const Packet& p) {
    return (p.label() == "183 INVITE" && ++lost == 1) || (p.label() == "PRACK" && ++lost == 3) ||
           (p.label() == "200 PRACK" && ++lost == 5);
  });
  t.bob.user = [](Phone& bob, const UserEvent& event, TimePoint now) {
    if (const auto* call = std::get_if<CallArrived>(&event)) {
      CHECK_FALSE(bob.ua().ring(call->call, 183, now, kAnswer, {}, true));
      CHECK_FALSE(bob.ua().accept(call->call, kAnswer, now));
      CHECK(bob.ua().accept(call->call, kAnswer, now) == Errc::wrong_state);
      CHECK(bob.ua().ring(call->call, 180, now) == Errc::wrong_state);
    }
  };
  t.call();
  t.network.run(seconds(5));
  CHECK(t.alice.count<CallProgress>() == 1);
  CHECK(t.alice.last<CallProgress>().response->body() == kAnswer);
  CHECK(t.alice.last<CallAnswered>().response->body().empty());
  CHECK(t.bob.count<CallConfirmed>() == 1);
  CHECK(lost >= 3);
  t.must_end();
}

TEST_CASE("a reliable 180 is sent at T1, doubled, and ends in 504 where no PRACK comes") {
  Callee t;
  const Letter invite = t.invite();
  t.peer.send(invite, t.bob.where);
  const TimePoint begin = t.network.time();
  t.ring();
  t.network.run(seconds(40));
  std::vector<long long> at;
  for (const auto& heard : t.peer.all)
    if (heard.message->status() == 180)
      at.push_back(std::chrono::duration_cast<milliseconds>(heard.at - begin).count());
  CHECK(at == std::vector<long long>{0, 500, 1500, 3500, 7500, 15500, 31500});
  for (const auto& heard : t.peer.all)
    if (heard.message->status() == 504) {
      CHECK(heard.at - begin == seconds(32));
      break;
    }
  CHECK(t.bob.last<CallEnded>().cause == CallEnded::Cause::not_acknowledged);
  CHECK(t.bob.last<CallEnded>().status == 504);
  t.network.run_to_rest();
  t.bob.must_be_empty();
}

TEST_CASE("a PRACK must name what it acknowledges, and only once") {
  Callee t;
  const Letter invite = t.invite();
  t.peer.send(invite, t.bob.where);
  t.ring();
  const std::string n = std::to_string(t.rseq());
  CHECK(t.prack(invite, "", 2) == 400);
  CHECK(t.prack(invite, std::to_string(t.rseq() + 1) + " 1 INVITE", 3) == 481);
  CHECK(t.prack(invite, n + " 2 INVITE", 4) == 481);
  CHECK(t.prack(invite, n + " 1 OPTIONS", 5) == 481);
  CHECK(t.bob.count<ProvisionalAcknowledged>() == 0);
  CHECK(t.prack(invite, n + " 1 INVITE", 5) == 200);
  CHECK(t.prack(invite, n + " 1 INVITE", 6) == 481);
  CHECK(t.prack(invite, n + " 1 INVITE", 4) == 500);  // behind the times (RFC 3261 section 12.2.2)
  CHECK(t.bob.count<ProvisionalAcknowledged>() == 1);
}

TEST_CASE("a PRACK behind the final response still gets its 200, and nothing is sent again") {
  Callee t;
  const Letter invite = t.invite();
  t.peer.send(invite, t.bob.where);
  t.ring();
  const std::string rack = std::to_string(t.rseq()) + " 1 INVITE";
  // Without a description the 2xx need not wait.
  t.network.now(
      [&](TimePoint now) { t.bob.ua().accept(t.bob.last<CallArrived>().call, kAnswer, now); });
  t.network.run(milliseconds(1));
  CHECK(t.peer.count("200 INVITE") == 1);
  t.peer.send(t.peer.within(invite, t.peer.last("200 INVITE").message.view(), "ACK", 1),
              t.bob.where);
  t.network.run(seconds(10));
  CHECK(t.peer.count("180 INVITE") == 1);
  CHECK(t.prack(invite, rack, 2) == 200);
}

TEST_CASE("reliable provisionals go one after the other, their numbers one apart") {
  CoreOptions options;
  options.user_agent.max_queued_provisionals = 2;
  Callee t(options);
  const Letter invite = t.invite();
  t.peer.send(invite, t.bob.where);
  CHECK_FALSE(t.ring());
  CHECK_FALSE(t.ring());
  CHECK_FALSE(t.ring());
  CHECK(t.ring() == Errc::wrong_state);  // the queue is full
  CHECK(t.peer.count("180 INVITE") == 1);
  const std::uint32_t first = t.rseq();
  CHECK(first >= 1);
  CHECK(first <= 0x7fffffff);
  for (std::uint32_t i = 0; i < 3; ++i) {
    const auto& heard = t.peer.last("180 INVITE");
    CHECK(heard.message->get(hdr::rseq)->number == first + i);
    CHECK(t.prack(invite, std::to_string(first + i) + " 1 INVITE", static_cast<int>(2 + i)) == 200);
  }
  CHECK(t.peer.count("180 INVITE") == 3);
}

TEST_CASE("who says what about 100rel decides how a call rings") {
  const auto reliable = [](const CoreOptions& options, const std::string& header, bool asked) {
    Callee t(options);
    t.peer.send(t.invite(header), t.bob.where);
    t.ring(180, {}, asked);
    return t.peer.last("180 INVITE").message->has(HeaderId::rseq);
  };
  CHECK(reliable(with(ExtensionUse::supported), "Require", false));
  CHECK(reliable(with(ExtensionUse::supported), "Supported", true));
  CHECK_FALSE(reliable(with(ExtensionUse::supported), "Supported", false));
  CHECK_FALSE(reliable(with(ExtensionUse::supported), "", true));
  CHECK(reliable(with(ExtensionUse::required), "Supported", false));
  CHECK_FALSE(reliable(with(ExtensionUse::off), "Supported", true));

  Callee off(with(ExtensionUse::off));
  const Letter demands = off.invite("Require");
  off.peer.send(demands, off.bob.where);
  CHECK(off.peer.answer_to(demands).status() == 420);
  CHECK(off.peer.answer_to(demands).raw(HeaderId::unsupported) == "100rel");
  Callee required(with(ExtensionUse::required));
  const Letter plain = required.invite("");
  required.peer.send(plain, required.bob.where);
  CHECK(required.peer.answer_to(plain).status() == 421);
  CHECK(required.peer.answer_to(plain).raw(HeaderId::require) == "100rel");
  CHECK(required.bob.count<CallArrived>() == 0);

  Callee t;
  t.peer.send(t.invite("Require"), t.bob.where);
  CHECK(t.ring(100) == Errc::wrong_state);  // never reliably, and not for the application to send
}

TEST_CASE("a caller says by its options what it thinks of 100rel") {
  Network network;
  Phone alice(network, "alice", "192.0.2.1");
  Stranger peer(network, "peer", "192.0.2.9");
  const auto lines = [&](ExtensionUse use) {
    auto options = call_to("sip:p@" + peer.where.to_string());
    options.reliable = use;
    network.now([&](TimePoint now) { REQUIRE(alice.ua().invite(options, now)); });
    network.run(milliseconds(1));
    const MessageView m = peer.last("INVITE").message.view();
    return std::string(m.raw(HeaderId::supported).value_or("")) + "|" +
           std::string(m.raw(HeaderId::require).value_or(""));
  };
  CHECK(lines(ExtensionUse::off) == "timer, replaces|");
  CHECK(lines(ExtensionUse::supported) == "100rel, timer, replaces|");
  CHECK(lines(ExtensionUse::required) == "100rel, timer, replaces|100rel");
}

namespace {

/// The caller that we test, and callees that we write.
struct Caller {
  Caller() : alice(network, "alice", "192.0.2.1"), peer(network, "peer", "192.0.2.9") {}
  void call(const std::string& body = kOffer) {
    auto options = call_to("sip:p@" + peer.where.to_string());
    options.body = body;
    options.credentials = {{"u", "p", ""}};
    network.now([&](TimePoint now) { id = *alice.ua().invite(options, now); });
    network.run(milliseconds(1));
    invite = peer.last("INVITE");
  }
  void says(int status, const std::string& tag, int rseq, const std::string& sdp = {}) {
    Letter extra;
    extra.add("Require", "100rel").add("RSeq", std::to_string(rseq));
    extra.add("Contact", "<sip:" + tag + "@192.0.2.9>");
    if (!sdp.empty()) extra.with("application/sdp", sdp);
    peer.reply(invite, status, tag, extra);
  }
  std::string rack() { return std::string(*peer.last("PRACK").message->raw(HeaderId::rack)); }

  Network network;
  Phone alice;
  Stranger peer;
  CallId id;
  Stranger::Heard invite;
};

}  // namespace

TEST_CASE("a caller acknowledges in order, each fork on its own, and drops copies and gaps") {
  Caller t;
  t.call();
  t.says(180, "one", 7);
  CHECK(t.rack() == "7 1 INVITE");
  t.says(180, "one", 7);
  t.says(183, "one", 9);
  CHECK(t.peer.count("PRACK") == 1);
  CHECK(t.alice.count<CallProgress>() == 1);
  t.says(183, "two", 100, kAnswer);  // early media of another fork
  CHECK(t.rack() == "100 1 INVITE");
  CHECK(t.alice.last<CallProgress>().response->to_tag() == "two");
  t.says(183, "one", 8, kAnswer);
  CHECK(t.rack() == "8 1 INVITE");
  CHECK(t.peer.last("PRACK").message->uri_text() == "sip:one@192.0.2.9");
  CHECK(t.alice.count<CallProgress>() == 3);
  // Without Require it is no reliable one, whatever RSeq says.
  t.peer.reply(t.invite, 180, "one", Letter().add("RSeq", "9"));
  CHECK(t.peer.count("PRACK") == 3);
  CHECK(t.alice.count<CallProgress>() == 4);
}

TEST_CASE("an offer in a reliable provisional is answered in its PRACK") {
  Caller t;
  t.call("");
  t.says(183, "one", 1, kOffer);
  CHECK(t.peer.count("PRACK") == 0);
  t.network.now([&](TimePoint now) {
    CHECK(t.alice.ua().acknowledge(t.id, {}, now) == Errc::wrong_state);
    CHECK_FALSE(t.alice.ua().acknowledge(t.id, kAnswer, now));
    CHECK(t.alice.ua().acknowledge(t.id, kAnswer, now) == Errc::wrong_state);
  });
  t.network.run(milliseconds(1));
  CHECK(t.peer.last("PRACK").message->body() == kAnswer);
  t.peer.reply(t.peer.last("PRACK"), 200, "one");
  // What the 2xx says once more is no offer (RFC 6337 section 3.1): it is acknowledged at once.
  t.peer.answer(t.invite, "one", Letter().with("application/sdp", kOffer));
  CHECK(t.peer.count("ACK") == 1);
  CHECK(t.peer.last("ACK").message->body().empty());
  CHECK(t.alice.count<CallAnswered>() == 1);
}

TEST_CASE("a PRACK may make an offer, which the callee's application answers") {
  Two t;
  bool refuse = false;
  SECTION("accepted") {}
  SECTION("refused") { refuse = true; }
  t.call(kOffer, true);
  t.now([&](TimePoint now) { t.bob.ua().ring(t.at_bob(), 183, now, kAnswer, {}, true); });
  CHECK(t.bob.count<ProvisionalAcknowledged>() == 0);
  t.now([&](TimePoint now) { CHECK_FALSE(t.alice.ua().acknowledge(t.at_alice, kOffer, now)); });
  REQUIRE(t.bob.count<OfferReceived>() == 1);
  CHECK(t.bob.count<ProvisionalAcknowledged>() == 1);
  t.now([&](TimePoint now) {
    // The 2xx waits for that answer, too.
    CHECK_FALSE(t.bob.ua().accept(t.at_bob(), {}, now));
    CHECK(t.alice.count<CallAnswered>() == 0);
    if (refuse)
      CHECK_FALSE(t.bob.ua().reject_offer(t.at_bob(), 488, now));
    else
      CHECK_FALSE(t.bob.ua().accept_offer(t.at_bob(), kAnswer, now));
  });
  CHECK(t.alice.last<UpdateCompleted>().status == (refuse ? 488 : 200));
  CHECK(t.alice.last<UpdateCompleted>().response->body() == (refuse ? "" : kAnswer));
  CHECK(t.alice.count<CallAnswered>() == 1);
  t.must_end();
}

TEST_CASE("an offer of the callee in its reliable provisional has its answer with the PRACK") {
  Two t;
  t.alice.user = [](Phone& alice, const UserEvent& event, TimePoint now) {
    if (const auto* p = std::get_if<CallProgress>(&event); p && !p->response->body().empty())
      CHECK_FALSE(alice.ua().acknowledge(p->call, kAnswer, now));
  };
  t.call("");
  t.now([&](TimePoint now) {
    t.bob.ua().ring(t.at_bob(), 183, now, kOffer, {}, true);
    CHECK_FALSE(t.bob.ua().accept(t.at_bob(), kOffer, now));
  });
  CHECK(t.bob.last<ProvisionalAcknowledged>().prack->body() == kAnswer);
  CHECK(t.alice.last<CallAnswered>().response->body().empty());
  t.must_end();
}

TEST_CASE("a challenged PRACK goes again with credentials, for the same provisional") {
  Caller t;
  t.call();
  t.says(180, "one", 5);
  const auto first = t.peer.last("PRACK");
  t.peer.reply(first, 407, "one",
               Letter().add("Proxy-Authenticate", "Digest realm=\"r\", nonce=\"n\""));
  REQUIRE(t.peer.count("PRACK") == 2);
  const auto again = t.peer.last("PRACK");
  CHECK(again.message->has(HeaderId::proxy_authorization));
  CHECK(again.message->raw(HeaderId::rack) == "5 1 INVITE");
  CHECK(again.message->cseq().number == first.message->cseq().number + 1);
}

TEST_CASE("a call that rings for long says so every minute, reliably every two and a half") {
  CoreOptions options;
  options.user_agent.max_ring = seconds(500);
  for (const bool reliable : {false, true}) {
    Callee t(options);
    const Letter invite = t.invite();
    t.peer.send(invite, t.bob.where);
    const TimePoint begin = t.network.time();
    t.ring(180, {}, reliable);
    if (reliable) CHECK(t.prack(invite, std::to_string(t.rseq()) + " 1 INVITE", 2) == 200);
    t.network.run_until(begin + seconds(155));
    // The new reliable one has had no PRACK: at 150, 150.5, 151.5 and 153.5 s.
    CHECK(t.peer.count("180 INVITE") == (reliable ? 5 : 3));
    const Duration last = t.peer.last("180 INVITE").at - begin;
    CHECK(last == (reliable ? Duration(milliseconds(153'500)) : Duration(seconds(120))));
  }
}

TEST_CASE("CANCEL ends what waits for a PRACK") {
  // Hardening A52.
  Two t;
  t.network.drop([](const Packet& p) { return p.label() == "PRACK"; });
  t.call();
  t.now([&](TimePoint now) {
    t.bob.ua().ring(t.at_bob(), 183, now, kAnswer, {}, true);
    t.bob.ua().accept(t.at_bob(), kAnswer, now);
  });
  t.now([&](TimePoint now) { t.alice.ua().hang_up(t.at_alice, now); });
  CHECK(t.bob.last<CallEnded>().cause == CallEnded::Cause::cancelled);
  t.network.run_to_rest();
  CHECK(t.network.ladder().text().find("504") == std::string::npos);
  t.alice.must_be_empty();
  t.bob.must_be_empty();
}
