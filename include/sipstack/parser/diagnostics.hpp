// SPDX-License-Identifier: Apache-2.0
// Lenient parsing: what is let through beyond the grammar, and told. docs/parser.md lists each rule with
// its reason.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "sipstack/parser/extensions.hpp"
#include "sipstack/parser/message_index.hpp"

namespace sipstack {

// X(enumerator, "kebab-name", "what was assumed")
#define SIPSTACK_REPAIRS(X)                                                                        \
  X(extra_space, "extra-space", "one space where the start line has more")                         \
  X(missing_reason, "missing-reason", "an empty reason phrase")                                    \
  X(bracketed_request_uri, "bracketed-request-uri", "the Request-URI without its <>")              \
  X(request_uri_headers, "request-uri-headers", "the Request-URI without its header fields")       \
  X(missing_space, "missing-space", "a space between number and method")                           \
  X(repeated_header, "repeated-header", "the first line; the second is ignored")                   \
  X(clamped_number, "clamped-number", "the largest number that fits")                              \
  X(ignored_tail, "ignored-tail", "nothing behind the number")                                     \
  X(odd_call_id, "odd-call-id", "the Call-ID as it stands")                                        \
  X(missing_brackets, "missing-brackets", "<> around the URI")                                     \
  X(space_in_brackets, "space-in-brackets", "the URI without the white space around it")           \
  X(unquoted_display_name, "unquoted-display-name", "quotes around the display name")              \
  X(unescaped_user, "unescaped-user", "the user part as it stands, up to the first @")             \
  X(unescaped_uri_parameter, "unescaped-uri-parameter", "the URI parameter as it stands")          \
  X(scope_id, "scope-id", "a scope that means something to its sender alone")                      \
  X(empty_host, "empty-host", "no host: the address can't be routed to")                           \
  X(empty_port, "empty-port", "no port")                                                           \
  X(empty_parameter, "empty-parameter", "no parameter between the semicolons")                     \
  X(empty_parameter_value, "empty-parameter-value", "a parameter without value")                   \
  X(odd_parameter_value, "odd-parameter-value", "quotes around the parameter's value")             \
  X(quoted_tag, "quoted-tag", "a tag whose quotes are part of it")                                 \
  X(empty_value, "empty-value", "no value between the commas")                                     \
  X(date_form, "date-form", "the zone that is named; a local time where it is unknown")            \
  X(ignored_header, "ignored-header", "a header field that is not there: its value can't be read") \
  X(misplaced_header, "misplaced-header",                                                          \
    "a header field that means nothing in this kind of message")

// X(enumerator, "kebab-name", "what was assumed", "the section that asks for something else"): session
// descriptions (docs/sdp.md), then bodies (docs/bodies.md)
#define SIPSTACK_BODY_REPAIRS(X)                                                                   \
  X(line_feed, "line-feed", "LF ends a line", "RFC 8866 section 5")                                \
  X(no_final_line_end, "no-final-line-end", "the last line is whole", "RFC 8866 section 5")        \
  X(empty_line, "empty-line", "nothing", "RFC 8866 section 9")                                     \
  X(trailing_nul, "trailing-nul", "nothing: the description ends before", "RFC 8866 section 9")    \
  X(space_before_line, "space-before-line", "no space", "RFC 8866 section 5")                      \
  X(space_around_value, "space-around-value", "no space", "RFC 8866 section 5")                    \
  X(order, "order", "its place does not matter", "RFC 8866 section 5")                             \
  X(misplaced_line, "misplaced-line", "a line that is kept", "RFC 8866 section 5")                 \
  X(unknown_type, "unknown-type", "a line that is kept", "RFC 8866 section 5")                     \
  X(not_a_line, "not-a-line", "a line without meaning", "RFC 8866 section 5")                      \
  X(missing_version, "missing-version", "version 0", "RFC 8866 section 5.1")                       \
  X(missing_origin, "missing-origin", "fields that are empty", "RFC 8866 section 5.2")             \
  X(bad_origin, "bad-origin", "fields that are missing are empty", "RFC 8866 section 5.2")         \
  X(bad_session_id, "bad-session-id", "text that is compared as it stands",                        \
    "RFC 8866 section 5.2")                                                                        \
  X(missing_name, "missing-name", "a name of no length", "RFC 8866 section 5.3")                   \
  X(empty_name, "empty-name", "a name of no length", "RFC 8866 section 5.3")                       \
  X(bad_connection, "bad-connection", "fields that are missing are empty", "RFC 8866 section 5.7") \
  X(empty_address, "empty-address", "no address", "RFC 8866 section 5.7")                          \
  X(bad_bandwidth, "bad-bandwidth", "a line without meaning", "RFC 8866 section 5.8")              \
  X(missing_time, "missing-time", "a session without bounds", "RFC 8866 section 5.9")              \
  X(bad_time, "bad-time", "a time of no meaning", "RFC 8866 section 5.9")                          \
  X(bad_attribute, "bad-attribute", "an attribute of that name", "RFC 8866 section 5.13")          \
  X(no_formats, "no-formats", "a medium without formats", "RFC 8866 section 5.14")                 \
  X(body_line_feed, "body-line-feed", "LF ends a line, in all of this body",                       \
    "RFC 2046 section 5.1.1")                                                                      \
  X(odd_boundary, "odd-boundary", "the bytes of the boundary", "RFC 2046 section 5.1.1")           \
  X(part_length, "part-length", "the boundary ends the part", "RFC 2046 section 5.1.1")

/// A deviation that lenient parsing lets through.
enum class Repair : std::uint8_t {
#define SIPSTACK_X(id, name, ...) id,
  SIPSTACK_REPAIRS(SIPSTACK_X) SIPSTACK_BODY_REPAIRS(SIPSTACK_X)
#undef SIPSTACK_X
};

/// "missing-brackets", ...; stable names for machines.
std::string_view to_string(Repair rule) noexcept;
/// What was assumed, in words.
std::string_view assumption(Repair rule) noexcept;
/// The section that a deviation in a body departs from, "RFC 8866 section 5.9"; "" for those in header
/// fields, whose grammar is named by the header.
std::string_view rfc(Repair rule) noexcept;

/// One deviation and its place.
struct Diagnostic {
  Repair rule = Repair::extra_space;
  HeaderId header = HeaderId::other;  ///< other: the start line, or a body
  std::uint32_t offset = 0;           ///< of the first byte that deviates, as in ParseError
};

/// What lenient parsing told about one message, in the order in which it was found: the caller's
/// storage. Beyond its capacity deviations are counted alone.
class Diagnostics {
 public:
  static constexpr std::size_t kCapacity = 32;

