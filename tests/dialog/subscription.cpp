// SPDX-License-Identifier: Apache-2.0
// Subscriptions between two phones, and with strangers that do what notifiers and subscribers do. RFC 6665.
#include "subscribing.hpp"

using namespace sipstack;
using namespace sipstack::testing;

namespace {

using State = SubscriptionChanged::State;
using Cause = NotifierEnded::Cause;

struct TwoPhones {
  explicit TwoPhones(const NetworkOptions& options = {}, const CoreOptions& core = notifying())
      : network(options),
        alice(network, "alice", "192.0.2.1", core),
        bob(network, "bob", "192.0.2.2", core) {
    bob.user = allows;
  }
  SubscriptionId subscribe(const SubscriptionOptions& options) {
    SubscriptionId id;
    network.now([&](TimePoint now) {
      const auto made = alice.ua().subscribe(options, now);
      REQUIRE(made);
      id = *made;
    });
    network.run(milliseconds(10));
    return id;
  }
  SubscriptionId subscribe() { return subscribe(presence_of(bob.uri())); }
  void unsubscribe(SubscriptionId id) {
    network.now([&](TimePoint now) { CHECK_FALSE(alice.ua().unsubscribe(id, now)); });
    network.run(milliseconds(10));
  }
  template <class F>
  void at_bob(F f) {
    network.now([&](TimePoint now) { f(bob.ua(), notifier(), now); });
    network.run(milliseconds(10));
  }
  NotifierId notifier() { return bob.last<SubscriptionArrived>().notifier; }
  std::string told() { return std::string(alice.last<NotifyReceived>().notify->body()); }
  std::string subscription_state() {
    return std::string(*alice.last<NotifyReceived>().notify->raw(HeaderId::subscription_state));
  }
  void must_come_to_rest() {
    CHECK(network.run_to_rest(network.time() + seconds(1000)));
    alice.must_be_empty();
    bob.must_be_empty();
  }

  Network network;
  Phone alice;
  Phone bob;
};

}  // namespace

TEST_CASE("a subscription: state at once, each change, and a last NOTIFY when it is ended") {
  TwoPhones t;
  const SubscriptionId id = t.subscribe();
  CHECK(t.alice.last<SubscriptionChanged>().state == State::active);
  CHECK(t.told() == "<open/>");
  CHECK(t.subscription_state() == "active;expires=600");
  t.at_bob([](UserAgent& ua, NotifierId n, TimePoint now) {
    CHECK_FALSE(ua.notify(n, "application/pidf+xml", "<closed/>", now));
  });
  CHECK(t.told() == "<closed/>");
  t.unsubscribe(id);
  CHECK(t.network.ladder().text_without_times() ==
        "alice                   bob\n"
        "|--SUBSCRIBE----------->|\n"
        "|<-200 SUBSCRIBE--------|\n"
        "|<-NOTIFY---------------|\n"
        "|--200 NOTIFY---------->|\n"
        "|<-NOTIFY---------------|\n"
        "|--200 NOTIFY---------->|\n"
        "|--SUBSCRIBE----------->|\n"
        "|<-200 SUBSCRIBE--------|\n"
        "|<-NOTIFY---------------|\n"
        "|--200 NOTIFY---------->|\n");
  CHECK(t.subscription_state() == "terminated;reason=timeout");
  CHECK(t.alice.last<SubscriptionChanged>().state == State::ended);
  CHECK(t.bob.last<NotifierEnded>().cause == Cause::unsubscribed);
  CHECK(t.alice.ua().unsubscribe(id, t.network.time()) == Errc::gone);
  CHECK(t.bob.ua().notify(t.notifier(), "", "", t.network.time()) == Errc::gone);
  t.must_come_to_rest();
}

TEST_CASE("a subscription is refreshed ahead of its expiry and gets the state each time") {
  TwoPhones t;
  const SubscriptionId id = t.subscribe();
  t.network.run(seconds(1700));
  CHECK(t.alice.count<NotifyReceived>() == 4);  // at 0, 540, 1080 and 1620 s
  CHECK(t.alice.count<SubscriptionChanged>() == 1);
  CHECK(t.told() == "<open/>");
  t.network.now([&](TimePoint now) { CHECK_FALSE(t.alice.ua().refresh(id, now)); });
  t.network.run(milliseconds(10));
  CHECK(t.alice.count<NotifyReceived>() == 5);
  t.unsubscribe(id);
  t.must_come_to_rest();
}

