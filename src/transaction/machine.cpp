// SPDX-License-Identifier: Apache-2.0
// The tables by run-time choice, and what is proved of them before anything runs.
#include "sipstack/transaction/machine.hpp"

#include "transaction/machine_driver.hpp"

namespace sipstack::fsm {
namespace {

// No arrow leaves Terminated, and none stands twice: a machine is a function.
template <std::size_t N>
constexpr bool well_formed(const Arrow (&arrows)[N]) {
  for (std::size_t i = 0; i < N; ++i) {
    if (arrows[i].from == State::terminated) return false;
    for (std::size_t j = i + 1; j < N; ++j)
      if (arrows[i].from == arrows[j].from && arrows[i].input == arrows[j].input) return false;
  }
  return true;
}
static_assert(well_formed(kIct) && well_formed(kNict) && well_formed(kIst) && well_formed(kNist));

constexpr std::size_t index(State state) { return static_cast<std::size_t>(state); }
constexpr std::size_t index(Input input) { return static_cast<std::size_t>(input); }

struct States {
  bool in[kStates]{};
};

constexpr States reachable(const Table& table) {
  States seen;
  seen.in[index(table.birth.state)] = true;
  for (std::size_t round = 0; round < kStates; ++round)
    for (std::size_t s = 0; s < kStates; ++s)
      if (seen.in[s])
        for (const Table::Cell& cell : table.cells[s])
          if (cell.arrow) seen.in[index(cell.to)] = true;
  return seen;
}

// Wherever a machine can stand, a timer alone can end it, or it waits for its user (who is capped).
constexpr bool ends(const Table& table) {
  const States seen = reachable(table);
  if (!seen.in[index(State::terminated)]) return false;
  for (std::size_t s = 0; s + 1 < kStates; ++s) {
    if (!seen.in[s]) continue;
    const auto& row = table.cells[s];
    bool way = s == index(State::proceeding);  // a user's decision, or the guard's
    for (const Input timer : {Input::timeout, Input::linger, Input::guard})
      if (row[index(timer)].arrow && row[index(timer)].to == State::terminated) way = true;
    if (!way) return false;
  }
  return true;
}

// Where linger leads out of a state, every arrow into that state arms it; likewise timeout in Completed.
constexpr bool armed_on_entry(const Table& table) {
  for (std::size_t from = 0; from < kStates; ++from)
    for (const Table::Cell& cell : table.cells[from]) {
      if (!cell.arrow || index(cell.to) == from) continue;
      const auto& row = table.cells[index(cell.to)];
      if (row[index(Input::linger)].arrow && (cell.acts & arm_linger) == 0) return false;
      if (cell.to == State::completed && row[index(Input::timeout)].arrow &&
          (cell.acts & arm_timeout) == 0)
        return false;
    }
  return true;
}

// Reliable: no retransmission, and no lingering but L and M.
constexpr bool never_repeats(const Table& table) {
  if ((table.birth.acts & arm_retransmit) != 0) return false;
  for (const auto& row : table.cells)
    for (const Table::Cell& cell : row) {
      if ((cell.acts & arm_retransmit) != 0) return false;
      if ((cell.acts & arm_linger) != 0 && cell.to != State::accepted) return false;
    }
  const States seen = reachable(table);
  return !seen.in[index(State::confirmed)];
}

template <Machine M>
constexpr bool sound() {
  return ends(kTable<M, false>) && ends(kTable<M, true>) && armed_on_entry(kTable<M, false>) &&
         armed_on_entry(kTable<M, true>) && never_repeats(kTable<M, true>);
}
static_assert(sound<Machine::ict>());
static_assert(sound<Machine::nict>());
static_assert(sound<Machine::ist>());
static_assert(sound<Machine::nist>());

// Only the INVITE machines know Accepted; only INVITE servers Confirmed.
static_assert(!reachable(kTable<Machine::nict, false>).in[index(State::accepted)]);
static_assert(!reachable(kTable<Machine::nist, false>).in[index(State::accepted)]);
static_assert(!reachable(kTable<Machine::ict, false>).in[index(State::confirmed)]);
static_assert(reachable(kTable<Machine::ist, false>).in[index(State::confirmed)]);
// Completed is never stood in by a client, or a non-INVITE server, over a reliable transport.
static_assert(!reachable(kTable<Machine::ict, true>).in[index(State::completed)]);
static_assert(!reachable(kTable<Machine::nict, true>).in[index(State::completed)]);
static_assert(!reachable(kTable<Machine::nist, true>).in[index(State::completed)]);

// Table 4 at the defaults.
static_assert(linger_time(Machine::ict, State::completed, {}) == std::chrono::seconds(32));   // D
static_assert(linger_time(Machine::nist, State::completed, {}) == std::chrono::seconds(32));  // J
static_assert(linger_time(Machine::nict, State::completed, {}) == std::chrono::seconds(5));   // K
static_assert(linger_time(Machine::ist, State::confirmed, {}) == std::chrono::seconds(5));    // I
static_assert(linger_time(Machine::ist, State::accepted, {}) == std::chrono::seconds(32));    // L
static_assert(silence_time(Machine::nist, {}) == std::chrono::milliseconds(3500));

}  // namespace

const Table& table(Machine machine, bool reliable) noexcept {
  static constexpr Table tables[4][2] = {
      {kTable<Machine::ict, false>, kTable<Machine::ict, true>},
      {kTable<Machine::nict, false>, kTable<Machine::nict, true>},
      {kTable<Machine::ist, false>, kTable<Machine::ist, true>},
      {kTable<Machine::nist, false>, kTable<Machine::nist, true>},
  };
  return tables[static_cast<std::size_t>(machine)][reliable ? 1 : 0];
}

}  // namespace sipstack::fsm
