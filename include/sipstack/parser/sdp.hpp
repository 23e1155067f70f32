// SPDX-License-Identifier: Apache-2.0
// Session descriptions: a checked view over the bytes, and an owned one to edit. RFC 8866; RFC 4566,
// RFC 2327 and GB/T 28181 Annex G as far as devices in the field need it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sipstack/base/address.hpp"
#include "sipstack/parser/error.hpp"

namespace sipstack {
class Diagnostics;
}

namespace sipstack::sdp {

/// The default of Limits::media.
inline constexpr std::size_t kMaxMedia = 256;

/// Bounds on what a peer may send. Past the first two it is ParseErrc::too_many, past the last too_large.
struct Limits {
  std::uint32_t media = kMaxMedia;  ///< m= lines
  std::uint32_t attributes = 1024;  ///< a= lines of one level: the session, or one medium
  std::uint32_t line = 8192;        ///< bytes of a line, without its end
};

enum class Mode : std::uint8_t {
  /// RFC 8866, and beyond it only what is listed at View.
  exact,
  /// Whatever has one reading, as devices of the field send it; listed at View.
  lenient,
};

/// How to read a description.
struct Reading {
  Mode mode = Mode::exact;
  Limits limits;
  /// Where every departure from RFC 8866 is told, those that the exact mode lets pass, too. May be null.
  Diagnostics* told = nullptr;
};

// ---- values of lines, as views ----

/// c= (RFC 8866 section 5.7). Some devices send an empty address.
struct Connection {
  std::string_view net_type;   ///< "IN"
  std::string_view addr_type;  ///< "IP4", "IP6"
  std::string_view address;    ///< as it stands: "224.2.1.1/127/3" for multicast

  /// The address without TTL and count.
  std::string_view host() const noexcept { return address.substr(0, address.find('/')); }
};

/// o= (RFC 8866 section 5.2). Numbers stay text: they may have any length.
struct OriginView {
  std::string_view username;
  std::string_view session_id;
  std::string_view session_version;
  std::string_view net_type;
  std::string_view addr_type;
  std::string_view address;
};

/// a= (RFC 8866 section 5.13): "name" or "name:value".
struct Attribute {
  std::string_view name;
  std::string_view value;
  bool has_value = false;
};

/// a=rtpmap (RFC 8866 section 6.6), or a static payload type (RFC 3551 section 6).
struct RtpMap {
  std::uint8_t payload_type = 0;
  std::string_view encoding;  ///< "PCMU", compared in any case
  std::uint32_t rate = 0;
  std::uint32_t channels = 1;
};

/// m= (RFC 8866 section 5.14).
struct MediaLine {
  std::string_view type;  ///< "audio", "video", ...
  std::uint16_t port = 0;
  std::uint16_t port_count = 1;
  std::string_view proto;    ///< "RTP/AVP", "TCP/RTP/AVP", "udptl", ...
  std::string_view formats;  ///< all of them, separated by spaces
};

/// Split what the check has accepted; text that it has not gives fields that are empty.
Connection connection_of(std::string_view value) noexcept;
OriginView origin_of(std::string_view value) noexcept;
Attribute attribute_of(std::string_view value) noexcept;
MediaLine media_line_of(std::string_view value) noexcept;
/// The value of an rtpmap attribute; nothing where it is malformed.
std::optional<RtpMap> rtpmap_of(std::string_view value) noexcept;
/// The codec of a static payload type (RFC 3551 tables 4 and 5); nothing for unassigned and dynamic ones.
std::optional<RtpMap> static_rtpmap(std::uint8_t payload_type) noexcept;

// ---- the view ----

/// One line of a description, without its line end.
struct LineView {
  char type = 0;  ///< 0: no "x=" in front (lenient mode only); value is then the whole line
  std::string_view value;    ///< behind the "="
  std::uint32_t offset = 0;  ///< of the line's first byte, in the text given to View::parse()
  std::string_view text;     ///< as it stands, line end included
};

/// Some consecutive lines of a checked text.
class Lines {
 public:
  Lines() = default;
  /// Those of whole[begin, end). `opening`: v=, o= and s= are stepped over.
  Lines(std::string_view whole, std::size_t begin, std::size_t end, bool opening = false) noexcept
      : whole_(whole.substr(0, end)), begin_(begin), opening_(opening) {}

