// SPDX-License-Identifier: Apache-2.0
// re-INVITE both ways, and glare. RFC 3261 section 14, RFC 5407 sections 3.1.4, 3.1.5, 3.3.1 and 3.2.3.
#include "phones.hpp"

using namespace sipstack;
using namespace sipstack::testing;

namespace {

struct Standing {
  explicit Standing(const NetworkOptions& options = {})
      : network(options), alice(network, "alice", "192.0.2.1"), bob(network, "bob", "192.0.2.2") {
    alice.user = bob.user = answers;
    network.now([this](TimePoint now) { at_alice = *alice.ua().invite(call_to(bob.uri()), now); });
    network.run(seconds(1));
    REQUIRE(bob.count<CallConfirmed>() == 1);
    at_bob = bob.last<CallArrived>().call;
  }
  void must_end() {
    network.now([this](TimePoint now) { alice.ua().hang_up(at_alice, now); });
    CHECK(network.run_to_rest(network.time() + seconds(200)));
    alice.must_be_empty();
    bob.must_be_empty();
  }

  Network network;
  Phone alice, bob;
  CallId at_alice, at_bob;
};

}  // namespace

TEST_CASE("either side can change the session by re-INVITE") {
  Standing t;
  t.network.now(
      [&](TimePoint now) { CHECK_FALSE(t.alice.ua().reinvite(t.at_alice, kOffer, now)); });
  t.network.run(milliseconds(10));
  CHECK(t.alice.last<CallAnswered>().reinvite);
  CHECK(t.bob.last<CallReinvited>().request->body() == kOffer);
  CHECK(t.bob.count<CallConfirmed>() == 2);
  t.network.now([&](TimePoint now) { CHECK_FALSE(t.bob.ua().reinvite(t.at_bob, kOffer, now)); });
  t.network.run(milliseconds(10));
  CHECK(t.bob.last<CallAnswered>().reinvite);
  CHECK(t.alice.count<CallConfirmed>() == 1);
  t.must_end();
}

TEST_CASE("a re-INVITE without an offer takes one and answers in the ACK") {
  Standing t;
  t.network.now([&](TimePoint now) { t.bob.ua().reinvite(t.at_bob, {}, now); });
  t.network.run(milliseconds(10));
  CHECK(t.bob.ua().reinvite(t.at_bob, kOffer, t.network.time()) == Errc::wrong_state);
  t.network.now(
      [&](TimePoint now) { CHECK_FALSE(t.bob.ua().acknowledge(t.at_bob, kAnswer, now)); });
  t.network.run(milliseconds(10));
  CHECK(t.alice.last<CallConfirmed>().ack->body() == kAnswer);
  t.must_end();
}

TEST_CASE("a refused re-INVITE leaves the call as it was") {
  Standing t;
  t.bob.user = [](Phone& bob, const UserEvent& event, TimePoint now) {
    if (const auto* again = std::get_if<CallReinvited>(&event))
      CHECK_FALSE(bob.ua().reject(again->call, 488, now));
  };
  t.network.now([&](TimePoint now) { t.alice.ua().reinvite(t.at_alice, kOffer, now); });
  t.network.run(milliseconds(10));
  CHECK(t.alice.last<ReinviteFailed>().status == 488);
  CHECK(t.alice.last<ReinviteFailed>().response->status() == 488);
  CHECK(t.alice.ua().calls() == 1);
  CHECK(t.bob.ua().calls() == 1);
  t.must_end();
}

TEST_CASE("re-INVITEs that cross are both 491 and tried again, the callee's first") {
  NetworkOptions slow;
  slow.delay_min = slow.delay_max = milliseconds(20);
  Standing t(slow);
  const TimePoint begin = t.network.time();
  t.network.now([&](TimePoint now) {
    t.alice.ua().reinvite(t.at_alice, "v=0\r\ns=a\r\n", now);
    t.bob.ua().reinvite(t.at_bob, "v=0\r\ns=b\r\n", now);
  });
  t.network.run(seconds(10));
  std::vector<std::pair<std::string, Duration>> invites;
  std::size_t refused = 0;
  for (const auto& arrow : t.network.ladder().arrows()) {
    if (arrow.at < begin) continue;
    refused += arrow.label == "491 INVITE";
    if (arrow.label == "INVITE")
      invites.emplace_back(arrow.from == 0 ? "alice" : "bob", arrow.at - begin);
  }
  CHECK(refused == 2);
  REQUIRE(invites.size() == 4);
  CHECK(invites[2].first == "bob");
  CHECK(invites[2].second <= milliseconds(2100));
  CHECK(invites[3].first == "alice");
  CHECK(invites[3].second >= milliseconds(2100));
  CHECK(invites[3].second <= milliseconds(4100));
  CHECK(t.alice.last<CallAnswered>().reinvite);
  CHECK(t.bob.last<CallAnswered>().reinvite);
  CHECK(t.alice.count<ReinviteFailed>() + t.bob.count<ReinviteFailed>() == 0);
  t.must_end();
}

