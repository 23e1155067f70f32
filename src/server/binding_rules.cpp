// SPDX-License-Identifier: Apache-2.0
// The rules of an update, apart from where bindings are kept. RFC 3261 section 10.3 steps 6 and 7.
#include "sipstack/server/binding_rules.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "sipstack/parser/uri.hpp"

namespace sipstack {
namespace {

/// A contact and its URI, parsed once and not before it is asked for: of views into the binding, which must
/// stay where it is.
class Entry {
 public:
  explicit Entry(Binding& b) : binding(&b) {}

  bool same(const Entry& other) const {
    if (binding->reg_id != 0 && other.binding->reg_id != 0)
      return binding->reg_id == other.binding->reg_id && same_instance(other);
    if (binding->contact == other.binding->contact) return true;
    const auto& mine = uri();
    const auto& others = other.uri();
    return mine && others && equal(*mine, *others);
  }
  bool same_instance(const Entry& other) const noexcept {
    return !binding->instance.empty() && iequals(binding->instance, other.binding->instance);
  }

  Binding* binding;

 private:
  const std::optional<Uri>& uri() const {
    if (!read_) {
      read_ = true;
      if (auto parsed = Uri::parse(binding->contact)) uri_ = *parsed;
    }
    return uri_;
  }

  mutable std::optional<Uri> uri_;
  mutable bool read_ = false;
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

/// Step 7: the CSeq of a Call-ID only rises. `before` are the bindings as they were stored.
bool in_order(const Binding& stored, const BindingUpdate& update) noexcept {
  return stored.call_id != update.call_id || update.cseq > stored.cseq;
}

}  // namespace

void drop_expired(std::vector<Binding>& bindings, TimePoint now) {
  bindings.erase(std::remove_if(bindings.begin(), bindings.end(),
                                [now](const Binding& b) { return b.expires <= now; }),
                 bindings.end());
}

LocationErrc apply_update(std::vector<Binding>& bindings, BindingUpdate& update, TimePoint now,
                          std::size_t room) {
  std::vector<Entry> before;
  for (Binding& b : bindings) before.emplace_back(b);

  // All or nothing: what will be is worked out before anything is touched.
  std::vector<Entry> after;
  std::vector<std::pair<std::string, std::uint64_t>> renewed;
  if (update.remove_all) {
    for (const Entry& e : before)
      if (!in_order(*e.binding, update)) return LocationErrc::out_of_order;
  } else {
    after = before;
    for (Binding& b : update.set) {
      const Entry fresh(b);
      for (const Entry& stored : before)
        if (stored.same(fresh) && !in_order(*stored.binding, update))
          return LocationErrc::out_of_order;
      agree_on_epoch(b, before, renewed);
      after.erase(std::remove_if(after.begin(), after.end(),
                                 [&](const Entry& old) { return old.same(fresh); }),
                  after.end());
      if (b.expires > now) after.insert(after.begin(), fresh);
    }
    if (after.size() > before.size()) {
      if (after.size() > update.max_bindings) return LocationErrc::too_many;
      if (after.size() - before.size() > room) return LocationErrc::unavailable;
    }
  }
  std::vector<Binding> kept;
  kept.reserve(after.size());
  for (const Entry& e : after) kept.push_back(std::move(*e.binding));
  for (const auto& [instance, epoch] : renewed)
    for (Binding& b : kept)
      if (iequals(b.instance, instance)) b.epoch = epoch;
  bindings = std::move(kept);
  return LocationErrc::ok;
}

void sort_by_preference(std::vector<Binding>& bindings) {
  if (bindings.size() < 2) return;  // nearly always, and a stable sort takes memory
  std::stable_sort(bindings.begin(), bindings.end(),
                   [](const Binding& a, const Binding& b) { return a.q > b.q; });
}

}  // namespace sipstack
