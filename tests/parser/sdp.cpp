// SPDX-License-Identifier: Apache-2.0
// Session descriptions: what is read, what is refused and where, and that nothing is lost.
#include "sipstack/parser/sdp.hpp"

#include <string>
#include <vector>

#include "catch.hpp"
#include "shared_dir.hpp"
#include "sipstack/parser/message_view.hpp"

using namespace sipstack;
using namespace sipstack::sdp;

namespace {

const std::string kHead =
    "v=0\r\n"
    "o=alice 2890844526 2890844527 IN IP4 host.atlanta.example\r\n"
    "s=A call\r\n";

const std::string kFull = kHead +
                          "i=about\r\n"
                          "u=http://www.example.com/\r\n"
                          "e=alice@atlanta.example\r\n"
                          "p=+1 617 555-6011\r\n"
                          "c=IN IP4 192.0.2.101\r\n"
                          "b=AS:128\r\n"
                          "t=0 0\r\n"
                          "r=7d 1h 0 25h\r\n"
                          "z=2882844526 -1h\r\n"
                          "k=prompt\r\n"
                          "a=recvonly\r\n"
                          "m=audio 49170/2 RTP/AVP 0 8 97\r\n"
                          "a=rtpmap:97 iLBC/8000\r\n"
                          "a=fmtp:97 mode=30\r\n"
                          "a=sendonly\r\n"
                          "m=video 0 RTP/AVP 31\r\n"
                          "i=camera\r\n"
                          "c=IN IP6 2001:db8::1\r\n"
                          "b=X-YZ:64\r\n"
                          "a=rtpmap:31 H261/90000\r\n";

// As devices of GB/T 28181 write it: y= and f= behind everything, a number as user name.
const std::string kGb =
    "v=0\n"
    "o=34020000001320000001 0 0 IN IP4 192.0.2.7\n"
    "s=Play\n"
    "u=34020000001320000001:0\n"
    "c=IN IP4 192.0.2.7\n"
    "t=0 0\n"
    "m=video 6000 TCP/RTP/AVP 96 97 98\n"
    "a=recvonly\n"
    "a=rtpmap:96 PS/90000\n"
    "a=setup:passive\n"
    "a=connection:new\n"
    "y=0100000001\n"
    "f=v/2/4/25/1/4000a///\n"
    "a=behind:it\n";

std::string with_session_line(const std::string& line) { return kHead + line + "\r\nt=0 0\r\n"; }
std::string with_media(const std::string& line) { return kHead + "t=0 0\r\n" + line + "\r\n"; }

bool ok(const std::string& text) {
  const auto view = View::parse(text);
  if (!view) return false;
  // Whatever is accepted is printed as something that reads the same.
  const Session session(*view);
  const auto again = Session::parse(session.to_string());
  REQUIRE(again);
  CHECK(*again == session);
  CHECK(again->to_string() == session.to_string());
  CHECK(session.well_formed());
  return true;
}

// Where the error is; -1: there is none.
long bad(const std::string& text) {
  const auto view = View::parse(text);
  if (view) return -1;
  CHECK(view.error().code == ParseErrc::bad_body);
  CHECK_FALSE(Session::parse(text));
  return static_cast<long>(view.error().offset);
}

std::string crlf(std::string text) {
  for (std::size_t at = 0; (at = text.find('\n', at)) != std::string::npos; at += 2)
    text.replace(at, 1, "\r\n");
  return text;
}

}  // namespace

TEST_CASE("a description of RFC 8866's every line is read and printed unchanged") {
  REQUIRE(ok(kFull));
  CHECK(Session::parse(kFull)->to_string() == kFull);
}

