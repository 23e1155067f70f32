// SPDX-License-Identifier: Apache-2.0
// A subscriber whose notifier the test plays. RFC 6665 section 4.1.
#include <algorithm>

#include "subscribing.hpp"

using namespace sipstack;
using namespace sipstack::testing;

namespace {

using State = SubscriptionChanged::State;

/// Alice subscribes to a notifier that the test plays.
struct Watching {
  Watching() : alice(network, "alice", "192.0.2.1"), notifier(network, "notifier", "192.0.2.9") {
    options = presence_of("sip:bob@192.0.2.9");
    options.credentials = {{"alice", "secret", ""}};
  }
  void start() {
    network.now([this](TimePoint now) { id = alice.ua().subscribe(options, now).value(); });
    network.run(milliseconds(1));
  }
  Letter granting(const std::string& expires) {
    Letter extra;
    extra.add("Expires", expires).add("Contact", "<sip:bob@192.0.2.9>");
    return extra;
  }
  Letter notify(const std::string& tag, const std::string& state, int cseq = 1) {
    const MessageView s = notifier.last("SUBSCRIBE").message.view();
    Letter out;
    out.start = "NOTIFY sip:sipstack@192.0.2.1:5060 SIP/2.0";
    out.add("Via", "SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKn" + std::to_string(++branch));
    out.add("Max-Forwards", "70");
    out.add("From", "<sip:bob@192.0.2.9>;tag=" + tag);
    out.add("To", std::string(*s.raw(HeaderId::from)));
    out.add("Call-ID", std::string(s.call_id()));
    out.add("CSeq", std::to_string(cseq) + " NOTIFY");
    out.add("Contact", "<sip:" + tag + "@192.0.2.9>");
    out.add("Event", std::string(*s.raw(HeaderId::event)));
    if (!state.empty()) out.add("Subscription-State", state);
    return out;
  }
  int send(const Letter& letter) {
    notifier.send(letter, alice.where);
    return notifier.answer_to(letter).status();
  }
  /// A subscription that stands.
  void stand(const std::string& expires = "600") {
    start();
    notifier.reply(notifier.last("SUBSCRIBE"), 200, "n", granting(expires));
    CHECK(send(notify("n", "active;expires=" + expires)) == 200);
  }
  const SubscriptionChanged& changed() { return alice.last<SubscriptionChanged>(); }

  Network network;
  Phone alice;
  Stranger notifier;
  SubscriptionOptions options;
  SubscriptionId id;
  int branch = 0;
};

}  // namespace

TEST_CASE("a NOTIFY that overtakes the 200 makes the subscription") {
  Watching t;
  t.start();
  CHECK(t.send(t.notify("n", "active;expires=300")) == 200);
  CHECK(t.changed().state == State::active);
  t.notifier.reply(t.notifier.last("SUBSCRIBE"), 200, "n", t.granting("300"));
  CHECK(t.alice.count<SubscriptionChanged>() == 1);
  const MessageView s = t.notifier.last("SUBSCRIBE").message.view();
  CHECK(s.raw(HeaderId::event) == "presence");
  CHECK(s.get(hdr::expires)->number == 600);
  CHECK(s.raw(HeaderId::accept) == "application/pidf+xml");
  CHECK(s.has(HeaderId::contact));
  // Refreshed by what the NOTIFY said, at the Contact that it had.
  t.network.run(seconds(271));
  REQUIRE(t.notifier.count("SUBSCRIBE") >= 2);
  CHECK(t.notifier.last("SUBSCRIBE").message->uri_text() == "sip:n@192.0.2.9");
  CHECK(t.notifier.last("SUBSCRIBE").message->to_tag() == "n");
  CHECK(t.notifier.last("SUBSCRIBE").message->cseq().number == 2);
}

