// SPDX-License-Identifier: Apache-2.0
// Calls across a B2BUA: set up, refused, cancelled, lost, and ended from either side; nothing is left.
#include "server/b2bua_fixture.hpp"

#include "dialog/phones.hpp"

using namespace sipstack;
using namespace sipstack::testing_b2bua;
using Cause = CallEnded::Cause;

namespace {

void ends_on_both_sides(Bridged& t, std::size_t calls = 1) {
  CHECK(t.alice.count<CallEnded>() == calls);
  CHECK(t.bob.count<CallEnded>() == t.bob.count<CallArrived>());
  CHECK(t.finish() == "");
}

/// Bob refuses with these lines.
Agent::User refuses(int status, ExtraHeaders headers = {}, std::string reason = {}) {
  return [=](Agent& phone, const UserEvent& event, TimePoint now) {
    if (const auto* call = std::get_if<CallArrived>(&event))
      phone.ua().reject(call->call, status, now, reason, headers);
  };
}

}  // namespace

TEST_CASE("b2bua: a call becomes a second one, and its end ends both") {
  Bridged t;
  const CallId call = t.call();
  CHECK(t.alice.count<CallAnswered>() == 1);
  CHECK(t.bob.count<CallConfirmed>() == 1);
  t.then([&](TimePoint now) { t.alice.ua().hang_up(call, now, "Q.850;cause=16;text=\"done\""); });
  CHECK(t.network.ladder().text_without_times() ==
        R"(alice                   b2bua                   bob
|--INVITE-------------->|                       |
|                       |--INVITE-------------->|
|                       |<-180 INVITE-----------|
|                       |<-200 INVITE-----------|
|<-180 INVITE-----------|                       |
|                       |--ACK----------------->|
|<-200 INVITE-----------|                       |
|--ACK----------------->|                       |
|--BYE----------------->|                       |
|<-200 BYE--------------|                       |
|                       |--BYE----------------->|
|                       |<-200 BYE--------------|
)");
  CHECK(t.last("b2bua", "bob", "BYE").line("Reason: ") == "Q.850;cause=16;text=\"done\"");
  CHECK(t.bob.last<CallEnded>()->cause == Cause::remote_bye);
  CHECK(t.b2bua.core().b2bua()->counters().connected == 1);
  ends_on_both_sides(t);
}

TEST_CASE("b2bua: the callee hangs up, and the caller is told") {
  Bridged t;
  t.call();
  t.then([&](TimePoint now) { t.bob.ua().hang_up(t.of_bob(), now); });
  CHECK(t.alice.last<CallEnded>()->cause == Cause::remote_bye);
  ends_on_both_sides(t);
}

TEST_CASE("b2bua: nothing of one side's topology is seen on the other") {
  B2buaOptions options;
  options.pass_headers.push_back("X-*");
  options.pass_headers.push_back("Via");  // no list lets this pass
  Bridged t(options);
  CallOptions o = Bridged::call_to_b2bua();
  o.max_forwards = 9;
  o.headers = {{"X-Account", "17"}, {"Subject", "tea"}, {"P-Asserted-Identity", "<sip:a@x>"}};
  t.call(o);
  const Wire in = t.last("alice", "b2bua", "INVITE"), out = t.last("b2bua", "bob", "INVITE");
  CHECK(out.has("INVITE sip:bob@192.0.2.2:5060 SIP/2.0"));
  CHECK(out.line("Call-ID: ") != in.line("Call-ID: "));
  CHECK(out.line("From: ").substr(0, 33) == "\"Alice\" <sip:alice@example.org>;t");
  CHECK(out.line("From: ") != in.line("From: "));
  CHECK(out.line("Max-Forwards: ") == "8");
  CHECK(out.line("X-Account: ") == "17");
  CHECK(out.line("Subject: ") == "tea");
  CHECK_FALSE(out.has("P-Asserted-Identity"));
  CHECK(out.has("c=IN IP4 192.0.2.1"));  // media go from end to end
  // Her address stands in c= alone.
  CHECK(out.bytes.find("192.0.2.1") == out.bytes.rfind("192.0.2.1"));
  CHECK_FALSE(out.has("o=alice"));
  const Wire ok = t.last("b2bua", "alice", "200 INVITE");
  CHECK(ok.bytes.find("192.0.2.2") == ok.bytes.rfind("192.0.2.2"));
  CHECK_FALSE(ok.has("o=bob"));
  CHECK(ok.has("m=audio 40000"));
  CHECK(t.finish() == "");
}

