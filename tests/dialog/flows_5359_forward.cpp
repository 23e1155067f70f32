// SPDX-License-Identifier: Apache-2.0
// RFC 5359 sections 2.1, 2.2, 2.7 to 2.9 and 2.12 to 2.14: calls by a proxy, on hold and forwarded. Alice A, Bob
// B, the proxy P, and others by their initials.
#include "flows_5359.hpp"
#include "sipstack/dialog/diversion.hpp"
#include "sipstack/parser/sdp.hpp"

using namespace sipstack;
using namespace sipstack::testing;

namespace {

const char* const kBobs = "sip:bob@b.example";

/// A binding at the proxy, made before the flow begins. `q`: preference, in tenths.
void binds(Scene& s, const std::string& aor, std::vector<std::pair<std::string, int>> contacts) {
  RegistrationOptions o;
  o.aor = aor;
  for (const auto& [uri, q] : contacts)
    o.contacts.push_back("<" + uri + ">;q=0." + std::to_string(q));
  o.refresh = false;
  s.network.now([&](TimePoint now) { REQUIRE(s.bob.ua().add_registration(o, now)); });
  s.network.run(seconds(45));
  REQUIRE(s.bob.last<RegistrationChanged>().state == RegistrationChanged::State::registered);
  s.bob.events.clear();
}
Play by_proxy(Duration longest_ring = {}) {
  auto scene = std::make_unique<Scene>();
  scene->server("proxy", "192.0.2.52", "b.example", {}, false, longest_ring);
  picks_up(*scene, scene->alice);
  return scene;
}
/// Alice hangs up two seconds after the answer.
void alice_leaves(Scene& s) {
  on<CallAnswered>(s.alice, [&s](const CallAnswered& e, TimePoint) {
    if (!e.reinvite) hangs_up(s, s.alice, e.call);
  });
}
void rings_only(Phone& phone) {
  on<CallArrived>(
      phone, [&phone](const CallArrived& e, TimePoint now) { phone.ua().ring(e.call, 180, now); });
}
void refuses(Phone& phone, int status, const ExtraHeaders& headers = {}) {
  on<CallArrived>(phone, [&phone, status, headers](const CallArrived& e, TimePoint now) {
    phone.ua().reject(e.call, status, now, {}, headers);
  });
}

Play call_hold() {
  Play scene = by_proxy();
  Scene& s = *scene;
  binds(s, kBobs, {{s.bob.uri(), 9}});
  picks_up(s, s.bob);
  on<CallReinvited>(s.alice, [&s](const CallReinvited& e, TimePoint) {
    const bool first = s.alice.count<CallReinvited>() == 1;
    CHECK(e.request->get(hdr::contact)->params.has("+sip.rendering") == first);
    const auto offer = sdp::Session::parse(e.request->body());
    REQUIRE(offer);
    CHECK(offer->direction_of(offer->media[0]) ==
          (first ? sdp::Direction::sendonly : sdp::Direction::sendrecv));
    CHECK(offer->origin.session_version == (first ? "2" : "3"));
  });
  on<CallConfirmed>(s.bob, [&s](const CallConfirmed& e, TimePoint) { holds(s, s.bob, e.call); });
  on<CallAnswered>(s.bob, [&s](const CallAnswered& e, TimePoint) {
    if (s.bob.count<CallAnswered>() == 1) resumes(s, s.bob, e.call);
  });
  on<CallConfirmed>(s.alice, [&s](const CallConfirmed& e, TimePoint) {
    if (s.alice.count<CallConfirmed>() == 2) hangs_up(s, s.alice, e.call);
  });
  s.call(call_from(s.alice, kBobs));
  return scene;
}

Play consultation_hold() {
  Play scene = by_proxy();
  Scene& s = *scene;
  Phone& carol = s.add("carol", "192.0.2.3");
  binds(s, kBobs, {{s.bob.uri(), 9}});
  binds(s, "sip:carol@b.example", {{carol.uri(), 9}});
  picks_up(s, s.bob);
  picks_up(s, carol);
  on<CallConfirmed>(s.bob, [&s](const CallConfirmed& e, TimePoint) { holds(s, s.bob, e.call); });
  on<CallAnswered>(s.bob, [&s](const CallAnswered& e, TimePoint) {
    if (!e.reinvite) return hangs_up(s, s.bob, e.call);
    if (s.bob.count<CallAnswered>() == 1) calls(s, s.bob, "sip:carol@b.example");
  });
  on<CallEnded>(s.bob, [&s](const CallEnded& e, TimePoint) {
    if (e.cause == CallEnded::Cause::local_bye) resumes(s, s.bob, s.at_bob(), seconds(1));
  });
  on<CallConfirmed>(s.alice, [&s](const CallConfirmed& e, TimePoint) {
    if (s.alice.count<CallConfirmed>() == 2) hangs_up(s, s.alice, e.call);
  });
  s.call(call_from(s.alice, kBobs));
  return scene;
}

Play forwarded_always() {
  Play scene = by_proxy();
  Scene& s = *scene;
  Phone& gateway = s.add("gateway", "192.0.2.3");
  binds(s, kBobs, {{gateway.uri(), 9}});
  picks_up(s, gateway);
  alice_leaves(s);
  s.call(call_from(s.alice, kBobs));
  return scene;
}

/// "Forwarding could be accomplished using a redirect": by Bob's phone, which names itself to the next.
Play forwarded_by_redirection() {
  Play scene = by_proxy();
  Scene& s = *scene;
  Phone& gateway = s.add("gateway", "192.0.2.3");
  binds(s, kBobs, {{s.bob.uri(), 9}});
  on<CallArrived>(s.bob, [&s, &gateway](const CallArrived& e, TimePoint now) {
    CHECK_FALSE(
        s.bob.ua().reject(e.call, 302, now, {},
                          {{"Contact", "<" + gateway.uri() + ">"},
                           {"Diversion", diversion(kBobs, DiversionReason::unconditional)}}));
  });
  picks_up(s, gateway);
  on<CallArrived>(gateway, [](const CallArrived& e, TimePoint) {
    CHECK(e.invite->raw(HeaderId::diversion) ==
          "<sip:bob@b.example>;reason=unconditional;counter=1");
  });
  alice_leaves(s);
  s.call(call_from(s.alice, kBobs));
  return scene;
}

Play forwarded_on_busy() {
  Play scene = by_proxy();
  Scene& s = *scene;
  Phone& second = s.add("second", "192.0.2.3");
  binds(s, kBobs, {{s.bob.uri(), 9}, {second.uri(), 5}});
  refuses(s.bob, 486);
  picks_up(s, second);
  alice_leaves(s);
  s.call(call_from(s.alice, kBobs));
  return scene;
}

Play forwarded_on_no_answer() {
  Play scene = by_proxy(seconds(10));
  Scene& s = *scene;
  Phone& second = s.add("second", "192.0.2.3");
  binds(s, kBobs, {{s.bob.uri(), 9}, {second.uri(), 5}});
  rings_only(s.bob);
  picks_up(s, second);
  alice_leaves(s);
  s.call(call_from(s.alice, kBobs));
  return scene;
}

Play find_me() {
  Play scene = by_proxy(seconds(10));
  Scene& s = *scene;
  Phone& second = s.add("second", "192.0.2.3");
  Phone& third = s.add("third", "192.0.2.4");
  Phone& fourth = s.add("fourth", "192.0.2.5");
  binds(s, kBobs, {{s.bob.uri(), 9}, {second.uri(), 8}, {third.uri(), 7}, {fourth.uri(), 6}});
  rings_only(s.bob);
  refuses(second, 480);
  refuses(third, 486);
  picks_up(s, fourth);
  on<CallConfirmed>(fourth,
                    [&](const CallConfirmed& e, TimePoint) { hangs_up(s, fourth, e.call); });
  s.call(call_from(s.alice, kBobs));
  return scene;
}

/// A user agent that asks who calls, and then won't have it.
Phone& screens(Scene& s, const ExtraHeaders& headers) {
  CoreOptions o;
  o.challenge = Credentials{"alice", "secret", "p.example"};
  Phone& proxy = s.add("proxy", "192.0.2.52", o);
  refuses(proxy, 403, headers);
  return proxy;
}

Play incoming_screening() {
  auto scene = std::make_unique<Scene>();
  Scene& s = *scene;
  Phone& tape = s.add("tape", "192.0.2.4");
  Phone& proxy = screens(s, {{"Error-Info", "<" + tape.uri() + ">"}});
  refuses(s.bob, 305, {{"Contact", "<sip:" + proxy.where.to_string() + ">"}});
  on<CallArrived>(tape, [&](const CallArrived& e, TimePoint now) {
    CHECK_FALSE(tape.ua().accept(e.call, sdp_of(tape), now));
    hangs_up(s, tape, e.call, seconds(40));
  });
  on<CallEnded>(s.alice, [&s](const CallEnded& e, TimePoint now) {
    if (e.status != 403) return;
    const auto info = e.message->get(hdr::error_info);
    REQUIRE(info);
    CHECK(s.alice.ua().invite(call_from(s.alice, std::string(info->uri.text)), now));
  });
  CallOptions o = call_from(s.alice, s.bob.uri());
  o.credentials = {{"alice", "secret", ""}};
  s.call(o);
  return scene;
}

Play outgoing_screening() {
  auto scene = std::make_unique<Scene>();
  Scene& s = *scene;
  Phone& proxy = screens(s, {});
  CallOptions o = call_from(s.alice, s.bob.uri());
  o.route = {"sip:" + proxy.where.to_string()};
  o.credentials = {{"alice", "secret", ""}};
  s.call(o);
  return scene;
}

}  // namespace

