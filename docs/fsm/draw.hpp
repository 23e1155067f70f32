// SPDX-License-Identifier: Apache-2.0
// Draws a transaction machine as SVG, from the table that runs. One band a state: its box at the left, its
// arrows as lines of text, each led by a lane at the right to the band of the state where it ends.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "sipstack/transaction/machine.hpp"

namespace sipstack::fsm {

class Drawing {
 public:
  Drawing(Machine machine, bool reliable) noexcept
      : machine_(machine), reliable_(reliable), table_(table(machine, reliable)) {}

  std::string svg() {
    find_states();
    int y = kTop;
    for (const State state : states_) {
      tops_[index(state)] = y;
      y += kRow + static_cast<int>(rows(state).size()) * kRow + kGap;
    }
    const int width = kLanes + static_cast<int>(states_.size()) * kLane + 20;
    body_.clear();
    text(kLeft, 30, "title", title());
    arrow_in(states_.front(), kLeft + kBox / 2, kTop - 24);
    text(kText, kTop - 12, "label", words(table_.birth.acts));
    for (const State state : states_) band(state);
    return "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + number(width) + "\" height=\"" +
           number(y) + "\" viewBox=\"0 0 " + number(width) + " " + number(y) + "\">\n" +
           "<!-- Drawn from the tables of sipstack/transaction/machine.hpp: build the target fsm. "
           "-->\n" +
           "<style>text{font-family:sans-serif;font-size:13px}.title{font-size:16px;font-weight:"
           "bold}"
           ".state{font-weight:bold;text-anchor:middle}.box{fill:#eef3fa;stroke:#345}"
           ".end{fill:#e4e4e4;stroke:#345}.way{fill:none;stroke:#567}.tip{fill:#567}</style>\n"
           "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n" +
           body_ + "</svg>\n";
  }

  static std::string file_name(Machine machine, bool reliable) {
    constexpr const char* kNames[] = {"invite-client", "client", "invite-server", "server"};
    return std::string(kNames[static_cast<std::size_t>(machine)]) +
           (reliable ? "-reliable.svg" : "-udp.svg");
  }

 private:
  static constexpr int kLeft = 20, kBox = 130, kText = 170, kLanes = 640, kLane = 16;
  static constexpr int kTop = 80, kRow = 22, kGap = 18;

  static std::size_t index(State state) { return static_cast<std::size_t>(state); }
  static std::string number(int value) { return std::to_string(value); }

  static const char* word(State state) {
    constexpr const char* kWords[] = {"Calling",  "Trying",    "Proceeding", "Completed",
                                      "Accepted", "Confirmed", "Terminated"};
    return kWords[index(state)];
  }
  // With the letters of RFC 3261 table 4 and RFC 6026.
  std::string word(State state, Input input) const {
    constexpr const char* kWords[] = {"timer ",    "timer ",  "timer ", "silence",
                                      "guard",     "1xx",     "2xx",    "300-699",
                                      "no answer", "request", "ACK",    "transport error"};
    constexpr const char* kRetransmit[] = {"A", "E", "G", ""};
    constexpr const char* kTimeout[] = {"B", "F", "H", ""};
    std::string text = kWords[static_cast<std::size_t>(input)];
    const auto machine = static_cast<std::size_t>(machine_);
    if (input == Input::retransmit) text += kRetransmit[machine];
    if (input == Input::timeout) text += kTimeout[machine];
    if (input == Input::linger) text += linger(state);
    return text;
  }
  const char* linger(State state) const {
    switch (machine_) {
      case Machine::ict: return state == State::accepted ? "M" : "D";
      case Machine::nict: return "K";
      case Machine::ist: return state == State::accepted ? "L" : "I";
      case Machine::nist: break;
    }
    return "J";
  }
  static std::string words(unsigned acts) {
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
    for (std::size_t bit = 0; bit < sizeof kWords / sizeof *kWords; ++bit)
      if ((acts >> bit & 1U) != 0 && *kWords[bit] != '\0')
        text += (text.empty() ? "" : ", ") + std::string(kWords[bit]);
    return text;
  }
  std::string title() const {
    constexpr const char* kNames[] = {"INVITE client", "Non-INVITE client", "INVITE server",
                                      "Non-INVITE server"};
    return std::string(kNames[static_cast<std::size_t>(machine_)]) +
           (reliable_ ? ", over a reliable transport" : ", over UDP");
  }

