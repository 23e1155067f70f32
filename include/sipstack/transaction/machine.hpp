// SPDX-License-Identifier: Apache-2.0
// The four SIP transaction machines as data: one row an arrow of the figures.
// RFC 3261 section 17 as amended by RFC 6026 (Accepted, timers L and M) and RFC 4320.
#pragma once

#include <cstdint>

namespace sipstack::fsm {

enum class Machine : std::uint8_t { ict, nict, ist, nist };

enum class State : std::uint8_t {
  calling, trying, proceeding, completed, accepted, confirmed, terminated
};

// What can happen to a machine. Timers are named by what they do, not by letter: `retransmit` is A, E
// or G, `timeout` B, F or H, `linger` D, I, J, K, L or M, `silence` the 200 ms before a 100.
enum class Input : std::uint8_t {
  retransmit, timeout, linger, silence,
  provisional,      // client: received; server: the user's
  success,          // 2xx
  failure,          // 300-699
  request,          // server: the request again
  ack,              // server: ACK for a non-2xx, or in Accepted
  transport_error
};

// What to do about it; any combination.
enum Act : std::uint16_t {
  none = 0,
  send_request = 1 << 0,
  send_response = 1 << 1,   // the last one
  send_ack = 1 << 2,        // for a non-2xx (RFC 3261 section 17.1.1.3)
  tell = 1 << 3,            // hand the message, or the ACK, to the user
  tell_timeout = 1 << 4,
  tell_transport = 1 << 5,
  send_trying = 1 << 6,     // 100 of our own
  arm_retransmit = 1 << 7,  // doubled each time, by the machine's rule
  stop_retransmit = 1 << 8,
  arm_timeout = 1 << 9,
  stop_timeout = 1 << 10,
  arm_linger = 1 << 11,
  stop_silence = 1 << 12,
  keep_response = 1 << 13,  // becomes the last one
};

struct Arrow {
  State from;
  Input input;
  std::uint16_t acts;
  State to;
};

}  // namespace sipstack::fsm
