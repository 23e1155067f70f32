// SPDX-License-Identifier: Apache-2.0
// Session descriptions as views: lines found, values split. RFC 8866 sections 5 and 6.6, RFC 3551
// section 6.
#include <algorithm>
#include <charconv>
#include <limits>

#include "parser/sdp_scan.hpp"

namespace sipstack::sdp {
namespace {

std::string_view take_last_word(std::string_view& rest) noexcept {
  rest = trimmed(rest);
  const std::size_t space = rest.rfind(' ');
  const std::string_view word = space == std::string_view::npos ? rest : rest.substr(space + 1);
  rest = trimmed(rest.substr(0, rest.size() - word.size()));
  return word;
}

// Digits up to `max`; where they end, or null where there are none or too many.
const char* take_number(const char* p, const char* end, std::uint32_t max,
                        std::uint32_t& out) noexcept {
  const char* const first = p;
  std::uint64_t value = 0;
  for (; p != end && *p >= '0' && *p <= '9'; ++p) {
    value = value * 10 + static_cast<unsigned>(*p - '0');
    if (value > max) return nullptr;
  }
  out = static_cast<std::uint32_t>(value);
  return p == first ? nullptr : p;
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

// Of what a line of that type should be.
std::string_view section_of(char type) noexcept {
  switch (type) {
    case 'v': return "RFC 8866 section 5.1";
    case 'o': return "RFC 8866 section 5.2";
    case 's': return "RFC 8866 section 5.3";
    case 'i': return "RFC 8866 section 5.4";
    case 'u': return "RFC 8866 section 5.5";
    case 'e':
    case 'p': return "RFC 8866 section 5.6";
    case 'c': return "RFC 8866 section 5.7";
    case 'b': return "RFC 8866 section 5.8";
    case 't': return "RFC 8866 section 5.9";
    case 'r': return "RFC 8866 section 5.10";
    case 'z': return "RFC 8866 section 5.11";
    case 'k': return "RFC 8866 section 5.12";
    case 'a': return "RFC 8866 section 5.13";
    case 'm': return "RFC 8866 section 5.14";
    default: return "RFC 8866 section 5";
  }
}

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
  const char* const end = value.data() + value.size();
  const char* const colon = find_byte(value.data(), end, ':');
  if (colon == end) return {trimmed(value), {}, false};
  return {{value.data(), static_cast<std::size_t>(colon - value.data())},
          {colon + 1, static_cast<std::size_t>(end - colon - 1)},
          true};
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

// rtpmap-value = payload-type SP encoding-name "/" clock-rate [ "/" encoding-params ]
std::optional<RtpMap> rtpmap_of(std::string_view value) noexcept {
  const char* p = value.data();
  const char* const end = p + value.size();
  const auto spaces_from = [end](const char* at) {
    while (at != end && *at == ' ') ++at;
    return at;
  };
  RtpMap out;
  std::uint32_t number = 0;
  p = take_number(spaces_from(p), end, 127, number);
  const char* const encoding = p == nullptr ? nullptr : spaces_from(p);
  if (encoding == nullptr || encoding == p) return std::nullopt;
  p = encoding;
  while (p != end && *p != '/') ++p;
  if (p == encoding || p == end) return std::nullopt;
  out.payload_type = static_cast<std::uint8_t>(number);
  out.encoding = {encoding, static_cast<std::size_t>(p - encoding)};
  p = take_number(p + 1, end, UINT32_MAX, out.rate);
  if (p == nullptr || out.rate == 0) return std::nullopt;
  if (p != end && *p == '/') {
    p = take_number(p + 1, end, UINT32_MAX, out.channels);
    if (p == nullptr) return std::nullopt;
  }
  if (spaces_from(p) != end) return std::nullopt;
  return out;
}

std::optional<RtpMap> static_rtpmap(std::uint8_t payload_type) noexcept {
  for (const Static& row : kStatic)
    if (row.payload_type == payload_type)
      return RtpMap{row.payload_type, row.encoding, row.rate, row.channels};
  return std::nullopt;
}

// ---- the view ----

// Empty lines are stepped over, and NULs at the end; they are in no line's text. In what the exact mode
// accepts there are empty lines at the end at most, and none of the other oddities.
void Lines::iterator::read() noexcept {
  const char* const begin = whole_.data();
  const char* const end = begin + whole_.size();
  const char* at = begin + next_;
  for (;;) {
    while (at < end && (*at == '\n' || *at == '\r' || *at == '\0')) ++at;
    if (at >= end) {
      line_ = {};
      return;
    }
    const char* const line = at;
    const char* stop = find_byte(at, end, '\n');
    const char* const next = stop == end ? end : stop + 1;
    if (stop == end)
      while (stop[-1] == '\0') --stop;
    if (stop[-1] == '\r') --stop;
    const char* type = line;
    while (type != stop && *type == ' ') ++type;
    const char* equals = type != stop ? type + 1 : stop;
    while (equals != stop && *equals == ' ') ++equals;
    const bool is_line = equals != stop && *equals == '=';
    at = next;
    if (opening_ && is_line && (*type == 'v' || *type == 'o' || *type == 's')) continue;
    line_.type = is_line ? *type : '\0';
    const char* const value = is_line ? equals + 1 : line;
    line_.value = {value, static_cast<std::size_t>(stop - value)};
    line_.offset = static_cast<std::uint32_t>(line - begin);
    line_.text = {line, static_cast<std::size_t>(next - line)};
    next_ = static_cast<std::size_t>(next - begin);
    return;
  }
}

std::optional<LineView> Lines::find(char type) const noexcept {
  for (const LineView& line : *this)
    if (line.type == type) return line;
  return std::nullopt;
}

std::optional<std::string_view> Lines::attribute(std::string_view name) const noexcept {
  for (const LineView& line : *this) {
    if (line.type != 'a' || line.value.substr(0, name.size()) != name) continue;
    const Attribute attribute = attribute_of(line.value);
    if (attribute.name == name) return attribute.value;
  }
  return std::nullopt;
}

std::optional<Connection> Lines::connection() const noexcept {
  const auto line = find('c');
  if (!line) return std::nullopt;
  return connection_of(line->value);
}

std::optional<RtpMap> MediaView::rtpmap(std::string_view format) const noexcept {
  std::uint8_t payload_type = 0;
  if (!read(format, payload_type) || payload_type > 127) return std::nullopt;
  for (const LineView& l : lines) {
    if (l.type != 'a' || l.value.substr(0, 7) != "rtpmap:") continue;
    const auto map = rtpmap_of(l.value.substr(7));
    if (map && map->payload_type == payload_type) return map;
  }
  return static_rtpmap(payload_type);
}

std::optional<std::string_view> MediaView::fmtp(std::string_view format) const noexcept {
  for (const LineView& l : lines) {
    if (l.type != 'a' || l.value.substr(0, 5) != "fmtp:") continue;
    std::string_view value = l.value.substr(5);
    if (take_word(value) == format) return value;
  }
  return std::nullopt;
}

void View::MediaRange::iterator::read() noexcept {
  done_ = next_ >= text_.size();
  if (done_) return;
  Lines::iterator line(text_, next_);
  done_ = line->type != 'm';
  if (done_) return;
  const std::size_t first = line->offset;
  const std::size_t begin = first + line->text.size();
  media_.line = media_line_of(line->value);
  ++index_;
  if (index_ < known_.size() && known_[0] != 0) {
    next_ = known_[index_] != 0 ? known_[index_] : text_.size();
  } else {
    do ++line;
    while (!line->text.empty() && line->type != 'm');
    next_ = line->text.empty() ? text_.size() : line->offset;
  }
  media_.lines = Lines(text_, begin, next_);
  media_.text = text_.substr(first, next_ - first);
}

expected<View, ParseError> View::parse(std::string_view text, const Reading& reading) noexcept {
  if (text.size() > std::numeric_limits<std::uint32_t>::max())
    return unexpected(ParseError{ParseErrc::too_large, HeaderId::other, 0});
  Sections sections;
  ParseError error = scan(text, reading.limits, sections);
  // What is too much stays too much, whatever the mode.
  if (error.code == ParseErrc::bad_body && reading.mode == Mode::lenient) {
    sections = {};
    error = repair(text, reading.limits, reading.told, sections);
  } else if (error.code == ParseErrc::ok && reading.told != nullptr) {
    Sections again;
    static_cast<void>(repair(text, reading.limits, reading.told, again));
  }
  if (error.code != ParseErrc::ok) return unexpected(error);
  expected<View, ParseError> view;
  view->text_ = text;
  view->origin_ = sections.origin;
  view->name_ = sections.name;
  view->session_begin_ = sections.session_begin;
  view->session_end_ = sections.first_media;
  view->media_count_ = sections.media_count;
  view->media_at_ = sections.media_at;
  view->opening_ = sections.opening;
  return view;
}

OriginView View::origin() const noexcept { return origin_of(origin_); }

std::optional<Connection> View::connection_of(const MediaView& medium) const noexcept {
  if (const auto own = medium.lines.connection()) return own;
  return lines().connection();
}

// ---- errors for people ----

Fault fault(std::string_view text, const ParseError& error) noexcept {
  Fault out;
  out.at = position(text, error.offset);
  const std::size_t offset = std::min<std::size_t>(error.offset, text.size());
  const std::size_t feed = offset == 0 ? std::string_view::npos : text.rfind('\n', offset - 1);
  const std::string_view line = text.substr(feed == std::string_view::npos ? 0 : feed + 1);
  if (line.size() >= 2 && line[1] == '=') out.line = line[0];
  out.rfc = section_of(out.line);
  return out;
}

}  // namespace sipstack::sdp