TEST_CASE("b2bua: each message of a call is lost, doubled or late, and nothing is left") {
  int messages = 0;
  const auto play = [&](int hit, const Fate& fate) {
    Bridged t;
    int n = 0;
    t.fate = [&](const Packet&) { return ++n == hit ? fate : Fate(); };
    const CallId call = t.call(Bridged::call_to_b2bua(), seconds(5));
    INFO("message " << hit << "\n" << t.network.ladder().text());
    CHECK(t.alice.count<CallAnswered>() == 1);
    CHECK(t.bob.count<CallConfirmed>() == 1);
    t.then([&](TimePoint now) { t.alice.ua().hang_up(call, now); }, seconds(40));
    messages = n;
    CHECK(t.bob.count<CallEnded>() == 1);
    CHECK(t.b2bua.count<CallArrived>() == 0);  // none was the application's
    ends_on_both_sides(t);
  };
  play(0, Fate());
  const int all = messages;
  REQUIRE(all >= 12);
  for (int i = 1; i <= all; ++i) {
    play(i, Fate::lost());
    play(i, Fate::twice());
    play(i, Fate::delayed(milliseconds(700)));
  }
}

TEST_CASE("b2bua: refusals come back with what belongs to them") {
  for (const int status : {404, 480, 486, 488, 500, 503, 600, 603}) {
    Bridged t;
    t.bob.user = refuses(status,
                         {{"Retry-After", "120"},
                          {"Warning", "399 pbx.inside.invalid \"no lines\""},
                          {"Reason", "Q.850;cause=17"},
                          {"Error-Info", "<sip:inside.invalid>"}},
                         "Not Now");
    t.call();
    const Wire w = t.last("b2bua", "alice", std::to_string(status) + " INVITE");
    CHECK(w.has("SIP/2.0 " + std::to_string(status) + " Not Now\r\n"));
    CHECK(w.line("Retry-After: ") == "120");
    CHECK(w.line("Warning: ") == "399 b2bua \"no lines\"");
    CHECK(w.line("Reason: ") == "Q.850;cause=17");
    CHECK_FALSE(w.has("inside.invalid"));
    ends_on_both_sides(t);
  }
  // A challenge of the callee's is not for the caller.
  Bridged t;
  t.bob.user = refuses(407, {{"Proxy-Authenticate", "Digest realm=\"b\", nonce=\"n\""}});
  t.call();
  CHECK(t.alice.last<CallEnded>()->status == 403);
  CHECK_FALSE(t.last("b2bua", "alice", "403 INVITE").has("nonce"));
  ends_on_both_sides(t);
}

TEST_CASE("b2bua: redirection is followed, or passed") {
  for (const bool follow : {true, false}) {
    B2buaOptions options;
    options.follow_redirects = follow;
    Bridged t(options);
    int calls = 0;
    t.bob.user = [&](Agent& phone, const UserEvent& event, TimePoint now) {
      const auto* call = std::get_if<CallArrived>(&event);
      if (call == nullptr) return;
      if (++calls == 1)
        phone.ua().reject(call->call, 302, now, {}, {{"Contact", "<sip:home@192.0.2.2:5060>"}});
      else
        phone.ua().accept(call->call, kOfBob, now);
    };
    CallOptions o = Bridged::call_to_b2bua();
    o.max_redirects = 0;
    t.call(o);
    if (follow) {
      CHECK(t.alice.count<CallAnswered>() == 1);
      CHECK(t.last("b2bua", "bob", "INVITE").has("INVITE sip:home@192.0.2.2:5060 "));
    } else {
      CHECK(t.alice.last<CallEnded>()->status == 302);
      CHECK(t.last("b2bua", "alice", "302 INVITE").line("Contact: ") ==
            "<sip:home@192.0.2.2:5060>");
    }
    CHECK(t.finish() == "");
  }
}

