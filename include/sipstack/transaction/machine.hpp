// SPDX-License-Identifier: Apache-2.0
// The four SIP transaction machines as data: one row an arrow of the figures.
// RFC 3261 section 17 as amended by RFC 6026 (Accepted, timers L and M) and RFC 4320.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace sipstack::fsm {

/// INVITE client, non-INVITE client, INVITE server, non-INVITE server: figures 5 to 8.
enum class Machine : std::uint8_t { ict, nict, ist, nist };

enum class State : std::uint8_t {
  calling,
  trying,
  proceeding,
  completed,
  accepted,
  confirmed,
  terminated
};
inline constexpr std::size_t kStates = 7;

/// What can happen to a machine. Timers are named by what they do, not by letter.
enum class Input : std::uint8_t {
  retransmit,  ///< timer A, E or G
  timeout,     ///< timer B, F or H
  linger,      ///< timer D, I, J, K, L or M
  silence,     ///< the time before a 100 of our own: 17.2.1, RFC 4320 section 4.1
  guard,  ///< client: 64*T1 after a CANCEL (9.1); server: the user never answers (a cap of ours)
  provisional,     ///< 1xx; client: received, server: the user's
  success,         ///< 2xx
  failure,         ///< 300-699
  unanswered,      ///< non-INVITE server: there will be no response (RFC 4320 section 4.2)
  request,         ///< server: the request again
  ack,             ///< INVITE server: an ACK of this transaction, or of its 2xx
  transport_error  ///< what was sent last could not be
};
inline constexpr std::size_t kInputs = 12;

/// What to do about it; any combination. Carried out in this order.
enum Act : std::uint16_t {
  none = 0,
  stop_retransmit = 1 << 0,
  stop_timeout = 1 << 1,  // the guard as well
  stop_silence = 1 << 2,
  keep_response = 1 << 3,  // becomes the last one
  send_request = 1 << 4,
  send_response = 1 << 5,  // the last one, where there is any
  send_ack = 1 << 6,       // for a non-2xx (RFC 3261 section 17.1.1.3)
  send_trying = 1 << 7,    // a 100 of our own, which becomes the last response
  arm_retransmit = 1 << 8,
  arm_timeout = 1 << 9,
  arm_linger = 1 << 10,
  arm_silence = 1 << 11,
  tell = 1 << 12,  // hand the message, or the ACK, to the user
  tell_timeout = 1 << 13,
  tell_transport = 1 << 14,
};

struct Arrow {
  State from;
  Input input;
  unsigned acts;
  State to;
};

/// The arrow without an origin: how a machine begins.
struct Birth {
  State state;
  unsigned acts;
};

// ---------------------------------------------------------------- over UDP
//
// A reliable transport's machine follows from these by rule, see Table.
// clang-format off

inline constexpr Birth kIctBirth{State::calling, send_request | arm_retransmit | arm_timeout};  // A, B

// Figure 5, as replaced by RFC 6026 section 8.4.
inline constexpr Arrow kIct[] = {
    {State::calling, Input::retransmit, send_request | arm_retransmit, State::calling},            // A
    {State::calling, Input::timeout, tell_timeout, State::terminated},                             // B
    {State::calling, Input::provisional, stop_retransmit | stop_timeout | tell, State::proceeding},
    {State::calling, Input::success, stop_retransmit | stop_timeout | arm_linger | tell,
     State::accepted},                                                                             // M
    {State::calling, Input::failure, stop_retransmit | stop_timeout | send_ack | arm_linger | tell,
     State::completed},                                                                            // D
    {State::calling, Input::transport_error, tell_transport, State::terminated},
    // No timer B from here on: a phone may ring for long.
    {State::proceeding, Input::provisional, tell, State::proceeding},
    {State::proceeding, Input::success, stop_timeout | arm_linger | tell, State::accepted},        // M
    {State::proceeding, Input::failure, stop_timeout | send_ack | arm_linger | tell,
     State::completed},                                                                            // D
    {State::proceeding, Input::guard, tell_timeout, State::terminated},  // section 9.1
    {State::completed, Input::failure, send_ack, State::completed},
    {State::completed, Input::transport_error, tell_transport, State::terminated},
    {State::completed, Input::linger, none, State::terminated},                                    // D
    // Every 2xx goes up: a fork's, or one whose ACK was lost.
    {State::accepted, Input::success, tell, State::accepted},
    {State::accepted, Input::linger, none, State::terminated},                                     // M
};

inline constexpr Birth kNictBirth{State::trying, send_request | arm_retransmit | arm_timeout};  // E, F

// Figure 6.
inline constexpr Arrow kNict[] = {
    {State::trying, Input::retransmit, send_request | arm_retransmit, State::trying},              // E
    {State::trying, Input::timeout, tell_timeout, State::terminated},                              // F
    {State::trying, Input::provisional, tell, State::proceeding},
    {State::trying, Input::success, stop_retransmit | stop_timeout | arm_linger | tell,
     State::completed},                                                                            // K
    {State::trying, Input::failure, stop_retransmit | stop_timeout | arm_linger | tell,
     State::completed},                                                                            // K
    {State::trying, Input::transport_error, tell_transport, State::terminated},
    {State::proceeding, Input::retransmit, send_request | arm_retransmit, State::proceeding},      // E
    {State::proceeding, Input::timeout, tell_timeout, State::terminated},                          // F
    {State::proceeding, Input::provisional, tell, State::proceeding},
    {State::proceeding, Input::success, stop_retransmit | stop_timeout | arm_linger | tell,
     State::completed},                                                                            // K
    {State::proceeding, Input::failure, stop_retransmit | stop_timeout | arm_linger | tell,
     State::completed},                                                                            // K
    {State::proceeding, Input::transport_error, tell_transport, State::terminated},
    {State::completed, Input::linger, none, State::terminated},                                    // K
};