TEST_CASE("the view gives origin, name, lines and media") {
  const View view = View::parse(kFull).value();
  CHECK(view.text() == kFull);
  CHECK(view.origin().username == "alice");
  CHECK(view.origin().session_id == "2890844526");
  CHECK(view.origin().session_version == "2890844527");
  CHECK(view.origin().net_type == "IN");
  CHECK(view.origin().addr_type == "IP4");
  CHECK(view.origin().address == "host.atlanta.example");
  CHECK(view.name() == "A call");
  std::string types;
  for (const LineView& line : view.lines()) {
    types += line.type;
    CHECK(kFull.substr(line.offset, 2) == std::string(1, line.type) + "=");
    CHECK(kFull.substr(line.offset + 2, line.value.size()) == line.value);
  }
  CHECK(types == "iuepcbtrzka");
  CHECK(view.media_count() == 2);
  std::vector<std::string> seen;
  for (const MediaView& media : view.media()) {
    std::string text = std::string(media.line.type) + " " + std::to_string(media.line.port) + "/" +
                       std::to_string(media.line.port_count) + " " + std::string(media.line.proto) +
                       " [" + std::string(media.line.formats) + "]";
    for (const LineView& line : media.lines) text += std::string(" ") + line.type;
    seen.push_back(text);
  }
  CHECK(seen == std::vector<std::string>{"audio 49170/2 RTP/AVP [0 8 97] a a a",
                                         "video 0/1 RTP/AVP [31] i c b a"});
}

TEST_CASE("a description without media has none") {
  const std::string text = kHead + "t=0 0\r\n";
  const View view = View::parse(text).value();
  CHECK(view.media_count() == 0);
  CHECK(view.media().begin() == view.media().end());
  int lines = 0;
  for (const LineView& line : view.lines()) lines += line.type == 't' ? 1 : 100;
  CHECK(lines == 1);
}

TEST_CASE("a medium without lines has none, wherever it stands") {
  const std::string text = kHead + "t=0 0\r\nm=audio 1 RTP/AVP 0\r\nm=video 2 RTP/AVP 31";
  const View view = View::parse(text).value();
  int media = 0;
  for (const MediaView& m : view.media()) {
    ++media;
    CHECK(m.lines.begin() == m.lines.end());
  }
  CHECK(media == 2);
}

TEST_CASE("lines of unknown types keep their place") {
  REQUIRE(ok(kGb));
  const Session session = Session::parse(kGb).value();
  CHECK(session.to_string() == crlf(kGb));
  REQUIRE(session.media.size() == 1);
  REQUIRE(session.media[0].find('y') != nullptr);
  CHECK(session.media[0].find('y')->value == "0100000001");
  CHECK(session.origin.username == "34020000001320000001");
}

TEST_CASE("line ends may be LF, the last one may lack, empty lines may follow") {
  CHECK(ok(kGb));
  CHECK(ok(kFull.substr(0, kFull.size() - 2)));
  CHECK(ok(kGb.substr(0, kGb.size() - 1)));
  CHECK(ok(kFull + "\r\n"));
  CHECK(ok(kFull + "\r\n\n\r\n"));
  CHECK(*Session::parse(kFull) == *Session::parse(kFull + "\r\n\r\n"));
  CHECK(*Session::parse(kFull) == *Session::parse(kFull.substr(0, kFull.size() - 2)));
}

TEST_CASE("an empty address is let pass, in o= and in c=") {
  for (const char* tail : {"IN IP4 ", "IN IP4"}) {
    CAPTURE(tail);
    const std::string text =
        "v=0\r\no=- 1 2 " + std::string(tail) + "\r\ns=\r\nc=" + tail + "\r\nt=0 0\r\n";
    REQUIRE(ok(text));
    const Session session = Session::parse(text).value();
    CHECK(session.origin.username == "-");
    CHECK(session.origin.session_version == "2");
    CHECK(session.origin.addr_type == "IP4");
    CHECK(session.origin.address.empty());
    REQUIRE(session.connection());
    CHECK(session.connection()->addr_type == "IP4");
    CHECK(session.connection()->address.empty());
    CHECK(session.name.empty());
  }
}

