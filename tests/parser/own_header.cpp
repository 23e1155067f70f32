// SPDX-License-Identifier: Apache-2.0
// A header of an application's own, as docs/parser.md shows it: tests/doc_samples.py compares.
#include "compose.hpp"
#include "sipstack/parser/message_view.hpp"

// [own header]
// X-Queue: sales;position=3, support
struct Queue {
  std::string_view name;
  sipstack::Params params;
};

sipstack::ParseErrc parse_queue(const char*& cursor, const char* end, Queue& out) noexcept {
  sipstack::TokenValue value;  // token *( ";" parameter ), as in RFC 3261 section 25.1
  const sipstack::ParseErrc code = sipstack::parse_value(cursor, end, value);
  out = Queue{value.token, value.params};
  return code;  // the cursor is at the next comma, at the end, or at the byte that offends
}

inline constexpr sipstack::HeaderTag<Queue> x_queue{sipstack::HeaderId::other, "X-Queue",
                                                    sipstack::HeaderRule::list, &parse_queue};
// [/own header]

namespace sipstack {
namespace {

std::string names(const MessageView& m) {
  std::string out;
  // [own header used]
  for (const auto& queue : m.all(x_queue)) {
    if (!queue) break;  // queue.error() has code and offset
    out += std::string(queue->name) + " ";
  }
  // [/own header used]
  return out;
}

TEST_CASE("an application's own header is read by its constant, over all lines, in any case") {
  auto lines = testing::kLines;
  lines.emplace_back("X-Queue", "sales;position=3, support");
  lines.emplace_back("x-queue", "night");
  const testing::Parsed m(testing::compose(testing::kStart, lines));
  REQUIRE(m.result);
  CHECK(names(m.view()) == "sales support night ");
  const auto first = m.view().get(x_queue);
  REQUIRE(first);
  CHECK(first->params.find("position") == "3");
  CHECK(validate(m.view()));
}

TEST_CASE("an application's own header tells where it is malformed, or that it is absent") {
  const std::string text = testing::with({{"X-Queue", "sales,;"}});
  const testing::Parsed m(text);
  CHECK(names(m.view()) == "sales ");
  CHECK(m.view().get(x_queue));
  auto value = m.view().all(x_queue).begin();
  ++value;
  REQUIRE_FALSE(value->has_value());
  CHECK(value->error().code == ParseErrc::bad_header);
  CHECK(value->error().offset == text.find(",;") + 1);
  const testing::Parsed none(testing::with({}));
  CHECK(none.view().get(x_queue).error().code == ParseErrc::missing_header);
}

TEST_CASE("an application's own header is read by its own parser alone, leniently too") {
  const auto leniently = [](const std::string& value) {
    const testing::Exact bytes(testing::with({{"X-Queue", value}}));
    MessageIndex index;
    Diagnostics told;
    REQUIRE(parse(bytes.view(), index, told));
    return names(MessageView(bytes.view().data(), index));
  };
  // Lists are the library's, values the application's.
  CHECK(leniently("sales,,support") == "sales support ");
  CHECK(leniently("sales, support;;position=1") == "sales ");
}

}  // namespace
}  // namespace sipstack
