// SPDX-License-Identifier: Apache-2.0
// A stream cut anywhere gives the messages of the whole; cut short it gives none that was not sent.
#include <filesystem>

#include "judge.hpp"
#include "record.hpp"
#include "sample.hpp"
#include "shared_dir.hpp"
#include "sipstack/parser/framer.hpp"

namespace sipstack {
namespace {

using testing::frames;
using testing::Sequence;

// Messages as they go over a stream, each with its Content-Length.
std::vector<std::string> own() {
  std::vector<std::string> out;
  for (const std::string& text : testing::samples()) {
    const testing::Parsed p(text);
    REQUIRE(p.error() == "ok");
    out.emplace_back(p.view().bytes());  // one of them has bytes behind its body
  }
  out.push_back(
      testing::with({{"Content-Length", "13"}}, testing::kStart, "\r\n\r\nl: 9\r\n\r\n\r"));
  out.push_back(testing::with({{"Content-Length", "-"}, {"l", "\r\n 0"}}));
  return out;
}

std::vector<std::string> vectors() {
  std::vector<std::string> out;
  const auto folder = testing::shared_dir("vectors");
  if (!folder) return out;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(*folder)) {
    if (!entry.is_regular_file()) continue;
    const std::string text = testing::read_file(entry.path());
    const testing::Parsed p(text);
    if (p.result && p.view().head().has_content_length) out.emplace_back(p.view().bytes());
  }
  return out;
}

// Frames of a stream whose reads end at `cuts`, in ascending order.
std::vector<std::string> cut(std::string_view stream, const std::vector<std::size_t>& cuts) {
  StreamFramer framer;
  std::vector<std::string> seen;
  std::size_t dropped = 0;
  for (std::size_t i = 0; i <= cuts.size(); ++i) {
    const std::size_t end = i < cuts.size() ? cuts[i] : stream.size();
    for (;;) {
      const Frame frame = framer.next(stream.substr(dropped, end - dropped));
      if (frame.kind == Frame::Kind::need_more) break;
      if (frame.kind == Frame::Kind::error) {
        seen.emplace_back("error " + std::string(to_string(frame.error.code)));
        return seen;
      }
      if (frame.kind == Frame::Kind::message) seen.emplace_back(stream.substr(dropped, frame.size));
      dropped += frame.size;
    }
  }
  if (dropped != stream.size()) seen.emplace_back("rest");
  return seen;
}

TEST_CASE("two messages come out of a stream wherever it is cut in two") {
  const auto messages = own();
  for (const std::string& first : messages) {
    for (const std::string& second : messages) {
      const std::string stream = first + second;
      const std::vector<std::string> wanted{first, second};
      REQUIRE(frames(stream, 0) == wanted);
      for (std::size_t at = 0; at <= stream.size(); ++at) {
        if (cut(stream, {at}) != wanted) {
          CAPTURE(at, stream);
          FAIL("cut otherwise");
        }
      }
    }
  }
}

TEST_CASE("messages come out of a stream in pieces of one byte and of random sizes") {
  auto messages = own();
  for (const std::string& text : vectors()) messages.push_back(text);
  Sequence random(30);
  for (int round = 0; round < 400; ++round) {
    std::string stream;
    std::vector<std::string> wanted;
    for (std::size_t n = 1 + random.below(5); n != 0; --n) {
      if (random.below(3) == 0) stream += random.below(2) == 0 ? "\r\n" : "\r\n\r\n";
      wanted.push_back(messages[random.below(messages.size())]);
      stream += wanted.back();
    }
    std::vector<std::size_t> cuts;
    const std::size_t most = std::size_t{1} << random.below(12);
    for (std::size_t at = random.below(most) + 1; at < stream.size();
         at += random.below(most) + 1) {
      cuts.push_back(at);
    }
    if (cut(stream, cuts) != wanted || (round < 50 && frames(stream, 1) != wanted)) {
      CAPTURE(stream);
      FAIL("cut otherwise");
    }
  }
}

// Wrong streams too: the same error at the same place, after the same messages.
TEST_CASE("a broken stream breaks at the same byte however it is cut") {
  const auto messages = own();
  Sequence random(31);
  std::size_t errors = 0;
  for (int round = 0; round < 1000; ++round) {
    std::string stream =
        messages[random.below(messages.size())] + messages[random.below(messages.size())];
    stream[random.below(stream.size())] = static_cast<char>(random.below(256));
    const auto whole = frames(stream, 0);
    errors += whole.back().substr(0, 5) == "error" ? 1 : 0;
    for (const std::size_t step : {std::size_t{1}, 1 + random.below(100)}) {
      if (frames(stream, step) != whole) {
        CAPTURE(step, stream);
        FAIL("depends on the cuts");
      }
    }
  }
  CHECK(errors > 20);
}

TEST_CASE("a stream that is cut short gives no message that was not whole") {
  auto messages = own();
  for (const std::string& text : vectors()) messages.push_back(text);
  for (const std::string& text : messages) {
    for (std::size_t size = 0; size < text.size(); ++size) {
      StreamFramer framer;
      if (framer.next(std::string_view(text).substr(0, size)).kind != Frame::Kind::need_more) {
        CAPTURE(size, text);
        FAIL("a message before its end");
      }
    }
    REQUIRE(frames(text, 0) == std::vector<std::string>{text});
  }
}

// In a datagram a Content-Length tells; without one the body is whatever came (RFC 3261 section 18.3),
// and only the headers can be seen to be cut.
TEST_CASE("a datagram that is cut short is no message, unless only a body without length is") {
  std::vector<std::string> messages = own();
  for (const std::string& text : vectors()) messages.push_back(text);
  messages.push_back(testing::with({{"Content-Length", "-"}}, testing::kStart, "body"));
  MessageIndex index;
  for (const std::string& text : messages) {
    REQUIRE(parse(text, index));
    const std::size_t whole = index.start + index.size;
    const std::size_t body = index.body.begin;
    const bool told = index.has_content_length;
    const std::string meant = testing::record(MessageView(text.data(), index));
    for (std::size_t size = 0; size < whole; ++size) {
      const testing::Exact part(std::string_view(text).substr(0, size));
      const bool accepted = parse(part.view(), index).has_value();
      if (accepted != (!told && size >= body)) {
        CAPTURE(size, text);
        FAIL("another message");
      }
      if (accepted) {
        REQUIRE(testing::record(MessageView(part.view().data(), index)) ==
                meant.substr(0, meant.size() - (whole - size)));
      }
    }
  }
}

}  // namespace
}  // namespace sipstack
