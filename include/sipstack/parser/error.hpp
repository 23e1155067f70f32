// SPDX-License-Identifier: Apache-2.0
// What was wrong with a message: a code, the header, the byte. Never an exception, never a guess.
#pragma once

#include <cstdint>
#include <string_view>

#include "sipstack/base/expected.hpp"
#include "sipstack/parser/header_id.hpp"

namespace sipstack {

// X(enumerator, "kebab-name", status owed for a request, "what was wrong", "RFC section")
#define SIPSTACK_PARSE_ERRORS(X)                                                                   \
  X(incomplete, "incomplete", 400, "the message ends before its headers do", "RFC 3261 section 7") \
  X(not_sip, "not-sip", 0, "no SIP start line", "RFC 3261 section 7.1")                            \
  X(bad_start_line, "bad-start-line", 400, "malformed start line", "RFC 3261 section 25.1")        \
  X(bad_version, "bad-version", 505, "a SIP version other than 2.0", "RFC 3261 section 21.5.6")    \
  X(bad_method, "bad-method", 400, "the method is no token", "RFC 3261 section 7.1")               \
  X(bad_uri, "bad-uri", 400, "malformed URI", "RFC 3261 section 19.1.1")                           \
  X(bad_status, "bad-status", 0, "a status code outside 100 to 699", "RFC 3261 section 7.2")       \
  X(bad_header_name, "bad-header-name", 400, "malformed header field name",                        \
    "RFC 3261 section 7.3.1")                                                                      \
  X(bad_header, "bad-header", 400, "malformed header field value", "RFC 3261 section 25.1")        \
  X(missing_header, "missing-header", 400, "a mandatory header field is missing",                  \
    "RFC 3261 section 8.1.1")                                                                      \
  X(duplicate_header, "duplicate-header", 400, "a header field that may stand once stands twice",  \
    "RFC 3261 section 7.3.1")                                                                      \
  X(out_of_range, "out-of-range", 400, "a number outside its range", "RFC 4475 section 3.1.2.4")   \
  X(cseq_mismatch, "cseq-mismatch", 400, "the method in CSeq is not the request's",                \
    "RFC 3261 section 8.1.1.5")                                                                    \
  X(bad_content_length, "bad-content-length", 400, "malformed Content-Length",                     \
    "RFC 3261 section 20.14")                                                                      \
  X(body_too_short, "body-too-short", 400, "Content-Length is larger than what follows",           \
    "RFC 3261 section 18.3")                                                                       \
  X(bad_byte, "bad-byte", 400, "a byte that may not stand here", "RFC 3261 section 25.1")          \
  X(unterminated, "unterminated", 400, "a quoted string, comment or bracket is never closed",      \
    "RFC 3261 section 25.1")                                                                       \
  X(trailing_bytes, "trailing-bytes", 400, "more bytes than the grammar allows",                   \
    "RFC 3261 section 25.1")                                                                       \
  X(uri_too_long, "uri-too-long", 414, "the Request-URI is longer than the limit",                 \
    "RFC 3261 section 21.4.13")                                                                    \
  X(too_large, "too-large", 513, "longer than a limit of this element", "RFC 3261 section 21.5.7") \
  X(too_many, "too-many", 400, "more header fields, values or parameters than the limit",          \
    "RFC 3261 section 21.4.1")                                                                     \
  X(bad_body, "bad-body", 400, "malformed message body", "RFC 3261 section 7.4")

enum class ParseErrc : std::uint8_t {
  ok,
#define SIPSTACK_X(id, name, status, text, rfc) id,
  SIPSTACK_PARSE_ERRORS(SIPSTACK_X)
#undef SIPSTACK_X
};

/// An error with a place. `offset` counts bytes from the first one of the message (or of the text that
/// was given to a single-value parser).
struct ParseError {
  ParseErrc code = ParseErrc::ok;
  HeaderId header = HeaderId::other;  ///< where the error is about one header field
  std::uint32_t offset = 0;

  /// The final response owed to the sender of a request; 0 where silence is (RFC 3261 section 8.2,
  /// RFC 4475). An ACK or a response is never answered, whatever this says.
  int status() const noexcept;
  /// The section that the bytes offend, e.g. "RFC 3261 section 8.1.1"; for a malformed value the one that
  /// defines its header: "RFC 3262 section 7.2" for RAck.
  std::string_view rfc() const noexcept;
  /// A sentence for people, without input bytes in it.
  std::string_view message() const noexcept;

  friend bool operator==(const ParseError& a, const ParseError& b) noexcept {
    return a.code == b.code && a.header == b.header && a.offset == b.offset;
  }
};

/// "missing-header", ...; stable names for machines.
std::string_view to_string(ParseErrc code) noexcept;

/// Line and column (both from 1) of an offset, for messages to people.
struct TextPosition {
  std::uint32_t line = 1;
  std::uint32_t column = 1;
};
TextPosition position(std::string_view text, std::uint32_t offset) noexcept;

}  // namespace sipstack
