// SPDX-License-Identifier: Apache-2.0
// The flows of RFC 3665, sections 2 (registration) and 3 (sessions), and those of the extensions that change a
// session: as they should go, and with each datagram lost, doubled, or late.
#include "impaired.hpp"

using namespace sipstack;
using namespace sipstack::testing;

namespace {

using Play = std::unique_ptr<Scene>;
using std::chrono::minutes;

/// What a user does about a call: rings, answers a second later, and agrees to all that follows.
void answers_later(Phone& phone, const UserEvent& event, TimePoint now, Scene& scene) {
  if (const auto* call = std::get_if<CallArrived>(&event)) {
    phone.ua().ring(call->call, 180, now);
    scene.after(seconds(1),
                [&phone, id = call->call](TimePoint at) { phone.ua().accept(id, kAnswer, at); });
  }
  if (const auto* again = std::get_if<CallReinvited>(&event))
    phone.ua().accept(again->call, kAnswer, now);
  if (const auto* offer = std::get_if<OfferReceived>(&event))
    phone.ua().accept_offer(offer->call, kAnswer, now);
}

void bob_answers(Scene& s) {
  s.bob.user = [&s](Phone& phone, const UserEvent& event, TimePoint now) {
    answers_later(phone, event, now, s);
  };
}
/// Alice hangs up two seconds after an answer.
void alice_hangs_up(Scene& s) {
  s.alice.user = [&s](Phone& phone, const UserEvent& event, TimePoint) {
    if (const auto* answer = std::get_if<CallAnswered>(&event); answer && !answer->reinvite)
      s.after(seconds(2),
              [&phone, id = answer->call](TimePoint at) { phone.ua().hang_up(id, at); });
  };
}
void bob_refuses(Scene& s, int status) {
  s.bob.user = [status](Phone& phone, const UserEvent& event, TimePoint now) {
    if (const auto* call = std::get_if<CallArrived>(&event))
      phone.ua().reject(call->call, status, now);
  };
}

RegistrationOptions registration(const std::string& password) {
  RegistrationOptions o;
  o.aor = "sip:bob@b.example";
  o.credentials = {{"bob", password, ""}};
  return o;
}
Play registrar() {
  auto s = std::make_unique<Scene>();
  s->server("server", "192.0.2.50", "b.example", "bob:zanzibar\n");
  return s;
}
/// Registers, and does so many things more, a second apart each; the last one removes the binding.
Play registers(const std::string& password, bool again, bool fetch) {
  Play s = registrar();
  Scene& t = *s;
  auto ids = std::make_shared<std::vector<RegistrationId>>();
  const auto add = [&t, ids](RegistrationOptions o) {
    return [&t, ids, o](TimePoint now) { ids->push_back(*t.bob.ua().add_registration(o, now)); };
  };
  t.after(milliseconds(0), add(registration(password)));
  if (again) {
    RegistrationOptions second = registration(password);
    second.contacts = {"sip:bob@192.0.2.2;line=2"};
    t.after(seconds(40), add(second));
  }
  if (fetch) {
    RegistrationOptions list = registration(password);
    list.fetch = true;
    t.after(seconds(80), add(list));
  }
  t.after(seconds(120), [&t, ids](TimePoint now) {
    for (const RegistrationId id : *ids) t.bob.ua().remove(id, now);
  });
  return s;
}

CallOptions by_name(bool both = false) {
  CallOptions o = call_to("sip:bob@b.example");
  o.from = "<sip:alice@a.example>";
  o.route = {"sip:a.example"};
  o.credentials = {{"alice", "secret", "a.example"}};
  if (both) o.credentials.push_back({"alice", "other", "b.example"});
  return o;
}
Play through_proxies(bool both) {
  auto s = std::make_unique<Scene>();
  s->server("one", "192.0.2.51", "a.example", "alice:secret\n");
  s->server("two", "192.0.2.52", "b.example", both ? "bob:zanzibar\nalice:other\n" : "");
  s->register_bob("b.example", both ? "zanzibar" : "");
  bob_answers(*s);
  alice_hangs_up(*s);
  s->call(by_name(both));
  return s;
}
/// Through one proxy; Bob may refuse or not answer at all.
Play through_one(std::function<void(Scene&)> bob) {
  auto s = std::make_unique<Scene>();
  s->server("two", "192.0.2.52", "b.example");
  s->register_bob("b.example");
  bob(*s);
  alice_hangs_up(*s);
  CallOptions o = by_name();
  o.route.clear();
  s->call(o);
  return s;
}

}  // namespace

