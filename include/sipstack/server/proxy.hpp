// SPDX-License-Identifier: Apache-2.0
// A stateful proxy for registered contacts and in-dialog routes, and a redirect server.
// RFC 3261 section 16 and 8.3, RFC 5393 (loop detection), RFC 3327 (Path), RFC 6026.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "sipstack/dialog/digest.hpp"
#include "sipstack/server/decision.hpp"
#include "sipstack/server/registrar.hpp"
#include "sipstack/server/static_route.hpp"
#include "sipstack/transaction/layer.hpp"

namespace sipstack {

struct ProxyOptions {
  bool record_route = true;
  bool redirect = false;  ///< 302 with the bindings instead of forwarding
  /// With a digest: requests of other domains for our users pass without credentials. Off, every request
  /// outside a dialog but ACK and CANCEL is challenged (hardening A70).
  bool open_inbound = false;
  Duration timer_c = std::chrono::minutes(3) + std::chrono::seconds(5);  ///< RFC 3261 16.6 step 11
  std::size_t max_branches = 12;  ///< a request forks to at most as many targets, by q
  int max_breadth = 60;           ///< RFC 5393 section 5
  /// Requests on their way at once, with all that a fork of each needs; new ones above it get 503, which is
  /// sent once and forgotten. Those inside a dialog have an eighth more.
  std::size_t max_contexts = 65536;
  /// Ways to other domains and numbers. With any of them, `number` or `decide`, tel URIs are understood.
  std::vector<StaticRoute> routes;
  /// Asked for each request that is about to be forwarded, CANCEL and ACK apart (they go where their INVITE
  /// went): a valid one, whose sender may send it. Called on the shard's thread, amid the proxy's work: it gives
  /// no commands, destroys nothing of it and must not throw. Who has to do these says DecideLater.
  std::function<Decision(const ProxyRequest& request)> decide;
  /// Whom a number leads to, as ENUM would tell (RFC 6116): asked, by the same rules as `decide`, for
  /// "+4930123456", where a request is for a tel URI of it, or for a user of ours of that name without
  /// bindings. Forwarding without targets means that nothing is known: the static routes follow.
  std::function<Decision(const ProxyRequest& request, std::string_view number)> number;
  /// Set: an edge proxy (RFC 5626 section 5, RFC 3327). Everything that is of no dialog through us goes to
  /// this URI, REGISTER too, which gets a Path that leads back over the flow by which it came; what comes by
  /// such a Path goes to the phone. With `lr` the next hop gets a Route as well. Who is who is its business.
  std::string edge;
  /// Set, where nodes share a location store: a SIP URI by which the others reach this one. What registers
  /// with us over a connection or through a NAT is then found by the others with a Path of it, as an edge proxy
  /// would add (RFC 5626 section 5.1); what comes by such a Path goes down the flow, whoever sends it, since
  /// only who has the store knows one.
  std::string node_uri;
  /// What flow tokens in Path are guarded by: the same for all shards, and after a restart that keeps UDP
  /// phones. Drawn at random where there is none.
  std::optional<std::array<std::uint8_t, 16>> path_key;
  /// Set: a stateless proxy (RFC 3261 section 16.11), see Proxy::forward(). Each message is forwarded by itself, by a
  /// static route or where a dialog's Route leads: nothing is retransmitted, forked, tried elsewhere, looked up
  /// among the bindings, redirected or asked for credentials, and neither `decide` nor `number` is asked.
  /// Targets of routes are best addresses: names that DNS gives several of may lead a copy elsewhere.
  bool stateless = false;
  std::string product = "sipstack/0.1";
};

/// Who may send what:
/// - to a user of ours: everybody, or with a digest those who prove who they are (see open_inbound);
/// - elsewhere: only requests with our credentials, and those inside a dialog that was set up through us,
///   which its Record-Route shows. Strangers are relayed nowhere;
/// - by a static route that is `open`: everybody; by others those who may go elsewhere;
/// - a From of ours, with a digest: only its owner.
/// OPTIONS for the server itself is answered here. Requests fork to all bindings of the highest q at
/// once, then to those of the next.
///
/// Threads: its shard's. Layer, registrar, store and digest are not owned and must live longer.
class Proxy {
 public:
  Proxy(TransactionLayer& layer, const Registrar& registrar, LocationStore& store,
        DigestServer* digest, const ProxyOptions& options);
  ~Proxy();

  /// New options, from the next request on; what is on its way goes on by the old ones as far as it has come.
  /// `digest` may be another one, or none.
  void reconfigure(const ProxyOptions& options, DigestServer* digest);

  // inputs, from the core
  void receive(const RequestArrived& event, TimePoint now);
  void receive(const AckArrived& event, TimePoint now);  ///< forwarded without a transaction
  void receive(const ResponseArrived& event, TimePoint now);
  /// Dropped: a stateful proxy must not forward what matches no transaction (RFC 6026 section 7.3). A
  /// late 2xx still has its client transaction, in Accepted, and comes as ResponseArrived.
  void receive(const StrayResponse& event, TimePoint now);
  void receive(const TxnFailed& event, TimePoint now);
  void expire(TimerHook& hook, TimePoint now);

  /// For a request that DecideLater was said of. Errc::gone where it has been cancelled or answered meanwhile,
  /// wrong_state where nobody asked, or for DecideLater again.
  std::error_code decide(ProxyRequestId request, const Decision& decision, TimePoint now);

  /// What a stateless proxy does with a message that has no transaction yet, and gets none: true. False: it is not
  /// for this, as REGISTERs for our domains and OPTIONS for ourselves are not.
  bool forward(const Message& message, const Flow& flow, TimePoint now);

  /// Event packages that others serve beside us, as Allow-Events has them: told in answers to OPTIONS (RFC 6665
  /// section 4.4.4).
  void events_are_served(std::string packages);

  /// The Path value that leads to a flow of ours, by ProxyOptions::node_uri; empty where there is none.
  std::string path_of(const Flow& flow) const;
  /// REGISTERs are not the registrar's: they are forwarded, as an edge proxy does.
  bool forwards_registrations() const noexcept;
  std::size_t contexts() const noexcept;  ///< response contexts alive

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sipstack
