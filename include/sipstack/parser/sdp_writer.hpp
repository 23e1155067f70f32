// SPDX-License-Identifier: Apache-2.0
// Session descriptions written from typed values, straight into the caller's bytes. RFC 8866 section 5.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string_view>

#include "sipstack/base/expected.hpp"
#include "sipstack/parser/sdp_attributes.hpp"
#include "sipstack/parser/writer.hpp"

namespace sipstack::sdp {

/// Writes line after line, in the order in which it is called; CRLF ends each. No value with CR, LF or NUL
/// ever gets in. Errors are sticky: write on and look once, at finish(). Allocates nothing. `buffer` must
/// outlive the writer and what finish() gives. Threads: none.
///
///   char bytes[2048];
///   sdp::Writer out(bytes, sizeof bytes);
///   out.origin({"-", "1", "1", "IN", "IP4", "192.0.2.1"}).name("-");
///   out.connection({"IN", "IP4", "192.0.2.1"}).time(0, 0);
///   out.media("audio", 49170, "RTP/AVP", {"0", "96"}).add(sdp::RtpMap{96, "opus", 48000, 2});
///   const auto text = out.add(sdp::Direction::sendonly).finish();
class Writer {
 public:
  Writer(char* buffer, std::size_t size) noexcept : buffer_(buffer), size_(size) {}

  /// v=0 and o=.
  Writer& origin(const OriginView& origin) noexcept;
  Writer& name(std::string_view name) noexcept;  ///< s=
  Writer& connection(const Connection& connection) noexcept;
  Writer& time(std::uint64_t start, std::uint64_t stop) noexcept;  ///< t=, seconds since 1900
  Writer& bandwidth(const Bandwidth& bandwidth) noexcept;
  /// m=, of one port or `port_count` of them. A new section begins.
  Writer& media(std::string_view type, std::uint16_t port, std::string_view proto,
                std::initializer_list<std::string_view> formats,
                std::uint16_t port_count = 1) noexcept;
  Writer& media(const MediaLine& line) noexcept;
  /// Any other line: "i", "u", "y" (GB/T 28181), ...
  Writer& line(char type, std::string_view value) noexcept;

  Writer& attribute(std::string_view name) noexcept;
  Writer& attribute(std::string_view name, std::string_view value) noexcept;
  Writer& attribute(std::string_view name, std::uint64_t value) noexcept;
  Writer& add(const RtpMap& map) noexcept;
  Writer& add(const Fmtp& fmtp) noexcept;
  Writer& add(Direction direction) noexcept;
  Writer& add(Setup setup) noexcept;
  Writer& add(const RtcpPort& rtcp) noexcept;
  Writer& add(const RtcpFeedback& feedback) noexcept;
  Writer& add(const ExtensionMap& map) noexcept;
  Writer& add(const Group& group) noexcept;
  Writer& add(const Source& source) noexcept;
  Writer& add(const Fingerprint& fingerprint) noexcept;
  Writer& add(const Crypto& crypto) noexcept;
  Writer& add(const Candidate& candidate) noexcept;
  /// a=ptime or a=maxptime, whole milliseconds.
  Writer& ptime(std::chrono::milliseconds time) noexcept { return attribute("ptime", count(time)); }
  Writer& maxptime(std::chrono::milliseconds time) noexcept {
    return attribute("maxptime", count(time));
  }

  /// Byte for byte what was read, line ends and spaces included; a line end that was missing is added.
  Writer& copy(const LineView& line) noexcept { return put_read(line.text); }
  Writer& copy(const Lines& lines) noexcept { return put_read(lines.text()); }
  Writer& copy(const MediaView& media) noexcept { return put_read(media.text); }

  /// The whole, once it reads in the exact mode (or in the one given: what was copied may need it).
  /// WriteErrc::bad_byte, too_large (the buffer) or malformed.
  expected<std::string_view, WriteErrc> finish(Mode mode = Mode::exact) const noexcept;
  WriteErrc error() const noexcept { return error_; }

 private:
  static std::uint64_t count(std::chrono::milliseconds time) noexcept {
    return time.count() < 0 ? 0 : static_cast<std::uint64_t>(time.count());
  }
  void fail(WriteErrc code) noexcept {
    if (error_ == WriteErrc::ok) error_ = code;
  }
  void put(std::string_view bytes) noexcept;
  void put(char byte) noexcept { put(std::string_view(&byte, 1)); }
  void put(std::uint64_t number) noexcept;
  void word(std::string_view word) noexcept;  ///< a space, and a word that must be there
  void open(char type) noexcept;
  void open(std::string_view attribute) noexcept;
  Writer& close() noexcept;
  void checked(std::string_view value) noexcept;
  Writer& put_read(std::string_view text) noexcept;

  char* buffer_;
  std::size_t size_;
  std::size_t used_ = 0;
  WriteErrc error_ = WriteErrc::ok;
};

}  // namespace sipstack::sdp
