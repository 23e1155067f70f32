// SPDX-License-Identifier: Apache-2.0
// What the stores of a server have in common: a log whose level a reload changes, and figures for /metrics.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "sipstack/base/log.hpp"
#include "sipstack/store/redis_location.hpp"
#include "sipstack/store/sqlite_location.hpp"
#include "sipstack/store/sqlite_users.hpp"
#include "tools/settings.hpp"

namespace sipstack::tools {

/// One number of a store, a family of its own in the exposition. Names of counters end in _total.
struct StoreFigure {
  enum class Kind : std::uint8_t { counter, gauge };
  Kind kind = Kind::counter;
  std::string name;
  std::string help;
  double value = 0;
};
/// What a store has to tell now. Threads: any; the store must be there.
using StoreFigures = std::function<std::vector<StoreFigure>()>;

std::vector<StoreFigure> figures_of(const SqliteLocation::Counters& counters);
std::vector<StoreFigure> figures_of(const RedisLocation::Counters& counters);
std::vector<StoreFigure> figures_of(const SqliteUsers::Counters& counters);

/// Threads: the node's, but for what log() gave out.
class Stores {
 public:
  explicit Stores(const Settings& settings);

  /// Lines on standard error, in the format of the others. Any thread, and longer than this.
  LogHook log() const;
  /// From now on, for all that log() gave out.
  void log_level(LogLevel level) noexcept;

  /// Null: it tells nothing.
  void location(StoreFigures figures) { location_ = std::move(figures); }
  /// In place of the users before, as a reload has it: counters go on from where theirs were.
  void users(StoreFigures figures);
  std::vector<StoreFigure> figures() const;

 private:
  std::vector<StoreFigure> users_figures() const;

  std::shared_ptr<std::atomic<LogLevel>> level_;
  const bool json_;
  StoreFigures location_;
  StoreFigures users_;
  std::vector<StoreFigure> former_users_;  ///< what those before had counted
};

}  // namespace sipstack::tools
