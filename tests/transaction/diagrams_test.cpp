// SPDX-License-Identifier: Apache-2.0
// The diagrams of docs/transactions.md are drawn from the tables: this test draws them again.
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "../docs/fsm/draw.hpp"
#include "catch.hpp"
#include "sipstack/transaction/machine.hpp"

using namespace sipstack::fsm;

namespace {

const char* word(State state) {
  constexpr const char* kWords[] = {"Calling",  "Trying",    "Proceeding", "Completed",
                                    "Accepted", "Confirmed", "Terminated"};
  return kWords[static_cast<std::size_t>(state)];
}

const char* word(Input input) {
  constexpr const char* kWords[] = {"retransmit", "timeout", "linger", "silence",
                                    "guard",      "1xx",     "2xx",    "300-699",
                                    "no answer",  "request", "ACK",    "transport error"};
  return kWords[static_cast<std::size_t>(input)];
}

std::string words(unsigned acts) {
  constexpr const char* kWords[] = {"",
                                    "",
                                    "",
                                    "",
                                    "send request",
                                    "send response",
                                    "send ACK",
                                    "send 100",
                                    "arm retransmit",
                                    "arm timeout",
                                    "arm linger",
                                    "arm silence",
                                    "tell user",
                                    "tell timeout",
                                    "tell transport error"};
  std::string text;
  for (std::size_t bit = 0; bit < std::size(kWords); ++bit)
    if ((acts >> bit & 1) != 0 && *kWords[bit] != '\0')
      text += (text.empty() ? "" : ", ") + std::string(kWords[bit]);
  return text;
}

template <std::size_t N>
std::string draw(const Birth& birth, const Arrow (&arrows)[N]) {
  std::string text = "```mermaid\nstateDiagram-v2\n";
  text += "    [*] --> " + std::string(word(birth.state)) + ": " + words(birth.acts) + "\n";
  for (const Arrow& arrow : arrows) {
    const std::string to = arrow.to == State::terminated ? "[*]" : word(arrow.to);
    const std::string does = words(arrow.acts);
    text += "    " + std::string(word(arrow.from)) + " --> " + to + ": " + word(arrow.input) +
            (does.empty() ? "" : " / " + does) + "\n";
  }
  return text + "```\n";
}

}  // namespace

namespace {

// The repository, by where this file lies; compilers may have been given a relative path.
std::filesystem::path docs() {
  for (const char* root : {SIPSTACK_SOURCE_DIR, "."})
    if (std::filesystem::exists(std::filesystem::path(root) / "docs/transactions.md"))
      return std::filesystem::path(root) / "docs";
  return {};
}

std::string text_of(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

}  // namespace

TEST_CASE("diagrams: docs/fsm has every machine as its table is (build the target fsm)") {
  if (docs().empty()) SIPSTACK_SKIP("docs/ is not there");
  for (const Machine machine : {Machine::ict, Machine::nict, Machine::ist, Machine::nist})
    for (const bool reliable : {false, true}) {
      const std::string name = Drawing::file_name(machine, reliable);
      INFO(name);
      CHECK(text_of(docs() / "fsm" / name) == Drawing(machine, reliable).svg());
    }
}

TEST_CASE("diagrams: docs/transactions.md shows the tables as they are") {
  if (docs().empty()) SIPSTACK_SKIP("docs/ is not there");
  const std::string text = text_of(docs() / "transactions.md");
  for (const std::string& diagram : {draw(kIctBirth, kIct), draw(kNictBirth, kNict),
                                     draw(kIstBirth, kIst), draw(kNistBirth, kNist)}) {
    INFO("expected in the page:\n" << diagram);
    CHECK(text.find(diagram) != std::string::npos);
  }
}
