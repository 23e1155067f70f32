// SPDX-License-Identifier: Apache-2.0
// Codec parameters, profiles, and media other than one audio: what an answer says to an offer, line by line.
// RFC 3264 sections 6 and 8; RFC 4733, 4856, 3952, 6184, 7798, 7741, 7587; RFC 4568, 5763, 4585, 8285.
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "sipstack/dialog/offer_answer.hpp"

using namespace sipstack;
using namespace sipstack::sdp;

namespace {

Session offered(const std::string& media, const std::string& session_lines = "") {
  const auto session = Session::parse(
      "v=0\r\no=alice 77 5 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n" +
      session_lines + media);
  REQUIRE(session);
  return *session;
}

MediaCapability video(std::vector<Codec> codecs, const std::string& proto = "RTP/AVP") {
  MediaCapability out;
  out.port = 6000;
  out.proto = proto;
  out.codecs = std::move(codecs);
  return out;
}

Capabilities with(std::vector<MediaCapability> media, std::uint16_t audio = 0) {
  Capabilities out;
  out.address = IpAddress::parse("192.0.2.2").value();
  out.audio_port = audio;
  out.media = std::move(media);
  return out;
}

std::string media_text(const expected<Session, OfferAnswerErrc>& session) {
  if (!session) return std::string(to_string(session.error()));
  CHECK(session->well_formed());
  const std::string text = session->to_string();
  const auto at = text.find("m=");
  return at == std::string::npos ? "" : text.substr(at);
}

/// The fmtp that answers `theirs` where ours is `ours`; "none" where there is no fmtp, "refused".
std::string fmtp(const std::string& name, const std::string& ours, const std::string& theirs) {
  const bool is_video = name[0] == 'H' || name[0] == 'V';
  const std::string rate = is_video ? "/90000" : name == "opus" ? "/48000/2" : "/8000";
  MediaCapability own = video({{120, name,
                                is_video         ? 90000U
                                : name == "opus" ? 48000U
                                                 : 8000U,
                                name == "opus" ? 2U : 1U, ours}});
  own.type = is_video ? "video" : "audio";
  std::string formats = "97";
  std::string maps = "a=rtpmap:97 " + name + rate + "\r\n";
  if (!theirs.empty()) maps += "a=fmtp:97 " + theirs + "\r\n";
  if (name == "telephone-event") {
    own.codecs.push_back(pcmu());
    formats += " 0";
  }
  const auto out =
      answer(offered("m=" + own.type + " 5000 RTP/AVP " + formats + "\r\n" + maps), with({own}));
  if (!out || out->media[0].formats[0] != "97") return "refused";
  return std::string(out->media[0].fmtp("97").value_or("none"));
}

std::string after(const std::string& text, const std::string& what) {
  const auto at = text.find(what);
  return at == std::string::npos ? "" : text.substr(at, text.find("\r\n", at) - at);
}

}  // namespace

