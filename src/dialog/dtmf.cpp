// SPDX-License-Identifier: Apache-2.0
// DTMF bodies, read as phones write them: "Signal=5\r\nDuration=160", "Signal= 11", "5".
#include "sipstack/dialog/dtmf.hpp"

#include "sipstack/parser/headers.hpp"

namespace sipstack {
namespace {

std::string_view within_spaces(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

/// Digits only, at most an hour's worth of milliseconds.
std::optional<std::uint32_t> duration(std::string_view text) {
  if (text.empty() || text.size() > 7) return std::nullopt;
  std::uint32_t out = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    out = out * 10 + static_cast<std::uint32_t>(c - '0');
  }
  return out;
}

/// 10 to 16 are the events of RFC 4733 section 3.2.
std::optional<char> digit(std::string_view text) {
  if (text.size() == 1) {
    char c = text.front();
    if (c >= 'a' && c <= 'd') c = static_cast<char>(c - 'a' + 'A');
    if (std::string_view("0123456789*#ABCD!").find(c) != std::string_view::npos) return c;
    return std::nullopt;
  }
  const auto event = duration(text);
  if (!event || *event < 10 || *event > 16) return std::nullopt;
  return "*#ABCD!"[*event - 10];
}

}  // namespace

std::optional<Dtmf> dtmf_of(const MessageView& info) {
  const auto type = info.get(hdr::content_type);
  if (!type) return std::nullopt;
  Dtmf out;
  if (type->is("application", "dtmf")) {
    const auto found = digit(within_spaces(info.body()));
    if (!found) return std::nullopt;
    out.digit = *found;
    return out;
  }
  if (!type->is("application", "dtmf-relay")) return std::nullopt;
  std::string_view rest = info.body();
  while (!rest.empty()) {
    const auto end = rest.find('\n');
    const std::string_view line = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    const auto equals = line.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view name = within_spaces(line.substr(0, equals));
    const std::string_view value = within_spaces(line.substr(equals + 1));
    if (iequals(name, "Signal")) {
      const auto found = digit(value);
      if (!found) return std::nullopt;
      out.digit = *found;
    } else if (iequals(name, "Duration")) {
      out.duration_ms = duration(value).value_or(0);
    }
  }
  if (out.digit == 0) return std::nullopt;
  return out;
}

std::string dtmf_relay(const Dtmf& dtmf) {
  std::string out = "Signal=";
  out.append(1, dtmf.digit).append("\r\n");
  if (dtmf.duration_ms != 0)
    out.append("Duration=").append(std::to_string(dtmf.duration_ms)).append("\r\n");
  return out;
}

}  // namespace sipstack
