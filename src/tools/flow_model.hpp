// SPDX-License-Identifier: Apache-2.0
// Captured messages as calls: who takes part, which message is another's copy, and by which timer it came.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "sipstack/core/capture.hpp"

namespace sipstack::tools {

struct FlowArrow {
  const CapturedMessage* message = nullptr;
  std::size_t from = 0;  ///< columns
  std::size_t to = 0;
  WallTime since{};       ///< since the first message of the call
  std::string label;      ///< "INVITE (SDP)", "200 OK (INVITE)"
  std::string transport;  ///< by the Via: "UDP", "TLS", ...
  std::size_t copy = 0;   ///< which retransmission it is; 0: none
  std::string note;       ///< "timer A, 0.500 s after the last"
};

struct FlowCall {
  std::string id;  ///< Call-ID
  std::string title;
  WallTime begin{};
  WallTime end{};
  std::vector<std::string> columns;  ///< addresses, in the order of appearance
  std::vector<FlowArrow> arrows;
};

/// In the order in which the calls began. `call_id`: only that one, where it is not empty. The messages of
/// `capture` are pointed to.
std::vector<FlowCall> calls_of(const Capture& capture, std::string_view call_id = {});

}  // namespace sipstack::tools
