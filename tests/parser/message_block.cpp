// SPDX-License-Identifier: Apache-2.0
// A message to keep: bytes and index in one pooled block.
#include "sample.hpp"
#include "sipstack/parser/message.hpp"

namespace sipstack {
namespace {

TEST_CASE("a kept message is what was parsed, and goes with its last share") {
  BlockPool pool;
  auto scratch = std::make_unique<MessageIndex>();
  for (const std::string& text : testing::samples()) {
    Message copy;
    {
      std::string bytes = "\r\n" + text;
      const auto message = Message::parse(pool, bytes, *scratch);
      REQUIRE(message.has_value());
      bytes.assign(bytes.size(), '!');
      copy = *message;
    }
    CHECK(pool.live() == 1);
    CHECK(copy.bytes() == text.substr(0, copy.bytes().size()));
    CHECK(copy.block().view().substr(0, copy.bytes().size()) == copy.bytes());
    CHECK(copy->header_count() == scratch->headers);
    CHECK(copy->call_id() == copy->get(hdr::call_id)->text);
    CHECK(copy->branch() == copy->top_via().branch());
    CHECK(validate(copy.view()).has_value());
    copy = Message();
    CHECK(pool.live() == 0);
  }
}

TEST_CASE("an error of a kept message counts from the bytes given") {
  BlockPool pool;
  MessageIndex scratch;
  const std::string text = "\r\n\r\n" + testing::crlf("OPTIONS sip:b@h SIP/9.0\n\n");
  const auto message = Message::parse(pool, text, scratch);
  REQUIRE_FALSE(message.has_value());
  CHECK(message.error().code == ParseErrc::bad_version);
  CHECK(text.substr(message.error().offset, 3) == "9.0");
  CHECK(pool.live() == 0);
}

TEST_CASE("without a block left the message is too large") {
  BlockPool pool(0);
  MessageIndex scratch;
  const auto message = Message::parse(pool, testing::samples()[2], scratch);
  REQUIRE_FALSE(message.has_value());
  CHECK(message.error().code == ParseErrc::too_large);
}

TEST_CASE("an empty message has no view") {
  CHECK_FALSE(Message());
  CHECK_FALSE(Message().view());
}

}  // namespace
}  // namespace sipstack
