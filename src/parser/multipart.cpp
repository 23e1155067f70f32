// SPDX-License-Identifier: Apache-2.0
// Bodies cut into parts. RFC 2046 section 5.1.1, RFC 3261 sections 7.4 and 20.11 to 20.15, RFC 5621.
#include <algorithm>
#include <cstring>

#include "parser/chars.hpp"
#include "parser/scan.hpp"
#include "sipstack/parser/body.hpp"
#include "sipstack/parser/diagnostics.hpp"

namespace sipstack {
namespace {

bool is_boundary_char(char c) noexcept {
  return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
         std::string_view("'()+_,-./:=? ").find(c) != std::string_view::npos;
}

bool starts(std::string_view text, std::string_view with) noexcept {
  return text.substr(0, with.size()) == with;
}

Handling handling_of(const Params& params) noexcept {
  const auto value = params.find("handling");
  if (!value || iequals(*value, "required")) return Handling::required;
  return iequals(*value, "optional") ? Handling::optional : Handling::other;
}

TransferEncoding encoding_of(std::string_view value) noexcept {
  if (iequals(value, "binary")) return TransferEncoding::binary;
  if (iequals(value, "7bit")) return TransferEncoding::seven_bit;
  if (iequals(value, "8bit")) return TransferEncoding::eight_bit;
  if (iequals(value, "base64")) return TransferEncoding::base64;
  if (iequals(value, "quoted-printable")) return TransferEncoding::quoted_printable;
  return TransferEncoding::other;
}

std::string_view without_brackets(std::string_view id) noexcept {
  const bool inside = id.size() >= 2 && id.front() == '<' && id.back() == '>';
  return inside ? id.substr(1, id.size() - 2) : id;
}

// RFC 3261 section 20.11: what is meant where no Content-Disposition stands.
void default_disposition(BodyPart& part) noexcept {
  if (part.disposition.empty())
    part.disposition = part.type.is("application", "sdp") ? "session" : "render";
}

// One multipart whose parts are being read.
struct Level {
  std::string_view boundary;
  const char* at = nullptr;   ///< where the next part begins
  const char* end = nullptr;  ///< of the multipart's content
  std::uint16_t part = 0;     ///< its index
  bool closed = false;
};

// A line of "--boundary".
struct Delimiter {
  const char* content_end = nullptr;  ///< before the line end that belongs to it
  const char* line = nullptr;
  const char* next = nullptr;  ///< behind it
  bool closes = false;
};

class BodyPass {
 public:
  BodyPass(const char* base, BodyIndex& index, const BodyReading& reading) noexcept
      : base_(base), index_(index), reading_(reading) {
    index.size = 0;
  }

  /// The body as a whole stands in parts[0].
  expected<void, ParseError> run() noexcept;
  std::uint32_t offset(const char* at) const noexcept {
    return static_cast<std::uint32_t>(at - base_);
  }
  bool fail(ParseErrc code, const char* at, HeaderId header = HeaderId::other) noexcept {
    if (error_.code == ParseErrc::ok) error_ = {code, header, offset(at)};
    return false;
  }
  void note(const char* at, Repair rule) noexcept {
    if (reading_.told != nullptr) reading_.told->tell({rule, HeaderId::other, offset(at)});
  }
  expected<void, ParseError> result() noexcept {
    if (error_.code == ParseErrc::ok) return {};
    index_.size = 0;
    return unexpected(error_);
  }

 private:
  bool open(std::uint16_t part) noexcept;
  bool next_part(Level& level) noexcept;
  bool delimiter(const Level& level, const char* from, bool first, Delimiter& out) noexcept;
  bool delimiter_line(const char* tail, const Level& level, Delimiter& out) noexcept;
  bool read_headers(BodyPart& part, std::string_view content) noexcept;
  bool take_header(BodyPart& part, const HeaderView& header, unsigned& seen) noexcept;
  const char* line_end(const char* line, const char* end) noexcept;
  std::size_t end_of_line(const char* at, const char* end) const noexcept;

