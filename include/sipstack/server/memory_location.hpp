// SPDX-License-Identifier: Apache-2.0
// Bindings in memory. RFC 3261 section 10.3 steps 6 and 7.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "sipstack/base/random.hpp"
#include "sipstack/server/location.hpp"

namespace sipstack {

struct MemoryLocationOptions {
  std::size_t max_bindings = 1'000'000;  ///< of all AORs together; past it `unavailable`
};

/// Keeps bindings until they expire or are removed; answers before the call returns. What has expired
/// is never given out; its memory comes back when its AOR is looked at, or a little with every update,
/// or by sweep(). No call takes longer for there being many: a million bindings are listed or swept in
/// kParts pieces, of some milliseconds each.
///
/// Threads: its shard's.
class MemoryLocation final : public LocationStore {
 public:
  explicit MemoryLocation(Random& random, const MemoryLocationOptions& options = {});
  ~MemoryLocation() override;

  void find(std::string_view aor, TimePoint now, LocationHandler done) override;
  void update(BindingUpdate update, TimePoint now, LocationHandler done) override;
  std::optional<LocationSize> size() override { return LocationSize{aors(), bindings()}; }

  static constexpr std::size_t kParts = 256;
  /// Drops what has expired of one part of the AORs, 0 to kParts - 1; the parts together are all.
  void sweep(std::size_t part, TimePoint now);
  /// Gives out the live bindings of each AOR of one part, as find() would. An AOR never changes its part.
  /// `each` must not call the store.
  void list(std::size_t part, TimePoint now,
            const std::function<void(std::string_view aor, std::vector<Binding> bindings)>& each);
  std::size_t aors() const noexcept;
  std::size_t bindings() const noexcept;  ///< expired ones that were not swept yet included

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sipstack
