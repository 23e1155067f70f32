// SPDX-License-Identifier: Apache-2.0
// The proxy's inside: requests in proxy.cpp, forwarding in proxy_forward.cpp, responses in
// proxy_response.cpp.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <memory>
#include <string>

#include "server/reply.hpp"
#include "server/response_context.hpp"
#include "server/routing.hpp"
#include "sipstack/parser/rewrite.hpp"
#include "sipstack/server/proxy.hpp"

namespace sipstack {

struct Proxy::Impl {
  using Context = server::ResponseContext;
  using ContextId = Handle<Context>;
  /// UsageRef::detail of a client transaction: the branch's number from 1; of the server transaction 0.
  /// kPassOn: the context is gone, slot and generation are the server transaction's, for late 2xx.
  static constexpr std::uint32_t kPassOn = UINT32_MAX;

  Impl(TransactionLayer& l, const Registrar& r, LocationStore& s, DigestServer* d,
       const ProxyOptions& o);

  // ---- requests: section 16.3 to 16.5
  void request(const RequestArrived& e, TimePoint now);
  void cancel(const RequestArrived& e, TimePoint now);
  void ack(const AckArrived& e, TimePoint now);
  void ack_to_gruu(const AckArrived& e, const server::Routing& routing, const Uri& uri,
                   TimePoint now);
  void pass_on(const AckArrived& e, const server::Routing& routing, const server::Target& target,
               TimePoint now);
  /// A status for what is wrong with the request before anything is decided; 0: nothing.
  int invalid(const RequestArrived& e, TimePoint now);
  bool understands(const Uri& uri) const noexcept;
  /// Where a request is to go, as far as it matters to who may send it there. `open`: by a static route that
  /// everybody may take.
  enum class Reach : unsigned char { elsewhere, ours, open };
  Reach reach(const Uri& uri, const server::Routing& routing) const;
  /// False where the request was answered: challenged or refused. `user`: who it is, or empty.
  bool authorize(const RequestArrived& e, const server::Routing& routing, Reach reach,
                 TimePoint now, std::string& user);
  bool looped(const MessageView& request) const;
  /// `alone`: not of what CANCEL and the ACK of a refusal say otherwise than their INVITE.
  std::uint64_t route_hash(const MessageView& request, bool alone = true) const;
  std::uint64_t loop_key(std::uint64_t hash, const Via& via) const;
  bool full(const MessageView& request) const noexcept;
  void shed(const RequestArrived& e);
  ContextId open(const RequestArrived& e, server::Routing&& routing, bool drop_credentials);
  /// Asks the store for an AOR, or for its PBX (RFC 6140), behind what was found of its own.
  void look_up(ContextId id, const std::string& aor, TimePoint now);
  void look_up_trunk(ContextId id, const std::string& trunk, std::vector<Binding> own,
                     TimePoint now);
  void found(ContextId id, const LocationResult& result, TimePoint now);
  void keep_those_of(const std::optional<GruuTarget>& gruu, std::vector<Binding>& bindings) const;
  void add_targets(Context& c, const std::vector<Binding>& bindings) const;
  void redirect(Context& c, const std::vector<Binding>& bindings, TimePoint now);
  void self_options(const RequestArrived& e);
  void refuse(const RequestArrived& e, int status, TimePoint now);

  // ---- where it goes: each of these ends in a target, an answer, or a question that is open; the context may be
  // gone behind it
  ProxyRequest described(const Context& c, const MessageView& message) const;
  void decide(Context& c, TimePoint now);
  std::error_code decide(ProxyRequestId id, const Decision& decision, TimePoint now);
  void carry_out(Context& c, const Decision& decision, TimePoint now);
  void as_usual(Context& c, TimePoint now);
  /// The rest of Context::to_follow, and then start().
  void follow(Context& c, TimePoint now);
  void add(Context& c, server::Target&& target) const;
  void start(Context& c, TimePoint now);
  void nobody(Context& c, TimePoint now);
  void to_number(Context& c, TimePoint now);
  void to_static_route(Context& c, TimePoint now);
  bool may_leave(const Context& c) const noexcept { return !c.user.empty() || c.routing.in_dialog; }
  /// A final response of our own, and the end.
  void end(Context& c, int status, std::string_view reason, const ExtraHeaders& headers,
           TimePoint now);
  /// RFC 5626 section 5.3: to the phone by the flow of its Path, or to the next hop.
  void to_edge(Context& c, TimePoint now);

