// SPDX-License-Identifier: Apache-2.0
// One offer, one answer: what is accepted, what is refused, and how either is written.
#include "sipstack/dialog/offer_answer.hpp"

#include <string>

#include "catch.hpp"

using namespace sipstack;
using namespace sipstack::sdp;

namespace {

Capabilities bob() {
  Capabilities out;
  out.address = IpAddress::parse("192.0.2.2").value();
  out.audio_port = 4000;
  return out;
}

std::string offer_text(const std::string& media, const std::string& session_lines = "") {
  return "v=0\r\n"
         "o=alice 77 5 IN IP4 192.0.2.1\r\n"
         "s=call\r\n"
         "c=IN IP4 192.0.2.1\r\n"
         "t=0 0\r\n" +
         session_lines + media;
}

Session parsed(const std::string& text) {
  const auto session = Session::parse(text);
  REQUIRE(session);
  return *session;
}

// The media part of the answer, or the error's name.
std::string answered(const std::string& media, const Capabilities& ours = bob()) {
  const auto out = answer(parsed(offer_text(media)), ours);
  if (!out) return std::string(to_string(out.error()));
  CHECK(out->well_formed());
  const std::string text = out->to_string();
  const std::size_t at = text.find("m=");
  return at == std::string::npos ? "" : text.substr(at);
}

std::string direction_answered(const std::string& offered, Direction wanted = Direction::sendrecv,
                               const std::string& connection = "") {
  Capabilities ours = bob();
  ours.direction = wanted;
  const auto out =
      answer(parsed(offer_text("m=audio 49170 RTP/AVP 0\r\n" + connection + offered)), ours);
  REQUIRE(out);
  return std::string(to_string(out->direction_of(out->media[0])));
}

}  // namespace

TEST_CASE("an offer has every codec of ours in our order") {
  SeededRandom random(1);
  const Session session = offer(bob(), random);
  CHECK(session.well_formed());
  const std::string text = session.to_string();
  CHECK(text.substr(text.find("s=")) ==
        "s=-\r\n"
        "c=IN IP4 192.0.2.2\r\n"
        "t=0 0\r\n"
        "m=audio 4000 RTP/AVP 0 8 101\r\n"
        "a=rtpmap:0 PCMU/8000\r\n"
        "a=rtpmap:8 PCMA/8000\r\n"
        "a=rtpmap:101 telephone-event/8000\r\n"
        "a=fmtp:101 0-15\r\n"
        "a=sendrecv\r\n");
  CHECK(text.substr(0, 9) == "v=0\r\no=- ");
  CHECK(session.origin.session_version == "1");
  CHECK(session.origin.address == "192.0.2.2");
  CHECK(offer(bob(), random).origin.session_id != session.origin.session_id);
}

TEST_CASE("an IPv6 address stands without brackets") {
  SeededRandom random(1);
  Capabilities ours = bob();
  ours.address = IpAddress::parse("2001:db8::2").value();
  const Session session = offer(ours, random);
  CHECK(session.origin.addr_type == "IP6");
  CHECK(session.origin.address == "2001:db8::2");
  CHECK(session.connection()->addr_type == "IP6");
  CHECK(session.connection()->address == "2001:db8::2");
}

TEST_CASE("an answer takes the codecs in common, in the offer's order, with its payload types") {
  CHECK(answered("m=audio 49170 RTP/AVP 18 8 96 0 97\r\n"
                 "a=rtpmap:96 opus/48000/2\r\n"
                 "a=rtpmap:97 Telephone-Event/8000\r\n") ==
        "m=audio 4000 RTP/AVP 8 0 97\r\n"
        "a=rtpmap:8 PCMA/8000\r\n"
        "a=rtpmap:0 PCMU/8000\r\n"
        "a=rtpmap:97 telephone-event/8000\r\n"
        "a=fmtp:97 0-15\r\n"
        "a=sendrecv\r\n");
}

