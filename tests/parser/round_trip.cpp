// SPDX-License-Identifier: Apache-2.0
// A message read, written and read again says the same; and how it is laid out says nothing.
#include <algorithm>
#include <filesystem>
#include <type_traits>

#include "judge.hpp"
#include "parser/chars.hpp"
#include "record.hpp"
#include "sample.hpp"
#include "shared_dir.hpp"
#include "sipstack/parser/rewrite.hpp"
#include "sipstack/parser/writer.hpp"

namespace sipstack {
namespace {

using testing::Exact;
using testing::record;
using testing::Sequence;

// Our own messages; and every file of the shared vectors, if they are here.
std::vector<std::string> own() {
  std::vector<std::string> out = testing::samples();
  out.push_back(testing::with({}));
  out.push_back(
      testing::with({{"Content-Length", "-"}}, testing::kStart, "a body without a length"));
  out.push_back(testing::with({{"Contact", "<sip:a@h>, <sip:b@h>;q=0.5"}, {"m", "sip:c@h"}}));
  out.push_back(testing::with({{"X-A", "1"}, {"x-b", "2"}, {"X-A", "3,4"}, {"Subject", ""}}));
  return out;
}

std::vector<std::string> vectors() {
  std::vector<std::string> out;
  const auto folder = testing::shared_dir("vectors");
  if (!folder) return out;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(*folder)) {
    if (!entry.is_regular_file()) continue;
    const auto extension = entry.path().extension();
    if (extension == ".md" || extension == ".tsv") continue;
    out.push_back(testing::read_file(entry.path()));
  }
  std::sort(out.begin(), out.end());
  return out;
}

template <class Check>
std::size_t for_accepted(const std::vector<std::string>& texts, Check check) {
  std::size_t accepted = 0;
  for (const std::string& text : texts) {
    const testing::Parsed p(text);
    if (!p.result) continue;
    ++accepted;
    CAPTURE(text);
    check(p.view());
  }
  return accepted;
}

template <class Check>
void for_all(Check check) {
  CHECK(for_accepted(own(), check) == own().size());
  if (!testing::shared_dir("vectors"))
    SIPSTACK_SKIP("the shared vectors are not here; own messages passed");
  CHECK(for_accepted(vectors(), check) > 100);
}

const Origin kOrigin{Transport::tcp, "192.0.2.99", "z9hG4bKours"};
const std::string kOurVia = "Via: SIP/2.0/TCP 192.0.2.99;branch=z9hG4bKours\r\n";

// ---- written from typed values ----

template <class T, class = void>
struct CanSpell : std::false_type {};
template <class T>
struct CanSpell<T, std::void_t<decltype(testing::spell(std::declval<const T&>()))>>
    : std::true_type {};

// One line of a header, each value from its members; from the raw value where it does not parse.
template <class T>
std::string respell(const HeaderTag<T>& tag, std::string_view value) {
  if constexpr (CanSpell<T>::value) {
    std::string out;
    const char* cursor = value.data();
    const char* const end = cursor + value.size();
    for (;;) {
      T parsed{};
      if (tag.parse(cursor, end, parsed) != ParseErrc::ok) break;
      out += testing::spell(parsed);
      if (cursor == end) return out;
      if (tag.rule != HeaderRule::list || *cursor != ',') break;
      out += ", ";
      ++cursor;
    }
  }
  return unfold(value);
}

std::string respell(const HeaderView& line) {
  switch (line.id) {
#define SIPSTACK_X(header, type, parser) \
  case HeaderId::header: return respell(hdr::header, line.value);
    SIPSTACK_HEADER_TYPES(SIPSTACK_X)
#undef SIPSTACK_X
    default: return unfold(line.value);
  }
}

bool has_control(const MessageView& m) {
  for (std::size_t i = 0; i < m.header_count(); ++i) {
    for (const char c : respell(m.header(i))) {
      if ((static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f) return true;
    }
  }
  return false;
}

template <class Writer>
void write_fields(Writer& out, const MessageView& m, bool mirrored) {
  for (std::size_t i = 0; i < m.header_count(); ++i) {
    const HeaderView line = m.header(i);
    if (line.id == HeaderId::content_length) continue;
    if (mirrored &&
        (line.id == HeaderId::via || line.id == HeaderId::from || line.id == HeaderId::to ||
         line.id == HeaderId::call_id || line.id == HeaderId::cseq)) {
      continue;
    }
    out.header(line.name, respell(line));
  }
  if (m.body().empty()) return;
  out.body(m.has(HeaderId::content_type) ? "" : "application/octet-stream", m.body());
}

// The record less a Content-Type that the writer demands where the message has none.
std::string comparable(const MessageView& m, const MessageView& original, std::size_t vias) {
  std::string out = record(m, vias);
  if (!original.body().empty() && !original.has(HeaderId::content_type)) {
    const std::string added = "\ncontent-type: application/octet-stream";
    const std::size_t at = out.find(added);
    if (at != std::string::npos) out.erase(at, added.size());
  }
  return out;
}

TEST_CASE("a message written from its typed values reads the same") {
  BlockPool pool;
  for_all([&pool](const MessageView& m) {
    for (const bool compact : {false, true}) {
      for (const bool ordered : {false, true}) {
        WriteOptions options;
        options.compact = compact;
        if (ordered) options.order = kProxyFirst;
        // Control bytes that were escaped in a quoted string are never written.
        const bool writable = !has_control(m);
        if (m.is_request()) {
          RequestWriter out(pool, m.method_name(), m.uri_text(), options);
          write_fields(out, m, false);
          const auto sealed = out.seal(kOrigin);
          REQUIRE(sealed.has_value() == writable);
          if (sealed) REQUIRE(comparable(sealed->view(), m, 1) == record(m));
        } else {
          // Of the request a ResponseWriter reads what the response has of it anyway.
          ResponseWriter out(pool, m, testing::peer(), m.status(), "", m.reason(), options);
          write_fields(out, m, true);
          const auto sealed = out.seal();
          REQUIRE(sealed.has_value() == writable);
          if (!sealed) continue;
          // The topmost Via says where from; the phrase of an empty reason is filled in.
          std::string wanted = record(m, 1);
          if (m.reason().empty()) wanted.insert(4, reason_phrase(m.status()));
          REQUIRE(comparable(sealed->view(), m, 1) == wanted);
          REQUIRE(sealed->view().branch() == m.branch());
        }
      }
    }
  });
}

TEST_CASE("a message that a proxy leaves alone goes on byte for byte") {
  BlockPool pool;
  for_all([&pool](const MessageView& m) {
    const Rewrite untouched(m);
    std::string wanted(m.bytes());
    const std::size_t start = wanted.find("\r\n") + 2;
    if (!m.head().has_content_length) {
      const std::size_t end = wanted.size() - m.body().size() - 2;
      wanted.insert(end, "Content-Length: " + std::to_string(m.body().size()) + "\r\n");
    }
    if (m.is_request()) {
      const auto sealed = untouched.request(pool)->seal(kOrigin);
      REQUIRE(sealed.has_value());
      // The version is written as the RFC spells it.
      wanted.replace(start - 9, 3, "SIP");
      REQUIRE(sealed->bytes() == wanted.insert(start, kOurVia));
      REQUIRE(record(sealed->view(), 1) == record(m));
    } else {
      const auto sealed = untouched.response(pool);
      REQUIRE(sealed.has_value());
      REQUIRE(sealed->bytes() == wanted);
      REQUIRE(record(sealed->view()) == record(m));
    }
  });
  CHECK(pool.live() == 0);
}

// ---- layout ----

std::string recase(std::string_view name, Sequence& random) {
  std::string out(name);
  for (char& c : out) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (letter && random.below(2) == 0) c = static_cast<char>(c ^ 0x20);
  }
  return out;
}

// A space becomes a fold: not behind a backslash, which would take its first byte away, nor one of
// several, since a fold is one space however much white space it has.
std::string refold(std::string_view value, Sequence& random) {
  std::string out;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const bool space = value[i] == ' ' && i > 0 && value[i - 1] != '\\' &&
                       !is_white(value[i - 1]) &&
                       (i + 1 == value.size() || !is_white(value[i + 1]));
    if (space && random.below(2) == 0) out += random.below(2) == 0 ? "\r\n" : " \r\n";
    out.push_back(value[i]);
  }
  return out;
}

