// SPDX-License-Identifier: Apache-2.0
// The races of RFC 5407 section 3, each again with any one more datagram lost, doubled or late: both sides
// end, once, and nothing is left.
#include "impaired.hpp"

using namespace sipstack;
using namespace sipstack::testing;

namespace {

using Play = std::unique_ptr<Scene>;

/// A call that Bob answers at once; Alice does this so long after the answer, Bob that so long after his.
struct Race {
  Duration alice_after = Duration::zero();
  std::function<void(Scene&, TimePoint)> alice;
  Duration bob_after = Duration::zero();
  std::function<void(Scene&, TimePoint)> bob;
  std::function<std::optional<Fate>(const Packet&)> rule;
  std::string offer = kOffer;
};

void agree(Phone& phone, const UserEvent& event, TimePoint now) {
  if (const auto* again = std::get_if<CallReinvited>(&event))
    phone.ua().accept(again->call, kAnswer, now);
  if (const auto* offer = std::get_if<OfferReceived>(&event))
    phone.ua().accept_offer(offer->call, kAnswer, now);
  if (const auto* request = std::get_if<CallRequest>(&event))
    phone.ua().respond(request->txn, 202, now);
}

Play race(const Race& r) {
  CoreOptions options;
  options.user_agent.allow.emplace_back("REFER");
  auto scene = std::make_unique<Scene>(options, options);
  Scene& s = *scene;
  s.rule = r.rule;
  s.bob.user = [&s, r](Phone& bob, const UserEvent& event, TimePoint now) {
    agree(bob, event, now);
    const auto* call = std::get_if<CallArrived>(&event);
    if (call == nullptr) return;
    bob.ua().ring(call->call, 180, now);
    bob.ua().accept(call->call, kAnswer, now);
    if (r.bob) s.after(r.bob_after, [&s, r](TimePoint at) { r.bob(s, at); });
  };
  s.alice.user = [&s, r](Phone& alice, const UserEvent& event, TimePoint now) {
    agree(alice, event, now);
    const auto* up = std::get_if<CallAnswered>(&event);
    if (up == nullptr || up->reinvite) return;
    if (r.offer.empty()) alice.ua().acknowledge(up->call, kAnswer, now);
    if (r.alice) s.after(r.alice_after, [&s, r](TimePoint at) { r.alice(s, at); });
    // Whatever became of the race, the call is over in the end.
    s.after(seconds(20), [&s](TimePoint at) { s.alice.ua().hang_up(s.at_alice, at); });
  };
  CallOptions o = call_to(s.bob.uri());
  o.body = r.offer;
  s.call(o);
  return scene;
}

void alice_hangs_up(Scene& s, TimePoint at) { s.alice.ua().hang_up(s.at_alice, at); }
void bob_hangs_up(Scene& s, TimePoint at) { s.bob.ua().hang_up(s.at_bob(), at); }
void alice_reinvites(Scene& s, TimePoint at) { s.alice.ua().reinvite(s.at_alice, kOffer, at); }
void bob_reinvites(Scene& s, TimePoint at) { s.bob.ua().reinvite(s.at_bob(), kOffer, at); }
void bob_updates(Scene& s, TimePoint at) { s.bob.ua().update(s.at_bob(), kOffer, at); }
void bob_refers(Scene& s, TimePoint at) {
  CHECK(s.bob.ua().request(s.at_bob(), "REFER", {}, {}, at, {{"Refer-To", "<sip:c@c.invalid>"}}));
}

/// Loses what bears that label, so many times.
std::function<std::optional<Fate>(const Packet&)> lose(const std::string& label, int times = 1) {
  auto left = std::make_shared<int>(times);
  return [label, left](const Packet& p) -> std::optional<Fate> {
    if (*left == 0 || p.label() != label) return std::nullopt;
    --*left;
    return Fate::lost();
  };
}

}  // namespace