TEST_CASE("the route set of a subscription is that of its NOTIFY") {
  const std::string proxies = "<sip:192.0.2.9;lr;p=1>, <sip:192.0.2.8;lr;p=2>";
  Watching t;
  t.start();
  CHECK(t.send(t.notify("n", "active;expires=60").add("Record-Route", proxies)) == 200);
  t.notifier.reply(t.notifier.last("SUBSCRIBE"), 200, "n",
                   t.granting("60").add("Record-Route", "<sip:192.0.2.7;lr>"));
  t.network.now([&](TimePoint now) { CHECK_FALSE(t.alice.ua().refresh(t.id, now)); });
  t.network.run(milliseconds(1));
  const MessageView s = t.notifier.last("SUBSCRIBE").message.view();
  std::string routes;
  for (const auto& route : s.all(hdr::route)) routes.append(*route->uri.params.find("p"));
  CHECK(routes == "12");
  CHECK(s.uri_text() == "sip:n@192.0.2.9");
}

TEST_CASE("without a NOTIFY there is no subscription: Timer N") {
  Watching t;
  t.start();
  t.notifier.reply(t.notifier.last("SUBSCRIBE"), 200, "n", t.granting("600"));
  t.network.run(seconds(31));
  CHECK(t.alice.count<SubscriptionChanged>() == 0);
  t.network.run(seconds(2));
  CHECK(t.changed().state == State::ended);
  CHECK(t.changed().error == Errc::timeout);
  CHECK(t.send(t.notify("n", "active")) == 481);
}

TEST_CASE(
    "a SUBSCRIBE that forks makes a subscription with each notifier, or with the first alone") {
  Watching t;
  t.options.one_dialog = GENERATE(false, true);
  t.start();
  CHECK(t.send(t.notify("one", "active;expires=600")) == 200);
  CHECK(t.send(t.notify("two", "pending;expires=600")) == (t.options.one_dialog ? 481 : 200));
  CHECK(t.send(t.notify("two", "active;expires=600", 2)) == (t.options.one_dialog ? 481 : 200));
  t.notifier.reply(t.notifier.last("SUBSCRIBE"), 200, "one", t.granting("600"));
  CHECK(t.alice.ua().subscriptions() == (t.options.one_dialog ? 1U : 2U));
  if (t.options.one_dialog) return;
  CHECK(t.alice.last<SubscriptionForked>().of == t.id);
  CHECK(t.alice.last<NotifyReceived>().subscription ==
        t.alice.last<SubscriptionForked>().subscription);
  // Behind Timer N nobody else is let in.
  t.network.run(seconds(33));
  CHECK(t.send(t.notify("three", "active")) == 481);
  // The end of one is not the end of the other.
  CHECK(t.send(t.notify("one", "terminated;reason=noresource", 2)) == 200);
  CHECK(t.changed().subscription == t.id);
  CHECK(t.changed().state == State::ended);
  CHECK(t.alice.ua().subscriptions() == 1);
  CHECK(t.send(t.notify("two", "active;expires=600", 3)) == 200);
}

TEST_CASE("forks of one SUBSCRIBE are limited") {
  Watching t;
  t.options.max_forks = 2;
  t.start();
  int accepted = 0;
  for (int i = 0; i < 8; ++i)
    accepted += t.send(t.notify("f" + std::to_string(i), "active;expires=60")) == 200 ? 1 : 0;
  CHECK(accepted == 3);
}

