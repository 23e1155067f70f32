// SPDX-License-Identifier: Apache-2.0
// What broke other systems between transactions and dialogs: hardening A47 to A53, A55 and A60, with whole
// cores. Alice is ours, the stranger follows no rule.
#include <algorithm>
#include <array>
#include <numeric>

#include "../dialog/phones.hpp"

using namespace sipstack;
using namespace sipstack::testing;

namespace {

struct Scene {
  explicit Scene(const CoreOptions& options = {})
      : alice(network, "alice", "192.0.2.1", options), stranger(network, "stranger", "192.0.2.9") {}

  CallId call() {
    CallId made;
    network.now([&](TimePoint now) {
      made = alice.ua().invite(call_to("sip:s@" + stranger.where.to_string()), now).value();
    });
    network.run(milliseconds(1));
    return made;
  }
  // Bytes that need not be SIP.
  void throw_at_alice(const std::string& bytes) {
    network.now([&](TimePoint now) {
      alice.receive(bytes, {Transport::udp, alice.where, stranger.where, 0}, now);
    });
    network.run(milliseconds(1));
  }
  void at_alice(const std::function<void(UserAgent&, TimePoint)>& what) {
    network.now([&](TimePoint now) { what(alice.ua(), now); });
    network.run(milliseconds(1));
  }
  static Letter cancel(const Letter& invite) {
    Letter out = invite;
    out.start = "CANCEL" + invite.start.substr(invite.start.find(' '));
    out.set("CSeq", std::to_string(std::stoi(value(invite, "CSeq"))) + " CANCEL");
    out.body.clear();
    return out.remove("Contact").remove("Content-Type");
  }
  static std::string value(const Letter& letter, const std::string& name) {
    for (const auto& [field, text] : letter.lines)
      if (field == name) return text;
    return {};
  }
  void must_end() {
    at_alice([](UserAgent& ua, TimePoint now) { ua.shut_down(now); });
    stranger.all.clear();
    CHECK(network.run_to_rest(network.time() + seconds(600)));
    alice.must_be_empty();
  }

  Network network;
  Phone alice;
  Stranger stranger;
};

// Every order of the numbers below n.
template <class Try>
void in_every_order(int n, Try&& attempt) {
  std::vector<int> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  do {
    std::string text;
    for (const int step : order) text += std::to_string(step);
    INFO("order " << text);
    attempt(order);
  } while (std::next_permutation(order.begin(), order.end()));
}

}  // namespace

