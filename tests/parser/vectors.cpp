// SPDX-License-Identifier: Apache-2.0
// Collections of messages with verdicts, where they are at hand: RFC 3665, 5359, 4475, 5118, and
// traffic of real devices.
#include <algorithm>
#include <fstream>
#include <sstream>

#include "grammar_check.hpp"
#include "shared_dir.hpp"

namespace sipstack {
namespace {

struct Row {
  std::string file;
  std::string expected;
};

std::vector<Row> manifest(const std::filesystem::path& folder) {
  std::ifstream in(folder / "MANIFEST.tsv");
  std::vector<Row> rows;
  std::string line;
  std::getline(in, line);  // the titles
  while (std::getline(in, line)) {
    std::istringstream columns(line);
    Row row;
    std::string what;
    std::getline(columns, row.file, '\t');
    std::getline(columns, what, '\t');
    std::getline(columns, row.expected, '\t');
    rows.push_back(row);
  }
  return rows;
}

// The grammar check that labelled captures as valid knows no limit on the labels of a host name; we keep
// to RFC 1035 section 2.3.4.
bool label_too_long(const MessageView& m) {
  std::string_view via = m.raw(HeaderId::via).value_or("");
  std::size_t run = 0;
  for (const char c : via) {
    run = c == '.' || c == ' ' ? 0 : c == ';' || c == ':' ? 1000000 : run + 1;
    if (run >= 1000000) return false;
    if (run > 63) return true;
  }
  return false;
}

void agree(const std::string& name) {
  const auto folder = testing::shared_dir("vectors/" + name);
  if (!folder) SIPSTACK_SKIP("vectors/" + name + " is not here");
  const std::vector<Row> rows = manifest(*folder);
  REQUIRE_FALSE(rows.empty());
  for (const Row& row : rows) {
    const testing::Exact bytes(testing::read_file(*folder / row.file));
    MessageIndex index;
    auto result = parse(bytes.view(), index);
    const MessageView m(bytes.view().data(), index);
    if (result) result = validate(m);
    CAPTURE(name, row.file, row.expected);
    CAPTURE(to_string(result ? ParseErrc::ok : result.error().code));
    CAPTURE(result ? 0 : result.error().offset);
    if (row.expected == "valid") {
      CHECK((result.has_value() || label_too_long(m)));
    } else if (row.expected == "invalid-must-reject") {
      CHECK_FALSE(result.has_value());
    }
  }
}

TEST_CASE("the flows of RFC 3665 get the verdicts of their manifest") { agree("rfc3665"); }
TEST_CASE("the flows of RFC 5359 get the verdicts of their manifest") { agree("rfc5359"); }
TEST_CASE("the torture tests of RFC 4475 get the verdicts of their manifest") { agree("rfc4475"); }
TEST_CASE("the IPv6 tests of RFC 5118 get the verdicts of their manifest") { agree("rfc5118"); }
TEST_CASE("messages of real devices get the verdicts of their manifest") { agree("realworld"); }
TEST_CASE("messages of GB/T 28181 get the verdicts of their manifest") { agree("gb28181"); }

// RFC 4475 says which of its malformed requests are owed an answer.
TEST_CASE("a torture test that can be answered is left answerable") {
  const auto folder = testing::shared_dir("vectors/rfc4475");
  if (!folder) SIPSTACK_SKIP("vectors/rfc4475 is not here");
  for (const auto& [file, status] :
       std::initializer_list<std::pair<const char*, int>>{{"badinv01.dat", 400},
                                                          {"clerr.dat", 400},
                                                          {"ncl.dat", 400},
                                                          {"scalar02.dat", 400},
                                                          {"quotbal.dat", 400},
                                                          {"ltgtruri.dat", 400},
                                                          {"lwsruri.dat", 400},
                                                          {"lwsstart.dat", 400},
                                                          {"trws.dat", 400},
                                                          {"badvers.dat", 505},
                                                          {"mismatch01.dat", 400},
                                                          {"mismatch02.dat", 400},
                                                          {"multi01.dat", 400},
                                                          {"mcl01.dat", 400}}) {
    CAPTURE(file);
    const testing::Exact bytes(testing::read_file(*folder / file));
    MessageIndex index;
    const auto result = parse(bytes.view(), index);
    REQUIRE_FALSE(result.has_value());
    CHECK(result.error().status() == status);
    CHECK(recoverable(MessageView(bytes.view().data(), index)));
  }
}

}  // namespace
}  // namespace sipstack