TEST_CASE("parameters of codecs are answered as each one's payload format has it") {
  const struct {
    const char *name, *ours, *theirs, *answer;
  } rows[] = {
      {"PCMU", "", "", "none"},
      // Annex B is on unless one side says no.
      {"G729", "", "", "none"},
      {"G729", "annexb=no", "", "annexb=no"},
      {"G729", "", "annexb=no", "annexb=no"},
      {"G729", "annexb=yes", "ANNEXB=NO", "annexb=no"},
      {"G729", "annexb=yes", "annexb=yes", "annexb=yes"},
      {"iLBC", "mode=20", "", "mode=30"},
      {"iLBC", "mode=20", "mode=20", "mode=20"},
      {"iLBC", "", "mode=20", "mode=30"},
      // Declared by each side for itself.
      {"opus", "useinbandfec=1", "stereo=1;maxplaybackrate=16000", "useinbandfec=1"},
      {"VP8", "max-fs=3600", "max-fs=300;max-fr=30", "max-fs=3600"},
      {"VP9", "profile-id=0", "", "profile-id=0"},
      {"VP9", "profile-id=0", "profile-id=2", "refused"},
      // Events in common.
      {"telephone-event", "0-15", "", "0-15"},
      {"telephone-event", "", "0-11,16", "0-11"},
      {"telephone-event", "0-15,66,70", "0-9,64-70", "0-9,66,70"},
      {"telephone-event", "0-15", "events=0-3", "0-3"},
      {"telephone-event", "0-15", "32-36", "refused"},
      {"telephone-event", "0-15", "9-0,x,-,300,5-999999999999,4", "4"},
      // H264: the packetization mode is the same, levels meet at the lower one.
      {"H264", "profile-level-id=42e01f;packetization-mode=1",
       "profile-level-id=42e01f;packetization-mode=1",
       "profile-level-id=42e01f;packetization-mode=1"},
      {"H264", "profile-level-id=42e01f;packetization-mode=1", "profile-level-id=42e01f",
       "refused"},
      {"H264", "profile-level-id=42e01f;packetization-mode=0", "profile-level-id=42e01f",
       "profile-level-id=42e01f"},
      {"H264", "profile-level-id=42e01f", "profile-level-id=42e00d", "profile-level-id=42e00d"},
      {"H264", "profile-level-id=42e00d", "profile-level-id=42E01F", "profile-level-id=42e00d"},
      // Constrained baseline by any of its spellings, and no other profile.
      {"H264", "profile-level-id=42e01f", "profile-level-id=4d801e", "profile-level-id=4d801e"},
      {"H264", "profile-level-id=42e01f", "profile-level-id=42001f", "refused"},
      {"H264", "profile-level-id=64001f", "profile-level-id=4d001f", "refused"},
      {"H264", "profile-level-id=640c1f", "profile-level-id=64001f", "refused"},
      // Levels apart, where both allow it.
      {"H264", "profile-level-id=42e01f;level-asymmetry-allowed=1",
       "profile-level-id=42e00d;level-asymmetry-allowed=1",
       "profile-level-id=42e01f;level-asymmetry-allowed=1"},
      {"H264", "profile-level-id=42e01f;level-asymmetry-allowed=1", "profile-level-id=42e00d",
       "profile-level-id=42e00d"},
      // Level 1b is between 1 and 1.1, and a flag in some profiles.
      {"H264", "profile-level-id=42f00b", "profile-level-id=42e00b", "profile-level-id=42f00b"},
      {"H264", "profile-level-id=42e00a", "profile-level-id=42f00b", "profile-level-id=42e00a"},
      // Nothing said: baseline, level 1.
      {"H264", "profile-level-id=42000a", "", "profile-level-id=42000a"},
      {"H264", "profile-level-id=42e01f", "profile-level-id=42e01", "refused"},
      {"H264", "profile-level-id=42e01f", "profile-level-id=zzzzzz", "refused"},
      {"H264", "sprop-parameter-sets=AAAA;profile-level-id=42e01f", "profile-level-id=42e01f",
       "sprop-parameter-sets=AAAA;profile-level-id=42e01f"},
      // H265.
      {"H265", "", "", "none"},
      {"H265", "level-id=120", "level-id=93", "level-id=93"},
      {"H265", "profile-id=1;level-id=93", "level-id=120", "profile-id=1;level-id=93"},
      {"H265", "profile-id=2", "profile-id=1", "refused"},
      {"H265", "", "tier-flag=1", "refused"},
      {"H265", "", "tx-mode=MRST", "refused"},
  };
  for (const auto& row : rows) {
    INFO(row.name << ", ours " << row.ours << ", theirs " << row.theirs);
    CHECK(fmtp(row.name, row.ours, row.theirs) == row.answer);
  }
}

TEST_CASE("of two H264 modes each is answered by ours of that mode") {
  const auto out = answer(
      offered("m=video 5000 RTP/AVP 98 99 100\r\n"
              "a=rtpmap:98 H264/90000\r\na=fmtp:98 profile-level-id=42e01f\r\n"
              "a=rtpmap:99 H264/90000\r\na=fmtp:99 profile-level-id=42e01f;packetization-mode=1\r\n"
              "a=rtpmap:100 rtx/90000\r\na=fmtp:100 apt=98\r\n"),
      with({video({h264(110), h264(111, "42e01f", 0), {112, "rtx", 90000, 1, "apt=110"}})}));
  CHECK(media_text(out) ==
        "m=video 6000 RTP/AVP 98 99\r\n"
        "a=rtpmap:98 H264/90000\r\na=fmtp:98 profile-level-id=42e01f\r\n"
        "a=rtpmap:99 H264/90000\r\na=fmtp:99 profile-level-id=42e01f;packetization-mode=1\r\n"
        "a=sendrecv\r\n");
}

