// SPDX-License-Identifier: Apache-2.0
// A hierarchical timer wheel: arm and disarm in O(1), nothing allocated, hundreds of thousands waiting.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "sipstack/base/time.hpp"

namespace sipstack {

/// Whose timer it is: the core hands a hook that has expired to that owner.
enum class TimerOwner : std::uint8_t { transaction, user_agent, registrar, proxy, application };

/// A place in a circular list. Private to the wheel.
class TimerLink {
 protected:
  friend class TimerWheel;
  TimerLink* prev_ = nullptr;
  TimerLink* next_ = nullptr;
};

/// Lives inside the object that waits (usually as a base of a struct that finds its way back).
/// Must be disarmed before it dies; its destructor does that. Not movable while armed.
class TimerHook : private TimerLink {
 public:
  explicit TimerHook(TimerOwner owner) noexcept : owner_(owner) {}
  TimerHook(const TimerHook&) = delete;
  TimerHook& operator=(const TimerHook&) = delete;
  ~TimerHook();

  bool armed() const noexcept { return next_ != nullptr; }
  TimePoint at() const noexcept { return at_; }  ///< as armed; meaningful while armed
  TimerOwner owner() const noexcept { return owner_; }

 private:
  friend class TimerWheel;
  class TimerWheel* wheel_ = nullptr;
  TimePoint at_{};
  std::uint16_t place_ = 0;  ///< the list it stands in, for disarm()
  TimerOwner owner_;
};

/// Four levels of 256 slots and an overflow list over 1 ms ticks: 49.7 days, and beyond by the list.
/// No timer is ever early; one is late by less than a tick, plus what the driver is late. Time only moves
/// forward, from the origin of Clock: a `now` before the last is the last.
///
/// Threads: none of its own. Every hook must be disarmed before the wheel dies.
class TimerWheel {
 public:
  TimerWheel() noexcept;
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  /// (Re)arms; a time that has passed expires at the next pop().
  void arm(TimerHook& hook, TimePoint at) noexcept;
  void disarm(TimerHook& hook) noexcept;

  /// The next hook that is due at `now`, disarmed, or null. In order of ticks, then of arming. Call until
  /// null; hooks armed meanwhile for times already passed are among those returned.
  TimerHook* pop(TimePoint now) noexcept;
  /// What the next pop() gives where it is known already: a hint, to have it at hand.
  TimerHook* upcoming() const noexcept;
  /// When to call pop() next, or kNever: never after the first deadline. It is that deadline, rounded up
  /// to a tick, unless more than a few hooks share a far slot; then it is when that slot opens, and who
  /// pops there (nothing may come) and asks again comes to the exact one in a few rounds.
  TimePoint deadline() const noexcept;
  std::size_t size() const noexcept { return size_; }

 private:
  static constexpr unsigned kBits = 8;
  static constexpr std::size_t kSlots = 1U << kBits;
  static constexpr std::size_t kLevels = 4;
  static constexpr std::uint16_t kOverflow = kLevels * kSlots;
  static constexpr std::uint16_t kDue = kOverflow + 1;
  using Tick = std::uint64_t;

  void insert(TimerHook& hook) noexcept;
  void cascade(std::size_t place) noexcept;
  bool advance(Tick target) noexcept;
  std::size_t next_used(std::size_t level, std::size_t behind) const noexcept;
  Tick earliest(std::size_t place, Tick opens) const noexcept;
  Tick earliest_overflow() const noexcept;

  std::array<TimerLink, kLevels * kSlots + 2> lists_;
  std::array<std::array<std::uint64_t, kSlots / 64>, kLevels>
      used_{};     ///< one bit a non-empty slot
  Tick tick_ = 0;  ///< every hook of this tick and before has been moved to the due list
  std::size_t size_ = 0;
};

}  // namespace sipstack
