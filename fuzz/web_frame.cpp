// SPDX-License-Identifier: Apache-2.0
// WebSocket frames from a stranger: however the bytes are cut, the messages are the same, none is above the
// limit, and what we write is read back. RFC 6455 section 5, hardening A38.
#include "transport/web_frame.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

using namespace sipstack;
using Kind = WebEvent::Kind;

constexpr std::size_t kMost = 300;

void require(bool what) {
  if (!what) std::abort();
}

/// What comes of a stream of which `first` bytes are there at once, and then `step` more at a time.
std::string read(std::string bytes, bool masked, std::size_t first, std::size_t step) {
  BlockPool pool;
  WebReader reader(masked, kMost);
  std::string story;
  std::size_t front = 0;
  for (std::size_t have = std::min(first, bytes.size());;
       have = std::min(have + step, bytes.size())) {
    for (;;) {
      const WebEvent event = reader.next(bytes.data() + front, have - front, pool);
      require(event.size <= have - front);
      if (event.kind == Kind::need_more) {
        require(event.size == 0);
        break;
      }
      front += event.size;
      if (event.kind == Kind::skip) continue;
      require(event.payload.size() <= (event.kind == Kind::message ? kMost : 125));
      story += std::to_string(static_cast<int>(event.kind));
      if (event.kind == Kind::error) return story + std::to_string(static_cast<int>(event.code));
      story.append(":").append(event.payload).append("\n");
      if (event.kind == Kind::close) return story;
      require(event.size != 0);
    }
    if (have == bytes.size()) return story;
  }
}

void round_trip(std::string_view payload, bool masked, std::uint32_t mask) {
  char head[kWebHead];
  const std::size_t size = web_head_size(payload.size(), masked);
  write_web_head(head, WebOpcode::binary, payload.size(), masked, mask);
  std::string frame = std::string(head, size).append(payload);
  if (masked) {  // in two pieces, as a writer with two buffers does
    const std::size_t half = payload.size() / 2;
    web_mask(frame.data() + size, half, mask, 0);
    web_mask(frame.data() + size + half, payload.size() - half, mask, half);
  }
  BlockPool pool;
  WebReader reader(masked, payload.size());
  const WebEvent event = reader.next(frame.data(), frame.size(), pool);
  require(event.kind == Kind::message && event.payload == payload && event.size == frame.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  const std::string bytes(reinterpret_cast<const char*>(data) + 3, size - 3);
  const bool masked = (data[0] & 1) != 0;
  const std::string whole = read(bytes, masked, bytes.size(), 1);
  require(read(bytes, masked, 1 + data[1], 1 + data[2] % 16) == whole);
  require(read(bytes, masked, 0, 1) == whole);
  round_trip(bytes, masked, static_cast<std::uint32_t>(data[0]) << 24 | 0x5a17U);
  return 0;
}