  std::vector<Input> rows(State state) const {
    std::vector<Input> all;
    for (std::size_t i = 0; i < kInputs; ++i)
      if (table_.at(state, static_cast<Input>(i)).arrow) all.push_back(static_cast<Input>(i));
    return all;
  }
  void find_states() {
    bool seen[kStates]{};
    seen[index(table_.birth.state)] = true;
    for (std::size_t round = 0; round < kStates; ++round)
      for (std::size_t s = 0; s < kStates; ++s)
        if (seen[s])
          for (const Table::Cell& cell : table_.cells[s])
            if (cell.arrow) seen[index(cell.to)] = true;
    states_.clear();
    for (std::size_t s = 0; s < kStates; ++s)
      if (seen[s]) states_.push_back(static_cast<State>(s));
  }

  void band(State state) {
    const int top = tops_[index(state)];
    const std::vector<Input> all = rows(state);
    const int height = kRow + static_cast<int>(all.size()) * kRow;
    body_ += "<rect class=\"" + std::string(state == State::terminated ? "end" : "box") +
             "\" x=\"" + number(kLeft) + "\" y=\"" + number(top) + "\" width=\"" + number(kBox) +
             "\" height=\"" + number(height) + "\" rx=\"8\"/>\n";
    text(kLeft + kBox / 2, top + height / 2 + 5, "state", word(state));
    int y = top + kRow;
    for (const Input input : all) {
      const Table::Cell& cell = table_.at(state, input);
      const std::string does = words(cell.acts);
      text(kText, y + 15, "label", word(state, input) + (does.empty() ? "" : " / " + does));
      if (cell.to == state) {
        path("M " + number(kBox + kLeft) + " " + number(y + 6) + " h 8 v 10 h -4");
        tip(kBox + kLeft, y + 16);
      } else {
        lead(y + 11, cell.to);
      }
      y += kRow;
    }
  }
  // From a line of text by the lane of `to` into its band.
  void lead(int y, State to) {
    int lane = kLanes;
    for (const State state : states_) {
      if (state == to) break;
      lane += kLane;
    }
    const int end = tops_[index(to)] + kRow / 2;
    path("M " + number(kLanes - 40) + " " + number(y) + " H " + number(lane) + " V " + number(end) +
         " H " + number(kLeft + kBox + 6));
    tip(kLeft + kBox, end);
  }
  void arrow_in(State state, int x, int y) {
    const int end = tops_[index(state)];
    path("M " + number(x) + " " + number(y) + " V " + number(end - 6));
    body_ += "<path class=\"tip\" d=\"M " + number(x) + " " + number(end) + " l -4 -8 h 8 z\"/>\n";
    body_ += "<circle class=\"tip\" cx=\"" + number(x) + "\" cy=\"" + number(y) + "\" r=\"4\"/>\n";
  }
  void path(const std::string& d) { body_ += "<path class=\"way\" d=\"" + d + "\"/>\n"; }
  void tip(int x, int y) {
    body_ += "<path class=\"tip\" d=\"M " + number(x) + " " + number(y) + " l 8 -4 v 8 z\"/>\n";
  }
  void text(int x, int y, const char* kind, const std::string& what) {
    body_ += "<text class=\"" + std::string(kind) + "\" x=\"" + number(x) + "\" y=\"" + number(y) +
             "\">" + what + "</text>\n";
  }

  Machine machine_;
  bool reliable_;
  const Table& table_;
  std::vector<State> states_;
  int tops_[kStates]{};
  std::string body_;
};

}  // namespace sipstack::fsm
