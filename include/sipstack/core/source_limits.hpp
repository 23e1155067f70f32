// SPDX-License-Identifier: Apache-2.0
// What one source may ask of us: requests, REGISTERs and wrong passwords, by token buckets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "sipstack/base/address.hpp"
#include "sipstack/base/keyed_hash.hpp"
#include "sipstack/base/prefix.hpp"
#include "sipstack/base/rate.hpp"
#include "sipstack/base/time.hpp"
#include "sipstack/parser/message_view.hpp"

namespace sipstack {

/// Limits by source, that is by IPv4 address or IPv6 /64, whatever the transport. Each core counts for itself:
/// with several shards, by which calls are shared out, a source has that many times as much.
///
/// The numbers are a large office's behind one NAT, not a phone's: 10,000 phones that come back together
/// after a power cut need 80 seconds. A trunk that brings more belongs into `trusted`.
struct SourceLimits {
  /// All requests but ACK, and copies as well. What carries a call on, or ends it, counts too, but passes until
  /// twice the burst is used up.
  Rate requests{5000, 1000};
  /// REGISTERs alone, beside that: each may write to a store.
  Rate registers{4000, 200};
  /// Credentials that were refused: wrong passwords, replays. Above it nothing with credentials is looked at, so
  /// that passwords are guessed no faster; what has none is challenged as ever.
  Rate failures{100, 1};
  /// Sources that are remembered, some 80 bytes each; above it the one that was quiet for longest is forgotten.
  std::size_t max_sources = 65536;
  /// Networks that none of this is for, nor TransactionOptions' limits by source: trunks, our own proxies.
  std::vector<IpPrefix> trusted;
  /// Whether loopback addresses have limits: who is on this machine is its operator, or a load balancer
  /// that brings everybody's requests.
  bool limit_loopback = false;
};

/// Threads: its core's. Takes memory until max_sources have been seen, and none behind that; without memory
/// nobody is limited. The table is found by a keyed hash.
class SourceBuckets {
 public:
  enum class Verdict {
    pass,
    refuse,  ///< over a limit: 503 with Retry-After (RFC 3261 section 21.5.4), once a second for a source
    drop  ///< over it, and told so this second: silence, which amplifies nothing
  };

  SourceBuckets(const SourceLimits& limits, const HashKey& key);
  ~SourceBuckets();
  SourceBuckets(const SourceBuckets&) = delete;
  SourceBuckets& operator=(const SourceBuckets&) = delete;

  /// Takes a token for a request and says what becomes of it. ACKs always pass.
  Verdict judge(const MessageView& request, const IpAddress& source, TimePoint now) noexcept;
  /// True where judge() would drop whatever begins something new: nobody need read it.
  bool silent(const IpAddress& source, TimePoint now) const noexcept;
  /// Credentials of that source were refused.
  void failed(const IpAddress& source, TimePoint now) noexcept;
  std::size_t size() const noexcept;  ///< sources that are remembered

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sipstack
