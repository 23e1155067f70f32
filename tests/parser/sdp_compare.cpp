// SPDX-License-Identifier: Apache-2.0
// Whether descriptions say the same, and what has changed between an offer and the next.
#include "sipstack/parser/sdp_compare.hpp"

#include <chrono>
#include <string>

#include "catch.hpp"

namespace sipstack::sdp {
namespace {

const std::string kBase =
    "v=0\r\no=- 1 2 IN IP4 h.example\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nb=AS:99\r\nt=0 0\r\n"
    "a=fingerprint:sha-256 4A:AD\r\n"
    "m=audio 4000 RTP/AVP 0 96\r\na=rtpmap:96 opus/48000/2\r\na=fmtp:96 useinbandfec=1\r\n"
    "a=candidate:1 1 UDP 1 192.0.2.1 4000 typ host\r\na=candidate:2 1 UDP 1 192.0.2.1 4002 typ "
    "host\r\n"
    "a=ptime:20\r\n"
    "m=video 4002 RTP/AVP 97\r\nb=AS:64\r\na=rtpmap:97 H264/90000\r\na=recvonly\r\ny=1\r\n";

std::uint32_t changed(const std::string& a, const std::string& b) {
  const View before = View::parse(a).value();
  const View after = View::parse(b).value();
  const std::uint32_t bits = changes(before, after).bits;
  CHECK(changes(after, before).bits == bits);
  return bits;
}

// From the base, with the first `old` replaced.
std::uint32_t replaced(const std::string& old, const std::string& with) {
  std::string text = kBase;
  const std::size_t at = text.find(old);
  REQUIRE(at != std::string::npos);
  return changed(kBase, text.replace(at, old.size(), with));
}

TEST_CASE("a description says the same as itself") {
  CHECK(changed(kBase, kBase) == 0);
  const View view = View::parse(kBase).value();
  CHECK(equivalent(view, view));
  CHECK_FALSE(changes(view, view).needs_new_version());
}

TEST_CASE("spelling is no change") {
  std::string feeds;
  for (const char c : kBase)
    if (c != '\r') feeds += c;
  CHECK(changed(kBase, feeds) == 0);
  CHECK(replaced("4000 RTP/AVP 0 96", "4000/1  RTP/AVP  0 96 ") == 0);
  CHECK(replaced("opus/48000/2", "OPUS/48000/2 ") == 0);
  CHECK(replaced("H264/90000", "h264/90000/1") == 0);
  CHECK(replaced("h.example", "H.EXAMPLE") == 0);
  CHECK(replaced("c=IN IP4 192.0.2.1\r\n", "c=IN  IP4 192.0.2.1 \r\n") == 0);
  // Order within a level.
  CHECK(replaced("a=candidate:1 1 UDP 1 192.0.2.1 4000 typ host\r\n"
                 "a=candidate:2 1 UDP 1 192.0.2.1 4002 typ host\r\n",
                 "a=candidate:2 1 UDP 1 192.0.2.1 4002 typ host\r\n"
                 "a=candidate:1 1 UDP 1 192.0.2.1 4000 typ host\r\n") == 0);
  // Written out what the session level gives, or what is the default.
  CHECK(replaced("a=ptime:20\r\n", "a=ptime:20\r\na=sendrecv\r\n") == 0);
  CHECK(replaced("m=video 4002 RTP/AVP 97\r\n",
                 "m=video 4002 RTP/AVP 97\r\nc=IN IP4 192.0.2.1\r\n") == 0);
}

TEST_CASE("each change is named") {
  CHECK(replaced("o=- 1 2", "o=- 1 3") == Changes::version);
  CHECK(replaced("o=- 1 2", "o=- 9 2") == Changes::identity);
  CHECK(replaced("s=-", "s=x") == Changes::name);
  CHECK(replaced("t=0 0", "t=1 2") == Changes::timing);
  CHECK(replaced("b=AS:99", "b=AS:98") == Changes::session);
  CHECK(replaced("m=video 4002 RTP/AVP 97", "m=text 4002 RTP/AVP 97") == Changes::media_type);
  CHECK(replaced("4002 RTP/AVP 97", "4002 RTP/SAVP 97") == Changes::media_type);
  CHECK(replaced("4000 RTP", "0 RTP") == Changes::port);
  CHECK(replaced("4000 RTP", "4000/2 RTP") == Changes::port);
  CHECK(replaced("AVP 0 96", "AVP 96 0") == Changes::formats);
  CHECK(replaced("opus/48000/2", "opus/48000") == Changes::codecs);
  CHECK(replaced("a=fmtp:96 useinbandfec=1\r\n", "") == Changes::codecs);
  CHECK(replaced("192.0.2.1\r\nb=", "192.0.2.2\r\nb=") == Changes::media_connection);
  CHECK(replaced("a=recvonly", "a=inactive") == Changes::media_direction);
  CHECK(replaced("a=fingerprint:sha-256 4A:AD\r\n",
                 "a=fingerprint:sha-256 4A:AD\r\na=inactive\r\n") == Changes::media_direction);
  CHECK(replaced("b=AS:64", "b=AS:65") == Changes::bandwidth);
  CHECK(replaced("4A:AD", "4A:AE") == Changes::keys);
  CHECK(replaced("192.0.2.1 4002 typ", "192.0.2.1 4004 typ") == Changes::ice);
  CHECK(replaced("ptime:20", "ptime:30") == Changes::attributes);
  CHECK(replaced("y=1", "y=2") == Changes::lines);
  CHECK(changed(kBase, kBase + "m=text 0 RTP/AVP 98\r\n") == Changes::media_count);
}

TEST_CASE("a line twice is not the line once") {
  CHECK(replaced("a=ptime:20\r\n", "a=ptime:20\r\na=ptime:20\r\n") == Changes::attributes);
}

TEST_CASE("a change without a new version needs one") {
  const auto needs = [](const std::string& old, const std::string& with) {
    std::string text = kBase;
    text.replace(text.find(old), old.size(), with);
    return changes(View::parse(kBase).value(), View::parse(text).value()).needs_new_version();
  };
  CHECK(needs("a=recvonly", "a=inactive"));
  CHECK_FALSE(needs("o=- 1 2", "o=- 1 3"));
  std::string held = kBase;
  held.replace(held.find("a=recvonly"), 10, "a=inactive");
  held.replace(held.find("o=- 1 2"), 7, "o=- 1 3");
  CHECK_FALSE(changes(View::parse(kBase).value(), View::parse(held).value()).needs_new_version());
}

TEST_CASE("the same session is told by o= without its version") {
  const OriginView a{"u", "1", "2", "IN", "IP4", "h"};
  OriginView b = a;
  b.session_version = "3";
  CHECK(same_session(a, b));
  b = a;
  b.address = "i";
  CHECK_FALSE(same_session(a, b));
}

TEST_CASE("connections of layered multicast are compared each") {
  const std::string start =
      "v=0\r\no=- 1 2 IN IP4 h\r\ns=-\r\nt=0 0\r\nm=audio 1 RTP/AVP 0\r\nc=IN IP4 224.2.1.1/9\r\n";
  CHECK(changed(start, start + "c=IN IP4 224.2.1.2/9\r\n") == Changes::media_connection);
  CHECK(changed(start, start) == 0);
}

TEST_CASE("time grows with the lines and not with their square") {
  const auto time = [](std::size_t count) {
    std::string a = "v=0\r\no=- 1 2 IN IP4 h\r\ns=-\r\nt=0 0\r\n";
    std::string b = a;
    for (std::size_t i = 0; i < count; ++i) {
      a += "a=x:" + std::to_string(i) + "\r\n";
      b += "a=x:" + std::to_string(count - 1 - i) + "\r\n";
    }
    const View before = View::parse(a).value();
    const View after = View::parse(b).value();
    double best = 1;
    for (int round = 0; round < 5; ++round) {
      const auto start = std::chrono::steady_clock::now();
      CHECK(equivalent(before, after));
      const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
      best = std::min(best, spent.count());
    }
    return best;
  };
  CHECK(time(1000) < 40 * time(100));
}

}  // namespace
}  // namespace sipstack::sdp
