// SPDX-License-Identifier: Apache-2.0
// Bindings in memory: a keyed hash of AORs, each with its few contacts packed. RFC 3261 section 10.3.
#include "sipstack/server/memory_location.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <utility>

#include "server/aor_table.hpp"
#include "sipstack/base/keyed_hash.hpp"
#include "sipstack/server/binding_rules.hpp"

namespace sipstack {

using server::AorTable;
using server::PackedBindings;

namespace {

/// Places looked at with every update, so that what expired and is never asked for goes as well, and with one
/// that finds the store full. A line of the cache has four of them.
constexpr std::size_t kPlacesPerUpdate = 16;
constexpr std::size_t kPlacesWhenFull = 4096;

std::uint32_t second_of(TimePoint t) noexcept {
  const auto s = std::chrono::floor<std::chrono::seconds>(t.time_since_epoch()).count();
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(s, 0, UINT32_MAX));
}

/// Not before this second does one of them expire.
std::uint32_t due_of(const std::vector<Binding>& bindings) noexcept {
  const auto first =
      std::min_element(bindings.begin(), bindings.end(),
                       [](const Binding& a, const Binding& b) { return a.expires < b.expires; });
  return second_of(first->expires);
}

}  // namespace

struct MemoryLocation::Impl {
  Impl(Random& random, const MemoryLocationOptions& o)
      : options(o), key{random.next(), random.next()} {}

  std::uint32_t hash_of(std::string_view aor) const noexcept {
    return static_cast<std::uint32_t>(keyed_hash(key, aor));
  }

  /// Drops what has expired; true where nothing is left.
  bool prune(AorTable::Entry& entry, TimePoint now) {
    if (entry.due > second_of(now)) return false;
    const std::size_t before = entry.record.count();
    const std::vector<Binding> live = entry.record.live(now);
    total -= before - live.size();
    if (live.empty()) return true;
    if (live.size() < before) entry.record = PackedBindings(entry.record.aor(), live);
    entry.due = due_of(live);
    return false;
  }

  LocationResult find(std::string_view aor, TimePoint now) {
    std::vector<Binding> result;
    AorTable::Entry* const entry = table.find(hash_of(aor), aor);
    if (entry == nullptr) return result;
    if (prune(*entry, now))
      table.erase(*entry);
    else
      result = entry->record.live(now);
    sort_by_preference(result);
    return result;
  }

  void look(std::size_t places, TimePoint now) {
    const std::uint32_t second = second_of(now);
    table.look(places, [&](AorTable::Entry& e) { return e.due <= second && prune(e, now); });
  }

  LocationResult change(BindingUpdate& update, TimePoint now) {
    const std::uint32_t hash = hash_of(update.aor);
    table.fetch(hash);
    look(kPlacesPerUpdate, now);
    LocationResult result = apply(update, hash, now);
    if (result || result.error() != LocationErrc::unavailable) return result;
    look(kPlacesWhenFull, now);
    return apply(update, hash, now);
  }

  LocationResult apply(BindingUpdate& update, std::uint32_t hash, TimePoint now) {
    AorTable::Entry* const entry = table.find(hash, update.aor);
    std::vector<Binding> bindings;
    std::size_t before = 0;
    if (entry != nullptr) {
      before = entry->record.count();
      bindings = entry->record.live(now);
    }
    // What has expired of this AOR gives its place.
    const std::size_t others = total - (before - bindings.size());
    const std::size_t room = options.max_bindings - std::min(others, options.max_bindings);
    const LocationErrc outcome = apply_update(bindings, update, now, room);
    if (outcome != LocationErrc::ok) return unexpected<LocationErrc>(outcome);

    total = total - before + bindings.size();
    if (bindings.empty()) {
      if (entry != nullptr) table.erase(*entry);
      return LocationResult(std::move(bindings));
    }
    AorTable::Entry fresh{PackedBindings(update.aor, bindings), hash, due_of(bindings)};
    if (entry != nullptr)
      *entry = std::move(fresh);
    else
      table.insert(std::move(fresh));
    sort_by_preference(bindings);
    return LocationResult(std::move(bindings));
  }

  MemoryLocationOptions options;
  HashKey key;
  AorTable table;
  std::size_t total = 0;
};

MemoryLocation::MemoryLocation(Random& random, const MemoryLocationOptions& options)
    : impl_(std::make_unique<Impl>(random, options)) {}
MemoryLocation::~MemoryLocation() = default;

void MemoryLocation::find(std::string_view aor, TimePoint now, LocationHandler done) {
  done(impl_->find(aor, now), now);
}

void MemoryLocation::update(BindingUpdate update, TimePoint now, LocationHandler done) {
  done(impl_->change(update, now), now);
}

void MemoryLocation::sweep(std::size_t part, TimePoint now) {
  impl_->table.sweep(part % kParts, [&](AorTable::Entry& e) { return impl_->prune(e, now); });
}

void MemoryLocation::list(
    std::size_t part, TimePoint now,
    const std::function<void(std::string_view aor, std::vector<Binding> bindings)>& each) {
  sweep(part, now);
  impl_->table.each_of(part % kParts, [&](const AorTable::Entry& e) {
    std::vector<Binding> bindings = e.record.live(now);
    sort_by_preference(bindings);
    each(e.record.aor(), std::move(bindings));
  });
}

std::size_t MemoryLocation::aors() const noexcept { return impl_->table.size(); }
std::size_t MemoryLocation::bindings() const noexcept { return impl_->total; }

static_assert(MemoryLocation::kParts == AorTable::kGroups);

}  // namespace sipstack