TEST_CASE("a codec is matched by name, rate and channels, whatever its number") {
  CHECK(answered("m=audio 1 RTP/AVP 100\r\na=rtpmap:100 pcmu/8000\r\n").substr(0, 26) ==
        "m=audio 4000 RTP/AVP 100\r\n");
  CHECK(answered("m=audio 1 RTP/AVP 100\r\na=rtpmap:100 PCMU/16000\r\n") == "no-common-media");
  CHECK(answered("m=audio 1 RTP/AVP 100\r\na=rtpmap:100 PCMU/8000/2\r\n") == "no-common-media");
  // A static number that is mapped to something else is that.
  CHECK(answered("m=audio 1 RTP/AVP 0\r\na=rtpmap:0 GSM/8000\r\n") == "no-common-media");
  CHECK(answered("m=audio 1 RTP/AVP 4294967296 256 -1 x\r\n") == "no-common-media");
  // A codec of ours is taken once.
  CHECK(answered("m=audio 1 RTP/AVP 0 0 96\r\na=rtpmap:96 PCMU/8000\r\n").substr(0, 24) ==
        "m=audio 4000 RTP/AVP 0\r\n");
}

TEST_CASE("events alone are no call") {
  CHECK(answered("m=audio 1 RTP/AVP 101\r\na=rtpmap:101 telephone-event/8000\r\n") ==
        "no-common-media");
}

TEST_CASE("m= lines keep their number and order, and what cannot be done is refused by port 0") {
  CHECK(answered("m=video 5000 RTP/AVP 31 34\r\na=rtpmap:31 H261/90000\r\n"
                 "m=audio 49170 RTP/SAVP 0\r\n"
                 "m=audio 49172 RTP/AVP 18\r\n"
                 "m=audio 49174 RTP/AVP 0\r\n"
                 "m=audio 49176 RTP/AVP 0\r\n"
                 "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n"
                 "m=image 0 udptl t38\r\n") ==
        "m=video 0 RTP/AVP 31 34\r\n"
        "m=audio 0 RTP/SAVP 0\r\n"
        "m=audio 0 RTP/AVP 18\r\n"
        "m=audio 4000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=sendrecv\r\n"
        "m=audio 0 RTP/AVP 0\r\n"
        "m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\n"
        "m=image 0 udptl t38\r\n");
}

TEST_CASE("an offer of which nothing can be accepted is refused with 488") {
  CHECK(answered("m=video 5000 RTP/AVP 31\r\n") == "no-common-media");
  CHECK(answered("m=audio 5000 RTP/AVP 18 4\r\n") == "no-common-media");
  Capabilities silent = bob();
  silent.audio_port = 0;
  CHECK(answered("m=audio 5000 RTP/AVP 0\r\n", silent) == "no-common-media");
  CHECK(status(OfferAnswerErrc::no_common_media) == 488);
}

TEST_CASE("an offer without media, or with all of them off, is answered in kind") {
  CHECK(answered("").empty());
  CHECK(answered("m=audio 0 RTP/AVP 0\r\n") == "m=audio 0 RTP/AVP 0\r\n");
}

TEST_CASE("directions are answered as RFC 3264 section 6.1 has it") {
  const Direction all[] = {Direction::sendrecv, Direction::sendonly, Direction::recvonly,
                           Direction::inactive};
  // Rows: offered; columns: what we want.
  const char* const expected[4][4] = {
      {"sendrecv", "sendonly", "recvonly", "inactive"},
      {"recvonly", "inactive", "recvonly", "inactive"},
      {"sendonly", "sendonly", "inactive", "inactive"},
      {"inactive", "inactive", "inactive", "inactive"},
  };
  for (int offered = 0; offered < 4; ++offered)
    for (int wanted = 0; wanted < 4; ++wanted) {
      CAPTURE(offered, wanted);
      CHECK(direction_answered("a=" + std::string(to_string(all[offered])) + "\r\n", all[wanted]) ==
            expected[offered][wanted]);
    }
  CHECK(direction_answered("") == "sendrecv");
}

TEST_CASE("an offer with 0.0.0.0 must not be sent to") {
  CHECK(direction_answered("", Direction::sendrecv, "c=IN IP4 0.0.0.0\r\n") == "recvonly");
  CHECK(direction_answered("a=recvonly\r\n", Direction::sendrecv, "c=IN IP4 0.0.0.0\r\n") ==
        "inactive");
}

TEST_CASE("a direction at session level counts for every medium without one") {
  const auto out = answer(parsed(offer_text("m=audio 1 RTP/AVP 0\r\n", "a=sendonly\r\n")), bob());
  REQUIRE(out);
  CHECK(out->direction_of(out->media[0]) == Direction::recvonly);
}

TEST_CASE("the answer's t= is the offer's") {
  const auto out = answer(parsed("v=0\r\no=- 1 1 IN IP4 h\r\ns=-\r\nt=2873397496 2873404696\r\n"
                                 "m=audio 1 RTP/AVP 0\r\n"),
                          bob());
  REQUIRE(out);
  REQUIRE(out->find('t') != nullptr);
  CHECK(out->find('t')->value == "2873397496 2873404696");
}

