// SPDX-License-Identifier: Apache-2.0
// A presence server for a domain: its users publish, and watch each other. RFC 3856, RFC 3903.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "sipstack/dialog/digest.hpp"
#include "sipstack/dialog/event_state.hpp"
#include "sipstack/dialog/user_agent.hpp"
#include "sipstack/server/registrar.hpp"
#include "sipstack/transaction/layer.hpp"

namespace sipstack {

struct ServerPresenceOptions {
  ServerPresenceOptions() {
    // What is published of a user goes into one NOTIFY, which has to fit into a datagram.
    state.max_expires = 7200;
    state.max_per_resource = 4;
    state.max_body = 8192;
  }
  EventStateOptions state;  ///< of all users; of each at most max_per_resource devices
  std::size_t max_watchers =
      1000;  ///< of one user; then 503. Of all: NotifierOptions::max_subscriptions
  Duration pace = std::chrono::seconds(5);  ///< see PresenceAgentOptions::pace
  /// Who may watch an AOR; `watcher` is the URI in From, which is the sender's own where there are users. Empty:
  /// everybody who may send it.
  std::function<PresenceAgentOptions::Answer(std::string_view watcher, std::string_view aor)>
      approve;
};

/// Decides who may publish and watch, in front of the user agent's presence agent, which does the rest: with a
/// digest only its owner publishes an AOR, and only users watch, each in its own name; without one everybody.
///
/// Threads: its shard's. What attach() is given is not owned and must live longer.
class ServerPresence {
 public:
  explicit ServerPresence(const ServerPresenceOptions& options) : options_(options) {}
  ServerPresence(const ServerPresence&) = delete;
  ServerPresence& operator=(const ServerPresence&) = delete;

  /// What the user agent is to be built with; it calls this object.
  PresenceAgentOptions agent_options();
  void attach(TransactionLayer& layer, UserAgent& agent, const Registrar& registrar,
              DigestServer* digest, const std::string& product);
  /// Another digest, or none, for the requests that come.
  void reconfigure(DigestServer* digest) { digest_ = digest; }

  /// A PUBLISH, or a SUBSCRIBE for this package, outside dialogs and for an AOR of ours: to receive().
  bool wants(const MessageView& request) const;
  void receive(const RequestArrived& event, TimePoint now);

 private:
  bool authorized(const RequestArrived& event, TimePoint now);

  ServerPresenceOptions options_;
  TransactionLayer* layer_ = nullptr;
  UserAgent* agent_ = nullptr;
  const Registrar* registrar_ = nullptr;
  DigestServer* digest_ = nullptr;
  std::string product_;
};

}  // namespace sipstack
