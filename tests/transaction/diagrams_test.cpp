// SPDX-License-Identifier: Apache-2.0
// The diagrams of docs/transactions.md are drawn from the tables: this test draws them again.
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

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

TEST_CASE("diagrams: docs/transactions.md shows the tables as they are") {
  const auto path = std::filesystem::path(__FILE__).parent_path() / "../../docs/transactions.md";
  std::ifstream in(path, std::ios::binary);
  if (!in) SIPSTACK_SKIP("docs/transactions.md is not there");
  const std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  for (const std::string& diagram : {draw(kIctBirth, kIct), draw(kNictBirth, kNict),
                                     draw(kIstBirth, kIst), draw(kNistBirth, kNist)}) {
    INFO("expected in the page:\n" << diagram);
    CHECK(text.find(diagram) != std::string::npos);
  }
}