TEST_CASE("a user name may have spaces in it") {
  const auto origin = [](const std::string& value) {
    const std::string text = "v=0\r\no=" + value + "\r\ns=-\r\nt=0 0\r\n";
    REQUIRE(ok(text));
    const OriginView o = View::parse(text).value().origin();
    std::string out;
    for (std::string_view part :
         {o.username, o.session_id, o.session_version, o.net_type, o.addr_type, o.address})
      out += std::string(part) + "|";
    return out;
  };
  CHECK(origin("Mr Big 1 2 IN IP4 192.0.2.1") == "Mr Big|1|2|IN|IP4|192.0.2.1|");
  CHECK(origin("Mr 5 1 2 IN IP4 192.0.2.1") == "Mr 5|1|2|IN|IP4|192.0.2.1|");
  CHECK(origin("Mr 5 1 2 IN IP4") == "Mr 5|1|2|IN|IP4||");
  CHECK(origin("5 1 2 IN IP4") == "5|1|2|IN|IP4||");
  CHECK(origin("a  1  2  IN  IP6  ::1 ") == "a|1|2|IN|IP6|::1|");
}

TEST_CASE("what known devices write in place of numbers and behind the equals sign is let pass") {
  const std::string text = "v=0\r\no=Cisco-SIPUA (null) (null) IN IP4 h\r\ns=-\r\nt= 0 0\r\n";
  REQUIRE(ok(text));
  CHECK(View::parse(text)->origin().session_id == "(null)");
  CHECK(View::parse(text)->origin().address == "h");
}

TEST_CASE("spaces at the end of a line are let pass") {
  CHECK(
      ok("v=0 \r\no=- 1 2 IN IP4 h \r\ns=-\r\nc=IN IP4 192.0.2.1 \r\nb=AS:64 \r\nt=0 0 "
         "\r\na=sendrecv \r\n"
         "m=audio 1 RTP/AVP 0 8 \r\n"));
  const Session session = Session::parse(with_session_line("a=inactive ")).value();
  CHECK(session.direction() == Direction::inactive);
}

TEST_CASE("known lines out of their order are let pass, v=, o= and s= excepted") {
  CHECK(ok(kHead + "a=tool:x\r\nt=0 0\r\nb=AS:1\r\nc=IN IP4 192.0.2.1\r\n"));
  CHECK(bad("o=- 1 2 IN IP4 h\r\nv=0\r\ns=-\r\nt=0 0\r\n") == 0);
  CHECK(bad("v=0\r\ns=-\r\no=- 1 2 IN IP4 h\r\nt=0 0\r\n") == 5);
  CHECK(bad("v=0\r\no=- 1 2 IN IP4 h\r\nt=0 0\r\n") == 23);
  CHECK(bad(kHead + "t=0 0\r\nv=0\r\n") == static_cast<long>(kHead.size()) + 7);
  CHECK(bad(kHead + "t=0 0\r\ns=x\r\n") == static_cast<long>(kHead.size()) + 7);
  CHECK(bad(kHead + "t=0 0\r\nm=audio 1 RTP/AVP 0\r\no=- 1 2 IN IP4 h") ==
        static_cast<long>(kHead.size()) + 7 + 21);
}

TEST_CASE("what is mandatory must be there") {
  CHECK(bad("") == 0);
  CHECK(bad("\r\n") == 0);
  CHECK(bad("v=0") == 3);
  CHECK(bad("v=0\r\n") == 5);
  CHECK(bad("v=0\r\no=a 1 2 IN\r\n") == 15);
  CHECK(bad("v=1\r\n") == 2);
  CHECK(bad("v=\r\n") == 2);
  CHECK(bad("v = 0\r\n") == 1);
  CHECK(bad(kHead) == static_cast<long>(kHead.size()));
  CHECK(bad(kHead + "m=audio 1 RTP/AVP 0\r\nt=0 0\r\n") == static_cast<long>(kHead.size()));
  CHECK(bad(kHead + "\r\nt=0 0\r\n") == static_cast<long>(kHead.size()));
}

