// SPDX-License-Identifier: Apache-2.0
#include "mix.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <string_view>

namespace bench {
namespace {

class Dice {
 public:
  explicit Dice(std::uint32_t seed) : engine_(seed) {}
  // Not a distribution of <random>: those differ between standard libraries.
  unsigned below(unsigned n) { return static_cast<unsigned>(engine_() % n); }
  bool one_in(unsigned n) { return below(n) == 0; }
  template <std::size_t N>
  std::string_view of(const char* const (&choice)[N]) {
    return choice[below(N)];
  }
  std::string hex(unsigned digits) {
    std::string out;
    for (unsigned i = 0; i < digits; ++i) out += "0123456789abcdef"[below(16)];
    return out;
  }

 private:
  std::mt19937 engine_;
};

constexpr const char* kUsers[] = {"alice", "bob",   "carol.smith",  "+442071838750",
                                  "1001",  "dave_", "reception-2f", "34020000001320000001",
                                  "trunk", "m"};
constexpr const char* kHosts[] = {"example.com",
                                  "sip.example.org",
                                  "192.0.2.17",
                                  "[2001:db8::17]",
                                  "pbx-3.branch.office.example.net",
                                  "203.0.113.201"};
constexpr const char* kNames[] = {"",      "Alice ", "\"Bob B.\" ", "\"Carol \\\"CS\\\" Smith\" ",
                                  "Dave ", "",       "Front Desk "};
constexpr const char* kTransports[] = {"UDP", "UDP", "UDP", "TCP", "TLS", "WS"};

std::string host_port(Dice& dice) {
  std::string out(dice.of(kHosts));
  if (dice.one_in(2)) out += fmt::format(":{}", 1024 + dice.below(60000));
  return out;
}

std::string uri(Dice& dice) { return fmt::format("sip:{}@{}", dice.of(kUsers), host_port(dice)); }

class Draft {
 public:
  Draft(Dice& dice, std::string start) : dice_(dice), text_(std::move(start) + "\r\n") {}

  void add(std::string_view name, std::string_view compact, std::string value) {
    std::string written(!compact.empty() && dice_.one_in(4) ? compact : name);
    if (dice_.one_in(16)) {
      std::transform(written.begin(), written.end(), written.begin(),
                     [](char c) { return static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c); });
    }
    lines_.push_back(fmt::format("{}:{}{}\r\n", written, dice_.one_in(24) ? "" : " ", value));
  }
  /// Keeps its place relative to others of its name: what follows stays in one chunk.
  void join() { glue_ = lines_.size(); }

  std::string done(std::string_view type, std::string_view body) {
    if (!body.empty()) add("Content-Type", "c", std::string(type));
    add("Content-Length", "l", std::to_string(body.size()));
    // Vias first, as everybody writes them; the rest in an order of its own.
    for (std::size_t i = lines_.size(); i > glue_ + 1; --i) {
      std::swap(lines_[i - 1], lines_[glue_ + dice_.below(static_cast<unsigned>(i - glue_))]);
    }
    for (const std::string& line : lines_) text_ += line;
    return text_ + "\r\n" + std::string(body);
  }

