// SPDX-License-Identifier: Apache-2.0
// Hardening cases about what we write: A17, A22, A24.
#include <sys/mman.h>
#include <unistd.h>

#include "judge.hpp"
#include "sample.hpp"
#include "sipstack/base/random.hpp"
#include "sipstack/parser/rewrite.hpp"
#include "sipstack/parser/writer.hpp"

namespace sipstack {
namespace {

using testing::judge;
using testing::kLines;
using testing::kStart;
using testing::Lines;

TEST_CASE(
    "A17: a request that lacks any of the mandatory fields is 400, or dropped without a Via") {
  for (unsigned subset = 0; subset < 64; ++subset) {
    CAPTURE(subset);
    Lines lines;
    for (unsigned i = 0; i < 6; ++i) {
      if ((subset >> i & 1U) == 0) lines.push_back(kLines[i]);
    }
    const auto has = [&lines](const char* name) {
      for (const auto& line : lines) {
        if (line.first == name) return true;
      }
      return false;
    };
    const testing::Verdict verdict = judge(testing::compose(kStart, lines));
    const bool complete = has("Via") && has("To") && has("From") && has("Call-ID") && has("CSeq");
    CHECK(verdict.accepted == complete);  // a missing Max-Forwards is taken for 70
    if (complete) continue;
    CHECK(verdict.code == ParseErrc::missing_header);
    CHECK(verdict.answer == (has("Via") ? 400 : 0));
    if (!has("Via")) continue;
    for (const char* name : {"Via", "To", "From", "Call-ID", "CSeq"}) {
      CAPTURE(name);
      const bool there =
          verdict.answered.find("\r\n" + std::string(name) + ": ") != std::string::npos;
      CHECK(there == has(name));
    }
    CHECK(verdict.answered.find("Max-Forwards") == std::string::npos);
  }
  // Neither an ACK nor a response is ever answered.
  CHECK(testing::fate("ACK sip:h SIP/2.0\r\nVia: SIP/2.0/UDP h\r\n\r\n") == "drop");
  CHECK(testing::fate("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h\r\n\r\n") == "drop");
}

// ---- A22 ----

// Memory whose end is followed by a page that nobody may touch.
class Guarded {
 public:
  Guarded() : page_(static_cast<std::size_t>(::sysconf(_SC_PAGESIZE))) {
    void* const at = ::mmap(nullptr, kPages * page_ + page_, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQUIRE(at != MAP_FAILED);
    memory_ = static_cast<char*>(at);
    REQUIRE(::mprotect(memory_ + kPages * page_, page_, PROT_NONE) == 0);
  }
  ~Guarded() { ::munmap(memory_, kPages * page_ + page_); }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;
  char* last(std::size_t size) const { return memory_ + kPages * page_ - size; }

 private:
  static constexpr std::size_t kPages = 20;
  std::size_t page_;
  char* memory_;
};

// A request with the fields of another one, folds and all, from values.
RequestWriter again(BlockPool& pool, const MessageView& m, const WriteOptions& options = {}) {
  RequestWriter out(pool, m.is_request() ? m.method_name() : "OPTIONS",
                    m.is_request() ? m.uri_text() : "sip:h", options);
  for (std::size_t i = 0; i < m.header_count(); ++i) {
    const HeaderView line = m.header(i);
    if (line.id == HeaderId::content_length) continue;
    if (!m.is_request() && line.id == HeaderId::cseq) {
      out.header(HeaderId::cseq, "1 OPTIONS");
    } else {
      out.header(line.name, unfold(line.value));
    }
  }
  if (!m.body().empty()) out.body(m.has(HeaderId::content_type) ? "" : "a/b", m.body());
  return out;
}

TEST_CASE(
    "A22: 500 messages are written into buffers of every size, up to the byte and not one more") {
  const Guarded memory;
  BlockPool pool;
  testing::Sequence random(22);
  const Origin origin{Transport::tls, "a.example:5061", "z9hG4bK22"};
  std::size_t written_messages = 0;
  for (std::size_t round = 0; round < 500; ++round) {
    Lines lines = kLines;
    lines[0].second = "SIP/2.0/UDP h" + std::to_string(round);
    for (std::size_t n = random.below(6); n != 0; --n) {
      static const Lines extra = {{"Contact", "<sip:a@h>;q=0.5, <sip:b@h>"},
                                  {"Route", "<sip:r1;lr>"},
                                  {"Record-Route", "<sip:r2;lr>,<sip:r3;lr>"},
                                  {"Allow", "INVITE,ACK"},
                                  {"Supported", ""},
                                  {"Subject", "a\r\n fold"},
                                  {"X-Own", "\xc3\xa4"}};
      lines.push_back(extra[random.below(extra.size())]);
    }
    const testing::Parsed p(testing::compose(kStart, lines));
    REQUIRE(p.error() == "ok");
    WriteOptions options;
    options.compact = random.below(2) == 0;
    if (random.below(2) == 0) options.order = kProxyFirst;
    RequestWriter out = again(pool, p.view(), options);
    if (random.below(2) == 0) out.body("text/plain", std::string(random.below(40), 'x'));
    if (random.below(2) == 0) out.contact_here("me", ";ob", ";q=0.1");
    const auto sealed = out.seal(origin);
    REQUIRE(sealed.has_value());
    const std::string_view whole = sealed->bytes();
    std::size_t wrong = 0;
    for (std::size_t size = 0; size <= whole.size() + 2; ++size) {
      char* const buffer = memory.last(size);
      const auto written = out.write(origin, buffer, size);
      const bool fits = size >= whole.size();
      if (written.has_value() != fits) ++wrong;
      if (written && std::string_view(buffer, *written) != whole) ++wrong;
      if (!written && written.error() != WriteErrc::too_large) ++wrong;
    }
    REQUIRE(wrong == 0);
    const auto response =
        ResponseWriter(pool, sealed->view(), testing::peer(), 200, "t", {}, options);
    const auto ok = response.seal();
    REQUIRE(ok.has_value());
    for (const std::size_t size : {std::size_t{0}, std::size_t{1}, ok->bytes().size() - 1,
                                   ok->bytes().size(), ok->bytes().size() + 1}) {
      const auto written = response.write({}, memory.last(size), size);
      REQUIRE(written.has_value() == (size >= ok->bytes().size()));
      if (written) REQUIRE(std::string_view(memory.last(size), *written) == ok->bytes());
    }
    ++written_messages;
  }
  CHECK(written_messages == 500);
  CHECK(pool.live() == 0);
}

// ---- A24 ----

#if defined(SIPSTACK_SANITIZED)
constexpr int kRounds = 200000;
#else
constexpr int kRounds = 1000000;
#endif

TEST_CASE("A24: CR, LF or NUL in anything that can be set is an error, never a header more") {
  SeededRandom random(24);
  BlockPool pool;
  const std::string_view poisons[] = {"\r",
                                      "\n",
                                      "\r\n",
                                      "\r\nVia: SIP/2.0/UDP evil",
                                      std::string_view("\0", 1),
                                      "\r\n\r\nbody",
                                      "\r\n fold",
                                      "\n\nBYE sip:h SIP/2.0"};
  const testing::Parsed request(testing::with({}));
  const Flow source = testing::peer();
  std::string values[16];
  for (int round = 0; round < kRounds; ++round) {
    // One of the settable texts is poisoned, at its front, end or in between.
    static const char* const good[] = {
        "MESSAGE",        "sip:b@h",     "X-Own",     "value",    "text/plain", "user",
        ";transport=udp", ";q=1",        "192.0.2.1", "z9hG4bK1", "OK",         "tag1",
        "<sip:x>",        "<sip:new@h>", "X-More",    "more"};
    for (std::size_t i = 0; i < 16; ++i) values[i] = good[i];
    const std::size_t which = random.below(16);
    std::string& poisoned = values[which];
    poisoned.insert(random.below(poisoned.size() + 1), poisons[random.below(std::size(poisons))]);

    bool refused = false;
    if (which < 10) {
      RequestWriter out(pool, values[0], values[1]);
      out.header(HeaderId::to, "<sip:b@h>");
      out.header(HeaderId::from, "<sip:a@h>;tag=1");
      out.header(HeaderId::call_id, "1");
      out.header(HeaderId::cseq, "1 MESSAGE");
      out.header(values[2], values[3]);
      out.body(values[4], "body");
      out.contact_here(values[5], values[6], values[7]);
      const auto sealed = out.seal({Transport::tcp, values[8], values[9]});
      refused = !sealed && sealed.error() == WriteErrc::bad_byte;
    } else if (which < 12) {
      const auto sealed =
          ResponseWriter(pool, request.view(), source, 200, values[11], values[10]).seal();
      refused = !sealed && sealed.error() == WriteErrc::bad_byte;
    } else {
      Rewrite edits(request.view());
      edits.prepend(HeaderId::record_route, values[12]);
      edits.request_uri(values[13]);
      edits.append(values[14], values[15]);
      edits.replace(HeaderId::max_forwards, 69);
      const auto out = edits.request(pool);
      refused = !out && out.error() == WriteErrc::bad_byte;
    }
    if (!refused) {
      CAPTURE(round, which, poisoned);
      FAIL("not refused");
    }
  }
  CHECK(pool.live() == 0);
}

TEST_CASE("A24: a message that is written has exactly the header fields that were set") {
  BlockPool pool;
  for (const std::string& text : testing::samples()) {
    const testing::Parsed p(text);
    REQUIRE(p.error() == "ok");
    const auto sealed = again(pool, p.view()).seal({Transport::udp, "192.0.2.1", "z9hG4bK1"});
    // A control byte escaped in a quoted string is received, not written.
    const bool writable = text.find('\x07') == std::string::npos;
    REQUIRE(sealed.has_value() == writable);
    if (!sealed) continue;
    std::vector<std::string> names{"Via"};
    for (std::size_t i = 0; i < p.view().header_count(); ++i) {
      const HeaderView line = p.view().header(i);
      if (line.id == HeaderId::content_length) continue;
      names.emplace_back(line.id == HeaderId::other ? line.name : name(line.id));
    }
    names.emplace_back("Content-Length");
    std::vector<std::string> seen;
    for (std::size_t i = 0; i < sealed->view().header_count(); ++i) {
      seen.emplace_back(sealed->view().header(i).name);
    }
    CHECK(seen == names);
  }
}

}  // namespace
}  // namespace sipstack
