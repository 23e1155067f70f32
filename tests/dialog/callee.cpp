// SPDX-License-Identifier: Apache-2.0
// What a UAS owes one request: inspection, dialog matching, CANCEL, and what responses carry.
// RFC 3261 sections 8.2, 9.2, 11.2, 12.1.1, 12.2.2 and 15.1.2; RFC 4475.
#include <optional>

#include "phones.hpp"

using namespace sipstack;
using namespace sipstack::testing;

namespace {

struct Uas {
  explicit Uas(const CoreOptions& options = {})
      : bob(network, "bob", "192.0.2.2", options), s(network, "stranger", "192.0.2.9") {
    bob.user = answers;
  }
  Letter request(const std::string& method) { return s.request(method, bob); }
  int status(const Letter& letter) { return answer(letter).status(); }
  MessageView answer(const Letter& letter) {
    s.send(letter, bob.where);
    return s.answer_to(letter);
  }
  void rings() {
    bob.user = [](Phone& phone, const UserEvent& event, TimePoint now) {
      if (const auto* call = std::get_if<CallArrived>(&event))
        phone.ua().ring(call->call, 180, now);
    };
  }
  Letter cancel(const Letter& invite) {
    Letter out = invite;
    out.start = "CANCEL" + invite.start.substr(invite.start.find(' '));
    out.remove("Content-Type").remove("Require").set("CSeq", "1 CANCEL").body.clear();
    return out;
  }
  void must_come_to_rest() {
    s.all.clear();
    CHECK(network.run_to_rest(network.time() + seconds(200)));
    bob.must_be_empty();
  }

  Network network;
  Phone bob;
  Stranger s;
};

}  // namespace

