// SPDX-License-Identifier: Apache-2.0
// RFC 5359 sections 2.3 to 2.6 and 2.18: music on hold, transfers, click to dial. Alice A, Bob B, the third
// party by its own initial.
#include "flows_5359.hpp"
#include "sipstack/parser/uri.hpp"

using namespace sipstack;
using namespace sipstack::testing;

namespace {

Play music_on_hold() {
  auto [scene, s, music] = with("music", transferable(true));
  follows(music);
  on<CallConfirmed>(s.bob, [&s = s](const CallConfirmed& e, TimePoint) {
    if (s.bob.count<CallConfirmed>() == 1) holds(s, s.bob, e.call);
  });
  on<CallAnswered>(s.bob, [&s = s, &music = music](const CallAnswered& e, TimePoint now) {
    if (e.reinvite) refers(s.bob, music, s.bob.ua().refer_to(e.call), now);
  });
  on<NotifyReceived>(s.bob, [&s = s](const NotifyReceived& e, TimePoint) {
    const auto dialog = sipfrag_dialog(e.notify->body());
    if (!told(e, 200)) return;
    REQUIRE(dialog);
    s.after(seconds(5), [&s, d = *dialog](TimePoint now) { replaces_call(s.bob, d, false, now); });
  });
  // Behind the flow, so that it has an end.
  on<CallConfirmed>(s.alice, [&s = s](const CallConfirmed& e, TimePoint) {
    if (s.alice.count<CallArrived>() == 2 && s.alice.last<CallArrived>().call == e.call)
      hangs_up(s, s.alice, e.call);
  });
  s.call(call_from(s.alice, s.bob.uri()));
  return std::move(scene);
}

Play unattended_transfer() {
  auto [scene, s, carol] = with("carol");
  follows(s.bob);
  on<CallConfirmed>(s.alice, [&s = s, &carol = carol](const CallConfirmed& e, TimePoint) {
    s.after(seconds(2), [&s, &carol, id = e.call](TimePoint now) {
      ReferOptions o;
      o.refer_to = carol.uri();
      CHECK(s.alice.ua().refer(id, o, now));
    });
  });
  on<NotifyReceived>(s.alice, [&s = s](const NotifyReceived& e, TimePoint now) {
    if (told(e, 100)) s.alice.ua().hang_up(s.alice.last<CallArrived>().call, now);
  });
  on<CallConfirmed>(carol, [&s = s, &carol = carol](const CallConfirmed& e, TimePoint) {
    hangs_up(s, carol, e.call);
  });
  calls(s, s.bob, s.alice.uri());
  return std::move(scene);
}

Play attended_transfer() {
  auto [scene, s, carol] = with("carol");
  follows(s.alice);
  on<CallConfirmed>(s.bob, [&s = s](const CallConfirmed& e, TimePoint) {
    if (s.bob.count<CallConfirmed>() == 1) holds(s, s.bob, e.call);
  });
  on<CallAnswered>(s.bob, [&s = s, &carol = carol](const CallAnswered& e, TimePoint now) {
    if (!e.reinvite) return holds(s, s.bob, e.call);
    if (e.call == s.at_bob()) {
      CHECK(s.bob.ua().invite(call_from(s.bob, carol.uri()), now));
      return;
    }
    ReferOptions o;
    o.refer_to = s.bob.ua().refer_to(e.call);
    CHECK(s.bob.ua().refer(s.at_bob(), o, now));
  });
  on<NotifyReceived>(s.bob, [&s = s](const NotifyReceived& e, TimePoint now) {
    if (told(e, 200)) s.bob.ua().hang_up(s.at_bob(), now);
  });
  on<CallConfirmed>(carol, [&s = s, &carol = carol](const CallConfirmed& e, TimePoint) {
    if (carol.last<CallArrived>().call == e.call && carol.count<CallArrived>() == 2)
      hangs_up(s, carol, e.call);
  });
  s.call(call_from(s.alice, s.bob.uri()));
  return std::move(scene);
}

Play instant_message_transfer() {
  CoreOptions by_hand;
  by_hand.user_agent.answer_options = false;
  auto [scene, s, carol] = with("carol", by_hand);
  on<CallConfirmed>(s.bob, [&s = s, &carol = carol](const CallConfirmed& e, TimePoint now) {
    RequestOptions o;
    o.target = carol.uri();
    o.content_type = "text/plain";
    o.body = s.bob.ua().refer_to(e.call);
    CHECK(s.bob.ua().request("MESSAGE", o, now));
  });
  on<RequestReceived>(carol, [&s = s, &carol = carol](const RequestReceived& e, TimePoint now) {
    CHECK_FALSE(carol.ua().respond(e.txn, 200, now));
    const std::string_view text = e.request->body();
    CallOptions o = call_from(carol, {});
    REQUIRE(call_uri(text.substr(1, text.size() - 2), o));
    s.after(seconds(1), [&carol, o](TimePoint at) { CHECK(carol.ua().invite(o, at)); });
  });
  on<CallAnswered>(carol, [&s = s, &carol = carol](const CallAnswered& e, TimePoint) {
    hangs_up(s, carol, e.call);
  });
  s.call(call_from(s.alice, s.bob.uri()));
  return std::move(scene);
}

Play click_to_dial() {
  auto [scene, s, carol] = with("carol");
  follows(s.bob);
  s.after(milliseconds(0), [&s = s, &carol = carol](TimePoint now) {
    refers(s.alice, s.bob, carol.uri(), now, false);
  });
  on<CallConfirmed>(carol, [&s = s, &carol = carol](const CallConfirmed& e, TimePoint) {
    hangs_up(s, carol, e.call);
  });
  return std::move(scene);
}

}  // namespace

