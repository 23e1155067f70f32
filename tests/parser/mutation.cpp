// SPDX-License-Identifier: Apache-2.0
// A hundred thousand mutated messages, the same ones every time: no crash, no byte read outside, and
// whatever is accepted keeps its promises.
#include <cstdint>

#include "judge.hpp"
#include "sample.hpp"
#include "sipstack/parser/framer.hpp"

namespace sipstack {
namespace {

using testing::Exact;
using testing::kept;
using testing::Sequence;
using testing::sound;

constexpr std::string_view kPieces[] = {
    "\r\n",       "\r\n ",    "\"",   "\\",        "<",
    ">",          ",",        ";",    ":",         "=",
    "@",          "%",        "%00",  "[",         "]",
    "(",          ")",        "*",    "?",         "&",
    " ",          "\t",       "\r",   "\n",        std::string_view("\0", 1),
    "\x7f",       "\xff",     "sip:", "SIP/2.0",   ";tag=",
    "4294967296", "-1",       "::",   ";;",        ",,",
    "\r\n\r\n",   "l: 1\r\n", "v: ",  "2147483648"};

void mutate(std::string& text, Sequence& random) {
  for (std::size_t edits = 1 + random.below(4); edits != 0; --edits) {
    const std::size_t at = random.below(text.size() + 1);
    const std::size_t length = random.below(8);
    switch (random.below(6)) {
      case 0: text.insert(at, kPieces[random.below(std::size(kPieces))]); break;
      case 1: text.erase(at, length); break;
      case 2:
        if (at < text.size()) text[at] = static_cast<char>(random.below(256));
        break;
      case 3: text.insert(at, text, random.below(text.size() + 1), random.below(40)); break;
      case 4: text.replace(at, length, kPieces[random.below(std::size(kPieces))]); break;
      default:
        if (at < text.size()) text[at] = static_cast<char>(text[at] ^ (1 << random.below(8)));
    }
    if (text.empty()) text = "x";
  }
}

TEST_CASE("mutated messages neither crash nor break a promise") {
  const std::vector<std::string> samples = testing::samples();
  Sequence random(20240521);
  MessageIndex index;
  std::size_t accepted = 0;
  std::size_t recovered = 0;
  constexpr std::size_t kRounds = 100000;
  for (std::size_t round = 0; round < kRounds; ++round) {
    std::string text = samples[random.below(samples.size())];
    mutate(text, random);
    const Exact bytes(text);
    const auto parsed = parse(bytes.view(), index);
    const MessageView m(bytes.view().data(), index);
    bool good = sound(bytes.view(), m) && (parsed || parsed.error().offset <= text.size());
    if (parsed) {
      ++accepted;
      good = good && kept(m);
      static_cast<void>(validate(m));
    } else if (recoverable(m)) {
      ++recovered;
    }
    if (!good) {
      CAPTURE(round, text);
      FAIL("a promise was broken");
    }
  }
  // Mutation has not made everything garbage, nor nothing.
  CHECK(accepted > kRounds / 20);
  CHECK(recovered > kRounds / 20);
  CHECK(accepted + recovered < kRounds);
}

// Two views of where a message ends would be smuggling.
TEST_CASE("framer and parser agree on where a mutated message ends") {
  const std::vector<std::string> samples = testing::samples();
  Sequence random(7);
  MessageIndex index;
  std::size_t framed = 0;
  for (std::size_t round = 0; round < 20000; ++round) {
    std::string text = samples[random.below(samples.size())];
    mutate(text, random);
    text += samples[2];
    StreamFramer framer;
    std::string_view rest = text;
    Frame frame = framer.next(rest);
    while (frame.kind == Frame::Kind::skip || frame.kind == Frame::Kind::ping) {
      rest.remove_prefix(frame.size);
      frame = framer.next(rest);
    }
    if (frame.kind != Frame::Kind::message) continue;
    if (!parse(rest.substr(0, frame.size), index)) continue;
    ++framed;
    if (!index.has_content_length || index.start + index.size != frame.size) {
      CAPTURE(round, text, frame.size, index.size);
      FAIL("the body ends in two places");
    }
  }
  CHECK(framed > 1000);
}

}  // namespace
}  // namespace sipstack
