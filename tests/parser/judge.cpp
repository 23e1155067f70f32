// SPDX-License-Identifier: Apache-2.0
#include "judge.hpp"

#include "sipstack/parser/framer.hpp"
#include "sipstack/parser/writer.hpp"

namespace sipstack::testing {
namespace {

bool within(std::string_view part, std::string_view whole) {
  return part.data() == nullptr ||
         (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

template <class T>
bool walks(const HeaderTag<T>& tag, const MessageView& m) {
  std::size_t values = 0;
  for (const auto& value : m.all(tag)) {
    if (!value && value.error().offset > m.head().start + m.bytes().size()) return false;
    // More values than bytes would be a loop.
    if (++values > m.bytes().size()) return false;
  }
  return true;
}

// Lines of known names, no control byte but folds, one empty line: nothing that could split it.
bool clean_answer(std::string_view rest) {
  bool line_start = true;
  for (std::size_t i = 0; i < rest.size(); ++i) {
    const char c = rest[i];
    if (c == '\r') {
      if (i + 1 == rest.size() || rest[i + 1] != '\n') return false;
      if (line_start && i + 2 != rest.size()) return false;
      ++i;
      line_start = true;
      continue;
    }
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f) return false;
    line_start = false;
  }
  return true;
}

[[noreturn]] void broken(const char* what, std::string_view text) {
  const std::string shown(text.substr(0, 4096));
  CAPTURE(shown);
  FAIL(what);
  throw what;  // not reached: FAIL throws, but not as far as the compiler knows
}

}  // namespace

bool sound(std::string_view bytes, const MessageView& m) {
  bool good = true;
  for (std::size_t i = 0; i < m.header_count(); ++i) {
    good = good && within(m.header(i).name, bytes) && within(m.header(i).value, bytes);
  }
#define SIPSTACK_X(header, type, parser) good = good && walks(hdr::header, m);
  SIPSTACK_HEADER_TYPES(SIPSTACK_X)
#undef SIPSTACK_X
  return good && within(m.body(), bytes) && within(m.uri_text(), bytes) &&
         within(m.call_id(), bytes) && within(m.branch(), bytes) && within(m.from_tag(), bytes) &&
         within(m.to_tag(), bytes) && within(m.method_name(), bytes) && within(m.reason(), bytes);
}

bool kept(const MessageView& m) {
  const Via via = m.top_via();
  return !m.call_id().empty() && !m.method_name().empty() && m.cseq().number < 0x80000000U &&
         m.get(hdr::from).has_value() && m.get(hdr::to).has_value() &&
         m.get(hdr::cseq).has_value() && !via.host.empty() && via.branch() == m.branch() &&
         m.get(hdr::from)->tag() == m.from_tag() && m.get(hdr::to)->tag() == m.to_tag() &&
         (m.is_request() ? !m.request_uri().text.empty() : m.status() >= 100 && m.status() <= 699);
}

std::vector<std::string> frames(std::string_view stream, std::size_t step,
                                const ParseLimits& limits) {
  StreamFramer framer(limits);
  std::vector<std::string> seen;
  std::size_t dropped = 0;
  for (std::size_t end = step == 0 ? stream.size() : 0;; end += step) {
    if (end > stream.size()) end = stream.size();
    while (true) {
      const Frame frame = framer.next(stream.substr(dropped, end - dropped));
      if (frame.kind == Frame::Kind::need_more) break;
      if (frame.kind == Frame::Kind::error) {
        seen.push_back("error " + std::string(to_string(frame.error.code)) + " " +
                       std::to_string(dropped + frame.error.offset));
        return seen;
      }
      if (frame.size == 0 || frame.size > end - dropped) broken("a frame out of bounds", stream);
      if (frame.kind == Frame::Kind::message) seen.emplace_back(stream.substr(dropped, frame.size));
      dropped += frame.size;
    }
    if (end == stream.size()) break;
  }
  if (dropped != stream.size()) seen.push_back("rest " + std::to_string(stream.size() - dropped));
  return seen;
}

Verdict judge(std::string_view text, const ParseLimits& limits) {
  static const std::string canary = with({});
  static MessageIndex index;
  static BlockPool pool;
  const Exact bytes(text);
  const auto parsed = parse(bytes.view(), index, limits);
  const MessageView m(bytes.view().data(), index);
  if (!sound(bytes.view(), m)) broken("an index out of bounds", text);
  Verdict verdict;
  verdict.accepted = parsed.has_value();
  if (parsed) {
    if (!kept(m)) broken("a promise was broken", text);
    verdict.valid = validate(m, limits).has_value();
  } else {
    if (parsed.error().offset > text.size()) broken("an error out of bounds", text);
    verdict.code = parsed.error().code;
    verdict.header = parsed.error().header;
    if (recoverable(m) && parsed.error().status() != 0) {
      const auto response = ResponseWriter(pool, m, peer(), parsed.error().status(), "t1").seal();
      // Longer than any message may be, with what we add to it: then nothing goes back.
      if (!response && response.error() != WriteErrc::too_large) broken("no answer", text);
      if (response) {
        if (!clean_answer(response->bytes())) broken("an answer that splits", text);
        verdict.answer = parsed.error().status();
        verdict.answered = response->bytes();
      }
    }
  }
  if (pool.live() != 0) broken("a block is left", text);
  if (frames(bytes.view(), 0, limits) != frames(bytes.view(), 1, limits)) {
    broken("the framer depends on the cuts", text);
  }
  if (!parse(canary, index) || !kept(MessageView(canary.data(), index))) broken("canary", text);
  return verdict;
}

std::string fate(std::string_view text, const ParseLimits& limits) {
  const Verdict verdict = judge(text, limits);
  if (verdict.accepted) return verdict.valid ? "ok" : "invalid";
  return verdict.answer == 0 ? "drop" : std::to_string(verdict.answer);
}

}  // namespace sipstack::testing