TEST_CASE("whoever waits for approval is told nothing until it comes") {
  TwoPhones t;
  t.bob.user = [](Phone& phone, const UserEvent& event, TimePoint now) {
    if (const auto* arrived = std::get_if<SubscriptionArrived>(&event))
      CHECK_FALSE(phone.ua().defer(arrived->notifier, now));
  };
  const SubscriptionId id = t.subscribe();
  CHECK(t.alice.last<SubscriptionChanged>().state == State::pending);
  CHECK(t.told().empty());
  t.at_bob([](UserAgent& ua, NotifierId n, TimePoint now) {
    CHECK_FALSE(ua.notify(n, "text/plain", "secret", now));
  });
  CHECK(t.alice.count<NotifyReceived>() == 1);

  SECTION("approved") {
    t.at_bob([](UserAgent& ua, NotifierId n, TimePoint now) {
      CHECK_FALSE(ua.accept(n, "text/plain", "open", now));
    });
    CHECK(t.alice.last<SubscriptionChanged>().state == State::active);
    CHECK(t.told() == "open");
    t.unsubscribe(id);
  }
  SECTION("denied") {
    t.at_bob(
        [](UserAgent& ua, NotifierId n, TimePoint now) { CHECK_FALSE(ua.reject(n, 403, now)); });
    CHECK(t.subscription_state() == "terminated;reason=rejected");
    CHECK(t.told().empty());
    CHECK(t.alice.last<SubscriptionChanged>().state == State::ended);
    CHECK(t.alice.last<SubscriptionChanged>().reason == "rejected");
  }
  t.must_come_to_rest();
}

TEST_CASE("a fetch gets one NOTIFY and leaves no subscription") {
  TwoPhones t;
  SubscriptionOptions options = presence_of(t.bob.uri());
  options.expires = 0;
  t.subscribe(options);
  CHECK(t.told() == "<open/>");
  CHECK(t.subscription_state() == "terminated;reason=timeout");
  CHECK(t.alice.last<SubscriptionChanged>().state == State::ended);
  CHECK(t.alice.count<NotifyReceived>() == 1);
  t.must_come_to_rest();
}

TEST_CASE("one NOTIFY at a time: of states that change meanwhile the latest is told") {
  TwoPhones t;
  const SubscriptionId id = t.subscribe();
  t.network.drop([](const Packet& p) { return p.label() == "200 NOTIFY"; });
  t.at_bob([](UserAgent& ua, NotifierId n, TimePoint now) {
    for (const char* state : {"1", "2", "3", "4"})
      CHECK_FALSE(ua.notify(n, "text/plain", state, now));
  });
  CHECK(t.told() == "1");
  t.network.drop(nullptr);
  t.network.run(seconds(2));
  CHECK(t.told() == "4");
  CHECK(t.alice.count<NotifyReceived>() == 3);
  t.unsubscribe(id);
  t.must_come_to_rest();
}

TEST_CASE("a subscriber that is gone costs one NOTIFY transaction") {
  TwoPhones t;
  t.subscribe();
  t.network.part("alice", "bob");
  t.at_bob([](UserAgent& ua, NotifierId n, TimePoint now) {
    CHECK_FALSE(ua.notify(n, "text/plain", "x", now));
  });
  t.network.run(seconds(33));
  CHECK(t.bob.last<NotifierEnded>().cause == Cause::failed);
  CHECK(t.bob.last<NotifierEnded>().error == Errc::timeout);
  CHECK(t.bob.ua().subscriptions() == 0);
}

