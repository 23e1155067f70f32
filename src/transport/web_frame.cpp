// SPDX-License-Identifier: Apache-2.0
// RFC 6455 sections 5.2 to 5.6 and 8.1.
#include "transport/web_frame.hpp"

#include <algorithm>
#include <cstring>

namespace sipstack {

namespace {

constexpr std::size_t kLargestControl = 125;  // section 5.5

WebEvent fail(WebClose code) {
  WebEvent event;
  event.kind = WebEvent::Kind::error;
  event.code = code;
  return event;
}

std::uint8_t byte_at(const char* bytes, std::size_t i) {
  return static_cast<std::uint8_t>(bytes[i]);
}

/// The status code of a close frame must be one that may be sent (section 7.4).
bool good_close(std::string_view payload) {
  if (payload.empty()) return true;
  if (payload.size() < 2 || !is_utf8(payload.substr(2))) return false;
  const unsigned code = byte_at(payload.data(), 0) * 256U + byte_at(payload.data(), 1);
  return (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006) ||
         (code >= 3000 && code <= 4999);
}

}  // namespace

WebEvent WebReader::next(char* bytes, std::size_t size, BlockPool& pool) {
  if (!within()) parts_ = {};  // of the message that was told last
  if (size < 2) return {};
  const std::uint8_t first = byte_at(bytes, 0);
  const std::uint8_t second = byte_at(bytes, 1);
  const bool last = (first & 0x80) != 0;
  const auto opcode = static_cast<WebOpcode>(first & 0x0F);
  const bool masked = (second & 0x80) != 0;
  // No extension was agreed on, so the reserved bits are zero.
  if ((first & 0x70) != 0 || masked != masked_) return fail(WebClose::protocol_error);
  switch (opcode) {
    case WebOpcode::continuation:
      if (!within()) return fail(WebClose::protocol_error);
      break;
    case WebOpcode::text:
    case WebOpcode::binary:
      if (within()) return fail(WebClose::protocol_error);
      break;
    case WebOpcode::close:
    case WebOpcode::ping:
    case WebOpcode::pong:
      if (!last || (second & 0x7F) > kLargestControl) return fail(WebClose::protocol_error);
      break;
    default: return fail(WebClose::protocol_error);
  }

  std::uint64_t length = second & 0x7F;
  std::size_t head = 2;
  const std::size_t extended = length == 126 ? 2 : length == 127 ? 8 : 0;
  if (size < head + extended) return {};
  if (extended > 0) {
    length = 0;
    for (std::size_t i = 0; i < extended; ++i) length = length * 256 + byte_at(bytes, head + i);
    // The shortest form, and no sign bit; the size is looked at first, so that whoever asks for too
    // much is told so.
    if (length <= max_message_ && length < (extended == 2 ? 126U : 65536U))
      return fail(WebClose::protocol_error);
    head += extended;
  }
  // Compared and not added: a length near 2^64 must not wrap.
  if (length > max_message_ - std::min(parts_.size(), max_message_)) return fail(WebClose::too_big);
  const std::size_t mask_at = head;
  if (masked) head += 4;
  if (size < head || size - head < length) return {};

  const auto payload_size = static_cast<std::size_t>(length);
  char* const payload = bytes + head;
  if (masked) {
    std::uint32_t mask = 0;
    for (std::size_t i = 0; i < 4; ++i) mask = mask << 8 | byte_at(bytes, mask_at + i);
    web_mask(payload, payload_size, mask, 0);
  }
  WebEvent event;
  event.payload = {payload, payload_size};
  switch (opcode) {
    case WebOpcode::ping: event.kind = WebEvent::Kind::ping; break;
    case WebOpcode::pong: event.kind = WebEvent::Kind::pong; break;
    case WebOpcode::close:
      if (!good_close(event.payload)) return fail(WebClose::protocol_error);
      event.kind = WebEvent::Kind::close;
      break;
    default: event = data(opcode, last, payload, payload_size, pool); break;
  }
  event.size = head + payload_size;
  return event;
}

WebEvent WebReader::data(WebOpcode opcode, bool last, char* payload, std::size_t size,
                         BlockPool& pool) {
  WebEvent event;
  const bool whole = last && !within();
  if (!within()) opcode_ = opcode;
  event.payload = {payload, size};
  if (!whole) {
    const std::size_t used = parts_.size();
    if (parts_.capacity() < used + size || !parts_) {
      // The limit of a message is below the largest block.
      const std::size_t wanted = std::max({used + size, 2 * parts_.capacity(), std::size_t{256}});
      Block larger = pool.allocate(std::min(wanted, std::max(used + size, max_message_)));
      if (!larger) return fail(WebClose::too_big);
      std::memcpy(larger.data(), parts_.data() != nullptr ? parts_.data() : "", used);
      parts_ = std::move(larger);
    }
    std::memcpy(parts_.data() + used, payload, size);
    parts_.resize(used + size);
    event.kind = WebEvent::Kind::skip;
    if (!last) return event;
    event.payload = parts_.view();
  }
  if (opcode_ == WebOpcode::text && !is_utf8(event.payload)) return fail(WebClose::bad_text);
  event.kind = WebEvent::Kind::message;
  opcode_ = WebOpcode::continuation;
  return event;
}

std::size_t web_head_size(std::size_t payload, bool masked) noexcept {
  return 2 + (payload < 126 ? 0U : payload < 65536 ? 2U : 8U) + (masked ? 4U : 0U);
}

void write_web_head(char* out, WebOpcode opcode, std::size_t payload, bool masked,
                    std::uint32_t mask) noexcept {
  const auto put = [&out](std::uint64_t value, int bytes) {
    for (int i = bytes - 1; i >= 0; --i) *out++ = static_cast<char>(value >> (8 * i) & 0xFF);
  };
  put(0x80U | static_cast<std::uint8_t>(opcode), 1);
  const unsigned flag = masked ? 0x80 : 0;
  if (payload < 126) {
    put(flag | payload, 1);
  } else if (payload < 65536) {
    put(flag | 126, 1);
    put(payload, 2);
  } else {
    put(flag | 127, 1);
    put(payload, 8);
  }
  if (masked) put(mask, 4);
}

void web_mask(char* bytes, std::size_t size, std::uint32_t mask, std::size_t offset) noexcept {
  const char key[4] = {static_cast<char>(mask >> 24), static_cast<char>(mask >> 16 & 0xFF),
                       static_cast<char>(mask >> 8 & 0xFF), static_cast<char>(mask & 0xFF)};
  for (std::size_t i = 0; i < size; ++i)
    bytes[i] = static_cast<char>(bytes[i] ^ key[(offset + i) % 4]);
}

bool is_utf8(std::string_view text) noexcept {
  const auto* at = reinterpret_cast<const unsigned char*>(text.data());
  const auto* const end = at + text.size();
  while (at != end) {
    if (*at < 0x80) {
      ++at;
      continue;
    }
    std::ptrdiff_t more = 0;
    unsigned low = 0x80;
    unsigned high = 0xBF;
    if (*at >= 0xC2 && *at <= 0xDF) {
      more = 1;
    } else if (*at >= 0xE0 && *at <= 0xEF) {
      more = 2;
      if (*at == 0xE0) low = 0xA0;
      if (*at == 0xED) high = 0x9F;
    } else if (*at >= 0xF0 && *at <= 0xF4) {
      more = 3;
      if (*at == 0xF0) low = 0x90;
      if (*at == 0xF4) high = 0x8F;
    } else {
      return false;
    }
    if (end - at <= more) return false;
    ++at;
    for (; more > 0; --more, ++at) {
      if (*at < low || *at > high) return false;
      low = 0x80;
      high = 0xBF;
    }
  }
  return true;
}

}  // namespace sipstack