  class iterator {
   public:
    using value_type = LineView;
    using reference = const LineView&;
    using pointer = const LineView*;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::input_iterator_tag;
    iterator() = default;
    iterator(std::string_view whole, std::size_t at, bool opening = false) noexcept
        : whole_(whole), next_(at), opening_(opening) {
      read();
    }
    reference operator*() const noexcept { return line_; }
    pointer operator->() const noexcept { return &line_; }
    iterator& operator++() noexcept {
      read();
      return *this;
    }
    friend bool operator==(const iterator& a, const iterator& b) noexcept {
      return a.line_.text.empty() == b.line_.text.empty() &&
             (a.line_.text.empty() || a.line_.offset == b.line_.offset);
    }
    friend bool operator!=(const iterator& a, const iterator& b) noexcept { return !(a == b); }

   private:
    void read() noexcept;
    std::string_view whole_;
    std::size_t next_ = 0;
    bool opening_ = false;
    LineView line_;  ///< without text: the end
  };

  iterator begin() const noexcept { return {whole_, begin_, opening_}; }
  iterator end() const noexcept { return {}; }

  /// The first line of that type.
  std::optional<LineView> find(char type) const noexcept;
  /// The value of the first attribute of that name; "" for one without a value.
  std::optional<std::string_view> attribute(std::string_view name) const noexcept;
  /// The first c= line.
  std::optional<Connection> connection() const noexcept;
  /// As they stand, with what is between them.
  std::string_view text() const noexcept {
    return begin_ < whole_.size() ? whole_.substr(begin_) : std::string_view();
  }

 private:
  std::string_view whole_;
  std::size_t begin_ = 0;
  bool opening_ = false;
};

/// Where the first m= lines are, so that walking them need not look for them; 0: not known.
using MediaOffsets = std::array<std::uint32_t, 8>;

/// One m= section.
struct MediaView {
  MediaLine line;
  Lines lines;            ///< what follows the m= line, in order
  std::string_view text;  ///< the section as it stands, from "m=" to the next one or the end

  /// What a format stands for in an RTP profile: its rtpmap, else the static payload type.
  std::optional<RtpMap> rtpmap(std::string_view format) const noexcept;
  /// The parameters of a format, from its fmtp.
  std::optional<std::string_view> fmtp(std::string_view format) const noexcept;
};

/// A description that passed the grammar, as views over its bytes: allocates nothing, and walking it
/// cannot fail. Valid while the bytes are.
///
/// Accepted beside RFC 8866: LF for CRLF (section 5 wants that) and no line end at all behind the last
/// line; empty lines at the end; lines of unknown types (y=, f=: GB/T 28181) and known ones out of order,
/// behind v=, o= and s=, which come first; an empty s=; in o= a user name with spaces and ids that are no
/// numbers; no address in c= and o=; spaces at the ends of a value. Whether there is a c= for every medium
/// is not looked at.
///
/// Mode::lenient accepts, beside that: NULs behind the last line; empty lines anywhere; spaces before a
/// line's type and before its "="; no v= in front of an o=; o= and s= missing, or behind other lines of
/// the session level; no t=; an m= line without formats; a=, b=, c=, o= and t= lines that are malformed
/// (they give fields that are empty); lines that are none ("testing"). What has two readings is refused
/// all the same: a second o=, a port above 65535, a bare CR, a NUL before the end.
class View {
 public:
  /// ParseErrc::bad_body, too_many or too_large, with the offset of the byte. Whatever the exact mode
  /// accepts the lenient one reads the same.
  static expected<View, ParseError> parse(std::string_view text,
                                          const Reading& reading = {}) noexcept;

