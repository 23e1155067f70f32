// SPDX-License-Identifier: Apache-2.0
// Every limit of what is read, framed and written: one below, at it, one above. Each by its default and,
// where it is an option, by a value of the test's own.
#include <functional>

#include "compose.hpp"
#include "judge.hpp"
#include "sipstack/parser/framer.hpp"
#include "sipstack/parser/writer.hpp"

namespace sipstack {
namespace {

using testing::compose;
using testing::kLines;
using testing::kStart;
using testing::Lines;
using testing::Parsed;
using testing::with;

std::string run(std::size_t n, std::string_view piece) {
  std::string out;
  out.reserve(n * piece.size());
  for (std::size_t i = 0; i < n; ++i) out += piece;
  return out;
}

// `first`, then `more` n - 1 times.
std::string list(std::size_t n, std::string_view first, std::string_view more) {
  return std::string(first) + run(n - 1, more);
}

ParseLimits wide() {
  ParseLimits limits;
  limits.start_line = limits.uri = limits.header_block = limits.header_value = limits.header_name =
      65535;
  limits.headers = MessageIndex::kCapacity;
  limits.vias = limits.values = limits.contacts = limits.credentials = 65535;
  limits.params = limits.uri_headers = 65535;
  return limits;
}

// A message that has exactly n of what is limited.
using Make = std::function<std::string(std::size_t n)>;

std::string padded_lines(std::size_t n, std::size_t around, const std::string& text) {
  // X-Own lines of at most 4,000 bytes, n bytes with `around` that are there already.
  std::string lines;
  std::size_t left = n - around;
  while (left != 0) {
    const std::size_t size = left > 5000 ? 4000 : left;
    lines += "X-Own: " + std::string(size - 9, 'x') + "\r\n";
    left -= size;
  }
  std::string out = text;
  out.insert(out.find("\r\n") + 2, lines);
  return out;
}

struct Row {
  const char* what;
  std::function<void(ParseLimits&, std::size_t)> set;
  std::size_t by_default;
  std::size_t own;
  ParseErrc error;
  Make make;
};

template <class T>
Row row(const char* what, T ParseLimits::*member, std::size_t own, ParseErrc error, Make make) {
  return {what,
          [member](ParseLimits& limits, std::size_t n) { limits.*member = static_cast<T>(n); },
          ParseLimits{}.*member,
          own,
          error,
          std::move(make)};
}

std::vector<Row> rows() {
  const auto params = [](const char* name, const char* front, const char* behind = "") {
    return [=](std::size_t n) { return with({{name, front + run(n, ";p") + behind}}); };
  };
  const auto values = [](const char* name, const char* value) {
    return [=](std::size_t n) { return with({{name, list(n, value, std::string(",") + value)}}); };
  };
  // The same over two lines.
  const auto lines = [](const char* name, const char* value) {
    return [=](std::size_t n) {
      return compose(kStart, [&] {
        Lines out = kLines;
        out.emplace_back(name, list(n - 1, value, std::string(", ") + value));
        out.emplace_back(name, value);
        return out;
      }());
    };
  };
  constexpr ParseErrc too_large = ParseErrc::too_large;
  constexpr ParseErrc too_many = ParseErrc::too_many;
  return {
      row("message", &ParseLimits::message, 900, too_large,
          [](std::size_t n) {
            std::string text = with({{"Content-Length", "-"}});
            return text + std::string(n - text.size(), 'x');
          }),
      row("message with Content-Length", &ParseLimits::message, 900, too_large,
          [](std::size_t n) {
            const std::size_t head = with({{"Content-Length", std::to_string(n)}}).size();
            std::size_t body = n - head;
            std::string text = with({{"Content-Length", std::to_string(body)}});
            body += head - text.size();
            return with({{"Content-Length", std::to_string(body)}}, kStart, std::string(body, 'x'));
          }),
      row("start line", &ParseLimits::start_line, 100, too_large,
          [](std::size_t n) { return compose("SIP/2.0 200 " + std::string(n - 12, 'r'), kLines); }),
      row("start line of a request", &ParseLimits::start_line, 100, too_large,
          [](std::size_t n) {
            const std::string method(n - 14, 'M');
            return with({{"CSeq", "1 " + method}}, method + " sip:h SIP/2.0");
          }),
      row("Request-URI", &ParseLimits::uri, 50, ParseErrc::uri_too_long,
          [](std::size_t n) {
            return with({}, "OPTIONS sip:" + std::string(n - 6, 'u') + "@h SIP/2.0");
          }),
      row("header block", &ParseLimits::header_block, 900, too_large,
          [](std::size_t n) {
            const std::string text = with({});
            return padded_lines(n, text.size() - kStart.size() - 4, text);
          }),
      row("header value", &ParseLimits::header_value, 100, too_large,
          [](std::size_t n) {
            return with({{"X-Own", std::string(n, 'x')}});
          }),
      row("folded header value", &ParseLimits::header_value, 100, too_large,
          [](std::size_t n) {
            return with({{"X-Own", "a\r\n " + std::string(n - 4, 'x')}});
          }),
      row("header value of a known header", &ParseLimits::header_value, 100, too_large,
          [](std::size_t n) {
            return with({{"Call-ID", std::string(n, 'x')}});
          }),
      row("header name", &ParseLimits::header_name, 20, too_large,
          [](std::size_t n) {
            return with({{std::string(n, 'x'), "1"}});
          }),
      row("header fields", &ParseLimits::headers, 20, too_many,
          [](std::size_t n) {
            Lines fields = kLines;
            while (fields.size() < n) fields.emplace_back("X-Own", "y");
            return compose(kStart, fields);
          }),
      row("Vias", &ParseLimits::vias, 3, too_many, values("Via", "SIP/2.0/UDP h")),
      row("Vias in two lines", &ParseLimits::vias, 3, too_many,
          [](std::size_t n) {
            return with(
                {{"Via", list(n - 1, "SIP/2.0/UDP h", ",SIP/2.0/UDP h")}, {"v", "SIP/2.0/UDP h"}});
          }),
      row("Routes", &ParseLimits::values, 3, too_many, values("Route", "<sip:h>")),
      row("Record-Routes in two lines", &ParseLimits::values, 3, too_many,
          lines("Record-Route", "<sip:h>")),
      row("Service-Routes in two lines", &ParseLimits::values, 3, too_many,
          lines("Service-Route", "<sip:h>")),
      row("methods of Allow", &ParseLimits::values, 3, too_many, values("Allow", "A")),
      row("media types", &ParseLimits::values, 3, too_many, lines("Accept", "a/b")),
      row("Contacts", &ParseLimits::contacts, 3, too_many, values("Contact", "<sip:h>")),
      row("Contacts in two lines", &ParseLimits::contacts, 3, too_many, lines("m", "sip:h")),
      row("Authorization lines", &ParseLimits::credentials, 3, too_many,
          [](std::size_t n) {
            Lines fields = kLines;
            for (std::size_t i = 0; i < n; ++i) fields.emplace_back("Authorization", "Digest a=b");
            return compose(kStart, fields);
          }),
      row("Proxy-Authorization lines", &ParseLimits::credentials, 3, too_many,
          [](std::size_t n) {
            Lines fields = kLines;
            for (std::size_t i = 0; i < n; ++i) {
              fields.emplace_back("Proxy-Authorization", "Digest a=b");
            }
            return compose(kStart, fields);
          }),
      row("parameters of To", &ParseLimits::params, 5, too_many, params("To", "<sip:b@h>")),
      row("parameters of From", &ParseLimits::params, 5, too_many, params("From", "<sip:b@h>")),
      row("parameters of Via", &ParseLimits::params, 5, too_many, params("Via", "SIP/2.0/UDP h")),
      row("parameters of a URI in To", &ParseLimits::params, 5, too_many,
          params("To", "<sip:b@h", ">")),
      row("parameters of a tel URI", &ParseLimits::params, 5, too_many,
          params("To", "<tel:+1", ">")),
      row("parameters of the Request-URI", &ParseLimits::params, 5, too_many,
          [](std::size_t n) { return with({}, "OPTIONS sip:h" + run(n, ";p") + " SIP/2.0"); }),
      row("parameters of Contact", &ParseLimits::params, 5, too_many,
          params("Contact", "<sip:b@h>")),
      row("parameters of Event", &ParseLimits::params, 5, too_many, params("Event", "e")),
      row("parameters of Content-Type", &ParseLimits::params, 5, too_many,
          params("Content-Type", "a/b")),
      row("parameters of Session-Expires", &ParseLimits::params, 5, too_many,
          params("Session-Expires", "90")),
      row("parameters of Replaces", &ParseLimits::params, 5, too_many, params("Replaces", "c")),
      row("header fields of a URI in To", &ParseLimits::uri_headers, 3, too_many,
          [](std::size_t n) {
            return with({{"To", "<sip:b@h?" + list(n, "a=b", "&a=b") + ">"}});
          }),
      row("header fields of a URI in Refer-To", &ParseLimits::uri_headers, 3, too_many,
          [](std::size_t n) {
            return with({{"Refer-To", "<sip:b@h?" + list(n, "a=b", "&a=b") + ">"}});
          }),
  };
}

// What parse() or, for headers that are checked when they are asked for, validate() makes of it.
ParseErrc verdict(const std::string& text, const ParseLimits& limits) {
  const Parsed p(text, limits);
  if (!p.result) return p.result.error().code;
  const auto checked = validate(p.view(), limits);
  return checked ? ParseErrc::ok : checked.error().code;
}

TEST_CASE("every limit of a message holds at its value, below it, and not above") {
  for (const Row& r : rows()) {
    CAPTURE(r.what);
    for (const bool by_default : {true, false}) {
      CAPTURE(by_default);
      const std::size_t limit = by_default ? r.by_default : r.own;
      ParseLimits limits = by_default ? ParseLimits{} : wide();
      r.set(limits, limit);
      CHECK(to_string(verdict(r.make(limit - 1), limits)) == "ok");
      CHECK(to_string(verdict(r.make(limit), limits)) == "ok");
      CHECK(to_string(verdict(r.make(limit + 1), limits)) == to_string(r.error));
    }
  }
}

// hardening.md, "Defaults".
TEST_CASE("the limits are by default what they were designed to be") {
  const ParseLimits limits;
  CHECK(limits.message == 65535);
  CHECK(limits.start_line == 8 * 1024);
  CHECK(limits.uri == 2 * 1024);
  CHECK(limits.header_block == 32 * 1024);
  CHECK(limits.header_value == 8 * 1024);
  CHECK(limits.header_name == 128);  // 64 was meant: RFC 4475 section 3.1.1.7 has one of 93
  CHECK(limits.headers == 256);
  CHECK(limits.vias == 70);
  CHECK(limits.values == 64);
  CHECK(limits.contacts == 32);
  CHECK(limits.credentials == 8);
  CHECK(limits.params == 32);
  CHECK(limits.uri_headers == 16);
}

TEST_CASE("limits beyond what an index holds are held at what it holds") {
  ParseLimits limits = wide();
  limits.headers = 9999;
  limits.header_name = 9999;
  Lines lines = kLines;
  while (lines.size() < MessageIndex::kCapacity) lines.emplace_back("X-Own", "y");
  CHECK(Parsed(compose(kStart, lines), limits).error() == "ok");
  lines.emplace_back("X-Own", "y");
  CHECK(Parsed(compose(kStart, lines), limits).error() == "too-many");
  CHECK(Parsed(with({{std::string(255, 'x'), "1"}}), limits).error() == "ok");
  CHECK(Parsed(with({{std::string(256, 'x'), "1"}}), limits).error() == "too-large");
  limits.message = 1000000;
  const std::string text = with({{"Content-Length", "-"}});
  CHECK(Parsed(text + std::string(65535 - text.size(), 'x'), limits).error() == "ok");
  CHECK(Parsed(text + std::string(65536 - text.size(), 'x'), limits).error() == "too-large");
}

TEST_CASE("a request past a limit can be answered, with the status of the limit") {
  for (const Row& r : rows()) {
    CAPTURE(r.what);
    const Parsed p(r.make(r.by_default + 1));
    // Responses are not answered; of headers that are not looked at nobody complains.
    if (p.result || !p.view().is_request()) continue;
    CHECK(recoverable(p.view()));
    const int status = p.result.error().status();
    CHECK(status == (r.error == ParseErrc::uri_too_long ? 414
                     : r.error == ParseErrc::too_large  ? 513
                                                        : 400));
  }
}

TEST_CASE("numbers hold at their ranges") {
  struct Number {
    const char* what;
    std::function<std::string(std::uint64_t)> make;
    std::uint64_t least;
    std::uint64_t most;
  };
  const auto value = [](const char* name, const char* front, const char* behind) {
    return [=](std::uint64_t n) { return with({{name, front + std::to_string(n) + behind}}); };
  };
  const Number numbers[] = {
      {"CSeq", value("CSeq", "", " OPTIONS"), 0, 0x7fffffff},
      {"Max-Forwards", value("Max-Forwards", "", ""), 0, 255},
      {"port of Via", value("Via", "SIP/2.0/UDP h:", ""), 1, 65535},
      {"port in To", value("To", "<sip:b@h:", ">"), 1, 65535},
      {"port in Contact", value("Contact", "<sip:b@h:", ">"), 1, 65535},
      {"port of the Request-URI",
       [](std::uint64_t n) { return with({}, "OPTIONS sip:h:" + std::to_string(n) + " SIP/2.0"); },
       1, 65535},
      {"status",
       [](std::uint64_t n) { return compose("SIP/2.0 " + std::to_string(n) + " x", kLines); }, 100,
       699},
      {"Expires", value("Expires", "", ""), 0, 0xffffffff},
      {"Session-Expires", value("Session-Expires", "", ""), 0, 0xffffffff},
      {"RSeq", value("RSeq", "", ""), 0, 0xffffffff},
  };
  for (const Number& n : numbers) {
    CAPTURE(n.what);
    for (const std::uint64_t good : {n.least, n.least + 1, n.most - 1, n.most}) {
      CAPTURE(good);
      CHECK(verdict(n.make(good), {}) == ParseErrc::ok);
    }
    CHECK(verdict(n.make(n.most + 1), {}) != ParseErrc::ok);
    if (n.least != 0) CHECK(verdict(n.make(n.least - 1), {}) != ParseErrc::ok);
  }
  const auto q = [](const char* text) {
    const Parsed p(with({{"Contact", "<sip:h>;q=" + std::string(text)}}));
    return p.view().get(hdr::contact)->q();
  };
  CHECK(q("0") == 0);
  CHECK(q("0.001") == 1);
  CHECK(q("0.999") == 999);
  CHECK(q("1.000") == 1000);
  CHECK(q("1.001") == 1000);
  CHECK(q("0.0001") == 1000);  // malformed: as if it were not there
}

TEST_CASE("the limits of the framer hold at the byte, whole and byte by byte") {
  ParseLimits limits;
  limits.start_line = 100;
  limits.header_block = 400;
  limits.message = 1000;
  const auto head = [](std::size_t size, std::size_t length) {
    const std::string front =
        "OPTIONS sip:a SIP/2.0\r\nl: " + std::to_string(length) + "\r\nSubject: ";
    return front + std::string(size - front.size() - 4, 'x') + "\r\n\r\n";
  };
  for (const std::size_t step : {0, 1, 7}) {
    CAPTURE(step);
    const auto first = [&](const std::string& stream) {
      const auto seen = testing::frames(stream, step, limits);
      return seen.empty() ? std::string() : seen.front();
    };
    for (const std::size_t size : {499, 500}) CHECK(first(head(size, 0)) == head(size, 0));
    CHECK(first(head(501, 0)) == "error too-large 500");
    for (const std::size_t size : {999, 1000}) {
      const std::string text = head(200, size - 200) + std::string(size - 200, 'b');
      CHECK(first(text) == text);
    }
    CHECK(first(head(200, 801)).substr(0, 15) == "error too-large");
    CHECK(first(head(200, 801) + std::string(801, 'b')).substr(0, 15) == "error too-large");
    CHECK(first("OPTIONS sip:" + std::string(487, 'a')) == "rest 499");
    CHECK(first("OPTIONS sip:" + std::string(488, 'a')) == "error uri-too-long 500");
  }
  // By default: 40 KiB of start line and headers, 65,535 bytes in all.
  for (const std::size_t size : {40959, 40960}) {
    CHECK(testing::frames(head(size, 0), 0).front().size() == size);
  }
  CHECK(testing::frames(head(40961, 0), 0).front() == "error too-large 40960");
  for (const std::size_t size : {65534, 65535}) {
    CHECK(testing::frames(head(200, size - 200), 0).front() == "rest 200");
  }
  CHECK(testing::frames(head(200, 65336), 0).front().substr(0, 15) == "error too-large");
}

TEST_CASE("the limits of the writers hold at the byte") {
  BlockPool pool;
  const Origin origin{Transport::tcp, "h", "z9hG4bK1"};
  const auto writer = [&](const std::string& uri = "sip:h") {
    RequestWriter out(pool, "MESSAGE", uri);
    out.header(HeaderId::to, "<sip:b@h>");
    out.header(HeaderId::from, "<sip:a@h>;tag=1");
    out.header(HeaderId::call_id, "1");
    out.header(HeaderId::cseq, "1 MESSAGE");
    return out;
  };
  const auto error = [&](const RequestWriter& out) {
    const auto sealed = out.seal(origin);
    return std::string(to_string(sealed ? WriteErrc::ok : sealed.error()));
  };
  // The whole: 65,535 bytes.
  RequestWriter bare = writer();
  bare.body("a/b", "12345");
  const std::size_t around = bare.seal(origin)->bytes().size() - 5 + 4;  // five digits of length
  for (const std::size_t size : {65534, 65535, 65536}) {
    RequestWriter out = writer();
    out.body("a/b", std::string(size - around, 'x'));
    CHECK(error(out) == (size <= 65535 ? "ok" : "too-large"));
    if (size <= 65535) CHECK(out.seal(origin)->bytes().size() == size);
  }
  // Header fields: as many as an index holds, with our Via and Content-Length.
  for (const std::size_t fields : {255, 256, 257}) {
    for (const bool ordered : {false, true}) {
      RequestWriter out(pool, "MESSAGE", "sip:h",
                        ordered ? WriteOptions{false, kProxyFirst} : WriteOptions{});
      out.header(HeaderId::to, "<sip:b@h>");
      out.header(HeaderId::from, "<sip:a@h>;tag=1");
      out.header(HeaderId::call_id, "1");
      out.header(HeaderId::cseq, "1 MESSAGE");
      for (std::size_t i = 6; i < fields; ++i) out.header("X-Own", "y");
      CHECK((error(out) == "ok") == (fields <= 256));
    }
  }
  // Header names: 255 bytes.
  for (const std::size_t size : {254, 255, 256}) {
    RequestWriter out = writer();
    out.header(std::string(size, 'x'), "y");
    CHECK((error(out) == "ok") == (size <= 255));
  }
  // Method and Request-URI: 16,383 bytes.
  for (const std::size_t size : {16382, 16383, 16384}) {
    CHECK(error(writer("sip:" + std::string(size - 6, 'u') + "@h")) ==
          (size <= 16383 ? "ok" : "too-large"));
  }
  // The Via line that seal() writes: 512 bytes.
  const std::size_t rest = std::string_view("Via: SIP/2.0/TCP h;branch=\r\n").size();
  for (const std::size_t size : {511, 512, 513}) {
    const std::string branch(size - rest, 'b');
    CHECK(writer().seal({Transport::tcp, "h", branch}).has_value() == (size <= 512));
  }
  // Status codes.
  const Parsed request(with({}));
  for (const int status : {99, 100, 101, 698, 699, 700}) {
    const auto sealed = ResponseWriter(pool, request.view(), testing::peer(), status, "t").seal();
    CHECK(sealed.has_value() == (status >= 100 && status <= 699));
  }
}

}  // namespace
}  // namespace sipstack
