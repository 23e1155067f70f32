// SPDX-License-Identifier: Apache-2.0
// Writers against chance: whatever strings an application or a peer supplies, a message that is sealed
// has the header fields that were written and no others.
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "sipstack/base/random.hpp"
#include "sipstack/parser/writer.hpp"

using namespace sipstack;

namespace {

// A short text of what breaks parsers, with ordinary letters between.
std::string hostile(SeededRandom& random) {
  static constexpr std::string_view kPieces[] = {"a",
                                                 "b",
                                                 "1",
                                                 " ",
                                                 "\t",
                                                 "\r\n",
                                                 "\n",
                                                 "\r",
                                                 ":",
                                                 ";",
                                                 ",",
                                                 "<",
                                                 ">",
                                                 "\"",
                                                 "\\",
                                                 "@",
                                                 "%",
                                                 "%4",
                                                 "\x7f",
                                                 "\xc3\xa4",
                                                 "\xff",
                                                 "\x01",
                                                 "=",
                                                 "/",
                                                 "tag",
                                                 "sip:",
                                                 "SIP/2.0",
                                                 "Via: x",
                                                 "\r\nVia: x",
                                                 "\r\n\r\n",
                                                 "Content-Length: 9"};
  std::string out;
  for (std::uint64_t n = random.below(6); n > 0; --n) {
    const std::uint64_t pick = random.below(std::size(kPieces) + 1);
    if (pick == std::size(kPieces))
      out.push_back('\0');
    else
      out += kPieces[pick];
  }
  return out;
}

std::string trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return "";
  return std::string(text.substr(begin, text.find_last_not_of(" \t") - begin + 1));
}

bool clean(std::string_view text) {
  for (const char c : text)
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f) return false;
  return true;
}

}  // namespace

TEST_CASE("20,000 requests of random strings have exactly the header fields that were written") {
  SeededRandom random(24);
  BlockPool pool;
  int sealed_count = 0;
  for (int round = 0; round < 20000; ++round) {
    std::vector<std::pair<std::string, std::string>> written{
        {"To", "<sip:bob@b.example>"},
        {"From", "<sip:alice@a.example>;tag=1"},
        {"Call-ID", "c1"},
        {"CSeq", "1 MESSAGE"}};
    RequestWriter out(pool, "MESSAGE", "sip:bob@b.example");
    for (const auto& [name, value] : written) out.header(name, value);
    bool all_clean = true;
    for (std::uint64_t n = random.below(4); n > 0; --n) {
      const std::string name = random.below(4) == 0 ? "X-" + hostile(random) : "X-Own";
      const std::string value = hostile(random);
      out.header(name, value);
      written.emplace_back(name, trimmed(value));
      all_clean = all_clean && clean(name) && clean(value);
    }
    const std::string body = hostile(random);
    if (random.below(2) == 0) {
      out.body("text/plain", body);
      written.emplace_back("Content-Type", "text/plain");
    }
    const auto message = out.seal({Transport::tcp, "192.0.2.1", "z9hG4bK1"});
    if (!all_clean) REQUIRE_FALSE(message);
    if (!message) continue;
    ++sealed_count;
    const MessageView view = message->view();
    REQUIRE(view.header_count() == written.size() + 2);
    REQUIRE(view.header(0).id == HeaderId::via);
    for (std::size_t i = 0; i < written.size(); ++i) {
      REQUIRE(view.header(i + 1).name == written[i].first);
      REQUIRE(view.header(i + 1).value == written[i].second);
    }
    REQUIRE(view.header(written.size() + 1).id == HeaderId::content_length);
    if (view.has(HeaderId::content_type)) REQUIRE(view.body() == body);
  }
  CHECK(sealed_count > 5000);
  CHECK(pool.live() == 0);
}

