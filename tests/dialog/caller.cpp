// SPDX-License-Identifier: Apache-2.0
// What a caller makes of odd responses: forks, redirection, challenges, early dialogs, unknown codes.
// RFC 3261 sections 8.1.3, 12.1.2, 13.2.2 and 22.
#include "phones.hpp"

using namespace sipstack;
using namespace sipstack::testing;

namespace {

using Cause = CallEnded::Cause;

struct Caller {
  Caller()
      : alice(network, "alice", "192.0.2.1"),
        bob(network, "bob", "192.0.2.8"),
        other(network, "other", "192.0.2.9") {}

  std::string at(const Stranger& s) const { return "sip:bob@" + s.where.to_string(); }
  CallId call(CallOptions options) {
    CallId id;
    network.now([&](TimePoint now) { id = *alice.ua().invite(options, now); });
    network.run(milliseconds(1));
    return id;
  }
  CallId call() { return call(call_to(at(bob))); }
  void hang_up(CallId id) {
    network.now([&](TimePoint now) { CHECK_FALSE(alice.ua().hang_up(id, now)); });
    network.run(milliseconds(1));
  }
  void must_come_to_rest() {
    bob.all.clear();
    other.all.clear();
    CHECK(network.run_to_rest(network.time() + seconds(200)));
    alice.must_be_empty();
  }

  Network network;
  Phone alice;
  Stranger bob, other;
};

Letter challenge(const char* name, const char* nonce) {
  Letter out;
  return out.add(name, std::string("Digest realm=\"r\", qop=\"auth\", algorithm=MD5, nonce=\"") +
                           nonce + "\"");
}

}  // namespace

TEST_CASE("an INVITE has what every request must have") {
  Caller t;
  t.call();
  const MessageView m = t.bob.last("INVITE").message.view();
  CHECK(m.uri_text() == t.at(t.bob));
  CHECK(m.branch().substr(0, 7) == "z9hG4bK");
  CHECK_FALSE(m.from_tag().empty());
  CHECK(m.to_tag().empty());
  CHECK(m.max_forwards() == 70);
  CHECK(m.get(hdr::contact)->uri.text == "sip:sipstack@192.0.2.1:5060");
  CHECK(m.raw(HeaderId::to) == "<sip:bob@192.0.2.8>");
  CHECK(m.lists(hdr::allow, "BYE"));
  CHECK(m.has(HeaderId::supported));
  CHECK(m.body() == kOffer);
}

TEST_CASE("a second 2xx with another To tag is acknowledged and ended there") {
  // RFC 3261 section 13.2.2.4.
  Caller t;
  const CallId call = t.call();
  const Stranger::Heard invite = t.bob.last("INVITE");
  t.bob.answer(invite, "one");
  CHECK(t.bob.last("ACK").message->to_tag() == "one");
  Letter from_two = t.bob.response(invite.message.view(), 200, "two");
  from_two.add("Contact", "<sip:second@" + t.other.where.to_string() + ">");
  t.bob.send(from_two, t.alice.where);
  CHECK(t.other.last("ACK").message->to_tag() == "two");
  CHECK(t.other.last("BYE").message->to_tag() == "two");
  t.other.reply(t.other.last("BYE"), 200, "two");
  // Its retransmission gets the ACK alone.
  t.bob.send(from_two, t.alice.where);
  CHECK(t.other.count("ACK") == 2);
  CHECK(t.other.count("BYE") == 1);
  CHECK(t.alice.count<CallAnswered>() == 1);
  CHECK(t.alice.count<CallEnded>() == 0);
  t.hang_up(call);
  t.bob.reply(t.bob.last("BYE"), 200, "");
  CHECK(t.alice.count<CallEnded>() == 1);
  // And a third, when the call is over already.
  Letter from_three = t.bob.response(invite.message.view(), 200, "three");
  from_three.add("Contact", "<sip:third@" + t.other.where.to_string() + ">");
  t.bob.send(from_three, t.alice.where);
  CHECK(t.other.last("BYE").message->to_tag() == "three");
  t.other.reply(t.other.last("BYE"), 200, "three");
  t.must_come_to_rest();
}

