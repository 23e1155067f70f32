// SPDX-License-Identifier: Apache-2.0
// The scanners of every instruction set give the same results as those in plain C++, which are the
// grammars alone.
#include "../../fuzz/agree.hpp"
#include "judge.hpp"
#include "sample.hpp"

namespace sipstack {
namespace {

std::vector<const scan::Scanners*> sets() {
  std::vector<const scan::Scanners*> out;
  for (const scan::Scanners* set : {scan::kSse42, scan::kAvx2, scan::kNeon}) {
    if (set != nullptr && scan::runs_here(*set)) out.push_back(set);
  }
  return out;
}

void same(const std::string& message) {
  const testing::Exact bytes(message);
  for (const scan::Scanners* set : sets()) {
    const std::string difference = agree::difference(scan::kPlain, *set, bytes.view());
    if (difference.empty()) continue;
    CAPTURE(set->name, message);
    CHECK(difference == "");
  }
}

TEST_CASE("the scanners in use are the best that this processor runs") {
  const std::vector<const scan::Scanners*> all = sets();
  CHECK(&scan::scanners() == (all.empty() ? &scan::kPlain : all.back()));
}

TEST_CASE("no scanner minds a view without an address") {
  for (const scan::Scanners* set : sets()) {
    CHECK(agree::difference(scan::kPlain, *set, nullptr, nullptr, nullptr) == "");
    CHECK(agree::difference(scan::kPlain, *set, std::string_view()) == "");
  }
  CHECK_FALSE(Uri::parse({}));
}

// Found by fuzzing: a user with ";" was begun as a host with parameters, which then counted.
TEST_CASE("what looked like parameters, and is a user, counts for nothing") {
  std::string user = "a";
  for (int i = 0; i < 40; ++i) user += ";b";
  for (const std::string& uri : {std::string("sip:a;b/c@h"), "sip:" + user + "/c@h"}) {
    for (const std::string& value : {uri, "<" + uri + ">;tag=1"}) {
      CAPTURE(value);
      const char* const end = value.data() + value.size();
      for (const scan::Scanners* set : sets())
        CHECK(agree::difference(scan::kPlain, *set, value.data(), end, end) == "");
    }
  }
  MessageIndex index;
  CHECK(parse("OPTIONS sip:" + user +
                  "/c@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=1\r\n"
                  "To: <sip:b@h>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n",
              index));
}

TEST_CASE("instruction sets agree on whole messages and each of their values") {
  for (const std::string& sample : testing::samples()) same(sample);
}

TEST_CASE("instruction sets agree on mutated messages") {
  const std::vector<std::string> samples = testing::samples();
  testing::Sequence random(20261122);
  constexpr std::string_view kBytes = "\r\n \t\"\\<>,;:=@%[]()*?&-._~/aA0\x7f\xff!+$'`";
  for (int round = 0; round < 20000; ++round) {
    std::string text = samples[random.below(samples.size())];
    for (std::size_t edits = 1 + random.below(6); edits != 0; --edits) {
      const std::size_t at = random.below(text.size());
      const char byte = kBytes[random.below(kBytes.size())];
      switch (random.below(3)) {
        case 0: text[at] = byte; break;
        case 1: text.insert(at, 1, byte); break;
        default: text.erase(at, 1 + random.below(3));
      }
      if (text.empty()) text = "x";
    }
    same(text);
  }
}

// Where a value ends, and how much may be loaded behind it, falls on every side of a vector's width.
TEST_CASE("instruction sets agree on values of every length, at every distance from the end") {
  for (std::size_t length = 1; length < 80; ++length) {
    const std::string run(length, 'a');
    for (const std::string& value :
         {"SIP/2.0/UDP " + run + ":5060;branch=z9hG4bK" + run + ";rport",
          "<sip:" + run + "@h>;tag=" + run, "\"" + run + "\" <sip:a@" + run + ".example;lr>;x",
          run + " <sips:h:1;transport=" + run + ">", "\"" + run + "\\\"\" <sip:h>",
          "<sip:" + run + "%41@h>", "1 " + run, run + "/" + run, run, run + ", x",
          "SIP/2.0/TCP " + run + "-:5060", "SIP/2.0/TCP " + run + ".:99999",
          "<sip:[::1]:5;lr>;tag=\"" + run + "\""}) {
      for (const std::size_t behind : {0U, 1U, 15U, 16U, 31U, 32U, 63U, 64U}) {
        const testing::Exact bytes(value + "\r\n" + std::string(behind, 'x'));
        const char* const at = bytes.view().data();
        const char* const readable = at + bytes.view().size();
        for (const scan::Scanners* set : sets()) {
          CAPTURE(set->name, value, behind);
          CHECK(agree::difference(scan::kPlain, *set, at, at + value.size(), readable) == "");
          CHECK(agree::difference(scan::kPlain, *set, at, at + value.size(), at + value.size()) ==
                "");
        }
      }
    }
  }
}

}  // namespace
}  // namespace sipstack