struct Layout {
  bool spelling = false;
  bool letter_case = false;
  bool folding = false;
  bool order = false;
};

std::string lay_out(const MessageView& m, const Layout& layout, Sequence& random) {
  const std::string_view bytes = m.bytes();
  std::vector<std::pair<std::string, std::string>> lines;  // of what: its name in lower case
  for (std::size_t i = 0; i < m.header_count(); ++i) {
    const HeaderView line = m.header(i);
    std::string field(line.name);
    if (layout.spelling && line.id != HeaderId::other) {
      const std::string_view compact = compact_name(line.id);
      field = compact.empty() || random.below(2) == 0 ? name(line.id) : compact;
    }
    if (layout.letter_case) field = recase(field, random);
    std::string text = field;
    if (layout.folding) text += std::string(random.below(3), ' ');
    text += ":";
    if (layout.folding && random.below(2) == 0) text += "\r\n";
    text += " ";
    text += layout.folding ? refold(line.value, random) : std::string(line.value);
    std::string key(line.id == HeaderId::other ? line.name : name(line.id));
    for (char& c : key) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
    lines.emplace_back(std::move(key), text + "\r\n");
  }
  if (layout.order) {
    // Fields of one name keep their order among the places that they get.
    std::vector<std::size_t> places(lines.size());
    for (std::size_t i = 0; i < places.size(); ++i) places[i] = i;
    for (std::size_t i = places.size(); i > 1; --i)
      std::swap(places[i - 1], places[random.below(i)]);
    std::vector<std::string> keys;
    for (const std::size_t place : places) keys.push_back(lines[place].first);
    std::vector<bool> taken(lines.size(), false);
    std::vector<std::pair<std::string, std::string>> shuffled;
    for (const std::string& key : keys) {
      for (std::size_t i = 0; i < lines.size(); ++i) {
        if (taken[i] || lines[i].first != key) continue;
        taken[i] = true;
        shuffled.push_back(lines[i]);
        break;
      }
    }
    lines = std::move(shuffled);
  }
  std::string out(bytes.substr(0, bytes.find("\r\n") + 2));
  for (const auto& line : lines) out += line.second;
  out += "\r\n";
  out += m.body();
  return out;
}

