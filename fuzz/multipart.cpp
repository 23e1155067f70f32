// SPDX-License-Identifier: Apache-2.0
// Bodies, boundary in the first line: parts lie within the bytes and in one another, what the exact reader
// takes the lenient one takes alike, and written again they are the same. Then the rest as a fragment.
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "sipstack/parser/body.hpp"
#include "sipstack/parser/diagnostics.hpp"
#include "sipstack/parser/fragment.hpp"
#include "sipstack/parser/message_view.hpp"
#include "sipstack/parser/multipart_writer.hpp"

using namespace sipstack;

static void require(bool good) {
  if (!good) std::abort();
}

static void within(std::string_view inner, std::string_view outer) {
  require(inner.empty() || (inner.data() >= outer.data() &&
                            inner.data() + inner.size() <= outer.data() + outer.size()));
}

static void check(const BodyIndex& index, std::string_view bytes) {
  for (std::size_t i = 0; i < index.size; ++i) {
    const BodyPart& part = index.parts[i];
    within(part.bytes, bytes);
    within(part.headers.text(), bytes);
    within(part.preamble, part.bytes);
    within(part.epilogue, part.bytes);
    require(part.next > i && part.next <= index.size);
    if (i != 0) {
      const BodyPart& parent = index.parts[part.parent];
      require(part.parent < i && part.depth == parent.depth + 1 && part.next <= parent.next);
      within(part.bytes, parent.bytes);
    }
    for (const HeaderView& header : part.headers) {
      within(header.name, part.headers.text());
      within(header.value, part.headers.text());
      require(!header.name.empty());
    }
    require(part.id.empty() || index.find_id(part.id) != nullptr);
    require(index.find(part.type.type, part.type.subtype) != nullptr);
  }
  static_cast<void>(index.not_understood({"text/plain"}));
}

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  static BodyIndex exact;
  static BodyIndex loose;
  static MessageIndex message;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t line = input.find('\n');
  const std::string type = "multipart/mixed;boundary=" + std::string(input.substr(0, line));
  const std::string_view bytes = line == std::string_view::npos ? "" : input.substr(line + 1);

  const auto result = parse_body(bytes, type, exact);
  if (!result) require(result.error().offset <= bytes.size() && exact.size == 0);
  check(exact, bytes);
  Diagnostics told;
  BodyReading lenient;
  lenient.lenient = true;
  lenient.told = &told;
  const auto again = parse_body(bytes, type, loose, lenient);
  check(loose, bytes);
  if (result) {
    require(again && told.empty() && exact.size == loose.size);
    for (std::size_t i = 0; i < exact.size; ++i)
      require(exact.parts[i].bytes.data() == loose.parts[i].bytes.data() &&
              exact.parts[i].bytes.size() == loose.parts[i].bytes.size());
    // The parts of the first level, written again.
    std::vector<char> buffer(bytes.size() * 2 + 4000);
    SeededRandom random(size);
    MultipartWriter out(buffer.data(), buffer.size(), "mixed", random);
    std::vector<const BodyPart*> parts;
    for (std::size_t i = 1; i < exact.size; i = exact.parts[i].next) {
      parts.push_back(&exact.parts[i]);
      out.part("", exact.parts[i].bytes);
    }
    const auto text = out.finish();
    require(text && parse_body(*text, out.content_type(), loose).has_value());
    require(loose.size == parts.size() + 1);
    for (std::size_t i = 0; i < parts.size(); ++i)
      require(loose.parts[i + 1].bytes == parts[i]->bytes);
  }

  const auto fragment = parse_fragment(bytes, message);
  if (!fragment) require(fragment.error().offset <= bytes.size());
  const MessageView view(bytes.data(), message);
  for (std::size_t i = 0; i < view.header_count(); ++i) within(view.header(i).value, bytes);
  if (fragment) {
    static_cast<void>(validate(view));
    within(view.body(), bytes);
  }
  // What is a message is a fragment.
  if (parse(bytes, message) && message.start == 0) require(fragment.has_value());
  return 0;
}
