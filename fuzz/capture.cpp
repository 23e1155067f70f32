// SPDX-License-Identifier: Apache-2.0
// A capture file from a stranger, within small limits, so that the limits are reached.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "sipstack/core/capture.hpp"
#include "sipstack/parser/peek.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sipstack;
  CaptureLimits limits;
  limits.messages = 8;
  limits.message_bytes = 16384;
  limits.streams = 3;
  limits.fragmented = 2;
  const std::string_view file(reinterpret_cast<const char*>(data), size);
  const Capture capture = read_capture(file, limits);
  std::size_t bytes = 0;
  for (const CapturedMessage& message : capture.messages) {
    bytes += message.bytes.size();
    (void)peek_call_id(message.bytes);
    if (without_credentials(message.bytes).size() != message.bytes.size()) std::abort();
  }
  if (capture.messages.size() > limits.messages || bytes > limits.message_bytes) std::abort();
  if (!capture.is_capture && (capture.problem.empty() || capture.packets != 0)) std::abort();
  return 0;
}