TEST_CASE("a request without any subset of the mandatory fields is answered with what it has") {
  const std::pair<HeaderId, std::string> fields[] = {
      {HeaderId::via, "Via: SIP/2.0/UDP 192.0.2.4;branch=z9hG4bK1\r\n"},
      {HeaderId::from, "From: <sip:alice@a.example>;tag=1\r\n"},
      {HeaderId::to, "To: <sip:bob@b.example>\r\n"},
      {HeaderId::call_id, "Call-ID: c1\r\n"},
      {HeaderId::cseq, "CSeq: 1 OPTIONS\r\n"},
      {HeaderId::max_forwards, "Max-Forwards: 70\r\n"},
  };
  Flow source;
  source.remote = SocketAddress::parse("192.0.2.4:5060").value();
  BlockPool pool;
  for (unsigned subset = 0; subset < 64; ++subset) {
    CAPTURE(subset);
    std::string text = "OPTIONS sip:bob@b.example SIP/2.0\r\n";
    for (unsigned i = 0; i < 6; ++i)
      if ((subset >> i & 1) != 0) text += fields[i].second;
    text += "\r\n";
    MessageIndex index;
    const bool parsed = parse(text, index).has_value();
    CHECK(parsed == ((subset & 31) == 31));
    const MessageView request(text.data(), index);
    CHECK(recoverable(request) == ((subset & 1) == 1));
    // Whoever answers all the same copies what is there and nothing else.
    const auto response = ResponseWriter(pool, request, source, 400, "t1").seal();
    if (!response) continue;
    const std::string bytes(response->bytes());
    for (unsigned i = 0; i < 5; ++i)
      CHECK((bytes.find("\r\n" + std::string(name(fields[i].first)) + ": ") != std::string::npos) ==
            ((subset >> i & 1) != 0));
    CHECK(bytes.substr(bytes.size() - 4) == "\r\n\r\n");
  }
}

TEST_CASE("20,000 broken requests are answered without a byte that could split the response") {
  const std::string good =
      "OPTIONS sip:bob@biloxi.example SIP/2.0\r\n"
      "Via: SIP/2.0/UDP pc33.atlanta.example;rport;branch=z9hG4bK776asdhds,\r\n"
      "  SIP/2.0/TCP b.example;branch=z9hG4bK2\r\n"
      "To: \"Bob \\\"B\\\" X\" <sip:bob@biloxi.example>\r\n"
      "From: Alice <sip:alice@atlanta.example>;tag=1928301774\r\n"
      "Call-ID: a84b4c76e66710@pc33.atlanta.example\r\n"
      "CSeq: 314159 OPTIONS\r\n"
      "Timestamp: 1\r\n"
      "Content-Length: 0\r\n\r\n";
  Flow source;
  source.remote = SocketAddress::parse("192.0.2.4:5060").value();
  SeededRandom random(400);
  BlockPool pool;
  int answered = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string text = good;
    for (std::uint64_t n = 1 + random.below(3); n > 0; --n) {
      const std::string piece = hostile(random);
      const std::size_t at = random.below(text.size());
      text.replace(at, random.below(4), piece);
    }
    MessageIndex index;
    static_cast<void>(parse(text, index));
    const MessageView request(text.data(), index);
    const auto response = ResponseWriter(pool, request, source, 400, "t1").seal();
    if (!response) continue;
    ++answered;
    // Line by line: known names alone, no stray control byte, one empty line, at the end.
    std::string_view rest = response->bytes();
    REQUIRE(rest.substr(0, 25) == "SIP/2.0 400 Bad Request\r\n");
    rest.remove_prefix(25);
    while (rest.size() > 2) {
      std::size_t end = rest.find("\r\n");
      while (rest[end + 2] == ' ' || rest[end + 2] == '\t') end = rest.find("\r\n", end + 2);
      const std::string_view line = rest.substr(0, end);
      const std::string_view field = line.substr(0, line.find(':'));
      REQUIRE((field == "Via" || field == "From" || field == "To" || field == "Call-ID" ||
               field == "CSeq" || field == "Content-Length"));
      bool safe = true;
      for (std::size_t i = 0; i < line.size(); ++i) {
        if (line.substr(i, 2) == "\r\n")
          ++i;  // a fold: the line goes on
        else
          safe = safe && clean(line.substr(i, 1));
      }
      REQUIRE(safe);
      rest.remove_prefix(end + 2);
    }
    REQUIRE(rest == "\r\n");
    static_cast<void>(response_target(request, source));
  }
  CHECK(answered > 10000);
  CHECK(pool.live() == 0);
}
