// SPDX-License-Identifier: Apache-2.0
// What ties two calls together: which leg is whose, which offer is on its way across, who owes an ACK.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "server/b2bua_lines.hpp"
#include "sipstack/base/random.hpp"
#include "sipstack/base/slab.hpp"
#include "sipstack/server/b2bua.hpp"

namespace sipstack {

struct B2bua::Impl {
  struct HashOf {
    template <class T>
    std::size_t operator()(Handle<T> h) const noexcept {
      return std::size_t{h.generation} * 0x9E3779B1U + h.slot;
    }
  };
  struct Bridge;
  using BridgeId = Handle<Bridge>;

  /// One side of a bridge.
  struct Leg {
    CallId call;            ///< null: not yet, or no more
    server::Origin origin;  ///< of what it is told
    std::uint64_t session = 0;
    std::string told;       ///< the description of the other side that it has, as that one wrote it
    bool reliable = false;  ///< takes 100rel
    bool updates = false;   ///< its Allow has UPDATE
    bool unacknowledged = false;  ///< our 2xx to it waits for its ACK
  };

  /// An offer (or a re-INVITE that asks for one) on its way from one side to the other.
  struct Exchange {
    enum class Asked : std::uint8_t {
      reinvite,  ///< by a re-INVITE, which waits
      offer,     ///< by UPDATE or PRACK, which waits
      nobody     ///< by us: the other side has another description than this one knows of
    };
    enum class Sent : std::uint8_t { waits, reinvite, update, prack };
    Asked asked = Asked::nobody;
    Sent sent = Sent::waits;
    Side from = Side::a;
    bool withdrawn = false;  ///< nobody waits for its outcome any more
    std::string sdp;         ///< as `from` wrote it; empty: a re-INVITE without
    std::string before;      ///< what the other side was told before
    bool by_prack = false;
    CallId newcomer;  ///< whose INVITE asked: takes the place of `from` (RFC 3891)
    CallId replaced;
    Message invite;  ///< the newcomer's
  };

  struct Bridge {
    enum class State : std::uint8_t { routing, calling, up, over };
    State state = State::routing;
    Leg legs[2];
    Message invite;  ///< of leg A, until it is answered
    B2buaRoute route;
    std::size_t next_target = 0;
    std::string outgoing;               ///< Call-ID of leg B
    std::string arrived_at;             ///< Request-URI of leg A
    bool early_offer = false;           ///< the first INVITE had one
    bool settled = false;               ///< its exchange is done in reliable provisionals
    bool offered_early = false;         ///< B's offer in a reliable provisional waits for A's PRACK
    std::string preview;                ///< B's last description before its answer
    std::size_t owed_pracks = 0;        ///< coupled: of B, that A's PRACKs stand for
    std::optional<Side> ack_owed_by;    ///< whose ACK has the answer that the other side waits for
    std::optional<std::string> resync;  ///< B's description that A is to be told when it can be
    std::optional<Exchange> exchange;
    std::vector<std::string> queued;  ///< offers of B's other forks, behind the exchange of one
    std::size_t requests = 0;

    Leg& leg(Side s) noexcept { return legs[static_cast<std::size_t>(s)]; }
  };

  struct Where {
    BridgeId bridge;  ///< null: refused or replaced, only its end is awaited
    Side side = Side::a;
    bool newcomer = false;  ///< a call that is to take the place of that side's
  };
  struct Relayed {
    TxnId txn;
    BridgeId bridge;
  };
  struct Referral {
    NotifierId notifier;
    bool accepted = false;
  };

  Impl(UserAgent& agent, Random& r, const B2buaOptions& o) : ua(agent), random(r), options(o) {}

  // b2bua.cpp: calls begin and end
  bool on(const CallArrived& e, TimePoint now);
  bool on(const CallEnded& e, TimePoint now);
  void begin(BridgeId id, Bridge& bridge, const B2buaRoute& route, TimePoint now);
  bool call_next(BridgeId id, Bridge& bridge, TimePoint now);
  CallOptions outgoing(Bridge& bridge, const std::string& target) const;
  bool loops(const MessageView& invite) const;
  void refuse_call(CallId call, int status, TimePoint now, std::string_view reason = {});
  void callee_failed(BridgeId id, Bridge& bridge, const CallEnded& e, TimePoint now);
  void erase_when_over(BridgeId id, Bridge& bridge);
  B2buaRoute route_of(CallId call, const Message& request, const Flow& flow) const;

