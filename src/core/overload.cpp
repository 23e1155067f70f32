// SPDX-License-Identifier: Apache-2.0
// The longer the queue has been standing, the less is admitted; and never much more than lately on average, for
// the queue in front of us, the system's, holds some hundreds of datagrams, and what does not fit is lost, ACKs
// and BYEs as well.
#include "sipstack/core/overload.hpp"

#include <algorithm>

namespace sipstack {
namespace {

/// So many reports in succession of a queue that stands: a pause of the process has fewer.
constexpr unsigned kReports = 4;
/// Above the usual share, so that it finds out when there is room for more.
constexpr double kMore = 1.5;
constexpr double kSome = 0.01;
constexpr double kFirst = 0.5;   ///< what is usual until there is an average
constexpr double kWeight = 0.2;  ///< of the last interval in the average
constexpr double kOver = 0.99;   ///< a share that is as good as all
/// After a pause as many steps as make no difference any more.
constexpr int kMostSteps = 256;
/// Refusing alone is too much where the queue still stands after so many times the target; twice that, and
/// nothing is answered.
constexpr int kTooLong = 10;
/// Whoever told of a queue and then says nothing for so long is gone.
constexpr Duration kStale = std::chrono::seconds(1);
constexpr Duration kPeriod = std::chrono::seconds(32);

double ratio(Duration a, Duration b) noexcept {
  return static_cast<double>(a.count()) /
         static_cast<double>(std::max<Duration::rep>(b.count(), 1));
}

}  // namespace

void Overload::waiting(Duration without_break, TimePoint now) noexcept {
  if (!options_.enabled) return;
  stands_ = without_break;
  told_at_ = now;
  reports_ = without_break > Duration::zero() ? reports_ + 1 : 0;
  if (overloaded_ || without_break < options_.begins || reports_ < kReports) return;
  overloaded_ = true;
  usual_ = kFirst;
  sum_ = 0;
  asked_ = 0;
  adjust_at_ = now + options_.interval;
}

double Overload::admitted() const noexcept {
  if (!overloaded_) return 1;
  const double patience = std::clamp(2 - 2 * ratio(stands_, options_.target), 0.0, 1.0);
  return std::min(usual_ * kMore + kSome, 1.0) * patience;
}

double Overload::answered() const noexcept {
  if (!overloaded_) return 1;
  return std::clamp(2 - ratio(stands_, options_.target * kTooLong), 0.0, 1.0);
}

void Overload::adjust(TimePoint now) noexcept {
  if (now - told_at_ > kStale) stands_ = Duration::zero();
  for (int i = 0; i < kMostSteps && now >= adjust_at_; ++i) {
    // Where nobody asked, what would have been said.
    const double lately = asked_ != 0 ? sum_ / asked_ : admitted();
    usual_ += (lately - usual_) * kWeight;
    sum_ = 0;
    asked_ = 0;
    adjust_at_ += options_.interval;
  }
  adjust_at_ = std::max(adjust_at_, now);
  if (usual_ > kOver && stands_ == Duration::zero()) overloaded_ = false;
}

Overload::Verdict Overload::judge(std::string_view call_id, TimePoint now) noexcept {
  if (!overloaded_) return Verdict::admit;
  adjust(now);
  const double share = admitted();
  sum_ += share;
  ++asked_;
  const auto period = static_cast<std::uint64_t>(now.time_since_epoch() / kPeriod);
  const std::uint64_t hash = keyed_hash({key_.k0, key_.k1 ^ period}, call_id);
  const auto part = [](std::uint64_t bits) {
    return static_cast<double>(bits & 0xFFFFFFFFU) / 4294967296.0;
  };
  if (part(hash) < share) return Verdict::admit;
  return part(hash >> 32) < answered() ? Verdict::refuse : Verdict::drop;
}

}  // namespace sipstack
