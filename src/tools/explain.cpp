// SPDX-License-Identifier: Apache-2.0
// Parse errors for people. The forms are abridged from the grammar of RFC 3261 section 25.1.
#include "tools/explain.hpp"

#include <algorithm>
#include <cstddef>

#include <fmt/format.h>

namespace sipstack::tools {

namespace {

std::string_view header_form(HeaderId id) noexcept {
  switch (id) {
    case HeaderId::via: return "SIP/2.0/TRANSPORT HOST[:PORT];branch=z9hG4bK...";
    case HeaderId::from:
    case HeaderId::to: return "[\"DISPLAY NAME\"] <URI>;tag=TOKEN";
    case HeaderId::contact: return "* or [\"DISPLAY NAME\"] <URI>;PARAMETERS, ...";
    case HeaderId::route:
    case HeaderId::record_route:
    case HeaderId::path:
    case HeaderId::service_route: return "<URI;lr>, ...";
    case HeaderId::refer_to:
    case HeaderId::referred_by:
    case HeaderId::reply_to: return "[\"DISPLAY NAME\"] <URI>;PARAMETERS";
    case HeaderId::call_id: return "WORD or WORD@WORD, once";
    case HeaderId::cseq: return "NUMBER METHOD, the number below 2^31, the method the request's";
    case HeaderId::max_forwards: return "a number from 0 to 255";
    case HeaderId::content_length: return "the number of bytes behind the empty line";
    case HeaderId::expires:
    case HeaderId::min_expires:
    case HeaderId::min_se:
    case HeaderId::session_expires:
    case HeaderId::retry_after: return "a number of seconds below 2^32";
    case HeaderId::content_type:
    case HeaderId::accept: return "TYPE/SUBTYPE;PARAMETERS";
    case HeaderId::authorization:
    case HeaderId::proxy_authorization:
    case HeaderId::www_authenticate:
    case HeaderId::proxy_authenticate: return "SCHEME NAME=VALUE, NAME=\"VALUE\", ...";
    case HeaderId::rack: return "NUMBER NUMBER METHOD";
    case HeaderId::warning: return "CODE AGENT \"TEXT\", ...";
    default: return {};
  }
}

/// What may be shown of a line: printable, tabs as one column, UTF-8 left alone.
std::string visible(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F) c = byte == '\t' ? ' ' : '?';
  }
  return out;
}

bool continues(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

std::string paint(bool colour, const char* code, std::string_view s) {
  return colour ? fmt::format("\033[{}m{}\033[0m", code, s) : std::string(s);
}

/// The line and, below, a caret under the byte.
std::string excerpt(std::string_view text, std::uint32_t place, bool colour) {
  const TextPosition at = position(text, place);
  std::string out;
  // A line can have 8 KiB: a window around the byte is what fits a screen.
  constexpr std::size_t kBefore = 60;
  constexpr std::size_t kWidth = 100;
  const std::size_t offset = std::min<std::size_t>(place, text.size());
  std::size_t begin = offset - std::min<std::size_t>(offset, at.column - 1);
  const std::size_t end = std::min(text.find_first_of("\r\n", offset), text.size());
  bool cut = false;
  if (offset - begin > kBefore) {
    begin = offset - kBefore;
    while (begin < offset && continues(text[begin])) ++begin;
    cut = true;
  }
  std::string_view line = text.substr(begin, end - begin);
  const bool cut_end = line.size() > kWidth;
  if (cut_end) line = line.substr(0, std::max(kWidth, offset - begin));
  const auto columns = static_cast<std::size_t>(std::count_if(
      text.begin() + static_cast<std::ptrdiff_t>(begin),
      text.begin() + static_cast<std::ptrdiff_t>(offset), [](char c) { return !continues(c); }));
  out += fmt::format("    {}{}{}\n", cut ? "..." : "", visible(line), cut_end ? "..." : "");
  out += fmt::format("    {}{}\n", std::string(columns + (cut ? 3 : 0), ' '),
                     paint(colour, "32", "^"));
  return out;
}

}  // namespace

std::string_view expected_form(const ParseError& error) noexcept {
  switch (error.code) {
    case ParseErrc::incomplete: return "header fields up to an empty line";
    case ParseErrc::not_sip:
    case ParseErrc::bad_start_line: return "METHOD URI SIP/2.0, or SIP/2.0 STATUS REASON";
    case ParseErrc::bad_version: return "SIP/2.0";
    case ParseErrc::bad_method: return "a token";
    case ParseErrc::bad_uri: return "sip:[USER[:PASSWORD]@]HOST[:PORT][;PARAMETERS][?HEADERS]";
    case ParseErrc::bad_status: return "a number from 100 to 699";
    case ParseErrc::bad_header_name: return "NAME: VALUE, the name a token";
    case ParseErrc::body_too_short: return "as many bytes as Content-Length says";
    case ParseErrc::duplicate_header: return "one line of it";
    default: return header_form(error.header);
  }
}

int owed(const ParseError& error, const MessageView& message) noexcept {
  if (message && (message.status() != 0 || message.method() == Method::ack)) return 0;
  return error.status();
}

std::string explain(std::string_view where, std::string_view text, const MessageView& message,
                    const ParseError& error, bool colour) {
  const TextPosition at = position(text, error.offset);
  const std::string_view header = name(error.header);
  std::string out = paint(colour, "1", fmt::format("{}:{}:{}: ", where, at.line, at.column));
  out += paint(colour, "31",
               fmt::format("{}: {}{}", to_string(error.code), error.message(),
                           header.empty() ? std::string() : fmt::format(" ({})", header)));
  out += '\n';

  out += excerpt(text, error.offset, colour);
  const std::string_view form = expected_form(error);
  if (!form.empty()) out += fmt::format("    expected: {}\n", form);
  out += fmt::format("    {}", error.rfc());
  const int status = owed(error, message);
  out += status == 0 ? "; no answer is owed\n" : fmt::format("; the sender is owed a {}\n", status);
  return out;
}

std::string explain(std::string_view where, std::string_view text, const Diagnostic& told,
                    bool colour) {
  const TextPosition at = position(text, told.offset);
  const std::string_view header = name(told.header);
  std::string out = paint(colour, "1", fmt::format("{}:{}:{}: ", where, at.line, at.column));
  out += paint(colour, "33",
               fmt::format("let through: {}{}", to_string(told.rule),
                           header.empty() ? std::string() : fmt::format(" ({})", header)));
  out += fmt::format("\n{}    assumed: {}\n", excerpt(text, told.offset, colour),
                     assumption(told.rule));
  return out;
}

}  // namespace sipstack::tools
