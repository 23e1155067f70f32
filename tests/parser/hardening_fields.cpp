// SPDX-License-Identifier: Apache-2.0
// Hardening cases about how long and how many header fields are: A01, A05 to A08, A11, A25, A26.
#include "judge.hpp"

namespace sipstack {
namespace {

using testing::compose;
using testing::fate;
using testing::judge;
using testing::kLines;
using testing::kStart;
using testing::Lines;
using testing::with;

std::string run(std::size_t length, char c = 'x') { return std::string(length, c); }

TEST_CASE("A01: a CSeq method of any length is refused with 400 where it is not the request's") {
  const Lines no_branch = {{"Via", "SIP/2.0/UDP phone.west.example"}};
  REQUIRE(fate(with(no_branch)) == "ok");
  for (const std::size_t length : {1, 255, 256, 1024, 8190, 8192}) {
    CAPTURE(length);
    Lines lines = no_branch;
    lines.emplace_back("CSeq", "1 " + run(length, 'M'));
    const testing::Verdict verdict = judge(with(lines));
    // "1 " and 8,192 bytes are a value past the limit of 8,192, which has a status of its own.
    CHECK(verdict.answer == (length == 8192 ? 513 : 400));
    CHECK(verdict.header == HeaderId::cseq);
    // Where the request has that method, all is well: it is nobody's fixed buffer.
    const std::string start = run(length, 'M') + " sip:bob@east.example SIP/2.0";
    CHECK(fate(with(lines, start)) == (length < 8190 ? "ok" : "513"));
  }
}

// One value of each list header, told by an index.
std::string list_value(HeaderId id, std::size_t i) {
  const std::string n = std::to_string(i);
  switch (id) {
    case HeaderId::via: return "SIP/2.0/UDP h" + n;
    case HeaderId::accept: return "a/b" + n;
    case HeaderId::in_reply_to: return "c" + n + "@h";
    case HeaderId::warning: return "399 h \"" + n + "\"";
    default: break;
  }
  // Addresses in brackets satisfy each address grammar; tokens the others.
  static const std::string address = "<sip:a@h";
  for (const HeaderId token :
       {HeaderId::accept_encoding, HeaderId::accept_language, HeaderId::allow,
        HeaderId::allow_events, HeaderId::content_encoding, HeaderId::content_language,
        HeaderId::proxy_require, HeaderId::reason, HeaderId::require, HeaderId::supported,
        HeaderId::unsupported}) {
    if (id == token) return "t" + n;
  }
  return address + n + ">";
}

std::vector<HeaderId> list_headers() {
  std::vector<HeaderId> out;
  for (std::size_t i = 1; i < kHeaderIds; ++i) {
    const auto id = static_cast<HeaderId>(i);
    if (rule(id) == HeaderRule::list) out.push_back(id);
  }
  return out;
}

template <class T>
std::size_t count(const HeaderTag<T>& tag, const MessageView& m) {
  std::size_t good = 0;
  for (const auto& value : m.all(tag)) good += value.has_value() ? 1 : 0;
  return good;
}

std::size_t count(HeaderId id, const MessageView& m) {
  switch (id) {
#define SIPSTACK_X(header, type, parser) \
  case HeaderId::header: return count(hdr::header, m);
    SIPSTACK_HEADER_TYPES(SIPSTACK_X)
#undef SIPSTACK_X
    default: return 0;
  }
}

std::size_t cap(HeaderId id) {
  if (id == HeaderId::via) return ParseLimits{}.vias;
  if (id == HeaderId::contact) return ParseLimits{}.contacts;
  return ParseLimits{}.values;
}

// The headers whose grammar our table of values does not know are named, not skipped in silence.
bool known(HeaderId id) {
  const std::string text = with({{std::string(name(id)), list_value(id, 0)}});
  return fate(text) == "ok";
}

TEST_CASE(
    "A05: every list header may be repeated as often as there may be lines, all are visible") {
  std::size_t headers = 0;
  for (const HeaderId id : list_headers()) {
    CAPTURE(name(id));
    if (!known(id)) continue;
    ++headers;
    for (const std::size_t repeats : {1, 32, 33, 64, 65, 256, 1000}) {
      CAPTURE(repeats);
      Lines lines = kLines;
      if (id == HeaderId::via) lines.erase(lines.begin());
      for (std::size_t i = 0; i < repeats; ++i) {
        lines.emplace_back(std::string(name(id)), list_value(id, i));
      }
      const std::string text = compose(kStart, lines);
      const std::string got = fate(text);
      if (lines.size() > MessageIndex::kCapacity || (id == HeaderId::via && repeats > cap(id))) {
        CHECK((got == "400" || got == "513"));
        continue;
      }
      CHECK(got == (repeats <= cap(id) ? "ok" : "invalid"));
      const testing::Parsed p(text);
      CHECK(count(id, p.view()) == repeats);
    }
  }
  CHECK(headers >= 25);
}

TEST_CASE("A06: values are counted over all the lines of a header, not line by line") {
  for (const HeaderId id : {HeaderId::service_route, HeaderId::path, HeaderId::route,
                            HeaderId::contact, HeaderId::via, HeaderId::allow}) {
    CAPTURE(name(id));
    const std::size_t limit = cap(id);
    for (std::size_t n = 1; n <= limit + 1; ++n) {
      for (const std::size_t product : {limit - 1, limit, limit + 1}) {
        // n lines with m values each, and what is missing for the product in a line more.
        const std::size_t m = product / n;
        if (m == 0) continue;
        Lines lines = kLines;
        if (id == HeaderId::via) lines.erase(lines.begin());
        std::size_t put = 0;
        while (put < product) {
          std::string value = list_value(id, put++);
          for (std::size_t i = 1; i < m && put < product; ++i) value += "," + list_value(id, put++);
          lines.emplace_back(std::string(name(id)), value);
        }
        const std::string text = compose(kStart, lines);
        const testing::Parsed p(text);
        const auto checked = p.result ? validate(p.view()) : p.result;
        const bool fits = product <= limit;
        if (checked.has_value() != fits || (!fits && checked.error().code != ParseErrc::too_many)) {
          CAPTURE(n, m, product);
          FAIL("counted otherwise");
        }
      }
    }
  }
}

std::vector<std::size_t> tag_lengths() {
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i <= 300; ++i) out.push_back(i);
  for (const std::size_t i : {1023, 1024, 1025, 4095, 4096, 4097}) out.push_back(i);
  return out;
}

TEST_CASE("A07: tags and branches of any length are read to the byte, empty ones refused") {
  for (const std::size_t length : tag_lengths()) {
    const std::string tag = run(length, 't');
    const std::string text = with({{"From", "<sip:a@h>;tag=" + tag},
                                   {"To", "<sip:b@h>;tag=" + tag + "2"},
                                   {"Via", "SIP/2.0/UDP h;branch=" + tag}});
    if (length == 0) {
      CHECK(fate(text) == "400");
      continue;
    }
    REQUIRE(fate(text) == "ok");
    const testing::Parsed p(text);
    REQUIRE(p.view().from_tag() == tag);
    REQUIRE(p.view().to_tag() == tag + "2");
    REQUIRE(p.view().branch() == tag);
  }
}

const Lines kSingletons = {{"To", "<sip:x@h>"},
                           {"From", "<sip:y@h>;tag=9"},
                           {"Call-ID", "2"},
                           {"CSeq", "7 OPTIONS"},
                           {"Max-Forwards", "70"},
                           {"Content-Length", "0"},
                           {"t", "<sip:x@h>"},
                           {"f", "<sip:y@h>"},
                           {"i", "2"},
                           {"l", "0"},
                           {"Content-Type", "a/b"},
                           {"c", "a/c"}};

TEST_CASE(
    "A08: a second To, From, Call-ID, CSeq, Max-Forwards or Content-Length is refused with 400") {
  for (const auto& [name, other] : kSingletons) {
    for (const bool equal : {true, false}) {
      for (const bool in_front : {true, false}) {
        CAPTURE(name, equal, in_front);
        Lines lines = kLines;
        lines.emplace_back("Content-Type", "a/b");
        std::string value = other;
        for (const auto& line : lines) {
          if (equal && header_id(line.first) == header_id(name)) value = line.second;
        }
        lines.insert(in_front ? lines.begin() : lines.end(), {name, value});
        const testing::Verdict verdict = judge(compose(kStart, lines));
        CHECK(verdict.code == ParseErrc::duplicate_header);
        CHECK(verdict.header == header_id(name));
        CHECK(verdict.answer == 400);
      }
    }
  }
  // Kamailio's: the second To is a fragment, maybe with an empty name or value.
  for (const char* second : {";tag=", ";tag", "", "x", "<sip:b@h>;tag="}) {
    Lines lines = kLines;
    lines.emplace_back("To", second);
    CHECK(fate(compose(kStart, lines)) == "400");
  }
}

TEST_CASE("A11: a duplicate is refused with 400 however long its tag is") {
  for (const std::size_t length : tag_lengths()) {
    for (const char* name : {"To", "From", "Via"}) {
      for (const char* twice : {"To", "From", "Call-ID", "CSeq", "Max-Forwards", "l"}) {
        const std::string tag = run(length, 't');
        Lines lines = {{"From", "<sip:a@h>;tag=1"}, {"To", "<sip:b@h>"}, {"Via", "SIP/2.0/UDP h"}};
        for (auto& line : lines) {
          if (line.first == name) {
            line.second += (line.first == "Via" ? ";branch=" : ";tag=") + tag;
          }
        }
        std::string text = with(lines);
        for (const auto& [single, value] : kSingletons) {
          if (single != twice) continue;
          const std::string extra = single == name ? value + ";tag=" + tag : value;
          text.insert(text.size() - 2, single + ": " + extra + "\r\n");
        }
        if (fate(text) != "400") {
          CAPTURE(length, name, twice, text);
          FAIL("not 400");
        }
      }
    }
  }
}

TEST_CASE("A25: a Request-URI past the limit is 414, empty parts are 400") {
  const std::size_t limit = ParseLimits{}.uri;
  for (std::size_t length = 6; length <= 65000; length += length < 2100 ? 1 : 997) {
    const std::string uri = "sip:" + run(length - 6, 'u') + "@h";
    const std::string text = with({}, "OPTIONS " + uri + " SIP/2.0");
    const std::string got = fate(text);
    const std::string wanted = uri.size() == 6 ? "400" : length <= limit ? "ok" : "414";
    if (got != wanted) {
      CAPTURE(length, got);
      FAIL("not " + wanted);
    }
  }
  for (const char* uri :
       {"sip:", "sips:", "sip:@h", "sip:@", "sip::pw@h", "sip:u@", "sip:u@h;", "sip:h;;lr",
        "sip:h;=x", "sip:h:", "sip:u@:5060", "sip:u@h?", "tel:", ":", "h", "sip:u@h;lr="}) {
    CAPTURE(uri);
    CHECK(fate(with({}, "OPTIONS " + std::string(uri) + " SIP/2.0")) == "400");
    CHECK(fate(with({{"To", "<" + std::string(uri) + ">"}})) == "400");
    CHECK(fate(with({{"From", "<" + std::string(uri) + ">;tag=1"}})) == "400");
  }
  // Nothing at all between the spaces.
  CHECK(fate(with({}, "OPTIONS  SIP/2.0")) == "400");
}

TEST_CASE("A26: every field with text of every dangerous length is accepted, answered or dropped") {
  const std::size_t lengths[] = {0,    1,    254,  255,  256,  257,  511,  512,  513,  1022,
                                 1023, 1024, 1025, 1026, 4094, 4095, 4096, 4097, 4098, 65534};
  const std::pair<std::string, std::string> fields[] = {
      {"uri", "sip:%@h"},
      {"uri", "sip:%2541%@h"},
      {"uri", "sip:a@%"},
      {"uri", "sip:a@h;x=%"},
      {"uri", "sip:a@h;%"},
      {"uri", "%"},
      {"method", "%"},
      {"Via", "SIP/2.0/% h"},
      {"Via", "SIP/2.0/UDP %"},
      {"Via", "SIP/2.0/UDP h:%"},
      {"Via", "SIP/2.0/UDP h;branch=%"},
      {"Via", "SIP/2.0/UDP h;%"},
      {"Via", "SIP/2.0/UDP h;received=%"},
      {"From", "\"%\" <sip:a@h>;tag=1"},
      {"From", "% <sip:a@h>;tag=1"},
      {"From", "<sip:%@h>;tag=1"},
      {"From", "<sip:a:%@h>;tag=1"},
      {"From", "<sip:a@%>;tag=1"},
      {"From", "<sip:a@h?x=%>;tag=1"},
      {"To", "<sip:a@h>;tag=%"},
      {"To", "<tel:+%>"},
      {"To", "<x:%>"},
      {"To", "sip:%@h"},
      {"Call-ID", "%"},
      {"Call-ID", "%@h"},
      {"CSeq", "% OPTIONS"},
      {"CSeq", "7 %"},
      {"Max-Forwards", "%"},
      {"Content-Length", "%"},
      {"Content-Type", "a/%"},
      {"Content-Type", "a/b;boundary=\"%\""},
      {"Contact", "\"%\" <sip:a@h>;q=%"},
      {"Contact", "<sip:a@h>;expires=%"},
      {"SIP-ETag", "%"},
      {"SIP-If-Match", "%"},
      {"Subject", "%"},
      {"Event", "%"},
      {"Identity", "%"},
      {"Expires", "%"},
      {"Date", "%"},
      {"Authorization", "Digest username=\"%\",realm=\"%\""},
      {"Authorization", "% x=y"},
      {"Replaces", "%;to-tag=%"},
      {"Refer-To", "<sip:a@h?Replaces=%>"},
      {"Warning", "399 % \"%\""},
      {"RAck", "% 1 %"},
      {"Retry-After", "1 (%)"},
      {"Timestamp", "%"},
      {"Reason", "SIP;text=\"%\""},
      {"X-Own", "%"},
      {"name", "%"}};
  std::size_t messages = 0;
  for (const auto& [field, pattern] : fields) {
    for (const std::size_t length : lengths) {
      for (const char fill : {'a', '1', '%', '\\'}) {
        std::string value;
        for (const char c : pattern) value += c == '%' ? run(length, fill) : std::string(1, c);
        std::string text;
        if (field == "uri") {
          text = with({}, "OPTIONS " + value + " SIP/2.0");
        } else if (field == "method") {
          text = with({{"CSeq", "7 " + value}}, value + " sip:a@h SIP/2.0");
        } else if (field == "name") {
          text = with({{value, "x"}});
        } else {
          text = with({{field, value}});
        }
        ++messages;
        const testing::Verdict verdict = judge(text);
        // A request that has its Via is never met with silence, but where it is longer than messages are.
        if (!verdict.accepted && verdict.answer == 0 && verdict.code != ParseErrc::not_sip &&
            text.size() < 65000) {
          CAPTURE(field, pattern, length, fill);
          FAIL("dropped");
        }
      }
    }
  }
  CHECK(messages >= 4000);
}

}  // namespace
}  // namespace sipstack