TEST_CASE("RFC 3665 section 2: registrations, whatever is lost, doubled or late") {
  const Scenario scenarios[] = {
      {"2.1 new, 2.4 cancelled", "", "registered removed",
       [] { return registers("zanzibar", false, false); }},
      {"2.2 contact list", "", "registered registered removed removed",
       [] { return registers("zanzibar", true, false); }},
      {"2.3 list asked for", "", "registered registered removed",
       [] { return registers("zanzibar", false, true); }},
      {"2.5 unsuccessful", "", "failed failed removed|failed failed failed removed",
       [] { return registers("wrong", false, false); }}};
  for (const Scenario& scenario : scenarios) {
    Scenario s = scenario;
    s.length = minutes(125);  // bindings that were not removed expire
    play_impaired(s);
  }
}

TEST_CASE("RFC 3665 section 3: sessions, whatever is lost, doubled or late") {
  const char* const kCaller = "answered local-bye";
  const char* const kCallee = "arrived confirmed remote-bye";
  const Scenario scenarios[] = {
      {"3.1 establishment", kCaller, kCallee,
       [] {
         auto s = std::make_unique<Scene>();
         bob_answers(*s);
         alice_hangs_up(*s);
         s->call();
         return s;
       }},
      {"3.2 through two proxies", kCaller, kCallee, [] { return through_proxies(false); }},
      {"3.3 with two challenges", kCaller, kCallee, [] { return through_proxies(true); }},
      {"3.4 a proxy that is down", kCaller, kCallee,
       [] {
         Play s = through_one(bob_answers);
         s->network.host("b.example", {{Transport::udp, address("192.0.2.99")},
                                       {Transport::udp, address("192.0.2.52")}});
         return s;
       }},
      {"3.5, 3.1 through one", kCaller, kCallee, [] { return through_one(bob_answers); }},
      {"3.6 redirected, SDP in ACK", kCaller, kCallee,
       [] {
         auto s = std::make_unique<Scene>();
         s->server("two", "192.0.2.52", "b.example", "", true);
         s->register_bob("b.example");
         bob_answers(*s);
         Scene& t = *s;
         t.alice.user = [&t](Phone& alice, const UserEvent& event, TimePoint now) {
           if (const auto* answer = std::get_if<CallAnswered>(&event)) {
             CHECK_FALSE(alice.ua().acknowledge(answer->call, kAnswer, now));
             t.after(seconds(2), [&t](TimePoint at) { t.alice.ua().hang_up(t.at_alice, at); });
           }
         };
         CallOptions o = by_name();
         o.route.clear();
         o.body.clear();
         s->call(o);
         return s;
       }},
      {"3.7 re-INVITE", "answered reinvited confirmed local-bye",
       "arrived confirmed reanswered remote-bye",
       [] {
         auto s = std::make_unique<Scene>();
         Scene& t = *s;
         t.bob.user = [&t](Phone& bob, const UserEvent& event, TimePoint now) {
           answers_later(bob, event, now, t);
           if (const auto* up = std::get_if<CallConfirmed>(&event))
             t.after(seconds(2), [&bob, id = up->call](TimePoint at) {
               CHECK_FALSE(bob.ua().reinvite(id, kOffer, at));
             });
         };
         t.alice.user = [&t](Phone& alice, const UserEvent& event, TimePoint now) {
           answers_later(alice, event, now, t);
           if (std::get_if<CallConfirmed>(&event))
             t.after(seconds(2), [&t](TimePoint at) { t.alice.ua().hang_up(t.at_alice, at); });
         };
         s->call();
         return s;
       }},
      {"3.8 no answer", "cancelled-487", "arrived cancelled-487",
       [] {
         return through_one([](Scene& s) {
           s.bob.user = [](Phone& bob, const UserEvent& event, TimePoint now) {
             if (const auto* call = std::get_if<CallArrived>(&event))
               bob.ua().ring(call->call, 180, now);
           };
           s.after(seconds(8), [&s](TimePoint now) { s.alice.ua().hang_up(s.at_alice, now); });
         });
       }},
      {"3.9 busy", "rejected-486", "arrived rejected-486",
       [] { return through_one([](Scene& s) { bob_refuses(s, 486); }); }},
      {"3.10 no response", "timeout-408|rejected-408", "",
       [] {
         auto s = std::make_unique<Scene>();
         s->call(call_to("sip:nobody@192.0.2.99"));
         return s;
       }},
      {"3.11 unavailable", "rejected-480", "arrived rejected-480",
       [] { return through_one([](Scene& s) { bob_refuses(s, 480); }); }}};
  for (const Scenario& scenario : scenarios) {
    Scenario s = scenario;
    s.length = minutes(125);
    play_impaired(s);
  }
}