TEST_CASE("a second 491 is the end of a re-INVITE but not of the call") {
  Standing t;
  t.bob.user = [](Phone& bob, const UserEvent& event, TimePoint now) {
    if (const auto* again = std::get_if<CallReinvited>(&event))
      bob.ua().reject(again->call, 491, now);
  };
  t.network.now([&](TimePoint now) { t.alice.ua().reinvite(t.at_alice, kOffer, now); });
  t.network.run(seconds(10));
  CHECK(t.bob.count<CallReinvited>() == 2);
  CHECK(t.alice.count<ReinviteFailed>() == 1);
  CHECK(t.alice.last<ReinviteFailed>().status == 491);
  t.must_end();
}

TEST_CASE("a re-INVITE that nobody answers ends the call with BYE") {
  // RFC 3261 section 14.1.
  Standing t;
  t.network.part("alice", "bob");
  t.network.now([&](TimePoint now) { t.alice.ua().reinvite(t.at_alice, kOffer, now); });
  t.network.run(seconds(33));
  CHECK(t.alice.last<ReinviteFailed>().status == 408);
  t.network.heal();
  t.network.run(seconds(4));
  CHECK(t.alice.last<CallEnded>().cause == CallEnded::Cause::timeout);
  CHECK(t.bob.last<CallEnded>().cause == CallEnded::Cause::remote_bye);
  t.must_end();
}

TEST_CASE("BYE while the peer's re-INVITE waits answers that with 487") {
  Standing t;
  t.bob.user = nullptr;
  t.network.now([&](TimePoint now) { t.alice.ua().reinvite(t.at_alice, kOffer, now); });
  t.network.run(milliseconds(10));
  const auto before = t.network.ladder().arrows().size();
  t.network.now([&](TimePoint now) { t.alice.ua().hang_up(t.at_alice, now); });
  t.network.run(milliseconds(10));
  std::vector<std::string> labels;
  for (auto i = before; i < t.network.ladder().arrows().size(); ++i)
    labels.push_back(t.network.ladder().arrows()[i].label);
  CHECK(labels == std::vector<std::string>{"BYE", "200 BYE", "487 INVITE", "ACK"});
  t.must_end();
}

TEST_CASE("a re-INVITE before the ACK proves the 200 and is served") {
  // RFC 5407 section 3.1.4.
  Network network;
  Phone alice(network, "alice", "192.0.2.1"), bob(network, "bob", "192.0.2.2");
  bob.user = answers;
  network.drop([](const Packet& p) { return p.number <= 5 && p.label() == "ACK"; });
  CallId call;
  network.now([&](TimePoint now) { call = *alice.ua().invite(call_to(bob.uri()), now); });
  network.run(milliseconds(10));
  CHECK(bob.count<CallConfirmed>() == 0);
  network.now([&](TimePoint now) { CHECK_FALSE(alice.ua().reinvite(call, kOffer, now)); });
  network.run(milliseconds(10));
  CHECK(alice.last<CallAnswered>().reinvite);
  CHECK(bob.count<CallConfirmed>() == 2);
  network.run(seconds(40));
  CHECK(bob.count<CallEnded>() == 0);
  network.now([&](TimePoint now) { alice.ua().hang_up(call, now); });
  CHECK(network.run_to_rest(network.time() + seconds(100)));
  alice.must_be_empty();
  bob.must_be_empty();
}

TEST_CASE("a re-INVITE while our 200's offer has no answer yet is 491") {
  // RFC 5407 section 3.1.5.
  Network network;
  Phone bob(network, "bob", "192.0.2.2");
  Stranger stranger(network, "stranger", "192.0.2.9");
  bob.user = answers;
  Letter invite = stranger.request("INVITE", bob);
  invite.remove("Content-Type").body.clear();
  stranger.send(invite, bob.where);
  const auto& ok = stranger.last("200 INVITE").message;
  Letter again = stranger.within(invite, ok.view(), "INVITE", 2).with("application/sdp", kOffer);
  stranger.send(again, bob.where);
  CHECK(stranger.answer_to(again).status() == 491);
}

TEST_CASE("an INVITE in a dialog whose INVITE is unanswered is 500 with Retry-After") {
  // RFC 3261 section 14.2.
  Network network;
  Phone bob(network, "bob", "192.0.2.2");
  Stranger stranger(network, "stranger", "192.0.2.9");
  bob.user = [](Phone& phone, const UserEvent& event, TimePoint now) {
    if (const auto* call = std::get_if<CallArrived>(&event)) phone.ua().ring(call->call, 180, now);
  };
  const Letter invite = stranger.request("INVITE", bob);
  stranger.send(invite, bob.where);
  const Message ringing = stranger.last("180 INVITE").message;
  const Letter again =
      stranger.within(invite, ringing.view(), "INVITE", 2).with("application/sdp", kOffer);
  stranger.send(again, bob.where);
  CHECK(stranger.answer_to(again).status() == 500);
  const auto wait = stranger.answer_to(again).get(hdr::retry_after);
  REQUIRE(wait);
  CHECK(wait->number <= 10);
  CHECK(bob.count<CallReinvited>() == 0);
}