TEST_CASE("a malformed line is refused at its byte") {
  const auto at = [](const std::string& line) {
    const long offset = bad(with_session_line(line));
    return offset < 0 ? offset : offset - static_cast<long>(kHead.size());
  };
  CHECK(at("a=x") == -1);
  CHECK(at("a") == 1);
  CHECK(at("=x") == 0);
  CHECK(at(" a=x") == 0);
  CHECK(at("1=x") == 0);
  CHECK(at("ab=x") == 1);
  CHECK(at("a=") == 2);
  CHECK(at("a=:x") == 2);
  CHECK(at("a=x y") == 4);
  CHECK(at("b=AS") == 4);
  CHECK(at("b=AS:") == 5);
  CHECK(at("b=AS:1k") == 6);
  CHECK(at("c=IN") == 4);
  CHECK(at("c=IN IP4 a b") == 11);
  CHECK(at("t=0") == 3);
  CHECK(at("t=x 0") == 2);
  CHECK(at("x=unknown") == -1);
  CHECK(at("i=a\rb") == 4);
  CHECK(at(std::string("i=a\0b", 5)) == 3);
  CHECK(at("i=\xff\xfe GBK \xb0\xa1") == -1);
  CHECK(at("i=") == -1);
}

TEST_CASE("a malformed m= line is refused at its byte") {
  const auto at = [](const std::string& line) {
    const long offset = bad(with_media(line));
    return offset < 0 ? offset : offset - static_cast<long>(kHead.size()) - 7;
  };
  CHECK(at("m=audio 49170 RTP/AVP 0") == -1);
  CHECK(at("m=audio 0 RTP/AVP 0") == -1);
  CHECK(at("m=audio 65535 RTP/AVP 0") == -1);
  CHECK(at("m=audio 65536 RTP/AVP 0") == 12);
  CHECK(at("m=audio 4294967296 RTP/AVP 0") == 13);
  CHECK(at("m=audio 99999999999999999999999999 RTP/AVP 0") == 12);
  CHECK(at("m=audio 1/65536 RTP/AVP 0") == 14);
  CHECK(at("m=audio -1 RTP/AVP 0") == 8);
  CHECK(at("m=audio RTP/AVP 0") == 8);
  CHECK(at("m=audio 1/ RTP/AVP 0") == 10);
  CHECK(at("m=audio 1 RTP/ 0") == 14);
  CHECK(at("m=audio 1 RTP/AVP") == 17);
  CHECK(at("m=audio 1 RTP/AVP ") == 18);
  CHECK(at("m=") == 2);
  CHECK(at("m=audio 1 RTP/AVP 4294967296") == -1);  // a format is a word: no codec, no harm
  CHECK(at("m=application 9 UDP/DTLS/SCTP webrtc-datachannel") == -1);
  CHECK(at("m=video 6000 tcp 96") == -1);
  CHECK(at("m=image 0 udptl t38") == -1);
}

TEST_CASE("every truncation and every single broken byte is an answer, never a crash") {
  for (std::size_t size = 0; size < kFull.size(); ++size) View::parse(kFull.substr(0, size));
  for (std::size_t at = 0; at < kFull.size(); ++at)
    for (const char byte : {'\0', '\r', '\n', ' ', '=', '/', '9', 'm', '\xff'}) {
      std::string text = kFull;
      text[at] = byte;
      const auto session = Session::parse(text);
      if (session) REQUIRE(Session::parse(session->to_string()) == session);
    }
}

TEST_CASE("256 media are read and 257 refused") {
  std::string text = kHead + "t=0 0\r\n";
  for (std::size_t i = 0; i < kMaxMedia; ++i) text += "m=audio 1 RTP/AVP 0\r\n";
  REQUIRE(View::parse(text));
  CHECK(Session::parse(text)->media.size() == kMaxMedia);
  const auto refused = View::parse(text + "m=audio 1 RTP/AVP 0\r\n");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ParseErrc::too_many);
  CHECK(refused.error().offset == text.size());
}

