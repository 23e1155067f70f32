// SPDX-License-Identifier: Apache-2.0
// Finds the messages in a byte stream. RFC 3261 section 7.5 and 18.3, RFC 5626 section 4.4.1.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "sipstack/parser/error.hpp"
#include "sipstack/parser/limits.hpp"

namespace sipstack {

/// What the front of the stream is.
struct Frame {
  enum class Kind : std::uint8_t {
    need_more,  ///< nothing complete yet; call again when bytes were appended
    message,    ///< `size` bytes at the front are one message
    ping,       ///< CRLF CRLF between messages: answer with CRLF. `size` is 4, or 2 where the first
                ///< CRLF came alone and was given as `skip`
    skip,       ///< `size` bytes (a CRLF between messages) mean nothing: a pong, or padding
    error       ///< the stream cannot be followed any further: answer and close
  };
  Kind kind = Kind::need_more;
  std::size_t size = 0;
  ParseError error;
};

/// Resumable: it remembers how far it has looked, so that bytes trickling in one by one cost O(n) in
/// all. It keeps no bytes: the caller owns the buffer and drops `size` bytes from its front after every
/// frame. A Content-Length is required on streams (RFC 3261 section 20.14); limits are tested before
/// anything would be buffered for it: start line and headers together may have
/// limits.start_line + limits.header_block bytes, a message limits.message.
///
/// It delimits and does not judge: what it calls a message may still not parse. But a stream that two
/// readers could cut in different places is an error: bare CR or LF in the headers, more than one
/// Content-Length unless they agree. An error is final until reset(); its offset counts from the front
/// of the buffer. The bytes in the buffer may well hold what an answer needs (ResponseWriter).
class StreamFramer {
 public:
  explicit StreamFramer(const ParseLimits& limits = {}) noexcept : limits_(limits) {}
  /// `buffer` is all that has arrived and was not dropped; it only grows between calls.
  Frame next(std::string_view buffer) noexcept;
  /// As new: for another stream.
  void reset() noexcept;

 private:
  Frame between_messages(std::string_view buffer) noexcept;
  Frame find_header_end(std::string_view buffer) noexcept;
  Frame find_message_end(std::string_view buffer) noexcept;
  Frame fail(ParseErrc code, HeaderId header, std::size_t offset) noexcept;

  ParseLimits limits_;
  std::size_t scanned_ = 0;       ///< bytes of the headers that need not be looked at again
  std::size_t header_end_ = 0;    ///< offset behind the empty line; 0: not found
  std::size_t message_size_ = 0;  ///< 0: not known
  bool in_message_ = false;       ///< the first byte of a message was seen
  bool half_ping_ = false;        ///< the last frame was a CRLF
  ParseError failed_;
};

}  // namespace sipstack
