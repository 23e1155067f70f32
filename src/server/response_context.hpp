// SPDX-License-Identifier: Apache-2.0
// What a proxy remembers of one request while it is on its way. RFC 3261 sections 16.6 and 16.7.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "server/routing.hpp"
#include "sipstack/server/decision.hpp"
#include "sipstack/transaction/layer.hpp"

namespace sipstack::server {

/// One URI to try.
struct Target {
  std::string uri;
  std::vector<std::string> path;  ///< RFC 3327: to be put in front of the Route
  std::optional<Flow> flow;       ///< the connection that the phone registered by
  std::string hop;  ///< where it is sent if not to `uri`, path or Route; no Route is made of it
  std::string instance;         ///< of the binding, or empty
  std::vector<Target> standby;  ///< other ways to the same instance, by preference
  bool by_flow_only = false;    ///< without its flow it is reached by nothing (RFC 5626 section 7)
  bool failover = false;        ///< a 503 of it, too, means the next of `standby`
  bool off_flow = false;        ///< the contact itself, its flow being gone
  bool secure = false;  ///< a sips contact of a sip request: TLS to it (RFC 5630 section 5.3)
  int q = 1000;
};

/// One client transaction.
struct Branch {
  TxnId client;
  int status = 0;    ///< of the final response, or what a failure counts as; 0: pending
  Message response;  ///< the final response; empty where none came
  bool cancelled = false;
  TimePoint timer_c = kNever;
  unsigned breadth = 0;
  std::vector<Target> next;  ///< where to try if the flow is gone, or says nothing
  bool failover = false;     ///< or if it says 503

  bool pending() const noexcept { return status == 0; }
};

struct ResponseContext : TimerHook {
  ResponseContext() noexcept : TimerHook(TimerOwner::proxy) {}

  Handle<ResponseContext> self;
  TxnId server;
  Message request;
  Flow flow;
  Routing routing;
  std::string aor;                     ///< that is looked up
  std::optional<GruuTarget> gruu;      ///< the Request-URI was one
  std::string user;                    ///< who sent it, where that was proved
  std::vector<ProxyTarget> to_follow;  ///< given by the application, the next one last
  int q = 0;                           ///< of the one that is followed
  ExtraHeaders headers;                ///< that the application adds
  std::vector<std::string> remove;     ///< and those that it takes away
  std::vector<Target> waiting;         ///< by q, highest last
  std::vector<Branch> branches;
  std::uint64_t loop_key = 0;
  unsigned breadth = 60;          ///< Incoming Max-Breadth (RFC 5393 section 5.3.2)
  bool drop_credentials = false;  ///< Proxy-Authorization was for us alone
  bool looking_up = false;        ///< the location store, or the application, has not answered
  bool deciding = false;          ///< it is the application
  /// Who was asked last.
  enum class Asked : unsigned char { nobody, application, number } asked = Asked::nobody;
  bool stopped = false;    ///< cancelled, or a 6xx: no new branches
  bool cancelled = false;  ///< by the caller
  bool answered = false;   ///< a final response went to the caller

  bool invite() const noexcept { return request->method() == Method::invite; }
  bool any_pending() const noexcept;
  /// The branch whose response is the best (section 16.7 step 6); null where none brought one and no
  /// transport failed.
  const Branch* best() const noexcept;
};

/// Highest q last, and of equals the first.
void by_preference(std::vector<Target>& targets);

/// The response of `best` for the caller: without our Via, with the challenges of the other branches
/// (section 16.7 steps 3 and 7).
expected<Message, WriteErrc> as_forwarded(BlockPool& pool, const MessageView& response,
                                          const ResponseContext* gather = nullptr);

}  // namespace sipstack::server
