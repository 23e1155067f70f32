// SPDX-License-Identifier: Apache-2.0
// WebSocket frames as bytes, without a socket. RFC 6455 sections 5 and 7.4, RFC 7118 sections 4.2 and 5.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "sipstack/base/block.hpp"

namespace sipstack {

enum class WebOpcode : std::uint8_t {
  continuation = 0,
  text = 1,
  binary = 2,
  close = 8,
  ping = 9,
  pong = 10
};

/// Status codes of close frames (RFC 6455 section 7.4.1).
enum class WebClose : std::uint16_t {
  normal = 1000,
  protocol_error = 1002,
  bad_text = 1007,  ///< text that is not UTF-8
  too_big = 1009
};

/// What stands at the front of the bytes.
struct WebEvent {
  enum class Kind : std::uint8_t {
    need_more,
    skip,     ///< part of a message that is not complete
    message,  ///< `payload` is one, whole
    ping,
    pong,
    close,
    error  ///< say `code` and close; nothing further is read
  };
  Kind kind = Kind::need_more;
  std::size_t size = 0;      ///< bytes used
  std::string_view payload;  ///< lives until the next call, or until the bytes change
  WebClose code = WebClose::normal;
};

/// Puts messages together. Frames are read where they lie and unmasked there; only a message in several
/// frames is copied, into one block of the pool, that is gone with it. A length is compared before
/// anything is added or allocated for it.
class WebReader {
 public:
  /// `masked`: what comes is a client's (RFC 6455 section 5.1).
  WebReader(bool masked, std::size_t max_message) noexcept
      : masked_(masked), max_message_(max_message) {}
  WebEvent next(char* bytes, std::size_t size, BlockPool& pool);
  /// Between the frames of one message.
  bool within() const noexcept { return opcode_ != WebOpcode::continuation; }

 private:
  WebEvent data(WebOpcode opcode, bool last, char* payload, std::size_t size, BlockPool& pool);

  bool masked_;
  WebOpcode opcode_ = WebOpcode::continuation;  ///< of the message that has begun
  std::size_t max_message_;
  Block parts_;
};

constexpr std::size_t kWebHead = 14;

/// Bytes of a frame in front of its payload.
std::size_t web_head_size(std::size_t payload, bool masked) noexcept;
/// Writes them; `out` holds kWebHead. The frame is a whole message, or a control frame.
void write_web_head(char* out, WebOpcode opcode, std::size_t payload, bool masked,
                    std::uint32_t mask) noexcept;
/// Masks or unmasks `size` bytes that stand at `offset` of a payload (section 5.3).
void web_mask(char* bytes, std::size_t size, std::uint32_t mask, std::size_t offset) noexcept;

/// RFC 3629: no surrogates, nothing overlong, nothing above U+10FFFF.
bool is_utf8(std::string_view text) noexcept;

}  // namespace sipstack
