// SPDX-License-Identifier: Apache-2.0
// What is checked of every message while it is read. RFC 3261 sections 7, 8.1.1, 18.3.

namespace sipstack::scan::SIPSTACK_ISA {
namespace {

constexpr std::uint64_t bit(HeaderId id) noexcept {
  return std::uint64_t{1} << static_cast<unsigned>(id);
}

// Every element acts upon these; two of one of them would be read differently by different elements
// (RFC 4475 section 3.3.8 and 3.3.9).
constexpr std::uint64_t kOnce = bit(HeaderId::from) | bit(HeaderId::to) | bit(HeaderId::call_id) |
                                bit(HeaderId::cseq) | bit(HeaderId::max_forwards) |
                                bit(HeaderId::content_length) | bit(HeaderId::content_type);

// A place for a value that a scanner fills whole: clearing it first would cost as much as the scan.
template <class T>
union Unfilled {
  Unfilled() noexcept {}
  T value;
};

// Keeps apart what quoted-pair lets in (RFC 4475 section 3.1.1.2: "\" NUL in a display name) from bare
// control characters. Goes on from where it was, so that a value costs one walk.
class Quotes {
 public:
  explicit Quotes(const char* at) noexcept : at_(at) {}
  /// Whether *control is escaped in a quoted string.
  bool escapes(const char* control) noexcept {
    bool escaped = false;
    for (; at_ != control; ++at_) {
      if (escaped) {
        escaped = false;
      } else if (*at_ == '"') {
        inside_ = !inside_;
      } else if (*at_ == '\\') {
        escaped = inside_;
      }
    }
    if (escaped) ++at_;
    return escaped;
  }

