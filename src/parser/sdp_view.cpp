// SPDX-License-Identifier: Apache-2.0
// Session descriptions as views: lines found, values split. RFC 8866 sections 5 and 6.6, RFC 3551
// section 6.
#include <algorithm>
#include <charconv>
#include <limits>

#include "parser/sdp_scan.hpp"

namespace sipstack::sdp {
namespace {

std::string_view trimmed(std::string_view text) noexcept {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

// The word at the front; `rest` goes on behind it and the spaces.
std::string_view take_word(std::string_view& rest) noexcept {
  rest = trimmed(rest);
  const std::string_view word = rest.substr(0, rest.find(' '));
  rest = trimmed(rest.substr(word.size()));
  return word;
}

std::string_view take_last_word(std::string_view& rest) noexcept {
  rest = trimmed(rest);
  const std::size_t space = rest.rfind(' ');
  const std::string_view word = space == std::string_view::npos ? rest : rest.substr(space + 1);
  rest = trimmed(rest.substr(0, rest.size() - word.size()));
  return word;
}

template <class Number>
bool read(std::string_view digits, Number& out) noexcept {
  const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), out);
  return result.ec == std::errc() && result.ptr == digits.data() + digits.size();
}

// How many runs of spaces stand between words.
std::size_t spaces(std::string_view trimmed_text) noexcept {
  std::size_t count = 0;
  for (std::size_t i = 1; i < trimmed_text.size(); ++i)
    if (trimmed_text[i] == ' ' && trimmed_text[i - 1] != ' ') ++count;
  return count;
}

// Tables 4 and 5: types up to 34, by number. Video has one channel here.
struct Static {
  std::uint8_t payload_type;
  std::string_view encoding;
  std::uint32_t rate;
  std::uint32_t channels;
};
constexpr Static kStatic[] = {
    {0, "PCMU", 8000, 1},   {3, "GSM", 8000, 1},    {4, "G723", 8000, 1},   {5, "DVI4", 8000, 1},
    {6, "DVI4", 16000, 1},  {7, "LPC", 8000, 1},    {8, "PCMA", 8000, 1},   {9, "G722", 8000, 1},
    {10, "L16", 44100, 2},  {11, "L16", 44100, 1},  {12, "QCELP", 8000, 1}, {13, "CN", 8000, 1},
    {14, "MPA", 90000, 1},  {15, "G728", 8000, 1},  {16, "DVI4", 11025, 1}, {17, "DVI4", 22050, 1},
    {18, "G729", 8000, 1},  {25, "CelB", 90000, 1}, {26, "JPEG", 90000, 1}, {28, "nv", 90000, 1},
    {31, "H261", 90000, 1}, {32, "MPV", 90000, 1},  {33, "MP2T", 90000, 1}, {34, "H263", 90000, 1},
};

}  // namespace

// ---- values ----

Connection connection_of(std::string_view value) noexcept {
  Connection out;
  out.net_type = take_word(value);
  out.addr_type = take_word(value);
  out.address = take_word(value);
  return out;
}

OriginView origin_of(std::string_view value) noexcept {
  // From behind, for the user name may have spaces in it.
  std::string_view user = trimmed(value);
  OriginView out;
  const std::string_view last = user.substr(user.rfind(' ') + 1);
  const std::size_t words = 1 + spaces(user);
  if (words > 5 && last != "IP4" && last != "IP6") out.address = take_last_word(user);
  out.addr_type = take_last_word(user);
  out.net_type = take_last_word(user);
  out.session_version = take_last_word(user);
  out.session_id = take_last_word(user);
  out.username = user;
  return out;
}

Attribute attribute_of(std::string_view value) noexcept {
  const std::size_t colon = value.find(':');
  if (colon == std::string_view::npos) return {trimmed(value), {}, false};
  return {value.substr(0, colon), value.substr(colon + 1), true};
}

MediaLine media_line_of(std::string_view value) noexcept {
  MediaLine out;
  out.type = take_word(value);
  const std::string_view ports = take_word(value);
  const std::size_t slash = ports.find('/');
  read(ports.substr(0, slash), out.port);
  if (slash != std::string_view::npos) read(ports.substr(slash + 1), out.port_count);
  out.proto = take_word(value);
  out.formats = trimmed(value);
  return out;
}

std::optional<RtpMap> rtpmap_of(std::string_view value) noexcept {
  RtpMap out;
  if (!read(take_word(value), out.payload_type) || out.payload_type > 127) return std::nullopt;
  const std::size_t slash = value.find('/');
  if (slash == 0 || slash == std::string_view::npos) return std::nullopt;
  out.encoding = value.substr(0, slash);
  const std::string_view numbers = value.substr(slash + 1);
  const std::size_t second = numbers.find('/');
  if (!read(numbers.substr(0, second), out.rate) || out.rate == 0) return std::nullopt;
  if (second != std::string_view::npos && !read(numbers.substr(second + 1), out.channels))
    return std::nullopt;
  return out;
}

std::optional<RtpMap> static_rtpmap(std::uint8_t payload_type) noexcept {
  for (const Static& row : kStatic)
    if (row.payload_type == payload_type)
      return RtpMap{row.payload_type, row.encoding, row.rate, row.channels};
  return std::nullopt;
}

// ---- the view ----

void Lines::iterator::read() noexcept {
  const std::string_view rest = whole_.substr(std::min(next_, whole_.size()));
  const std::size_t feed = rest.find('\n');
  std::string_view line = rest.substr(0, feed);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  if (line.size() < 2) {  // the end, or an empty line, behind which nothing comes
    line_ = {};
    return;
  }
  line_ = {line[0], line.substr(2), static_cast<std::uint32_t>(next_)};
  next_ += feed == std::string_view::npos ? rest.size() : feed + 1;
}

void View::MediaRange::iterator::read() noexcept {
  done_ = next_ >= text_.size();
  if (done_) return;
  Lines::iterator line(text_, next_);
  done_ = line->type != 'm';
  if (done_) return;
  media_.line = media_line_of(line->value);
  ++line;
  const std::size_t begin = line->type != 0 ? line->offset : text_.size();
  std::size_t end = begin;
  for (; line->type != 0 && line->type != 'm'; ++line) end = line->offset + 2 + line->value.size();
  media_.lines = Lines(text_, begin, end);
  next_ = line->type == 'm' ? line->offset : text_.size();
}

expected<View, ParseError> View::parse(std::string_view text) noexcept {
  if (text.size() > std::numeric_limits<std::uint32_t>::max())
    return unexpected(ParseError{ParseErrc::too_large, HeaderId::other, 0});
  const auto sections = scan(text);
  if (!sections) return unexpected(sections.error());
  View view;
  view.text_ = text;
  view.session_end_ = sections->first_media;
  view.media_count_ = sections->media_count;
  for (int line = 0; line < 3; ++line) view.behind_name_ = text.find('\n', view.behind_name_) + 1;
  return view;
}

OriginView View::origin() const noexcept { return origin_of((++Lines::iterator(text_, 0))->value); }

std::string_view View::name() const noexcept { return (++ ++Lines::iterator(text_, 0))->value; }

}  // namespace sipstack::sdp
