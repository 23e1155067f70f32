// SPDX-License-Identifier: Apache-2.0
// The owned session description: what was read in its order, edits at the place that RFC 8866 section 5
// gives them.
#include <algorithm>
#include <charconv>

#include "parser/sdp_scan.hpp"
#include "sipstack/parser/params.hpp"

namespace sipstack::sdp {
namespace {

// Section 5: the order of lines within session and media level. Unknown types come last, where
// GB/T 28181 wants its y= and f=.
std::size_t rank(char type) noexcept {
  constexpr std::string_view kOrder = "iuepcbtrzka";
  return std::min(kOrder.find(type), kOrder.size());
}

bool is_named(const Line& line, std::string_view name) noexcept {
  return line.type == 'a' && attribute_of(line.value).name == name;
}

bool is_direction(std::string_view name, Direction& out) noexcept {
  for (const Direction d :
       {Direction::sendrecv, Direction::sendonly, Direction::recvonly, Direction::inactive})
    if (name == to_string(d)) {
      out = d;
      return true;
    }
  return false;
}

void print(std::string& out, char type, std::string_view value) {
  if (type != 0) {
    out += type;
    out += '=';
  }
  out += value;
  out += "\r\n";
}

void read(Lines from, std::vector<Line>& lines) {
  std::size_t count = 0;
  for (const char c : from.text()) count += c == '\n' ? 1 : 0;
  lines.reserve(lines.size() + count + 1);
  for (const LineView& line : from) lines.push_back({line.type, std::string(line.value)});
}

void read(const MediaView& from, Media& to) {
  to.type = from.line.type;
  to.port = from.line.port;
  to.port_count = from.line.port_count;
  to.proto = from.line.proto;
  for (std::string_view rest = from.line.formats; !rest.empty();)
    to.formats.emplace_back(take_word(rest));
  read(from.lines, to.lines);
  to.as_read = from.text;
}

void print_word(std::string& out, std::string_view word) {
  out += ' ';
  out += word;
}

void print(std::string& out, const Media& medium) {
  out += "m=";
  out += medium.type;
  print_word(out, std::to_string(medium.port));
  if (medium.port_count != 1) {
    out += '/';
    out += std::to_string(medium.port_count);
  }
  print_word(out, medium.proto);
  for (const std::string& format : medium.formats) print_word(out, format);
  out += "\r\n";
  for (const Line& line : medium.lines) print(out, line.type, line.value);
}

void print_session_level(std::string& out, const Session& session) {
  const Origin& o = session.origin;
  out += "v=0\r\no=";
  out += o.username;
  for (const std::string* part :
       {&o.session_id, &o.session_version, &o.net_type, &o.addr_type, &o.address})
    print_word(out, *part);
  out += "\r\n";
  print(out, 's', session.name);
  for (const Line& line : session.lines) print(out, line.type, line.value);
}

bool same_session_level(const Session& a, const Session& b) noexcept {
  return a.origin == b.origin && a.name == b.name && a.lines == b.lines;
}

// Whether read() would give just these, without reading them into strings.

bool reads_as(const OriginView& from, const Origin& o) noexcept {
  return from.username == o.username && from.session_id == o.session_id &&
         from.session_version == o.session_version && from.net_type == o.net_type &&
         from.addr_type == o.addr_type && from.address == o.address;
}

bool reads_as(Lines from, const std::vector<Line>& lines) noexcept {
  auto line = lines.begin();
  for (const LineView& read : from) {
    if (line == lines.end() || line->type != read.type || line->value != read.value) return false;
    ++line;
  }
  return line == lines.end();
}

bool reads_as(const MediaView& from, const Media& medium) noexcept {
  if (from.line.type != medium.type || from.line.port != medium.port ||
      from.line.port_count != medium.port_count || from.line.proto != medium.proto)
    return false;
  std::string_view rest = from.line.formats;
  for (const std::string& format : medium.formats)
    if (rest.empty() || take_word(rest) != format) return false;
  return rest.empty() && reads_as(from.lines, medium.lines);
}

}  // namespace

std::string_view to_string(Direction direction) noexcept {
  switch (direction) {
    case Direction::sendrecv: return "sendrecv";
    case Direction::sendonly: return "sendonly";
    case Direction::recvonly: return "recvonly";
    case Direction::inactive: return "inactive";
  }
  return "";
}

std::string_view addr_type(const IpAddress& address) noexcept {
  return address.is_v6() ? "IP6" : "IP4";
}

// ---- lines ----

const Line* Section::find(char type) const noexcept {
  for (const Line& line : lines)
    if (line.type == type) return &line;
  return nullptr;
}

void Section::add(char type, std::string_view value) {
  auto at = lines.end();
  while (at != lines.begin() && rank(std::prev(at)->type) > rank(type)) --at;
  lines.insert(at, {type, std::string(value)});
}

void Section::remove(char type) {
  lines.erase(std::remove_if(lines.begin(), lines.end(),
                             [type](const Line& line) { return line.type == type; }),
              lines.end());
}

std::optional<Connection> Section::connection() const noexcept {
  const Line* line = find('c');
  if (line == nullptr) return std::nullopt;
  return connection_of(line->value);
}

void Section::connection(const IpAddress& address) {
  // IPv6 stands without brackets here, unlike in SIP (RFC 8866 section 9, IP6-address).
  std::string value = "IN ";
  value += addr_type(address);
  value += ' ';
  value += address.is_unspecified() && !address.is_v6() ? "0.0.0.0" : address.to_string();
  for (Line& line : lines)
    if (line.type == 'c') {
      line.value = std::move(value);
      return;
    }
  add('c', value);
}

std::optional<std::string_view> Section::attribute(std::string_view name) const noexcept {
  for (const Line& line : lines)
    if (is_named(line, name)) return attribute_of(line.value).value;
  return std::nullopt;
}

void Section::add_attribute(std::string_view name) { add('a', name); }

void Section::add_attribute(std::string_view name, std::string_view value) {
  std::string text(name);
  text += ':';
  text += value;
  add('a', text);
}

void Section::remove_attributes(std::string_view name) {
  lines.erase(std::remove_if(lines.begin(), lines.end(),
                             [name](const Line& line) { return is_named(line, name); }),
              lines.end());
}

std::optional<std::uint32_t> Section::bandwidth(std::string_view type) const noexcept {
  for (const Line& line : lines) {
    if (line.type != 'b') continue;
    const std::string_view text = line.value;
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos || text.substr(0, colon) != type) continue;
    std::uint32_t value = 0;
    const auto read = std::from_chars(text.data() + colon + 1, text.data() + text.size(), value);
    if (read.ec != std::errc()) return std::nullopt;
    return value;
  }
  return std::nullopt;
}

