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
    ping,       ///< CRLF CRLF between messages, `size` = 4: answer with CRLF
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
/// anything would be buffered for it.
class StreamFramer {
 public:
  explicit StreamFramer(const ParseLimits& limits = {}) noexcept : limits_(limits) {}
  /// `buffer` is all that has arrived and was not dropped; it only grows between calls.
  Frame next(std::string_view buffer) noexcept;
  void reset() noexcept;

 private:
  ParseLimits limits_;
  std::size_t scanned_ = 0;
  std::size_t header_end_ = 0;    ///< offset behind the empty line; 0: not found
  std::size_t message_size_ = 0;  ///< once known
};

}  // namespace sipstack
