// SPDX-License-Identifier: Apache-2.0
// The timer wheel. A hook stands at the level of the highest byte in which its tick differs from the
// wheel's, in the slot that this byte names; so all hooks of one tick share a list at any moment, and
// moving a list down, in order, keeps them in the order of arming.
#include "sipstack/transaction/timer_wheel.hpp"

#include <cassert>

namespace sipstack {
namespace {

constexpr std::int64_t kMicrosPerTick = 1000;

// Rounded up, so that no timer is early.
std::uint64_t tick_of(TimePoint at) noexcept {
  const std::int64_t us = at.time_since_epoch().count();
  if (us <= 0) return 0;
  return static_cast<std::uint64_t>(us / kMicrosPerTick + (us % kMicrosPerTick != 0 ? 1 : 0));
}

// Rounded down: a tick has come only when all of it has.
std::uint64_t ticks_until(TimePoint now) noexcept {
  const std::int64_t us = now.time_since_epoch().count();
  return us <= 0 ? 0 : static_cast<std::uint64_t>(us / kMicrosPerTick);
}

TimePoint time_of(std::uint64_t tick) noexcept {
  constexpr auto kLast = static_cast<std::uint64_t>(INT64_MAX / kMicrosPerTick);
  if (tick > kLast) return kNever;
  return TimePoint(Duration(static_cast<std::int64_t>(tick) * kMicrosPerTick));
}

unsigned lowest_bit(std::uint64_t word) noexcept {
  return static_cast<unsigned>(__builtin_ctzll(word));
}

}  // namespace

TimerHook::~TimerHook() {
  if (wheel_ != nullptr) wheel_->disarm(*this);
}

TimerWheel::TimerWheel() noexcept {
  for (TimerLink& head : lists_) head.prev_ = head.next_ = &head;
}

void TimerWheel::arm(TimerHook& hook, TimePoint at) noexcept {
  disarm(hook);
  hook.at_ = at;
  hook.wheel_ = this;
  ++size_;
  insert(hook);
}

void TimerWheel::disarm(TimerHook& hook) noexcept {
  if (hook.wheel_ == nullptr) return;
  assert(hook.wheel_ == this);
  hook.prev_->next_ = hook.next_;
  hook.next_->prev_ = hook.prev_;
  hook.prev_ = hook.next_ = nullptr;
  hook.wheel_ = nullptr;
  --size_;
  const std::size_t place = hook.place_;
  if (place < kOverflow && lists_[place].next_ == &lists_[place])
    used_[place / kSlots][place % kSlots / 64] &= ~(std::uint64_t{1} << (place % 64));
}

// Places a hook by its time relative to tick_; behind those already there.
void TimerWheel::insert(TimerHook& hook) noexcept {
  const Tick tick = tick_of(hook.at_);
  std::size_t place = kDue;
  if (tick > tick_) {
    const Tick differs = tick ^ tick_;
    std::size_t level = 0;
    while (level < kLevels && (differs >> (kBits * (level + 1))) != 0) ++level;
    if (level == kLevels) {
      place = kOverflow;
    } else {
      const auto slot = static_cast<std::size_t>(tick >> (kBits * level)) % kSlots;
      place = level * kSlots + slot;
      used_[level][slot / 64] |= std::uint64_t{1} << (slot % 64);
    }
  }
  hook.place_ = static_cast<std::uint16_t>(place);
  TimerLink& head = lists_[place];
  hook.prev_ = head.prev_;
  hook.next_ = &head;
  head.prev_->next_ = &hook;
  head.prev_ = &hook;
}

// Inserts every hook of a list anew, now that tick_ is closer to them.
void TimerWheel::cascade(std::size_t place) noexcept {
  TimerLink& head = lists_[place];
  TimerLink* link = head.next_;
  head.prev_->next_ =
      nullptr;  // the chain ends here; insert() may append to this very list (overflow)
  head.prev_ = head.next_ = &head;
  if (place < kOverflow)
    used_[place / kSlots][place % kSlots / 64] &= ~(std::uint64_t{1} << (place % 64));
  while (link != nullptr) {
    TimerLink* const next = link->next_;
    insert(static_cast<TimerHook&>(*link));
    link = next;
  }
}

// The first used slot of a level behind `behind`, or kSlots.
std::size_t TimerWheel::next_used(std::size_t level, std::size_t behind) const noexcept {
  std::size_t slot = behind + 1;
  while (slot < kSlots) {
    const std::uint64_t word = used_[level][slot / 64] >> (slot % 64);
    if (word != 0) return slot + lowest_bit(word);
    slot = (slot / 64 + 1) * 64;
  }
  return kSlots;
}

TimerWheel::Tick TimerWheel::earliest_overflow() const noexcept {
  const TimerLink& head = lists_[kOverflow];
  Tick first = ~Tick{0};
  for (const TimerLink* link = head.next_; link != &head; link = link->next_) {
    const Tick tick = tick_of(static_cast<const TimerHook*>(link)->at_);
    if (tick < first) first = tick;
  }
  return first;
}

// Moves tick_ forward to the next tick that has hooks, but not past `target`; true where it found any.
// Slots between are skipped by the bit maps, so that a leap of days costs no more than a millisecond.
bool TimerWheel::advance(Tick target) noexcept {
  while (tick_ < target) {
    std::size_t level = 0;
    std::size_t slot = kSlots;
    for (; level < kLevels; ++level) {
      slot = next_used(level, static_cast<std::size_t>(tick_ >> (kBits * level)) % kSlots);
      if (slot != kSlots) break;
    }
    Tick opens = 0;
    std::size_t place = kOverflow;
    if (level < kLevels) {
      const unsigned shift = kBits * static_cast<unsigned>(level);
      opens = ((tick_ >> (shift + kBits)) << (shift + kBits)) | (static_cast<Tick>(slot) << shift);
      place = level * kSlots + slot;
    } else {
      if (lists_[kOverflow].next_ == &lists_[kOverflow]) break;
      opens = earliest_overflow() >> (kBits * kLevels) << (kBits * kLevels);
    }
    if (opens > target) break;
    tick_ = opens;
    cascade(place);
    if (lists_[kDue].next_ != &lists_[kDue]) return true;
  }
  if (tick_ < target) tick_ = target;
  return false;
}

TimerHook* TimerWheel::pop(TimePoint now) noexcept {
  TimerLink& due = lists_[kDue];
  if (due.next_ == &due && !advance(ticks_until(now))) return nullptr;
  auto* const hook = static_cast<TimerHook*>(due.next_);
  disarm(*hook);
  // Who has waited for long is far away: have the one after the next brought here.
  if (due.next_ != &due) __builtin_prefetch(due.next_->next_, 1);
  return hook;
}

TimerHook* TimerWheel::upcoming() const noexcept {
  const TimerLink& due = lists_[kDue];
  return due.next_ == &due ? nullptr : static_cast<TimerHook*>(due.next_);
}

// The least tick of a list where a short look tells it, else when its slot opens.
TimerWheel::Tick TimerWheel::earliest(std::size_t place, Tick opens) const noexcept {
  constexpr int kLook = 8;
  const TimerLink& head = lists_[place];
  Tick first = ~Tick{0};
  int looked = 0;
  for (const TimerLink* link = head.next_; link != &head; link = link->next_) {
    if (++looked > kLook) return opens;
    const Tick tick = tick_of(static_cast<const TimerHook*>(link)->at_);
    if (tick < first) first = tick;
  }
  return first;
}

TimePoint TimerWheel::deadline() const noexcept {
  if (size_ == 0) return kNever;
  if (lists_[kDue].next_ != &lists_[kDue]) return time_of(tick_);
  for (std::size_t level = 0; level < kLevels; ++level) {
    const unsigned shift = kBits * static_cast<unsigned>(level);
    const std::size_t slot = next_used(level, static_cast<std::size_t>(tick_ >> shift) % kSlots);
    if (slot == kSlots) continue;
    const Tick opens =
        ((tick_ >> (shift + kBits)) << (shift + kBits)) | (static_cast<Tick>(slot) << shift);
    return time_of(level == 0 ? opens : earliest(level * kSlots + slot, opens));
  }
  const Tick opens = ((tick_ >> (kBits * kLevels)) + 1) << (kBits * kLevels);
  return time_of(earliest(kOverflow, opens));
}

}  // namespace sipstack
