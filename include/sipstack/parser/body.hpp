// SPDX-License-Identifier: Apache-2.0
// Message bodies: one part, or many in multipart. RFC 2046 section 5.1, RFC 3261 section 7.4, RFC 5621.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <optional>
#include <string_view>

#include "sipstack/parser/message_view.hpp"

namespace sipstack {

class Diagnostics;

/// Bounds on bodies. Past one of them it is ParseErrc::too_many, or too_large for header_block.
struct BodyLimits {
  std::uint8_t depth = 4;             ///< multipart in multipart; not above BodyIndex::kDepth
  std::uint16_t parts = 32;           ///< of all levels; not above BodyIndex::kCapacity
  std::uint16_t headers = 32;         ///< header fields of one part
  std::uint32_t header_block = 8192;  ///< bytes of the header fields of one part
};

/// How to read a body.
struct BodyReading {
  BodyLimits limits;
  /// Takes LF for CRLF where the whole body does so (its delimiters and header fields; contents are not
  /// looked at), a Content-Length of a part that is not its length, and a boundary of other visible bytes
  /// than RFC 2046 lets it have.
  bool lenient = false;
  /// Where each such repair is told; offsets as those of errors. May be null.
  Diagnostics* told = nullptr;
};

/// What to do where a part is not understood (RFC 3204 section 6, RFC 5621 section 8).
enum class Handling : std::uint8_t { required, optional, other };

/// Content-Transfer-Encoding (RFC 2045 section 6). The first three leave bytes as they are; the others are
/// not undone here (RFC 5621 section 3.2: SIP needs none).
enum class TransferEncoding : std::uint8_t {
  binary,  ///< the default in SIP (RFC 3261 section 7.4.2)
  seven_bit,
  eight_bit,
  base64,
  quoted_printable,
  other,
};

/// The header fields of a part, checked: walking cannot fail. HeaderId::other for those that SIP doesn't
/// know, such as Content-ID.
class PartHeaders {
 public:
  PartHeaders() = default;
  explicit PartHeaders(std::string_view block) noexcept : block_(block) {}

  class iterator {
   public:
    using value_type = HeaderView;
    using reference = const HeaderView&;
    using pointer = const HeaderView*;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::input_iterator_tag;
    iterator() = default;
    explicit iterator(std::string_view rest) noexcept : rest_(rest) { read(); }
    reference operator*() const noexcept { return header_; }
    pointer operator->() const noexcept { return &header_; }
    iterator& operator++() noexcept {
      read();
      return *this;
    }
    friend bool operator==(const iterator& a, const iterator& b) noexcept {
      return a.header_.name.data() == b.header_.name.data();
    }
    friend bool operator!=(const iterator& a, const iterator& b) noexcept { return !(a == b); }

   private:
    void read() noexcept;
    std::string_view rest_;
    HeaderView header_;  ///< name of null: the end
  };

  iterator begin() const noexcept { return iterator(block_); }
  iterator end() const noexcept { return {}; }
  /// The lines as they stand.
  std::string_view text() const noexcept { return block_; }

 private:
  std::string_view block_;
};

/// One part of a body, or the body as a whole. Views into the message: valid while its bytes are.
struct BodyPart {
  std::string_view bytes;  ///< the content, exact: NULs and all
  PartHeaders headers;     ///< none for the body as a whole, whose header fields are the message's
  /// RFC 2046 section 5.1: text/plain where a part has none; message/rfc822 in multipart/digest. Its
  /// parameters are as they stand.
  MediaType type;
  std::string_view
      disposition;  ///< "session" for application/sdp, else "render", where there is none
  Handling handling = Handling::required;
  TransferEncoding encoding = TransferEncoding::binary;
  std::string_view id;       ///< Content-ID without its <>; "" where there is none
  std::uint8_t depth = 0;    ///< 0: the body as a whole; 1: a part of it; ...
  std::uint16_t parent = 0;  ///< index of the part that this one is in; of the body as a whole 0
  /// Index of the next part that is not in this one; parts lie in document order.
  std::uint16_t next = 0;
  std::string_view preamble;  ///< of a multipart: what is before its first delimiter ...
  std::string_view epilogue;  ///< ... and behind its last