TEST_CASE("of two early dialogs the one that answers is the call") {
  Caller t;
  const CallId call = t.call();
  const Stranger::Heard invite = t.bob.last("INVITE");
  const auto contact = [](const char* name, const Stranger& s) {
    Letter out;
    return out.add("Contact", std::string("<sip:") + name + "@" + s.where.to_string() + ">");
  };
  t.bob.reply(invite, 180, "a", contact("a", t.bob));
  t.bob.reply(invite, 183, "b", contact("b", t.other));
  t.bob.reply(invite, 180, "a", contact("a", t.bob));
  CHECK(t.alice.count<CallProgress>() == 3);
  t.bob.reply(invite, 200, "b", contact("b", t.other).with("application/sdp", kAnswer));
  CHECK(t.other.last("ACK").message->to_tag() == "b");
  t.hang_up(call);
  CHECK(t.other.last("BYE").message->uri_text() == "sip:b@192.0.2.9:5060");
  t.other.reply(t.other.last("BYE"), 200, "");
  t.must_come_to_rest();
}

TEST_CASE("forks beyond the limit of early dialogs are told of but not remembered") {
  Caller t;
  t.call();
  const Stranger::Heard invite = t.bob.last("INVITE");
  for (int i = 0; i < 80; ++i) {
    Letter extra;
    extra.add("Contact", "<sip:x@192.0.2.8>");
    t.bob.reply(invite, 180, "fork" + std::to_string(i), extra);
  }
  CHECK(t.alice.count<CallProgress>() == 80);
  const auto options = [&](int i) {
    Letter request = t.bob.request("OPTIONS", t.alice);
    request.set("Call-ID", std::string(invite.message->call_id()));
    request.set("From", "<sip:bob@192.0.2.8>;tag=fork" + std::to_string(i));
    request.set("To", std::string(*invite.message->raw(HeaderId::from)));
    t.bob.send(request, t.alice.where);
    return t.bob.answer_to(request).status();
  };
  CHECK(options(0) == 200);
  CHECK(options(63) == 200);
  CHECK(options(64) == 481);
  t.bob.reply(invite, 486, "fork3");
  CHECK(options(0) == 481);
  t.must_come_to_rest();
}

TEST_CASE("ACK and BYE carry the reversed Record-Route of the 2xx") {
  Caller t;
  const CallId call = t.call();
  Letter extra;
  extra.add("Record-Route",
            "<sip:far.invalid;lr>, <sip:near@" + t.other.where.to_string() + ";lr;x=1>");
  t.bob.answer(t.bob.last("INVITE"), "bt", extra);
  t.hang_up(call);
  for (const char* method : {"ACK", "BYE"}) {
    const MessageView m = t.other.last(method).message.view();
    CHECK(m.uri_text() == "sip:bt@192.0.2.8:5060");
    std::vector<std::string> routes;
    for (const auto& r : m.all(hdr::route)) routes.emplace_back(r->uri.text);
    CHECK(routes ==
          std::vector<std::string>{"sip:near@192.0.2.9:5060;lr;x=1", "sip:far.invalid;lr"});
  }
  t.other.reply(t.other.last("BYE"), 200, "");
  t.must_come_to_rest();
}

TEST_CASE("a 302 leads to its contacts, best first, each once") {
  // RFC 3261 section 8.1.3.4.
  Caller t;
  t.call();
  const Stranger::Heard first = t.bob.last("INVITE");
  Letter contacts;
  contacts.add("Contact", "<sip:no@192.0.2.8;try=2>;q=0.5, <sip:new@192.0.2.9>;q=0.8");
  contacts.add("Contact", "<mailto:bob@b.invalid>, <" + t.at(t.bob) + ">");
  t.bob.reply(first, 302, "x", contacts);
  CHECK(t.bob.count("ACK") == 1);
  const Stranger::Heard second = t.other.last("INVITE");
  CHECK(second.message->uri_text() == "sip:new@192.0.2.9");
  CHECK(second.message->call_id() == first.message->call_id());
  CHECK(second.message->from_tag() == first.message->from_tag());
  CHECK(second.message->cseq().number == first.message->cseq().number + 1);
  t.other.reply(second, 486, "y");
  const Stranger::Heard third = t.bob.last("INVITE");
  CHECK(third.message->uri_text() == "sip:no@192.0.2.8;try=2");
  t.bob.reply(third, 302, "z", contacts);  // to where we were
  CHECK(t.alice.last<CallEnded>().cause == Cause::rejected);
  CHECK(t.alice.last<CallEnded>().status == 302);
  t.must_come_to_rest();
}