TEST_CASE("a notifier that forgot the subscription is asked anew at once, in a new dialog") {
  TwoPhones t;
  const SubscriptionId id = t.subscribe();
  const std::string before(t.alice.last<NotifyReceived>().notify->call_id());
  // Bob's NOTIFY is refused by somebody in between: Bob forgets, Alice does not know.
  t.network.part("alice", "bob");
  t.at_bob([](UserAgent& ua, NotifierId n, TimePoint now) { ua.notify(n, "t/p", "x", now); });
  t.network.run(seconds(40));
  CHECK(t.bob.ua().subscriptions() == 0);
  t.network.heal();
  t.network.run(seconds(520));
  CHECK(t.alice.last<SubscriptionChanged>().state == State::active);
  CHECK(t.alice.last<NotifyReceived>().notify->call_id() != before);
  CHECK(t.alice.last<NotifyReceived>().subscription == id);
  t.unsubscribe(id);
  t.must_come_to_rest();
}

TEST_CASE("a subscription comes about whatever single message is lost, doubled or late") {
  for (const char* label : {"SUBSCRIBE", "200 SUBSCRIBE", "NOTIFY", "200 NOTIFY"})
    for (const int fate : {0, 1, 2}) {
      INFO(label << " " << fate);
      TwoPhones t;
      bool done = false;
      t.network.decide([&](const Packet& p) {
        if (done || p.label() != label) return Fate{};
        done = true;
        if (fate == 0) return Fate::lost();
        if (fate == 1) return Fate::twice();
        return Fate::delayed(milliseconds(700));
      });
      const SubscriptionId id = t.subscribe();
      t.network.run(seconds(5));
      CHECK(done);
      CHECK(t.alice.count<SubscriptionChanged>() == 1);
      CHECK(t.alice.last<SubscriptionChanged>().state == State::active);
      CHECK(t.alice.count<NotifyReceived>() == 1);
      CHECK(t.bob.count<SubscriptionArrived>() == 1);
      t.unsubscribe(id);
      CHECK(t.alice.last<SubscriptionChanged>().state == State::ended);
      t.must_come_to_rest();
    }
}

TEST_CASE("a subscription stands when its NOTIFY came and the 200 never does") {
  TwoPhones t;
  t.network.drop([](const Packet& p) { return p.label() == "200 SUBSCRIBE"; });
  const SubscriptionId id = t.subscribe();
  t.network.run(seconds(40));
  t.network.drop(nullptr);
  CHECK(t.alice.last<SubscriptionChanged>().state == State::active);
  t.network.run(seconds(520));
  CHECK(t.alice.count<NotifyReceived>() == 2);
  CHECK(t.bob.count<SubscriptionArrived>() == 1);
  t.unsubscribe(id);
  t.must_come_to_rest();
}

TEST_CASE("a subscription in a call's dialog outlives the call") {
  TwoPhones t;
  t.bob.user = [](Phone& phone, const UserEvent& event, TimePoint now) {
    answers(phone, event, now);
    allows(phone, event, now);
  };
  CallId call;
  SubscriptionId id;
  t.network.now(
      [&](TimePoint now) { call = t.alice.ua().invite(call_to(t.bob.uri()), now).value(); });
  t.network.run(milliseconds(10));
  t.network.now(
      [&](TimePoint now) { id = t.alice.ua().subscribe(call, presence_of({}), now).value(); });
  t.network.run(milliseconds(10));
  CHECK(t.alice.last<SubscriptionChanged>().state == State::active);
  CHECK(t.bob.last<SubscriptionArrived>().call == t.bob.last<CallArrived>().call);
  CHECK(t.bob.last<SubscriptionArrived>().request->call_id() ==
        t.bob.last<CallArrived>().invite->call_id());
  // Requests of both usages are in one order, in both directions.
  t.network.now([&](TimePoint now) {
    CHECK(t.alice.ua().request(call, "INFO", "text/plain", "x", now));
    CHECK_FALSE(t.bob.ua().notify(t.notifier(), "text/plain", "1", now));
  });
  t.network.run(milliseconds(10));
  CHECK(t.alice.last<RequestCompleted>().response->status() == 200);
  t.network.now([&](TimePoint now) { t.bob.ua().hang_up(t.bob.last<CallArrived>().call, now); });
  t.network.run(milliseconds(10));
  CHECK(t.alice.ua().calls() == 0);
  t.at_bob([](UserAgent& ua, NotifierId n, TimePoint now) {
    CHECK_FALSE(ua.notify(n, "text/plain", "2", now));
  });
  CHECK(t.told() == "2");
  t.network.run(seconds(1000));
  CHECK(t.alice.count<SubscriptionChanged>() == 1);
  t.unsubscribe(id);
  CHECK(t.alice.last<SubscriptionChanged>().state == State::ended);
  t.must_come_to_rest();
}

