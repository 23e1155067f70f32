// SPDX-License-Identifier: Apache-2.0
// Session descriptions written from typed values: they read as what was written, or are refused.
#include "sipstack/parser/sdp_writer.hpp"

#include <string>

#include "catch.hpp"
#include "guarded.hpp"
#include "sipstack/base/random.hpp"

namespace sipstack::sdp {
namespace {

const OriginView kOrigin{"-", "1", "2", "IN", "IP4", "192.0.2.1"};

TEST_CASE("every typed value is written as it is read") {
  char buffer[4000];
  Writer out(buffer, sizeof buffer);
  out.origin(kOrigin).name("").line('i', "about").connection({"IN", "IP4", "192.0.2.1"});
  out.bandwidth({"AS", 512}).time(0, 0);
  out.add(*group_of("BUNDLE a v")).attribute("ice-lite");
  out.media("audio", 49170, "UDP/TLS/RTP/SAVPF", {"0", "96"});
  out.add(RtpMap{96, "opus", 48000, 2}).add(*fmtp_of("96 minptime=10;useinbandfec=1"));
  out.ptime(std::chrono::milliseconds(20)).maxptime(std::chrono::milliseconds(60));
  out.add(Direction::sendonly).add(Setup::actpass).attribute("mid", "a").attribute("rtcp-mux");
  out.add(*rtcp_port_of("49171 IN IP4 192.0.2.1")).add(*rtcp_port_of("9"));
  out.add(*rtcp_feedback_of("* nack pli")).add(*rtcp_feedback_of("96 nack"));
  out.add(*extension_map_of("1/sendonly urn:x a=b")).add(*source_of("11 cname:x y"));
  out.add(*fingerprint_of("sha-256 4A:AD"));
  out.add(*crypto_of("1 AES_CM_128_HMAC_SHA1_80 inline:d0Rm|2^20|1:4;inline:QUJj KDR=3"));
  out.add(*candidate_of("1 1 UDP 99 192.0.2.1 8 typ srflx raddr 10.0.0.1 rport 9 generation 0"));
  out.media({"video", 0, 2, "RTP/AVP", "31 34"}).add(RtpMap{34, "H263", 90000, 1});
  out.line('y', "0100000001").line('f', "").attribute("filesize", 7);
  const auto text = out.finish();
  REQUIRE(text);
  CHECK(*text ==
        "v=0\r\no=- 1 2 IN IP4 192.0.2.1\r\ns=-\r\ni=about\r\nc=IN IP4 192.0.2.1\r\nb=AS:512\r\n"
        "t=0 0\r\na=group:BUNDLE a v\r\na=ice-lite\r\n"
        "m=audio 49170 UDP/TLS/RTP/SAVPF 0 96\r\na=rtpmap:96 opus/48000/2\r\n"
        "a=fmtp:96 minptime=10;useinbandfec=1\r\na=ptime:20\r\na=maxptime:60\r\na=sendonly\r\n"
        "a=setup:actpass\r\na=mid:a\r\na=rtcp-mux\r\na=rtcp:49171 IN IP4 192.0.2.1\r\na=rtcp:9\r\n"
        "a=rtcp-fb:* nack pli\r\na=rtcp-fb:96 nack\r\na=extmap:1/sendonly urn:x a=b\r\n"
        "a=ssrc:11 cname:x y\r\na=fingerprint:sha-256 4A:AD\r\n"
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0Rm|2^20|1:4;inline:QUJj KDR=3\r\n"
        "a=candidate:1 1 UDP 99 192.0.2.1 8 typ srflx raddr 10.0.0.1 rport 9 generation 0\r\n"
        "m=video 0/2 RTP/AVP 31 34\r\na=rtpmap:34 H263/90000\r\ny=0100000001\r\nf=\r\n"
        "a=filesize:7\r\n");
}

TEST_CASE("no value with CR, LF or NUL gets in, by any way") {
  for (const std::string& evil :
       {std::string("x\r\na=evil"), std::string("\n"), std::string("\r"), std::string("x\0", 2)}) {
    const auto refused = [&](auto&& write) {
      char buffer[500];
      Writer out(buffer, sizeof buffer);
      OriginView origin = kOrigin;
      out.origin(origin).name("-").time(0, 0).media("audio", 1, "RTP/AVP", {"0"});
      write(out);
      const auto text = out.finish();
      return !text && text.error() == WriteErrc::bad_byte;
    };
    OriginView origin = kOrigin;
    origin.username = evil;
    CHECK(refused([&](Writer& out) { out.origin(origin); }));
    CHECK(refused([&](Writer& out) { out.name(evil); }));
    CHECK(refused([&](Writer& out) { out.connection({"IN", "IP4", evil}); }));
    CHECK(refused([&](Writer& out) { out.bandwidth({evil, 1}); }));
    CHECK(refused([&](Writer& out) { out.media(evil, 1, "RTP/AVP", {"0"}); }));
    CHECK(refused([&](Writer& out) { out.media("audio", 1, "RTP/AVP", {"0", evil}); }));
    CHECK(refused([&](Writer& out) { out.line('i', evil); }));
    CHECK(refused([&](Writer& out) { out.attribute(evil); }));
    CHECK(refused([&](Writer& out) { out.attribute("x", evil); }));
    CHECK(refused([&](Writer& out) { out.attribute(evil, 1); }));
    CHECK(refused([&](Writer& out) { out.add(RtpMap{96, evil, 1, 1}); }));
    CHECK(refused([&](Writer& out) { out.add(Fmtp{"96", evil}); }));
    CHECK(refused([&](Writer& out) { out.add(Group{"LS", Words(evil, ';')}); }));
    CHECK(refused([&](Writer& out) { out.add(Source{1, "x", evil}); }));
    CHECK(refused([&](Writer& out) { out.add(Fingerprint{"sha-256", evil}); }));
    CHECK(refused([&](Writer& out) { out.add(RtcpFeedback{"*", "nack", evil}); }));
    CHECK(refused([&](Writer& out) { out.add(ExtensionMap{1, {}, "urn:x", evil}); }));
    Crypto crypto = *crypto_of("1 S inline:a");
    crypto.suite = evil;
    CHECK(refused([&](Writer& out) { out.add(crypto); }));
    Candidate candidate = *candidate_of("1 1 UDP 99 h 8 typ host");
    candidate.related_address = evil;
    CHECK(refused([&](Writer& out) { out.add(candidate); }));
  }
}

TEST_CASE("what would read as something else is refused") {
  char buffer[500];
  const auto error = [&](auto&& write) {
    Writer out(buffer, sizeof buffer);
    out.origin(kOrigin).name("-").time(0, 0);
    write(out);
    const auto text = out.finish();
    return text ? WriteErrc::ok : text.error();
  };
  CHECK(error([](Writer&) {}) == WriteErrc::ok);
  CHECK(error([](Writer& out) { out.media("au dio", 1, "RTP/AVP", {"0"}); }) ==
        WriteErrc::malformed);
  CHECK(error([](Writer& out) { out.media("audio", 1, "", {"0"}); }) == WriteErrc::malformed);
  CHECK(error([](Writer& out) { out.media("audio", 1, "RTP/AVP", {}); }) == WriteErrc::malformed);
  CHECK(error([](Writer& out) { out.add(RtpMap{96, "", 1, 1}); }) == WriteErrc::malformed);
  CHECK(error([](Writer& out) { out.attribute("a b"); }) == WriteErrc::malformed);
  CHECK(error([](Writer& out) { out.attribute(""); }) == WriteErrc::malformed);
  CHECK(error([](Writer& out) { out.line('1', "x"); }) == WriteErrc::malformed);
  CHECK(error([](Writer& out) { out.line('v', "0"); }) == WriteErrc::malformed);
  CHECK(error([](Writer& out) { out.connection({"IN", "IP4", "a b"}); }) == WriteErrc::malformed);
  CHECK(Writer(buffer, sizeof buffer).finish().error() == WriteErrc::malformed);
}

TEST_CASE("sections that were read are copied byte for byte") {
  const std::string text =
      "v=0\no=a  1 2 IN IP4 h\ns=x\nt=0 0\na=k\nm=audio 1 RTP/AVP 0\na=x \ny=1\nm=video  2 RTP/AVP "
      "31\na=y";
  const View view = View::parse(text).value();
  char buffer[500];
  Writer out(buffer, sizeof buffer);
  out.origin(kOrigin).name("new").copy(view.lines());
  for (const MediaView& media : view.media()) {
    if (media.line.type == "audio")
      out.media("audio", 0, "RTP/AVP", {"0"}).copy(*media.lines.begin());
    else
      out.copy(media);
  }
  CHECK(out.finish().value() ==
        "v=0\r\no=- 1 2 IN IP4 192.0.2.1\r\ns=new\r\nt=0 0\na=k\nm=audio 0 RTP/AVP 0\r\na=x \n"
        "m=video  2 RTP/AVP 31\na=y\r\n");
}

TEST_CASE("a description that only the lenient mode reads is written in that mode alone") {
  Reading lenient;
  lenient.mode = Mode::lenient;
  const std::string text = "v=0\ns=x\nm=video 0 TCP/RTP/AVP\n";
  const View view = View::parse(text, lenient).value();
  char buffer[500];
  Writer out(buffer, sizeof buffer);
  out.origin(kOrigin).name("-").time(0, 0).copy(*view.media().begin());
  CHECK(out.finish().error() == WriteErrc::malformed);
  CHECK(out.finish(Mode::lenient));
}

TEST_CASE("a buffer of any size is filled exactly, or the description is too large") {
  const auto write = [](char* data, std::size_t size) {
    Writer out(data, size);
    out.origin(kOrigin).name("-").time(0, 0).media("audio", 49170, "RTP/AVP", {"0"});
    return out.add(RtpMap{0, "PCMU", 8000, 1}).finish();
  };
  char large[500];
  const std::string whole(write(large, sizeof large).value());
  testing::Guarded memory(whole);
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    const auto text = write(memory.data() + whole.size() - size, size);
    if (size < whole.size())
      REQUIRE(text.error() == WriteErrc::too_large);
    else
      CHECK(text.value() == whole);
  }
}

TEST_CASE("whatever strings are written, what is finished has the lines that were written") {
  static constexpr std::string_view kPieces[] = {
      "a", "1", " ", ":", "=", "/", "m=audio 1 RTP/AVP 0", "\r\n", "\n", "\xff", "\t", ";"};
  SeededRandom random(24);
  int finished = 0;
  for (int round = 0; round < 20000; ++round) {
    const auto piece = [&] {
      std::string out;
      for (std::uint64_t n = random.below(4); n > 0; --n)
        out += kPieces[random.below(std::size(kPieces))];
      return out;
    };
    char buffer[1000];
    Writer out(buffer, sizeof buffer);
    out.origin(kOrigin).name(piece()).time(0, 0);
    const std::string name = piece();
    const std::string value = piece();
    out.attribute("x", value).attribute(name.empty() ? "n" : name).line('i', piece());
    out.media("audio", 1, "RTP/AVP", {piece(), "0"}).line('y', value);
    const auto text = out.finish();
    if (!text) continue;
    ++finished;
    const View view = View::parse(*text).value();
    REQUIRE(view.media_count() == 1);
    int lines = 0;
    for (const LineView& line : view.lines()) lines += line.type != 0;
    CHECK(lines == 4);
    CHECK(view.lines().attribute("x") == value);
    CHECK(view.media().begin()->lines.find('y')->value == value);
  }
  CHECK(finished > 100);
}

}  // namespace
}  // namespace sipstack::sdp
