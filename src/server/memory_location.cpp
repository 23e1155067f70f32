// SPDX-License-Identifier: Apache-2.0
// Bindings in memory: a keyed hash of AORs, each with its few contacts. RFC 3261 section 10.3.
#include "sipstack/server/memory_location.hpp"

#include <algorithm>
#include <boost/unordered/unordered_flat_map.hpp>
#include <deque>
#include <optional>
#include <string>

#include "sipstack/base/keyed_hash.hpp"
#include "sipstack/parser/uri.hpp"

namespace sipstack {
namespace {

/// AORs looked at with every update, so that what expired and is never asked for goes as well.
constexpr int kSweptPerUpdate = 4;

/// A contact and its URI, parsed once: `uri` is of views into the binding, which must stay where it is.
struct Entry {
  Binding* binding;
  std::optional<Uri> uri;

  explicit Entry(Binding& b) : binding(&b) {
    if (auto parsed = Uri::parse(b.contact)) uri = *parsed;
  }
  bool same(const Entry& other) const {
    if (binding->reg_id != 0 && other.binding->reg_id != 0)
      return binding->reg_id == other.binding->reg_id && same_instance(other);
    return binding->contact == other.binding->contact ||
           (uri && other.uri && equal(*uri, *other.uri));
  }
  bool same_instance(const Entry& other) const noexcept {
    return !binding->instance.empty() && iequals(binding->instance, other.binding->instance);
  }
};

/// What becomes of an instance's temporary GRUUs (RFC 5627 section 5.1): `fresh` takes their epoch, or, where
/// it says that they are over, they take its.
void agree_on_epoch(Binding& fresh, const std::vector<Entry>& stored,
                    std::vector<std::pair<std::string, std::uint64_t>>& renewed) {
  if (fresh.instance.empty()) return;
  const Entry self(fresh);
  const Binding* same = nullptr;  // latest first
  const Binding* sibling = nullptr;
  for (const Entry& e : stored) {
    if (!e.same_instance(self)) continue;
    if (sibling == nullptr) sibling = e.binding;
    if (same == nullptr && e.binding->reg_id == fresh.reg_id) same = e.binding;
  }
  if (same != nullptr && same->call_id != fresh.call_id)
    renewed.emplace_back(fresh.instance, fresh.epoch);
  else if (sibling != nullptr)
    fresh.epoch = sibling->epoch;
}

void drop_expired(std::vector<Binding>& bindings, TimePoint now) {
  bindings.erase(std::remove_if(bindings.begin(), bindings.end(),
                                [now](const Binding& b) { return b.expires <= now; }),
                 bindings.end());
}

/// Step 7: the CSeq of a Call-ID only rises. `before` are the bindings as they were stored.
bool in_order(const Binding& stored, const BindingUpdate& update) noexcept {
  return stored.call_id != update.call_id || update.cseq > stored.cseq;
}

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

  void store(std::string_view aor, std::vector<Binding> bindings) {
    const auto found = index.find(aor);
    if (found != index.end()) {
      Aor& entry = slots[found->second];
      total = total - entry.bindings.size() + bindings.size();
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
    Aor* aor = live(update.aor, now);
    std::vector<Entry> before;
    if (aor != nullptr)
      for (Binding& b : aor->bindings) before.emplace_back(b);

    // All or nothing: what will be is worked out before anything is touched.
    std::vector<Entry> after;
    std::vector<std::pair<std::string, std::uint64_t>> renewed;
    if (update.remove_all) {
      for (const Entry& e : before)
        if (!in_order(*e.binding, update))
          return unexpected<LocationErrc>(LocationErrc::out_of_order);
    } else {
      after = before;
      for (Binding& b : update.set) {
        const Entry fresh(b);
        for (const Entry& stored : before)
          if (stored.same(fresh) && !in_order(*stored.binding, update))
            return unexpected<LocationErrc>(LocationErrc::out_of_order);
        agree_on_epoch(b, before, renewed);
        after.erase(std::remove_if(after.begin(), after.end(),
                                   [&](const Entry& old) { return old.same(fresh); }),
                    after.end());
        if (b.expires > now) after.insert(after.begin(), fresh);
      }
      if (after.size() > before.size()) {
        if (after.size() > update.max_bindings)
          return unexpected<LocationErrc>(LocationErrc::too_many);
        if (after.size() - before.size() >
            options.max_bindings - std::min(total, options.max_bindings))
          return unexpected<LocationErrc>(LocationErrc::unavailable);
      }
    }
    std::vector<Binding> bindings;
    bindings.reserve(after.size());
    for (const Entry& e : after) bindings.push_back(std::move(*e.binding));
    for (const auto& [instance, epoch] : renewed)
      for (Binding& b : bindings)
        if (iequals(b.instance, instance)) b.epoch = epoch;
    std::vector<Binding> result = bindings;
    store(update.aor, std::move(bindings));
    return by_preference(std::move(result));
  }

  /// By q descending, then latest first, which is how they are stored.
  static std::vector<Binding> by_preference(std::vector<Binding> bindings) {
    std::stable_sort(bindings.begin(), bindings.end(),
                     [](const Binding& a, const Binding& b) { return a.q > b.q; });
    return bindings;
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
  done(Impl::by_preference(std::move(result)), now);
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
