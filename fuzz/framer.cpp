// SPDX-License-Identifier: Apache-2.0
// The stream framer: whatever the cuts, it gives the same frames, in bounds, and always goes on.
#include <cstdlib>
#include <string>
#include <vector>

#include "sipstack/parser/framer.hpp"

using sipstack::Frame;

// The sizes of messages, and -1 for an error. `step` 0: all at once.
static std::vector<long> read(std::string_view stream, std::size_t step) {
  sipstack::StreamFramer framer;
  std::vector<long> seen;
  std::size_t dropped = 0;
  for (std::size_t end = step == 0 ? stream.size() : 0;; end += step) {
    if (end > stream.size()) end = stream.size();
    while (true) {
      const Frame frame = framer.next(stream.substr(dropped, end - dropped));
      if (frame.kind == Frame::Kind::need_more) break;
      if (frame.kind == Frame::Kind::error) return seen.push_back(-1), seen;
      if (frame.size == 0 || frame.size > end - dropped) std::abort();
      if (frame.kind == Frame::Kind::message) seen.push_back(static_cast<long>(frame.size));
      dropped += frame.size;
    }
    if (end == stream.size()) return seen;
  }
}

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view stream(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (read(stream, 0) != read(stream, 1 + data[0] % 64)) std::abort();
  return 0;
}
