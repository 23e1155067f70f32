// SPDX-License-Identifier: Apache-2.0
// Bindings in an SQLite file: what was acknowledged survives the process, and the power.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "sipstack/base/expected.hpp"
#include "sipstack/base/log.hpp"
#include "sipstack/base/time.hpp"
#include "sipstack/server/location.hpp"
#include "sipstack/store/unix_clock.hpp"

namespace sipstack {

struct SqliteLocationOptions {
  std::size_t max_bindings = 1'000'000;  ///< of all AORs together; past it `unavailable`
  std::size_t max_pending = 65'536;      ///< updates that wait for the disk; past it `unavailable`
  std::size_t max_batch = 1'024;         ///< updates in one transaction
  std::uint64_t max_bytes = 0;           ///< of the file, 0: as the disk has; past it `unavailable`
  /// Empty: the system's clock as it was at opening, and from then on one that is never set.
  UnixClock clock;
  /// Called on the store's thread and on those that call. Must not call the store.
  LogHook log;
};

/// Lookups are answered from memory before the call returns. Updates are answered on a thread of the store,
/// after the transaction that they are part of was synced to the disk (WAL, synchronous=FULL): all that wait
/// share one. A lookup sees what is on the disk, nothing sooner.
///
/// While the disk takes nothing updates get `unavailable`, and lookups go on. Flows of connections do not
/// outlive a process: such a binding is found after a restart, without its connection.
///
/// One process at a time has the file (locking_mode=EXCLUSIVE). Threads: any.
class SqliteLocation final : public LocationStore {
 public:
  /// Opens or creates the file and loads it. A sentence where it cannot be opened, is locked, damaged or
  /// none of ours. AORs whose bindings cannot be read are left out, and the log told.
  static expected<std::unique_ptr<SqliteLocation>, std::string> open(
      const std::string& file, const SqliteLocationOptions& options = {});
  /// Commits what is being written. Updates that still wait are not answered.
  ~SqliteLocation() override;

  void find(std::string_view aor, TimePoint now, LocationHandler done) override;
  void update(BindingUpdate update, TimePoint now, LocationHandler done) override;
  std::optional<LocationSize> size() override;

  /// What there is, and what there was since open(): that only grows.
  struct Counters {
    std::size_t aors = 0;
    std::size_t bindings = 0;       ///< expired ones that were not swept yet included
    std::size_t pending = 0;        ///< updates that wait for the disk
    std::uint64_t lookups = 0;      ///< asked for, answered or not
    std::uint64_t updates = 0;      ///< the same
    std::uint64_t unavailable = 0;  ///< updates that were refused for want of room or by the disk
    std::uint64_t commits = 0;
    std::uint64_t committed = 0;  ///< updates, in all commits
    std::uint64_t rows = 0;       ///< written or removed by these
    std::uint64_t failed = 0;     ///< transactions that the disk refused
    Duration commit_time{};       ///< in all transactions, syncs and those that failed included
  };
  /// Threads: any; waits for no disk.
  Counters counters() const;

 private:
  struct Impl;
  explicit SqliteLocation(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sipstack