TEST_CASE("a subscription over TCP") {
  TwoPhones t;
  const SubscriptionId id = t.subscribe(presence_of(t.bob.uri(";transport=tcp")));
  t.at_bob(
      [](UserAgent& ua, NotifierId n, TimePoint now) { ua.notify(n, "text/plain", "2", now); });
  CHECK(t.told() == "2");
  t.network.run(seconds(1000));
  CHECK(t.alice.count<NotifyReceived>() == 3);
  t.unsubscribe(id);
  t.must_come_to_rest();
}

TEST_CASE("subscriptions survive a network that loses a third") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    INFO(seed);
    NetworkOptions lossy;
    lossy.seed = seed;
    lossy.loss = 0.3;
    lossy.duplicate = 0.1;
    lossy.delay_max = milliseconds(300);
    TwoPhones t(lossy);
    SubscriptionId id = t.subscribe();
    for (int i = 0; i < 20; ++i) {
      t.network.run(seconds(50));
      if (t.bob.ua().subscriptions() == 0) continue;
      t.at_bob([i](UserAgent& ua, NotifierId n, TimePoint now) {
        ua.notify(n, "text/plain", std::to_string(i), now);
      });
    }
    t.network.run(seconds(40));
    t.network.set_loss(0);
    t.network.now([&](TimePoint now) { t.alice.ua().unsubscribe(id, now); });
    t.must_come_to_rest();
  }
}

// ---- the notifier

namespace {

struct Watched {
  explicit Watched(CoreOptions options = notifying())
      : bob(network, "bob", "192.0.2.2", options), eve(network, "eve", "192.0.2.9") {
    bob.user = allows;
    eve.on_message = [this](const Stranger::Heard& heard) {
      // Every NOTIFY is answered as `answer` says; 0: not at all.
      if (answer == 0 || message_label(heard.message.bytes()) != "NOTIFY") return;
      network.at(network.time(), [this, heard](TimePoint) {
        MessageIndex scratch;
        const Letter out = eve.response(heard.message.view(), answer, "");
        eve.queue({*Message::parse(eve.pool_, out.text(), scratch),
                   {Transport::udp, eve.where, bob.where, 0},
                   {}});
      });
    };
  }
  Letter subscribe(const std::string& event = "presence", const std::string& expires = "120") {
    Letter out = eve.request("SUBSCRIBE", bob);
    if (!event.empty()) out.add("Event", event);
    if (!expires.empty()) out.add("Expires", expires);
    return out;
  }
  const MessageView send(const Letter& letter) {
    eve.send(letter, bob.where, milliseconds(5));
    return eve.answer_to(letter);
  }
  std::string state() {
    return std::string(*eve.last("NOTIFY").message->raw(HeaderId::subscription_state));
  }

  Network network;
  Phone bob;
  Stranger eve;
  int answer = 200;
};

}  // namespace

TEST_CASE("a SUBSCRIBE is granted what it asks for, within bounds") {
  Watched t;
  const Letter first = t.subscribe("presence;id=a7");
  const MessageView ok = t.send(first);
  CHECK(ok.status() == 200);
  CHECK(ok.get(hdr::expires)->number == 120);
  CHECK(ok.has(HeaderId::contact));
  const MessageView notify = t.eve.last("NOTIFY").message.view();
  CHECK(notify.raw(HeaderId::event) == "presence;id=a7");
  CHECK(notify.from_tag() == ok.to_tag());
  CHECK(notify.to_tag() == ok.from_tag());
  CHECK(t.state() == "active;expires=120");
  CHECK(t.send(t.subscribe("presence", "")).get(hdr::expires)->number == 3600);
  CHECK(t.send(t.subscribe("presence", "4000000000")).get(hdr::expires)->number == 86400);
  CHECK(t.send(t.subscribe("presence", "99999999999999")).get(hdr::expires)->number == 86400);
  const MessageView brief = t.send(t.subscribe("presence", "59"));
  CHECK(brief.status() == 423);
  CHECK(brief.get(hdr::min_expires)->number == 60);
  for (const char* event : {"", "conference", "Presence", "presence.winfo"}) {
    const MessageView bad = t.send(t.subscribe(event));
    CHECK(bad.status() == 489);
    CHECK(bad.raw(HeaderId::allow_events) == "presence, dialog");
  }
  CHECK(t.send(t.subscribe("refer")).status() == 403);
  CHECK(t.send(t.subscribe().remove("Contact")).status() == 400);
  const MessageView options = t.send(t.eve.request("OPTIONS", t.bob));
  CHECK(options.raw(HeaderId::allow_events) == "presence, dialog");
  CHECK(options.raw(HeaderId::allow)->find("SUBSCRIBE") != std::string_view::npos);
}

