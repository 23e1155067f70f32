// SPDX-License-Identifier: Apache-2.0
// Offer and answer over a session's life: re-offers, hold, glare, refusal. Two sides talk to each other
// through the bytes of their descriptions.
#include <string>

#include "catch.hpp"
#include "sipstack/dialog/offer_answer.hpp"

using namespace sipstack;
using namespace sipstack::sdp;
using State = OfferAnswer::State;

namespace {

Capabilities side(const char* address, std::uint16_t port) {
  Capabilities out;
  out.address = IpAddress::parse(address).value();
  out.audio_port = port;
  return out;
}

// As it comes out of the peer's parser.
Session over_the_wire(const Session& session) {
  const auto read = Session::parse(session.to_string());
  REQUIRE(read);
  return *read;
}

struct Pair {
  SeededRandom random{7};
  OfferAnswer alice{side("192.0.2.1", 4000), random};
  OfferAnswer bob{side("192.0.2.2", 5000), random};

  // `from` offers, `to` answers; both are stable afterwards.
  void exchange(OfferAnswer& from, OfferAnswer& to, expected<Session, OfferAnswerErrc> offered) {
    REQUIRE(offered);
    CHECK(from.state() == State::local_offer);
    REQUIRE(to.remote_offer(over_the_wire(*offered)));
    CHECK(to.state() == State::remote_offer);
    const auto answered = to.answer();
    REQUIRE(answered);
    REQUIRE(from.remote_answer(over_the_wire(*answered)));
    CHECK(from.state() == State::stable);
    CHECK(to.state() == State::stable);
    CHECK(*from.local() == over_the_wire(*offered));
    CHECK(*from.remote() == *to.local());
    CHECK(*from.local() == *to.remote());
  }
  void call() { exchange(alice, bob, alice.offer()); }
  std::string directions() const {
    return std::string(to_string(alice.audio()->direction)) + "/" +
           std::string(to_string(bob.audio()->direction));
  }
};

std::string audio_line(const Session& session) {
  const std::string text = session.to_string();
  const std::size_t at = text.find("m=audio");
  return text.substr(at, text.find("\r\n", at) - at);
}

}  // namespace

TEST_CASE("a call's offer and answer agree on audio both ways") {
  Pair pair;
  CHECK(pair.alice.state() == State::idle);
  CHECK_FALSE(pair.alice.audio());
  pair.call();
  REQUIRE(pair.alice.audio());
  CHECK(pair.alice.audio()->address == "192.0.2.2");
  CHECK(pair.alice.audio()->port == 5000);
  CHECK(pair.alice.audio()->codec.name == "PCMU");
  CHECK(pair.alice.audio()->telephone_event == 101);
  CHECK(pair.bob.audio()->address == "192.0.2.1");
  CHECK(pair.directions() == "sendrecv/sendrecv");
}

TEST_CASE("the peer's payload types are used towards it") {
  Pair pair;
  Capabilities ours = pair.alice.capabilities();
  ours.audio = {{110, "opus", 48000, 2, ""}, telephone_event(97), {98, "iLBC", 8000, 1, "mode=30"}};
  pair.alice.capabilities(ours);
  ours.address = IpAddress::parse("192.0.2.2").value();
  ours.audio = {{100, "iLBC", 8000, 1, ""}, telephone_event(101)};
  pair.bob.capabilities(ours);
  pair.call();
  CHECK(audio_line(*pair.bob.local()) == "m=audio 4000 RTP/AVP 97 98");
  CHECK(pair.bob.audio()->codec.name == "iLBC");
  CHECK(pair.bob.audio()->codec.payload_type == 98);
  CHECK(pair.bob.audio()->telephone_event == 97);
  // Offering in its turn, Bob keeps to the numbers that this session has (RFC 3264 section 8.3.2).
  const auto again = pair.bob.offer();
  REQUIRE(again);
  CHECK(audio_line(*again) == "m=audio 4000 RTP/AVP 98 97");
}

TEST_CASE("a payload type never changes its meaning within a session") {
  Pair pair;
  pair.call();
  Capabilities ours = pair.alice.capabilities();
  ours.audio = {pcmu(), {101, "speex", 16000, 1, ""}, telephone_event(101)};
  pair.alice.capabilities(ours);
  const auto again = pair.alice.offer();
  REQUIRE(again);
  const Media& audio = again->media[0];
  CHECK(audio.rtpmap("101")->encoding == "telephone-event");
  CHECK(audio.rtpmap("96")->encoding == "speex");
  CHECK(audio_line(*again) == "m=audio 4000 RTP/AVP 0 96 101");
}