TEST_CASE("a 603 of a redirected call is final although contacts are left") {
  Caller t;
  t.call();
  Letter contacts;
  contacts.add("Contact", "<sip:a@192.0.2.9>, <sip:b@192.0.2.9>");
  t.bob.reply(t.bob.last("INVITE"), 302, "x", contacts);
  t.other.reply(t.other.last("INVITE"), 603, "y");
  CHECK(t.other.count("INVITE") == 1);
  CHECK(t.alice.last<CallEnded>().status == 603);
  t.must_come_to_rest();
}

TEST_CASE("a redirecting circle ends after max_redirects") {
  Caller t;
  int next = 0;
  t.network.now([&](TimePoint now) { CHECK(t.alice.ua().invite(call_to(t.at(t.bob)), now)); });
  t.network.run(milliseconds(1));
  while (t.alice.count<CallEnded>() == 0 && next < 50) {
    Letter contacts;
    contacts.add("Contact", "<sip:n" + std::to_string(next++) + "@192.0.2.8>");
    t.bob.reply(t.bob.last("INVITE"), 301, "x", contacts);
  }
  CHECK(t.bob.count("INVITE") == 6);
  CHECK(t.alice.last<CallEnded>().status == 301);
  t.must_come_to_rest();
}

TEST_CASE("a 407 is answered with credentials, which the ACK of the 2xx repeats") {
  Caller t;
  auto options = call_to(t.at(t.bob));
  options.credentials = {{"alice", "secret", ""}};
  const CallId call = t.call(options);
  const Stranger::Heard first = t.bob.last("INVITE");
  t.bob.reply(first, 407, "x", challenge("Proxy-Authenticate", "n1"));
  const Stranger::Heard second = t.bob.last("INVITE");
  CHECK(second.message->cseq().number == first.message->cseq().number + 1);
  CHECK(second.message->call_id() == first.message->call_id());
  CHECK(second.message->from_tag() == first.message->from_tag());
  CHECK(second.message->branch() != first.message->branch());
  CHECK(second.message->to_tag().empty());
  REQUIRE(second.message->has(HeaderId::proxy_authorization));
  CHECK_FALSE(second.message->has(HeaderId::authorization));
  t.bob.answer(second, "bt");
  CHECK(t.bob.last("ACK").message->raw(HeaderId::proxy_authorization) ==
        second.message->raw(HeaderId::proxy_authorization));
  t.hang_up(call);
  const Stranger::Heard bye = t.bob.last("BYE");
  CHECK(bye.message->has(HeaderId::proxy_authorization));
  t.bob.reply(bye, 407, "", challenge("Proxy-Authenticate", "n2"));
  const Stranger::Heard again = t.bob.last("BYE");
  CHECK(again.message->cseq().number == bye.message->cseq().number + 1);
  t.bob.reply(again, 200, "");
  CHECK(t.alice.last<CallEnded>().cause == Cause::local_bye);
  t.must_come_to_rest();
}

TEST_CASE("a challenger without end is not answered without end (hardening A61)") {
  // hardening A61.
  Caller t;
  auto options = call_to(t.at(t.bob));
  options.credentials = {{"alice", "secret", ""}};
  t.call(options);
  for (int i = 0; i < 20 && t.alice.count<CallEnded>() == 0; ++i)
    t.bob.reply(t.bob.last("INVITE"), 401, "x",
                challenge("WWW-Authenticate", ("n" + std::to_string(i)).c_str()));
  CHECK(t.bob.count("INVITE") <= 3);
  CHECK(t.alice.last<CallEnded>().status == 401);
  CHECK(t.alice.last<CallEnded>().error == Errc::challenged_again);
  t.must_come_to_rest();
}

TEST_CASE("a callee gives no credentials to its caller (hardening A62)") {
  // hardening A62.
  Caller t;
  t.alice.user = answers;
  const Letter invite = t.bob.request("INVITE", t.alice);
  t.bob.send(invite, t.alice.where);
  const Message ok = t.bob.last("200 INVITE").message;
  t.bob.send(t.bob.within(invite, ok.view(), "ACK", 1), t.alice.where);
  t.hang_up(t.alice.last<CallArrived>().call);
  t.bob.reply(t.bob.last("BYE"), 407, "", challenge("Proxy-Authenticate", "n"));
  CHECK(t.bob.count("BYE") == 1);
  CHECK(t.alice.last<CallEnded>().cause == Cause::local_bye);
  t.must_come_to_rest();
}

