// SPDX-License-Identifier: Apache-2.0
// The messages of a byte stream. RFC 3261 sections 7.5 and 18.3, RFC 5626 section 4.4.1.
#include "sipstack/parser/framer.hpp"

#include "parser/chars.hpp"
#include "sipstack/parser/header_id.hpp"

namespace sipstack {
namespace {

constexpr std::size_t kNone = std::string_view::npos;

// One header field of a block that is known to end its lines in CRLF: folds belong to the value.
struct Field {
  std::string_view name;
  std::string_view value;
};

// Takes the field at the front of `rest`; a line without a colon comes back with an empty name.
Field take_field(std::string_view& rest) noexcept {
  std::size_t end = rest.find("\r\n");
  while (end != kNone && end + 2 < rest.size() && (rest[end + 2] == ' ' || rest[end + 2] == '\t'))
    end = rest.find("\r\n", end + 2);
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end == kNone ? rest.size() : end + 2);

  const std::size_t colon = line.find(':');
  if (colon == kNone) return {};
  Field field{line.substr(0, colon), line.substr(colon + 1)};
  while (!field.name.empty() && is_white(field.name.back())) field.name.remove_suffix(1);
  while (!field.value.empty() && is_white(field.value.front())) field.value.remove_prefix(1);
  while (!field.value.empty() && is_white(field.value.back())) field.value.remove_suffix(1);
  return field;
}

// Digits alone, into 64 bits however many there are: what is absurd stays above every limit.
bool read_length(std::string_view digits, std::uint64_t& out) noexcept {
  constexpr std::uint64_t absurd = std::uint64_t{1} << 32;
  out = 0;
  for (const char c : digits) {
    if (c < '0' || c > '9') return false;
    if (out < absurd) out = out * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return !digits.empty() && out < absurd;
}

}  // namespace

void StreamFramer::reset() noexcept { *this = StreamFramer(limits_); }

Frame StreamFramer::fail(ParseErrc code, HeaderId header, std::size_t offset) noexcept {
  failed_ = {code, header, static_cast<std::uint32_t>(offset)};
  return {Frame::Kind::error, 0, failed_};
}

Frame StreamFramer::next(std::string_view buffer) noexcept {
  if (failed_.code != ParseErrc::ok) return {Frame::Kind::error, 0, failed_};
  if (!in_message_) {
    const Frame frame = between_messages(buffer);
    if (!in_message_) return frame;
  }
  if (header_end_ == 0) {
    const Frame frame = find_header_end(buffer);
    if (header_end_ == 0) return frame;
  }
  if (message_size_ == 0) {
    const Frame frame = find_message_end(buffer);
    if (message_size_ == 0) return frame;
  }
  if (buffer.size() < message_size_) return {};
  const std::size_t size = message_size_;
  reset();
  return {Frame::Kind::message, size, {}};
}

Frame StreamFramer::between_messages(std::string_view buffer) noexcept {
  if (buffer.empty()) return {};
  if (buffer[0] == '\r') {
    if (buffer.size() == 1) return {};
    if (buffer[1] != '\n') return fail(ParseErrc::not_sip, HeaderId::other, 1);
    // A lone CRLF is passed on at once: it may be the pong that somebody waits for. If it was the
    // first half of a ping, the second half is the ping.
    if (half_ping_) {
      half_ping_ = false;
      return {Frame::Kind::ping, 2, {}};
    }
    if (buffer.size() >= 4 && buffer[2] == '\r' && buffer[3] == '\n')
      return {Frame::Kind::ping, 4, {}};
    half_ping_ = true;
    return {Frame::Kind::skip, 2, {}};
  }
  // TLS, HTTP/2 or noise on a SIP port ends here, not after a header block's worth of bytes.
  if (!is_token_char(buffer[0])) return fail(ParseErrc::not_sip, HeaderId::other, 0);
  half_ping_ = false;
  in_message_ = true;
  return {};
}

Frame StreamFramer::find_header_end(std::string_view buffer) noexcept {
  const std::size_t limit = std::size_t{limits_.start_line} + limits_.header_block;
  const std::string_view head = buffer.substr(0, limit);
  while (true) {
    const std::size_t cr = head.find('\r', scanned_);
    const std::size_t looked = cr == kNone ? head.size() : cr;
    const std::size_t lf = head.substr(0, looked).find('\n', scanned_);
    if (lf != kNone) return fail(ParseErrc::bad_byte, HeaderId::other, lf);
    scanned_ = looked;
    // The longest that has to be seen from here is CR LF CR LF; what is short of it is looked at again.
    const std::string_view ahead = head.substr(scanned_, 4);
    if (ahead.size() > 1 && ahead[1] != '\n') return fail(ParseErrc::bad_byte, HeaderId::other, cr);
    if (ahead.size() > 3 && ahead[2] == '\r') {
      if (ahead[3] != '\n') return fail(ParseErrc::bad_byte, HeaderId::other, cr + 2);
      header_end_ = scanned_ + 4;
      return {};
    }
    if (ahead.size() < 3 || ahead[2] == '\r') break;
    scanned_ += 2;
  }
  if (buffer.size() < limit) return {};
  // Without a single line end it is the start line that is too long, and in that the URI.
  const bool start_line = buffer.substr(0, limit).find("\r\n") == kNone;
  return fail(start_line ? ParseErrc::uri_too_long : ParseErrc::too_large, HeaderId::other, limit);
}

Frame StreamFramer::find_message_end(std::string_view buffer) noexcept {
  std::string_view rest = buffer.substr(0, header_end_ - 2);
  rest.remove_prefix(rest.find("\r\n") + 2);  // the start line
  bool found = false;
  std::uint64_t length = 0;
  std::size_t at = 0;
  while (!rest.empty()) {
    const Field field = take_field(rest);
    if (header_id(field.name) != HeaderId::content_length) continue;
    at = static_cast<std::size_t>(field.value.data() - buffer.data());
    std::uint64_t value = 0;
    if (!read_length(field.value, value))
      return fail(ParseErrc::bad_content_length, HeaderId::content_length, at);
    // Equal ones frame the same; parse() refuses them, and the stream goes on.
    if (found && value != length)
      return fail(ParseErrc::bad_content_length, HeaderId::content_length, at);
    found = true;
    length = value;
  }
  if (!found) return fail(ParseErrc::missing_header, HeaderId::content_length, header_end_);
  if (header_end_ > limits_.message || length > limits_.message - header_end_)
    return fail(ParseErrc::too_large, HeaderId::content_length, at);
  message_size_ = header_end_ + static_cast<std::size_t>(length);
  return {};
}

}  // namespace sipstack
