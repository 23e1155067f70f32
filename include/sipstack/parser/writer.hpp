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
  bad_byte,  ///< CR, LF or NUL in a value, or a name that is no token: header injection (hardening A24)
  too_large,     ///< past 65,535 bytes, or the pool is exhausted
  no_body_type,  ///< a body without Content-Type
  malformed,     ///< the finished message would not parse: what was written is no SIP
};
std::string_view to_string(WriteErrc code) noexcept;

/// What the transaction layer knows only once it knows the target: it completes the topmost Via and the
/// Contact of our own user agent.
struct Origin {
  Transport transport = Transport::udp;
  std::string_view sent_by;  ///< host[:port] as others reach us
  std::string_view branch;   ///< with the magic cookie
};

/// Header fields in the order in which they shall stand. A view: the array must outlive the writer.
struct HeaderOrder {
  const HeaderId* ids = nullptr;
  std::size_t size = 0;
  constexpr HeaderOrder() = default;
  template <std::size_t N>
  constexpr HeaderOrder(const HeaderId (&array)[N]) noexcept : ids(array), size(N) {}
};

/// What proxies look at, towards the top: the order that RFC 3261 section 7.3.1 recommends.
inline constexpr HeaderId kProxyFirst[] = {HeaderId::via,          HeaderId::route,
                                           HeaderId::record_route, HeaderId::proxy_require,
                                           HeaderId::max_forwards, HeaderId::proxy_authorization};

/// How a message is laid out. Neither changes what it says.
struct WriteOptions {
  bool compact = false;  ///< compact names where there are any (RFC 3261 section 7.3.3)
  /// Fields of these ids come first, in this order; all others behind them in the order of the calls.
  /// Lines of one id keep their order. Empty: topmost Via, the calls, Contact, Content-Length.
  HeaderOrder order;
};

/// The lines that both writers share. Errors are sticky: write on and look once, at seal(). Values are
/// written as they are given and may hold no control byte but HT; names are the canonical long ones.
/// Everything lives in pooled blocks, which grow by moving to the next size class: the pool's blocks
/// are reused, not allocated. Threads: as BlockPool, which must outlive the writer.
class MessageWriter {
 public:
  MessageWriter(MessageWriter&&) noexcept = default;
  MessageWriter& operator=(MessageWriter&&) noexcept = default;

  void header(HeaderId id, std::string_view value);
  void header(HeaderId id, std::uint64_t value);
  /// Any name that is a token; one that the registry knows becomes its long name.
  void header(std::string_view name, std::string_view value);
  /// Every line of that header in `from`, as it stands (folds included), in order.
  void copy(const MessageView& from, HeaderId id);
  /// Writes Content-Type (none where that is empty: then header() has to) and, at seal(), Content-Length
  /// and the body. The bytes are copied now. A second call is an error.
  void body(std::string_view content_type, std::string_view bytes);
  /// A Contact with our own address, filled in at seal(): <sip:user@here;transport=...;params> and the
  /// header_params. Both parameter texts start with ';' or are empty. sips where `secure_uri`. Once.
  void contact_here(std::string_view user, std::string_view uri_params = {},
                    std::string_view header_params = {}, bool secure_uri = false);

  WriteErrc error() const noexcept { return error_; }
  /// Whether seal() needs to know where we are: contact_here() was called.
  bool needs_origin() const noexcept { return static_cast<bool>(contact_); }

 protected:
  friend class Rewrite;
  MessageWriter(BlockPool& pool, std::size_t expected_size,
                const WriteOptions& options = {}) noexcept;
  /// The name that the options want.
  std::string_view spelled(HeaderId id) const noexcept {
    const std::string_view compact = options_.compact ? compact_name(id) : std::string_view();
    return compact.empty() ? name(id) : compact;
  }
  /// Makes lines_ large enough for so many more bytes of text and lines. False: it could not.
  bool make_room(std::size_t bytes, std::size_t lines) noexcept;
  void line(HeaderId id, std::string_view field, std::string_view value) noexcept;
  /// A line stands in lines_ from `name` on, up to its CRLF at the end.
  void line_done(HeaderId id, std::size_t name, std::size_t name_length) noexcept;
  /// Bytes into lines_ as they are.
  void put(std::string_view bytes) noexcept;
  /// The same, refused where a byte may not stand in a value.
  void put_checked(std::string_view bytes) noexcept;
  /// A value that was received: folds stay, any other control byte but HT is refused.
  void put_received(std::string_view value) noexcept;
  void fail(WriteErrc code) noexcept {
    if (error_ == WriteErrc::ok) error_ = code;
  }
  /// lines_, behind the start line at their front `via`; Contact, Content-Length and body at the end.
  /// `mirrored`: a Via, From, To, Call-ID or CSeq that does not parse is what we were sent.
  expected<Message, WriteErrc> assemble(std::string_view via, const Origin& here,
                                        bool mirrored) const;
  /// The same for lines_known_. `known`: what parse() would say of start line and mandatory lines, with
  /// offsets in lines_.
  expected<Message, WriteErrc> assemble(const Origin& here, const IndexHead& known) const;
  /// The same into the caller's bytes. How many they are.
  expected<std::size_t, WriteErrc> assemble(std::string_view via, const Origin& here, bool mirrored,
                                            char* buffer, std::size_t capacity) const;