TEST_CASE("a SUBSCRIBE in the dialog refreshes, ends, or begins another subscription there") {
  Watched t;
  const Letter first = t.subscribe();
  const Message ok = (t.send(first), t.eve.last("200 SUBSCRIBE").message);
  Letter again = t.eve.within(first, ok.view(), "SUBSCRIBE", 2);
  CHECK(t.send(again.set("Expires", "600")).get(hdr::expires)->number == 600);
  CHECK(t.state() == "active;expires=600");
  CHECK(t.bob.count<SubscriptionArrived>() == 1);
  // The same dialog, another package.
  Letter other = t.eve.within(first, ok.view(), "SUBSCRIBE", 3);
  CHECK(t.send(other.set("Event", "dialog")).status() == 200);
  CHECK(t.bob.count<SubscriptionArrived>() == 2);
  CHECK(t.bob.ua().subscriptions() == 2);
  CHECK(t.eve.last("NOTIFY").message->raw(HeaderId::event) == "dialog");
  CHECK(t.send(t.eve.within(first, ok.view(), "SUBSCRIBE", 2).set("Expires", "600")).status() ==
        500);
  // The end of one is not that of the other.
  CHECK(t.send(t.eve.within(first, ok.view(), "SUBSCRIBE", 4).set("Expires", "0")).status() == 200);
  CHECK(t.state() == "terminated;reason=timeout");
  CHECK(t.bob.ua().subscriptions() == 1);
  Letter last = t.eve.within(first, ok.view(), "SUBSCRIBE", 5);
  CHECK(t.send(last.set("Event", "dialog").set("Expires", "0")).status() == 200);
  CHECK(t.bob.ua().subscriptions() == 0);
  CHECK(t.send(t.eve.within(first, ok.view(), "SUBSCRIBE", 6).set("Expires", "60")).status() ==
        481);
  CHECK(t.send(t.eve.within(first, ok.view(), "OPTIONS", 7)).status() == 481);
}

TEST_CASE("a subscription that nobody refreshes ends at its expiry, and that is told") {
  Watched t;
  t.send(t.subscribe());
  t.network.run(seconds(119));
  CHECK(t.eve.count("NOTIFY") == 1);
  t.network.run(seconds(2));
  CHECK(t.eve.count("NOTIFY") == 2);
  CHECK(t.state() == "terminated;reason=timeout");
  CHECK(t.bob.last<NotifierEnded>().cause == Cause::expired);
  t.network.run(seconds(40));
  t.bob.must_be_empty();
}

TEST_CASE("a NOTIFY that is refused: what ends the subscription and what does not") {
  const int status = GENERATE(401, 404, 481, 489, 500, 503, 603, 604);
  INFO(status);
  const bool ends = status == 404 || status == 481 || status == 489 || status == 604;
  Watched t;
  t.answer = status;
  t.send(t.subscribe());
  CHECK(t.bob.ua().subscriptions() == (ends ? 0U : 1U));
  CHECK(t.bob.count<NotifierEnded>() == (ends ? 1U : 0U));
  if (ends) CHECK(t.bob.last<NotifierEnded>().status == status);
}

