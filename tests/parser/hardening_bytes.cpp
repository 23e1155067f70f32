// SPDX-License-Identifier: Apache-2.0
// Hardening cases about odd bytes: A09, A10, A12, A16, A18, A20, A23.
#include <cstring>

#include "judge.hpp"
#include "sample.hpp"
#include "sipstack/parser/rewrite.hpp"

namespace sipstack {
namespace {

using testing::compose;
using testing::Exact;
using testing::fate;
using testing::judge;
using testing::kLines;
using testing::kStart;
using testing::Lines;
using testing::with;

TEST_CASE("A09: a Via whose host is malformed is refused with 400") {
  // All texts of one to three bytes that no host can be made of, and longer ones.
  std::vector<std::string> hosts = {"",
                                    "[::1",
                                    ".1",
                                    "[.1]",
                                    "..",
                                    "[::1]x",
                                    "[:::1]",
                                    "[1::2::3]",
                                    "[g::]",
                                    "[]",
                                    "[[::]]",
                                    "a..b",
                                    ".a",
                                    "-a",
                                    "a-",
                                    "a.-b",
                                    "a-.b",
                                    "[::1",
                                    "::1]",
                                    "[::1]]",
                                    "[12345::]",
                                    "[1:2:3:4:5:6:7:8:9]",
                                    "[1:2:3:4:5:6:7]",
                                    "[::1.2.3]",
                                    "[::1.2.3.256]",
                                    "[::1%25eth0]",
                                    "[v1.a]",
                                    "a b",
                                    "a\"b",
                                    "<a>",
                                    "a@b",
                                    "a%41",
                                    "h:",
                                    "h:0",
                                    "h:65536",
                                    "h:99999999999",
                                    "h:-1",
                                    "h:5060:5060",
                                    "h:x",
                                    "[::1]:",
                                    "[::1]:0",
                                    ":5060",
                                    "a/b",
                                    "a\\b",
                                    "a(b)",
                                    "{a}",
                                    "\xc3\xa4",
                                    "\xff",
                                    "a,",
                                    ",a",
                                    "a;=",
                                    std::string(64, 'a'),
                                    std::string(64, 'a') + ".example",
                                    "a." + std::string(64, '1'),
                                    std::string(8000, '.')};
  const char alphabet[] = {':', ']', '[', '.', '-'};
  for (const char a : alphabet) {
    hosts.emplace_back(1, a);
    for (const char b : alphabet) {
      hosts.push_back({a, b});
      for (const char c : alphabet) hosts.push_back({a, b, c});
    }
  }
  CHECK(hosts.size() >= 200);
  for (const std::string& host : hosts) {
    for (const char* tail : {"", ";branch=z9hG4bK1", " "}) {
      CAPTURE(host, tail);
      CHECK(fate(with({{"Via", "SIP/2.0/UDP " + host + tail}})) == "400");
    }
  }
}

// Every byte and number that a reader can ask for, as one text.
template <class T>
void tell(std::string& out, const HeaderTag<T>& tag, const MessageView& m) {
  out += testing::show(tag.name) + ":";
  for (const auto& value : m.all(tag)) {
    out += value ? testing::show(*value) : "error " + std::to_string(value.error().offset);
    out += "|";
  }
}

std::string told(const MessageView& m) {
  const IndexHead& head = m.head();
  std::string out = std::to_string(m.is_request()) + " " + std::to_string(m.status());
  for (const std::string_view text :
       {m.method_name(), m.reason(), m.uri_text(), m.call_id(), m.from_tag(), m.to_tag(),
        m.branch(), m.body(), m.bytes(), head.sent_by.in(m.bytes().data() - head.start)}) {
    out += "[" + testing::show(text) + "]";
  }
  for (const std::uint64_t number :
       {std::uint64_t{head.cseq}, static_cast<std::uint64_t>(head.max_forwards + 1),
        std::uint64_t{head.vias}, std::uint64_t{head.has_content_length},
        std::uint64_t{head.headers}, std::uint64_t{head.start}, std::uint64_t{head.size},
        static_cast<std::uint64_t>(head.method)}) {
    out += " " + std::to_string(number);
  }
  for (std::size_t i = 0; i < m.header_count(); ++i) {
    out += "{" + testing::show(m.header(i).name) + "=" + testing::show(m.header(i).value) + "}";
  }
#define SIPSTACK_X(header, type, parser) tell(out, hdr::header, m);
  SIPSTACK_HEADER_TYPES(SIPSTACK_X)
#undef SIPSTACK_X
  const Via via = m.top_via();
  out += testing::show(via) + testing::show(via.sent_by()) + testing::show(via.received());
  if (const auto contact = m.get(hdr::contact)) {
    out += std::to_string(contact->q()) + " " + std::to_string(contact->expires().value_or(7));
  }
  return out;
}

TEST_CASE("A10: what was in the index before shows nowhere, in no message good or bad") {
  std::vector<std::string> texts = testing::samples();
  for (std::size_t i = 0, n = texts.size(); i < n; ++i) {
    for (std::size_t cut = 0; cut < texts[i].size(); cut += 11) {
      texts.push_back(texts[i].substr(0, cut));
      std::string spoilt = texts[i];
      spoilt[cut] = '\0';
      texts.push_back(spoilt);
    }
  }
  const auto storage = std::make_unique<MessageIndex>();
  for (const std::string& text : texts) {
    std::string seen[3];
    const unsigned char fills[] = {0x00, 0xa5, 0xff};
    for (int i = 0; i < 3; ++i) {
      std::memset(static_cast<void*>(storage.get()), fills[i], sizeof(MessageIndex));
      // bool members must not be read as 0xa5 before parse() sets them: they are not read at all.
      const Exact bytes(text);
      const auto parsed = parse(bytes.view(), *storage);
      seen[i] = told(MessageView(bytes.view().data(), *storage)) +
                (parsed ? "ok" : std::to_string(parsed.error().offset));
    }
    REQUIRE(seen[0] == seen[1]);
    REQUIRE(seen[0] == seen[2]);
  }
}

// The names of a text as the most careless reader would have them: any of CR and LF ends a line, and
// what is not a letter, digit or hyphen in a name is nothing.
bool careless_reader_sees(std::string_view text, std::string_view wanted) {
  std::string name;
  bool in_name = true;
  for (const char c : text) {
    if (c == '\r' || c == '\n') {
      name.clear();
      in_name = true;
    } else if (in_name && c == ':') {
      if (iequals(name, wanted)) return true;
      in_name = false;
    } else if (in_name && (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-')) {
      name.push_back(c);
    }
  }
  return false;
}

TEST_CASE("A12: white space before the colon hides no header, any other byte is refused with 400") {
  BlockPool pool;
  for (const char* name : {"X-Bypass-Me", "P-Asserted-Identity", "Route"}) {
    for (const char* white : {"", " ", "\t", "   ", "\t\t\t", " \t "}) {
      CAPTURE(name, white);
      const std::string text = with({{std::string(name) + white, "<sip:evil@h>"}});
      REQUIRE(fate(text) == "ok");
      const testing::Parsed p(text);
      REQUIRE(p.view().raw(name) == std::string_view("<sip:evil@h>"));
      REQUIRE(careless_reader_sees(text, name));
      Rewrite edits(p.view());
      edits.remove(name);
      const auto sealed = edits.request(pool)->seal({Transport::udp, "192.0.2.1", "z9hG4bK1"});
      REQUIRE(sealed.has_value());
      CHECK_FALSE(careless_reader_sees(sealed->bytes(), name));
      CHECK(sealed->view().header_count() == p.view().header_count());  // one less, and our Via
    }
    for (int byte = 0; byte < 256; ++byte) {
      if ((byte >= 0x20 && byte < 0x7f) || byte == '\t') continue;
      for (const int before : {0, 1}) {
        std::string field(name);
        if (before != 0) field += " ";
        field.push_back(static_cast<char>(byte));
        CAPTURE(name, byte, before);
        CHECK(fate(with({{field, "<sip:evil@h>"}})) == "400");
      }
    }
  }
}

// Letters, "=", commas, blanks and quotes by RFC 3261 section 25.1, read another way than the machine does.
bool is_credentials(std::string_view text) {
  const auto blanks = [&text] {
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  };
  const auto word = [&text] {
    const std::size_t size = text.size();
    while (!text.empty() && std::isalpha(static_cast<unsigned char>(text.front())) != 0) {
      text.remove_prefix(1);
    }
    return text.size() != size;
  };
  blanks();
  if (!word() || text.empty() || text.front() != ' ') return false;
  blanks();
  // token68: letters and "=" behind them.
  std::string_view rest = text.substr(0, text.find_last_not_of(' ') + 1);
  const std::size_t letters = rest.find_first_of("=,\" ");
  if (!rest.empty() && letters != 0 &&
      (letters == std::string_view::npos ||
       rest.find_first_not_of('=', letters) == std::string_view::npos)) {
    return true;
  }
  for (;;) {
    if (!word()) return false;
    blanks();
    if (text.empty() || text.front() != '=') return false;
    text.remove_prefix(1);
    blanks();
    if (!text.empty() && text.front() == '"') {
      const std::size_t close = text.find('"', 1);
      if (close == std::string_view::npos) return false;
      text.remove_prefix(close + 1);
    } else {
      // "=" may stand in a value, though not first (docs/parser.md).
      if (!word()) return false;
      while (!text.empty() && (text.front() == '=' || word())) {
        if (!text.empty() && text.front() == '=') text.remove_prefix(1);
      }
    }
    blanks();
    if (text.empty()) return true;
    if (text.front() != ',') return false;
    text.remove_prefix(1);
    blanks();
  }
}

TEST_CASE("A16: credentials of all three-token sequences end in a verdict that the grammar gives") {
  const std::string tokens[] = {"realm", "=", "\"", ",", " ", ""};
  std::size_t good = 0;
  for (const std::string front : {"Digest ", "Digest realm", "Digest realm=", "Digest nonce=\"n\",",
                                  "Digest algorithm=MD", "Digest qop=\"", "", "Digest"}) {
    for (const std::string& a : tokens) {
      for (const std::string& b : tokens) {
        for (const std::string& c : tokens) {
          const std::string text = front + a + b + c;
          CAPTURE(text);
          const Exact bytes(text);
          const char* cursor = bytes.view().data();
          const char* const end = cursor + text.size();
          AuthValue auth;
          const bool ok = hdr::authorization.parse(cursor, end, auth) == ParseErrc::ok;
          REQUIRE(ok == is_credentials(text));
          good += ok ? 1 : 0;
          // Searching ends, whatever is searched.
          const int times = auth.count("realm");
          REQUIRE(times >= 0);
          REQUIRE(times <= 3);
          REQUIRE((times > 0) == auth.find("realm").has_value());
          judge(with({{"Authorization", text}}));
        }
      }
    }
  }
  CHECK(good > 20);
}

TEST_CASE("A18: a percent sign without its digits is refused where it ends a part") {
  for (const std::string cut : {"%", "%4", "%g1", "%4g", "a%", "a%4"}) {
    CAPTURE(cut);
    for (const std::string& uri :
         {"sip:" + cut + "@h", "sip:b" + cut, "sip:a@h" + cut, "sip:a:" + cut + "@h",
          "sip:a@h;x=" + cut, "sip:a@h;" + cut, "sip:a@h;lr;" + cut + "=1", "tel:+1" + cut}) {
      CAPTURE(uri);
      CHECK(fate(with({}, "OPTIONS " + uri + " SIP/2.0")) == "400");
      CHECK(fate(with({{"To", "<" + uri + ">"}})) == "400");
      CHECK(fate(with({{"From", "\"x\" <" + uri + ">;tag=1"}})) == "400");
      for (const char* name : {"Contact", "Route", "Record-Route", "Refer-To", "Path"}) {
        const testing::Parsed p(with({{name, "<" + uri + ">"}}));
        CHECK((p.result && !validate(p.view())));
      }
    }
    for (const std::string& headers : {"?" + cut + "=1", "?a=" + cut, "?a=b&" + cut}) {
      CHECK(fate(with({{"To", "<sip:a@h" + headers + ">"}})) == "400");
    }
    CHECK(fate(with({{"Via", "SIP/2.0/UDP " + cut}})) == "400");
  }
  // A method of one byte is a method.
  CHECK(fate(with({{"CSeq", "7 A"}}, "A sip:h SIP/2.0")) == "ok");
  CHECK(fate(with({{"CSeq", "7 I"}}, "IN sip:h SIP/2.0")) == "400");
  CHECK(method_from("I") == Method::other);
  CHECK(method_from("") == Method::other);
  CHECK(method_from("INVITES") == Method::other);
}

TEST_CASE("A20: a quoted string of any shape is taken literally or refused with 400") {
  struct Case {
    std::string text;
    bool quoted_string;
    bool token;
  };
  const Case cases[] = {{"x", false, true},
                        {"\"", false, false},
                        {"\"\"", true, false},
                        {"\"\\", false, false},
                        {"\"\\\"", false, false},
                        {"\"\\\"\"", true, false},
                        {"\"\\\\\"", true, false},
                        {"\"unterminated", false, false},
                        {"x\"", false, false},
                        {"\"x\"y\"", false, false},
                        {"\\", false, false},
                        {"\"" + std::string(65536, '\\'), false, false},
                        {"\"" + std::string(8000, '\\') + "\"", true, false},
                        {"\"" + std::string(8001, '\\') + "\"", false, false}};
  for (const Case& c : cases) {
    const bool long_one = c.text.size() > 8100;
    const std::string shown = c.text.substr(0, 12);
    CAPTURE(shown, c.text.size());
    // Checked of every message.
    for (const std::string& field :
         {"From: " + c.text + " <sip:a@h>;tag=1", "To: " + c.text + " <sip:b@h>",
          "To: <sip:b@h>;x=" + c.text, "Via: SIP/2.0/UDP h;x=" + c.text}) {
      const std::string name = field.substr(0, field.find(':'));
      const std::string got = fate(with({{name, field.substr(name.size() + 2)}}));
      if (c.quoted_string || c.token) {
        CHECK(got == "ok");
      } else {
        CHECK((got == "400" || (long_one && (got == "513" || got == "drop"))));
      }
    }
    if (long_one) continue;
    // Checked when they are asked for.
    const std::pair<std::string, bool> lazy[] = {
        {"Contact: " + c.text + " <sip:a@h>", true},
        {"Contact: <sip:a@h>;x=" + c.text, true},
        {"Authorization: Digest realm=" + c.text, true},
        {"WWW-Authenticate: Digest realm=\"r\", nonce=" + c.text, true},
        {"Warning: 399 h " + c.text, false},  // no token there
        {"Content-Type: a/b;boundary=" + c.text, true},
        {"Reason: SIP;text=" + c.text, true},
        {"Event: e;x=" + c.text, true},
        {"Session-Expires: 1;x=" + c.text, true},
        {"Replaces: c;x=" + c.text, true}};
    for (const auto& [field, takes_token] : lazy) {
      CAPTURE(field.substr(0, 40));
      const std::string name = field.substr(0, field.find(':'));
      const std::string got = fate(with({{name, field.substr(name.size() + 2)}}));
      CHECK(got == (c.quoted_string || (c.token && takes_token) ? "ok" : "invalid"));
    }
    // Literal means: unquoting gives what stands there, and quoting it again reads the same.
    if (c.quoted_string) CHECK(unquote(quote(unquote(c.text))) == unquote(c.text));
  }
}

TEST_CASE("A23: an identity is made of the same bytes wherever it stands, and of no others") {
  CHECK(fate(with({{"From", std::string("<sip:a\0b@h>;tag=1", 17)}})) == "400");
  CHECK(fate(with({{"From", std::string("\"a\0\" <sip:a@h>;tag=1", 20)}})) == "400");
  const char* pieces[] = {"a",  "%00", ";",   "%3b", "%3B", "@", "%40",
                          "\"", "%22", "%61", ":",   "%3a", "?"};
  std::vector<std::pair<std::string, std::string>> accepted;
  for (const char* a : pieces) {
    for (const char* b : pieces) {
      for (const char* c : {"", "z", "%00", "@h"}) {
        const std::string user = std::string(a) + b + c;
        const std::string uri = "sip:" + user + "@example.com";
        const std::string text =
            with({{"From", "\"x@y;z\" <" + uri + ">;tag=1"}, {"To", "<" + uri + ">"}},
                 "OPTIONS " + uri + " SIP/2.0");
        const std::string got = fate(text);
        CAPTURE(uri);
        REQUIRE((got == "ok" || got == "400"));
        const auto parsed = Uri::parse(uri);
        if (got != "ok") continue;
        const testing::Parsed p(text);
        // Authentication reads From, the registrar To, the proxy the Request-URI.
        const std::string identity = canonical_aor(p.view().get(hdr::from)->uri);
        REQUIRE(identity == canonical_aor(p.view().get(hdr::to)->uri));
        REQUIRE(identity == canonical_aor(p.view().request_uri()));
        REQUIRE(p.view().get(hdr::from)->uri.user == parsed->user);
        // The last @ is the host's: what the user part unescapes to cannot move it.
        REQUIRE(identity.substr(identity.rfind('@') + 1) == "example.com");
        REQUIRE(identity.substr(4, identity.rfind('@') - 4) == unescape(parsed->user));
        accepted.emplace_back(std::string(parsed->user), identity);
      }
    }
  }
  CHECK(accepted.size() > 150);
  for (const auto& [user, identity] : accepted) {
    for (const auto& [other, others_identity] : accepted) {
      if ((unescape(user) == unescape(other)) != (identity == others_identity)) {
        CAPTURE(user, other);
        FAIL("two identities for one user, or one for two");
      }
    }
  }
}

}  // namespace
}  // namespace sipstack