TEST_CASE("answers to one session share their o= id, and its version rises with the offer's") {
  const std::string media = "m=audio 1 RTP/AVP 0\r\n";
  const Session first = parsed(offer_text(media));
  Session again = first;
  again.origin.session_version = "6";
  Session other = first;
  other.origin.session_id = "78";
  const auto a = answer(first, bob());
  const auto b = answer(again, bob());
  const auto c = answer(other, bob());
  CHECK(a->origin.session_id == b->origin.session_id);
  CHECK(a->origin.session_id != c->origin.session_id);
  CHECK(a->origin.session_version == "5");
  CHECK(b->origin.session_version == "6");
  CHECK_FALSE(a->origin == first.origin);
  again.origin.session_version = "(null)";
  CHECK(answer(again, bob())->origin.session_version == "1");
}

TEST_CASE("ptime is written where it is wanted") {
  Capabilities ours = bob();
  ours.ptime = 20;
  CHECK(answered("m=audio 1 RTP/AVP 0\r\n", ours) ==
        "m=audio 4000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=ptime:20\r\na=sendrecv\r\n");
}

TEST_CASE("capabilities with a line end in them do not get into a description") {
  Capabilities ours = bob();
  ours.session_name = "x\r\na=evil";
  CHECK(answered("m=audio 1 RTP/AVP 0\r\n", ours) == "malformed");
  ours = bob();
  ours.audio[0].fmtp = "x\r\na=evil";
  CHECK(answered("m=audio 1 RTP/AVP 0\r\n", ours) == "malformed");
}

TEST_CASE("capabilities can be read from a description") {
  const Capabilities read = capabilities_of(
      parsed(offer_text("m=video 5000 RTP/AVP 31\r\nm=audio 0 RTP/AVP 0\r\n"
                        "m=audio 49170 RTP/AVP 9 96 101 18 20\r\nc=IN IP4 192.0.2.9\r\n"
                        "a=rtpmap:96 iLBC/8000\r\na=fmtp:96 mode=20\r\na=recvonly\r\n"
                        "a=rtpmap:101 telephone-event/8000\r\n")));
  CHECK(read.address.to_string() == "192.0.2.9");
  CHECK(read.audio_port == 49170);
  CHECK(read.direction == Direction::recvonly);
  REQUIRE(read.audio.size() == 4);
  CHECK(read.audio[0].name == "G722");
  CHECK(read.audio[1].name == "iLBC");
  CHECK(read.audio[1].payload_type == 96);
  CHECK(read.audio[1].fmtp == "mode=20");
  CHECK(read.audio[3].name == "G729");
  CHECK(capabilities_of(Session()).audio_port == 0);
}

TEST_CASE(
    "capabilities have the other media of a description, with their lines and where they are") {
  const Capabilities read = capabilities_of(parsed(offer_text(
      "m=video 5000 RTP/AVPF 96\r\nb=AS:300\r\na=rtpmap:96 VP8/90000\r\n"
      "a=rtcp-fb:96 nack pli\r\na=rtcp-fb:* nack\r\na=sendonly\r\na=mid:v\r\n"
      "m=audio 49170 RTP/AVP 0\r\nc=IN IP4 192.0.2.9\r\nm=image 0 udptl t38\r\n"
      "m=message 7000 TCP/MSRP *\r\nc=IN IP4 192.0.2.9\r\na=path:msrp://h:7000/x;tcp\r\n",
      "b=CT:900\r\na=fingerprint:sha-256 AA:BB\r\na=inactive\r\n")));
  CHECK(read.audio_port == 49170);
  CHECK(read.address.to_string() == "192.0.2.9");
  CHECK(read.lines == std::vector<Line>{{'b', "CT:900"}, {'a', "fingerprint:sha-256 AA:BB"}});
  REQUIRE(read.media.size() == 2);
  const MediaCapability& video = read.media[0];
  CHECK(video.proto == "RTP/AVPF");
  CHECK(video.direction == Direction::sendonly);
  CHECK(video.codecs[0].feedback == std::vector<std::string>{"nack pli"});
  CHECK(video.lines ==
        std::vector<Line>{{'b', "AS:300"}, {'a', "mid:v"}, {'c', "IN IP4 192.0.2.1"}});
  CHECK(read.media[1].formats == std::vector<std::string>{"*"});
  CHECK(read.media[1].direction == Direction::inactive);
}