inline constexpr Birth kIstBirth{State::proceeding, arm_silence | tell};

// Figure 7, as replaced by RFC 6026 section 8.6. The user's cap (guard) answers 408 as the user would.
inline constexpr Arrow kIst[] = {
    {State::proceeding, Input::request, send_response, State::proceeding},
    {State::proceeding, Input::silence, send_trying, State::proceeding},
    {State::proceeding, Input::provisional, stop_silence | keep_response | send_response,
     State::proceeding},
    {State::proceeding, Input::success,
     stop_silence | stop_timeout | keep_response | send_response | arm_linger, State::accepted},   // L
    {State::proceeding, Input::failure,
     stop_silence | stop_timeout | keep_response | send_response | arm_retransmit | arm_timeout,
     State::completed},                                                                            // G, H
    {State::proceeding, Input::transport_error, tell_transport, State::proceeding},
    {State::completed, Input::request, send_response, State::completed},
    {State::completed, Input::retransmit, send_response | arm_retransmit, State::completed},       // G
    // Figure 7 draws H without a word to the user, but 17.2.1 demands it, and RFC 6026 leaves that text.
    {State::completed, Input::timeout, tell_timeout, State::terminated},                           // H
    {State::completed, Input::ack, stop_retransmit | stop_timeout | arm_linger, State::confirmed}, // I
    {State::completed, Input::transport_error, tell_transport, State::completed},
    // RFC 6026 7.1: stay, so that a retransmitted INVITE is absorbed and not taken for a new call.
    {State::accepted, Input::request, none, State::accepted},
    {State::accepted, Input::ack, tell, State::accepted},
    {State::accepted, Input::success, keep_response | send_response, State::accepted},
    {State::accepted, Input::transport_error, tell_transport, State::accepted},
    {State::accepted, Input::linger, none, State::terminated},                                     // L
    {State::confirmed, Input::linger, none, State::terminated},                                    // I
};

inline constexpr Birth kNistBirth{State::trying, arm_silence | tell};

// Figure 8; a transport error leaves the state (RFC 6026 section 8.8), and RFC 4320 adds a 100 of our own
// and the request that is never answered.
inline constexpr Arrow kNist[] = {
    {State::trying, Input::silence, send_trying, State::proceeding},
    {State::trying, Input::provisional, stop_silence | keep_response | send_response,
     State::proceeding},
    {State::trying, Input::success,
     stop_silence | stop_timeout | keep_response | send_response | arm_linger, State::completed},  // J
    {State::trying, Input::failure,
     stop_silence | stop_timeout | keep_response | send_response | arm_linger, State::completed},  // J
    {State::trying, Input::unanswered, stop_silence | stop_timeout | arm_linger, State::completed},
    {State::trying, Input::guard, tell_timeout, State::terminated},
    {State::proceeding, Input::request, send_response, State::proceeding},
    {State::proceeding, Input::provisional, keep_response | send_response, State::proceeding},
    {State::proceeding, Input::success, stop_timeout | keep_response | send_response | arm_linger,
     State::completed},                                                                            // J
    {State::proceeding, Input::failure, stop_timeout | keep_response | send_response | arm_linger,
     State::completed},                                                                            // J
    {State::proceeding, Input::unanswered, stop_timeout | arm_linger, State::completed},
    {State::proceeding, Input::guard, tell_timeout, State::terminated},
    {State::proceeding, Input::transport_error, tell_transport, State::proceeding},
    {State::completed, Input::request, send_response, State::completed},
    {State::completed, Input::transport_error, tell_transport, State::completed},
    {State::completed, Input::linger, none, State::terminated},                                    // J
};

// clang-format on
// ---------------------------------------------------------------- looked up

/// One machine over one kind of transport, as a full table. Without an arrow nothing happens.
///
/// Over a reliable transport nothing is retransmitted (A, E and G are never armed), and D, I, J and K are
/// zero: their states are left as they are entered. L and M stay (RFC 6026), as do B, F and H.
struct Table {
  struct Cell {
    unsigned acts = none;
    State to = State::terminated;
    bool arrow = false;
  };
  Birth birth{State::terminated, none};
  std::array<std::array<Cell, kInputs>, kStates> cells{};

  constexpr const Cell& at(State state, Input input) const noexcept {
    return cells[static_cast<std::size_t>(state)][static_cast<std::size_t>(input)];
  }
};

template <std::size_t N>
constexpr Table make_table(const Birth& birth, const Arrow (&arrows)[N], bool reliable) noexcept {
  Table table;
  table.birth = birth;
  if (reliable) table.birth.acts &= ~unsigned{arm_retransmit};
  for (const Arrow& arrow : arrows) {
    Table::Cell cell{arrow.acts, arrow.to, true};
    if (reliable) {
      if (arrow.input == Input::retransmit) continue;
      cell.acts &= ~unsigned{arm_retransmit};
      if ((cell.acts & arm_linger) != 0 && arrow.to != State::accepted) {
        cell.acts &= ~unsigned{arm_linger};
        cell.to = State::terminated;
      }
    }
    table.cells[static_cast<std::size_t>(arrow.from)][static_cast<std::size_t>(arrow.input)] = cell;
  }
  return table;
}

template <Machine M, bool Reliable>
inline constexpr Table kTable = M == Machine::ict    ? make_table(kIctBirth, kIct, Reliable)
                                : M == Machine::nict ? make_table(kNictBirth, kNict, Reliable)
                                : M == Machine::ist  ? make_table(kIstBirth, kIst, Reliable)
                                                     : make_table(kNistBirth, kNist, Reliable);

/// The same by run-time choice.
const Table& table(Machine machine, bool reliable) noexcept;

}  // namespace sipstack::fsm