TEST_CASE("a profile is answered by itself or refused, never by another") {
  const struct {
    const char *offered, *extra, *ours, *lines, *answer;
  } rows[] = {
      {"RTP/AVP", "", "RTP/AVP", "", "m=video 6000 RTP/AVP 31"},
      {"RTP/AVPF", "", "RTP/AVP", "", "no-common-media"},
      {"RTP/AVP", "", "RTP/AVPF", "", "no-common-media"},
      {"RTP/AVPF", "", "RTP/AVPF", "", "m=video 6000 RTP/AVPF 31"},
      {"RTP/SAVP", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:a\r\n", "RTP/AVP", "",
       "no-common-media"},
      // Keys: of a suite in common, or there is no stream.
      {"RTP/SAVP", "a=crypto:3 AES_CM_128_HMAC_SHA1_80 inline:a\r\n", "RTP/SAVP",
       "crypto:1 AES_CM_128_HMAC_SHA1_80 inline:b", "m=video 6000 RTP/SAVP 31"},
      {"RTP/SAVP", "a=crypto:3 AES_CM_128_HMAC_SHA1_32 inline:a\r\n", "RTP/SAVP",
       "crypto:1 AES_CM_128_HMAC_SHA1_80 inline:b", "no-common-media"},
      {"RTP/SAVP", "", "RTP/SAVP", "crypto:1 AES_CM_128_HMAC_SHA1_80 inline:b", "no-common-media"},
      {"UDP/TLS/RTP/SAVPF", "a=fingerprint:sha-256 AA:BB\r\n", "UDP/TLS/RTP/SAVPF",
       "fingerprint:sha-256 CC:DD", "m=video 6000 UDP/TLS/RTP/SAVPF 31"},
      {"UDP/TLS/RTP/SAVPF", "", "UDP/TLS/RTP/SAVPF", "fingerprint:sha-256 CC:DD",
       "no-common-media"},
  };
  for (const auto& row : rows) {
    INFO(row.offered << " to " << row.ours << ' ' << row.extra);
    MediaCapability own = video({{31, "H261", 90000, 1, ""}}, row.ours);
    if (*row.lines != '\0') own.lines.push_back({'a', row.lines});
    const std::string out = media_text(answer(
        offered("m=video 5000 " + std::string(row.offered) + " 31\r\n" + row.extra), with({own})));
    CHECK(out.substr(0, out.find("\r\n")) == row.answer);
  }
  MediaCapability both = video({{31, "H261", 90000, 1, ""}});
  both.answers = {"RTP/AVPF"};
  CHECK(media_text(answer(offered("m=video 5000 RTP/AVPF 31\r\n"), with({both}))).substr(0, 27) ==
        "m=video 6000 RTP/AVPF 31\r\na");
}

TEST_CASE("feedback, extensions, keys and ICE are answered as they were offered") {
  MediaCapability own = video({vp8(96)}, "UDP/TLS/RTP/SAVPF");
  own.codecs[0].feedback = {"nack", "nack pli", "goog-remb"};
  own.lines = {{'b', "AS:512"},
               {'a', "mid:v"},
               {'a', "rtcp-mux"},
               {'a', "rtcp-rsize"},
               {'a', "setup:actpass"},
               {'a', "ice-ufrag:abcd"},
               {'a', "candidate:1 1 UDP 1 192.0.2.2 6000 typ host"},
               {'a', "extmap:5 urn:ietf:params:rtp-hdrext:toffset"},
               {'a', "extmap:6 urn:x:other"},
               {'a', "x-own:1"}};
  Capabilities ours = with({own});
  ours.lines = {{'b', "CT:1000"}, {'a', "fingerprint:sha-256 CC:DD"}, {'a', "ice-options:trickle"}};
  const std::string base =
      "m=video 5000 UDP/TLS/RTP/SAVPF 120\r\na=rtpmap:120 VP8/90000\r\na=rtcp-fb:* nack\r\n"
      "a=rtcp-fb:120 nack pli\r\na=rtcp-fb:99 goog-remb\r\na=mid:0\r\na=rtcp-mux\r\n"
      "a=extmap:12 urn:ietf:params:rtp-hdrext:toffset\r\na=unknown:x\r\n";
  const std::string keys = "a=fingerprint:sha-256 AA:BB\r\na=setup:actpass\r\n";
  const auto plain = answer(offered(base, keys), ours);
  CHECK(media_text(plain) ==
        "m=video 6000 UDP/TLS/RTP/SAVPF 120\r\nb=AS:512\r\n"
        "a=rtpmap:120 VP8/90000\r\na=rtcp-fb:120 nack\r\na=rtcp-fb:120 nack pli\r\n"
        "a=rtcp-mux\r\na=setup:active\r\na=extmap:12 urn:ietf:params:rtp-hdrext:toffset\r\n"
        "a=x-own:1\r\na=mid:0\r\na=sendrecv\r\n");
  CHECK(plain->attribute("fingerprint") == "sha-256 CC:DD");
  CHECK(plain->bandwidth("CT") == 1000U);
  CHECK_FALSE(plain->attribute("ice-options"));
  const auto ice = answer(offered(base + "a=ice-ufrag:efgh\r\na=setup:active\r\n", keys), ours);
  CHECK(ice->attribute("ice-options") == "trickle");
  CHECK(ice->media[0].attribute("ice-ufrag") == "abcd");
  CHECK(ice->media[0].attribute("candidate"));
  CHECK(ice->media[0].attribute("setup") == "passive");

  MediaCapability sdes = video({vp8(96)}, "RTP/SAVP");
  sdes.lines = {{'a', "crypto:1 AES_256_CM_HMAC_SHA1_80 inline:big"},
                {'a', "crypto:2 AES_CM_128_HMAC_SHA1_80 inline:key|2^20"}};
  const std::string chosen =
      media_text(answer(offered("m=video 5000 RTP/SAVP 96\r\na=rtpmap:96 VP8/90000\r\n"
                                "a=crypto:7 F8_128_HMAC_SHA1_80 inline:x\r\n"
                                "a=crypto:8 aes_cm_128_hmac_sha1_80 inline:y\r\n"
                                "a=crypto:9 AES_256_CM_HMAC_SHA1_80 inline:z\r\n"),
                        with({sdes})));
  CHECK(after(chosen, "a=crypto") == "a=crypto:8 AES_CM_128_HMAC_SHA1_80 inline:key|2^20");
  CHECK(chosen.find("a=crypto") == chosen.rfind("a=crypto"));
}

