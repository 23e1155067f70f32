// SPDX-License-Identifier: Apache-2.0
// RFC 5359 sections 2.10, 2.11 and 2.15 to 2.17: conferences by a mixing phone, park, pickup, redial. Alice A, Bob
// B, others by their initials.
#include "flows_5359.hpp"

using namespace sipstack;
using namespace sipstack::testing;

namespace {

/// The third party serves its calls to whoever asks.
void serves_calls(Phone& phone, std::function<CallId()> call) {
  on<SubscriptionArrived>(phone, [&phone, call](const SubscriptionArrived& e, TimePoint now) {
    const auto info = phone.ua().dialog_info(call());
    REQUIRE(info);
    CHECK_FALSE(
        phone.ua().accept(e.notifier, kDialogInfoType, dialog_info(phone.uri(), 0, {*info}), now));
  });
}
std::optional<DialogInfo> watched(const NotifyReceived& e) {
  const auto document = read_dialog_info(e.notify->body());
  if (!document || document->dialogs.size() != 1) return std::nullopt;
  return document->dialogs[0];
}

/// Bob becomes the focus of a conference, and ends it once Carol is in.
void is_focus(Scene& s, CallId call, TimePoint now) {
  CHECK_FALSE(s.bob.ua().contact_params(call, "isfocus"));
  CHECK_FALSE(s.bob.ua().reinvite(call, sdp_of(s.bob), now));
}
void must_meet_focus(Phone& phone) {
  on<CallReinvited>(phone, [](const CallReinvited& e, TimePoint) {
    CHECK(e.request->get(hdr::contact)->params.has("isfocus"));
  });
}

Play third_party_added() {
  auto [scene, s, carol] = with("carol");
  must_meet_focus(s.alice);
  on<CallConfirmed>(s.bob, [&s = s](const CallConfirmed& e, TimePoint) {
    s.after(seconds(2), [&s, id = e.call](TimePoint now) { is_focus(s, id, now); });
  });
  on<CallAnswered>(s.bob, [&s = s, &carol = carol](const CallAnswered& e, TimePoint now) {
    if (e.reinvite) {
      CallOptions o = call_from(s.bob, carol.uri());
      o.contact_params = "isfocus";
      CHECK(s.bob.ua().invite(o, now));
      return;
    }
    hangs_up(s, s.bob, e.call);
    hangs_up(s, s.bob, s.at_bob());
  });
  s.call(call_from(s.alice, s.bob.uri()));
  return std::move(scene);
}

Play third_party_joins() {
  CoreOptions joinable;
  joinable.user_agent.join = true;
  auto [scene, s, carol] = with("carol", joinable);
  must_meet_focus(s.alice);
  auto joined = std::make_shared<CallId>();
  // Bob's first call rings for a second; whoever joins waits for Alice to know of the conference.
  s.bob.user = nullptr;
  on<CallArrived>(s.bob, [&s = s, joined](const CallArrived& e, TimePoint now) {
    CHECK_FALSE(s.bob.ua().ring(e.call, 180, now));
    if (!e.joins) {
      s.after(seconds(1),
              [&s, id = e.call](TimePoint at) { s.bob.ua().accept(id, sdp_of(s.bob), at); });
      return;
    }
    *joined = e.joins;
    is_focus(s, e.joins, now);
  });
  on<CallAnswered>(s.bob, [&s = s](const CallAnswered&, TimePoint now) {
    CHECK_FALSE(s.bob.ua().contact_params(s.at_bob(), "isfocus"));
    CHECK_FALSE(s.bob.ua().accept(s.at_bob(), sdp_of(s.bob), now));
  });
  on<CallConfirmed>(s.bob, [&s = s, &carol = carol, joined](const CallConfirmed& e, TimePoint) {
    if (s.bob.count<CallConfirmed>() == 2) {
      hangs_up(s, s.bob, e.call);
      hangs_up(s, s.bob, *joined);
      return;
    }
    s.after(seconds(2), [&s, &carol, id = e.call](TimePoint now) {
      CallOptions o = call_from(carol, s.bob.uri());
      o.headers = {{"Join", join(*s.bob.ua().dialog_info(id))}};
      CHECK(carol.ua().invite(o, now));
    });
  });
  s.call(call_from(s.alice, s.bob.uri()));
  return std::move(scene);
}

Play park() {
  CoreOptions options = transferable();
  auto [scene, s, server] = with("park", options);
  Phone& carol = s.add("carol", "192.0.2.4", options);
  follows(server);
  serves_calls(server, [&server = server] { return server.last<CallAnswered>().call; });
  on<CallConfirmed>(s.bob, [&s = s, &server = server](const CallConfirmed& e, TimePoint) {
    s.after(seconds(2), [&s, &server, id = e.call](TimePoint now) {
      refers(s.bob, server, s.bob.ua().refer_to(id), now);
    });
  });
  on<NotifyReceived>(s.bob, [&s = s, &server = server, &carol](const NotifyReceived& e, TimePoint) {
    if (told(e, 200))
      s.after(seconds(5), [&](TimePoint now) { asks_for_calls(carol, server, now); });
  });
  on<NotifyReceived>(carol, [&carol](const NotifyReceived& e, TimePoint now) {
    const auto dialog = watched(e);
    REQUIRE(dialog);
    replaces_call(carol, *dialog, false, now);
  });
  on<CallAnswered>(
      carol, [&s = s, &carol](const CallAnswered& e, TimePoint) { hangs_up(s, carol, e.call); });
  s.call(call_from(s.alice, s.bob.uri()));
  return std::move(scene);
}

Play pickup() {
  auto [scene, s, carol] = with("carol");
  s.bob.user = nullptr;
  on<CallArrived>(s.bob, [&s = s, &carol = carol](const CallArrived& e, TimePoint now) {
    CHECK_FALSE(s.bob.ua().ring(e.call, 180, now));
    s.after(seconds(3), [&s, &carol](TimePoint at) { asks_for_calls(carol, s.bob, at); });
  });
  serves_calls(s.bob, [&s = s] { return s.at_bob(); });
  on<NotifyReceived>(carol, [&carol = carol](const NotifyReceived& e, TimePoint now) {
    const auto dialog = watched(e);
    REQUIRE(dialog);
    CHECK(dialog->state == DialogInfo::State::early);
    replaces_call(carol, *dialog, true, now);
  });
  on<CallConfirmed>(s.alice,
                    [&s = s](const CallConfirmed& e, TimePoint) { hangs_up(s, s.alice, e.call); });
  s.call(call_from(s.alice, s.bob.uri()));
  return std::move(scene);
}

Play automatic_redial() {
  auto scene = std::make_unique<Scene>(transferable(), transferable());
  Scene& s = *scene;
  auto watcher = std::make_shared<NotifierId>();
  auto watching = std::make_shared<SubscriptionId>();
  // Bob talks to somebody else until ten seconds after Alice has begun to wait for him.
  const auto says = [&s, watcher](std::uint32_t version, bool busy, TimePoint now) {
    DialogInfo other{"1", "call-of-bob", "b", "c", "sip:c@c.invalid", true};
    other.state = DialogInfo::State::confirmed;
    const auto own = s.bob.ua().dialog_info(s.at_bob());
    std::vector<DialogInfo> all;
    if (busy) all.push_back(own ? *own : other);
    CHECK_FALSE(s.bob.ua().notify(*watcher, kDialogInfoType,
                                  dialog_info("sip:bob@b.invalid", version, all), now));
  };
  on<CallArrived>(s.bob, [&s](const CallArrived& e, TimePoint now) {
    if (s.bob.count<CallArrived>() == 1) {
      s.bob.ua().reject(e.call, 486, now);
      return;
    }
    CHECK_FALSE(s.bob.ua().ring(e.call, 180, now));
    s.after(seconds(1),
            [&s, id = e.call](TimePoint at) { s.bob.ua().accept(id, sdp_of(s.bob), at); });
  });
  on<SubscriptionArrived>(s.bob, [&, watcher, says](const SubscriptionArrived& e, TimePoint now) {
    *watcher = e.notifier;
    DialogInfo other{"1", "call-of-bob", "b", "c", "sip:c@c.invalid", true};
    other.state = DialogInfo::State::confirmed;
    CHECK_FALSE(s.bob.ua().accept(e.notifier, kDialogInfoType,
                                  dialog_info("sip:bob@b.invalid", 0, {other}), now));
    s.after(seconds(10), [says](TimePoint at) { says(1, false, at); });
  });
  on<CallConfirmed>(s.bob, [says](const CallConfirmed&, TimePoint now) { says(2, true, now); });
  on<CallEnded>(s.alice, [&s, watching](const CallEnded& e, TimePoint now) {
    if (e.status != 486) return;
    SubscriptionOptions o;
    o.target = s.bob.uri();
    o.event = "dialog";
    const auto id = s.alice.ua().subscribe(o, now);
    REQUIRE(id);
    *watching = *id;
  });
  auto known = std::make_shared<DialogInfoDocument>();
  on<NotifyReceived>(s.alice, [&s, known, watching](const NotifyReceived& e, TimePoint now) {
    auto document = read_dialog_info(e.notify->body());
    REQUIRE(document);
    const bool again = document->version > known->version;
    merge(*known, *std::move(document));
    if (!known->busy())
      CHECK(s.alice.ua().invite(call_from(s.alice, s.bob.uri()), now));
    else if (again)
      CHECK_FALSE(s.alice.ua().unsubscribe(*watching, now));
  });
  on<CallAnswered>(s.alice, [&s](const CallAnswered& e, TimePoint) {
    hangs_up(s, s.alice, e.call, seconds(40));
  });
  s.call(call_from(s.alice, s.bob.uri()));
  return scene;
}

}  // namespace

