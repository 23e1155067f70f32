// SPDX-License-Identifier: Apache-2.0
// Fragments of messages, line by line. RFC 3420 section 2.1:
//   sipfrag = [ start-line ] *message-header [ CRLF [ message-body ] ]
#include "sipstack/parser/fragment.hpp"

#include <algorithm>

#include "parser/chars.hpp"
#include "parser/scan.hpp"

namespace sipstack {
namespace {

class Fragment {
 public:
  Fragment(std::string_view bytes, MessageIndex& index, const ParseLimits& limits) noexcept
      : begin_(bytes.data()), end_(begin_ + bytes.size()), index_(index), limits_(limits) {
    static_cast<IndexHead&>(index) = IndexHead{};
  }
  expected<void, ParseError> run() noexcept;

 private:
  Span16 span(std::string_view text) const noexcept {
    if (text.empty()) return {};
    return {static_cast<std::uint16_t>(text.data() - begin_),
            static_cast<std::uint16_t>(text.size())};
  }
  void fail(ParseErrc code, const char* at, HeaderId header = HeaderId::other) noexcept {
    if (error_.code == ParseErrc::ok)
      error_ = {code, header, static_cast<std::uint32_t>(at - begin_)};
  }
  const char* line_end(const char* line, bool folds) noexcept;
  bool is_start_line(const char* line) const noexcept;
  void start_line(const char* line, const char* stop) noexcept;
  void header(const char* line, const char* stop) noexcept;
  void check(HeaderId id, const char* name, const char* value, const char* end) noexcept;
  void check_vias(const char* value, const char* end) noexcept;
  void check_address(HeaderId id, const char* value, const char* end, Span16& tag) noexcept;
  bool one(const Params& params, std::string_view name, HeaderId id, Span16& out) noexcept;
  void body(const char* at) noexcept;

  const char* begin_;
  const char* end_;
  MessageIndex& index_;
  const ParseLimits& limits_;
  const char* length_at_ = nullptr;
  std::uint32_t length_ = 0;
  std::uint64_t seen_ = 0;
  ParseError error_;
};

// Whether the byte at `to` is escaped in a quoted string (RFC 4475 section 3.1.1.2). Goes on from where it
// was, so that a line costs one walk.
struct Quotes {
  const char* at;
  bool inside = false;
  bool escaped(const char* to) noexcept {
    bool escape = false;
    for (; at != to; ++at) {
      if (escape)
        escape = false;
      else if (*at == '"')
        inside = !inside;
      else
        escape = inside && *at == '\\';
    }
    if (escape) ++at;
    return escape;
  }
};

// The CRLF that ends the line, or the end of the bytes.
const char* Fragment::line_end(const char* line, bool folds) noexcept {
  Quotes quotes{line};
  for (const char* p = line;;) {
    p = scan::find_control(p, end_);
    if (p == end_) return p;
    if (end_ - p >= 2 && p[0] == '\r' && p[1] == '\n') {
      const bool folded = folds && end_ - p > 2 && (p[2] == ' ' || p[2] == '\t');
      if (!folded) return p;
      p += 3;
    } else if (*p == '\t' || (folds && *p != '\r' && *p != '\n' && quotes.escaped(p))) {
      ++p;
    } else {
      fail(ParseErrc::bad_byte, p);
      return p;
    }
  }
}

// A header field has a colon behind its name; a request line has a space, and SIP/ in its last word.
bool Fragment::is_start_line(const char* line) const noexcept {
  const std::string_view rest = scan::text(line, end_);
  const std::string_view text = rest.substr(0, rest.find('\r'));
  if (iequals(text.substr(0, 4), "SIP/")) return true;
  const std::size_t space = text.find(' ');
  const std::size_t last = text.rfind(' ');
  return space != last && is_token(text.substr(0, space)) && text[space + 1] != ':' &&
         iequals(text.substr(last + 1, 4), "SIP/");
}

void Fragment::start_line(const char* line, const char* stop) noexcept {
  const std::string_view text = scan::text(line, stop);
  constexpr std::string_view kVersion = "SIP/2.0";
  if (iequals(text.substr(0, 4), "SIP/")) {
    //   Status-Line = SIP-Version SP Status-Code SP Reason-Phrase CRLF
    if (!iequals(text.substr(0, 7), kVersion)) return fail(ParseErrc::bad_version, line);
    if (text.size() < 12 || text[7] != ' ' || text[11] != ' ')
      return fail(ParseErrc::bad_start_line, line);
    const std::string_view digits = text.substr(8, 3);
    const bool number =
        std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; });
    std::uint32_t code = 0;
    if (!number || !scan::number(digits, 699, code) || code < 100)
      return fail(ParseErrc::bad_status, digits.data());
    index_.status = static_cast<std::uint16_t>(code);
    index_.reason = span(text.substr(12));
    return;
  }
  //   Request-Line = Method SP Request-URI SP SIP-Version CRLF
  const std::size_t space = text.find(' ');
  const std::size_t last = text.rfind(' ');
  const std::string_view uri_text = text.substr(space + 1, last - space - 1);
  index_.request = true;
  index_.method_name = span(text.substr(0, space));
  index_.method = method_from(text.substr(0, space));
  index_.uri = span(uri_text);
  if (!iequals(text.substr(last + 1), kVersion))
    return fail(ParseErrc::bad_version, text.data() + last + 1);
  if (uri_text.size() > limits_.uri) return fail(ParseErrc::uri_too_long, uri_text.data());
  Uri uri;
  scan::Scan s{uri_text.data(), uri_text.data() + uri_text.size(), end_};
  const ParseErrc code = scan::scanners().uri(s, uri);
  if (code != ParseErrc::ok) return fail(code, s.at);
  if (s.params > limits_.params) fail(ParseErrc::too_many, uri_text.data());
}