TEST_CASE("direction and connection are the medium's own, else the session's, else the default") {
  const Session session = Session::parse(kFull).value();
  CHECK(session.direction() == Direction::recvonly);
  CHECK(session.direction_of(session.media[0]) == Direction::sendonly);
  CHECK(session.direction_of(session.media[1]) == Direction::recvonly);
  CHECK(session.connection_of(session.media[0])->address == "192.0.2.101");
  CHECK(session.connection_of(session.media[1])->address == "2001:db8::1");
  CHECK(session.connection_of(session.media[1])->addr_type == "IP6");
  Session bare;
  bare.media.emplace_back();
  CHECK(bare.direction_of(bare.media[0]) == Direction::sendrecv);
  CHECK_FALSE(bare.connection_of(bare.media[0]));
}

TEST_CASE("a multicast address is told from its TTL") {
  const Session session = Session::parse(with_session_line("c=IN IP4 224.2.1.1/127/3")).value();
  CHECK(session.connection()->address == "224.2.1.1/127/3");
  CHECK(session.connection()->host() == "224.2.1.1");
}

TEST_CASE("codecs are found by rtpmap, else by the static payload types") {
  const Session session = Session::parse(kFull).value();
  const Media& audio = session.media[0];
  REQUIRE(audio.rtpmap("97"));
  CHECK(audio.rtpmap("97")->encoding == "iLBC");
  CHECK(audio.rtpmap("97")->rate == 8000);
  CHECK(audio.rtpmap("97")->channels == 1);
  CHECK(audio.fmtp("97") == "mode=30");
  CHECK_FALSE(audio.fmtp("9"));
  CHECK(audio.rtpmap("0")->encoding == "PCMU");
  CHECK(audio.rtpmap("8")->encoding == "PCMA");
  CHECK(audio.rtpmap("9")->encoding == "G722");
  CHECK(audio.rtpmap("9")->rate == 8000);
  CHECK(audio.rtpmap("10")->channels == 2);
  for (const char* none : {"1", "96", "127", "128", "256", "4294967296", "-1", "", "0x", "t38"})
    CHECK_FALSE(audio.rtpmap(none));
  CHECK(rtpmap_of("96 opus/48000/2")->channels == 2);
  CHECK(rtpmap_of("96  opus/48000 ")->rate == 48000);
  for (const char* none :
       {"", "96", "96 opus", "96 /8000", "96 opus/", "96 opus/0", "96 opus/x", "96 opus/8000/",
        "128 opus/48000", "x opus/48000", "96 opus/48000/2/2", "96 opus/99999999999"})
    CHECK_FALSE(rtpmap_of(none));
}

TEST_CASE("bandwidth is read by type") {
  const Session session = Session::parse(kFull).value();
  CHECK(session.bandwidth("AS") == 128U);
  CHECK_FALSE(session.bandwidth("CT"));
  CHECK(session.media[1].bandwidth("X-YZ") == 64U);
  CHECK_FALSE(Session::parse(with_session_line("b=AS:99999999999"))->bandwidth("AS"));
}

TEST_CASE("an edit goes where RFC 8866 wants the line, in front of unknown ones") {
  Session session = Session::parse(kGb).value();
  Media& video = session.media[0];
  video.connection(IpAddress::parse("2001:db8::7").value());
  video.add('b', "AS:512");
  video.add_attribute("last");
  video.direction(Direction::inactive);
  session.connection(IpAddress::parse("192.0.2.9").value());
  session.add('i', "info");
  CHECK(session.to_string() == crlf("v=0\n"
                                    "o=34020000001320000001 0 0 IN IP4 192.0.2.7\n"
                                    "s=Play\n"
                                    "i=info\n"
                                    "u=34020000001320000001:0\n"
                                    "c=IN IP4 192.0.2.9\n"
                                    "t=0 0\n"
                                    "m=video 6000 TCP/RTP/AVP 96 97 98\n"
                                    "c=IN IP6 2001:db8::7\n"
                                    "b=AS:512\n"
                                    "a=inactive\n"
                                    "a=rtpmap:96 PS/90000\n"
                                    "a=setup:passive\n"
                                    "a=connection:new\n"
                                    "y=0100000001\n"
                                    "f=v/2/4/25/1/4000a///\n"
                                    "a=behind:it\n"
                                    "a=last\n"));
  CHECK(session.well_formed());
}