TEST_CASE("b2bua: the targets of a policy are tried in turn, with its headers and caller") {
  B2buaOptions options;
  options.route = [](CallId, const Message& request, const Flow& flow) {
    B2buaRoute route;
    if (request->uri_text().substr(0, 11) == "sip:nobody@") {
      route.status = 410;
      route.reason = "Moved Out";
      return route;
    }
    CHECK(flow.remote.ip.to_string() == "192.0.2.1");
    route.targets = {"sip:nowhere@192.0.2.9:5060", "sip:busy@192.0.2.2:5060",
                     "sip:bob@192.0.2.2:5060"};
    route.from = "<sip:gateway@example.net>";
    route.headers = {{"P-Asserted-Identity", "<sip:alice@example.net>"}};
    return route;
  };
  Bridged t(options);
  t.bob.user = [](Agent& phone, const UserEvent& event, TimePoint now) {
    const auto* call = std::get_if<CallArrived>(&event);
    if (call == nullptr) return;
    if (call->invite->uri_text().substr(0, 8) == "sip:busy")
      phone.ua().reject(call->call, 486, now);
    else
      phone.ua().accept(call->call, kOfBob, now);
  };
  const CallId call = t.call(Bridged::call_to_b2bua(), seconds(40));
  CHECK(t.alice.count<CallAnswered>() == 1);
  const Wire out = t.last("b2bua", "bob", "INVITE");
  CHECK(out.line("From: ").substr(0, 25) == "<sip:gateway@example.net>");
  CHECK(out.line("P-Asserted-Identity: ") == "<sip:alice@example.net>");
  t.then([&](TimePoint now) { t.alice.ua().hang_up(call, now); });
  CallOptions o = Bridged::call_to_b2bua();
  o.target = "sip:nobody@192.0.2.5:5060";
  t.call(o);
  CHECK(t.last("b2bua", "alice", "410 INVITE").has("410 Moved Out"));
  ends_on_both_sides(t, 2);
}

TEST_CASE("b2bua: a call that the policy leaves open waits for connect() or refuse()") {
  for (const bool connect : {true, false}) {
    CallId waiting;
    B2buaOptions options;
    options.route = [&waiting](CallId call, const Message&, const Flow&) {
      waiting = call;
      B2buaRoute route;
      route.later = true;
      return route;
    };
    Bridged t(options);
    t.call();
    CHECK(t.sent("b2bua", "bob", "INVITE") == 0);
    t.then([&](TimePoint now) {
      B2bua& b = *t.b2bua.core().b2bua();
      B2buaRoute route;
      route.targets = {"sip:bob@192.0.2.2:5060"};
      const auto error = connect ? b.connect(waiting, route, now) : b.refuse(waiting, 403, now);
      CHECK_FALSE(error);
      if (connect) CHECK(b.connect(waiting, route, now) == Errc::wrong_state);
      CHECK(b.connect(CallId{77, 1}, route, now) == Errc::gone);
    });
    CHECK(t.alice.count<CallAnswered>() == (connect ? 1 : 0));
    CHECK(t.finish() == "");
  }
}

TEST_CASE("b2bua: CANCEL crosses over, with its Reason") {
  Bridged t;
  t.bob.user = Bridged::answers(false);
  const CallId call = t.call();
  CHECK(t.alice.count<CallProgress>() >= 1);
  t.then([&](TimePoint now) { t.alice.ua().hang_up(call, now, "SIP;cause=200"); });
  CHECK(t.last("b2bua", "bob", "CANCEL").line("Reason: ") == "SIP;cause=200");
  CHECK(t.alice.last<CallEnded>()->cause == Cause::cancelled);
  CHECK(t.bob.last<CallEnded>()->cause == Cause::cancelled);
  ends_on_both_sides(t);
}