TEST_CASE("o= keeps its id, and its version rises only where the description changes") {
  Pair pair;
  pair.call();
  const sdp::Origin first = pair.alice.local()->origin;
  const sdp::Origin bobs = pair.bob.local()->origin;
  CHECK(first.session_version == "1");
  CHECK(first.session_id != bobs.session_id);

  pair.exchange(pair.alice, pair.bob, pair.alice.offer());
  CHECK(pair.alice.local()->origin == first);
  CHECK(pair.bob.local()->origin == bobs);

  Capabilities moved = pair.alice.capabilities();
  moved.audio_port = 4002;
  pair.alice.capabilities(moved);
  pair.exchange(pair.alice, pair.bob, pair.alice.offer());
  CHECK(pair.alice.local()->origin.session_id == first.session_id);
  CHECK(pair.alice.local()->origin.session_version == "2");
  CHECK(pair.bob.local()->origin == bobs);
  CHECK(pair.bob.audio()->port == 4002);
}

TEST_CASE("o= stays the same but for its version when the address moves") {
  Pair pair;
  pair.call();
  Capabilities moved = pair.alice.capabilities();
  moved.address = IpAddress::parse("203.0.113.5").value();
  pair.alice.capabilities(moved);
  pair.exchange(pair.alice, pair.bob, pair.alice.offer());
  CHECK(pair.alice.local()->origin.address == "192.0.2.1");
  CHECK(pair.alice.local()->origin.session_version == "2");
  CHECK(pair.bob.audio()->address == "203.0.113.5");
}

TEST_CASE("hold is sendonly against recvonly, and resume goes back") {
  Pair pair;
  pair.call();
  pair.exchange(pair.alice, pair.bob, pair.alice.hold());
  CHECK(pair.alice.on_hold());
  CHECK_FALSE(pair.bob.on_hold());
  CHECK(pair.directions() == "sendonly/recvonly");
  CHECK(pair.alice.local()->origin.session_version == "2");
  pair.exchange(pair.alice, pair.bob, pair.alice.resume());
  CHECK_FALSE(pair.alice.on_hold());
  CHECK(pair.directions() == "sendrecv/sendrecv");
  CHECK(pair.alice.local()->origin.session_version == "3");
}

TEST_CASE("both on hold is inactive, and each side takes off its own hold (RFC 6337 section 5.3)") {
  Pair pair;
  pair.call();
  pair.exchange(pair.alice, pair.bob, pair.alice.hold());
  pair.exchange(pair.bob, pair.alice, pair.bob.hold());
  CHECK(pair.bob.local()->direction_of(pair.bob.local()->media[0]) == Direction::sendonly);
  CHECK(pair.directions() == "inactive/inactive");
  pair.exchange(pair.alice, pair.bob, pair.alice.resume());
  CHECK(pair.directions() == "recvonly/sendonly");
  pair.exchange(pair.bob, pair.alice, pair.bob.resume());
  CHECK(pair.directions() == "sendrecv/sendrecv");
}

TEST_CASE(
    "a refresh during hold keeps it, and one by the held side does not (RFC 6337 section 5.3)") {
  Pair pair;
  pair.call();
  pair.exchange(pair.alice, pair.bob, pair.alice.hold());
  pair.exchange(pair.alice, pair.bob, pair.alice.offer());
  CHECK(pair.directions() == "sendonly/recvonly");
  const auto refresh = pair.bob.offer();
  REQUIRE(refresh);
  CHECK(refresh->direction_of(refresh->media[0]) == Direction::sendrecv);
  REQUIRE(pair.alice.remote_offer(over_the_wire(*refresh)));
  const auto still = pair.alice.answer();
  REQUIRE(still);
  CHECK(still->direction_of(still->media[0]) == Direction::sendonly);
}

TEST_CASE("an offer that was refused leaves what was agreed, and its version is not used again") {
  Pair pair;
  pair.call();
  const Session agreed = *pair.alice.local();
  const auto refused = pair.alice.hold();
  REQUIRE(refused);
  CHECK(*pair.alice.open_offer() == *refused);
  pair.alice.rollback();
  CHECK(pair.alice.state() == State::stable);
  CHECK(pair.alice.open_offer() == nullptr);
  CHECK_FALSE(pair.alice.on_hold());
  CHECK(*pair.alice.local() == agreed);
  CHECK(pair.directions() == "sendrecv/sendrecv");
  const auto next = pair.alice.offer();
  REQUIRE(next);
  CHECK(refused->origin.session_version == "2");
  CHECK(next->origin.session_version == "3");
}