  struct Parts;  // of the message to be: what is known before its bytes are laid out
  WriteErrc measure(std::string_view via, const Origin& here, Parts& parts) const noexcept;
  bool lay_out(const Parts& parts, char* at) const noexcept;
  bool proven(std::string_view bytes, bool mirrored, MessageIndex& index,
              WriteErrc& error) const noexcept;

  BlockPool* pool_;
  WriteOptions options_;
  HeaderEntry* entries() const noexcept;

  /// Start line without its CRLF, then the lines; where lines_known_, the lines' entries stand at the
  /// end of the block, the last one first.
  Block lines_;
  Block body_;
  Block contact_;  ///< what contact_here() was told, NUL between the parts, kept until seal()
  std::uint16_t start_ = 0;  ///< length of the start line in lines_
  bool has_type_ = false;    ///< Content-Type is among the lines
  bool has_length_ = false;  ///< Content-Length is among the lines (Rewrite keeps the sender's)
  bool secure_contact_ = false;
  /// Every line is copied from a message that parse() found sound, or is none that it looks into: the
  /// message's index is known without reading it again.
  bool lines_known_ = false;
  WriteErrc error_ = WriteErrc::ok;
  std::uint16_t line_count_ = 0;  ///< entries at the end of lines_
};

/// A request without its topmost Via, which seal() adds.
class RequestWriter : public MessageWriter {
 public:
  RequestWriter(BlockPool& pool, std::string_view method, std::string_view uri,
                const WriteOptions& options = {});
  RequestWriter(RequestWriter&&) noexcept = default;
  RequestWriter& operator=(RequestWriter&&) noexcept = default;

  /// Views of the writer: valid until the next call that writes.
  std::string_view method() const noexcept;
  std::string_view uri() const noexcept;

  /// The finished message, parsed (and so proved well-formed). The writer stays as it was: it can be
  /// sealed again for the next target (RFC 3263 section 4.3).
  expected<Message, WriteErrc> seal(const Origin& origin) const;
  /// The same bytes into a buffer of the caller's, proved as well. Returns how many; too_large where
  /// they are more than `capacity`, and then nothing is written.
  expected<std::size_t, WriteErrc> write(const Origin& origin, char* buffer,
                                         std::size_t capacity) const;

 private:
  friend class Rewrite;
  expected<std::size_t, WriteErrc> top_via(const Origin& origin, char (&via)[512]) const;
  std::uint16_t method_length_ = 0;
};

/// A response to a request: the start line and Via, From, To, Call-ID, CSeq as RFC 3261 section 8.2.6.2
/// wants them copied; received and rport set in the topmost Via from `source` (RFC 3261 section 18.2.1,
/// RFC 3581 section 4), unless that has no address, as where the transport is not IP. Timestamp is
/// copied into a 100.
class ResponseWriter : public MessageWriter {
 public:
  /// `request` may be one that failed to parse but is recoverable(): what was malformed in it goes back
  /// as it came. An empty reason is filled in from the status. `to_tag` is added to To where that has
  /// none and status is not 100.
  ResponseWriter(BlockPool& pool, const MessageView& request, const Flow& source, int status,
                 std::string_view to_tag, std::string_view reason = {},
                 const WriteOptions& options = {});
  ResponseWriter(ResponseWriter&&) noexcept = default;
  ResponseWriter& operator=(ResponseWriter&&) noexcept = default;

  int status() const noexcept { return status_; }
  /// The finished message. `here` fills contact_here() and may be empty where that was not used.
  expected<Message, WriteErrc> seal(const Origin& here = {}) const;
  /// As RequestWriter::write().
  expected<std::size_t, WriteErrc> write(const Origin& here, char* buffer,
                                         std::size_t capacity) const;

 private:
  /// Status line and mirrored lines of a sound request, with their index. False: nothing was done.
  bool mirror(const MessageView& request, const Flow& source, std::string_view to_tag,
              std::string_view reason) noexcept;
  int status_ = 0;
  IndexHead head_;  ///< of lines_, while lines_known_
};

/// The phrase of RFC 3261 section 21 and its extensions; that of the class where the code is unknown.
std::string_view reason_phrase(int status) noexcept;

/// Where the response to a request goes (RFC 3261 section 18.2.2, RFC 3581 section 4): the connection
/// that it came by; for UDP maddr, else received and rport or the sent-by port.
Flow response_target(const MessageView& request, const Flow& source) noexcept;

}  // namespace sipstack