TEST_CASE("subscriptions with us are limited, and each needs credentials where INVITEs do") {
  CoreOptions options = notifying();
  SECTION("limit") {
    options.user_agent.notifier.max_subscriptions = 3;
    Watched t(options);
    int refused = 0;
    for (int i = 0; i < 5; ++i) {
      const MessageView m = t.send(t.subscribe());
      refused += m.status() == 503 && m.has(HeaderId::retry_after) ? 1 : 0;
    }
    CHECK(refused == 2);
  }
  SECTION("hardening A70: every method is challenged outside dialogs") {
    options.challenge = Credentials{"u", "p", "r"};
    options.user_agent.notifier.refer = true;
    Watched t(options);
    for (const char* method :
         {"SUBSCRIBE", "REFER", "PUBLISH", "NOTIFY", "MESSAGE", "FROB", "INFO"}) {
      Letter m = t.eve.request(method, t.bob);
      m.add("Event", "presence").add("Refer-To", "<sip:x@192.0.2.9>");
      CHECK(t.send(m).status() == 401);
    }
    CHECK(t.bob.count<SubscriptionArrived>() == 0);
    CHECK(t.bob.count<ReferArrived>() == 0);
  }
  SECTION("none are served without packages") {
    Watched t{CoreOptions{}};
    CHECK(t.send(t.subscribe()).status() == 405);
  }
}

TEST_CASE(
    "hardening A71: a SUBSCRIBE with a wrong dialog identifier is none of the subscription's") {
  Watched t;
  const Letter first = t.subscribe();
  const Message ok = (t.send(first), t.eve.last("200 SUBSCRIBE").message);
  const auto notifies = t.eve.count("NOTIFY");
  for (const char* field : {"Call-ID", "From", "To"}) {
    Letter wrong = t.eve.within(first, ok.view(), "SUBSCRIBE", 2);
    wrong.set("Expires", "0");
    wrong.set(field, std::string(field) == "Call-ID" ? "wrong" : "<sip:x@s.invalid>;tag=wrong");
    CHECK(t.send(wrong).status() == 481);
  }
  CHECK(t.bob.ua().subscriptions() == 1);
  CHECK(t.eve.count("NOTIFY") == notifies);
}

TEST_CASE("hardening A74: every command may be given from any event of a subscription") {
  // What ends things is done from inside each event, on both sides; nothing may be left.
  for (int action = 0; action < 4; ++action) {
    INFO(action);
    TwoPhones t;
    const auto act = [action](Phone& phone, const UserEvent& event, TimePoint now) {
      if (action < 2) allows(phone, event, now);
      SubscriptionId s;
      NotifierId n;
      if (const auto* e = std::get_if<NotifyReceived>(&event)) s = e->subscription;
      if (const auto* e = std::get_if<SubscriptionChanged>(&event)) s = e->subscription;
      if (const auto* e = std::get_if<SubscriptionArrived>(&event)) n = e->notifier;
      if (const auto* e = std::get_if<NotifierEnded>(&event)) n = e->notifier;
      if (s) phone.ua().unsubscribe(s, now);
      if (action == 1 && n) phone.ua().terminate(n, "noresource", now);
      if (action == 2 && n) phone.ua().reject(n, 486, now);
      if (action == 3) phone.ua().shut_down(now);
    };
    t.alice.user = act;
    t.bob.user = act;
    t.subscribe();
    CHECK(t.alice.last<SubscriptionChanged>().state == State::ended);
    t.must_come_to_rest();
  }
}

TEST_CASE("a notifier's route set is that of the SUBSCRIBE") {
  const std::string proxies = "<sip:192.0.2.9;lr;p=1>, <sip:192.0.2.8;lr;p=2>";
  TwoPhones t;
  Stranger eve(t.network, "eve", "192.0.2.9");
  Letter subscribe = eve.request("SUBSCRIBE", t.bob);
  subscribe.add("Event", "presence").add("Record-Route", proxies);
  eve.send(subscribe, t.bob.where);
  CHECK(eve.answer_to(subscribe).raw(HeaderId::record_route) == proxies);
  const MessageView notify = eve.last("NOTIFY").message.view();
  std::string routes;
  for (const auto& route : notify.all(hdr::route)) routes.append(*route->uri.params.find("p"));
  CHECK(routes == "12");
  CHECK(notify.uri_text() == "sip:stranger@192.0.2.9:5060");
}