TEST_CASE("OPTIONS tells Allow, Accept and Supported, even at Max-Forwards 0") {
  Uas t;
  const MessageView ok = t.answer(t.request("OPTIONS").set("Max-Forwards", "0"));
  CHECK(ok.status() == 200);
  for (const char* method : {"INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "INFO", "MESSAGE"})
    CHECK(ok.lists(hdr::allow, method));
  CHECK(ok.raw(HeaderId::accept) == "application/sdp");
  CHECK(ok.has(HeaderId::supported));
  CHECK_FALSE(ok.to_tag().empty());
  t.must_come_to_rest();
}

TEST_CASE("an unknown method is 501, a known one that is not served 405, both with Allow") {
  Uas t;
  for (const auto& [method, status] :
       {std::pair{"FROBNICATE", 501}, {"PUBLISH", 405}, {"REGISTER", 405}}) {
    const MessageView refused = t.answer(t.request(method));
    CHECK(refused.status() == status);
    CHECK(refused.lists(hdr::allow, "INVITE"));
  }
}

TEST_CASE("a Request-URI of an unknown scheme is 416") {
  Uas t;
  Letter request = t.request("OPTIONS");
  request.start = "OPTIONS x-unheard-of:opaque/part?q SIP/2.0";
  CHECK(t.status(request) == 416);
}

TEST_CASE("Require of unknown extensions is 420 naming each, but not in CANCEL") {
  Uas t;
  Letter request = t.request("OPTIONS");
  request.add("Require", "x-one").add("Require", "x-two, x-three");
  const MessageView refused = t.answer(request);
  CHECK(refused.status() == 420);
  CHECK(refused.raw(HeaderId::unsupported) == "x-one, x-two, x-three");
  t.rings();
  const Letter invite = t.request("INVITE");
  t.s.send(invite, t.bob.where);
  t.s.send(t.cancel(invite).add("Require", "x-one"), t.bob.where);
  CHECK(t.s.count("200 CANCEL") == 1);
}

TEST_CASE("a body that must be understood and is not is 415 with Accept") {
  Uas t;
  const MessageView refused =
      t.answer(t.request("INVITE")
                   .with("application/x-odd+xml", "<x/>")
                   .add("Content-Disposition", "session;handling=required"));
  CHECK(refused.status() == 415);
  CHECK(refused.raw(HeaderId::accept) == "application/sdp");
  const MessageView zipped = t.answer(t.request("INVITE").add("Content-Encoding", "gzip"));
  CHECK(zipped.status() == 415);
  CHECK(zipped.raw(HeaderId::accept_encoding) == "identity");
  CHECK(t.status(t.request("INVITE")
                     .with("image/x-odd", "123")
                     .add("Content-Disposition", "icon;handling=optional")) == 200);
}

TEST_CASE("an INVITE that accepts no session description is 406") {
  // RFC 4475 section 3.3.15.
  Uas t;
  CHECK(t.status(t.request("INVITE").add("Accept", "text/nobodyKnowsThis")) == 406);
  CHECK(t.status(t.request("INVITE").add("Accept", "text/html, application/*")) == 200);
  CHECK(t.status(t.request("INVITE").add("Accept", "*/*;q=0.1")) == 200);
}

TEST_CASE("an INVITE without Contact is 400") {
  Uas t;
  const MessageView refused = t.answer(t.request("INVITE").remove("Contact"));
  CHECK(refused.status() == 400);
  CHECK(refused.reason() == "Missing or malformed Contact");
}

TEST_CASE("a merged INVITE is 482 and makes no second call") {
  Uas t;
  t.rings();
  const Letter invite = t.request("INVITE");
  t.s.send(invite, t.bob.where);
  Letter merged = invite;
  merged.set("Via", "SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKother");
  CHECK(t.status(merged) == 482);
  CHECK(t.bob.count<CallArrived>() == 1);
}

TEST_CASE("a request for a dialog that is not there is 481") {
  Uas t;
  for (const char* method : {"BYE", "INFO", "UPDATE", "OPTIONS", "INVITE", "MESSAGE", "NOTIFY"}) {
    Letter request = t.request(method);
    request.set("To", "<" + t.bob.uri() + ">;tag=nosuch");
    INFO(method);
    CHECK(t.status(request) == 481);
  }
  CHECK(t.status(t.request("BYE")) == 481);
  CHECK(t.status(t.request("INFO")) == 481);
  CHECK(t.status(t.request("CANCEL")) == 481);
  t.must_come_to_rest();
}

TEST_CASE("a BYE of a dialog is matched by Call-ID and both tags") {
  // hardening A71.
  Uas t;
  const Letter invite = t.request("INVITE");
  t.s.send(invite, t.bob.where);
  const Message ok = t.s.last("200 INVITE").message;
  t.s.send(t.s.within(invite, ok.view(), "ACK", 1), t.bob.where);
  const Letter bye = t.s.within(invite, ok.view(), "BYE", 2);
  Letter wrong = bye;
  wrong.set("Via", "SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKw1").set("Call-ID", "other");
  CHECK(t.status(wrong) == 481);
  wrong = bye;
  wrong.set("Via", "SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKw2")
      .set("From", "<sip:x@s.invalid>;tag=no");
  CHECK(t.status(wrong) == 481);
  wrong = bye;
  wrong.set("Via", "SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKw3").set("CSeq", "0 BYE");
  CHECK(t.status(wrong) == 500);
  CHECK(t.bob.ua().calls() == 1);
  CHECK(t.status(bye) == 200);
  CHECK(t.bob.ua().calls() == 0);
  Letter late = t.s.within(invite, ok.view(), "BYE", 3);
  CHECK(t.status(late) == 481);
  t.must_come_to_rest();
}

TEST_CASE("180, 200 and 487 of a call have one To tag, and the 200 to CANCEL has it too") {
  Uas t;
  t.rings();
  const Letter invite = t.request("INVITE");
  t.s.send(invite, t.bob.where);
  const std::string tag(t.s.last("180 INVITE").message->to_tag());
  CHECK_FALSE(tag.empty());
  t.s.send(t.cancel(invite), t.bob.where);
  CHECK(t.s.last("200 CANCEL").message->to_tag() == tag);
  CHECK(t.s.last("487 INVITE").message->to_tag() == tag);
  CHECK(t.bob.last<CallEnded>().cause == CallEnded::Cause::cancelled);
  t.s.send(t.cancel(invite), t.bob.where);  // again: the same answer (hardening A50)
  CHECK(t.s.count("200 CANCEL") == 2);
}

TEST_CASE("CANCEL behind the final response is 200 and changes nothing") {
  Uas t;
  const Letter invite = t.request("INVITE");
  t.s.send(invite, t.bob.where);
  const Message ok = t.s.last("200 INVITE").message;
  t.s.send(t.cancel(invite), t.bob.where);
  CHECK(t.s.last("200 CANCEL").message->to_tag() == ok->to_tag());
  CHECK(t.s.count("487 INVITE") == 0);
  t.s.send(t.s.within(invite, ok.view(), "ACK", 1), t.bob.where);
  CHECK(t.bob.count<CallConfirmed>() == 1);
  CHECK(t.status(t.s.within(invite, ok.view(), "BYE", 2)) == 200);
  t.must_come_to_rest();
}

TEST_CASE("Record-Route goes back in 1xx and 2xx as it came, and our BYE follows it") {
  Uas t;
  const std::vector<std::string> rr = {
      "<sip:hop@192.0.2.9;lr;x-keep=\"a,b\">, <sip:p2.invalid:5070;lr>;hp=1",
      "<sip:p1.invalid;transport=tcp;lr>"};
  Letter invite = t.request("INVITE");
  for (const auto& value : rr) invite.add("Record-Route", value);
  t.s.send(invite, t.bob.where);
  for (const char* label : {"180 INVITE", "200 INVITE"}) {
    const Message m = t.s.last(label).message;
    std::vector<std::string> got;
    for (std::size_t i = 0; i < m->header_count(); ++i)
      if (m->header(i).id == HeaderId::record_route) got.emplace_back(m->header(i).value);
    CHECK(got == rr);
    std::size_t contacts = 0;
    for (const auto& contact : m->all(hdr::contact)) {
      ++contacts;
      CHECK(contact->uri.text == "sip:sipstack@192.0.2.2:5060");
    }
    CHECK(contacts == 1);
  }
  t.s.send(t.s.within(invite, t.s.last("200 INVITE").message.view(), "ACK", 1), t.bob.where);
  // "a,b" is no legal parameter of a URI, and nobody can be asked to route by it.
  t.network.now([&](TimePoint now) { t.bob.ua().hang_up(t.bob.last<CallArrived>().call, now); });
  t.network.run(milliseconds(1));
  CHECK(t.bob.count<CallEnded>() == 1);
}

TEST_CASE("a 2xx is sent again at T1 doubling to T2 until the ACK, over any transport") {
  Uas t;
  const Letter invite = t.request("INVITE");
  t.s.send(invite, t.bob.where, seconds(12));
  std::vector<Duration> gaps;
  std::optional<TimePoint> before;
  for (const auto& heard : t.s.all) {
    if (message_label(heard.message.bytes()) != "200 INVITE") continue;
    if (before) gaps.push_back(heard.at - *before);
    before = heard.at;
  }
  CHECK(gaps ==
        std::vector<Duration>{milliseconds(500), seconds(1), seconds(2), seconds(4), seconds(4)});
  const Message ok = t.s.last("200 INVITE").message;
  t.s.send(t.s.within(invite, ok.view(), "ACK", 1), t.bob.where, seconds(60));
  CHECK(t.s.count("200 INVITE") == 6);
  CHECK(t.bob.count<CallEnded>() == 0);
  t.status(t.s.within(invite, ok.view(), "BYE", 2));
  t.must_come_to_rest();
}

TEST_CASE("BYE in an early dialog ends the INVITE with 487") {
  // RFC 3261 section 15.1.2.
  Uas t;
  t.rings();
  const Letter invite = t.request("INVITE");
  t.s.send(invite, t.bob.where);
  const Message ringing = t.s.last("180 INVITE").message;
  CHECK(t.status(t.s.within(invite, ringing.view(), "BYE", 2)) == 200);
  CHECK(t.s.count("487 INVITE") == 1);
  CHECK(t.bob.last<CallEnded>().cause == CallEnded::Cause::remote_bye);
  CHECK(t.bob.ua().calls() == 0);
}

TEST_CASE("a stray ACK is never answered") {
  Uas t;
  Letter ack = t.request("ACK");
  t.s.send(ack, t.bob.where);
  t.s.send(ack.set("To", "<" + t.bob.uri() + ">;tag=nosuch"), t.bob.where);
  CHECK(t.s.all.empty());
  t.must_come_to_rest();
}

TEST_CASE("requests outside dialogs are challenged, ACK and CANCEL are not") {
  CoreOptions options;
  options.challenge = Credentials{"u", "p", "r"};
  Uas t(options);
  for (const char* method : {"INVITE", "OPTIONS", "MESSAGE", "FROBNICATE", "BYE"}) {
    const MessageView refused = t.answer(t.request(method));
    CHECK(refused.status() == 401);
    CHECK(refused.has(HeaderId::www_authenticate));
  }
  CHECK(t.status(t.request("CANCEL")) == 481);
  CHECK(t.bob.count<CallArrived>() == 0);

  Phone alice(t.network, "alice", "192.0.2.1");
  auto call = call_to(t.bob.uri());
  call.credentials = {{"u", "p", ""}};
  CallId id;
  t.network.now([&](TimePoint now) { id = *alice.ua().invite(call, now); });
  t.network.run(milliseconds(10));
  CHECK(alice.count<CallAnswered>() == 1);
  t.network.now([&](TimePoint now) { alice.ua().hang_up(id, now); });
  t.must_come_to_rest();
  alice.must_be_empty();
}

TEST_CASE("a full dialog table refuses INVITEs with 503 and Retry-After") {
  CoreOptions options;
  options.user_agent.max_dialogs = 2;
  Uas t(options);
  t.rings();
  t.s.send(t.request("INVITE"), t.bob.where);
  t.s.send(t.request("INVITE"), t.bob.where);
  const MessageView refused = t.answer(t.request("INVITE"));
  CHECK(refused.status() == 503);
  CHECK(refused.has(HeaderId::retry_after));
  CHECK(t.bob.count<CallArrived>() == 2);
}

TEST_CASE("a request outside dialogs that the user agent leaves to its user gets that answer") {
  CoreOptions options;
  options.user_agent.answer_options = false;
  Uas t(options);
  t.bob.user = [](Phone& phone, const UserEvent& event, TimePoint now) {
    if (const auto* received = std::get_if<RequestReceived>(&event))
      CHECK_FALSE(phone.ua().respond(received->txn, 202, now, {}, {}, {{"X-Seen", "yes"}}));
  };
  const MessageView got = t.answer(t.request("MESSAGE").with("text/plain", "hi"));
  CHECK(got.status() == 202);
  CHECK(got.raw("X-Seen") == "yes");
  t.must_come_to_rest();
}