  const char* base_;
  BodyIndex& index_;
  const BodyReading& reading_;
  Level levels_[BodyIndex::kDepth];
  std::size_t depth_ = 0;
  bool feeds_ = false;       ///< LF ends lines, in all of the body
  bool begun_ = false;       ///< a first delimiter has told which
  std::string_view length_;  ///< Content-Length of the part at hand, as it stands
  std::uint32_t length_number_ = 0;
  ParseError error_;
};

// How many bytes of a line end stand at `at`, in this body's manner.
std::size_t BodyPass::end_of_line(const char* at, const char* end) const noexcept {
  if (feeds_) return at != end && *at == '\n' ? 1 : 0;
  return end - at >= 2 && at[0] == '\r' && at[1] == '\n' ? 2 : 0;
}

// What is behind "--boundary" at a line's beginning. Anything but white space and the line end, or "--"
// and those, could be taken for another boundary, or for text.
bool BodyPass::delimiter_line(const char* tail, const Level& level, Delimiter& out) noexcept {
  const char* p = tail;
  out.closes = level.end - p >= 2 && p[0] == '-' && p[1] == '-';
  if (out.closes) p += 2;
  while (p != level.end && (*p == ' ' || *p == '\t')) ++p;
  if (p == level.end) {
    if (!out.closes) return fail(ParseErrc::bad_body, p);
    out.next = p;
    return true;
  }
  if (!begun_ && *p == '\n') {
    if (!reading_.lenient) return fail(ParseErrc::bad_body, p);
    feeds_ = true;
    note(p, Repair::body_line_feed);
  }
  begun_ = true;
  const std::size_t ending = end_of_line(p, level.end);
  if (ending == 0) return fail(ParseErrc::bad_body, p);
  out.next = p + ending;
  return true;
}

// The first delimiter from `from` on; out.line is null where there is none. False: refused.
bool BodyPass::delimiter(const Level& level, const char* from, bool first,
                         Delimiter& out) noexcept {
  const std::string_view text = scan::text(from, level.end);
  out = {};
  for (std::size_t at = 0; (at = text.find(level.boundary, at)) != std::string_view::npos; ++at) {
    if (at < 2 || text[at - 1] != '-' || text[at - 2] != '-') continue;
    const char* const line = text.data() + at - 2;
    if (line == from) {
      // In front of the first one nothing need be. Behind another, its own line end is missing.
      if (!first) return fail(ParseErrc::bad_body, line);
      out.content_end = line;
    } else if (line - from >= 2 && line[-2] == '\r' && line[-1] == '\n') {
      out.content_end = line - 2;
      if (feeds_) return fail(ParseErrc::bad_body, line);
    } else if (line[-1] == '\n' && (feeds_ || (!begun_ && reading_.lenient))) {
      out.content_end = line - 1;
    } else if (line[-1] == '\n' || line[-1] == '\r') {
      return fail(ParseErrc::bad_body, line - 1);
    } else {
      continue;
    }
    out.line = line;
    const bool preamble_feeds = line != from && out.content_end == line - 1;
    if (!delimiter_line(text.data() + at + level.boundary.size(), level, out)) return false;
    if (preamble_feeds != feeds_ && line != from) return fail(ParseErrc::bad_body, line - 1);
    return true;
  }
  return true;
}

bool BodyPass::open(std::uint16_t index) noexcept {
  BodyPart& part = index_.parts[index];
  const char* const begin = part.bytes.data();
  if (depth_ >= std::min<std::size_t>(reading_.limits.depth, BodyIndex::kDepth))
    return fail(ParseErrc::too_many, begin);
  Level& level = levels_[depth_];
  level = {};
  auto boundary = boundary_of(part.type);
  if (!boundary && reading_.lenient) {
    boundary = boundary_of(part.type, true);
    if (boundary) note(begin, Repair::odd_boundary);
  }
  if (!boundary) return fail(ParseErrc::bad_body, begin);
  level.boundary = *boundary;
  level.end = begin + part.bytes.size();
  level.part = index;
  Delimiter first;
  if (!delimiter(level, begin, true, first)) return false;
  // Not one part: some printers have made much of so little.
  if (first.line == nullptr) return fail(ParseErrc::bad_body, begin);
  if (first.closes) return fail(ParseErrc::bad_body, first.line);
  part.preamble = scan::text(begin, first.content_end);
  level.at = first.next;
  ++depth_;
  return true;
}

bool BodyPass::next_part(Level& level) noexcept {
  Delimiter behind;
  if (!delimiter(level, level.at, false, behind)) return false;
  if (behind.line == nullptr) return fail(ParseErrc::bad_body, level.end);
  const std::size_t limit =
      std::min<std::size_t>(reading_.limits.parts, BodyIndex::kCapacity) + 1;  // and the whole
  if (index_.size >= limit) return fail(ParseErrc::too_many, level.at);
  const std::uint16_t index = index_.size++;
  BodyPart& part = index_.parts[index];
  part = {};
  part.depth = static_cast<std::uint8_t>(depth_);
  part.parent = level.part;
  part.next = index_.size;
  if (!read_headers(part, scan::text(level.at, behind.content_end))) return false;

  if (behind.closes) {
    level.closed = true;
    BodyPart& whole = index_.parts[level.part];
    whole.epilogue = scan::text(behind.next, level.end);
    // A delimiter behind the last one: are there more parts or not?
    Delimiter again;
    Level rest = level;
    if (!delimiter(rest, behind.next, true, again)) return false;
    if (again.line != nullptr) return fail(ParseErrc::bad_body, again.line);
  }
  level.at = behind.next;
  return !part.is_multipart() || open(index);
}

expected<void, ParseError> BodyPass::run() noexcept {
  index_.size = 1;
  BodyPart& whole = index_.parts[0];
  whole.next = 1;
  default_disposition(whole);
  if (!whole.is_multipart() || !open(0)) return result();
  while (depth_ != 0) {
    Level& level = levels_[depth_ - 1];
    if (level.closed) {
      index_.parts[level.part].next = index_.size;
      --depth_;
    } else if (!next_part(level)) {
      break;
    }
  }
  return result();
}

// ---- header fields of a part ----

// The line end that ends the header field at `line`, folds stepped over; null where there is none or a
// byte that may not stand there.
const char* BodyPass::line_end(const char* line, const char* end) noexcept {
  for (const char* p = line;;) {
    p = scan::find_control(p, end);
    if (p == end) {
      fail(ParseErrc::bad_body, line);
      return nullptr;
    }
    const std::size_t ending = end_of_line(p, end);
    if (ending != 0) {
      const char* const next = p + ending;
      if (next == end || (*next != ' ' && *next != '\t')) return p;
      p = next;
    } else if (*p == '\t') {
      ++p;
    } else {
      fail(ParseErrc::bad_byte, p);
      return nullptr;
    }
  }
}

bool BodyPass::take_header(BodyPart& part, const HeaderView& header, unsigned& seen) noexcept {
  const char* cursor = header.value.data();
  const char* const end = cursor + header.value.size();
  const auto once = [&](unsigned bit) {
    if ((seen & bit) != 0) return fail(ParseErrc::duplicate_header, header.name.data(), header.id);
    seen |= bit;
    return true;
  };
  const auto good = [&](ParseErrc code) {
    if (code == ParseErrc::ok && cursor != end) code = ParseErrc::trailing_bytes;
    return code == ParseErrc::ok || fail(code, cursor, header.id);
  };
  if (header.id == HeaderId::content_type)
    return once(1) && good(parse_value(cursor, end, part.type));
  if (header.id == HeaderId::content_disposition) {
    TokenValue value;
    if (!once(2) || !good(parse_value(cursor, end, value))) return false;
    part.disposition = value.token;
    part.handling = handling_of(value.params);
  } else if (header.id == HeaderId::content_length) {
    NumberValue value;
    if (!once(4) || !good(parse_number(cursor, end, value))) return false;
    length_ = header.value;
    length_number_ = value.number;
  } else if (iequals(header.name, "Content-Transfer-Encoding")) {
    if (!once(8)) return false;
    part.encoding = encoding_of(header.value);
  } else if (iequals(header.name, "Content-ID")) {
    if (!once(16)) return false;
    part.id = without_brackets(header.value);
  }
  return true;
}

//   body-part := MIME-part-headers [CRLF *OCTET]
bool BodyPass::read_headers(BodyPart& part, std::string_view content) noexcept {
  const char* const begin = content.data();
  const char* const end = begin + content.size();
  const char* line = begin;
  unsigned seen = 0;
  unsigned count = 0;
  length_ = {};
  std::size_t blank = 0;
  while (line != end && (blank = end_of_line(line, end)) == 0) {
    const char* const stop = line_end(line, end);
    if (stop == nullptr) return false;
    const char* name_end = line;
    while (name_end != stop && is_token_char(*name_end)) ++name_end;
    const char* colon = name_end;
    while (colon != stop && (*colon == ' ' || *colon == '\t')) ++colon;
    if (name_end == line || colon == stop || *colon != ':')
      return fail(ParseErrc::bad_header_name, colon);
    if (++count > reading_.limits.headers) return fail(ParseErrc::too_many, line);
    HeaderView header;
    header.name = scan::text(line, name_end);
    header.id = header_id(header.name);
    const char* const value = scan::skip_white(colon + 1, stop);
    header.value = scan::text(value, scan::trim_white(value, stop));
    if (!take_header(part, header, seen)) return false;
    line = stop + end_of_line(stop, end);
    if (static_cast<std::size_t>(line - begin) > reading_.limits.header_block)
      return fail(ParseErrc::too_large, begin);
  }
  part.headers = PartHeaders(scan::text(begin, line));
  part.bytes = line == end ? scan::text(end, end) : scan::text(line + blank, end);
  if (part.type.type.empty()) {
    const bool digest = iequals(index_.parts[part.parent].type.subtype, "digest");
    part.type.type = digest ? "message" : "text";
    part.type.subtype = digest ? "rfc822" : "plain";
  }
  default_disposition(part);
  if (!length_.empty() && length_number_ != part.bytes.size()) {
    // The boundary says where a part ends (RFC 2046 section 5.1.1); who believes the number sees another.
    if (!reading_.lenient)
      return fail(ParseErrc::bad_content_length, length_.data(), HeaderId::content_length);
    note(length_.data(), Repair::part_length);
  }
  return true;
}

}  // namespace

std::optional<std::string_view> boundary_of(const MediaType& type, bool lenient) noexcept {
  std::optional<std::string_view> found;
  for (const Param& param : type.params) {
    if (!iequals(param.name, "boundary")) continue;
    if (found || !param.has_value) return std::nullopt;
    found = param.value;
  }
  if (!found) return found;
  if (starts(*found, "\"")) {
    if (found->size() < 2 || found->back() != '"') return std::nullopt;
    found = found->substr(1, found->size() - 2);
  }
  const auto fits = [lenient](char c) {
    return is_boundary_char(c) || (lenient && c > 0x20 && c < 0x7f && c != '"' && c != '\\');
  };
  if (found->empty() || found->size() > 70 || found->back() == ' ' ||
      !std::all_of(found->begin(), found->end(), fits))
    return std::nullopt;
  return found;
}

expected<void, ParseError> parse_body(const MessageView& m, BodyIndex& index,
                                      const BodyReading& reading) noexcept {
  const std::string_view body = m.body();
  BodyPass pass(body.data() - m.head().body.begin, index, reading);
  const auto type = m.get(hdr::content_type);
  if (!type) {
    if (body.empty() && type.error().code == ParseErrc::missing_header) return {};
    return unexpected(type.error());
  }
  BodyPart& whole = index.parts[0];
  whole = {};
  whole.type = *type;
  whole.bytes = body;
  if (const auto disposition = m.get(hdr::content_disposition)) {
    whole.disposition = disposition->token;
    whole.handling = handling_of(disposition->params);
  } else if (disposition.error().code != ParseErrc::missing_header) {
    return unexpected(disposition.error());
  }
  if (const auto encoding = m.raw("Content-Transfer-Encoding"))
    whole.encoding = encoding_of(*encoding);
  if (const auto id = m.raw("Content-ID")) whole.id = without_brackets(*id);
  return pass.run();
}

expected<void, ParseError> parse_body(std::string_view bytes, std::string_view content_type,
                                      BodyIndex& index, const BodyReading& reading) noexcept {
  BodyPass pass(bytes.data(), index, reading);
  BodyPart& whole = index.parts[0];
  whole = {};
  const char* cursor = content_type.data();
  const char* const end = cursor + content_type.size();
  if (parse_value(cursor, end, whole.type) != ParseErrc::ok || cursor != end)
    return unexpected(ParseError{ParseErrc::bad_header, HeaderId::content_type, 0});
  whole.bytes = bytes;
  return pass.run();
}

}  // namespace sipstack