void Fragment::header(const char* line, const char* stop) noexcept {
  const char* name_end = line;
  while (name_end != stop && is_token_char(*name_end)) ++name_end;
  const char* colon = name_end;
  while (colon != stop && (*colon == ' ' || *colon == '\t')) ++colon;
  if (name_end == line || colon == stop || *colon != ':')
    return fail(ParseErrc::bad_header_name, colon);
  const std::string_view name = scan::text(line, name_end);
  const HeaderId id = header_id(name);
  const char* const value = scan::skip_white(colon + 1, stop);
  const char* const end = scan::trim_white(value, stop);
  if (name.size() > std::min<std::uint32_t>(limits_.header_name, 255))
    return fail(ParseErrc::too_large, line);
  if (end - value > static_cast<std::ptrdiff_t>(limits_.header_value))
    return fail(ParseErrc::too_large, value, id);
  if (index_.headers >= std::min<std::size_t>(limits_.headers, MessageIndex::kCapacity))
    return fail(ParseErrc::too_many, line, id);
  HeaderEntry& entry = index_.entries[index_.headers++];
  entry.name = static_cast<std::uint16_t>(line - begin_);
  entry.value = static_cast<std::uint16_t>(value - begin_);
  entry.length = static_cast<std::uint16_t>(end - value);
  entry.name_length = static_cast<std::uint8_t>(name.size());
  entry.id = id;
  check(id, line, value, end);
}

// As of a whole message (RFC 3261 section 8.1.1), for what is there.
void Fragment::check(HeaderId id, const char* name, const char* value, const char* end) noexcept {
  const auto once = [&] {
    const std::uint64_t bit = std::uint64_t{1} << (static_cast<unsigned>(id) & 63U);
    if ((seen_ & bit) != 0) fail(ParseErrc::duplicate_header, name, id);
    seen_ |= bit;
  };
  const char* cursor = value;
  switch (id) {
    case HeaderId::via: return check_vias(value, end);
    case HeaderId::from: return once(), check_address(id, value, end, index_.from_tag);
    case HeaderId::to: return once(), check_address(id, value, end, index_.to_tag);
    case HeaderId::call_id: {
      once();
      TextValue text;
      const ParseErrc code = parse_call_id(cursor, end, text);
      if (code != ParseErrc::ok) return fail(code, cursor, id);
      index_.call_id = span(text.text);
      return;
    }
    case HeaderId::cseq: {
      once();
      CSeq cseq;
      const ParseErrc code = parse_value(cursor, end, cseq);
      if (code != ParseErrc::ok) return fail(code, cursor, id);
      index_.cseq = cseq.number;
      if (!index_.request) {
        index_.method = cseq.method;
        index_.method_name = span(cseq.method_name);
      } else if (index_.method_name.in(begin_) != cseq.method_name) {
        fail(ParseErrc::cseq_mismatch, cseq.method_name.data(), id);
      }
      return;
    }
    case HeaderId::max_forwards:
    case HeaderId::content_length: {
      once();
      NumberValue number;
      ParseErrc code = parse_number(cursor, end, number);
      if (id == HeaderId::content_length) {
        if (code == ParseErrc::bad_header) code = ParseErrc::bad_content_length;
        if (code != ParseErrc::ok) return fail(code, cursor, id);
        index_.has_content_length = true;
        length_ = number.number;
        length_at_ = value;
        return;
      }
      if (code != ParseErrc::ok) return fail(code, cursor, id);
      if (number.number > 255) return fail(ParseErrc::out_of_range, value, id);
      index_.max_forwards = static_cast<std::int16_t>(number.number);
      return;
    }
    case HeaderId::content_type: return once();
    default: return;
  }
}