TEST_CASE("RFC 5359: conferences, park, pickup and redial, whatever is lost, doubled or late") {
  check("2.10 third party is added",
        kMade +
            "BA INVITE, AB 200, BA ACK, BC INVITE, CB 180, CB 200, BC ACK, BC BYE, BA BYE, CB 200, "
            "AB 200",
        "A: answered reinvited remote-bye. B: answered arrived local-bye local-bye reanswered. 1: "
        "arrived remote-bye.",
        third_party_added);
  check("2.11 third party joins",
        kMade +
            "CB INVITE, BC 180, BA INVITE, AB 200, BA ACK, BC 200, CB ACK, BC BYE, BA BYE, CB 200, "
            "AB 200",
        "A: answered reinvited remote-bye. B: arrived arrived-joining local-bye local-bye "
        "reanswered. 1: answered remote-bye.",
        third_party_joins);
  check("2.15 call park",
        kMade +
            "BP REFER, PA INVITE, PB 202, PB NOTIFY, AP 200, AB BYE, BP 200, PA ACK, BA 200, PB "
            "NOTIFY, BP 200, CP SUBSCRIBE, PC 200, PC NOTIFY, CP 200, CA INVITE, AC 200, AP BYE, "
            "CA ACK, PA 200, CA BYE, AC 200",
        "A: answered arrived-replacing arrived-replacing local-bye local-bye remote-bye. B: "
        "arrived remote-bye told-200. 1: answered referred remote-bye. 2: answered local-bye.",
        park);
  check("2.16 call pickup",
        "AB INVITE, BA 180, CB SUBSCRIBE, BC 200, BC NOTIFY, CB 200, CA INVITE, AC 200, AB CANCEL, "
        "CA ACK, BA 200, BA 487, AB ACK, AC BYE, CA 200",
        "A: arrived-replacing cancelled-487 local-bye. B: arrived cancelled-487. 1: answered "
        "remote-bye.",
        pickup);
  check("2.17 automatic redial",
        "AB INVITE, BA 486, AB ACK, AB SUBSCRIBE, BA 200, BA NOTIFY, AB 200, BA NOTIFY, AB 200, AB "
        "INVITE, BA 180, BA 200, AB ACK, BA NOTIFY, AB 200, AB SUBSCRIBE, BA 200, BA NOTIFY, AB "
        "200, AB BYE, BA 200",
        "A: answered local-bye rejected-486. B: arrived arrived rejected-486 remote-bye.",
        automatic_redial);
}
