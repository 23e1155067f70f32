// SPDX-License-Identifier: Apache-2.0
// Whole agents on the simulated network: one, two that talk, or as many as are wanted. For the tests of
// whoever builds upon this library.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "sipstack/base/random.hpp"
#include "sipstack/core/core.hpp"
#include "sipstack/testing/network.hpp"

namespace sipstack::testing {

/// A core with a user and an address (UDP and TCP). What the user hears is kept in `events`; `user` is
/// called for each, in virtual time, and may use core() at once. Must not outlive its network's run().
class Agent final : public Node {
 public:
  using User = std::function<void(Agent&, const UserEvent&, TimePoint)>;

  /// `ip`: "192.0.2.1"; port 5060. Its random numbers come from `seed` and its name alone.
  Agent(Network& network, const std::string& name, std::string_view ip,
        const CoreOptions& options = {}, std::uint64_t seed = 1);

  Core& core() noexcept { return core_; }
  UserAgent& ua() noexcept { return core_.user_agent(); }
  const std::string& name() const noexcept { return name_; }
  const SocketAddress& address() const noexcept { return address_; }
  /// sip:name@address, with `params` behind it.
  std::string uri(std::string_view params = {}) const;

  User user;
  std::vector<UserEvent> events;

  /// How often that event came.
  template <class Event>
  std::size_t count() const {
    std::size_t n = 0;
    for (const UserEvent& event : events) n += std::holds_alternative<Event>(event) ? 1U : 0U;
    return n;
  }
  /// The last event of that kind, or null.
  template <class Event>
  const Event* last() const {
    for (auto it = events.rbegin(); it != events.rend(); ++it)
      if (const Event* const event = std::get_if<Event>(&*it)) return event;
    return nullptr;
  }
  /// Whether nothing is left: no call, transaction, timer, and no block but those that `events` keeps.
  /// Empty where so, else what is left, in words.
  std::string left_behind();

  // Node
  void receive(std::string_view bytes, const Flow& flow, TimePoint now) override;
  void expire(TimePoint now) override;
  void transport_failed(TxnId txn, std::error_code error, TimePoint now) override;
  void resolved(TxnId txn, const std::vector<Flow>& targets, TimePoint now) override;
  bool next(Transmit& out) override;
  bool next(Resolve& out) override;
  TimePoint deadline() const override;
  void act(TimePoint now) override;

 private:
  std::string name_;
  SocketAddress address_;
  SeededRandom random_;
  Core core_;
};

/// So many agents on one network: agent-1 at 192.0.2.1, and so on; at most 250. Those of one seed that do
/// the same have the same trace_hash().
class Party {
 public:
  explicit Party(std::size_t agents, const NetworkOptions& conditions = {},
                 const CoreOptions& core = {});

  Network network;
  std::size_t size() const noexcept { return agents_.size(); }
  Agent& operator[](std::size_t i) noexcept { return *agents_[i]; }

  /// Lets every timer run out, users silent. Empty where nothing is left anywhere, else what is.
  std::string finish(Duration limit = std::chrono::seconds(1000));

 protected:
  Party(const std::vector<std::string>& names, const NetworkOptions& conditions,
        const CoreOptions& core);

 private:
  std::vector<std::unique_ptr<Agent>> agents_;
};

/// Alice at 192.0.2.1 and Bob at 192.0.2.2.
class Pair : public Party {
 public:
  explicit Pair(const NetworkOptions& conditions = {}, const CoreOptions& core = {})
      : Party({"alice", "bob"}, conditions, core), alice((*this)[0]), bob((*this)[1]) {}
  Agent& alice;
  Agent& bob;
};

/// Plays a scenario on a new Pair (or Party) and gives its trace hash: a run that failed is found again by
/// its seed, and two runs of one seed must give one hash.
///
///     const auto scenario = [](Pair& p) { ...; p.network.run_to_rest(); };
///     CHECK(replay(seed, scenario) == replay(seed, scenario));
template <class Scenario>
std::uint64_t replay(std::uint64_t seed, Scenario&& scenario, NetworkOptions options = {}) {
  options.seed = seed;
  Pair pair(options);
  scenario(pair);
  return pair.network.trace_hash();
}

}  // namespace sipstack::testing
