// SPDX-License-Identifier: Apache-2.0
// Session descriptions of the field: what the lenient mode takes and tells, what it refuses all the same,
// and that no byte is lost.
#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "catch.hpp"
#include "guarded.hpp"
#include "shared_dir.hpp"
#include "sipstack/base/random.hpp"
#include "sipstack/parser/body.hpp"
#include "sipstack/parser/diagnostics.hpp"
#include "sipstack/parser/sdp_writer.hpp"

namespace sipstack::sdp {
namespace {

Reading lenient(Diagnostics* told = nullptr) {
  Reading reading;
  reading.mode = Mode::lenient;
  reading.told = told;
  return reading;
}

// The rules that were departed from, in the order of their telling.
std::string rules(const std::string& text, Mode mode = Mode::lenient) {
  Diagnostics told;
  Reading reading = lenient(&told);
  reading.mode = mode;
  const auto view = View::parse(text, reading);
  if (!view) return "refused " + std::to_string(view.error().offset);
  std::string out;
  for (const Diagnostic& one : told) {
    CHECK_FALSE(rfc(one.rule).empty());
    CHECK_FALSE(assumption(one.rule).empty());
    out += std::string(to_string(one.rule)) + "@" + std::to_string(one.offset) + " ";
  }
  return out;
}

std::string lines_of(const View& view) {
  std::string out;
  for (const LineView& line : view.lines())
    out += std::string(1, line.type == 0 ? '?' : line.type) + "[" + std::string(line.value) + "]";
  for (const MediaView& media : view.media()) {
    out += " m(" + std::string(media.line.type) + " " + std::to_string(media.line.port) + " " +
           std::string(media.line.proto) + " " + std::string(media.line.formats) + ")";
    for (const LineView& line : media.lines)
      out += std::string(1, line.type == 0 ? '?' : line.type) + "[" + std::string(line.value) + "]";
  }
  return out;
}

const std::string kHead = "v=0\r\no=- 1 2 IN IP4 192.0.2.1\r\ns=-\r\n";

// A camera at its worst.
const std::string kCamera =
    "v=0\no=34020000001320000001 0 0 IN IP4 \ns=Play\nc=IN IP4 \nt=0 0\n"
    "m=video 15060 RTP/AVP 96\n a=sendonly\na=rtpmap:96 PS/90000\ny=0100000001\n\nf=\nnonsense\n"
    "a=filesize:-1";

TEST_CASE("what RFC 8866 has is told of nothing") {
  CHECK(rules(kHead + "c=IN IP4 192.0.2.1\r\nb=AS:1\r\nt=0 0\r\nt=1 2\r\nr=7d 1h 0\r\na=x\r\n"
                      "m=audio 1 RTP/AVP 0\r\ni=x\r\nc=IN IP4 h\r\na=sendrecv\r\n") == "");
}

TEST_CASE("each departure is told with its byte, in the exact mode too where that lets it pass") {
  const auto told = [](const std::string& text) {
    const std::string loose = rules(text);
    const std::string exact = rules(text, Mode::exact);
    if (exact.substr(0, 7) != "refused") CHECK(exact == loose);
    return loose;
  };
  CHECK(told("v=0\no=- 1 2 IN IP4 h\ns=-\nt=0 0\n") == "line-feed@3 ");
  CHECK(told(kHead + "t=0 0") == "no-final-line-end@41 ");
  CHECK(told(kHead + "t=0 0\r\n\r\n") == "empty-line@43 ");
  CHECK(told(kHead + "\r\nt=0 0\r\n") == "empty-line@36 ");
  CHECK(told(kHead + std::string("t=0 0\r\n\0\0", 9)) == "trailing-nul@43 ");
  CHECK(told(kHead + std::string("t=0 0\0", 6)) == "trailing-nul@41 no-final-line-end@41 ");
  CHECK(told(kHead + "t=0 0\r\nc=IN IP4 h\r\n") == "order@43 ");
  CHECK(told(kHead + "t=0 0\r\ny=1\r\n") == "unknown-type@43 ");
  CHECK(told(kHead + "t= 0 0 \r\n") == "space-around-value@38 ");
  CHECK(told(kHead + " t=0 0\r\n") == "space-before-line@36 ");
  CHECK(told(kHead + "t =0 0\r\n") == "space-before-line@36 ");
  CHECK(told(kHead + "t=0 0\r\nc=IN IP4 \r\n") ==
        "space-around-value@45 empty-address@45 order@43 ");
  CHECK(told(kHead + "c=IN\r\nt=0 0\r\n") == "bad-connection@38 ");
  CHECK(told(kHead + "b=AS:1k\r\nt=0 0\r\n") == "bad-bandwidth@38 ");
  CHECK(told(kHead + "t=now\r\n") == "bad-time@38 ");
  CHECK(told(kHead + "t=0 0\r\na=\r\n") == "bad-attribute@45 ");
  CHECK(told(kHead + "t=0 0\r\nnonsense\r\n") == "not-a-line@43 ");
  CHECK(told(kHead + "t=0 0\r\nm=video 0 TCP/RTP/AVP\r\n") == "no-formats@64 ");
  CHECK(told(kHead + "t=0 0\r\nm=video 0 TCP/RTP/AVP\r\nt=0 0\r\n") ==
        "no-formats@64 misplaced-line@66 ");
  CHECK(told("v=0\r\no=- x 2 IN IP4 h\r\ns=\r\nt=0 0\r\n") == "bad-session-id@7 empty-name@25 ");
  CHECK(told("v=0\r\no=- 1 2 IN\r\ns=-\r\nt=0 0\r\n") == "bad-origin@7 ");
  CHECK(told("v=0\r\no=- 1 2 IN IP4\r\ns=-\r\nt=0 0\r\n") == "empty-address@7 ");
}

TEST_CASE("missing v=, o=, s= and t= are told and have defaults") {
  CHECK(rules("v=0\r\n") == "missing-origin@5 missing-name@5 missing-time@5 ");
  CHECK(rules("o=- 1 2 IN IP4 h\r\ns=-\r\nt=0 0\r\n") == "missing-version@0 ");
  CHECK(rules(kHead) == "missing-time@36 ");
  CHECK(rules("v=0\r\no=- 1 2 IN IP4 h\r\nt=0 0\r\n") == "missing-name@30 ");
  const View view = View::parse("v=0\r\nm=audio 1 RTP/AVP 0\r\n", lenient()).value();
  CHECK(view.origin().session_id.empty());
  CHECK(view.name().empty());
  CHECK(view.media_count() == 1);
  const Session session(view);
  CHECK(session.origin == Origin{});
  CHECK(session.well_formed());
  CHECK(session.to_string() ==
        "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=\r\nt=0 0\r\nm=audio 1 RTP/AVP 0\r\n");
}

TEST_CASE("lines of the session level may come in any order, s= and o= too") {
  const std::string text =
      "v=0\r\ns=x\r\na=tool:y\r\no=- 1 2 IN IP4 h\r\nt=0 0\r\nm=audio 1 RTP/AVP 0\r\n";
  CHECK_FALSE(View::parse(text));
  const View view = View::parse(text, lenient()).value();
  CHECK(view.name() == "x");
  CHECK(view.origin().session_version == "2");
  CHECK(lines_of(view) == "a[tool:y]t[0 0] m(audio 1 RTP/AVP 0)");
  CHECK(rules(text) == "order@20 order@38 ");
}

TEST_CASE("a camera's description is read line by line") {
  CHECK_FALSE(View::parse(kCamera));
  const View view = View::parse(kCamera, lenient()).value();
  CHECK(view.origin().username == "34020000001320000001");
  CHECK(view.origin().address.empty());
  CHECK(lines_of(view) ==
        "c[IN IP4 ]t[0 0] m(video 15060 RTP/AVP 96)a[sendonly]a[rtpmap:96 PS/90000]y[0100000001]f[]"
        "?[nonsense]a[filesize:-1]");
  const MediaView media = *view.media().begin();
  CHECK(media.rtpmap("96")->encoding == "PS");
  CHECK(media.lines.attribute("filesize") == "-1");
  CHECK(media.lines.attribute("sendonly") == "");
  CHECK(media.lines.find('y')->value == "0100000001");
  CHECK(view.connection_of(media)->addr_type == "IP4");
}

TEST_CASE("what has two readings is refused in the lenient mode, too") {
  CHECK(rules("") == "refused 0");
  CHECK(rules("\r\n") == "refused 0");
  CHECK(rules("hello\r\n") == "refused 0");
  CHECK(rules("<v=0\r\n") == "refused 0");
  CHECK(rules("v=1\r\n") == "refused 2");
  CHECK(rules(kHead + "v=0\r\n") == "refused 38");
  CHECK(rules(kHead + "o=- 1 2 IN IP4 h\r\n") == "refused 36");
  CHECK(rules(kHead + "s=x\r\n") == "refused 36");
  CHECK(rules(kHead + "t=0 0\r\nm=audio 1 RTP/AVP 0\r\no=- 1 2 IN IP4 h\r\n") == "refused 64");
  CHECK(rules(kHead + "t=0 0\ra=x\r\n") == "refused 41");
  CHECK(rules(kHead + std::string("t=0 0\r\na=x\0y\r\n", 14)) == "refused 46");
  CHECK(rules(kHead + std::string("t=0 0\r\n\0a=x\r\n", 13)) == "refused 43");
  CHECK(rules(kHead + "m=audio 65536 RTP/AVP 0\r\n") == "refused 44");
  CHECK(rules(kHead + "m=audio x RTP/AVP 0\r\n") == "refused 44");
  CHECK(rules(kHead + "m=audio 1/65536 RTP/AVP 0\r\n") == "refused 44");
  CHECK(rules(kHead + "m=audio 1\r\n") == "refused 45");
  CHECK(rules(kHead + "m=\r\n") == "refused 38");
}

TEST_CASE(
    "A28: a payload type of 33 bits is no codec, a NUL in fmtp and 10,000 m= lines are refused") {
  for (const Mode mode : {Mode::exact, Mode::lenient}) {
    Reading reading;
    reading.mode = mode;
    const std::string start = kHead + "t=0 0\r\nm=audio 1 RTP/AVP 4294967296\r\n";
    const std::string wide = start + "a=rtpmap:4294967296 X/8000\r\na=fmtp:4294967296 x\r\n";
    const auto view = View::parse(wide, reading);
    REQUIRE(view);
    CHECK_FALSE(view->media().begin()->rtpmap("4294967296"));
    CHECK_FALSE(rtpmap_of("4294967296 X/8000"));
    CHECK_FALSE(View::parse(start + std::string("a=fmtp:0 a\0b\r\n", 14), reading));
    std::string many = kHead + "t=0 0\r\n";
    for (int i = 0; i < 10000; ++i) many += "m=audio 1 RTP/AVP 0\r\n";
    const auto refused = View::parse(many, reading);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ParseErrc::too_many);
    CHECK(refused.error().offset == kHead.size() + 7 + 256 * 21);
  }
}

TEST_CASE("limits of descriptions hold at the number, in both modes") {
  for (const Mode mode : {Mode::exact, Mode::lenient}) {
    // The lenient reader proper is reached by an empty line.
    const std::string head = kHead + (mode == Mode::lenient ? "\r\n" : "") + "t=0 0\r\n";
    const auto read = [&](const std::string& text) {
      Reading reading;
      reading.mode = mode;
      const auto view = View::parse(text, reading);
      return view ? ParseErrc::ok : view.error().code;
    };
    const auto repeated = [](std::size_t count, const std::string& line) {
      std::string out;
      for (std::size_t i = 0; i < count; ++i) out += line;
      return out;
    };
    for (const std::size_t media : {255U, 256U, 257U})
      CHECK(read(head + repeated(media, "m=audio 1 RTP/AVP 0\r\n")) ==
            (media <= 256 ? ParseErrc::ok : ParseErrc::too_many));
    for (const std::size_t count : {1023U, 1024U, 1025U}) {
      const ParseErrc expected = count <= 1024 ? ParseErrc::ok : ParseErrc::too_many;
      CHECK(read(head + repeated(count, "a=x\r\n")) == expected);
      const std::string medium = "m=audio 1 RTP/AVP 0\r\n";
      CHECK(read(head + repeated(1024, "a=x\r\n") + medium + repeated(count, "a=x:y\r\n") +
                 medium) == expected);
    }
    for (const std::size_t size : {8191U, 8192U, 8193U}) {
      const ParseErrc expected = size <= 8192 ? ParseErrc::ok : ParseErrc::too_large;
      for (const char* end : {"\r\n", "\n", "", "\r\na=y\r\n"}) {
        CHECK(read(head + "a=x:" + std::string(size - 4, 'y') + end) == expected);
        CHECK(read(head + "i=" + std::string(size - 2, 'y') + end) == expected);
      }
    }
  }
}

TEST_CASE("errors have a line, a column and the section of the line's type") {
  const std::string text = kHead + "t=0 0\r\nm=audio x RTP/AVP 0\r\n";
  const auto view = View::parse(text);
  REQUIRE_FALSE(view);
  const Fault where = fault(text, view.error());
  CHECK(where.at.line == 5);
  CHECK(where.at.column == 9);
  CHECK(where.line == 'm');
  CHECK(where.rfc == "RFC 8866 section 5.14");
  CHECK(fault("v=1", View::parse("v=1").error()).rfc == "RFC 8866 section 5.1");
  CHECK(fault("", View::parse("").error()).rfc == "RFC 8866 section 5");
  CHECK(fault("", View::parse("").error()).at.line == 1);
}

TEST_CASE("the first 32 departures are kept and the others counted") {
  std::string text = kHead + "t=0 0\r\n";
  for (int i = 0; i < 70; ++i) text += "y=1\r\n";
  Diagnostics told;
  REQUIRE(View::parse(text, lenient(&told)));
  CHECK(told.size() == Diagnostics::kCapacity);
  CHECK(told.dropped() == 38);
}

// Whatever was read: all bytes are in sections, and a session gives them back.
void lossless(const std::string& text, const View& view) {
  std::string sections(view.session_text());
  for (const MediaView& media : view.media()) sections += media.text;
  CHECK(sections == text);
  CHECK(Session(view).verbatim() == text);
}

TEST_CASE("sections that nobody has edited are given back byte for byte") {
  for (const std::string& text :
       std::vector<std::string>{kCamera, kCamera + "\n", kCamera + std::string("\r\n\0\0", 4),
                                "v=0 \no=a  1  2 IN IP4  h \ns=\nt=0 0",
                                "v=0\no=a 1 2 IN IP4 h\ns=x\nt=0 0\nm=audio  1 RTP/AVP  0 "
                                "\r\n\r\na=x\nm=video 2/1 RTP/AVP 31\n\n",
                                std::string("v=0\r\ns=x\r\na=b\r\no=- 1 2 IN IP4 h\r\n")}) {
    CAPTURE(text);
    const auto view = View::parse(text, lenient());
    REQUIRE(view);
    lossless(text, *view);
  }
}

TEST_CASE("an edit touches its own section alone") {
  const std::string text =
      "v=0\no=a  1  2 IN IP4 h\ns=x\nt=0 0\nm=audio  1 RTP/AVP  0 \na=x\nm=video  2 RTP/AVP "
      "31\na=y";
  Session session = Session::parse(text).value();
  session.media[1].port = 0;
  CHECK(session.verbatim() ==
        "v=0\no=a  1  2 IN IP4 h\ns=x\nt=0 0\nm=audio  1 RTP/AVP  0 \na=x\n"
        "m=video 0 RTP/AVP 31\r\na=y\r\n");
  session.media[1].port = 2;
  CHECK(session.verbatim() == text);
  session.origin.session_version = "3";
  CHECK(session.verbatim() ==
        "v=0\r\no=a 1 3 IN IP4 h\r\ns=x\r\nt=0 0\r\nm=audio  1 RTP/AVP  0 \na=x\n"
        "m=video  2 RTP/AVP 31\na=y");
  session.media.push_back(session.media[0]);
  CHECK(session.verbatim().substr(session.verbatim().find("a=y")) ==
        "a=y\r\nm=audio  1 RTP/AVP  0 \na=x\n");
}

TEST_CASE("every truncation of a description is read within its bytes, in both modes") {
  const std::string full = kHead +
                           "c=IN IP4 192.0.2.1\r\nb=AS:128\r\nt=0 0\r\na=group:BUNDLE 0 "
                           "1\r\nm=audio 49170/2 RTP/AVP 0 8\r\n"
                           "a=rtpmap:8 PCMA/8000\r\na=ptime:20\r\na=sendonly\r\nm=video 9 "
                           "RTP/SAVPF 96\r\ny=1\r\na=mid:1\r\n";
  testing::Guarded memory(full);
  for (std::size_t size = 0; size <= full.size(); ++size) {
    const std::string_view cut = memory.refill(std::string_view(full).substr(0, size));
    for (const Mode mode : {Mode::exact, Mode::lenient}) {
      Diagnostics told;
      Reading reading = lenient(&told);
      reading.mode = mode;
      const auto view = View::parse(cut, reading);
      if (!view) {
        CHECK(view.error().offset <= size);
        continue;
      }
      lossless(std::string(cut), *view);
      for (const Diagnostic& one : told) CHECK(one.offset <= size);
    }
  }
}

TEST_CASE("what the exact mode accepts the lenient one reads the same, whatever is broken") {
  static constexpr std::string_view kPieces[] = {"v=0",
                                                 "o=- 1 2 IN IP4 h",
                                                 "s=-",
                                                 "t=0 0",
                                                 "m=audio 1 RTP/AVP 0",
                                                 "a=x",
                                                 "a=rtpmap:0 PCMU/8000",
                                                 "y=1",
                                                 "\r\n",
                                                 "\r\n",
                                                 "\r\n",
                                                 "\n",
                                                 " ",
                                                 "\r",
                                                 "a",
                                                 "=",
                                                 "c=IN IP4 ",
                                                 "b=AS:1",
                                                 "nonsense"};
  SeededRandom random(8);
  std::size_t both = 0;
  std::size_t loose = 0;
  testing::Guarded memory(std::string(600, ' '));
  for (int round = 0; round < 40000; ++round) {
    std::string text = random.below(4) != 0 ? kHead + "t=0 0\r\n" : "v=0\r\n";
    for (std::uint64_t n = random.below(12); n > 0; --n)
      text += kPieces[random.below(std::size(kPieces))];
    const std::string_view bytes = memory.refill(text);
    const auto exact = View::parse(bytes);
    const auto second = View::parse(bytes, lenient());
    if (exact) {
      ++both;
      REQUIRE(second);
      CHECK(lines_of(*exact) == lines_of(*second));
      CHECK(exact->name() == second->name());
    }
    if (second) {
      ++loose;
      lossless(text, *second);
    }
  }
  CHECK(both > 1000);
  CHECK(loose > both + 1000);
}

// The views of a description that the walk over a section finds again, where the parse has not noted it.
TEST_CASE("media behind the eighth are found as those before") {
  std::string text = kHead + "t=0 0\r\n";
  for (int i = 0; i < 20; ++i)
    text += "m=audio " + std::to_string(i) + " RTP/AVP 0\r\na=mid:" + std::to_string(i) + "\r\n";
  const View view = View::parse(text).value();
  int seen = 0;
  for (const MediaView& media : view.media()) {
    CHECK(media.line.port == seen);
    CHECK(media.lines.attribute("mid") == std::to_string(seen));
    ++seen;
  }
  CHECK(seen == 20);
}

TEST_CASE("descriptions of real devices are read and given back byte for byte") {
  const auto folder = testing::shared_dir("vectors");
  if (!folder) SIPSTACK_SKIP("no shared vectors");
  int seen = 0;
  int exact = 0;
  std::vector<std::string> refused;
  for (const char* set : {"rfc3665", "rfc4475", "rfc5118", "rfc5359", "realworld", "gb28181"}) {
    const auto path = *folder / set;
    if (!std::filesystem::exists(path)) continue;
    for (const auto& file : std::filesystem::directory_iterator(path)) {
      const std::string bytes = testing::read_file(file.path());
      MessageIndex index;
      if (!parse(bytes, index)) continue;
      BodyIndex parts;
      if (!parse_body(MessageView(bytes.data(), index), parts)) continue;
      const BodyPart* const part = parts.find("application", "sdp");
      if (part == nullptr || part->bytes.substr(0, 2) != "v=") continue;
      const std::string text(part->bytes);
      const auto view = View::parse(text, lenient());
      if (!view) {
        refused.push_back(file.path().filename().string());
        continue;
      }
      ++seen;
      exact += View::parse(text) ? 1 : 0;
      lossless(text, *view);
    }
  }
  CAPTURE(refused);
  CHECK(refused.empty());
  CHECK(seen > 100);
  CHECK(exact > 100);
}

}  // namespace
}  // namespace sipstack::sdp