TEST_CASE("attributes are found, removed and replaced by name") {
  Session session = Session::parse(kFull).value();
  Media& audio = session.media[0];
  CHECK(audio.attribute("rtpmap") == "97 iLBC/8000");
  CHECK(audio.attribute("sendonly") == "");
  CHECK_FALSE(audio.attribute("sendon"));
  audio.remove_attributes("rtpmap");
  CHECK_FALSE(audio.attribute("rtpmap"));
  audio.add_attribute("ptime", "20");
  CHECK(audio.attribute("ptime") == "20");
  audio.add('a', "recvonly");
  audio.direction(Direction::sendrecv);
  CHECK(audio.direction() == Direction::sendrecv);
  CHECK_FALSE(audio.attribute("sendonly"));
  CHECK_FALSE(audio.attribute("recvonly"));
  audio.remove('a');
  CHECK_FALSE(audio.direction());
}

TEST_CASE("a value with a line end in it is found before it goes on a wire") {
  const auto broken = [](auto&& edit) {
    Session session = Session::parse(kFull).value();
    edit(session);
    return !session.well_formed();
  };
  for (const std::string& text : {std::string("x\r\na=evil"), std::string("x\na=evil"),
                                  std::string("\0", 1), std::string("\r")}) {
    CAPTURE(text);
    CHECK(broken([&](Session& s) { s.name = text; }));
    CHECK(broken([&](Session& s) { s.origin.username = text; }));
    CHECK(broken([&](Session& s) { s.origin.address = text; }));
    CHECK(broken([&](Session& s) { s.add_attribute("tool", text); }));
    CHECK(broken([&](Session& s) { s.media[0].type = text; }));
    CHECK(broken([&](Session& s) { s.media[0].formats.push_back(text); }));
    CHECK(broken([&](Session& s) { s.media[0].add_attribute(text); }));
  }
  CHECK(broken([](Session& s) { s.lines.push_back({'m', "audio 1 RTP/AVP 0"}); }));
  CHECK(broken([](Session& s) { s.lines.push_back({'\n', ""}); }));
  CHECK(broken([](Session& s) { s.media[0].formats.clear(); }));
  CHECK_FALSE(broken([](Session&) {}));
  CHECK(Session().well_formed());
}

TEST_CASE("directions turn round for the other side") {
  CHECK(reversed(Direction::sendrecv) == Direction::sendrecv);
  CHECK(reversed(Direction::sendonly) == Direction::recvonly);
  CHECK(reversed(Direction::recvonly) == Direction::sendonly);
  CHECK(reversed(Direction::inactive) == Direction::inactive);
}

TEST_CASE("the descriptions in the shared vectors are read") {
  const auto folder = testing::shared_dir("vectors");
  if (!folder) SIPSTACK_SKIP("no shared vectors");
  int seen = 0;
  for (const char* set : {"rfc3665", "rfc5359", "realworld", "gb28181"}) {
    const auto path = *folder / set;
    if (!std::filesystem::exists(path)) continue;
    for (const auto& file : std::filesystem::directory_iterator(path)) {
      const std::string bytes = testing::read_file(file.path());
      MessageIndex index;
      if (!parse(bytes, index)) continue;
      const MessageView message(bytes.data(), index);
      const auto type = message.get(hdr::content_type);
      if (!type || !type->is("application", "sdp") || message.body().substr(0, 2) != "v=") continue;
      CAPTURE(file.path().string());
      const auto session = Session::parse(message.body());
      CAPTURE(session ? 0 : session.error().offset);
      CHECK(session);
      if (session) CHECK(session->well_formed());
      ++seen;
    }
  }
  CHECK(seen > 20);
}
