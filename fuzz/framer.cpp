// SPDX-License-Identifier: Apache-2.0
// The stream framer: whatever the schedule of reads, it gives the same messages and the same error, in
// bounds, and always goes on. The first byte says how many bytes behind it are the schedule.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "sipstack/parser/framer.hpp"
#include "sipstack/parser/message_index.hpp"

using sipstack::Frame;

namespace {

// Messages and the error as one number: nothing is stored.
struct Seen {
  std::uint64_t sum = 1469598103934665603U;
  void add(std::uint64_t value) { sum = (sum ^ value) * 1099511628211U; }
};

std::uint64_t read(std::string_view stream, std::string_view schedule, bool parsed) {
  static sipstack::MessageIndex index;
  sipstack::StreamFramer framer;
  Seen seen;
  std::size_t dropped = 0;
  std::size_t turn = 0;
  for (std::size_t end = 0;;) {
    const std::size_t step =
        schedule.empty() ? stream.size()
                         : 1U + static_cast<unsigned char>(schedule[turn++ % schedule.size()]);
    end += std::min(step, stream.size() - end);
    for (;;) {
      const Frame frame = framer.next(stream.substr(dropped, end - dropped));
      if (frame.kind == Frame::Kind::need_more) break;
      if (frame.kind == Frame::Kind::error) {
        if (frame.error.offset > end - dropped) std::abort();
        seen.add(static_cast<std::uint64_t>(frame.error.code));
        seen.add(dropped + frame.error.offset);
        return seen.sum;
      }
      if (frame.size == 0 || frame.size > end - dropped) std::abort();
      if (frame.kind == Frame::Kind::message) {
        seen.add(frame.size);
        // Parser and framer agree on where it ends.
        if (parsed && sipstack::parse(stream.substr(dropped, frame.size), index) &&
            (!index.has_content_length || index.start + index.size != frame.size)) {
          std::abort();
        }
      }
      dropped += frame.size;
    }
    if (end == stream.size()) return seen.sum;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view all(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t steps = std::min<std::size_t>(data[0] % 16, all.size());
  const std::string_view stream = all.substr(steps);
  const std::uint64_t whole = read(stream, {}, true);
  if (steps != 0 && read(stream, all.substr(0, steps), false) != whole) std::abort();
  return 0;
}