TEST_CASE("fax, messages and data channels are media like others") {
  MediaCapability fax;
  fax.type = "image";
  fax.port = 6100;
  fax.proto = "udptl";
  fax.formats = {"t38"};
  fax.lines = {{'a', "T38FaxVersion:3"}, {'a', "T38FaxRateManagement:transferredTCF"}};
  MediaCapability chat;
  chat.type = "message";
  chat.port = 6200;
  chat.proto = "TCP/MSRP";
  chat.formats = {"*"};
  chat.lines = {{'a', "accept-types:text/plain"}, {'a', "path:msrp://192.0.2.2:6200/s;tcp"}};
  CHECK(media_text(answer(offered("m=message 5200 TCP/MSRP *\r\na=path:msrp://h:5200/x;tcp\r\n"
                                  "m=image 5100 UDPTL T38\r\na=T38FaxVersion:0\r\n"
                                  "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n"
                                  "m=audio 5000 RTP/AVP 0\r\n"),
                          with({fax, chat}, 4000))) ==
        "m=message 6200 TCP/MSRP *\r\na=accept-types:text/plain\r\n"
        "a=path:msrp://192.0.2.2:6200/s;tcp\r\n"
        "m=image 6100 UDPTL T38\r\na=T38FaxVersion:0\r\na=T38FaxRateManagement:transferredTCF\r\n"
        "m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\n"
        "m=audio 4000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=sendrecv\r\n");
}

namespace {

/// Both ends of a session; `from` offers, the other answers, through the bytes of their descriptions.
struct Ends {
  Ends(Capabilities a, Capabilities b) : alice(std::move(a), random), bob(std::move(b), random) {}
  void exchange(OfferAnswer& from, OfferAnswer& to) {
    const auto own = from.offer();
    REQUIRE(own);
    REQUIRE(to.remote_offer(Session::parse(own->to_string()).value()));
    const auto reply = to.answer();
    REQUIRE(reply);
    REQUIRE(from.remote_answer(Session::parse(reply->to_string()).value()));
  }
  /// "audio sendrecv 4000>6000 PCMU, ..." as `of` sees them.
  static std::string streams(const OfferAnswer& of) {
    std::string out;
    for (const MediaStream& s : of.streams()) {
      if (!out.empty()) out += ", ";
      out += std::to_string(s.line) + " " + s.type + " " + std::string(to_string(s.direction)) +
             " " + std::to_string(s.port);
      if (!s.codec.name.empty()) out += " " + s.codec.name;
    }
    return out;
  }
  SeededRandom random{3};
  OfferAnswer alice, bob;
};

}  // namespace