 private:
  const char* at_;
  bool inside_ = false;
};

// ---- the start line ----

void MessagePass::start_line(const char* at) noexcept {
  index_.start = offset16(at);
  line_ = at;
}

void MessagePass::method(const char* first, const char* last) noexcept {
  index_.request = true;
  index_.method_name = span(first, last);
  index_.method = method_from(text(first, last));
}

void MessagePass::request_uri(const char* first, const char* last) noexcept {
  index_.uri = span(first, last);
  if (index_.uri.length > limits_.uri) return fail(ParseErrc::uri_too_long, first);
  if (!checked_) return;
  Uri uri;
  Scan s{first, last, readable_};
  const ParseErrc code = scan::SIPSTACK_ISA::uri(s, uri);
  if (code != ParseErrc::ok) return fail(code, s.at);
  // A Request-URI has no header fields (RFC 3261 section 19.1.1, table 1; RFC 4475 section 3.1.2.11).
  if (!uri.headers.empty()) return fail(ParseErrc::bad_uri, uri.headers.data() - 1);
  if (s.params > limits_.params) fail(ParseErrc::too_many, uri.params.text().data());
}

void MessagePass::version(const char* first, const char* last) noexcept {
  if (text(first, last) != "2.0") fail(ParseErrc::bad_version, first);
}

void MessagePass::status(const char* first, const char* last) noexcept {
  std::uint32_t code = 0;
  if (last - first == 3 && number(text(first, last), 699, code) && code >= 100) {
    index_.status = static_cast<std::uint16_t>(code);
  } else {
    fail(ParseErrc::bad_status, first);
  }
}

void MessagePass::status_line(const char* reason, const char* line_feed) noexcept {
  index_.reason = span(reason, line_feed - 1);
  end_start_line(line_feed);
}

void MessagePass::end_start_line(const char* line_feed) noexcept {
  fields_ = line_ = line_feed + 1;
  if (fields_ - begin_ - index_.start - 2 > static_cast<std::ptrdiff_t>(limits_.start_line)) {
    fail(ParseErrc::too_large, begin_ + index_.start);
  }
}

const char* MessagePass::bad_start_line(const char* at) noexcept {
  const char* const line = line_ = begin_ + index_.start;
  const void* const found = std::memchr(line, '\n', static_cast<std::size_t>(end_ - line));
  const char* const line_feed = found == nullptr ? end_ : static_cast<const char*>(found);
  const bool carriage = line_feed != line && line_feed[-1] == '\r';
  std::string_view rest = text(line, line_feed - (carriage ? 1 : 0));

  if (iequals(rest.substr(0, 4), "SIP/")) {
    fail(ParseErrc::bad_start_line, at);
  } else {
    // METHOD ... SIP/x: a request, if not a good one.
    const std::size_t version = rest.rfind(" SIP/");
    const std::size_t space = rest.find(' ');
    if (version == std::string_view::npos || space == 0) {
      // Whatever was wrong with its parts, it is none of ours.
      error_ = ParseError{ParseErrc::not_sip, HeaderId::other, offset(at)};
      return nullptr;
    }
    const std::string_view name = rest.substr(0, space);
    if (!is_token(name)) {
      index_.request = true;
      fail(ParseErrc::bad_method, at);
    } else {
      method(name.data(), name.data() + name.size());
      std::string_view uri = version > space ? rest.substr(space + 1, version - space - 1) : "";
      while (!uri.empty() && uri.front() == ' ') uri.remove_prefix(1);
      while (!uri.empty() && uri.back() == ' ') uri.remove_suffix(1);
      index_.uri = span(uri);
      // White space or a control character inside the URI, or only around it.
      const bool inside =
          find_control(uri.data(), uri.data() + uri.size()) != uri.data() + uri.size() ||
          uri.find(' ') != std::string_view::npos;
      fail(inside ? ParseErrc::bad_uri : ParseErrc::bad_start_line, at);
    }
  }
  fields_ = line_ = line_feed == end_ ? end_ : line_feed + 1;
  return fields_;
}

// ---- header fields ----

const char* MessagePass::value_end(const char* at, HeaderId id) noexcept {
  Quotes quotes(at);
  for (;;) {
    at = controls_.next(at);
    if (at == end_) return nullptr;
    if (*at == '\r') {
      if (at + 1 == end_) return nullptr;
      if (at[1] == '\n') {
        if (at + 2 == end_ || (at[2] != ' ' && at[2] != '\t')) return at;
        index_.plain = false;
        at += 3;
        continue;
      }
    }
    // Neither a bare CR nor a bare LF ends a line: elements that disagree on that can be made to see
    // different messages.
    if (*at != '\t' && (*at == '\r' || *at == '\n' || !quotes.escapes(at))) {
      fail(ParseErrc::bad_byte, at, id);
    }
    index_.plain = false;
    ++at;
  }
}

SIPSTACK_INLINE void MessagePass::entry(HeaderId id, const char* name, std::size_t name_length,
                                        const char* value, const char* end) noexcept {
  if (end - value > static_cast<std::ptrdiff_t>(limits_.header_value)) {
    fail(ParseErrc::too_large, value, id);
  }
  if (line_ - fields_ > static_cast<std::ptrdiff_t>(limits_.header_block)) {
    fail(ParseErrc::too_large, name, id);
  }
  if (index_.headers < most_headers_) {
    HeaderEntry& entry = index_.entries[index_.headers++];
    entry.name = offset16(name);
    entry.value = offset16(value);
    entry.length = static_cast<std::uint16_t>(end - value);
    entry.name_length = static_cast<std::uint8_t>(name_length);
    entry.id = id;
  } else {
    fail(ParseErrc::too_many, name, id);
  }
  if (checked_ && id != HeaderId::other && id <= HeaderId::content_type) check(id, name, value, end);
}

const char* MessagePass::fields(const char* at) noexcept {
  if (!kLanes || at == end_) return at;
  for (const char* cr = controls_.next(at);; cr = controls_.next()) {
    // The byte behind CR LF tells a line's end from a fold.
    if (end_ - cr < 3 || *cr != '\r' || cr[1] != '\n' || cr[2] == ' ' || cr[2] == '\t') return at;
    controls_.next();  // the LF
    HeaderId id = HeaderId::other;
    unsigned length = 0;
    const char* value = field_lane(at, cr, readable_, id, length);
    if (value == nullptr || length > limits_.header_name) return at;
    // No line ends in between: what is not above SP is white space.
    while (value != cr && static_cast<unsigned char>(*value) <= ' ') ++value;
    const char* end = cr;
    while (end != value && static_cast<unsigned char>(end[-1]) <= ' ') --end;
    line_ = cr + 2;
    entry(id, at, length, value, end);
    at = line_;
  }
}

const char* MessagePass::field(const char* name, const char* name_end, const char* at) noexcept {
  const std::size_t length = static_cast<std::size_t>(name_end - name);
  const HeaderId id = header_id({name, length});
  const char* const stop = value_end(at, id);
  if (stop == nullptr) return nullptr;
  const char* const value = skip_white(at, stop);
  line_ = stop + 2;
  if (length > std::min<std::uint32_t>(limits_.header_name, 255)) {
    fail(ParseErrc::too_large, name);
  } else {
    entry(id, name, length, value, trim_white(value, stop));
  }
  return stop;
}

const char* MessagePass::bad_field(const char* at) noexcept {
  const unsigned char byte = static_cast<unsigned char>(*at);
  const bool line_end = byte == '\r' || byte == '\n';
  const bool bare = byte == '\r' && at + 1 != end_ && at[1] != '\n';
  const bool control = bare || (byte < 0x20 && byte != '\t' && byte != '\r') || byte == 0x7f;
  fail(control ? ParseErrc::bad_byte : ParseErrc::bad_header_name, at);
  // "\r\n" where a colon was due, or "\r" and something else.
  const char* const stop =
      value_end(line_end && at != line_ && at[-1] == '\r' ? at - 1 : at, HeaderId::other);
  if (stop == nullptr) return nullptr;
  line_ = stop + 2;
  return line_;
}

void MessagePass::check(HeaderId id, const char* name, const char* value,
                        const char* end) noexcept {
  const bool again = (seen_ & bit(id)) != 0;
  seen_ |= bit(id);
  if (again && (kOnce & bit(id)) != 0) return fail(ParseErrc::duplicate_header, name, id);
  switch (id) {
    case HeaderId::via: return check_via(value, end);
    case HeaderId::from: return check_address(id, value, end, index_.from_tag);
    case HeaderId::to: return check_address(id, value, end, index_.to_tag);
    case HeaderId::call_id: return check_call_id(value, end);
    case HeaderId::cseq: return check_cseq(value, end);
    case HeaderId::max_forwards:
    case HeaderId::content_length: return check_number(id, value, end);
    default: return;
  }
}

// A parameter by which transactions or dialogs are told apart: a token, once (RFC 3261 sections 12 and
// 17.1.3). Null, or where it is wrong.
const char* MessagePass::bad_identifier(const Params& params, std::string_view name,
                                        std::string_view value, const char* again) noexcept {
  if (again == nullptr && !value.empty() && value.front() != '"') return nullptr;
  if (again != nullptr) return again;
  for (const Param& param : params) {
    if (iequals(param.name, name)) return param.name.data();
  }
  return params.text().data();
}

void MessagePass::check_via(const char* value, const char* end) noexcept {
  Scan s{value, end, readable_};
  for (;; ++s.at) {
    Unfilled<Via> unfilled;
    Via& via = unfilled.value;
    s.params = 0;
    const ParseErrc code = scan::SIPSTACK_ISA::via(s, via);
    ++index_.vias;
    if (code != ParseErrc::ok) return fail(code, s.at, HeaderId::via);
    if (s.params > limits_.params) fail(ParseErrc::too_many, via.text.data(), HeaderId::via);
    if (index_.vias > limits_.vias) return fail(ParseErrc::too_many, value, HeaderId::via);
    if (index_.vias == 1) {
      index_.sent_by = span(via.sent_by());
      const std::string_view branch = via.known.branch;
      if (branch.data() != nullptr) {
        const char* const bad = bad_identifier(via.params, "branch", branch, via.known.again);
        if (bad != nullptr) return fail(ParseErrc::bad_header, bad, HeaderId::via);
        index_.branch = span(branch);
      }
    }
    if (s.at == end) return;
  }
}

void MessagePass::check_address(HeaderId id, const char* value, const char* end,
                                Span16& tag) noexcept {
  Unfilled<NameAddr> unfilled;
  NameAddr& address = unfilled.value;
  Scan s{value, end, readable_};
  const ParseErrc code = name_addr(s, address, Address::any);
  if (code != ParseErrc::ok) return fail(code, s.at, id);
  if (s.at != end) return fail(ParseErrc::trailing_bytes, s.at, id);
  if (s.params > limits_.params || count_headers(address.uri) > limits_.uri_headers) {
    return fail(ParseErrc::too_many, value, id);
  }
  const std::string_view found = address.known.tag;
  if (found.data() == nullptr) return;
  const char* const bad = bad_identifier(address.params, "tag", found, address.known.again);
  if (bad != nullptr) return fail(ParseErrc::bad_header, bad, id);
  tag = span(found);
}

void MessagePass::check_call_id(const char* value, const char* end) noexcept {
  // word [ "@" word ]; whatever is not that goes to the grammar, which knows where it is wrong.
  const char* p = skip(kWord, value, end, readable_);
  if (p != value && p != end && *p == '@') {
    const char* const host = p + 1;
    p = skip(kWord, host, end, readable_);
    if (p == host) p = value;
  }
  if (p == end && p != value) {
    index_.call_id = span(value, end);
    return;
  }
  TextValue text;
  const char* cursor = value;
  const ParseErrc code = parse_call_id(cursor, end, text);
  if (code != ParseErrc::ok) return fail(code, cursor, HeaderId::call_id);
  index_.call_id = span(text.text);
}

void MessagePass::check_cseq(const char* value, const char* end) noexcept {
  CSeq cseq;
  Scan s{value, end, readable_};
  const ParseErrc code = scan::SIPSTACK_ISA::cseq(s, cseq);
  if (code != ParseErrc::ok) return fail(code, s.at, HeaderId::cseq);
  index_.cseq = cseq.number;
  if (index_.method_name.length == 0) {
    // A response, or a request whose method is no token.
    index_.method = cseq.method;
    index_.method_name = span(cseq.method_name);
  } else if (index_.method_name.in(begin_) != cseq.method_name) {
    fail(ParseErrc::cseq_mismatch, cseq.method_name.data(), HeaderId::cseq);
  }
}

void MessagePass::check_number(HeaderId id, const char* value, const char* end) noexcept {
  NumberValue number;
  const char* cursor = value;
  ParseErrc code = parse_number(cursor, end, number);
  if (id == HeaderId::max_forwards) {
    if (code == ParseErrc::ok && number.number > 255) {
      code = ParseErrc::out_of_range;
      cursor = value;
    }
    if (code != ParseErrc::ok) return fail(code, cursor, id);
    index_.max_forwards = static_cast<std::int16_t>(number.number);
    return;
  }
  if (code == ParseErrc::bad_header) code = ParseErrc::bad_content_length;
  if (code != ParseErrc::ok) return fail(code, cursor, id);
  index_.has_content_length = true;
  content_length_ = number.number;
  content_length_at_ = value;
}

// ---- the whole ----

void MessagePass::check_presence() noexcept {
  for (const HeaderId id :
       {HeaderId::via, HeaderId::from, HeaderId::to, HeaderId::call_id, HeaderId::cseq}) {
    if ((seen_ & bit(id)) == 0) return fail(ParseErrc::missing_header, fields_, id);
  }
}

void MessagePass::end_body(const char* body, const char* end) noexcept {
  const std::size_t left = static_cast<std::size_t>(end_ - body);
  std::size_t length = left;
  if (index_.has_content_length && content_length_ <= left) {
    // Bytes behind the body are no part of the message (RFC 3261 section 18.3).
    length = content_length_;
  } else if (end != end_) {
    fail(ParseErrc::too_large, end_);
  } else if (index_.has_content_length) {
    fail(ParseErrc::body_too_short, content_length_at_, HeaderId::content_length);
  }
  index_.body = span(body, body + length);
  index_.size = static_cast<std::uint32_t>(body + length - begin_ - index_.start);
}

expected<void, ParseError> MessagePass::finish(const char* body, const char* at,
                                               const char* end) noexcept {
  if (body != nullptr) {
    if (checked_) check_presence();
    end_body(body, end);
  } else {
    index_.size = static_cast<std::uint32_t>(end_ - begin_ - index_.start);
    if (end != end_) {
      fail(ParseErrc::too_large, end_);
    } else {
      // Blank lines alone are a keep-alive, not the beginning of a message.
      const bool blank = fields_ == nullptr && skip_white(begin_, end_) == end_;
      fail(blank ? ParseErrc::not_sip : ParseErrc::incomplete,
           blank ? begin_ : std::max(at, begin_));
    }
  }
  if (error_.code != ParseErrc::ok) return unexpected<ParseError>(error_);
  index_.sound = true;
  return {};
}

}  // namespace
}  // namespace sipstack::scan::SIPSTACK_ISA
