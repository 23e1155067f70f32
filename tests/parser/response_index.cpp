// SPDX-License-Identifier: Apache-2.0
// A response to a sound request is put together with its index, without being read. Here it is read, and
// written the long way as well: bytes and index must be the same.
#include <algorithm>
#include <cctype>
#include <string>
#include <vector>

#include "catch.hpp"
#include "sipstack/base/random.hpp"
#include "sipstack/parser/writer.hpp"

using namespace sipstack;

namespace {

bool same(Span16 a, Span16 b) {
  return a.length == b.length && (a.length == 0 || a.begin == b.begin);
}

bool same_index(const MessageView& made, const MessageIndex& read) {
  const IndexHead& a = made.head();
  const IndexHead& b = read;
  if (a.request != b.request || a.method != b.method || a.status != b.status ||
      !same(a.method_name, b.method_name) || !same(a.uri, b.uri) || !same(a.reason, b.reason) ||
      !same(a.call_id, b.call_id) || !same(a.from_tag, b.from_tag) || !same(a.to_tag, b.to_tag) ||
      !same(a.branch, b.branch) || !same(a.sent_by, b.sent_by) || a.cseq != b.cseq ||
      a.max_forwards != b.max_forwards || a.vias != b.vias || !same(a.body, b.body) ||
      a.start != b.start || a.size != b.size || a.has_content_length != b.has_content_length ||
      a.sound != b.sound || a.headers != b.headers)
    return false;
  return std::equal(made.begin_entries(), made.end_entries(), read.entries,
                    [](const HeaderEntry& x, const HeaderEntry& y) {
                      return x.name == y.name && x.value == y.value && x.length == y.length &&
                             x.name_length == y.name_length && x.id == y.id;
                    });
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

template <std::size_t N>
const char* one_of(SeededRandom& dice, const char* const (&choices)[N]) {
  return choices[dice.below(N)];
}

// Requests as they come: mostly plain, some odd.
std::string some_request(SeededRandom& dice) {
  std::vector<std::string> params = {";branch=z9hG4bKabc"};
  if (dice.below(2) == 0) params.emplace_back(one_of(dice, {";rport", ";RPORT", ";rport=7"}));
  if (dice.below(3) == 0)
    params.emplace_back(one_of(dice, {";received=198.51.100.9", ";Received=::1"}));
  if (dice.below(4) == 0)
    params.emplace_back(one_of(dice, {";x=\"a;b,c\"", ";maddr=192.0.2.7", ";ttl=3", ";y"}));
  for (std::size_t i = params.size(); i > 1; --i) std::swap(params[i - 1], params[dice.below(i)]);
  std::string via = "SIP/2.0/UDP ";
  via += one_of(dice, {"192.0.2.1", "192.0.2.1:5060", "192.0.2.2:5060", "Host.example",
                       "[2001:db8::1]:5061", "h : 5060"});
  for (const auto& param : params) via += param;
  if (dice.below(4) == 0) via += ", SIP/2.0/TCP second.example;branch=z9hG4bKs;rport";

  std::vector<std::string> lines;
  lines.push_back(std::string(one_of(dice, {"Via: ", "v: ", "VIA:", "Via:\t", "via :  "})) + via);
  std::string from = one_of(dice, {"From: ", "f:", "from: ", "From:   "});
  from += one_of(dice, {"\"A \\\"B\" <sip:a@b>;tag=1", "<sip:a@b>;x=y;tag=t-1;z", "sip:a@b;tag=9",
                        "A\r\n B <sip:a@b>;tag=f", "\"\ttab\" <sip:a@b>;tag=2"});
  lines.push_back(from);
  lines.emplace_back(
      one_of(dice, {"To: <sip:c@d>", "t: <sip:c@d>;tag=known", "To: sip:c@d", "To: <sip:c@d>  "}));
  lines.emplace_back(one_of(dice, {"Call-ID: 1@x", "i: abc", "Call-Id:  2-2"}));
  lines.emplace_back(
      one_of(dice, {"CSeq: 7 OPTIONS", "CSeq:  0007   OPTIONS", "cseq: 4294967 OPTIONS"}));
  if (dice.below(2) == 0) lines.emplace_back("Via: SIP/2.0/UDP last.example;branch=z9hG4bKl");
  if (dice.below(2) == 0) lines.emplace_back("Timestamp: 54.2");
  if (dice.below(2) == 0) lines.emplace_back("X-Other: something");
  const std::string first = lines.front();
  lines.erase(lines.begin());
  for (std::size_t i = lines.size(); i > 1; --i) std::swap(lines[i - 1], lines[dice.below(i)]);
  std::string text = "OPTIONS sip:d SIP/2.0\r\n" + first + "\r\n";
  for (const auto& line : lines) text += line + "\r\n";
  return text + "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n";
}

}  // namespace

TEST_CASE("a response's index is the one that parse() finds, and its bytes those of the long way") {
  SeededRandom dice(20);
  BlockPool pool;
  MessageIndex index;
  MessageIndex read;
  const Flow source{Transport::udp, SocketAddress::parse("192.0.2.9:5060").value(),
                    SocketAddress::parse("192.0.2.1:6060").value(), 0};
  int known = 0;
  for (int round = 0; round < 20'000; ++round) {
    const std::string text = some_request(dice);
    INFO(text);
    REQUIRE(parse(text, index).has_value());
    const MessageView request(text.data(), index);
    MessageIndex doubted = index;
    doubted.sound = false;
    const int status = dice.below(4) == 0 ? 100 : 200;
    const std::uint64_t extras = dice.next();
    const auto write = [&](const MessageView& view) {
      ResponseWriter writer(pool, view, source, status, "ours",
                            (extras & 1) != 0 ? "Fine  then" : "");
      if ((extras & 2) != 0) writer.header(HeaderId::allow, "INVITE, ACK");
      if ((extras & 4) != 0) writer.header("X-Empty", "");
      if ((extras & 8) != 0) writer.header("X-White", " \tvalue ");
      if ((extras & 16) != 0) writer.contact_here("bob");
      if ((extras & 32) != 0) writer.body("text/plain", "hello\r\n");
      if ((extras & 64) != 0)
        writer.header(HeaderId::max_forwards, 3);  // to be read: odd in a response
      if ((extras & 128) != 0)
        for (int i = 0; i < 90; ++i) writer.header("X-Many", "to make it grow");
      return writer.seal({Transport::udp, "192.0.2.9:5060", {}});
    };
    const auto made = write(request);
    const auto long_way = write(MessageView(text.data(), doubted));
    REQUIRE(made.has_value());
    REQUIRE(long_way.has_value());
    REQUIRE(lower(made->bytes()) == lower(long_way->bytes()));
    REQUIRE(parse(made->bytes(), read).has_value());
    REQUIRE(same_index(made->view(), read));
    known += (*made)->head().sound ? 1 : 0;
  }
  CHECK(known == 20'000);
}

TEST_CASE("a response to a request that came from no address leaves its Via as it is") {
  const std::string text =
      "OPTIONS sip:d SIP/2.0\r\nVia: SIP/2.0/UDP a.example;rport;branch=z9hG4bK1\r\n"
      "From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n"
      "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n";
  BlockPool pool;
  MessageIndex index;
  REQUIRE(parse(text, index));
  for (const bool sound : {true, false}) {
    index.sound = sound;
    ResponseWriter writer(pool, MessageView(text.data(), index), Flow{}, 200, "t");
    const auto response = writer.seal();
    REQUIRE(response);
    CHECK(response->view().raw(HeaderId::via) == "SIP/2.0/UDP a.example;rport;branch=z9hG4bK1");
  }
}