std::optional<Direction> Section::direction() const noexcept {
  Direction found = Direction::sendrecv;
  for (const Line& line : lines)
    if (line.type == 'a' && is_direction(attribute_of(line.value).name, found)) return found;
  return std::nullopt;
}

void Section::direction(Direction direction) {
  bool done = false;
  for (auto line = lines.begin(); line != lines.end();) {
    Direction old = Direction::sendrecv;
    if (line->type != 'a' || !is_direction(attribute_of(line->value).name, old)) {
      ++line;
    } else if (done) {
      line = lines.erase(line);
    } else {
      line->value = to_string(direction);
      done = true;
      ++line;
    }
  }
  if (!done) add_attribute(to_string(direction));
}

// ---- media ----

std::optional<RtpMap> Media::rtpmap(std::string_view format) const noexcept {
  std::uint8_t payload_type = 0;
  const char* const end = format.data() + format.size();
  const auto read = std::from_chars(format.data(), end, payload_type);
  if (read.ec != std::errc() || read.ptr != end || payload_type > 127) return std::nullopt;
  constexpr std::string_view kName = "rtpmap:";
  for (const Line& line : lines) {
    if (line.type != 'a' || line.value.compare(0, kName.size(), kName) != 0) continue;
    const std::string_view value = std::string_view(line.value).substr(kName.size());
    std::uint8_t mapped = 0;
    const auto number = std::from_chars(value.data(), value.data() + value.size(), mapped);
    if (number.ec != std::errc() || mapped != payload_type) continue;
    if (const auto map = rtpmap_of(value)) return map;
  }
  return static_rtpmap(payload_type);
}

std::optional<std::string_view> Media::fmtp(std::string_view format) const noexcept {
  for (const Line& line : lines) {
    if (!is_named(line, "fmtp")) continue;
    const std::string_view value = attribute_of(line.value).value;
    const std::size_t space = value.find(' ');
    if (space != std::string_view::npos && value.substr(0, space) == format)
      return value.substr(space + 1);
  }
  return std::nullopt;
}

// ---- session ----

Session::Session() { lines.push_back({'t', "0 0"}); }

Session::Session(const View& view) : name(view.name()) {
  const OriginView o = view.origin();
  if (!o.session_id.empty())
    origin = {std::string(o.username), std::string(o.session_id), std::string(o.session_version),
              std::string(o.net_type), std::string(o.addr_type),  std::string(o.address)};
  read(view.lines(), lines);
  if (find('t') == nullptr) add('t', "0 0");
  as_read = view.session_text();
  media.reserve(view.media_count());
  for (const MediaView& from : view.media()) read(from, media.emplace_back());
}

expected<Session, ParseError> Session::parse(std::string_view text, const Reading& reading) {
  const auto view = View::parse(text, reading);
  if (!view) return unexpected(view.error());
  return Session(*view);
}

std::string Session::to_string() const {
  std::string out;
  out.reserve(512);  // what most take
  print_session_level(out, *this);
  for (const Media& medium : media) print(out, medium);
  return out;
}

// A section is as it was read where its bytes still read as the section.
std::string Session::verbatim() const {
  Reading lenient;
  lenient.mode = Mode::lenient;
  lenient.limits = {UINT32_MAX, UINT32_MAX, UINT32_MAX};
  std::string out;
  const auto level = as_read.empty() ? unexpected(ParseError{}) : parse(as_read, lenient);
  if (level && level->media.empty() && same_session_level(*level, *this))
    out += as_read;
  else
    print_session_level(out, *this);
  for (const Media& medium : media) {
    Media again;
    const View::MediaRange sections(medium.as_read, 0);
    const auto section = sections.begin();
    if (section != sections.end()) read(*section, again);
    const bool whole = again.as_read.size() == medium.as_read.size() && !medium.as_read.empty();
    // Behind a section that lacks its line end nothing may follow but the end.
    if (!out.empty() && out.back() != '\n') out += "\r\n";
    if (whole && again == medium)
      out += medium.as_read;
    else
      print(out, medium);
  }
  return out;
}

bool Session::well_formed() const {
  const std::string text = to_string();
  const auto view = View::parse(text);
  if (!view || !reads_as(view->origin(), origin) || view->name() != name ||
      !reads_as(view->lines(), lines) || view->media_count() != media.size())
    return false;
  auto medium = media.begin();
  for (const MediaView& from : view->media())
    if (!reads_as(from, *medium++)) return false;
  return true;
}

Direction Session::direction_of(const Media& medium) const noexcept {
  if (const auto own = medium.direction()) return *own;
  return Section::direction().value_or(Direction::sendrecv);
}

std::optional<Connection> Session::connection_of(const Media& medium) const noexcept {
  if (const auto own = medium.connection()) return own;
  return connection();
}

}  // namespace sipstack::sdp
