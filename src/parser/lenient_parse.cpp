// SPDX-License-Identifier: Apache-2.0
// The second reading of a message that parse() refused: start line, and the header fields that every
// element acts upon. RFC 4475 section 3.1.2.
//
// Where lines, header fields and the body end the first reading has said, and nothing here moves that.
#include <utility>

#include "parser/chars.hpp"
#include "parser/lenient.hpp"
#include "sipstack/parser/message_view.hpp"

namespace sipstack {
namespace {

using scan::fault;

// What may turn out to be harmless. Any other fault is final.
constexpr std::uint32_t kRepairable =
    fault(ParseErrc::bad_start_line) | fault(ParseErrc::bad_uri) | fault(ParseErrc::bad_header) |
    fault(ParseErrc::unterminated) | fault(ParseErrc::trailing_bytes) |
    fault(ParseErrc::out_of_range) | fault(ParseErrc::duplicate_header);

std::string_view trimmed(std::string_view text) noexcept {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

// Takes the part up to the next space off the front.
std::string_view next_part(std::string_view& rest) noexcept {
  while (!rest.empty() && rest.front() == ' ') rest.remove_prefix(1);
  const std::string_view part = rest.substr(0, rest.find(' '));
  rest.remove_prefix(part.size());
  return part;
}

const char* end_of(std::string_view text) noexcept { return text.data() + text.size(); }

bool is_version(std::string_view text) noexcept {
  return text.size() > 4 && iequals(text.substr(0, 4), "SIP/");
}

class SecondReading {
 public:
  SecondReading(std::string_view bytes, MessageIndex& index, Diagnostics& told,
                const ParseLimits& limits, const ParseError& first) noexcept
      : bytes_(bytes), index_(index), told_(told), limits_(limits), error_(first) {}

  bool read() noexcept {
    index_.vias = 0;
    index_.call_id = index_.from_tag = index_.to_tag = index_.branch = index_.sent_by = {};
    return start_line() && header_fields();
  }
  /// Why not: the first reading's error where the start line is beyond repair.
  const ParseError& error() const noexcept { return error_; }

 private:
  bool fail(ParseErrc code, const char* at, HeaderId header = HeaderId::other) noexcept {
    error_ = ParseError{code, header, offset(at)};
    return false;
  }
  void tell(Repair rule, const char* at, HeaderId header = HeaderId::other) noexcept {
    told_.tell({rule, header, offset(at)});
  }
  std::uint32_t offset(const char* at) const noexcept {
    return static_cast<std::uint32_t>(at - bytes_.data());
  }
  Span16 span(std::string_view text) const noexcept {
    if (text.data() == nullptr) return {};
    return {static_cast<std::uint16_t>(offset(text.data())),
            static_cast<std::uint16_t>(text.size())};
  }

  bool start_line() noexcept;
  bool status_line(std::string_view line, std::string_view code, std::string_view rest) noexcept;
  bool request_uri(std::string_view text) noexcept;
  bool header_fields() noexcept;
  bool field(const HeaderEntry& entry) noexcept;
  bool vias(const char* value, const char* end) noexcept;
  bool address(HeaderId id, const char* value, const char* end, Span16& tag) noexcept;
  bool cseq(const char* value, const char* end) noexcept;
  template <class T>
  bool value(const HeaderTag<T>& tag, const char*& cursor, const char* end, T& out) noexcept {
    detail::Notes notes(told_, bytes_.data(), tag.id);
    const ParseErrc code = detail::read_leniently(tag, cursor, end, out, notes);
    return code == ParseErrc::ok || fail(code, cursor, tag.id);
  }
  bool few(const Params& params) const noexcept {
    return std::distance(params.begin(), params.end()) <= limits_.params;
  }

  std::string_view bytes_;
  MessageIndex& index_;
  Diagnostics& told_;
  const ParseLimits& limits_;
  std::uint64_t seen_ = 0;
  ParseError error_;
};

// ---- the start line ----

bool SecondReading::start_line() noexcept {
  const std::string_view line =
      bytes_.substr(index_.start, bytes_.find("\r\n", index_.start) - index_.start);
  // A tab or another control byte is no space.
  if (scan::find_control(line.data(), end_of(line)) != end_of(line)) {
    return false;
  }
  std::string_view rest = line;
  const std::string_view first = next_part(rest);
  const std::string_view second = next_part(rest);
  if (is_version(first)) {
    if (first.substr(4) != "2.0") return fail(ParseErrc::bad_version, first.data() + 4);
    return status_line(line, second, rest);
  }
  const std::string_view third = next_part(rest);
  if (first.data() != line.data() || !is_token(first) || !is_version(third) ||
      !trimmed(rest).empty()) {
    return false;
  }
  const char* const extra = second.data() != end_of(first) + 1   ? second.data() - 1
                            : third.data() != end_of(second) + 1 ? third.data() - 1
                            : end_of(third) != end_of(line)      ? end_of(third)
                                                                 : nullptr;
  if (extra != nullptr) tell(Repair::extra_space, extra);
  index_.request = true;
  index_.method_name = span(first);
  index_.method = method_from(first);
  if (!request_uri(second)) return false;
  return third.substr(4) == "2.0" || fail(ParseErrc::bad_version, third.data() + 4);
}

bool SecondReading::status_line(std::string_view line, std::string_view code,
                                std::string_view rest) noexcept {
  std::uint32_t status = 0;
  if (code.size() != 3 || code.find_first_not_of("0123456789") != std::string_view::npos ||
      !scan::number(code, 699, status) || status < 100) {
    return fail(ParseErrc::bad_status, code.empty() ? end_of(line) : code.data());
  }
  if (code.data() != line.data() + 8) tell(Repair::extra_space, code.data() - 1);
  index_.status = static_cast<std::uint16_t>(status);
  index_.method_name = {};
  if (rest.empty()) {
    tell(Repair::missing_reason, end_of(code));
    index_.reason = span(rest);
  } else {
    index_.reason = span(rest.substr(1));
  }
  return true;
}

bool SecondReading::request_uri(std::string_view text) noexcept {
  if (text.size() > limits_.uri) return fail(ParseErrc::uri_too_long, text.data());
  if (text.size() > 2 && text.front() == '<' && text.back() == '>') {
    tell(Repair::bracketed_request_uri, text.data());
    text = text.substr(1, text.size() - 2);
  }
  detail::Notes notes(told_, bytes_.data(), HeaderId::other);
  Uri uri;
  const char* cursor = text.data();
  const ParseErrc code = lenient::uri(cursor, end_of(text), uri, false, notes);
  if (code != ParseErrc::ok) return fail(code, cursor);
  if (!few(uri.params)) return fail(ParseErrc::too_many, uri.params.text().data());
  if (!uri.headers.empty()) {
    // Neither acted upon nor forwarded (RFC 4475 section 3.1.2.11): the index leaves them out.
    const char* const question = uri.headers.data() - 1;
    tell(Repair::request_uri_headers, question);
    text = scan::text(text.data(), question);
  }
  index_.uri = span(text);
  return true;
}

// ---- header fields ----

bool SecondReading::header_fields() noexcept {
  for (std::uint16_t i = 0; i < index_.headers; ++i) {
    if (!field(index_.entries[i])) return false;
  }
  return true;
}

bool SecondReading::field(const HeaderEntry& entry) noexcept {
  const HeaderId id = entry.id;
  if (id == HeaderId::other || id > HeaderId::content_type) return true;
  const char* const value = bytes_.data() + entry.value;
  const char* const end = value + entry.length;
  const std::uint64_t bit = std::uint64_t{1} << static_cast<unsigned>(id);
  if ((seen_ & bit) != 0 && rule(id) == HeaderRule::single) {
    // The same value twice can be read in one way only.
    const char* const name = bytes_.data() + entry.name;
    const auto first = MessageView(bytes_.data(), index_).raw(id);
    if (!first || *first != scan::text(value, end)) {
      return fail(ParseErrc::duplicate_header, name, id);
    }
    tell(Repair::repeated_header, name, id);
    return true;
  }
  seen_ |= bit;
  const char* cursor = value;
  switch (id) {
    case HeaderId::via: return vias(value, end);
    case HeaderId::from: return address(id, value, end, index_.from_tag);
    case HeaderId::to: return address(id, value, end, index_.to_tag);
    case HeaderId::cseq: return cseq(value, end);
    case HeaderId::call_id: {
      TextValue text;
      if (!this->value(hdr::call_id, cursor, end, text)) return false;
      index_.call_id = span(text.text);
      return true;
    }
    case HeaderId::max_forwards: {
      NumberValue number;
      const ParseErrc code = parse_number(cursor, end, number);
      if (code != ParseErrc::ok && code != ParseErrc::out_of_range) return fail(code, cursor, id);
      const bool fits = code == ParseErrc::ok && number.number <= 255;
      if (!fits) tell(Repair::clamped_number, value, id);
      index_.max_forwards = static_cast<std::int16_t>(fits ? number.number : 255);
      return true;
    }
    case HeaderId::content_length: {
      // A message must not end in two places.
      NumberValue number;
      const ParseErrc code = parse_number(cursor, end, number);
      return code == ParseErrc::ok || fail(code, cursor, id);
    }
    default: return true;
  }
}

bool SecondReading::vias(const char* value, const char* end) noexcept {
  detail::Notes notes(told_, bytes_.data(), HeaderId::via);
  for (const char* cursor = value;; ++cursor) {
    const char* const begin = cursor;
    cursor = detail::skip_empty_values(cursor, end, notes);
    if (cursor == end) {
      if (begin == value) return fail(ParseErrc::bad_header, value, HeaderId::via);
      notes.tell(Repair::empty_value, begin - 1);
      return true;
    }
    Via via;
    if (!this->value(hdr::via, cursor, end, via)) return false;
    if (!few(via.params) || ++index_.vias > limits_.vias) {
      return fail(ParseErrc::too_many, begin, HeaderId::via);
    }
    if (index_.vias == 1) {
      index_.sent_by = span(via.sent_by());
      if (via.known.again != nullptr) {
        return fail(ParseErrc::bad_header, via.known.again, HeaderId::via);
      }
      // An empty one is none (RFC 2543), and has been told.
      if (!via.known.branch.empty()) {
        if (via.known.branch.front() == '"') {
          return fail(ParseErrc::bad_header, via.known.branch.data(), HeaderId::via);
        }
        index_.branch = span(via.known.branch);
      }
    }
    if (cursor == end) return true;
  }
}

bool SecondReading::address(HeaderId id, const char* value, const char* end, Span16& tag) noexcept {
  NameAddr address;
  const char* cursor = value;
  if (!this->value(id == HeaderId::from ? hdr::from : hdr::to, cursor, end, address)) return false;
  if (!few(address.params) || !few(address.uri.params) ||
      scan::count_headers(address.uri) > limits_.uri_headers) {
    return fail(ParseErrc::too_many, value, id);
  }
  // Two tags are two dialogs.
  if (address.known.again != nullptr) return fail(ParseErrc::bad_header, address.known.again, id);
  const std::string_view found = address.known.tag;
  if (found.empty()) {
    // `tag` without "=": the grammar has no fault with it, and so nothing told it.
    if (found.data() != nullptr && *found.data() != '=' && !is_white(*found.data())) {
      tell(Repair::empty_parameter_value, found.data(), id);
    }
    return true;
  }
  if (found.front() == '"') tell(Repair::quoted_tag, found.data(), id);
  tag = span(found);
  return true;
}

bool SecondReading::cseq(const char* value, const char* end) noexcept {
  CSeq cseq;
  const char* cursor = value;
  if (!this->value(hdr::cseq, cursor, end, cseq)) return false;
  index_.cseq = cseq.number;
  if (!index_.request) {
    index_.method = cseq.method;
    index_.method_name = span(cseq.method_name);
  } else if (index_.method_name.in(bytes_.data()) != cseq.method_name) {
    return fail(ParseErrc::cseq_mismatch, cseq.method_name.data(), HeaderId::cseq);
  }
  return true;
}

}  // namespace

expected<void, ParseError> parse(std::string_view bytes, MessageIndex& index, Diagnostics& told,
                                 const ParseLimits& limits) noexcept {
  const expected<void, ParseError> strict = parse(bytes, index, limits);
  index.lenient = true;
  if (strict || index.faults == 0) return strict;
  const std::uint32_t faults = index.faults | fault(strict.error().code);
  if ((faults & ~kRepairable) != 0) return strict;
  SecondReading second(bytes, index, told, limits, strict.error());
  if (!second.read()) return unexpected<ParseError>(second.error());
  index.faults = 0;
  return {};
}

}  // namespace sipstack