TEST_CASE("RFC 5359: transfers, whatever is lost, doubled or late") {
  check("2.3 music on hold",
        kMade +
            "BA INVITE, AB 200, BA ACK, BM REFER, MA INVITE, MB 202, MB NOTIFY, AM 200, AB BYE, BM "
            "200, MA ACK, BA 200, MB NOTIFY, BM 200, BA INVITE, AB 200, AM BYE, BA ACK, MA 200, AB "
            "BYE, BA 200",
        "A: answered arrived-replacing arrived-replacing local-bye local-bye local-bye reinvited. "
        "B: answered arrived reanswered remote-bye remote-bye told-200. 1: answered referred "
        "remote-bye.",
        music_on_hold);
  check("2.4 unattended",
        "BA INVITE, AB 180, AB 200, BA ACK, AB REFER, BC INVITE, BA 202, BA NOTIFY, CB 180, AB "
        "200, AB BYE, BA NOTIFY, BA 200, AB 200, CB 200, BC ACK, BA NOTIFY, AB 200, CB BYE, BC 200",
        "A: arrived local-bye told-200. B: answered answered referred remote-bye remote-bye. 1: "
        "arrived local-bye.",
        unattended_transfer);
  check("2.5 attended",
        kMade +
            "BA INVITE, AB 200, BA ACK, BC INVITE, CB 180, CB 200, BC ACK, BC INVITE, CB 200, BC "
            "ACK, BA REFER, AC INVITE, AB 202, AB NOTIFY, CA 200, CB BYE, BA 200, AC ACK, BC 200, "
            "AB NOTIFY, BA 200, BA BYE, AB 200, CA BYE, AC 200",
        "A: answered answered referred reinvited remote-bye remote-bye. B: answered arrived "
        "local-bye reanswered reanswered remote-bye told-200. 1: arrived arrived-replacing "
        "local-bye local-bye reinvited.",
        attended_transfer);
  check("2.6 by instant message",
        kMade + "BC MESSAGE, CB 200, CA INVITE, AC 200, AB BYE, CA ACK, BA 200, CA BYE, AC 200",
        "A: answered arrived-replacing local-bye remote-bye. B: arrived completed-200 remote-bye. "
        "1: answered local-bye request.",
        instant_message_transfer);
  check("2.18 click to dial", "AB REFER, BC INVITE, BA 202, CB 180, CB 200, BC ACK, CB BYE, BC 200",
        "B: answered referred remote-bye. 1: arrived local-bye.", click_to_dial);
}