  // ---- forwarding: section 16.6
  /// Starts the branches of the highest q that waits, as many as Max-Breadth allows.
  void start_group(Context& c, TimePoint now);
  void start_branch(Context& c, const server::Target& target, unsigned breadth, TimePoint now);
  /// Another way to the instance that a branch did not reach (RFC 5626 section 7). False: there is none.
  bool try_next(Context& c, std::size_t branch, TimePoint now);
  /// The request as it goes to a target, and where that is.
  struct Copy {
    expected<RequestWriter, WriteErrc> writer;
    NextHop hop;
  };
  /// `more`: header fields that go and come; null: none.
  Copy copy(const MessageView& request, const Flow& from, const server::Routing& routing,
            const server::Target& target, unsigned breadth, bool drop_credentials,
            const Context* more = nullptr) const;
  std::string record_route(const MessageView& request, const Flow& from, const NextHop& hop) const;
  /// Our address as a URI's host and parameters for who is reached by `hop`; empty where that is not known, or
  /// the same as on the side where the request came from.
  std::string our_other_side(const Flow& from, const NextHop& hop, bool sips) const;
  void add_path(Rewrite& edit, const MessageView& request, const Flow& from,
                const NextHop& hop) const;

  // ---- responses: section 16.7 to 16.10
  void response(const ResponseArrived& e, TimePoint now);
  void failed(const TxnFailed& e, TimePoint now);
  void timer_c(Context& c, TimePoint now);
  void pass(const Context& c, const Message& response, TimePoint now);
  void cancel_pending(Context& c, TimePoint now, std::string_view reason);
  /// Goes on where nothing is pending any more: the next targets, the best response, the end.
  void settle(ContextId id, TimePoint now);
  void answer_best(Context& c, TimePoint now);
  void answer(Context& c, int status, TimePoint now);
  void unavailable(Context& c, TimePoint now);  ///< where users are is not known at the moment
  void close(ContextId id);
  void arm(Context& c);

  // ---- without state: section 16.11
  bool forward(const Message& message, const Flow& flow, TimePoint now);
  /// 0, or the status with which it is refused.
  int forward_request(const MessageView& m, const Flow& flow, TimePoint now);
  bool forward_response(const MessageView& m);
  int stateless_target(const MessageView& m, const server::Routing& routing, const Uri& uri,
                       server::Target& target) const;
  bool looped_stateless(const MessageView& request) const;
  std::string stateless_branch(const MessageView& request, const Flow& from) const;
  std::uint64_t branch_guard(const MessageView& m, std::string_view unique,
                             std::string_view routing, std::string_view flow) const;

  UsageRef usage(ContextId id, std::uint32_t detail) const noexcept {
    return {UsageKind::proxy, id.slot, id.generation, detail};
  }

  TransactionLayer& layer;
  const Registrar& registrar;
  LocationStore& store;
  DigestServer* digest;
  ProxyOptions options;
  server::DialogMark mark;
  HashKey loop_hash;
  server::PathToken paths;
  bool edge;                   ///< ProxyOptions::edge
  std::string event_packages;  ///< as Allow-Events has them
  Slab<Context> contexts;
  /// Requests that are on their way through us, by what decides where they go (RFC 5393 section 4.2).
  boost::unordered_flat_map<std::uint64_t, ContextId> on_the_way;
  /// Falls with the proxy: a store that answers later finds nobody.
  std::shared_ptr<Impl*> alive = std::make_shared<Impl*>(this);
};

}  // namespace sipstack