  // b2bua_setup.cpp: until both sides are up
  bool on(const CallProgress& e, TimePoint now);
  bool on(const CallAnswered& e, TimePoint now);
  bool on(const CallConfirmed& e, TimePoint now);
  bool on(const ProvisionalAcknowledged& e, TimePoint now);
  void ring(Bridge& bridge, const MessageView& response, TimePoint now);
  void answered(Bridge& bridge, const Message& response, TimePoint now);
  void give_up(Bridge& bridge, int status, TimePoint now);

  // b2bua_offers.cpp: within the call
  bool on(const CallReinvited& e, TimePoint now);
  bool on(const OfferReceived& e, TimePoint now);
  bool on(const OfferWithdrawn& e, TimePoint now);
  bool on(const ReinviteFailed& e, TimePoint now);
  bool on(const UpdateCompleted& e, TimePoint now);
  bool on(const SessionRefreshed& e, TimePoint now);
  void take_over(CallId newcomer, const Where& where, const Message& invite, TimePoint now);
  void open(Bridge& bridge, Exchange exchange, TimePoint now);
  void offer_again(Bridge& bridge, Side from, std::string sdp, TimePoint now);
  /// Sends what waits, if the other side is free for it by now.
  void go_on(Bridge& bridge, TimePoint now);
  std::error_code send_offer(Bridge& bridge, Exchange& exchange, std::string_view sdp,
                             TimePoint now);
  void succeeded(Bridge& bridge, const MessageView& response, TimePoint now);
  void failed(Bridge& bridge, int status, TimePoint now);
  void withdraw(Bridge& bridge, TimePoint now);
  void refuse_asker(Bridge& bridge, const Exchange& exchange, int status, TimePoint now);
  void replace_leg(Bridge& bridge, Exchange& exchange);
  void answer_asker(Bridge& bridge, const Exchange& exchange, std::string_view sdp, TimePoint now);
  /// `to` gets again what it had before an exchange that came to nothing.
  void restore(Bridge& bridge, const Exchange& exchange, TimePoint now);
  void hang_up_both(Bridge& bridge, TimePoint now);

  // b2bua_relay.cpp: requests and referrals
  bool on(const CallRequest& e, TimePoint now);
  bool on(const RequestReceived& e, TimePoint now);
  bool on(const RequestCompleted& e, TimePoint now);
  bool on(const ReferArrived& e, TimePoint now);
  bool on(const NotifyReceived& e, TimePoint now);
  bool on(const SubscriptionChanged& e, TimePoint now);
  bool on(const NotifierEnded& e, TimePoint now);
  void relay(const Message& request, const Relayed& relayed, CallId to, TimePoint now);
  bool full(TxnId txn, std::size_t now_there, std::size_t limit, int status, TimePoint now);
  template <class Event>
  bool on(const Event&, TimePoint) {
    return false;
  }

  /// What `to` is told of the other side's description: by the hook, under our o=. Nothing: refused.
  std::optional<std::string> described(Bridge& bridge, Side to, std::string_view sdp);
  /// The bridge of a call and its side; null where it has none, or none any more.
  Bridge* find(CallId call, Side& side);
  bool ours(CallId call) const noexcept { return calls.count(call) != 0; }
  void note_allow(Leg& leg, const MessageView& message);

  UserAgent& ua;
  Random& random;
  const B2buaOptions options;
  B2buaCounters counters;
  Slab<Bridge, 32> bridges;
  std::unordered_map<CallId, Where, HashOf> calls;
  std::unordered_map<std::string, BridgeId>
      outgoing_ids;  ///< by Call-ID: what comes back has looped
  std::unordered_map<RequestId, Relayed, HashOf> requests;
  std::unordered_map<SubscriptionId, Referral, HashOf> referrals;
  std::unordered_map<NotifierId, SubscriptionId, HashOf> notifiers;
};

}  // namespace sipstack