TEST_CASE("RFC 5407 section 3.1: what comes while a 2xx waits for its ACK") {
  // Ten milliseconds from one to the other: Bob's 200 is with Alice 20 ms behind her INVITE.
  const Scenario scenarios[] = {
      {"3.1.1 INVITE again", "answered local-bye", "arrived confirmed remote-bye",
       [] {
         Race r;
         r.rule = [](const Packet& p) -> std::optional<Fate> {
           if (p.from == "bob" && p.label() != "200 BYE") return Fate::delayed(milliseconds(600));
           return std::nullopt;
         };
         return race(r);
       }},
      {"3.1.2 CANCEL meets the 200",
       "cancelled|answered cancelled|answered local-bye|cancelled-487",
       "arrived confirmed remote-bye|arrived remote-bye",
       [] {
         Play s = race({});
         Scene& t = *s;
         t.after(milliseconds(15), [&t](TimePoint at) { alice_hangs_up(t, at); });
         return s;
       }},
      {"3.1.4 re-INVITE behind a lost ACK", "answered reanswered local-bye",
       "arrived confirmed reinvited confirmed remote-bye",
       [] {
         Race r;
         r.alice = alice_reinvites;
         r.alice_after = milliseconds(5);
         r.rule = lose("ACK");
         return race(r);
       }},
      {"3.1.5 re-INVITE behind a lost ACK with the answer", "answered reanswered local-bye",
       "arrived confirmed reinvited confirmed remote-bye",
       [] {
         Race r;
         r.alice = alice_reinvites;
         r.alice_after = milliseconds(5);
         r.offer.clear();
         r.rule = lose("ACK");
         return race(r);
       }},
      {"3.1.6 BYE behind a lost ACK", "answered local-bye",
       "arrived remote-bye|arrived confirmed remote-bye",
       [] {
         Race r;
         r.alice = alice_hangs_up;
         r.alice_after = milliseconds(5);
         r.rule = lose("ACK");
         return race(r);
       }},
  };
  for (const Scenario& scenario : scenarios) play_impaired(scenario);
}

TEST_CASE("RFC 5407 section 3.2: what comes behind a BYE") {
  const Scenario scenarios[] = {
      {"3.2.1 BYE meets BYE", "answered local-bye|answered remote-bye",
       "arrived confirmed local-bye|arrived confirmed remote-bye|arrived remote-bye",
       [] {
         Race r;
         r.alice = alice_hangs_up;
         r.alice_after = seconds(2);
         r.bob = bob_hangs_up;
         r.bob_after = milliseconds(2010);
         return race(r);
       }},
      {"3.2.2 re-INVITE meets BYE",
       "answered local-bye|answered reinvited local-bye|answered reinvited confirmed local-bye",
       "arrived confirmed remote-bye|arrived confirmed reinvite-481 failed-481|"
       "arrived confirmed reinvite-481 remote-bye|arrived confirmed reanswered remote-bye",
       [] {
         Race r;
         r.alice = alice_hangs_up;
         r.alice_after = seconds(2);
         r.bob = bob_reinvites;
         r.bob_after = milliseconds(2008);
         return race(r);
       }},
      {"3.2.3 the 200 to a re-INVITE behind our BYE", "answered local-bye",
       "arrived confirmed reinvited remote-bye|arrived reinvited remote-bye|"
       "arrived confirmed remote-bye|arrived confirmed reinvited confirmed remote-bye",
       [] {
         Race r;
         r.alice_after = seconds(2);
         r.alice = [](Scene& s, TimePoint at) {
           alice_reinvites(s, at);
           s.after(milliseconds(5), [&s](TimePoint later) { alice_hangs_up(s, later); });
         };
         return race(r);
       }},
      {"3.2.4 the ACK of a re-INVITE meets BYE",
       "answered reanswered remote-bye|answered remote-bye|answered reinvite-481 failed-481|"
       "answered reinvite-481 remote-bye",
       "arrived confirmed reinvited local-bye|arrived confirmed local-bye|"
       "arrived confirmed reinvited confirmed local-bye",
       [] {
         Race r;
         r.alice = alice_reinvites;
         r.alice_after = seconds(2);
         r.bob = bob_hangs_up;
         r.bob_after = milliseconds(2025);
         return race(r);
       }},
      {"3.2.4 our BYE waits for the ACK", "answered remote-bye", "arrived confirmed local-bye",
       [] {
         Race r;
         r.bob = bob_hangs_up;
         r.rule = lose("ACK");
         return race(r);
       }},
  };
  for (const Scenario& scenario : scenarios) play_impaired(scenario);
}

