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

/// Lives inside the object that waits (usually as a base of a struct that finds its way back).
/// Must be disarmed before it dies; its destructor does that. Not movable while armed.
class TimerHook {
 public:
  explicit TimerHook(TimerOwner owner) noexcept : owner_(owner) {}
  TimerHook(const TimerHook&) = delete;
  TimerHook& operator=(const TimerHook&) = delete;
  ~TimerHook();

  bool armed() const noexcept { return next_ != nullptr; }
  TimePoint at() const noexcept { return at_; }  ///< meaningful while armed
  TimerOwner owner() const noexcept { return owner_; }

 private:
  friend class TimerWheel;
  TimerHook* prev_ = nullptr;
  TimerHook* next_ = nullptr;
  class TimerWheel* wheel_ = nullptr;
  TimePoint at_{};
  TimerOwner owner_;
};

/// Four levels and an overflow list over 1 ms ticks. No timer is ever early; one is late by less than a
/// tick, plus what the driver is late. Time only moves forward: a `now` before the last is the last.
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

  /// The next hook that is due at `now`, disarmed, or null. In order of time, then of arming. Call until
  /// null; hooks armed meanwhile for times already passed are among those returned.
  TimerHook* pop(TimePoint now) noexcept;
  /// A time not after the first deadline, or kNever. Exact once that deadline is within 256 ms.
  TimePoint deadline() const noexcept;
  std::size_t size() const noexcept { return size_; }

 private:
  // Private layout is the implementation's business.
  static constexpr std::size_t kSlots = 256;
  static constexpr std::size_t kLevels = 4;
  struct List {
    TimerHook head{TimerOwner::application};
  };
  std::array<std::array<List, kSlots>, kLevels> slots_;
  std::array<std::array<std::uint64_t, kSlots / 64>, kLevels> used_{};
  List overflow_;
  List due_;
  std::uint64_t tick_ = 0;
  std::size_t size_ = 0;
};

}  // namespace sipstack