void layout_says_nothing(const Layout& layout) {
  Sequence random(11);
  for_all([&](const MessageView& m) {
    for (int round = 0; round < 4; ++round) {
      const std::string text = lay_out(m, layout, random);
      ParseLimits limits;
      limits.header_value = limits.header_block = 65535;
      const testing::Parsed again(text, limits);
      CAPTURE(text);
      REQUIRE(again.error() == "ok");
      REQUIRE(record(again.view()) == record(m));
    }
  });
}

TEST_CASE("compact and long names say the same") {
  layout_says_nothing({true, false, false, false});
}
TEST_CASE("the case of header names says nothing") {
  layout_says_nothing({false, true, false, false});
}
TEST_CASE("folding says nothing") { layout_says_nothing({false, false, true, false}); }
TEST_CASE("the order of different header fields says nothing") {
  layout_says_nothing({false, false, false, true});
}
TEST_CASE("all layouts together say nothing") { layout_says_nothing({true, true, true, true}); }

TEST_CASE("a record tells messages apart that say different things") {
  const std::string base = record(testing::Parsed(testing::with({})).view());
  for (const testing::Lines& change :
       {testing::Lines{{"To", "<sip:bob@east.example>;tag=1"}},
        testing::Lines{{"CSeq", "8 OPTIONS"}},
        testing::Lines{{"Via", "SIP/2.0/UDP phone.west.example;branch=z9hG4bKtwo"}},
        testing::Lines{{"X-Own", ""}}, testing::Lines{{"Max-Forwards", "69"}}}) {
    const testing::Parsed p(testing::with(change));
    REQUIRE(p.error() == "ok");
    CHECK(record(p.view()) != base);
  }
  const testing::Parsed two(testing::with({{"Route", "<sip:a>"}, {"ROUTE", "<sip:b>"}}));
  const testing::Parsed one(testing::with({{"route", "<sip:a>,\r\n <sip:b>"}}));
  const testing::Parsed other(testing::with({{"Route", "<sip:b>, <sip:a>"}}));
  CHECK(record(two.view()) == record(one.view()));
  CHECK(record(two.view()) != record(other.view()));
}

}  // namespace
}  // namespace sipstack