  bool is_multipart() const noexcept { return iequals(type.type, "multipart"); }
  /// The first header field of that name as it stands, in any case.
  std::optional<std::string_view> raw(std::string_view name) const noexcept;
  /// The first value of a header field, typed; missing_header where there is none. Offsets of errors
  /// count from the value.
  template <class T>
  expected<T, ParseError> get(const HeaderTag<T>& tag) const noexcept;
};

/// Caller's storage for the parts of one body (about 16 KiB). Can be used again and again.
struct BodyIndex {
  static constexpr std::size_t kCapacity = 64;
  static constexpr std::size_t kDepth = 8;

  std::uint16_t size = 0;  ///< parts in use; parts[0] is the body as a whole
  BodyPart parts[kCapacity + 1];

  const BodyPart* begin() const noexcept { return parts; }
  const BodyPart* end() const noexcept { return parts + size; }

  /// The first part of that type at any depth, the body itself included; null where there is none. The
  /// parts of a multipart/alternative are looked at from the last one (RFC 2046 section 5.1.4: it is the
  /// best).
  const BodyPart* find(std::string_view type, std::string_view subtype) const noexcept;
  /// By Content-ID: "cid:a%20b@c" (RFC 2392), "<a b@c>" or "a b@c". Null where there is none.
  const BodyPart* find_id(std::string_view id) const noexcept;
  /// The first part that must be understood and is not: a request is then answered 415 (RFC 5621 section
  /// 8.4). Null: all is well. `understood` are media types in lower case, "application/sdp"; multipart/mixed,
  /// /alternative and /related are understood by their parts: one that is understood of an alternative,
  /// every required one of the others, and others yet are read as mixed (RFC 2046 section 5.1.3). What is
  /// in an optional part is asked for nothing.
  const BodyPart* not_understood(std::initializer_list<std::string_view> understood) const noexcept;
  /// The part of a multipart/related that is to be looked at first (RFC 5621 section 7.1): the one that
  /// `start` names, else its first.
  const BodyPart* root(const BodyPart& related) const noexcept;
};

/// Finds every part of a message's body. Zero-copy; allocates nothing; no recursion: each byte is looked
/// at once for each depth at most. A body that is no multipart is one part. `message` passed parse().
///
/// Errors: ParseErrc::bad_body (offset in the message) where the boundary is absent, empty, longer than 70
/// bytes or malformed, no delimiter is there, the last one is missing, or a part is malformed;
/// duplicate_header for what a part may have once; bad_content_length; too_many and too_large for
/// BodyLimits; missing_header for a body without Content-Type. `index` is then without parts.
///
/// Refused on purpose, for others may read it otherwise: a line that begins like a delimiter and goes on
/// (RFC 2046 section 5.1.1: no such line may be in a part), a delimiter behind a bare LF or CR, two
/// delimiters with nothing between, a part whose header fields do not end.
expected<void, ParseError> parse_body(const MessageView& message, BodyIndex& index,
                                      const BodyReading& reading = {}) noexcept;

/// The same for a body that stands alone, with its Content-Type. Offsets count from its first byte.
expected<void, ParseError> parse_body(std::string_view bytes, std::string_view content_type,
                                      BodyIndex& index, const BodyReading& reading = {}) noexcept;

/// The boundary parameter without its quotes (RFC 2046 section 5.1.1); nothing where it is absent, twice
/// there, empty, longer than 70 bytes, or has bytes that may not be in it. `lenient`: any visible byte.
std::optional<std::string_view> boundary_of(const MediaType& type, bool lenient = false) noexcept;

template <class T>
expected<T, ParseError> BodyPart::get(const HeaderTag<T>& tag) const noexcept {
  for (const HeaderView& header : headers) {
    if (tag.id == HeaderId::other ? !iequals(header.name, tag.name) : header.id != tag.id) continue;
    T value{};
    const char* cursor = header.value.data();
    const char* const end = cursor + header.value.size();
    ParseErrc code = tag.parse(cursor, end, value);
    if (code == ParseErrc::ok && cursor != end && (tag.rule != HeaderRule::list || *cursor != ','))
      code = ParseErrc::trailing_bytes;
    if (code == ParseErrc::ok) return value;
    return unexpected<ParseError>(
        ParseError{code, tag.id, static_cast<std::uint32_t>(cursor - header.value.data())});
  }
  return unexpected<ParseError>(ParseError{ParseErrc::missing_header, tag.id, 0});
}

}  // namespace sipstack