TEST_CASE("RFC 5359: hold by a proxy, whatever is lost, doubled or late") {
  play_impaired(Service{
      "2.1 hold",
      "AP INVITE, PB INVITE, BP 180, PA 180, BP 200, PA 200, AP ACK, PB ACK, BP INVITE, PA INVITE, "
      "AP 200, PB 200, BP ACK, PA ACK, BP INVITE, PA INVITE, AP 200, PB 200, BP ACK, PA ACK, AP "
      "BYE, PB BYE, BP 200, PA 200",
      "A: answered local-bye reinvited reinvited. B: arrived reanswered reanswered remote-bye.",
      call_hold});
  play_impaired(
      Service{"2.2 consultation hold",
              "AP INVITE, PB INVITE, BP 180, PA 180, BP 200, PA 200, AP ACK, PB ACK, BP INVITE, PA "
              "INVITE, AP 200, PB 200, BP ACK, BP INVITE, PA ACK, PC INVITE, CP 180, PB 180, CP "
              "200, PB 200, BP ACK, PC ACK, BP BYE, PC BYE, CP 200, PB 200, BP INVITE, PA INVITE, "
              "AP 200, PB 200, BP ACK, PA ACK, AP BYE, PB BYE, BP 200, PA 200",
              "A: answered local-bye reinvited reinvited. B: answered arrived local-bye reanswered "
              "reanswered remote-bye. 1: arrived remote-bye.",
              consultation_hold});
}

