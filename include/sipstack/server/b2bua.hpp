// SPDX-License-Identifier: Apache-2.0
// A back-to-back user agent: each incoming call becomes a second one, and what is said in one is said in the
// other. No I/O. RFC 3261 section 6, RFC 7092 (a signalling B2BUA), RFC 3725 section 4 for its offers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "sipstack/dialog/user_agent.hpp"

namespace sipstack {

/// The two sides of a bridged call: `a` called us, `b` is called by us.
enum class Side : std::uint8_t { a, b };
constexpr Side other(Side s) noexcept { return s == Side::a ? Side::b : Side::a; }

/// What becomes of a request that arrived: an INVITE, or a MESSAGE or OPTIONS outside any call.
struct B2buaRoute {
  /// Request-URIs, tried one after the other until one is answered or says 6xx. None: refused by `status`.
  std::vector<std::string> targets;
  std::string from;                ///< URI or name-addr; empty: the caller's
  std::string to;                  ///< empty: the target
  std::vector<std::string> route;  ///< outbound proxies, see RequestOptions
  ExtraHeaders headers;            ///< besides those that pass
  std::vector<Credentials> credentials;
  int status = 404;    ///< where there is no target: 300 to 699
  std::string reason;  ///< phrase for it; its own where empty
  /// An INVITE waits for B2bua::connect() or refuse(), at most until UserAgentOptions::max_ring.
  bool later = false;
};

/// Who acknowledges the callee's reliable provisionals (RFC 3262): we, at once, or the caller's PRACK does,
/// whose offers then go by PRACK as well.
enum class ReliableRelay : std::uint8_t { independent, coupled };
/// A REFER in a call: told to the other side as a subscription of its own, refused with 603, or left to
/// whoever drains the user agent's events.
enum class ReferRelay : std::uint8_t { relay, refuse, application };
enum class RequestRelay : std::uint8_t { relay, refuse };

struct B2buaOptions {
  /// Where every request goes, unless `route` chooses.
  B2buaRoute to;
  /// Chooses. `call` is leg A, null for a request outside calls. Called on the shard's thread; it gives the
  /// B2BUA no commands and must not throw.
  std::function<B2buaRoute(CallId call, const Message& request, const Flow& flow)> route;
  /// Given the description of one side, the one for the other: other addresses, fewer codecs. Nothing: it is
  /// refused with 488. Without it descriptions pass. The call that it is about is named by its leg A.
  std::function<std::optional<std::string>(CallId call, Side from, std::string_view sdp)> media;
  /// Asked for each REFER; without it `refer` holds.
  std::function<ReferRelay(const Message& request, Side from)> on_refer;

  ReliableRelay reliable = ReliableRelay::independent;
  ReferRelay refer = ReferRelay::relay;
  RequestRelay messages = RequestRelay::relay;  ///< MESSAGE outside calls; refused: 405
  bool relay_options = false;  ///< OPTIONS go to the other side; else they are answered here
  bool follow_redirects =
      true;  ///< 3xx of the callee; else they go to the caller, Contacts and all
  /// A 491 of one side: tried once more by ourselves while the other waits; else passed on at once.
  bool handle_glare = true;
  /// o= of descriptions is ours: a number and a version for each side, and this address (RFC 8866 section
  /// 5.2). False: o= passes.
  bool own_origin = true;
  std::string origin_address = "0.0.0.0";  ///< IPv4, or IPv6 without brackets
  /// Header fields that pass in INVITE, MESSAGE and their responses; a name that ends with "*" means all that
  /// begin so. What makes dialogs, routes or authenticates never passes. For identity by trust: add
  /// P-Asserted-Identity, Diversion, History-Info.
  std::vector<std::string> pass_headers = {"Subject",          "Priority",     "Accept-Language",
                                           "Privacy",          "User-to-User", "Answer-Mode",
                                           "Resource-Priority"};
  Duration max_ring =
      Duration::zero();  ///< of each target; then the next one. Zero: the caller's limit
  std::optional<std::uint32_t>
      session_expires;                 ///< asked of the callee; the user agent's where empty
  std::size_t max_calls = 32768;       ///< then 503
  std::size_t max_requests = 4096;     ///< relayed ones without an answer, of all calls; then 503
  std::size_t max_call_requests = 16;  ///< of one call; then 500 with Retry-After
};

/// Monotonic, but for `calls`.
struct B2buaCounters {
  std::size_t calls = 0;        ///< there are now
  std::uint64_t arrived = 0;    ///< INVITEs
  std::uint64_t connected = 0;  ///< answered on both sides
  std::uint64_t refused = 0;    ///< by us: loop, hops, limits, policy
  std::uint64_t loops = 0;
};

/// What a B2bua does with the events of its user agent. Each leg is a call of the user agent, with timers,
/// credentials and dialogs of its own; here is what ties the two together. Either leg's end ends the other.
///
/// Topology is hidden: nothing of one side's Via, Contact, Record-Route, Call-ID, tags, product or o= reaches
/// the other; status codes, descriptions, Reason, and the fields of `pass_headers` do.
///
/// Threads: its shard's. The user agent and `random` are not owned and must live longer.
class B2bua {
 public:
  /// `options` of the user agent that goes with it: REFER arrives, INFO and MESSAGE come as events.
  static UserAgentOptions user_agent_options(UserAgentOptions options, const B2buaOptions& ours);

  B2bua(UserAgent& ua, Random& random, const B2buaOptions& options);
  ~B2bua();
  B2bua(const B2bua&) = delete;
  B2bua& operator=(const B2bua&) = delete;

  /// Every event of the user agent, in order. False: it is about nothing of ours, and the application's.
  bool receive(const UserEvent& event, TimePoint now);

  /// For a call that B2buaRoute::later left open: goes on, or ends it. Errc::gone where the caller is gone.
  std::error_code connect(CallId a, const B2buaRoute& route, TimePoint now);
  std::error_code refuse(CallId a, int status, TimePoint now, std::string_view reason = {});
  /// The call on the other side; null where there is none.
  CallId peer(CallId call) const noexcept;

  const B2buaCounters& counters() const noexcept;
  /// Nothing is left: no call, no request, no referral.
  bool idle() const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sipstack