 private:
  Dice& dice_;
  std::string text_;
  std::vector<std::string> lines_;
  std::size_t glue_ = 0;
};

void add_vias(Dice& dice, Draft& draft, unsigned count, bool response) {
  for (unsigned i = 0; i < count; ++i) {
    std::string via = fmt::format("SIP/2.0/{} {};branch=z9hG4bK{}", dice.of(kTransports),
                                  host_port(dice), dice.hex(12 + dice.below(20)));
    if (i != 0 || response) {
      via += fmt::format(";received=198.51.100.{}", dice.below(250) + 1);
      if (dice.one_in(2)) via += fmt::format(";rport={}", 1024 + dice.below(60000));
    } else {
      via += ";rport";
    }
    draft.add("Via", "v", via);
  }
}

void add_common(Dice& dice, Draft& draft, std::string_view method, bool to_tag) {
  draft.add("From", "f", fmt::format("{}<{}>;tag={}", dice.of(kNames), uri(dice), dice.hex(10)));
  std::string to = fmt::format("{}<{}>", dice.of(kNames), uri(dice));
  if (to_tag) to += ";tag=" + dice.hex(8);
  draft.add("To", "t", to);
  draft.add("Call-ID", "i", fmt::format("{}@{}", dice.hex(24), "192.0.2.17"));
  draft.add("CSeq", "", fmt::format("{} {}", 1 + dice.below(99999), method));
}

void add_capabilities(Dice& dice, Draft& draft) {
  draft.add("Allow", "", "INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, NOTIFY, MESSAGE, UPDATE");
  draft.add("Supported", "k", dice.one_in(2) ? "100rel, timer, replaces" : "outbound,path,gruu");
  draft.add("User-Agent", "",
            fmt::format("phone/{}.{} (build {})", dice.below(9), dice.below(99), dice.hex(7)));
}

std::string sdp(Dice& dice) {
  const std::string_view ip = dice.one_in(2) ? "192.0.2.101" : "198.51.100.44";
  std::string out = fmt::format(
      "v=0\r\no=- {} {} IN IP4 {}\r\ns=-\r\nc=IN IP4 {}\r\nt=0 0\r\nm=audio {} RTP/AVP 8 0 9 "
      "101\r\n"
      "a=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:9 G722/8000\r\n"
      "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\na=sendrecv\r\n",
      1000000 + dice.below(9000000), dice.below(100), ip, ip, 10000 + 2 * dice.below(20000));
  if (dice.one_in(2)) {
    out += fmt::format(
        "m=video {} RTP/AVP 96 97\r\nb=AS:512\r\na=rtpmap:96 H264/90000\r\n"
        "a=fmtp:96 profile-level-id=42e01f;packetization-mode=1\r\na=rtpmap:97 VP8/90000\r\n"
        "a=rtcp-fb:* nack pli\r\na=sendonly\r\n",
        10000 + 2 * dice.below(20000));
  }
  return out;
}

// RTP/SAVP and not a browser's UDP/TLS/RTP/SAVPF, of which sofia-sip reads no rtpmap.
std::string browser_sdp(Dice& dice) {
  std::string out = fmt::format(
      "v=0\r\no=- {} 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\na=msid-semantic: "
      "WMS\r\n"
      "m=audio 9 RTP/SAVP 111 63 9 0 8 13 110 126\r\nc=IN IP4 0.0.0.0\r\n"
      "a=rtcp:9 IN IP4 0.0.0.0\r\n",
      dice.below(1000000000));
  for (unsigned i = 0; i < 4; ++i) {
    out += fmt::format("a=candidate:{} 1 udp {} 192.0.2.{} {} typ host generation 0\r\n",
                       dice.below(99999999), 2113937151 - i, 1 + dice.below(250),
                       1024 + dice.below(60000));
  }
  out += fmt::format("a=ice-ufrag:{}\r\na=ice-pwd:{}\r\na=fingerprint:sha-256 ", dice.hex(4),
                     dice.hex(24));
  for (unsigned i = 0; i < 32; ++i) out += (i != 0 ? ":" : "") + dice.hex(2);
  out +=
      "\r\na=setup:actpass\r\na=mid:0\r\na=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n"
      "a=sendrecv\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 transport-cc\r\n"
      "a=fmtp:111 minptime=10;useinbandfec=1\r\na=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\n"
      "a=rtpmap:9 G722/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:13 "
      "CN/8000\r\n"
      "a=rtpmap:110 telephone-event/48000\r\na=rtpmap:126 telephone-event/8000\r\n";
  return out + fmt::format("a=ssrc:{} cname:{}\r\n", dice.below(4000000000U), dice.hex(16));
}

std::string options(Dice& dice) {
  Draft draft(dice, fmt::format("OPTIONS {} SIP/2.0", uri(dice)));
  add_vias(dice, draft, 1, false);
  draft.join();
  draft.add("Max-Forwards", "", "70");
  add_common(dice, draft, "OPTIONS", false);
  draft.add("Contact", "m", fmt::format("<{}>", uri(dice)));
  draft.add("Accept", "", "application/sdp");
  return draft.done("", "");
}

std::string invite(Dice& dice, unsigned hops) {
  Draft draft(dice, fmt::format("INVITE {};transport=tcp SIP/2.0", uri(dice)));
  add_vias(dice, draft, 1 + hops, false);
  for (unsigned i = 0; i < hops; ++i) {
    draft.add("Record-Route", "", fmt::format("<sip:p{}@{};lr>", i, host_port(dice)));
  }
  if (hops != 0)
    draft.add("Route", "",
              "<sip:edge.example.net;lr>, <sip:core.example.net:5080;transport=tcp;lr>");
  draft.join();
  draft.add("Max-Forwards", "", std::to_string(70 - hops));
  add_common(dice, draft, "INVITE", false);
  draft.add("Contact", "m", fmt::format("<{};transport=tcp>", uri(dice)));
  draft.add("P-Asserted-Identity", "", fmt::format("{}<{}>", dice.of(kNames), uri(dice)));
  draft.add("Session-Expires", "x", "1800;refresher=uac");
  draft.add("Min-SE", "", "90");
  add_capabilities(dice, draft);
  return draft.done("application/sdp", dice.one_in(8) ? browser_sdp(dice) : sdp(dice));
}

std::string response(Dice& dice, unsigned hops) {
  static constexpr const char* kLines[] = {"100 Trying", "180 Ringing", "200 OK", "486 Busy Here",
                                           "200 OK"};
  const std::string_view line = dice.of(kLines);
  Draft draft(dice, fmt::format("SIP/2.0 {}", line));
  add_vias(dice, draft, 1 + hops, true);
  for (unsigned i = 0; i < hops; ++i) {
    draft.add("Record-Route", "", fmt::format("<sip:p{}@{};lr>", i, host_port(dice)));
  }
  draft.join();
  add_common(dice, draft, "INVITE", line[0] != '1' || line[1] != '0');
  draft.add("Contact", "m", fmt::format("<{}>", uri(dice)));
  add_capabilities(dice, draft);
  return line[0] == '2' ? draft.done("application/sdp", sdp(dice)) : draft.done("", "");
}

std::string registration(Dice& dice) {
  Draft draft(dice, "REGISTER sip:example.com SIP/2.0");
  add_vias(dice, draft, 1 + dice.below(2), false);
  draft.join();
  draft.add("Max-Forwards", "", "70");
  add_common(dice, draft, "REGISTER", false);
  draft.add(
      "Contact", "m",
      fmt::format(
          "<{};ob>;expires=3600;q=0.7;+sip.instance=\"<urn:uuid:{}-0000-1000-8000-{}>\";reg-id=1",
          uri(dice), dice.hex(8), dice.hex(12)));
  draft.add(
      "Authorization", "",
      fmt::format(
          "Digest username=\"{}\", realm=\"example.com\", nonce=\"{}\", uri=\"sip:example.com\", "
          "response=\"{}\", algorithm=MD5, cnonce=\"{}\", qop=auth, nc={:08x}",
          dice.of(kUsers), dice.hex(32), dice.hex(32), dice.hex(8), 1 + dice.below(99)));
  draft.add("Expires", "", "3600");
  add_capabilities(dice, draft);
  return draft.done("", "");
}

std::string notify(Dice& dice) {
  Draft draft(dice, fmt::format("NOTIFY {} SIP/2.0", uri(dice)));
  add_vias(dice, draft, 2, false);
  draft.add("Route", "", "<sip:edge.example.net;lr>");
  draft.join();
  draft.add("Max-Forwards", "", "69");
  add_common(dice, draft, "NOTIFY", true);
  draft.add("Contact", "m", fmt::format("<{}>", uri(dice)));
  draft.add("Event", "o", "presence");
  draft.add("Subscription-State", "", fmt::format("active;expires={}", dice.below(3600)));
  std::string xml =
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<presence "
      "xmlns=\"urn:ietf:params:xml:ns:pidf\">\r\n";
  for (unsigned i = 0; i < 3 + dice.below(3); ++i) {
    xml += fmt::format(
        "<tuple id=\"{}\"><status><basic>{}</basic></status><contact>{}</contact></tuple>\r\n",
        dice.hex(6), dice.one_in(2) ? "open" : "closed", uri(dice));
  }
  return draft.done("application/pidf+xml", xml + "</presence>\r\n");
}

}  // namespace

std::vector<std::string> mix() {
  Dice dice(20260101);
  std::vector<std::string> out;
  while (out.size() < 600) {
    switch (dice.below(12)) {
      case 0:
      case 1: out.push_back(options(dice)); break;
      case 2:
      case 3: out.push_back(invite(dice, 0)); break;
      case 4:
      case 5: out.push_back(invite(dice, 4)); break;
      case 6: out.push_back(response(dice, 0)); break;
      case 7:
      case 8: out.push_back(response(dice, 4)); break;
      case 9:
      case 10: out.push_back(registration(dice)); break;
      default: out.push_back(notify(dice)); break;
    }
  }
  return out;
}

std::vector<std::string> sdp_mix() {
  Dice dice(20260102);
  std::vector<std::string> out;
  while (out.size() < 200) out.push_back(dice.one_in(3) ? browser_sdp(dice) : sdp(dice));
  return out;
}

}  // namespace bench