  std::string_view text() const noexcept { return text_; }
  OriginView origin() const noexcept;
  std::string_view name() const noexcept { return name_; }  ///< s=
  /// The lines of the session level but v=, o= and s=, in order.
  Lines lines() const noexcept { return {text_, session_begin_, session_end_, opening_}; }
  /// The session level as it stands, from "v=" to the first "m=" or the end.
  std::string_view session_text() const noexcept { return text_.substr(0, session_end_); }
  std::size_t media_count() const noexcept { return media_count_; }
  /// Of a medium: its own c=, else the session's.
  std::optional<Connection> connection_of(const MediaView& medium) const noexcept;

  /// The m= sections in order.
  class MediaRange {
   public:
    /// `begin` is where the first m= line is in `text`.
    explicit MediaRange(std::string_view text, std::size_t begin,
                        const MediaOffsets& known = {}) noexcept
        : text_(text), begin_(begin), known_(known) {}
    class iterator {
     public:
      using value_type = MediaView;
      using reference = const MediaView&;
      using pointer = const MediaView*;
      using difference_type = std::ptrdiff_t;
      using iterator_category = std::input_iterator_tag;
      iterator() = default;
      iterator(std::string_view text, std::size_t at, const MediaOffsets& known) noexcept
          : text_(text), next_(at), known_(known) {
        read();
      }
      reference operator*() const noexcept { return media_; }
      pointer operator->() const noexcept { return &media_; }
      iterator& operator++() noexcept {
        read();
        return *this;
      }
      friend bool operator==(const iterator& a, const iterator& b) noexcept {
        return a.done_ == b.done_ && (a.done_ || a.next_ == b.next_);
      }
      friend bool operator!=(const iterator& a, const iterator& b) noexcept { return !(a == b); }

     private:
      void read() noexcept;
      std::string_view text_;
      std::size_t next_ = 0;
      std::size_t index_ = 0;
      MediaOffsets known_{};
      MediaView media_;
      bool done_ = true;
    };
    iterator begin() const noexcept { return {text_, begin_, known_}; }
    iterator end() const noexcept { return {}; }

   private:
    std::string_view text_;
    std::size_t begin_;
    MediaOffsets known_;
  };
  MediaRange media() const noexcept { return MediaRange(text_, session_end_, media_at_); }

 private:
  std::string_view text_;
  std::string_view origin_;  ///< the value of o=
  std::string_view name_;
  std::size_t session_begin_ = 0;  ///< where lines() begins
  std::size_t session_end_ = 0;    ///< where the first m= line begins
  std::size_t media_count_ = 0;
  MediaOffsets media_at_{};
  bool opening_ = false;  ///< v=, o= and s= may stand among the lines of the session level
};

/// Where a description is wrong, for people: line and column from 1, and the section that the line
/// offends.
struct Fault {
  TextPosition at;
  char line = 0;         ///< the type of the line; 0 where it has none
  std::string_view rfc;  ///< "RFC 8866 section 5.14"
};
Fault fault(std::string_view text, const ParseError& error) noexcept;

// ---- the owned description ----

/// The direction of media as the describing side sees it (RFC 8866 section 6.7).
enum class Direction : std::uint8_t { sendrecv, sendonly, recvonly, inactive };

constexpr bool sends(Direction d) noexcept {
  return d == Direction::sendrecv || d == Direction::sendonly;
}
constexpr bool receives(Direction d) noexcept {
  return d == Direction::sendrecv || d == Direction::recvonly;
}
constexpr Direction direction(bool send, bool receive) noexcept {
  if (send) return receive ? Direction::sendrecv : Direction::sendonly;
  return receive ? Direction::recvonly : Direction::inactive;
}
/// What the one side sends the other receives.
constexpr Direction reversed(Direction d) noexcept { return direction(receives(d), sends(d)); }

std::string_view to_string(Direction direction) noexcept;

struct Line {
  char type = 0;
  std::string value;

  friend bool operator==(const Line& a, const Line& b) noexcept {
    return a.type == b.type && a.value == b.value;
  }
};

/// What session and media level share: lines in order, whatever their type, and a typed look at some.
/// Views that it gives live until the lines change.
struct Section {
  std::vector<Line> lines;
  /// The bytes that the section was read from; no part of comparisons. Session::verbatim() goes back to
  /// them where nothing was edited.
  std::string as_read;