TEST_CASE("RFC 5407 section 3.3: requests that cross within a call") {
  const Scenario scenarios[] = {
      {"3.3.1 re-INVITE meets re-INVITE",
       "answered reinvited confirmed reanswered local-bye|"
       "answered reanswered reinvited confirmed local-bye|"
       "answered reinvited reanswered confirmed local-bye|"
       "answered reinvited confirmed local-bye",  // hers was not needed to meet his
       "arrived confirmed reanswered reinvited confirmed remote-bye|"
       "arrived confirmed reinvited confirmed reanswered remote-bye|"
       "arrived confirmed reinvited reanswered confirmed remote-bye|"
       "arrived reinvited confirmed reanswered confirmed remote-bye|"
       "arrived confirmed reanswered remote-bye",
       [] {
         Race r;
         r.alice = alice_reinvites;
         r.alice_after = seconds(2);
         r.bob = bob_reinvites;
         r.bob_after = milliseconds(2010);
         return race(r);
       }},
      {"3.3.2 UPDATE meets re-INVITE",
       "answered offer-by-UPDATE reanswered local-bye|answered reanswered offer-by-UPDATE "
       "local-bye",
       "arrived confirmed update-200 reinvited confirmed remote-bye|"
       "arrived confirmed reinvited update-200 confirmed remote-bye|"
       "arrived confirmed reinvited confirmed update-200 remote-bye",
       [] {
         Race r;
         r.alice = alice_reinvites;
         r.alice_after = seconds(2);
         r.bob = bob_updates;
         r.bob_after = milliseconds(2010);
         return race(r);
       }},
      {"3.3.3 REFER meets re-INVITE",
       "answered REFER reanswered local-bye|answered reanswered REFER local-bye",
       "arrived confirmed reinvited completed-202 confirmed remote-bye|"
       "arrived confirmed completed-202 reinvited confirmed remote-bye|"
       "arrived confirmed reinvited confirmed completed-202 remote-bye",
       [] {
         Race r;
         r.alice = alice_reinvites;
         r.alice_after = seconds(2);
         r.bob = bob_refers;
         r.bob_after = milliseconds(2010);
         return race(r);
       }},
  };
  for (const Scenario& scenario : scenarios) play_impaired(scenario);
}

TEST_CASE("RFC 5407 section 3.1.3: a BYE of the caller's that meets our 200 ends the call, once") {
  Network network;
  Phone bob(network, "bob", "192.0.2.2");
  Stranger peer(network, "peer", "192.0.2.9");
  bob.user = answers;
  const Letter invite = peer.request("INVITE", bob);
  peer.send(invite, bob.where);
  // Sent in the early dialog that the 180 made, it comes behind our 200.
  const Letter bye = peer.within(invite, peer.last("180 INVITE").message.view(), "BYE", 2);
  peer.send(bye, bob.where);
  CHECK(peer.answer_to(bye).status() == 200);
  peer.send(peer.within(invite, peer.last("200 INVITE").message.view(), "ACK", 1), bob.where);
  network.run_to_rest();
  CHECK(peer.count("200 INVITE") == 1);
  CHECK(bob.count<CallEnded>() == 1);
  CHECK(bob.last<CallEnded>().cause == CallEnded::Cause::remote_bye);
  bob.must_be_empty();
}
