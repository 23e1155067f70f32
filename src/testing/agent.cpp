// SPDX-License-Identifier: Apache-2.0
// Agents, pairs and parties.
#include "sipstack/testing/agent.hpp"

#include <algorithm>

#include "sipstack/base/keyed_hash.hpp"

namespace sipstack::testing {

Agent::Agent(Network& network, const std::string& name, std::string_view ip,
             const CoreOptions& options, std::uint64_t seed)
    : name_(name),
      address_{IpAddress::parse(ip).value_or(IpAddress{}), 5060},
      random_(keyed_hash({seed, 1}, name)),
      core_(options, random_) {
  core_.locals().add({Transport::udp, address_, {}});
  core_.locals().add({Transport::tcp, address_, {}});
  network.attach(*this, name, address_);
}

std::string Agent::uri(std::string_view params) const {
  return "sip:" + name_ + "@" + address_.to_string() + std::string(params);
}

std::string Agent::left_behind() {
  events.clear();
  std::string left;
  const auto note = [&](std::size_t count, const char* what) {
    if (count != 0) left += name_ + ": " + std::to_string(count) + " " + what + "\n";
  };
  note(ua().calls(), "calls");
  note(ua().registrations(), "registrations");
  note(ua().idle() ? 0 : 1, "user agent that is not idle");
  note(core_.transactions().clients(), "client transactions");
  note(core_.transactions().servers(), "server transactions");
  note(core_.deadline() == kNever ? 0 : 1, "or more timers");
  note(core_.pool().live(), "blocks");
  return left;
}

void Agent::receive(std::string_view bytes, const Flow& flow, TimePoint now) {
  core_.receive(bytes, flow, now);
}
void Agent::expire(TimePoint now) { core_.expire(now); }
void Agent::transport_failed(TxnId txn, std::error_code error, TimePoint now) {
  core_.transport_failed(txn, error, now);
}
void Agent::resolved(TxnId txn, const std::vector<Flow>& targets, TimePoint now) {
  core_.resolved(txn, targets, now);
}
bool Agent::next(Transmit& out) { return core_.next(out); }
bool Agent::next(Resolve& out) { return core_.next(out); }
TimePoint Agent::deadline() const { return core_.deadline(); }

void Agent::act(TimePoint now) {
  UserEvent event;
  while (core_.next(event)) {
    events.push_back(event);
    if (user) user(*this, event, now);
  }
}

namespace {

std::vector<std::string> numbered(std::size_t agents) {
  std::vector<std::string> names;
  for (std::size_t i = 1; i <= std::min<std::size_t>(agents, 250); ++i)
    names.push_back("agent-" + std::to_string(i));
  return names;
}

}  // namespace

Party::Party(std::size_t agents, const NetworkOptions& network_options, const CoreOptions& core)
    : Party(numbered(agents), network_options, core) {}

Party::Party(const std::vector<std::string>& names, const NetworkOptions& network_options,
             const CoreOptions& core)
    : network(network_options) {
  for (const std::string& name : names)
    agents_.push_back(std::make_unique<Agent>(network, name,
                                              "192.0.2." + std::to_string(agents_.size() + 1), core,
                                              network_options.seed));
}

std::string Party::finish(Duration limit) {
  for (const auto& agent : agents_) agent->user = nullptr;
  const bool rested = network.run_to_rest(network.time() + limit);
  std::string left = rested ? "" : "something is still under way\n";
  for (const auto& agent : agents_) left += agent->left_behind();
  return left;
}

}  // namespace sipstack::testing
