// SPDX-License-Identifier: Apache-2.0
// Bindings in memory: a keyed hash of AORs, each with its few contacts. RFC 3261 section 10.3.
#include "sipstack/server/memory_location.hpp"

#include <algorithm>
#include <boost/unordered/unordered_flat_map.hpp>
#include <deque>
#include <string>

#include "sipstack/base/keyed_hash.hpp"
#include "sipstack/server/binding_rules.hpp"

namespace sipstack {
namespace {

/// AORs looked at with every update, so that what expired and is never asked for goes as well.
constexpr int kSweptPerUpdate = 4;

}  // namespace

struct MemoryLocation::Impl {
  struct Aor {
    std::string key;                ///< empty: the slot is free
    std::vector<Binding> bindings;  ///< latest first
  };
  struct Hash {
    HashKey key;
    std::size_t operator()(std::string_view text) const noexcept {
      return static_cast<std::size_t>(keyed_hash(key, text));
    }
  };

  Impl(Random& random, const MemoryLocationOptions& o)
      : options(o), index(0, Hash{{random.next(), random.next()}}) {}

  /// The live bindings of an AOR; null where there are none.
  Aor* live(std::string_view aor, TimePoint now) {
    const auto found = index.find(aor);
    if (found == index.end()) return nullptr;
    Aor& entry = slots[found->second];
    if (!prune(entry, found->second, now)) return nullptr;
    return &entry;
  }

  /// Drops what has expired; false where nothing is left, and the slot free.
  bool prune(Aor& entry, std::uint32_t slot, TimePoint now) {
    const std::size_t before = entry.bindings.size();
    drop_expired(entry.bindings, now);
    total -= before - entry.bindings.size();
    if (!entry.bindings.empty()) return true;
    release(entry, slot);
    return false;
  }

  void release(Aor& entry, std::uint32_t slot) {
    index.erase(entry.key);
    entry = Aor{};
    free.push_back(slot);
  }

  /// `before`: how many the AOR had.
  void store(std::string_view aor, std::vector<Binding> bindings, std::size_t before) {
    const auto found = index.find(aor);
    if (found != index.end()) {
      Aor& entry = slots[found->second];
      total = total - before + bindings.size();
      entry.bindings = std::move(bindings);
      if (entry.bindings.empty()) release(entry, found->second);
      return;
    }
    if (bindings.empty()) return;
    if (free.empty()) {
      free.push_back(static_cast<std::uint32_t>(slots.size()));
      slots.emplace_back();
    }
    const std::uint32_t slot = free.back();
    free.pop_back();
    Aor& entry = slots[slot];
    entry.key = aor;
    total += bindings.size();
    entry.bindings = std::move(bindings);
    index.emplace(entry.key, slot);
  }

  void sweep_some(TimePoint now) {
    for (int i = 0; i < kSweptPerUpdate && !slots.empty(); ++i) {
      if (cursor >= slots.size()) cursor = 0;
      Aor& entry = slots[cursor];
      if (!entry.key.empty()) prune(entry, static_cast<std::uint32_t>(cursor), now);
      ++cursor;
    }
  }

  LocationResult apply(BindingUpdate& update, TimePoint now) {
    std::vector<Binding> bindings;
    Aor* const aor = live(update.aor, now);
    if (aor != nullptr) bindings = std::move(aor->bindings);
    const std::size_t before = bindings.size();
    const std::size_t room = options.max_bindings - std::min(total, options.max_bindings);
    const LocationErrc outcome = apply_update(bindings, update, now, room);
    if (outcome != LocationErrc::ok) {
      if (aor != nullptr) aor->bindings = std::move(bindings);
      return unexpected<LocationErrc>(outcome);
    }
    std::vector<Binding> result = bindings;
    store(update.aor, std::move(bindings), before);
    sort_by_preference(result);
    return result;
  }

  MemoryLocationOptions options;
  std::deque<Aor> slots;
  std::vector<std::uint32_t> free;
  boost::unordered_flat_map<std::string_view, std::uint32_t, Hash>
      index;  ///< keys live in the slots
  std::size_t total = 0;
  std::size_t cursor = 0;
};

MemoryLocation::MemoryLocation(Random& random, const MemoryLocationOptions& options)
    : impl_(std::make_unique<Impl>(random, options)) {}
MemoryLocation::~MemoryLocation() = default;

void MemoryLocation::find(std::string_view aor, TimePoint now, LocationHandler done) {
  std::vector<Binding> result;
  if (const auto* entry = impl_->live(aor, now)) result = entry->bindings;
  sort_by_preference(result);
  done(std::move(result), now);
}

void MemoryLocation::update(BindingUpdate update, TimePoint now, LocationHandler done) {
  impl_->sweep_some(now);
  LocationResult result = impl_->apply(update, now);
  done(std::move(result), now);
}

void MemoryLocation::sweep(TimePoint now) {
  for (std::uint32_t i = 0; i < impl_->slots.size(); ++i)
    if (!impl_->slots[i].key.empty()) impl_->prune(impl_->slots[i], i, now);
}

std::size_t MemoryLocation::aors() const noexcept { return impl_->index.size(); }
std::size_t MemoryLocation::bindings() const noexcept { return impl_->total; }

}  // namespace sipstack
