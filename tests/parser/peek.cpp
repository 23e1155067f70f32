// SPDX-License-Identifier: Apache-2.0
// What passes messages on by their Call-ID must see the one that parse() will see.
#include "sipstack/parser/peek.hpp"

#include <string>
#include <vector>

#include "catch.hpp"
#include "parser/sample.hpp"
#include "sipstack/base/random.hpp"
#include "sipstack/parser/message_view.hpp"

using namespace sipstack;

TEST_CASE("peek_call_id finds the Call-ID of every form that the grammar has") {
  const auto of = [](const std::string& lines) {
    return std::string(peek_call_id("OPTIONS sip:a SIP/2.0\r\n" + lines + "\r\n"));
  };
  CHECK(of("Call-ID: a@b\r\n") == "a@b");
  CHECK(of("To: <sip:x>\r\ni:a\r\n") == "a");
  CHECK(of("cALL-id \t:\t a@b \t\r\n") == "a@b");
  CHECK(of("I :\r\n a@b\r\n\t\r\n") == "a@b");
  CHECK(of("Subject: x\r\n i: no\r\ni: yes\r\n") == "yes");
  CHECK(of("Call-Info: <http://a>\r\nidentity: x\r\nCall-ID: z\r\n") == "z");
  CHECK(of("Call-ID: first\r\nCall-ID: second\r\n") == "first");
  CHECK(of("Call-ID:\r\nTo: x\r\n").empty());
  CHECK(of("\r\nCall-ID: in the body\r\n").empty());
  CHECK(of("").empty());
  CHECK(peek_call_id("\r\n\r\nOPTIONS sip:a SIP/2.0\r\ni: x\r\n\r\n") == "x");
  CHECK(peek_call_id("OPTIONS sip:a SIP/2.0\r\nCall-ID: cut") == "cut");
  CHECK(peek_call_id("OPTIONS sip:a SIP/2.0\r\nCall-ID").empty());
  CHECK(peek_call_id("\r\n\r\n").empty());
  CHECK(peek_call_id({}).empty());
}

TEST_CASE("peek_call_id agrees with parse() on every message that it accepts") {
  const std::vector<std::string> samples = testing::samples();
  SeededRandom random(53);
  MessageIndex index;
  const auto agrees = [&](const std::string& text) {
    const std::string_view peeked = peek_call_id(text);
    if (!parse(text, index)) return false;
    INFO(text);
    REQUIRE(peeked == MessageView(text.data(), index).call_id());
    return true;
  };
  for (const std::string& sample : samples) CHECK(agrees(sample));
  constexpr std::string_view kBytes = "\r\n \t:iIcC-";
  int accepted = 0;
  for (int round = 0; round < 50'000; ++round) {
    std::string text = samples[random.below(samples.size())];
    for (std::uint64_t edits = 1 + random.below(3); edits != 0; --edits) {
      const std::size_t at = random.below(text.size());
      if (random.below(2) == 0)
        text.insert(at, 1, kBytes[random.below(kBytes.size())]);
      else
        text.erase(at, 1);
    }
    accepted += agrees(text) ? 1 : 0;
  }
  CHECK(accepted > 5'000);
}