TEST_CASE("b2bua: CANCEL and 200 cross, on either leg, at every step of the way") {
  for (const char* slow : {"alice", "bob"}) {
    for (int gap = -30; gap <= 30; gap += 5) {
      Bridged t;
      t.bob.user = Bridged::answers(false);
      // Only that leg has a delay.
      t.fate = [&](const Packet& p) {
        return p.from == slow || p.to == slow ? Fate::delayed(milliseconds(20)) : Fate();
      };
      const CallId call = t.call();
      const TimePoint at = t.network.time() + milliseconds(100);
      t.network.at(at, [&](TimePoint now) { t.alice.ua().hang_up(call, now); });
      t.network.at(at + milliseconds(gap),
                   [&](TimePoint now) { t.bob.ua().accept(t.of_bob(), kOfBob, now); });
      t.network.run(seconds(40));
      INFO(slow << ' ' << gap << "\n" << t.network.ladder().text());
      CHECK(t.bob.count<CallEnded>() == 1);
      ends_on_both_sides(t);
    }
  }
}

TEST_CASE("b2bua: both sides hang up at once") {
  NetworkOptions slow;
  slow.delay_min = slow.delay_max = milliseconds(20);
  Bridged t({}, {}, slow);
  const CallId call = t.call();
  t.then([&](TimePoint now) {
    t.alice.ua().hang_up(call, now);
    t.bob.ua().hang_up(t.of_bob(), now);
  });
  ends_on_both_sides(t);
}

TEST_CASE("b2bua: whoever vanishes takes nobody's call along for ever") {
  SECTION("the callee never answers the INVITE") {
    Bridged t;
    t.fate = [](const Packet& p) { return p.to == "bob" ? Fate::lost() : Fate(); };
    t.call(Bridged::call_to_b2bua(), seconds(40));
    CHECK(t.alice.last<CallEnded>()->status == 408);
    CHECK(t.finish() == "");
  }
  SECTION("the caller never acknowledges") {
    Bridged t;
    t.fate = [](const Packet& p) {
      return p.label() == "ACK" && p.from == "alice" ? Fate::lost() : Fate();
    };
    t.call(Bridged::call_to_b2bua(), seconds(70));
    CHECK(t.bob.last<CallEnded>()->cause == Cause::remote_bye);
    CHECK(t.finish() == "");
  }
  SECTION("the caller vanishes while the callee rings, and the ring ends by itself") {
    Bridged t;
    t.bob.user = Bridged::answers(false);
    t.call();
    t.network.part("alice", "b2bua");
    t.network.run(seconds(400));
    CHECK(t.bob.count<CallEnded>() == 1);
    CHECK(t.b2bua.core().b2bua()->idle());
  }
  SECTION("the callee is gone within the call: session timers find it out") {
    UserAgentOptions ours;
    ours.session_expires = 90;
    Bridged t({}, {}, {}, ours);
    t.call();
    t.network.part("bob", "b2bua");
    t.network.run(seconds(200));
    CHECK(t.alice.last<CallEnded>()->cause == Cause::remote_bye);
    CHECK(t.b2bua.core().b2bua()->idle());
  }
}

TEST_CASE("b2bua: hops run out, and a loop is seen") {
  {
    Bridged t;
    CallOptions o = Bridged::call_to_b2bua();
    o.max_forwards = 0;
    t.call(o);
    CHECK(t.alice.last<CallEnded>()->status == 483);
    CHECK(t.sent("b2bua", "bob", "INVITE") == 0);
    CHECK(t.finish() == "");
  }
  // To itself, by one target for all and by a policy.
  for (const bool policy : {false, true}) {
    B2buaOptions options;
    options.to.targets = {"sip:again@192.0.2.5:5060"};
    if (policy)
      options.route = [](CallId, const Message&, const Flow&) {
        B2buaRoute route;
        route.targets = {"sip:again@192.0.2.5:5060"};
        return route;
      };
    Bridged t(options);
    t.call();
    CHECK(t.alice.last<CallEnded>()->status == 482);
    CHECK(t.b2bua.core().b2bua()->counters().loops == 1);
    CHECK(t.sent("b2bua", "b2bua", "INVITE") == (policy ? 2 : 1));
    CHECK(t.finish() == "");
  }
}