TEST_CASE("media come, go and come back, each on its line, and o= rises with every change") {
  Ends e(with({video({vp8(96)})}, 4000), with({video({h264(96), vp8(97)})}, 5000));
  e.bob.capabilities([&] {
    Capabilities c = e.bob.capabilities();
    c.media[0].port = 7000;
    return c;
  }());
  e.exchange(e.alice, e.bob);
  CHECK(Ends::streams(e.alice) == "0 audio sendrecv 5000 PCMU, 1 video sendrecv 7000 VP8");
  CHECK(Ends::streams(e.bob) == "0 audio sendrecv 4000 PCMU, 1 video sendrecv 6000 VP8");
  const auto version = [&] { return e.alice.local()->origin.session_version; };
  CHECK(version() == "1");
  e.exchange(e.alice, e.bob);
  CHECK(version() == "1");

  const auto video_port = [&](std::uint16_t port) {
    Capabilities c = e.alice.capabilities();
    c.media[0].port = port;
    e.alice.capabilities(c);
    e.exchange(e.alice, e.bob);
  };
  video_port(0);
  CHECK(version() == "2");
  REQUIRE(e.alice.local()->media.size() == 2);
  CHECK(e.alice.local()->media[1].port == 0);
  CHECK(Ends::streams(e.bob) == "0 audio sendrecv 4000 PCMU");
  video_port(6002);
  CHECK(version() == "3");
  CHECK(e.alice.local()->media.size() == 2);
  CHECK(Ends::streams(e.bob) == "0 audio sendrecv 4000 PCMU, 1 video sendrecv 6002 VP8");

  // Bob offers in his turn: the same lines, and VP8 keeps the number that it has there.
  e.exchange(e.bob, e.alice);
  CHECK(e.bob.local()->media[1].rtpmap("96")->encoding == "VP8");
  CHECK(Ends::streams(e.alice) == "0 audio sendrecv 5000 PCMU, 1 video sendrecv 7000 VP8");
  // On hold nothing is received, of no medium; a refused hold leaves all as it was.
  REQUIRE(e.alice.hold());
  CHECK(e.alice.open_offer()->media[1].direction() == Direction::sendonly);
  e.alice.rollback();
  CHECK_FALSE(e.alice.on_hold());
  CHECK(Ends::streams(e.alice) == "0 audio sendrecv 5000 PCMU, 1 video sendrecv 7000 VP8");
}

TEST_CASE("a line out of use is taken for another medium, a new one goes to the end") {
  MediaCapability second = video({{0, "PCMU", 8000, 1, ""}});
  second.type = "audio";
  second.port = 4002;
  Ends e(with({video({vp8(96)}), second}, 4000), with({video({vp8(96)})}, 5000));
  e.exchange(e.alice, e.bob);
  // Bob has one audio only.
  CHECK(Ends::streams(e.alice) == "0 audio sendrecv 5000 PCMU, 1 video sendrecv 6000 VP8");
  Capabilities c = e.alice.capabilities();
  c.media.push_back(video({vp8(99)}));
  c.media.back().port = 6004;
  c.media[0].port = 0;
  e.alice.capabilities(c);
  e.exchange(e.alice, e.bob);
  REQUIRE(e.alice.local()->media.size() == 3);
  CHECK(e.alice.local()->media[1].port == 6004);
  // On that line 96 has been VP8 and stays it.
  CHECK(e.alice.local()->media[1].formats == std::vector<std::string>{"96"});
  CHECK(Ends::streams(e.bob) == "0 audio sendrecv 4000 PCMU, 1 video sendrecv 6004 VP8");
}

TEST_CASE("an answerer keeps each line for what it was, whatever is switched off before it") {
  MediaCapability second = video({pcmu()});
  second.type = "audio";
  Capabilities ours = with({second}, 5000);
  Ends e(with({}), ours);
  const auto offer = [&](const char* first, const char* other) {
    REQUIRE(e.bob.remote_offer(offered("m=audio " + std::string(first) + " RTP/AVP 0\r\nm=audio " +
                                       other + " RTP/AVP 0\r\n")));
    const auto out = e.bob.answer();
    REQUIRE(out);
    return std::to_string(out->media[0].port) + " " + std::to_string(out->media[1].port);
  };
  CHECK(offer("1000", "1002") == "5000 6000");
  CHECK(offer("0", "1002") == "0 6000");
  CHECK(offer("1000", "1002") == "5000 6000");
}

TEST_CASE("levels may differ between the directions, and the peer's parameters are told") {
  Ends e(with({video({h264(96, "42e01f")})}), with({video({h264(97, "42e00d")})}));
  e.exchange(e.alice, e.bob);
  REQUIRE(e.alice.streams().size() == 1);
  CHECK(e.alice.streams()[0].remote_fmtp ==
        "profile-level-id=42e00d;packetization-mode=1;level-asymmetry-allowed=1");
  CHECK(e.bob.streams()[0].remote_fmtp ==
        "profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1");
  CHECK(e.bob.streams()[0].codec.payload_type == 96);
}
