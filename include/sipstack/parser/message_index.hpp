// SPDX-License-Identifier: Apache-2.0
// Where everything stands in a message: the result of parsing, 16-bit offsets into the bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "sipstack/parser/error.hpp"
#include "sipstack/parser/limits.hpp"
#include "sipstack/parser/method.hpp"

namespace sipstack {

/// [begin, begin + length) of the message's bytes.
struct Span16 {
  std::uint16_t begin = 0;
  std::uint16_t length = 0;
  std::string_view in(const char* bytes) const noexcept { return {bytes + begin, length}; }
};

/// One header line.
struct HeaderEntry {
  std::uint16_t name = 0;    ///< offset of the name
  std::uint16_t value = 0;   ///< offset of the value, leading white space skipped
  std::uint16_t length = 0;  ///< of the value, trailing white space cut; folds are inside
  std::uint8_t name_length = 0;
  HeaderId id = HeaderId::other;
};
static_assert(sizeof(HeaderEntry) == 8);

/// The fixed part: start line, and what every element needs of every message, checked.
struct IndexHead {
  bool request = false;
  Method method = Method::other;  ///< of the request line, or of CSeq for a response
  std::uint16_t status = 0;       ///< 0 for a request
  Span16 method_name;             ///< of the request line, or of CSeq for a response
  Span16 uri;                     ///< Request-URI
  Span16 reason;
  Span16 call_id;
  Span16 from_tag;  ///< length 0: none (RFC 2543)
  Span16 to_tag;    ///< length 0: none
  Span16 branch;    ///< of the topmost Via; length 0: none (RFC 2543)
  Span16 sent_by;   ///< of the topmost Via
  std::uint32_t cseq = 0;
  std::int16_t max_forwards = -1;  ///< -1: absent
  std::uint16_t vias = 0;          ///< Via values, not lines
  Span16 body;
  std::uint16_t start = 0;  ///< offset of the start line: CRLFs before it are skipped
  std::uint32_t size = 0;   ///< bytes of the message, from the start line to the body's end
  bool has_content_length = false;
  bool lenient = false;       ///< parsed with Diagnostics: values may need a second reading
  bool sound = false;         ///< parse() found no fault: every field named here is well-formed
  bool plain = true;          ///< no value is folded or has an (escaped) control byte but HT
  std::uint32_t faults = 0;   ///< a bit for each ParseErrc that was met, not only the first
  std::uint16_t headers = 0;  ///< entries in use
};

/// Caller's storage for one parsed message (about 2 KiB). Can be used again and again.
struct MessageIndex : IndexHead {
  static constexpr std::size_t kCapacity = 256;
  HeaderEntry entries[kCapacity];
};

/// Parses one message: a datagram, or what a stream framer delimited. Fills `index`, whose offsets count
/// from bytes.data(). Zero-copy; allocates nothing; reads no byte twice that it need not.
///
/// What success promises: Via, From, To, Call-ID and CSeq are there once and well-formed (every Via
/// value is), CSeq's method is the request's, Max-Forwards and Content-Length are sane, the body is
/// within the bytes; bytes behind Content-Length are left out (RFC 3261 section 18.3). Other headers
/// are delimited, and checked when they are asked for (or by validate()).
///
/// On an error `index` holds what could be read until there, as far as it goes: enough for a
/// ResponseWriter to answer 400 where there is a Via (recoverable()).
expected<void, ParseError> parse(std::string_view bytes, MessageIndex& index,
                                 const ParseLimits& limits = {}) noexcept;

/// Only finds where start line, header fields and body are: for those who log, count or pick messages.
/// Fills of `index` what the start line tells, the entries and the body, which is all that is left: no
/// header field is read, not even Content-Length. Refuses what parse() does for its form and size.
expected<void, ParseError> split(std::string_view bytes, MessageIndex& index,
                                 const ParseLimits& limits = {}) noexcept;

}  // namespace sipstack
