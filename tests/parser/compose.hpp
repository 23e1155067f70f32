// SPDX-License-Identifier: Apache-2.0
// A good request, header by header, to be spoilt one header at a time.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "grammar_check.hpp"

namespace sipstack::testing {

using Lines = std::vector<std::pair<std::string, std::string>>;

inline const Lines kLines = {{"Via", "SIP/2.0/UDP phone.west.example;branch=z9hG4bKone"},
                             {"Max-Forwards", "70"},
                             {"To", "<sip:bob@east.example>"},
                             {"From", "\"Alice\" <sip:alice@west.example>;tag=a1"},
                             {"Call-ID", "one@west.example"},
                             {"CSeq", "7 OPTIONS"},
                             {"Content-Length", "0"}};

inline std::string compose(const std::string& start, const Lines& lines,
                           const std::string& body = "") {
  std::string out = start + "\r\n";
  for (const auto& [name, value] : lines) out += name + ": " + value + "\r\n";
  return out + "\r\n" + body;
}

inline const std::string kStart = "OPTIONS sip:bob@east.example SIP/2.0";

/// kLines with the values of some headers replaced; "-" drops the line.
inline std::string with(const Lines& changes, const std::string& start = kStart,
                        const std::string& body = "") {
  Lines lines = kLines;
  for (const auto& [name, value] : changes) {
    bool found = false;
    for (auto line = lines.begin(); line != lines.end(); ++line) {
      if (line->first != name) continue;
      found = true;
      if (value == "-") {
        lines.erase(line);
      } else {
        line->second = value;
      }
      break;
    }
    if (!found) lines.emplace_back(name, value);
  }
  return compose(start, lines, body);
}

struct Parsed {
  explicit Parsed(std::string_view text, const ParseLimits& limits = {})
      : bytes(text), result(parse(bytes.view(), index, limits)) {}
  MessageView view() const { return {bytes.view().data(), index}; }
  std::string error() const {
    if (result) return "ok";
    std::string out(to_string(result.error().code));
    if (result.error().header != HeaderId::other) out += " " + show(name(result.error().header));
    return out;
  }
  std::string_view at() const { return bytes.view().substr(result.error().offset, 8); }

  Exact bytes;
  MessageIndex index;
  expected<void, ParseError> result;
};

}  // namespace sipstack::testing
