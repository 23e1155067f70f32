// SPDX-License-Identifier: Apache-2.0
// Writing messages straight into pooled blocks. No value with CR, LF or NUL ever gets in.
#pragma once

#include <cstdint>
#include <string_view>

#include "sipstack/base/block.hpp"
#include "sipstack/base/flow.hpp"
#include "sipstack/parser/message.hpp"

namespace sipstack {

enum class WriteErrc : std::uint8_t {
  ok,
  bad_byte,   ///< CR, LF or NUL in a value, or a name that is no token: header injection (hardening A24)
  too_large,  ///< past 65,535 bytes, or the pool is exhausted
  no_body_type,  ///< a body without Content-Type
  malformed,  ///< the finished message would not parse: what was written is no SIP
};
std::string_view to_string(WriteErrc code) noexcept;

/// What the transaction layer knows only once it knows the target: it completes the topmost Via and the
/// Contact of our own user agent.
struct Origin {
  Transport transport = Transport::udp;
  std::string_view sent_by;  ///< host[:port] as others reach us
  std::string_view branch;   ///< with the magic cookie
};

/// The lines that both writers share. Errors are sticky: write on and look once, at seal().
/// A block grows by moving to the next size class; the pool's blocks are reused, not allocated.
class MessageWriter {
 public:
  MessageWriter(MessageWriter&&) noexcept = default;
  MessageWriter& operator=(MessageWriter&&) noexcept = default;

  void header(HeaderId id, std::string_view value);
  void header(HeaderId id, std::uint64_t value);
  /// Any name that is a token.
  void header(std::string_view name, std::string_view value);
  /// Every line of that header in `from`, as it stands, in order.
  void copy(const MessageView& from, HeaderId id);
  /// Writes Content-Type and, at seal(), Content-Length and the body. The bytes are copied now.
  void body(std::string_view content_type, std::string_view bytes);
  /// A Contact with our own address, filled in at seal(): <sip:user@here;params>;header_params. Both
  /// parameter texts start with ';' or are empty. sips where `secure_uri`.
  void contact_here(std::string_view user, std::string_view uri_params = {},
                    std::string_view header_params = {}, bool secure_uri = false);

  WriteErrc error() const noexcept { return error_; }

 protected:
  MessageWriter(BlockPool& pool, std::size_t expected_size) noexcept;
  // The block holds: headroom | lines written so far. seal() puts start line and Via into the headroom.
  void put(std::string_view bytes) noexcept;
  void fail(WriteErrc code) noexcept {
    if (error_ == WriteErrc::ok) error_ = code;
  }

  BlockPool* pool_;
  Block block_;
  Block body_;
  Block contact_;  ///< what contact_here() was told, kept until seal()
  WriteErrc error_ = WriteErrc::ok;
};

/// A request without its topmost Via, which seal() adds.
class RequestWriter : public MessageWriter {
 public:
  RequestWriter(BlockPool& pool, std::string_view method, std::string_view uri);
  RequestWriter(RequestWriter&&) noexcept = default;
  RequestWriter& operator=(RequestWriter&&) noexcept = default;

  std::string_view method() const noexcept;
  std::string_view uri() const noexcept;

  /// The finished message, parsed (and so proved well-formed). The writer stays as it was: it can be
  /// sealed again for the next target (RFC 3263 section 4.3).
  expected<Message, WriteErrc> seal(const Origin& origin) const;

 private:
  friend class Rewrite;
  Block start_;  ///< "METHOD URI"
  std::uint16_t method_length_ = 0;
};

/// A response to a request: the start line and Via, From, To, Call-ID, CSeq as RFC 3261 section 8.2.6.2
/// wants them copied; received and rport set in the topmost Via from `source` (RFC 3261 section 18.2.1,
/// RFC 3581 section 4). Timestamp is copied into a 100.
class ResponseWriter : public MessageWriter {
 public:
  /// `request` may be one that failed to parse but is recoverable(). An empty reason is filled in from
  /// the status. `to_tag` is added to To where that has none and status is not 100.
  ResponseWriter(BlockPool& pool, const MessageView& request, const Flow& source, int status,
                 std::string_view to_tag, std::string_view reason = {});
  ResponseWriter(ResponseWriter&&) noexcept = default;
  ResponseWriter& operator=(ResponseWriter&&) noexcept = default;

  int status() const noexcept { return status_; }
  /// The finished message. `here` fills contact_here() and may be empty where that was not used.
  expected<Message, WriteErrc> seal(const Origin& here = {}) const;

 private:
  int status_ = 0;
};

/// The phrase of RFC 3261 section 21 and its extensions; that of the class where the code is unknown.
std::string_view reason_phrase(int status) noexcept;

/// Where the response to a request goes (RFC 3261 section 18.2.2, RFC 3581 section 4): the connection
/// that it came by; for UDP maddr, else received and rport or the sent-by port.
Flow response_target(const MessageView& request, const Flow& source) noexcept;

}  // namespace sipstack