TEST_CASE("b2bua: limits are kept") {
  B2buaOptions options;
  options.max_calls = 1;
  Bridged t(options);
  t.call();
  t.call();
  CHECK(t.alice.last<CallEnded>()->status == 503);
  CHECK_FALSE(t.last("b2bua", "alice", "503 INVITE").line("Retry-After: ").empty());
  CHECK(t.alice.count<CallAnswered>() == 1);
  CHECK(t.finish() == "");
}

TEST_CASE("b2bua: forks of the callee are one dialog to the caller, and the first 2xx wins") {
  Network network;
  Agent alice(network, "alice", "192.0.2.1");
  B2buaOptions options;
  options.to.targets = {"sip:bob@192.0.2.2:5060"};
  Agent b2bua(network, "b2bua", "192.0.2.5", Bridged::with(options, {}));
  Stranger forks(network, "forks", "192.0.2.2");
  network.now([&](TimePoint now) { alice.ua().invite(Bridged::call_to_b2bua(), now).value(); });
  network.run(seconds(1));
  const Stranger::Heard invite = forks.last("INVITE");
  const auto with = [](const std::string& sdp) {
    Letter extra;
    return extra.with("application/sdp", sdp);
  };
  forks.answer(invite, "one", with(description("one", "192.0.2.11")), 183);
  forks.answer(invite, "two", with(description("two", "192.0.2.12")), 180);
  forks.answer(invite, "two", with(description("two", "192.0.2.12")));
  forks.answer(invite, "one", with(description("one", "192.0.2.11")));
  network.run(seconds(1));
  CHECK(alice.count<CallProgress>() == 3);  // 100, 183 and 180
  REQUIRE(alice.count<CallAnswered>() == 1);
  const auto& progress = *alice.last<CallProgress>();
  const auto& answered = *alice.last<CallAnswered>();
  CHECK(progress.response->to_tag() == answered.response->to_tag());
  CHECK(answered.response->body().find("192.0.2.12") != std::string_view::npos);
  // The second 2xx is acknowledged and ended; the call stands.
  CHECK(forks.count("ACK") == 2);
  REQUIRE(forks.count("BYE") >= 1);
  CHECK(forks.last("BYE").message->to_tag() == "one");
  CHECK(alice.count<CallEnded>() == 0);
  CHECK(b2bua.core().b2bua()->counters().calls == 1);
}

TEST_CASE("b2bua: hostile descriptions and fields pass or are refused") {
  const std::string long_line(2000, 'a');
  for (const std::string& sdp :
       {std::string("\r\n"), std::string("o="), std::string("o=\ro=\n\r\no=x"),
        std::string(40, '\0'), "v=0\r\no=" + long_line + "\r\n" + long_line,
        std::string("m=\xff\xfe\r\nO=evil 1 1 IN IP4 10.1.1.1"), std::string(8000, 'x')}) {
    Bridged t;
    CallOptions o = Bridged::call_to_b2bua();
    o.body = sdp;
    o.headers = {{"Subject", long_line}, {"Privacy", "\xff\xfe"}};
    const CallId call = t.call(o);
    CHECK(t.alice.count<CallAnswered>() + t.alice.count<CallEnded>() == 1);
    for (const Wire& w : t.wire)
      if (w.to == "bob") CHECK_FALSE(w.has("evil"));
    t.then([&](TimePoint now) { t.alice.ua().hang_up(call, now, long_line); });
    ends_on_both_sides(t);
  }
}