TEST_CASE("A47: CANCEL gets its 200 but the INVITE no 487: it ends 64*T1 later") {
  Scene t;
  const CallId call = t.call();
  t.stranger.reply(t.stranger.last("INVITE"), 180, "x");
  t.at_alice([&](UserAgent& ua, TimePoint now) { ua.hang_up(call, now); });
  t.stranger.reply(t.stranger.last("CANCEL"), 200, "x");
  t.network.run(milliseconds(31'900));
  CHECK(t.alice.core().transactions().clients() == 1);
  CHECK(t.alice.count<CallEnded>() == 0);
  t.network.run(milliseconds(200));
  CHECK(t.alice.count<CallEnded>() == 1);
  CHECK(t.alice.core().transactions().clients() == 0);
  t.must_end();
}

TEST_CASE("A48: a re-INVITE that gets nothing but malformed answers is given up, with BYE") {
  const char* const broken[][2] = {{"Via: ", "X-Via: "},
                                   {"Via: SIP/2.0/UDP ", "Via: SIP/2.0/UDP :;"},
                                   {"CSeq: ", "X-CSeq: "},
                                   {"CSeq: 2 ", "CSeq: 99999999999 "},
                                   {"CSeq: 2 INVITE", "CSeq: 2 BYE"},
                                   {"To: ", "X-To: "},
                                   {"To: <", "To: <<<"},
                                   {"SIP/2.0 200", "SIP/2.0 2000"},
                                   {"branch=z9", "branch=x9"}};
  Scene t;
  const CallId call = t.call();
  t.stranger.answer(t.stranger.last("INVITE"), "x");
  REQUIRE(t.alice.count<CallAnswered>() == 1);
  t.at_alice([&](UserAgent& ua, TimePoint now) { REQUIRE_FALSE(ua.reinvite(call, kOffer, now)); });
  const auto again = t.stranger.last("INVITE");
  Letter good = t.stranger.response(again.message.view(), 200, "x");
  good.add("Contact", "<sip:x@192.0.2.9>").with("application/sdp", kAnswer);
  for (const auto& [what, with] : broken) {
    std::string text = good.text();
    const std::size_t at = text.find(what);
    REQUIRE(at != std::string::npos);
    text.replace(at, std::string(what).size(), with);
    for (int i = 0; i < 3; ++i) t.throw_at_alice(text);
    t.network.run(seconds(1));
  }
  CHECK(t.alice.count<CallAnswered>() == 1);
  t.network.run(seconds(33));
  CHECK(t.stranger.count("BYE") >= 1);
  CHECK(t.alice.count<ReinviteFailed>() + t.alice.count<CallEnded>() >= 1);
  t.stranger.reply(t.stranger.last("BYE"), 200, "");
  CHECK(t.alice.count<CallEnded>() == 1);
  t.must_end();
}

TEST_CASE("A49: the stranger's re-INVITE, BYE, CANCEL, ACK and our answer, in every order") {
  in_every_order(6, [](const std::vector<int>& order) {
    Scene t;
    t.alice.user = [](Phone& phone, const UserEvent& event, TimePoint now) {
      if (const auto* call = std::get_if<CallArrived>(&event))
        phone.ua().accept(call->call, kAnswer, now);
    };
    const Letter invite = t.stranger.request("INVITE", t.alice);
    t.stranger.send(invite, t.alice.where);
    const Message ok = t.stranger.last("200 INVITE").message;
    t.stranger.send(t.stranger.within(invite, ok.view(), "ACK", 1), t.alice.where);
    const CallId call = t.alice.last<CallArrived>().call;

    Letter again = t.stranger.within(invite, ok.view(), "INVITE", 2);
    again.with("application/sdp", kOffer);
    const Letter bye = t.stranger.within(invite, ok.view(), "BYE", 3);
    Letter ack_of_487 = t.stranger.within(invite, ok.view(), "ACK", 2);
    ack_of_487.set("Via", Scene::value(again, "Via"));
    for (const int step : order) {
      switch (step) {
        case 0: t.stranger.send(again, t.alice.where); break;
        case 1: t.stranger.send(bye, t.alice.where); break;
        case 2: t.stranger.send(Scene::cancel(again), t.alice.where); break;
        case 3:
          t.at_alice([&](UserAgent& ua, TimePoint now) { ua.accept(call, kAnswer, now); });
          break;
        case 4:
          t.stranger.send(t.stranger.within(invite, ok.view(), "ACK", 2), t.alice.where);
          break;
        default: t.stranger.send(ack_of_487, t.alice.where); break;
      }
    }
    t.must_end();
    CHECK(t.alice.ua().calls() == 0);
  });
}

TEST_CASE("A49: our re-INVITE, our BYE, and the stranger's 180, 200, 487 and BYE, in every order") {
  in_every_order(6, [](const std::vector<int>& order) {
    Scene t;
    const CallId call = t.call();
    t.stranger.answer(t.stranger.last("INVITE"), "x");
    const auto made = t.stranger.last("INVITE");
    const auto reply = [&](int status) {
      const auto again = t.stranger.last("INVITE");
      if (again.message->head().cseq == made.message->head().cseq) return;  // not sent yet
      Letter letter = t.stranger.response(again.message.view(), status, "x");
      letter.add("Contact", "<sip:x@192.0.2.9>");
      if (status == 200) letter.with("application/sdp", kAnswer);
      t.stranger.send(letter, t.alice.where);
    };
    for (const int step : order) {
      switch (step) {
        case 0:
          t.at_alice([&](UserAgent& ua, TimePoint now) { ua.reinvite(call, kOffer, now); });
          break;
        case 1: t.at_alice([&](UserAgent& ua, TimePoint now) { ua.hang_up(call, now); }); break;
        case 2: reply(180); break;
        case 3: reply(200); break;
        case 4: reply(487); break;
        default: {
          Letter bye = t.stranger.request("BYE", t.alice);
          bye.set("From", std::string(*made.message->raw(HeaderId::to)) + ";tag=x");
          bye.set("To", std::string(*made.message->raw(HeaderId::from)));
          bye.set("Call-ID", std::string(made.message->call_id()));
          t.stranger.send(bye, t.alice.where);
        }
      }
    }
    t.must_end();
  });
}

TEST_CASE("A50: a CANCEL again gets the same 200; one of another branch or sent-by gets 481") {
  Scene t;
  const Letter invite = t.stranger.request("INVITE", t.alice);
  t.stranger.send(invite, t.alice.where);
  const Letter cancel = Scene::cancel(invite);
  Letter fresh = cancel;
  fresh.set("Via", "SIP/2.0/UDP " + t.stranger.where.to_string() + ";branch=z9hG4bKfresh");
  t.stranger.send(fresh, t.alice.where);
  CHECK(t.stranger.count("481 CANCEL") == 1);
  Letter moved = cancel;
  std::string via = Scene::value(invite, "Via");
  via.replace(via.find("192.0.2.9"), 9, "10.0.0.99");
  moved.set("Via", via);
  t.stranger.send(moved, t.alice.where);
  CHECK(t.stranger.count("481 CANCEL") == 2);
  CHECK(t.alice.count<CallEnded>() == 0);
  CHECK(t.stranger.count("487 INVITE") == 0);

  t.stranger.send(cancel, t.alice.where);
  CHECK(t.alice.count<CallEnded>() == 1);
  const Message first = t.stranger.last("200 CANCEL").message;
  for (int i = 0; i < 3; ++i) t.stranger.send(cancel, t.alice.where);
  CHECK(t.stranger.count("200 CANCEL") == 4);
  CHECK(t.stranger.last("200 CANCEL").message.bytes() == first.bytes());
  CHECK(t.stranger.count("481 CANCEL") == 2);
  t.must_end();
}

TEST_CASE("A50: a CANCEL of ours has the topmost Via of its INVITE, and its Request-URI") {
  Scene t;
  const CallId call = t.call();
  const Message invite = t.stranger.last("INVITE").message;
  t.stranger.reply(t.stranger.last("INVITE"), 180, "x");
  t.at_alice([&](UserAgent& ua, TimePoint now) { ua.hang_up(call, now); });
  const Message cancel = t.stranger.last("CANCEL").message;
  CHECK(cancel->raw(HeaderId::via) == invite->raw(HeaderId::via));
  CHECK(cancel->uri_text() == invite->uri_text());
  CHECK(cancel->call_id() == invite->call_id());
  CHECK(cancel->head().cseq == invite->head().cseq);
  CHECK(cancel->head().vias == 1);
  t.must_end();
}

TEST_CASE(
    "A51: an ACK for a 603 with another branch is dropped, and the 603 waits on for its own") {
  Scene t;
  t.alice.user = [](Phone& phone, const UserEvent& event, TimePoint now) {
    if (const auto* call = std::get_if<CallArrived>(&event))
      phone.ua().reject(call->call, 603, now);
  };
  const Letter invite = t.stranger.request("INVITE", t.alice);
  t.stranger.send(invite, t.alice.where);
  const Message refused = t.stranger.last("603 INVITE").message;
  t.stranger.send(t.stranger.within(invite, refused.view(), "ACK", 1), t.alice.where);
  t.network.run(milliseconds(600));
  CHECK(t.stranger.count("603 INVITE") == 2);  // timer G goes on
  Letter ack = t.stranger.within(invite, refused.view(), "ACK", 1);
  ack.set("Via", Scene::value(invite, "Via"));
  t.stranger.send(ack, t.alice.where);
  t.network.run(seconds(40));
  CHECK(t.stranger.count("603 INVITE") == 2);  // G is stopped, and fires no more when all is gone
  CHECK(t.alice.core().transactions().servers() == 0);
  t.must_end();
}

TEST_CASE(
    "A51: each 200 that comes again gets the same ACK again, also before the first was sent") {
  Scene t;
  t.call();
  const auto invite = t.stranger.last("INVITE");
  Letter ok = t.stranger.response(invite.message.view(), 200, "x");
  ok.add("Contact", "<sip:x@192.0.2.9>").with("application/sdp", kAnswer);
  for (int i = 0; i < 3; ++i) t.throw_at_alice(ok.text());
  CHECK(t.stranger.count("ACK") == 3);
  const std::string last(t.stranger.last("ACK").message.bytes());
  for (const auto& heard : t.stranger.all)
    if (message_label(heard.message.bytes()) == "ACK") CHECK(heard.message.bytes() == last);
  t.network.run(seconds(40));
  CHECK(t.alice.count<CallAnswered>() == 1);
  t.must_end();
}

TEST_CASE(
    "A52: PRACK, CANCEL, the user's 180 and its 487, and ACK, in every order, leave nothing") {
  in_every_order(5, [](const std::vector<int>& order) {
    Scene t;
    Letter invite = t.stranger.request("INVITE", t.alice);
    invite.add("Supported", "100rel");
    t.stranger.send(invite, t.alice.where);
    const CallId call =
        t.alice.count<CallArrived>() == 0 ? CallId{} : t.alice.last<CallArrived>().call;
    const auto to = [&] {
      for (const char* label : {"180 INVITE", "487 INVITE"})
        if (t.stranger.count(label) != 0)
          return std::string(*t.stranger.last(label).message->raw(HeaderId::to));
      return Scene::value(invite, "To") + ";tag=unknown";
    };
    for (const int step : order) {
      switch (step) {
        case 0: {
          Letter prack = t.stranger.request("PRACK", t.alice);
          prack.set("From", Scene::value(invite, "From"))
              .set("Call-ID", Scene::value(invite, "Call-ID"));
          prack.set("To", to()).set("CSeq", "2 PRACK").add("RAck", "1 1 INVITE");
          t.stranger.send(prack, t.alice.where);
          break;
        }
        case 1: t.stranger.send(Scene::cancel(invite), t.alice.where); break;
        case 2: t.at_alice([&](UserAgent& ua, TimePoint now) { ua.ring(call, 180, now); }); break;
        case 3: t.at_alice([&](UserAgent& ua, TimePoint now) { ua.reject(call, 487, now); }); break;
        default: {
          Letter ack = invite;
          ack.start = "ACK" + invite.start.substr(6);
          ack.set("To", to()).set("CSeq", "1 ACK").remove("Content-Type").body.clear();
          t.stranger.send(ack, t.alice.where);
        }
      }
    }
    t.must_end();
  });
}

TEST_CASE("A53: a user who never answers is answered for, and nothing stays") {
  Scene t;
  t.alice.user = nullptr;  // hears of the call and does nothing, ever
  const Letter invite = t.stranger.request("INVITE", t.alice);
  t.stranger.send(invite, t.alice.where);
  t.network.run(seconds(179));
  CHECK(t.alice.core().transactions().servers() == 1);
  t.network.run(seconds(2));
  std::size_t finals = 0;
  for (const auto& heard : t.stranger.all) finals += heard.message->status() >= 300 ? 1U : 0U;
  CHECK(finals >= 1);
  t.network.run(seconds(40));
  CHECK(t.alice.core().transactions().servers() == 0);
  CHECK(t.alice.count<CallEnded>() == 1);
  t.must_end();
}

TEST_CASE(
    "A55: a stranger's INVITE is challenged once, for less than what it cost, and costs no "
    "memory") {
  CoreOptions options;
  options.challenge = Credentials{"alice", "secret", "example.com"};
  Scene t(options);
  Letter invite = t.stranger.request("INVITE", t.alice);  // as telephones write it
  invite.add("User-Agent", "telephone 1.0");
  invite.add("Allow", "INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE, REFER, NOTIFY");
  t.stranger.send(invite, t.alice.where);
  CHECK(t.alice.core().transactions().servers() == 0);
  CHECK(t.alice.core().pool().live() == 0);
  t.network.run(seconds(60));
  REQUIRE(t.stranger.count("401 INVITE") == 1);
  const Message challenge = t.stranger.last("401 INVITE").message;
  CHECK(static_cast<double>(challenge.bytes().size()) <=
        1.5 * static_cast<double>(invite.text().size()));
  CHECK(t.alice.count<CallArrived>() == 0);

  // A copy gets the same tag, and the ACK for it ends there.
  t.stranger.send(invite, t.alice.where);
  CHECK(t.stranger.last("401 INVITE").message->to_tag() == challenge->to_tag());
  Letter ack = t.stranger.within(invite, challenge.view(), "ACK", 1);
  ack.set("Via", Scene::value(invite, "Via"));
  t.stranger.send(ack, t.alice.where);
  CHECK(t.alice.core().transactions().servers() == 0);
  CHECK(t.stranger.all.size() == 2);
  t.must_end();
}

TEST_CASE("A60: the same request by another path is 482, and no second event") {
  Scene t;
  for (const char* method : {"INVITE", "MESSAGE", "OPTIONS"}) {
    const Letter request = t.stranger.request(method, t.alice);
    t.stranger.send(request, t.alice.where);
    const std::size_t events = t.alice.events.size();
    for (int path = 0; path < 3; ++path) {
      Letter other = request;
      other.set("Via", "SIP/2.0/UDP " + t.stranger.where.to_string() + ";branch=z9hG4bKpath" +
                           std::to_string(path) + method);
      t.stranger.send(other, t.alice.where);
    }
    INFO(method);
    CHECK(t.stranger.count(std::string("482 ") + method) == 3);
    CHECK(t.alice.events.size() == events);
  }
  t.must_end();
}
