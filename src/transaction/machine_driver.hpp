// SPDX-License-Identifier: Apache-2.0
// Runs the transaction tables: looks an arrow up, carries its acts out, and knows how long each timer is.
// RFC 3261 section 17 and its table 4.
#pragma once

#include <algorithm>

#include "sipstack/transaction/machine.hpp"
#include "sipstack/transaction/timings.hpp"

namespace sipstack::fsm {

/// Where one machine stands. Small and copyable, so that tests can walk every way.
struct Progress {
  Machine machine = Machine::ict;
  bool reliable = false;
  State state = State::terminated;
  std::uint8_t paced = 0;  ///< how often A, E or G has been armed
};

/// The length of timer A, E or G when it is armed having been armed so often.
constexpr Duration pace(Machine machine, State state, std::uint8_t paced,
                        const Timings& timings) noexcept {
  if (machine == Machine::nict && state == State::proceeding && paced != 0) return timings.t2;  // E
  Duration interval = timings.t1;
  for (std::uint8_t i = 0; i < paced; ++i) {
    if (machine != Machine::ict && interval >= timings.t2) return timings.t2;  // E, G
    if (interval > timings.timeout()) break;                                   // A, behind B
    interval *= 2;
  }
  return machine == Machine::ict || paced == 0 ? interval : std::min(interval, timings.t2);
}

/// D, J, L and M are 64*T1; I and K are T4.
constexpr Duration linger_time(Machine machine, State state, const Timings& timings) noexcept {
  const bool t4 =
      state == State::confirmed || (machine == Machine::nict && state == State::completed);
  return t4 ? timings.t4 : timings.timeout();
}

/// 200 ms for INVITE; for others the time that timer E takes to grow to T2 (RFC 4320 section 4.1).
constexpr Duration silence_time(Machine machine, const Timings& timings) noexcept {
  if (machine == Machine::ist) return timings.trying;
  Duration sum{};
  for (Duration e = timings.t1; e < timings.t2 && e > Duration::zero(); e = 2 * e) sum += e;
  return sum;
}

/// What the layer (or a test) does for a machine. `arm` and `disarm` take retransmit, timeout, linger or
/// silence; disarming what is not armed is nothing.
///
///   void arm(Input timer, Duration after);      void disarm(Input timer);
///   void send_request();  void send_response(); void send_ack();  void send_trying();
///   void keep_response(); void tell();          void tell_timeout();  void tell_transport();
template <class Effects>
void carry_out(unsigned acts, Progress& at, const Timings& timings, Effects& effects) {
  if ((acts & stop_retransmit) != 0) effects.disarm(Input::retransmit);
  if ((acts & stop_timeout) != 0) effects.disarm(Input::timeout);
  if ((acts & stop_silence) != 0) effects.disarm(Input::silence);
  if ((acts & keep_response) != 0) effects.keep_response();
  if ((acts & send_request) != 0) effects.send_request();
  if ((acts & send_response) != 0) effects.send_response();
  if ((acts & send_ack) != 0) effects.send_ack();
  if ((acts & send_trying) != 0) effects.send_trying();
  if ((acts & arm_retransmit) != 0) {
    effects.arm(Input::retransmit, pace(at.machine, at.state, at.paced, timings));
    if (at.paced != UINT8_MAX) ++at.paced;
  }
  if ((acts & arm_timeout) != 0) effects.arm(Input::timeout, timings.timeout());
  if ((acts & arm_linger) != 0)
    effects.arm(Input::linger, linger_time(at.machine, at.state, timings));
  if ((acts & arm_silence) != 0) effects.arm(Input::silence, silence_time(at.machine, timings));
  if ((acts & tell) != 0) effects.tell();
  if ((acts & tell_timeout) != 0) effects.tell_timeout();
  if ((acts & tell_transport) != 0) effects.tell_transport();
}

/// A machine begins.
template <class Effects>
void start(Progress& at, Machine machine, bool reliable, const Timings& timings, Effects& effects) {
  const Birth& birth = table(machine, reliable).birth;
  at = {machine, reliable, birth.state, 0};
  carry_out(birth.acts, at, timings, effects);
}

/// Something happens to it. False where the table has no arrow: nothing was done.
template <class Effects>
bool drive(Progress& at, Input input, const Timings& timings, Effects& effects) {
  const Table::Cell& cell = table(at.machine, at.reliable).at(at.state, input);
  if (!cell.arrow) return false;
  at.state = cell.to;
  carry_out(cell.acts, at, timings, effects);
  return true;
}

}  // namespace sipstack::fsm