  /// The first line of that type.
  const Line* find(char type) const noexcept;
  /// Puts a line behind those that the order of RFC 8866 section 5 wants before it.
  void add(char type, std::string_view value);
  void remove(char type);

  std::optional<Connection> connection() const noexcept;
  /// Sets the first c= line, or adds one.
  void connection(const IpAddress& address);

  /// The value of the first attribute of that name, "" for one without a value.
  std::optional<std::string_view> attribute(std::string_view name) const noexcept;
  void add_attribute(std::string_view name);
  void add_attribute(std::string_view name, std::string_view value);
  void remove_attributes(std::string_view name);

  /// b=TYPE:value, e.g. "AS" in kilobits a second; nothing where absent or beyond 32 bits.
  std::optional<std::uint32_t> bandwidth(std::string_view type) const noexcept;

  /// Of this level alone; nothing where it has none of the four attributes.
  std::optional<Direction> direction() const noexcept;
  /// In place of what was there.
  void direction(Direction direction);
};

/// m= with its lines.
struct Media : Section {
  std::string type = "audio";
  std::uint16_t port = 0;
  std::uint16_t port_count = 1;
  std::string proto = "RTP/AVP";
  std::vector<std::string> formats;

  /// What a format stands for in an RTP profile: its rtpmap, else the static payload type.
  std::optional<RtpMap> rtpmap(std::string_view format) const noexcept;
  /// The parameters of a format, from its fmtp.
  std::optional<std::string_view> fmtp(std::string_view format) const noexcept;

  friend bool operator==(const Media& a, const Media& b) noexcept {
    return a.type == b.type && a.port == b.port && a.port_count == b.port_count &&
           a.proto == b.proto && a.formats == b.formats && a.lines == b.lines;
  }
};

/// o= (RFC 8866 section 5.2).
struct Origin {
  std::string username = "-";
  std::string session_id = "0";
  std::string session_version = "0";
  std::string net_type = "IN";
  std::string addr_type = "IP4";
  std::string address = "0.0.0.0";

  friend bool operator==(const Origin& a, const Origin& b) noexcept {
    return a.username == b.username && a.session_id == b.session_id &&
           a.session_version == b.session_version && a.net_type == b.net_type &&
           a.addr_type == b.addr_type && a.address == b.address;
  }
};

/// A description to keep and to edit. to_string() prints what it read: unknown lines and the order of
/// lines stay, only line ends become CRLF and runs of spaces in o= and m= one space. verbatim() gives the
/// bytes themselves. Allocates.
struct Session : Section {
  Origin origin;
  std::string name = "-";
  std::vector<Media> media;

  /// An empty one: "t=0 0" and no media.
  Session();
  /// Of a view that needed repair: a t= that is missing becomes "0 0", an o= the one of Origin{}.
  explicit Session(const View& view);
  /// Errors: as View::parse().
  static expected<Session, ParseError> parse(std::string_view text, const Reading& reading = {});

  /// With CRLF behind every line.
  std::string to_string() const;
  /// Byte for byte what was read, for each section that is still as it was read; as to_string() for the
  /// others. Devices that take no LF for a line end want to_string().
  std::string verbatim() const;
  /// Whether to_string() reads back as the same: false where a value has a line end or another byte in
  /// it that may not be there. Nothing else may go on a wire.
  bool well_formed() const;

  /// Of a medium: its own, else the session's, else sendrecv (RFC 8866 section 6.7).
  Direction direction_of(const Media& medium) const noexcept;
  using Section::direction;
  /// Of a medium: its own, else the session's.
  std::optional<Connection> connection_of(const Media& medium) const noexcept;

  friend bool operator==(const Session& a, const Session& b) noexcept {
    return a.origin == b.origin && a.name == b.name && a.lines == b.lines && a.media == b.media;
  }
  friend bool operator!=(const Session& a, const Session& b) noexcept { return !(a == b); }
};

/// "IP4" or "IP6".
std::string_view addr_type(const IpAddress& address) noexcept;

}  // namespace sipstack::sdp
