// SPDX-License-Identifier: Apache-2.0
// A network in virtual time: seeded loss, duplication, delay, reordering and partitions between nodes that
// are whole protocol cores. A run of one seed is the same run every time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "sipstack/base/flow.hpp"
#include "sipstack/base/random.hpp"
#include "sipstack/base/time.hpp"
#include "sipstack/testing/ladder.hpp"
#include "sipstack/transaction/layer.hpp"

namespace sipstack::testing {

/// What the network drives: inputs, outputs and a deadline, and no I/O. CoreNode makes one of a Core (or of
/// whatever has these members).
class Node {
 public:
  virtual ~Node() = default;
  virtual void receive(std::string_view bytes, const Flow& flow, TimePoint now) = 0;
  virtual void expire(TimePoint now) = 0;
  virtual void transport_failed(TxnId txn, std::error_code error, TimePoint now) = 0;
  virtual void resolved(TxnId txn, const std::vector<Flow>& targets, TimePoint now) = 0;
  virtual bool next(Transmit& out) = 0;
  virtual bool next(Resolve& out) = 0;
  virtual TimePoint deadline() const = 0;
  /// After every input and everything done by at(): here a test's user reads events and acts on them.
  virtual void act(TimePoint now) { static_cast<void>(now); }
};

/// A node of a Core, which must live longer. Derive and override act() to be its user.
template <class Core>
class CoreNode : public Node {
 public:
  explicit CoreNode(Core& core) noexcept : core_(core) {}
  Core& core() noexcept { return core_; }

  void receive(std::string_view bytes, const Flow& flow, TimePoint now) override {
    core_.receive(bytes, flow, now);
  }
  void expire(TimePoint now) override { core_.expire(now); }
  void transport_failed(TxnId txn, std::error_code error, TimePoint now) override {
    core_.transport_failed(txn, error, now);
  }
  void resolved(TxnId txn, const std::vector<Flow>& targets, TimePoint now) override {
    core_.resolved(txn, targets, now);
  }
  bool next(Transmit& out) override { return core_.next(out); }
  bool next(Resolve& out) override { return core_.next(out); }
  TimePoint deadline() const override { return core_.deadline(); }

 private:
  Core& core_;
};

/// What happens to datagrams. Streams lose nothing and keep their order; they have the delay alone.
struct NetworkOptions {
  std::uint64_t seed = 1;
  double loss = 0;       ///< probability that a datagram is lost
  double duplicate = 0;  ///< probability that it arrives twice
  /// One way; drawn evenly for each message, so that a spread also reorders datagrams.
  Duration delay_min = Duration::zero();
  Duration delay_max = Duration::zero();
  Duration resolve_delay = Duration::zero();
  std::size_t ladder_limit = 10'000;  ///< messages kept for the ladder; the trace hash goes on
};

/// What is on its way, for drop().
struct Packet {
  std::string_view from;  ///< node names
  std::string_view to;
  Transport transport = Transport::udp;
  std::string_view bytes;
  int number = 0;  ///< from 1, in the order of sending

  /// "INVITE" or "200 INVITE": what stands on the ladder.
  std::string label() const;
};

/// What becomes of one datagram. Copies arrive together.
struct Fate {
  int copies = 1;  ///< 0: lost; 2: arrives twice
  Duration late = Duration::zero();

  static Fate lost() noexcept { return {0, Duration::zero()}; }
  static Fate twice() noexcept { return {2, Duration::zero()}; }
  static Fate delayed(Duration by) noexcept { return {1, by}; }
};

/// Threads: none; everything happens inside run(). Nodes and pools must live longer than the network, which
/// holds copies of bytes but no blocks once its outputs have been read.
class Network {
 public:
  explicit Network(const NetworkOptions& options = {});
  ~Network();
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  /// Puts a node at an address, where it takes every transport. Its LocalAddresses are the caller's to fill.
  void attach(Node& node, std::string name, const SocketAddress& address);
  /// What a host name stands for; the first is tried first. A numeric host needs none. The transport is
  /// that of the URI, else of the target.
  void host(std::string name, std::vector<std::pair<Transport, SocketAddress>> targets);
  /// Nothing answers there over streams (connection refused), though the node is reachable by UDP.
  void refuse_streams(const SocketAddress& address);

  /// Datagrams that `rule` says true of are lost; replaces the last rule. Streams are not asked.
  void drop(std::function<bool(const Packet&)> rule);
  /// The same with every fate, on top of what chance does; replaces the last rule, drop()'s as well.
  void decide(std::function<Fate(const Packet&)> rule);
  /// Between the two nodes nothing arrives, either way, until heal(). Streams stall.
  void part(std::string_view one, std::string_view other);
  void heal();
  void set_loss(double loss) noexcept;

  /// Does something at a time, between packets; then the nodes' outputs are read.
  void at(TimePoint when, std::function<void(TimePoint)> what);
  /// Now, for use outside run().
  void now(std::function<void(TimePoint)> what) { at(time(), std::move(what)); }

  /// Runs until that time, all of it.
  void run_until(TimePoint end);
  void run(Duration length) { run_until(time() + length); }
  /// Runs until nothing is on its way and no timer is armed, or until `limit`. True where it came to rest.
  bool run_to_rest(TimePoint limit = kNever);

  TimePoint time() const noexcept;
  const Ladder& ladder() const noexcept;
  /// Over time, sender, receiver, fate and bytes of everything that was sent.
  std::uint64_t trace_hash() const noexcept;
  std::size_t sent() const noexcept;
  std::size_t lost() const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sipstack::testing