TEST_CASE("unknown codes are the x00 of their class") {
  Caller t;
  const CallId call = t.call();
  const Stranger::Heard invite = t.bob.last("INVITE");
  t.bob.reply(invite, 199, "bt");
  t.bob.answer(invite, "bt", {}, 299);
  CHECK(t.alice.count<CallAnswered>() == 1);
  t.hang_up(call);
  t.bob.reply(t.bob.last("BYE"), 299, "");
  t.call();
  t.bob.reply(t.bob.last("INVITE"), 477, "x");
  CHECK(t.alice.last<CallEnded>().status == 477);
  t.must_come_to_rest();
}

TEST_CASE("a pre-loaded route is where the INVITE goes, with lr") {
  Caller t;
  auto options = call_to("sip:bob@b.invalid");
  options.route = {"sip:192.0.2.9"};
  t.call(options);
  CHECK(t.other.last("INVITE").message->uri_text() == "sip:bob@b.invalid");
  CHECK(t.other.last("INVITE").message->raw(HeaderId::route) == "<sip:192.0.2.9;lr>");
  t.other.reply(t.other.last("INVITE"), 404, "x");
  t.must_come_to_rest();
}

TEST_CASE("headers in a target do not become part of the Request-URI") {
  Caller t;
  t.call(call_to("sip:bob@192.0.2.8;method=BYE;x=1?Subject=hi"));
  CHECK(t.bob.last("INVITE").message->uri_text() == "sip:bob@192.0.2.8;x=1");
  t.bob.reply(t.bob.last("INVITE"), 404, "x");
  t.must_come_to_rest();
}

TEST_CASE("a target without a way to it is an error at once") {
  Caller t;
  CHECK(t.alice.ua().invite(call_to("tel:+1"), t.network.time()).error() == Errc::unresolved);
  CHECK(t.alice.ua().invite(call_to("bob"), t.network.time()).error() == Errc::unresolved);
  CHECK(t.alice.ua().request("OPTIONS", call_to("mailto:a@b"), t.network.time()).error() ==
        Errc::unresolved);
  t.alice.must_be_empty();
}

TEST_CASE("a callee that never ends a cancelled INVITE is given up after 64*T1") {
  Caller t;
  const CallId call = t.call();
  t.bob.reply(t.bob.last("INVITE"), 180, "x");
  t.hang_up(call);
  t.bob.reply(t.bob.last("CANCEL"), 200, "x");
  t.network.run(seconds(31));
  CHECK(t.alice.count<CallEnded>() == 0);
  t.network.run(seconds(2));
  CHECK(t.alice.last<CallEnded>().cause == Cause::cancelled);
  t.must_come_to_rest();
}

TEST_CASE("a request that finds no dialog at the peer ends the call") {
  // RFC 3261 section 12.2.1.2.
  Caller t;
  const CallId call = t.call();
  t.bob.answer(t.bob.last("INVITE"), "bt");
  t.network.now([&](TimePoint now) { CHECK(t.alice.ua().request(call, "INFO", {}, {}, now)); });
  t.network.run(milliseconds(1));
  t.bob.reply(t.bob.last("INFO"), 481, "");
  CHECK(t.alice.last<RequestCompleted>().response->status() == 481);
  t.bob.reply(t.bob.last("BYE"), 481, "");
  CHECK(t.alice.last<CallEnded>().cause == Cause::failed);
  CHECK(t.alice.last<CallEnded>().status == 481);
  t.must_come_to_rest();
}

TEST_CASE("a request outside dialogs completes once, with credentials where they are asked for") {
  Caller t;
  RequestOptions options;
  options.target = t.at(t.bob);
  options.credentials = {{"alice", "secret", ""}};
  RequestId id;
  t.network.now([&](TimePoint now) { id = *t.alice.ua().request("OPTIONS", options, now); });
  t.network.run(milliseconds(1));
  CHECK(t.bob.last("OPTIONS").message->has(HeaderId::accept));
  t.bob.reply(t.bob.last("OPTIONS"), 401, "x", challenge("WWW-Authenticate", "n"));
  CHECK(t.bob.last("OPTIONS").message->has(HeaderId::authorization));
  t.bob.reply(t.bob.last("OPTIONS"), 404, "x");
  CHECK(t.alice.count<RequestCompleted>() == 1);
  CHECK(t.alice.last<RequestCompleted>().request == id);
  CHECK(t.alice.last<RequestCompleted>().response->status() == 404);
  t.network.now([&](TimePoint now) { CHECK(t.alice.ua().request("MESSAGE", options, now)); });
  t.network.run(seconds(40));
  CHECK(t.alice.last<RequestCompleted>().error == Errc::timeout);
  t.must_come_to_rest();
}
