// SPDX-License-Identifier: Apache-2.0
// Hardening case A29: exceptional elements in every field, as the published suites of test cases have
// them, from a grammar of our own.
#include "judge.hpp"

namespace sipstack {
namespace {

using testing::judge;
using testing::with;

std::string run(std::size_t n, std::string_view piece) {
  std::string out;
  for (std::size_t i = 0; i < n; ++i) out += piece;
  return out;
}

// What is put where something else is due.
std::vector<std::string> elements() {
  std::vector<std::string> out = {"",           " ",
                                  "\t",         "   ",
                                  "\r\n ",      "\r\n\t",
                                  "\r\n \r\n ", "\r\n\r\n",
                                  "\r\n",       "\r\nX-Evil: 1",
                                  "\r\nl: 5",   "\r\n\r\nBYE sip:h SIP/2.0\r\n"};
  // Delimiters: none, one, many, too many.
  for (const char* piece :
       {";", ",", ":", "=", "@",    "<",    ">",  "\"", "\\", "/",   "?",   "&",  "%",  "[", "]",
        "(", ")", "{", "}", "|",    "^",    "`",  "~",  "#",  "$",   "!",   "*",  "+",  "-", "_",
        ".", "'", "a", "0", "\\\"", "\"\"", "<>", "()", "[]", "%00", "%41", "..", "a.", ";a"}) {
    for (const std::size_t times : {1, 2, 17, 300}) out.push_back(run(times, piece));
  }
  out.push_back(run(2000, "a"));
  out.push_back(run(9000, "a"));
  out.push_back(run(33000, "a"));
  // Numbers around every width.
  for (const char* number : {"-1",
                             "+1",
                             "-0",
                             "00",
                             "127",
                             "128",
                             "255",
                             "256",
                             "32767",
                             "32768",
                             "65535",
                             "65536",
                             "2147483647",
                             "2147483648",
                             "-2147483648",
                             "4294967295",
                             "4294967296",
                             "9223372036854775807",
                             "18446744073709551615",
                             "18446744073709551616",
                             "340282366920938463463374607431768211456",
                             "1e9",
                             "0x10",
                             "1.5",
                             "1,000",
                             "NaN"}) {
    out.emplace_back(number);
  }
  // Formats, paths, quotes of other languages.
  for (const char* text :
       {"%s%n%x%d", "%.9999d", "../../etc/passwd", "${x}", "';--", "<a b='c'>", "`id`"}) {
    out.emplace_back(text);
  }
  // UTF-8, good and bad: overlong, cut, surrogate, beyond Unicode, byte order marks, other charsets.
  for (const char* text : {"\xc3\xa4", "\xe2\x98\x83", "\xf0\x9f\x98\x80", "\xc0\x80", "\xc0\xaf",
                           "\xe0\x80\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xfe", "\xff",
                           "\xc3", "\xe2\x98", "\xef\xbb\xbf", "\x80", "\xa0", "\x85"}) {
    out.emplace_back(text);
  }
  // Hosts and addresses.
  for (const char* host :
       {"[::1]", "[::", "::1]", "[1:2:3:4:5:6:7:8:9]", "[::ffff:1.2.3.4]", "1.2.3", "1.2.3.4.5",
        "999.1.1.1", "-h", "h-", "h..h", ".h", "h.", "localhost", "_", "[v6]", "[fe80::1%eth0]"}) {
    out.emplace_back(host);
  }
  // Other grammars' sentences.
  for (const char* text : {"SIP/2.0",      "SIP/3.0",
                           "sip:",         "sip:@",
                           "sip:a@b@c",    "sips:a",
                           "tel:",         "tel:+",
                           "tel:abc",      "http://a/b?c#d",
                           "urn:x",        "*",
                           "Via: x",       "SIP/2.0/UDP h",
                           "INVITE",       "application/sdp",
                           "Digest a=b",   "\"a\" <sip:b>;tag=c",
                           "sip:%41%00@h", "<sip:a@b>;tag=1;tag=2"}) {
    out.emplace_back(text);
  }
  return out;
}

// Bytes that no field may have, by themselves.
std::vector<std::string> forbidden() {
  std::vector<std::string> out;
  for (int byte = 0; byte < 0x20; ++byte) {
    if (byte != '\t') out.emplace_back(1, static_cast<char>(byte));
  }
  out.emplace_back("\x7f");
  out.emplace_back("\n\n");
  out.emplace_back("\r\r\n");
  out.emplace_back("\n ");
  return out;
}

struct Place {
  std::string field;
  std::string pattern;  ///< "$" is where the element goes
};

const std::vector<Place> kPlaces = {
    {"start", "$ sip:b@h SIP/2.0"},
    {"start", "OPTIONS $ SIP/2.0"},
    {"start", "OPTIONS sip:$@h SIP/2.0"},
    {"start", "OPTIONS sip:b:$@h SIP/2.0"},
    {"start", "OPTIONS sip:b@$ SIP/2.0"},
    {"start", "OPTIONS sip:b@h:$ SIP/2.0"},
    {"start", "OPTIONS sip:b@h;$=1 SIP/2.0"},
    {"start", "OPTIONS sip:b@h;x=$ SIP/2.0"},
    {"start", "OPTIONS sip:b@h $"},
    {"start", "OPTIONS sip:b@h SIP/$"},
    {"Via", "$"},
    {"Via", "$/2.0/UDP h"},
    {"Via", "SIP/2.0/$ h"},
    {"Via", "SIP/2.0/UDP $"},
    {"Via", "SIP/2.0/UDP h:$"},
    {"Via", "SIP/2.0/UDP h;branch=$"},
    {"Via", "SIP/2.0/UDP h;$"},
    {"From", "$"},
    {"From", "$ <sip:a@h>;tag=1"},
    {"From", "\"$\" <sip:a@h>;tag=1"},
    {"From", "<$>;tag=1"},
    {"From", "<sip:$@h>;tag=1"},
    {"From", "<sip:a@$>;tag=1"},
    {"From", "<sip:a@h>;tag=$"},
    {"To", "sip:$"},
    {"To", "<sip:a@h>;$"},
    {"To", "<sip:a@h?$=x>"},
    {"Call-ID", "$"},
    {"Call-ID", "$@h"},
    {"CSeq", "$ OPTIONS"},
    {"CSeq", "7 $"},
    {"CSeq", "7$OPTIONS"},
    {"Max-Forwards", "$"},
    {"Content-Length", "$"},
    {"Content-Type", "$"},
    {"Content-Type", "a/b;boundary=$"},
    {"Contact", "$"},
    {"Contact", "<sip:a@h>;q=$"},
    {"Route", "<sip:$;lr>"},
    {"Authorization", "Digest username=\"$\""},
    {"Authorization", "Digest nc=$"},
    {"Expires", "$"},
    {"Subject", "$"},
    {"X-Own", "$"},
    {"name", "X$"},
    {"whole", "$"},
};

std::string put(const Place& place, const std::string& element) {
  std::string filled;
  for (const char c : place.pattern) filled += c == '$' ? element : std::string(1, c);
  if (place.field == "start") return with({}, filled);
  if (place.field == "name") return with({{filled, "x"}});
  if (place.field == "whole") return filled + with({});
  // A lone "-" would take the line away.
  return with({{place.field, filled == "-" ? "- " : filled}});
}

TEST_CASE("A29: every exceptional element in every field is accepted, answered or dropped") {
  std::size_t cases = 0;
  std::size_t accepted = 0;
  std::size_t answered = 0;
  const std::vector<std::string> all = elements();
  for (const Place& place : kPlaces) {
    for (const std::string& element : all) {
      const testing::Verdict verdict = judge(put(place, element));
      ++cases;
      accepted += verdict.accepted ? 1 : 0;
      answered += verdict.answer != 0 ? 1 : 0;
      // Silence is for what is no SIP request, or has no Via left.
      const bool silent = !verdict.accepted && verdict.answer == 0;
      const bool splits = element.find("\r\n\r\n") != std::string::npos || element == "\r\n";
      if (silent && !splits && place.field != "start" && place.field != "whole") {
        CAPTURE(place.field, place.pattern, element, to_string(verdict.code));
        FAIL("dropped");
      }
    }
  }
  CHECK(cases >= 5000);
  CHECK(accepted > cases / 20);
  CHECK(answered > cases / 4);
  INFO(cases);
}

TEST_CASE("A29: a control character in any field is never accepted") {
  std::size_t cases = 0;
  for (const Place& place : kPlaces) {
    for (const std::string& element : forbidden()) {
      const testing::Verdict verdict = judge(put(place, element));
      ++cases;
      if (verdict.accepted ||
          (verdict.answer == 0 && place.field != "start" && place.field != "whole")) {
        CAPTURE(place.field, place.pattern, element);
        FAIL("accepted, or not answered");
      }
    }
  }
  CHECK(cases > 1500);
}

}  // namespace
}  // namespace sipstack
