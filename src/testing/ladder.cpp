// SPDX-License-Identifier: Apache-2.0
// Draws ladders.
#include "sipstack/testing/ladder.hpp"

#include <algorithm>
#include <cstdint>

#include "sipstack/parser/header_id.hpp"
#include "sipstack/parser/params.hpp"

namespace sipstack::testing {
namespace {

constexpr std::size_t kGap = 24;   // between two columns' bars
constexpr std::size_t kTime = 10;  // "  123.456 "

std::string seconds(TimePoint at) {
  const std::int64_t ms = at.time_since_epoch() / std::chrono::milliseconds(1);
  std::string fraction = std::to_string(1000 + ms % 1000).substr(1);
  std::string text = std::to_string(ms / 1000) + "." + fraction;
  if (text.size() + 1 < kTime) text.insert(0, kTime - 1 - text.size(), ' ');
  return text + " ";
}

std::string trimmed(std::string line) {
  while (!line.empty() && line.back() == ' ') line.pop_back();
  return line + "\n";
}

}  // namespace

std::size_t Ladder::column(std::string_view name) {
  const auto found = std::find(names_.begin(), names_.end(), name);
  if (found == names_.end()) names_.emplace_back(name);
  return static_cast<std::size_t>(std::find(names_.begin(), names_.end(), name) - names_.begin());
}

void Ladder::add(Arrow arrow) {
  if (arrows_.size() >= limit_) {
    ++left_out_;
    return;
  }
  arrows_.push_back(std::move(arrow));
}

std::string Ladder::draw(bool times) const {
  const std::size_t margin = times ? kTime : 0;
  std::string out;
  std::string head(margin, ' ');
  for (const std::string& name : names_) {
    head += name;
    if (name.size() < kGap) head.append(kGap - name.size(), ' ');
  }
  out += trimmed(head);
  for (const Arrow& arrow : arrows_) {
    std::string line(margin + (names_.empty() ? 0 : (names_.size() - 1) * kGap) + 1, ' ');
    if (times) line.replace(0, std::min(seconds(arrow.at).size(), line.size()), seconds(arrow.at));
    for (std::size_t i = 0; i < names_.size(); ++i) line[margin + i * kGap] = '|';
    const std::size_t left = margin + std::min(arrow.from, arrow.to) * kGap + 1;
    const std::size_t right = margin + std::max(arrow.from, arrow.to) * kGap;  // the right bar
    if (right <= left) {
      line += "  (to itself) " + arrow.label;
    } else {
      for (std::size_t i = left; i < right; ++i) line[i] = '-';
      const std::size_t room = right - left - 4;
      line.replace(left + 2, std::min(arrow.label.size(), room), arrow.label.substr(0, room));
      const bool rightward = arrow.to > arrow.from;
      if (arrow.lost) {
        line[rightward ? right - 2 : left + 1] = 'x';
        line[rightward ? right - 1 : left] = ' ';
      } else {
        line[rightward ? right - 1 : left] = rightward ? '>' : '<';
      }
    }
    out += trimmed(line);
  }
  if (left_out_ != 0) out += "... and " + std::to_string(left_out_) + " more\n";
  return out;
}

std::string Ladder::text() const { return draw(true); }
std::string Ladder::text_without_times() const { return draw(false); }

std::string message_label(std::string_view bytes) {
  const std::string_view first = bytes.substr(0, bytes.find_first_of("\r\n"));
  if (first.substr(0, 8) != "SIP/2.0 ") return std::string(first.substr(0, first.find(' ')));
  std::string label(first.substr(8, 3));
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    const std::string_view line = bytes.substr(0, end);
    const std::size_t colon = line.find(':');
    const std::string_view field = line.substr(0, line.find_first_of(" \t:"));
    if (colon != std::string_view::npos && header_id(field) == HeaderId::cseq) {
      const std::size_t last = line.find_last_not_of("\r\n \t");
      const std::string_view value = line.substr(0, last + 1);
      return label + " " + std::string(value.substr(value.rfind(' ') + 1));
    }
    if (end == std::string_view::npos) break;
    bytes.remove_prefix(end + 1);
  }
  return label;
}

}  // namespace sipstack::testing