TEST_CASE("every reason of an end has its rule") {
  struct Rule {
    const char* state;
    bool again;
    int after_s;  // at the earliest
    int until_s;
  };
  const Rule rule = GENERATE(Rule{"terminated;reason=deactivated;retry-after=500", true, 0, 1},
                             Rule{"terminated;reason=timeout", true, 0, 1},
                             Rule{"terminated;reason=probation;retry-after=100", true, 100, 101},
                             Rule{"terminated;reason=probation", true, 15, 31},
                             Rule{"terminated;reason=giveup;retry-after=70", true, 70, 71},
                             Rule{"terminated;reason=giveup", true, 15, 31},
                             Rule{"terminated;reason=rejected;retry-after=1", false, 0, 0},
                             Rule{"terminated;reason=noresource", false, 0, 0},
                             Rule{"terminated;reason=invariant;retry-after=5", false, 0, 0},
                             Rule{"terminated;reason=whatever;retry-after=40", true, 40, 41},
                             Rule{"terminated", true, 15, 31});
  INFO(rule.state);
  Watching t;
  t.stand();
  const std::string call_id(t.notifier.last("SUBSCRIBE").message->call_id());
  t.network.run(seconds(40));
  const auto before = t.notifier.count("SUBSCRIBE");
  CHECK(t.send(t.notify("n", rule.state, 2)) == 200);
  if (!rule.again) {
    CHECK(t.changed().state == State::ended);
    t.network.run(seconds(1000));
    CHECK(t.notifier.count("SUBSCRIBE") == before);
    t.alice.must_be_empty();
    return;
  }
  CHECK(t.changed().state == State::retrying);
  if (rule.after_s > 1) t.network.run(seconds(rule.after_s - 1));
  if (rule.after_s > 1) CHECK(t.notifier.count("SUBSCRIBE") == before);
  t.network.run(seconds(rule.until_s - std::max(0, rule.after_s - 1)));
  REQUIRE(t.notifier.count("SUBSCRIBE") > before);
  const MessageView s = t.notifier.last("SUBSCRIBE").message.view();
  CHECK(s.call_id() != call_id);
  CHECK(s.to_tag().empty());
  CHECK(s.uri_text() == "sip:bob@192.0.2.9");
}

TEST_CASE("a notifier that ends each subscription at once is asked more and more rarely") {
  Watching t;
  t.notifier.on_message = [&](const Stranger::Heard& heard) {
    if (message_label(heard.message.bytes()) != "SUBSCRIBE") return;
    t.network.at(t.network.time(), [&](TimePoint) {
      MessageIndex scratch;
      const auto send = [&](const Letter& letter) {
        auto m = Message::parse(t.notifier.pool_, letter.text(), scratch);
        t.notifier.queue({*m, {Transport::udp, t.notifier.where, t.alice.where, 0}, {}});
      };
      send(t.notify("n", "terminated;reason=deactivated"));
    });
  };
  t.options.expires = 3600;
  t.start();
  t.network.run(seconds(3600));
  std::vector<std::string> asked;
  for (const auto& heard : t.notifier.all)
    if (message_label(heard.message.bytes()) == "SUBSCRIBE") {
      const std::string call_id(heard.message->call_id());
      if (std::find(asked.begin(), asked.end(), call_id) == asked.end()) asked.push_back(call_id);
    }
  CHECK(asked.size() >= 4);
  CHECK(asked.size() <= 12);
}

TEST_CASE(
    "423 is answered with Min-Expires, 401 with credentials, anything else ends a first try") {
  Watching t;
  t.options.expires = 30;
  t.start();
  t.notifier.reply(t.notifier.last("SUBSCRIBE"), 423, "n", Letter().add("Min-Expires", "900"));
  CHECK(t.notifier.last("SUBSCRIBE").message->get(hdr::expires)->number == 900);
  t.notifier.reply(
      t.notifier.last("SUBSCRIBE"), 401, "n",
      Letter().add("WWW-Authenticate", "Digest realm=\"r\", nonce=\"n\", qop=\"auth\""));
  CHECK(t.notifier.last("SUBSCRIBE").message->has(HeaderId::authorization));
  CHECK(t.notifier.last("SUBSCRIBE").message->cseq().number == 3);
  SECTION("refused") {
    const int status = GENERATE(403, 481, 489, 500, 603);
    t.notifier.reply(t.notifier.last("SUBSCRIBE"), status, "n");
    CHECK(t.changed().state == State::ended);
    CHECK(t.changed().message->status() == status);
    CHECK(t.alice.ua().subscriptions() == 0);
  }
  SECTION("423 for ever") {
    for (int i = 1; i < 6; ++i)
      t.notifier.reply(t.notifier.last("SUBSCRIBE"), 423, "n",
                       Letter().add("Min-Expires", std::to_string(1000 * i)));
    CHECK(t.notifier.count("SUBSCRIBE") <= 4);
    CHECK(t.changed().state == State::ended);
  }
}