TEST_CASE("reliable provisionals, UPDATE and timers, whatever is lost, doubled or late") {
  const auto rings_reliably = [](Scene& s, bool offer) {
    s.bob.user = [&s, offer](Phone& bob, const UserEvent& event, TimePoint now) {
      if (const auto* call = std::get_if<CallArrived>(&event)) {
        CHECK_FALSE(bob.ua().ring(call->call, 183, now, offer ? kOffer : kAnswer, {}, true));
        CHECK_FALSE(bob.ua().ring(call->call, 180, now, {}, {}, true));
      } else if (std::holds_alternative<ProvisionalAcknowledged>(event) &&
                 bob.count<ProvisionalAcknowledged>() == 2) {
        CHECK_FALSE(bob.ua().accept(s.at_bob(), {}, now));
      } else if (!std::holds_alternative<CallArrived>(event)) {
        answers_later(bob, event, now, s);
      }
    };
  };
  const Scenario scenarios[] = {
      {"PRACK", "answered local-bye", "arrived pracked pracked confirmed remote-bye",
       [=] {
         auto s = std::make_unique<Scene>();
         rings_reliably(*s, false);
         alice_hangs_up(*s);
         s->call();
         return s;
       }},
      {"offer in the 183, answer in the PRACK", "answered local-bye",
       "arrived pracked pracked confirmed remote-bye",
       [=] {
         auto s = std::make_unique<Scene>();
         rings_reliably(*s, true);
         Scene& t = *s;
         t.alice.user = [&t](Phone& alice, const UserEvent& event, TimePoint now) {
           if (const auto* p = std::get_if<CallProgress>(&event); p && !p->response->body().empty())
             CHECK_FALSE(alice.ua().acknowledge(p->call, kAnswer, now));
           if (std::holds_alternative<CallAnswered>(event))
             t.after(seconds(2), [&t](TimePoint at) { t.alice.ua().hang_up(t.at_alice, at); });
         };
         CallOptions o = call_to(s->bob.uri());
         o.body.clear();
         s->call(o);
         return s;
       }},
      {"UPDATE early, and in the call",
       "update-200 answered offer-by-UPDATE local-bye|"
       "answered update-200 offer-by-UPDATE local-bye",
       "arrived pracked offer-by-UPDATE confirmed update-200 remote-bye",
       [] {
         auto s = std::make_unique<Scene>();
         Scene& t = *s;
         t.bob.user = [](Phone& bob, const UserEvent& event, TimePoint now) {
           if (const auto* call = std::get_if<CallArrived>(&event))
             CHECK_FALSE(bob.ua().ring(call->call, 183, now, kAnswer, {}, true));
           if (const auto* offer = std::get_if<OfferReceived>(&event)) {
             CHECK_FALSE(bob.ua().accept_offer(offer->call, kAnswer, now));
             CHECK_FALSE(bob.ua().accept(offer->call, {}, now));
           }
           if (const auto* up = std::get_if<CallConfirmed>(&event))
             CHECK_FALSE(bob.ua().update(up->call, kOffer, now));
         };
         t.alice.user = [&t](Phone& alice, const UserEvent& event, TimePoint now) {
           if (const auto* p = std::get_if<CallProgress>(&event); p && !p->response->body().empty())
             t.after(seconds(40), [&t](TimePoint at) {
               CHECK_FALSE(t.alice.ua().update(t.at_alice, kOffer, at));
             });
           if (const auto* offer = std::get_if<OfferReceived>(&event)) {
             CHECK_FALSE(alice.ua().accept_offer(offer->call, kAnswer, now));
             t.after(seconds(5), [&t](TimePoint at) { t.alice.ua().hang_up(t.at_alice, at); });
           }
         };
         s->call();
         return s;
       }},
      {"refreshed twice", "answered refreshed refreshed local-bye", "arrived confirmed remote-bye",
       [] {
         CoreOptions timed;
         timed.user_agent.session_expires = 100;
         timed.user_agent.refresher = Refresher::local;
         auto s = std::make_unique<Scene>(timed);
         bob_answers(*s);
         s->call();
         Scene& t = *s;
         t.after(seconds(120), [&t](TimePoint at) { t.alice.ua().hang_up(t.at_alice, at); });
         return s;
       }},
      {"hold and resume", "answered reanswered reanswered local-bye",
       "arrived confirmed reinvited confirmed reinvited confirmed remote-bye", [] {
         auto s = std::make_unique<Scene>();
         bob_answers(*s);
         Scene& t = *s;
         t.alice.user = [&t](Phone& alice, const UserEvent& event, TimePoint) {
           if (!std::holds_alternative<CallAnswered>(event)) return;
           const std::size_t n = alice.count<CallAnswered>();
           t.after(seconds(2), [&t, n](TimePoint at) {
             if (n == 1) CHECK_FALSE(t.alice.ua().hold(t.at_alice, at));
             if (n == 2) CHECK_FALSE(t.alice.ua().resume(t.at_alice, at));
             if (n == 3) CHECK_FALSE(t.alice.ua().hang_up(t.at_alice, at));
           });
         };
         CallOptions o = call_to(s->bob.uri());
         o.body =
             "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
             "m=audio 4000 RTP/AVP 0\r\n";
         s->call(o);
         return s;
       }}};
  for (const Scenario& scenario : scenarios) play_impaired(scenario);
}
