// SPDX-License-Identifier: Apache-2.0
// Sources by prefix. The bucket is kept as the time at which it is full again, so that filling costs nothing.
#include "transaction/sources.hpp"

#include <algorithm>
#include <new>

#include "sipstack/base/prefix.hpp"

namespace sipstack {
namespace {

std::uint32_t hash_of(const HashKey& key, std::uint64_t prefix) noexcept {
  return static_cast<std::uint32_t>(source_hash(key, prefix));
}

}  // namespace

bool Sources::reserve() noexcept {
  try {
    slab_.reserve();
  } catch (const std::bad_alloc&) {
    return false;
  }
  return table_.reserve();
}

std::optional<std::uint32_t> Sources::find(const IpAddress& ip) const noexcept {
  const std::uint64_t prefix = source_prefix(ip);
  bool full = false;
  return table_.find(
      hash_of(key_, prefix), [&](std::uint32_t slot) { return entry(slot).prefix == prefix; },
      full);
}

std::uint32_t Sources::open(std::optional<std::uint32_t> known, const IpAddress& ip,
                            TimePoint now) noexcept {
  if (known) {
    Entry& e = entry(*known);
    wake(e);
    ++e.open;
    tidy(now);
    return *known;
  }
  tidy(now);
  const auto handle = slab_.emplace();
  Entry& e = entry(handle.slot);
  e.prefix = source_prefix(ip);
  e.hash = hash_of(key_, e.prefix);
  e.slot = handle.slot;
  e.generation = handle.generation;
  e.open = 1;
  table_.insert(e.hash, handle.slot);
  return handle.slot;
}

void Sources::close(std::uint32_t source) noexcept {
  Entry& e = entry(source);
  if (--e.open != 0) return;
  if (e.full_at <= now_) return forget(e);
  e.idle = true;
  e.older = newest_;
  (newest_ != nullptr ? newest_->newer : oldest_) = &e;
  newest_ = &e;
  if (++idle_ > kRemembered) forget(*oldest_);
}

void Sources::reset(std::uint32_t source, TimePoint now) noexcept {
  if (resets_.per_second == 0) return;
  now_ = std::max(now_, now);
  Entry& e = entry(source);
  e.full_at = std::max(e.full_at, now_) + resets_.token();
}

bool Sources::exhausted(std::uint32_t source, TimePoint now) const noexcept {
  if (resets_.per_second == 0) return false;
  return entry(source).full_at - now >= resets_.token() * resets_.burst;
}

void Sources::wake(Entry& e) noexcept {
  if (!e.idle) return;
  (e.older != nullptr ? e.older->newer : oldest_) = e.newer;
  (e.newer != nullptr ? e.newer->older : newest_) = e.older;
  e.older = e.newer = nullptr;
  e.idle = false;
  --idle_;
}

void Sources::forget(Entry& e) noexcept {
  wake(e);
  table_.erase(e.hash, e.slot);
  slab_.erase({e.slot, e.generation});
}

// Two a call keep up with one that comes.
void Sources::tidy(TimePoint now) noexcept {
  now_ = std::max(now_, now);
  for (int i = 0; i < 2 && oldest_ != nullptr && oldest_->full_at <= now_; ++i) forget(*oldest_);
}

}  // namespace sipstack
