// SPDX-License-Identifier: Apache-2.0
// Configuration files: each key's mistakes with line and column, what is read, and the reference that goes by
// the same table. Routes of a B2BUA. Log lines.
#include "tools/config.hpp"

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <type_traits>
#include <vector>

#include "catch.hpp"
#include "tools/bridge_route.hpp"
#include "tools/log_line.hpp"

using namespace sipstack;
using namespace sipstack::tools;

namespace {

Servers command_of(const ConfigKey& key) { return (key.of & kServe) != 0 ? kServe : kBridge; }

/// The key in a file of its own, on line 3.
std::string file_of(const ConfigKey& key, const std::string& value) {
  const std::string table = *key.table == '\0' ? "" : "[" + std::string(key.table) + "]";
  return "# a comment\n" + table + "\n" + key.name + " = " + value + "\n";
}

std::vector<ConfigProblem> problems(const ConfigKey& key, const std::string& value) {
  Settings settings;
  return read_config(file_of(key, value), command_of(key), settings);
}

void check_refused(const ConfigKey& key, const std::string& value,
                   std::size_t column_of_value = 0) {
  const auto found = problems(key, value);
  INFO(key.table << " " << key.name << " = " << value);
  REQUIRE(found.size() == 1);
  CHECK(found[0].line == 3);
  CHECK(found[0].column == std::string(key.name).size() + 4 + column_of_value);
  CHECK(found[0].message.find(key.name) != std::string::npos);
}

enum class Kind { flag, number, duration, text, list };
Kind kind_of(const ConfigKey& key) {
  return std::visit(
      [](auto* field) {
        using T = std::remove_pointer_t<decltype(field(std::declval<Settings&>()))>;
        if constexpr (std::is_same_v<T, bool>) return Kind::flag;
        if constexpr (std::is_integral_v<T>) return Kind::number;
        if constexpr (std::is_same_v<T, Duration>) return Kind::duration;
        if constexpr (std::is_same_v<T, std::vector<std::string>>) return Kind::list;
        return Kind::text;
      },
      key.field);
}

std::vector<std::string> messages(const std::string& text, Servers which = kServe) {
  Settings settings;
  std::vector<std::string> all;
  for (const auto& problem : read_config(text, which, settings))
    all.push_back(to_string(problem, "f"));
  return all;
}

std::string source(const std::string& path) {
  std::ifstream in(std::string(SIPSTACK_SOURCE_DIR) + "/" + path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

TEST_CASE("config: every key refuses what it is not, with line and column") {
  std::set<std::string> seen;
  for (const ConfigKey& key : config_keys()) {
    CHECK(seen.insert(std::string(key.table) + "." + key.name).second);
    CHECK(*key.text != '\0');
    const bool choice = std::string(key.unit).find('|') != std::string::npos;
    switch (kind_of(key)) {
      case Kind::flag: check_refused(key, "1"), check_refused(key, "\"yes\""); break;
      case Kind::duration: check_refused(key, "nan"); [[fallthrough]];
      case Kind::number:
        check_refused(key, "\"1\"");
        check_refused(key, std::to_string(key.least - 1));
        if (key.most != INT64_MAX) check_refused(key, std::to_string(key.most + 1));
        if (kind_of(key) == Kind::number) check_refused(key, "1.5");
        break;
      case Kind::text:
        check_refused(key, "5");
        check_refused(key, "[]");
        check_refused(key, "\"a\\nb\"");
        if (choice || key.check != nullptr) check_refused(key, "\"\"");
        if (choice) check_refused(key, "\"nonsense\"");
        break;
      case Kind::list:
        check_refused(key, "5");
        check_refused(key, "[5]", 1);
        check_refused(key, "[\"\"]", 1);
        break;
    }
  }
}

TEST_CASE("config: every number is taken at both ends of its range") {
  for (const ConfigKey& key : config_keys()) {
    if (kind_of(key) != Kind::number && kind_of(key) != Kind::duration) continue;
    if (std::string(key.name).find("-expires") != std::string::npos) continue;  // must be in order
    for (const std::int64_t value : {key.least, key.most}) {
      INFO(key.name << " = " << value);
      CHECK(problems(key, std::to_string(value)).empty());
      Settings settings;
      static_cast<void>(
          read_config(file_of(key, std::to_string(value)), command_of(key), settings));
      CHECK(config_text(command_of(key), settings)
                .find("\n" + std::string(key.name) + " = " + std::to_string(value) + "\n") !=
            std::string::npos);
    }
  }
}

TEST_CASE("config: what is said is read, lists as one text too, flags as on and off") {
  Settings s;
  const auto found = read_config(R"(
listen = "udp:127.0.0.1:5070"
domain = ["a.test", "b.test"]
record-route = false
trace-masked = "on"
log-level = "debug"
[registrar]
max-expires = 10000
[limits]
idle-time = 1.5
[[route]]
domain = "*.example.com"
targets = "10.0.0.1"
[[route]]
prefix = "+49 (30)-12"
targets = ["sip:a.test;lr", "b.test"]
strip = 3
prepend = "0"
open = true
)",
                                 kServe, s);
  for (const auto& problem : found) UNSCOPED_INFO(to_string(problem, "f"));
  REQUIRE(found.empty());
  CHECK(s.listen == std::vector<std::string>{"udp:127.0.0.1:5070"});
  CHECK(s.domains == std::vector<std::string>{"a.test", "b.test"});
  CHECK(s.record_route == "off");
  CHECK(s.mask);
  CHECK(s.log_level == LogLevel::debug);
  CHECK(s.server.registrar.max_expires == 10000);
  CHECK(s.endpoint.transport.idle == std::chrono::milliseconds(1500));
  const auto& routes = s.server.proxy.routes;
  REQUIRE(routes.size() == 2);
  CHECK(routes[0].domain == "*.example.com");
  CHECK(routes[0].targets == std::vector<std::string>{"sip:10.0.0.1"});
  CHECK(routes[1].prefix == "+493012");
  CHECK(routes[1].targets == std::vector<std::string>{"sip:a.test;lr", "sip:b.test"});
  CHECK(routes[1].strip == 3);
  CHECK(routes[1].prepend == "0");
  CHECK(routes[1].open);
  // What is printed says the same.
  Settings again;
  CHECK(read_config(config_text(kServe, s), kServe, again).empty());
  CHECK(config_text(kServe, again) == config_text(kServe, s));
}

TEST_CASE("config: mistakes are named with the nearest right word, all of them, in order") {
  CHECK(messages("thraeds = 2\n[regstrar]\nx = 1\n[limits]\nvais = 3\n") ==
        std::vector<std::string>{"f:1:1: unknown key thraeds; did you mean threads?",
                                 "f:2:2: unknown key regstrar; did you mean registrar?",
                                 "f:5:1: unknown key vais in [limits]; did you mean vias?"});
  CHECK(messages("min-expires = 70\n[limits]\nthreads = 2\n") ==
        std::vector<std::string>{"f:1:1: min-expires belongs in [registrar]",
                                 "f:3:1: threads belongs in front of all tables"});
  CHECK(messages("registrar = 3\n") ==
        std::vector<std::string>{"f:1:13: registrar must be a table: [registrar]"});
  CHECK(messages("[b2bua]\nto = \"sip:x\"\n") ==
        std::vector<std::string>{"f:1:2: [b2bua] is not for sipstack serve"});
  CHECK(messages("users = \"u\"\n", kBridge) ==
        std::vector<std::string>{"f:1:1: users is not for sipstack b2bua"});
  CHECK(messages("to = \"sip:x\"\n", kBridge).empty());
  CHECK(messages("[registrar]\nmin-expires = 100\ndefault-expires = 50\n") ==
        std::vector<std::string>{"f:3:19: min-expires 100, default-expires 50 and max-expires 7200 "
                                 "must be in this order"});
  CHECK(messages("[b2bua]\nsession-expires = 5\n", kBridge).size() == 1);
}

TEST_CASE("config: what is no TOML is told where it ends to be") {
  for (const char* text :
       {"domain = [", "a = 1\na = 2\n", "[limits\n", "x", "\xff\xfe", "a = \"\n\""}) {
    INFO(text);
    const auto found = messages(text);
    REQUIRE(found.size() == 1);
    CHECK(found[0].find('\n') == std::string::npos);
  }
  CHECK(messages("").empty());
  CHECK(messages("threads = 1\nthreads = 2\n")[0].substr(0, 4) == "f:2:");
  std::string deep = "a = ";
  for (int i = 0; i < 100'000; ++i) deep += '[';
  CHECK(messages(deep).size() == 1);
}

TEST_CASE("config: routes want targets that are URIs, and no key besides their own") {
  CHECK(messages("route = 3\n") ==
        std::vector<std::string>{"f:1:9: a route is written as [[route]]"});
  CHECK(messages("[[route]]\ndomain = \"x\"\n") ==
        std::vector<std::string>{"f:1:1: targets missing in [[route]]"});
  CHECK(messages("[[route]]\ntargets = [\"sip:a\", \"sip:@\"]\n").size() == 1);
  CHECK(messages("[[route]]\ntargets = \"sip:a\"\nstrip = 65\n")[0].substr(0, 6) == "f:3:9:");
  CHECK(messages("[[b2bua.route]]\nto = \"sip:a\"\nopne = true\n", kBridge)[0].substr(0, 48) ==
        "f:3:1: unknown key opne in [[b2bua.route]]; did ");
}

TEST_CASE("config: what a reload cannot change is known") {
  Settings a;
  Settings b;
  CHECK(unchangeable(kServe, a, b).empty());
  b.domains = {"x"};
  b.server.registrar.min_expires = 1;
  CHECK(unchangeable(kServe, a, b).empty());
  b.listen = {"udp:127.0.0.1:1"};
  b.endpoint.limits.vias = 3;
  CHECK(unchangeable(kServe, a, b) == std::vector<std::string>{"listen", "limits.vias"});
}

// SIPSTACK_WRITE_REFERENCE=1 test_tools "[reference]" writes the page anew.
TEST_CASE("config: the page lists every key as the table has it", "[reference]") {
  const std::string path = "docs/configuration.md";
  std::string page = source(path);
  const std::string begin = "<!-- reference -->\n\n";
  const std::string end = "\n<!-- /reference -->";
  const auto from = page.find(begin);
  const auto to = page.find(end);
  REQUIRE(from != std::string::npos);
  REQUIRE(to != std::string::npos);
  REQUIRE(from + begin.size() <= to);
  const auto at = from + begin.size();
  if (std::getenv("SIPSTACK_WRITE_REFERENCE") != nullptr) {
    page.replace(at, to - at, config_reference());
    std::ofstream(std::string(SIPSTACK_SOURCE_DIR) + "/" + path, std::ios::binary) << page;
    return;
  }
  CHECK(page.substr(at, to - at) == config_reference());
}

TEST_CASE("b2bua routes: the most specific domain, then the longest prefix, then the first") {
  const auto targets = [](const std::vector<BridgeRoute>& routes, std::string_view uri) {
    return bridge_targets(routes, Uri::parse(uri).value());
  };
  const std::vector<BridgeRoute> routes = {
      {"", "", {"sip:any"}, 0, ""},
      {"*.example.com", "", {"sip:below"}, 0, ""},
      {"*.a.example.com", "", {"sip:deeper"}, 0, ""},
      {"a.example.com", "", {"sip:exact"}, 0, ""},
      {"", "+4930", {"sip:berlin", "sip:spare@x"}, 3, "0"},
      {"", "+49", {"sip:germany"}, 0, ""},
  };
  using Targets = std::vector<std::string>;
  CHECK(targets(routes, "sip:bob@other.test") == Targets{"sip:bob@any"});
  CHECK(targets(routes, "sip:other.test") == Targets{"sip:any"});
  CHECK(targets(routes, "sip:bob@x.EXAMPLE.com") == Targets{"sip:bob@below"});
  CHECK(targets(routes, "sip:bob@example.com") == Targets{"sip:bob@any"});
  CHECK(targets(routes, "sip:bob@notexample.com") == Targets{"sip:bob@any"});
  CHECK(targets(routes, "sip:bob@x.a.example.com") == Targets{"sip:bob@deeper"});
  CHECK(targets(routes, "sip:bob@a.example.com") == Targets{"sip:bob@exact"});
  CHECK(targets(routes, "sip:+49(30)12.3@x") == Targets{"sip:030123"
                                                        "@berlin",
                                                        "sip:spare@x"});
  CHECK(targets(routes, "sip:+4989@x") == Targets{"sip:+4989@germany"});
  CHECK(targets({routes[4]}, "sip:bob@x").empty());
  CHECK(targets({{"", "", {"sip:h"}, 64, ""}}, "sip:bob@x") == Targets{"sip:h"});
}

TEST_CASE("log lines: JSON holds whatever the fields hold, and one line") {
  using std::chrono::microseconds;
  CHECK(rfc3339(microseconds(0)) == "1970-01-01T00:00:00.000000Z");
  CHECK(rfc3339(microseconds(951'782'400'000'001)) == "2000-02-29T00:00:00.000001Z");
  CHECK(rfc3339(microseconds(1'795'426'199'999'999)) == "2026-11-23T09:29:59.999999Z");
  CHECK(rfc3339(microseconds(-1)) == "1969-12-31T23:59:59.999999Z");
  const LogField fields[] = {{"call-id", "a\"\n\x1b\xff"}, {"status", std::int64_t{486}}};
  const LogRecord record{LogLevel::info, "request", "INVITE", fields, 2};
  CHECK(json_line(record, microseconds(0)) ==
        R"({"time": "1970-01-01T00:00:00.000000Z", "level": "info", "event": "request", )"
        R"("message": "INVITE", "call-id": "a\"\n\u001b\u00ff", "status": 486})");
  CHECK(text_line(record) == "sipstack: info: INVITE");
}