  const Diagnostic* begin() const noexcept { return list_.data(); }
  const Diagnostic* end() const noexcept { return list_.data() + size_; }
  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0 && dropped_ == 0; }
  std::size_t dropped() const noexcept { return dropped_; }
  void clear() noexcept { size_ = dropped_ = 0; }
  /// Whether that rule is among those that are kept.
  bool has(Repair rule) const noexcept {
    for (const Diagnostic& one : *this)
      if (one.rule == rule) return true;
    return false;
  }

  void tell(const Diagnostic& one) noexcept {
    if (size_ < kCapacity) {
      list_[size_++] = one;
    } else {
      ++dropped_;
    }
  }
  /// All of those, their offsets `ahead` further on.
  void tell(const Diagnostics& others, std::uint32_t ahead = 0) noexcept {
    for (const Diagnostic& one : others) tell({one.rule, one.header, one.offset + ahead});
    dropped_ += others.dropped_;
  }

 private:
  std::array<Diagnostic, kCapacity> list_{};
  std::size_t size_ = 0;
  std::size_t dropped_ = 0;
};

/// As parse(), but deviations of the kinds above are repaired and told (appended to `told`). The bytes
/// stay as they are: get() and all() of such a message read values leniently, too, and silently.
///
/// What stays refused: whatever leaves a doubt where a header, the body or the message ends (line ends,
/// malformed names, Content-Length), who is meant (two tags, a host that is none), or of what the message
/// is part (CSeq). A message that parse() accepts gives the same index here, and nothing told.
expected<void, ParseError> parse(std::string_view bytes, MessageIndex& index, Diagnostics& told,
                                 const ParseLimits& limits = {}) noexcept;

namespace detail {

/// Where the lenient readers tell: nowhere, or in Diagnostics with offsets from `base`.
class Notes {
 public:
  Notes() = default;
  Notes(Diagnostics& told, const char* base, HeaderId header) noexcept
      : told_(&told), base_(base), header_(header) {}
  void tell(Repair rule, const char* at) noexcept {
    if (told_ != nullptr) told_->tell({rule, header_, static_cast<std::uint32_t>(at - base_)});
  }

 private:
  Diagnostics* told_ = nullptr;
  const char* base_ = nullptr;
  HeaderId header_ = HeaderId::other;
};

// The second reading of a value that its grammar refused: one value at the cursor, as the parsers of
// values.hpp. What the header's name adds (brackets, list or not) comes from the registry.
ParseErrc reread(HeaderId id, const char*& cursor, const char* end, Via& out,
                 Notes& notes) noexcept;
ParseErrc reread(HeaderId id, const char*& cursor, const char* end, NameAddr& out,
                 Notes& notes) noexcept;
ParseErrc reread(HeaderId id, const char*& cursor, const char* end, CSeq& out,
                 Notes& notes) noexcept;
ParseErrc reread(HeaderId id, const char*& cursor, const char* end, MediaType& out,
                 Notes& notes) noexcept;
ParseErrc reread(HeaderId id, const char*& cursor, const char* end, TokenValue& out,
                 Notes& notes) noexcept;
ParseErrc reread(HeaderId id, const char*& cursor, const char* end, NumberValue& out,
                 Notes& notes) noexcept;
ParseErrc reread(HeaderId id, const char*& cursor, const char* end, AuthValue& out,
                 Notes& notes) noexcept;
ParseErrc reread(HeaderId id, const char*& cursor, const char* end, CallIdValue& out,
                 Notes& notes) noexcept;
ParseErrc reread(HeaderId id, const char*& cursor, const char* end, TextValue& out,
                 Notes& notes) noexcept;
ParseErrc reread(HeaderId id, const char*& cursor, const char* end, Date& out,
                 Notes& notes) noexcept;
/// Behind white space and commas that hold no value.
const char* skip_empty_values(const char* p, const char* end, Notes& notes) noexcept;

}  // namespace detail
}  // namespace sipstack