TEST_CASE("a first offer that was refused leaves nothing") {
  Pair pair;
  REQUIRE(pair.alice.offer());
  pair.alice.rollback();
  CHECK(pair.alice.state() == State::idle);
  CHECK_FALSE(pair.alice.local());
  pair.call();
}

TEST_CASE("an offer on an offer is glare, and a second one of theirs comes too early") {
  Pair pair;
  pair.call();
  const auto ours = pair.alice.offer();
  const auto theirs = pair.bob.offer();
  REQUIRE(ours);
  REQUIRE(theirs);
  const auto glare = pair.alice.remote_offer(over_the_wire(*theirs));
  REQUIRE_FALSE(glare);
  CHECK(glare.error() == OfferAnswerErrc::glare);
  CHECK(status(glare.error()) == 491);
  CHECK(pair.alice.state() == State::local_offer);
  CHECK(pair.alice.offer().error() == OfferAnswerErrc::wrong_state);

  pair.bob.rollback();
  REQUIRE(pair.bob.remote_offer(over_the_wire(*ours)));
  const auto second = pair.bob.remote_offer(over_the_wire(*ours));
  CHECK(second.error() == OfferAnswerErrc::wrong_state);
  CHECK(status(second.error()) == 500);
  CHECK(pair.bob.hold().error() == OfferAnswerErrc::wrong_state);
  CHECK(pair.bob.answer());
}

TEST_CASE("answers without an offer are refused") {
  Pair pair;
  CHECK(pair.alice.answer().error() == OfferAnswerErrc::wrong_state);
  CHECK(pair.alice.remote_answer(Session()).error() == OfferAnswerErrc::wrong_state);
  pair.call();
  CHECK(pair.alice.answer().error() == OfferAnswerErrc::wrong_state);
  CHECK(pair.alice.remote_answer(Session()).error() == OfferAnswerErrc::wrong_state);
}

TEST_CASE("an offer without anything in common is refused and the session goes on") {
  Pair pair;
  pair.call();
  Capabilities exotic = pair.alice.capabilities();
  exotic.audio = {{96, "exotic", 8000, 1, ""}};
  pair.alice.capabilities(exotic);
  const auto offered = pair.alice.offer();
  REQUIRE(offered);
  REQUIRE(pair.bob.remote_offer(over_the_wire(*offered)));
  CHECK(pair.bob.answer().error() == OfferAnswerErrc::no_common_media);
  CHECK(pair.bob.state() == State::stable);
  CHECK(pair.bob.audio()->codec.name == "PCMU");
}

TEST_CASE("an answer that does not fit its offer is refused") {
  const auto result = [](auto&& edit) {
    Pair pair;
    const auto offered = pair.alice.offer();
    REQUIRE(pair.bob.remote_offer(over_the_wire(*offered)));
    Session answer = pair.bob.answer().value();
    edit(answer);
    const auto taken = pair.alice.remote_answer(answer);
    CHECK(pair.alice.state() == (taken ? State::stable : State::idle));
    return taken ? OfferAnswerErrc::ok : taken.error();
  };
  CHECK(result([](Session&) {}) == OfferAnswerErrc::ok);
  CHECK(result([](Session& s) { s.media.clear(); }) == OfferAnswerErrc::bad_answer);
  CHECK(result([](Session& s) { s.media.push_back(s.media[0]); }) == OfferAnswerErrc::bad_answer);
  CHECK(result([](Session& s) { s.media[0].type = "video"; }) == OfferAnswerErrc::bad_answer);
  CHECK(result([](Session& s) { s.media[0].port = 0; }) == OfferAnswerErrc::ok);
}

TEST_CASE("a stream that the peer refused has no audio, and its line can be offered again") {
  Pair pair;
  const auto offered = pair.alice.offer();
  REQUIRE(pair.bob.remote_offer(over_the_wire(*offered)));
  Session answer = pair.bob.answer().value();
  answer.media[0].port = 0;
  REQUIRE(pair.alice.remote_answer(answer));
  CHECK_FALSE(pair.alice.audio());
  CHECK(pair.alice.local()->media[0].port == 0);
  const auto again = pair.alice.offer();
  REQUIRE(again);
  CHECK(again->media.size() == 1);
  CHECK(again->media[0].port == 4000);
}