TEST_CASE("RFC 5359: forwarded and screened calls, whatever is lost, doubled or late") {
  play_impaired(Service{"2.7 unconditional",
                        "AP INVITE, PG INVITE, GP 180, PA 180, GP 200, PA 200, AP ACK, PG ACK, AP "
                        "BYE, PG BYE, GP 200, PA 200",
                        "A: answered local-bye. 1: arrived remote-bye.", forwarded_always});
  play_impaired(Service{"2.7 by a redirect",
                        "AP INVITE, PB INVITE, BP 302, PB ACK, PA 302, AP ACK, AG INVITE, GA 180, "
                        "GA 200, AG ACK, AG BYE, GA 200",
                        "A: answered local-bye. B: arrived rejected-302. 1: arrived remote-bye.",
                        forwarded_by_redirection});
  play_impaired(Service{"2.8 busy",
                        "AP INVITE, PB INVITE, BP 486, PB ACK, PS INVITE, SP 180, PA 180, SP 200, "
                        "PA 200, AP ACK, PS ACK, AP BYE, PS BYE, SP 200, PA 200",
                        "A: answered local-bye. B: arrived rejected-486. 1: arrived remote-bye.",
                        forwarded_on_busy});
  play_impaired(
      Service{"2.9 no answer",
              "AP INVITE, PB INVITE, BP 180, PA 180, PB CANCEL, BP 200, BP 487, PB ACK, PS INVITE, "
              "SP 180, PA 180, SP 200, PA 200, AP ACK, PS ACK, AP BYE, PS BYE, SP 200, PA 200",
              "A: answered local-bye. B: arrived cancelled-487. 1: arrived remote-bye.",
              forwarded_on_no_answer});
  play_impaired(Service{"2.12 find-me",
                        "AP INVITE, PB INVITE, BP 180, PA 180, PB CANCEL, BP 200, BP 487, PB ACK, "
                        "PS INVITE, SP 480, PS ACK, PT INVITE, TP 486, PT ACK, PF INVITE, FP 180, "
                        "PA 180, FP 200, PA 200, AP ACK, PF ACK, FP BYE, PA BYE, AP 200, PF 200",
                        "A: answered remote-bye. B: arrived cancelled-487. 1: arrived "
                        "rejected-480. 2: arrived rejected-486. 3: arrived local-bye.",
                        find_me});
  play_impaired(Service{"2.13 incoming screening",
                        "AB INVITE, BA 305, AB ACK, AP INVITE, PA 401, AP ACK, AP INVITE, PA 403, "
                        "AP ACK, AT INVITE, TA 200, AT ACK, TA BYE, AT 200",
                        "A: answered rejected-403 remote-bye. B: arrived rejected-305. 1: arrived "
                        "local-bye. 2: arrived rejected-403.",
                        incoming_screening});
  play_impaired(Service{"2.14 outgoing screening",
                        "AP INVITE, PA 401, AP ACK, AP INVITE, PA 403, AP ACK",
                        "A: rejected-403. 1: arrived rejected-403.", outgoing_screening});
}