TEST_CASE("a refresh that is refused: what ends the subscription and what does not") {
  Watching t;
  t.stand();
  t.network.run(seconds(545));
  REQUIRE(t.notifier.count("SUBSCRIBE") >= 2);
  SECTION("the subscription is over") {
    const int status = GENERATE(404, 405, 410, 416, 480, 482, 483, 484, 485, 489, 501, 604);
    t.notifier.reply(t.notifier.last("SUBSCRIBE"), status, "n");
    CHECK(t.changed().state == State::ended);
  }
  SECTION("481: asked for anew") {
    t.notifier.reply(t.notifier.last("SUBSCRIBE"), 481, "n");
    CHECK(t.changed().state == State::retrying);
    t.network.run(milliseconds(2));
    CHECK(t.notifier.last("SUBSCRIBE").message->to_tag().empty());
  }
  SECTION("good until it expires, and tried once more before") {
    t.notifier.reply(t.notifier.last("SUBSCRIBE"), 500, "n");
    CHECK(t.changed().state == State::active);
    t.network.run(seconds(31));
    CHECK(t.notifier.count("SUBSCRIBE") >= 3);
    CHECK(t.send(t.notify("n", "active;expires=600", 2)) == 200);
    CHECK(t.changed().state == State::active);
  }
  SECTION("no answer at all: over, and asked for anew later") {
    t.network.run(seconds(33));
    CHECK(t.changed().state == State::retrying);
  }
}

TEST_CASE("a NOTIFY that is no good is refused and changes nothing") {
  Watching t;
  t.stand();
  CHECK(t.send(t.notify("n", "", 2)) == 400);
  CHECK(t.send(t.notify("n", "active;expires=600", 2).remove("Event")) == 489);
  CHECK(t.send(t.notify("n", "active", 2).set("Event", "dialog")) == 481);
  CHECK(t.send(t.notify("n", "active", 2).set("Event", "presence;id=7")) == 481);
  CHECK(t.send(t.notify("n", "active", 2).set("Call-ID", "other")) == 481);
  CHECK(t.send(t.notify("n", "active", 2).set("To", "<sip:alice@a.invalid>;tag=x")) == 481);
  CHECK(t.send(t.notify("n", "active", 2).set("To", "<sip:alice@a.invalid>")) == 481);
  CHECK(t.send(t.notify("n", "active", 2).add("Require", "frobnication")) == 420);
  CHECK(t.send(t.notify("n", "active;expires=600", 7)) == 200);
  CHECK(t.send(t.notify("n", "terminated", 6)) == 500);  // hardening A72
  CHECK(t.alice.count<NotifyReceived>() == 2);
  CHECK(t.alice.ua().subscriptions() == 1);
}

TEST_CASE("hardening A75: whatever expiry a notifier names, it is asked at most twice a second") {
  for (const char* expires : {"0", "1", "2", "4", "5", "2147483648", "4294967295", "4294967296",
                              "99999999999999999999"}) {
    INFO(expires);
    Watching t;
    t.notifier.on_message = [&](const Stranger::Heard& heard) {
      if (message_label(heard.message.bytes()) != "SUBSCRIBE") return;
      t.network.at(t.network.time(), [&t, heard, expires](TimePoint) {
        MessageIndex scratch;
        const auto send = [&](const Letter& letter) {
          auto m = Message::parse(t.notifier.pool_, letter.text(), scratch);
          if (m) t.notifier.queue({*m, {Transport::udp, t.notifier.where, t.alice.where, 0}, {}});
        };
        Letter ok = t.notifier.response(heard.message.view(), 200, "n");
        ok.add("Expires", expires).add("Contact", "<sip:n@192.0.2.9>");
        send(ok);
        send(t.notify("n", "active;expires=" + std::string(expires),
                      static_cast<int>(heard.message->cseq().number)));
      });
    };
    t.start();
    t.network.run(seconds(100));
    CHECK(t.notifier.count("SUBSCRIBE") >= 1);
    CHECK(t.notifier.count("SUBSCRIBE") <= 202);
  }
}