TEST_CASE("m= lines of an answerer stay when it offers in its turn") {
  SeededRandom random(9);
  OfferAnswer bob(side("192.0.2.2", 5000), random);
  REQUIRE(bob.remote_offer(
      *Session::parse("v=0\r\no=- 1 1 IN IP4 h\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
                      "m=video 6000 RTP/AVP 31\r\n"
                      "m=audio 7000 RTP/AVP 8\r\n"
                      "m=audio 7002 RTP/AVP 0\r\n")));
  REQUIRE(bob.answer());
  CHECK(bob.audio()->codec.name == "PCMA");
  const auto own = bob.offer();
  REQUIRE(own);
  REQUIRE(own->media.size() == 3);
  CHECK(own->media[0].type == "video");
  CHECK(own->media[0].port == 0);
  CHECK(own->media[1].port == 5000);
  CHECK(own->media[1].formats == std::vector<std::string>{"0", "8", "101"});
  CHECK(own->media[2].port == 0);
}

TEST_CASE("the application's own descriptions get our o= and are held line by line") {
  Pair pair;
  Session own = *Session::parse(
      "v=0\r\no=me 0 0 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
      "m=audio 4000 RTP/AVP 0\r\n"
      "m=video 4002 RTP/AVP 31\r\na=rtpmap:31 H261/90000\r\n");
  const auto offered = pair.alice.offer(own);
  REQUIRE(offered);
  CHECK(offered->origin.username == "me");
  CHECK(offered->origin.session_id != "0");
  REQUIRE(pair.bob.remote_offer(over_the_wire(*offered)));
  Session answer = over_the_wire(*offered);
  const auto answered = pair.bob.answer(answer);
  REQUIRE(answered);
  CHECK(answered->origin.session_id != offered->origin.session_id);
  REQUIRE(pair.alice.remote_answer(over_the_wire(*answered)));

  const auto held = pair.alice.hold();
  REQUIRE(held);
  REQUIRE(held->media.size() == 2);
  CHECK(held->direction_of(held->media[0]) == Direction::sendonly);
  CHECK(held->direction_of(held->media[1]) == Direction::sendonly);
  CHECK(held->media[1].rtpmap("31")->encoding == "H261");
  CHECK(held->origin.session_id == offered->origin.session_id);
  pair.alice.rollback();
  own.media.pop_back();
  CHECK(pair.alice.offer(own).error() == OfferAnswerErrc::bad_answer);
}

TEST_CASE("an answer of another number of lines than the offer is not sent") {
  Pair pair;
  REQUIRE(pair.bob.remote_offer(over_the_wire(*pair.alice.offer())));
  CHECK(pair.bob.answer(Session()).error() == OfferAnswerErrc::bad_answer);
  CHECK(pair.bob.state() == State::idle);
}

TEST_CASE("a description with a line end in a value is not sent and opens nothing") {
  Pair pair;
  Session own;
  own.name = "x\r\na=evil";
  CHECK(pair.alice.offer(own).error() == OfferAnswerErrc::malformed);
  CHECK(pair.alice.state() == State::idle);
  REQUIRE(pair.bob.remote_offer(over_the_wire(*pair.alice.offer())));
  Session answer = *pair.bob.open_offer();
  answer.name = "x\n";
  CHECK(pair.bob.answer(answer).error() == OfferAnswerErrc::malformed);
  CHECK(pair.bob.state() == State::idle);
}

TEST_CASE("each branch of a forked offer gets an answer of its own") {
  Pair pair;
  const auto offered = pair.alice.offer();
  REQUIRE(offered);
  OfferAnswer second_branch = pair.alice;
  SeededRandom random(3);
  OfferAnswer carol(side("192.0.2.3", 6000), random);
  REQUIRE(pair.bob.remote_offer(over_the_wire(*offered)));
  REQUIRE(carol.remote_offer(over_the_wire(*offered)));
  REQUIRE(pair.alice.remote_answer(pair.bob.answer().value()));
  REQUIRE(second_branch.remote_answer(carol.answer().value()));
  CHECK(pair.alice.audio()->address == "192.0.2.2");
  CHECK(second_branch.audio()->address == "192.0.2.3");
}

TEST_CASE("an old hold by 0.0.0.0 stops us from sending") {
  Pair pair;
  pair.call();
  Session old = over_the_wire(*pair.alice.local());
  old.connection(IpAddress());
  CHECK(old.connection()->address == "0.0.0.0");
  REQUIRE(pair.bob.remote_offer(old));
  const auto answer = pair.bob.answer();
  REQUIRE(answer);
  CHECK(answer->direction_of(answer->media[0]) == Direction::recvonly);
  CHECK(pair.bob.audio()->direction == Direction::recvonly);
}
