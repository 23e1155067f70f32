// SPDX-License-Identifier: Apache-2.0
// Where a SIP URI leads: transport, addresses and ports, in the order in which to try them. RFC 3263
// sections 4.1 to 4.3 and RFC 2782, as steps: questions to DNS come out, answers and the time go in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "sipstack/base/flow.hpp"
#include "sipstack/base/random.hpp"
#include "sipstack/base/time.hpp"
#include "sipstack/transaction/dns.hpp"

namespace sipstack {

/// Which transports we can send by.
class TransportSet {
 public:
  constexpr TransportSet() = default;
  constexpr TransportSet& add(Transport t) noexcept {
    bits_ |= 1U << static_cast<unsigned>(t);
    return *this;
  }
  constexpr bool has(Transport t) const noexcept {
    return (bits_ & (1U << static_cast<unsigned>(t))) != 0;
  }

 private:
  unsigned bits_ = 0;
};

/// One place to send to. A plain value; which of our sockets reaches it is the driver's affair.
struct Destination {
  Transport transport = Transport::udp;
  SocketAddress remote;

  friend bool operator==(const Destination& a, const Destination& b) noexcept {
    return a.transport == b.transport && a.remote == b.remote;
  }
};

struct LocatorOptions {
  /// For one URI, whatever the name servers do. NAPTR may take three tenths of it and SRV three more, so
  /// that a server which swallows such questions leaves time for addresses.
  Duration budget = std::chrono::seconds(5);
  std::size_t max_targets = 16;
  std::size_t max_pending = 4096;  ///< above it a URI that needs DNS has no targets
  std::size_t cache_entries = 1024;
  Duration max_ttl = std::chrono::hours(1);
  Duration max_negative_ttl = std::chrono::minutes(1);  ///< of answers that say no
};

/// The end of one lookup. No destination: the URI is not SIP, names a transport that we don't have, or
/// leads nowhere.
struct Located {
  std::uint64_t id = 0;
  std::vector<Destination> destinations;
  /// Neither the URI nor DNS asked for UDP: who cannot send by it may take TCP (RFC 3263 section 4.1).
  bool transport_free = false;
  /// The URI's own host, as it stands there, maddr or not: whom a TLS server must prove to be, whatever
  /// DNS says (RFC 5922 section 7.3). Empty where there are no destinations.
  std::string host;
};

/// The DNS answers that still hold, by their TTL. Bounded; where it is full the one that ends first goes.
class DnsCache {
 public:
  explicit DnsCache(std::size_t entries) : entries_(entries) {}
  /// Null where there is none. Lives until the next call.
  const DnsAnswer* find(const std::string& key, TimePoint now);
  void keep(const std::string& key, const DnsAnswer& answer, TimePoint until);
  std::size_t size() const noexcept { return answers_.size(); }
  void clear();

 private:
  struct Entry {
    DnsAnswer answer;
    TimePoint until;
  };
  std::size_t entries_;
  std::unordered_map<std::string, Entry> answers_;
  std::set<std::pair<TimePoint, std::string>> ends_;
};

/// All lookups of a shard. It asks nobody and reads no clock: the driver takes questions by next(), gives
/// every answer to answered(), and calls expire() at deadline(). Equal questions of several lookups are
/// asked once, and answers are kept for their TTL.
///
/// A driver of one's own does: locate(); drain both next(); and the same after each answered() and expire().
///
/// Threads: one shard's. Lifetime: `random` lives longer. Throws std::bad_alloc alone.
class Locator {
 public:
  explicit Locator(Random& random, const LocatorOptions& options = {});
  ~Locator();
  Locator(const Locator&) = delete;
  Locator& operator=(const Locator&) = delete;

  /// Begins; the result comes by next(Located&), at once where nothing has to be asked. Gives its name.
  std::uint64_t locate(std::string_view sip_uri, TransportSet ours, TimePoint now);
  /// Late, repeated and unasked answers are taken for what they are worth, or dropped.
  void answered(const DnsQuestion& question, const DnsAnswer& answer, TimePoint now);
  void expire(TimePoint now);
  TimePoint deadline() const noexcept;
  /// No result will come of it.
  void forget(std::uint64_t id);
  void forget_all();

  bool next(DnsQuestion& out);
  bool next(Located& out);

  std::size_t pending() const noexcept;
  std::size_t cached() const noexcept { return cache_.size(); }

 private:
  struct Pending;
  struct Asked {
    TimePoint at;
    std::vector<std::uint64_t> waiting;
  };
  void advance(std::uint64_t id, TimePoint now);
  void drop(std::uint64_t id);

  Random& random_;
  LocatorOptions options_;
  DnsCache cache_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Pending>> pending_;
  std::unordered_map<std::string, Asked> asked_;
  std::set<std::pair<TimePoint, std::uint64_t>> deadlines_;
  std::deque<DnsQuestion> questions_;
  std::deque<Located> located_;
  std::uint64_t last_ = 0;
};

}  // namespace sipstack