TEST_CASE("a re-INVITE that meets our pending one is 491") {
  Network network;
  Phone alice(network, "alice", "192.0.2.1");
  Stranger stranger(network, "stranger", "192.0.2.9");
  CallId call;
  network.now([&](TimePoint now) {
    call = *alice.ua().invite(call_to("sip:s@" + stranger.where.to_string()), now);
  });
  network.run(milliseconds(1));
  const Stranger::Heard invite = stranger.last("INVITE");
  stranger.answer(invite, "st");
  network.now([&](TimePoint now) { alice.ua().reinvite(call, kOffer, now); });
  network.run(milliseconds(1));
  const Stranger::Heard ours = stranger.last("INVITE");
  REQUIRE_FALSE(ours.message->to_tag().empty());

  Letter theirs = stranger.request("INVITE", alice);
  theirs.set("From", std::string(*ours.message->raw(HeaderId::to)));
  theirs.set("To", std::string(*ours.message->raw(HeaderId::from)));
  theirs.set("Call-ID", std::string(ours.message->call_id()));
  stranger.send(theirs, alice.where);
  CHECK(stranger.answer_to(theirs).status() == 491);
  stranger.answer(ours, "st");
  CHECK(alice.last<CallAnswered>().reinvite);
  CHECK(stranger.last("ACK").message->cseq().number == ours.message->cseq().number);
}

TEST_CASE("an accepted re-INVITE moves the remote target, a refused one does not") {
  // RFC 3261 section 12.2.2, RFC 6141 section 4.9.
  Network network;
  Phone bob(network, "bob", "192.0.2.2");
  Stranger stranger(network, "stranger", "192.0.2.9"), moved(network, "moved", "192.0.2.10");
  bool refuse = true;
  bob.user = [&](Phone& phone, const UserEvent& event, TimePoint now) {
    const auto* again = std::get_if<CallReinvited>(&event);
    if (again != nullptr && refuse)
      phone.ua().reject(again->call, 488, now);
    else
      answers(phone, event, now);
  };
  const Letter invite = stranger.request("INVITE", bob);
  stranger.send(invite, bob.where);
  const Message ok = stranger.last("200 INVITE").message;
  stranger.send(stranger.within(invite, ok.view(), "ACK", 1), bob.where);
  const CallId call = bob.last<CallArrived>().call;
  const auto move = [&](int cseq) {
    Letter again =
        stranger.within(invite, ok.view(), "INVITE", cseq).with("application/sdp", kOffer);
    again.set("Contact", "<sip:moved@192.0.2.10;z=1>");
    stranger.send(again, bob.where);
    stranger.send(stranger.within(again, ok.view(), "ACK", cseq), bob.where);
  };
  const auto info = [&] {
    network.now([&](TimePoint now) { CHECK(bob.ua().request(call, "INFO", {}, {}, now)); });
    network.run(milliseconds(1));
  };
  move(2);
  info();
  CHECK(stranger.count("INFO") == 1);
  refuse = false;
  move(3);
  info();
  REQUIRE(moved.count("INFO") == 1);
  CHECK(moved.last("INFO").message->uri_text() == "sip:moved@192.0.2.10;z=1");
}

TEST_CASE("CANCEL of a re-INVITE ends that and not the call") {
  Network network;
  Phone bob(network, "bob", "192.0.2.2");
  Stranger stranger(network, "stranger", "192.0.2.9");
  bob.user = answers;
  const Letter invite = stranger.request("INVITE", bob);
  stranger.send(invite, bob.where);
  const Message ok = stranger.last("200 INVITE").message;
  stranger.send(stranger.within(invite, ok.view(), "ACK", 1), bob.where);
  bob.user = nullptr;
  const Letter again =
      stranger.within(invite, ok.view(), "INVITE", 2).with("application/sdp", kOffer);
  stranger.send(again, bob.where);
  Letter cancel = again;
  cancel.start = "CANCEL" + again.start.substr(again.start.find(' '));
  cancel.remove("Content-Type").set("CSeq", "2 CANCEL").body.clear();
  stranger.send(cancel, bob.where);
  CHECK(stranger.last("200 CANCEL").message->to_tag() == ok->to_tag());
  CHECK(stranger.count("487 INVITE") == 1);
  CHECK(bob.ua().calls() == 1);
  CHECK(bob.count<CallEnded>() == 0);
  const CallId call = bob.last<CallArrived>().call;
  CHECK(bob.ua().accept(call, kAnswer, network.time()) == Errc::wrong_state);
}
