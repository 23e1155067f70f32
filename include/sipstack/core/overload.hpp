// SPDX-License-Identifier: Apache-2.0
// Shedding new work when a shard cannot keep up: a local overload control (RFC 6357 section 4, RFC 7339 section
// 5.10 for what is spared), driven by how long work has been waiting.
#pragma once

#include <cstdint>
#include <string_view>

#include "sipstack/base/keyed_hash.hpp"
#include "sipstack/base/time.hpp"

namespace sipstack {

struct OverloadOptions {
  bool enabled = true;
  /// What waits has been waiting without a break for so long: overload begins. Long enough for a burst, or a
  /// pause of the process, to be worked off.
  Duration begins = std::chrono::milliseconds(100);
  /// While it lasts: from half of that on less is admitted, and nothing new any more when it has been so long
  /// without a break. Above the delay that calls see then.
  Duration target = std::chrono::milliseconds(20);
  /// How often the usual share is averaged.
  Duration interval = std::chrono::milliseconds(50);
};

/// The share of new work that is admitted: a little above what was usual lately, and the less the longer work
/// has been waiting without a break. So the server is always busy, and its queue is emptied again and again.
/// What is not admitted is refused; when refusing alone is too much, a share of that is dropped unanswered.
///
/// Which request is admitted depends on its Call-ID, so that a call which was challenged is likely to be admitted
/// again when it comes with credentials, and on a period of half a minute, so that no phone is always the
/// unlucky one.
///
/// Threads: its core's. No memory of its own.
class Overload {
 public:
  enum class Verdict { admit, refuse, drop };

  Overload(const OverloadOptions& options, const HashKey& key) noexcept
      : options_(options), key_(key) {}

  /// Work has been waiting without a break for so long; zero: what waited has been worked off. Told behind
  /// every batch of input that left some waiting, and behind the one that did not any more.
  void waiting(Duration without_break, TimePoint now) noexcept;
  /// What becomes of a request that begins something new.
  Verdict judge(std::string_view call_id, TimePoint now) noexcept;

  /// As of the last question.
  bool overloaded() const noexcept { return overloaded_; }
  double admitted() const noexcept;  ///< share of new work, 0 to 1
  double answered() const noexcept;  ///< share of the rest that is refused, 0 to 1

 private:
  void adjust(TimePoint now) noexcept;

  OverloadOptions options_;
  HashKey key_;
  bool overloaded_ = false;
  unsigned reports_ = 0;  ///< in succession, of work that waits
  Duration stands_{};     ///< the last of these
  TimePoint told_at_{};
  double usual_ = 1;
  double sum_ = 0;  ///< of the shares in this interval, one for each time that it was asked
  int asked_ = 0;
  TimePoint adjust_at_{};
};

}  // namespace sipstack