void Fragment::check_vias(const char* value, const char* end) noexcept {
  scan::Scan s{value, end, end_};
  for (;; ++s.at) {
    Via via;
    s.params = 0;
    const ParseErrc code = scan::scanners().via(s, via);
    ++index_.vias;
    if (code != ParseErrc::ok) return fail(code, s.at, HeaderId::via);
    if (s.params > limits_.params || index_.vias > limits_.vias)
      return fail(ParseErrc::too_many, value, HeaderId::via);
    if (index_.vias == 1) {
      index_.sent_by = span(via.sent_by());
      if (!one(via.params, "branch", HeaderId::via, index_.branch)) return;
    }
    if (s.at == end) return;
  }
}

void Fragment::check_address(HeaderId id, const char* value, const char* end,
                             Span16& tag) noexcept {
  NameAddr address;
  scan::Scan s{value, end, end_};
  const ParseErrc code = scan::scanners().name_addr(s, address, scan::Address::any);
  if (code != ParseErrc::ok) return fail(code, s.at, id);
  if (s.at != end) return fail(ParseErrc::trailing_bytes, s.at, id);
  if (s.params > limits_.params) return fail(ParseErrc::too_many, value, id);
  one(address.params, "tag", id, tag);
}

// A token, once: transactions and dialogs are identified by it (RFC 3261 sections 17.1.3 and 12).
bool Fragment::one(const Params& params, std::string_view name, HeaderId id, Span16& out) noexcept {
  bool seen = false;
  for (const Param& param : params) {
    if (!iequals(param.name, name)) continue;
    if (seen || param.value.empty() || param.value.front() == '"') {
      fail(ParseErrc::bad_header, param.name.data(), id);
      return false;
    }
    seen = true;
    out = span(param.value);
  }
  return true;
}

void Fragment::body(const char* at) noexcept {
  const auto left = static_cast<std::size_t>(end_ - at);
  // Section 2: the body alone may have been deleted.
  if (index_.has_content_length && length_ > left && left != 0)
    fail(ParseErrc::body_too_short, length_at_, HeaderId::content_length);
  const std::size_t length =
      index_.has_content_length ? std::min<std::size_t>(length_, left) : left;
  index_.body = {static_cast<std::uint16_t>(at - begin_), static_cast<std::uint16_t>(length)};
  index_.size = static_cast<std::uint32_t>(at + length - begin_);
}

expected<void, ParseError> Fragment::run() noexcept {
  if (end_ - begin_ > static_cast<std::ptrdiff_t>(std::min<std::uint32_t>(limits_.message, 0xffff)))
    return unexpected(ParseError{ParseErrc::too_large, HeaderId::other, 0});
  index_.size = static_cast<std::uint32_t>(end_ - begin_);
  const char* line = begin_;
  bool first = true;
  const char* fields = nullptr;
  while (line != end_ && error_.code == ParseErrc::ok) {
    // A header field may be folded, a start line not.
    const bool start = first && is_start_line(line);
    const char* const stop = line_end(line, !start);
    if (error_.code != ParseErrc::ok) break;
    if (stop == line) {  // the empty line
      body(stop + 2);
      break;
    }
    if (start) {
      start_line(line, stop);
      if (stop - line > static_cast<std::ptrdiff_t>(limits_.start_line))
        fail(ParseErrc::too_large, line);
    } else {
      if (fields == nullptr) fields = line;
      header(line, stop);
      if (stop - fields > static_cast<std::ptrdiff_t>(limits_.header_block))
        fail(ParseErrc::too_large, line);
    }
    first = false;
    line = stop != end_ ? stop + 2 : end_;
  }
  if (error_.code != ParseErrc::ok) return unexpected(error_);
  return {};
}

}  // namespace

expected<void, ParseError> parse_fragment(std::string_view bytes, MessageIndex& index,
                                          const ParseLimits& limits) noexcept {
  return Fragment(bytes, index, limits).run();
}

}  // namespace sipstack
