// SPDX-License-Identifier: Apache-2.0
// A call: one INVITE, the dialogs that come of it, re-INVITEs both ways, and its end.
// RFC 3261 sections 9, 13, 14 and 15; reliable provisionals by RFC 3262, UPDATE by RFC 3311, session timers
// by RFC 4028.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dialog/boxed.hpp"
#include "dialog/compose.hpp"
#include "dialog/dialog_table.hpp"
#include "dialog/open_offer.hpp"
#include "dialog/session_timer.hpp"
#include "dialog/usage_timer.hpp"
#include "sipstack/dialog/dialog.hpp"
#include "sipstack/dialog/digest.hpp"
#include "sipstack/dialog/event_bodies.hpp"
#include "sipstack/dialog/user_agent.hpp"

namespace sipstack {

struct UserAgentContext;

class InviteSession {
 public:
  /// Which of its transactions an event is about: UsageRef::detail.
  enum Part : std::uint32_t {
    server_invite,
    client_invite,
    bye,
    prack_request,
    update_request,
    peer_offer
  };

  explicit InviteSession(UserAgentContext& ua) noexcept : ua_(ua) {}

  // the caller (invite_client.cpp)
  std::error_code invite(CallId id, const CallOptions& options, TimePoint now);
  std::error_code acknowledge(std::string_view sdp, TimePoint now);

  // the callee (invite_server.cpp)
  void invited(CallId id, Dialog dialog, const RequestArrived& event, TimePoint now);
  std::error_code ring(int status, std::string_view sdp, const ExtraHeaders& headers, bool reliable,
                       TimePoint now);
  std::error_code accept(std::string_view sdp, const ExtraHeaders& headers, TimePoint now);
  std::error_code reject(int status, std::string_view reason, const ExtraHeaders& headers,
                         TimePoint now);
  /// A CANCEL that matches an INVITE of this call.
  void cancelled(const RequestArrived& cancel, TimePoint now);

  // both
  std::error_code reinvite(std::string_view sdp, bool after_glare, TimePoint now);
  std::error_code cancel_reinvite(TimePoint now);
  std::error_code update(std::string_view sdp, bool after_glare, TimePoint now);
  std::error_code accept_offer(std::string_view sdp, TimePoint now);
  std::error_code reject_offer(int status, TimePoint now);
  std::error_code hold(bool on, TimePoint now);
  std::error_code contact_params(std::string_view params);
  /// What watchers are told of this call (dialog_state.cpp); nothing where it has no dialog.
  std::optional<DialogInfo> dialog_info() const;
  std::error_code hang_up(TimePoint now, std::string_view reason);
  void shut_down(TimePoint now);
  /// A request within the dialog, sent for the application, has failed: maybe there is no dialog any more.
  void request_failed(Method method, int status, const Message& response, std::error_code error,
                      TimePoint now);

  // events
  void receive(const RequestArrived& event, TimePoint now);  ///< within a dialog of ours
  void receive(const AckArrived& event, TimePoint now);
  void receive(const ResponseArrived& event, TimePoint now);
  void receive(const TxnFailed& event, TimePoint now);
  /// A 2xx to INVITE whose transaction is gone already.
  void stray_success(const MessageView& response, TimePoint now);
  void expire(UsageTimer::What what, TimePoint now);

  /// A 2xx to an INVITE of a call that is over, or from another fork than ours: acknowledged and ended
  /// at once (section 13.2.2.4). Gives the ACK.
  using HeaderLines = std::vector<std::pair<HeaderId, std::string>>;
  static TxnId refuse_fork(UserAgentContext& ua, const MessageView& response, const Flow& flow,
                           std::string_view target, const HeaderLines& credentials, TimePoint now);

  bool has_dialog(const DialogId& id) const noexcept;
  /// The dialog that requests of the application go by; null while there is none, or
  /// no more.
  Dialog* dialog() noexcept;
  /// The dialog for usages that may outlive the call (RFC 5057); null where it is not confirmed, or ending.
  std::shared_ptr<Dialog> shared_dialog() noexcept;
  CallId id() const noexcept { return id_; }
  std::string call_id() const;

  // Replaces, RFC 3891 (replaces.cpp)
  /// What an INVITE with Replaces finds here.
  enum class Replaceable : std::uint8_t { no, early_of_ours, confirmed, ended };
  Replaceable replaceable(const DialogId& id) const noexcept;
  /// Whether it still goes on: what Join asks (RFC 3911 section 4).
  bool joinable() const noexcept {
    return state_ == State::up || state_ == State::calling || state_ == State::ringing;
  }
  /// The call that ends when this one is accepted.
  void will_replace(CallId other) noexcept { replaces_ = other; }
  /// The call that the caller wants to be added to (RFC 3911).
  void will_join(CallId other) noexcept { joins_ = other; }
  CallId take_replaced() noexcept { return std::exchange(replaces_, {}); }
  DigestClient& digest() noexcept { return digest_; }

 private:
  enum class State : std::uint8_t {
    idle,
    calling,     ///< caller: no final response to our INVITE yet
    cancelling,  ///< caller: given up, the INVITE's end is awaited
    ringing,     ///< callee: the application has not answered yet
    up,
    leaving,  ///< our BYE is on its way
    over
  };

  /// Whether a failed request says that the call is over (RFC 5057 sections 5.1 and 5.2).
  static bool fatal(int status, bool of_the_call) noexcept;

  /// What offer and answer, and reliable provisionals, have come to in one dialog.
  struct Talk {
    OpenOffer offer;
    bool invite_settled = false;  ///< the exchange that the INVITE in progress is about is done
    std::uint32_t rseq = 0;       ///< of the last reliable provisional to our INVITE; 0: none yet
  };
  /// A dialog that the caller's INVITE has made and no 2xx has confirmed: one a fork.
  struct Early {
    Dialog dialog;
    Talk talk;
  };
  /// What the first INVITE is made of, until its final response.
  struct Setup {
    CallOptions options;
    RequestHead head;
    /// Where a 3xx sends us: another target, or by a proxy.
    struct Next {
      std::string target;
      std::vector<std::string> routes;
    };
    struct Tried {
      std::string uri;
      bool proxy = false;
    };
    std::string target;               ///< Request-URI of the INVITE on its way
    std::vector<std::string> routes;  ///< the caller's own
    std::vector<Next> next;           ///< still to try, best first
    std::vector<Tried> tried;
    std::vector<std::string> diverted;  ///< Diversion values of 3xx that were followed
    std::uint32_t cseq = 0;
    int redirects = 0;
    bool heard_trying = false;
  };
  /// The INVITE of ours that has no final response yet, or whose answer the application owes.
  struct ClientInvite {
    TxnId txn;
    std::uint32_t cseq = 0;
    bool pending = false;
    bool again = false;        ///< a re-INVITE
    bool retried = false;      ///< after glare
    bool answer_owed = false;  ///< 2xx with an offer: acknowledge() makes the ACK
    bool offered = false;      ///< with an offer
    bool refresh = false;      ///< a re-INVITE that nobody but the session timer asked for
    RareText sdp;              ///< of a re-INVITE
  };
  /// A PRACK of ours: owed, or on its way.
  struct Prack {
    TxnId txn;
    std::string remote_tag;  ///< whose dialog
    std::string rack;
    std::string sdp;
    bool owed = false;   ///< acknowledge() makes it
    bool offer = false;  ///< `sdp` is an offer
  };
  /// Our UPDATE.
  struct ClientUpdate {
    TxnId txn;
    RareText remote_tag;
    RareText sdp;
    bool pending = false;
    bool refresh = false;  ///< only the session timer asked for it
    bool retried = false;  ///< after glare
  };
  /// An UPDATE or PRACK with an offer that waits for the application.
  struct PeerOffer {
    TxnId txn;
    Message request;
    Flow flow;
  };
  /// A reliable provisional response of ours; kept behind the final one, whose PRACK may come still.
  struct Reliable {
    TxnId txn;
    Message response;
    std::uint32_t rseq = 0;
    std::uint32_t cseq = 0;
    Duration interval{};
    TimePoint until{};
    bool sdp = false;
    bool acknowledged = false;
  };
  /// What the application wants said while the call rings, or with the 2xx, and what has to wait.
  struct Saying {
    int status = 0;
    std::string sdp;
    ExtraHeaders headers;
  };
  /// The peer's INVITE that waits for our final response.
  struct ServerInvite {
    TxnId txn;
    Message request;
    Flow flow;
  };
  /// Our 2xx that waits for its ACK.
  struct Answer {
    TxnId txn;
    Message response;
    Duration interval{};
    std::uint32_t cseq = 0;
    bool offer = false;  ///< our 2xx had the offer
    bool first = false;  ///< of the call, not of a re-INVITE
  };
  /// A 2xx that was acknowledged, by To tag and CSeq: its retransmission gets the same ACK.
  struct Acknowledged {
    std::string remote_tag;
    std::uint32_t cseq;
    TxnId ack;
  };

  UsageRef part(Part p) const noexcept {
    return {UsageKind::invite_session, id_.slot, id_.generation, p};
  }
  void belongs_to(CallId id) noexcept;

  // invite_client.cpp
  std::error_code send_invite(std::optional<Flow> flow, TimePoint now);
  void invite_response(const ResponseArrived& event, TimePoint now);
  void provisional(const ResponseArrived& event, TimePoint now);
  void success(const ResponseArrived& event, TimePoint now);
  void establish(const ResponseArrived& event, TimePoint now);
  void failure(const ResponseArrived& event, TimePoint now);
  void take_session(const MessageView& response, std::string_view offer);
  std::error_code acknowledge_success(std::uint32_t cseq, std::string_view sdp, TimePoint now);
  bool acknowledge_again(const MessageView& response, TimePoint now);
  void remember_credentials(const RequestWriter& invite);
  void drop_early();

  // redirection.cpp
  void take_contacts(const MessageView& response);
  void take_diversions(const MessageView& response);
  bool try_next(TimePoint now);

  // invite_server.cpp
  ResponseWriter response(int status, std::string_view reason = {});
  std::error_code send_accept(std::string_view sdp, const ExtraHeaders& headers, TimePoint now);
  /// Ends a ringing call by ourselves, whether the response can be sent or not.
  void refuse(int status, CallEnded::Cause cause, TimePoint now);
  /// `ack` is empty where a later request of the peer proves that it has our 2xx.
  void acknowledged(Message ack, TimePoint now);

  // reliable_server.cpp (RFC 3262 section 3)
  std::error_code send_provisional(Saying what, bool reliable, TimePoint now);
  bool unacknowledged() const noexcept;
  void ring_again(TimePoint now);
  void provisional_again(TimePoint now);
  void pracked(const RequestArrived& event, TimePoint now);
  bool accept_must_wait() const noexcept;
  /// Says what waited for a PRACK or an answer: the next provisional, the 2xx.
  void say_next(TimePoint now);
  void forget_provisionals() noexcept;
  /// The INVITE that waited has its final response, and no 2xx.
  void server_invite_over() noexcept;

  // reliable_client.cpp (RFC 3262 section 4)
  /// Takes a reliable provisional. False: a copy, or out of order, and not to be processed.
  bool take_reliable(const MessageView& response, Talk& talk, TimePoint now);
  Prack* owed_prack() noexcept;
  std::error_code acknowledge_provisional(std::string_view sdp, TimePoint now);
  std::error_code send_prack(Prack& prack, std::optional<Flow> flow, TimePoint now);
  void prack_response(const ResponseArrived& event, TimePoint now);
  void prack_failed(const TxnFailed& event);
  void prack_over(const Prack& prack, int status, Message response, std::error_code error);

  // update.cpp (RFC 3311)
  bool may_update();
  std::error_code send_update(std::optional<Flow> flow, TimePoint now);
  void update_response(const ResponseArrived& event, TimePoint now);
  void update_accepted(const ResponseArrived& event, Dialog& d, TimePoint now);
  void withdraw_update();
  void update_over(int status, const Message& response, std::error_code error, TimePoint now);
  void update_failed(const TxnFailed& event, TimePoint now);
  void update_after_glare(TimePoint now);
  void updated(const RequestArrived& event, Dialog& d, TimePoint now);
  /// Hands an offer in an UPDATE or PRACK to the application, or refuses it where another one is open.
  void offered(const RequestArrived& event, Talk& talk, OpenOffer::In in, TimePoint now);
  void refuse_for_now(const RequestArrived& event, int status, TimePoint now);
  ResponseWriter update_success(const MessageView& request, const Flow& flow, Dialog& d);
  void offer_abandoned(const TxnFailed& event, TimePoint now);
  void refuse_offers(TimePoint now);

  // refresh.cpp (RFC 4028)
  void session_agreed(TimePoint now);
  void refresh_session(TimePoint now);
  /// Our refresh failed, but not for good.
  void refresh_later(TimePoint now);
  void session_expired(TimePoint now);
  void heard_allow(const MessageView& message) noexcept;
  /// True where the request asks for refreshes that are too many, and was refused.
  bool too_many_refreshes(const RequestArrived& event, TimePoint now);

  // within.cpp
  /// A request in one of our dialogs; target refresh requests have our Contact and the session's timer.
  expected<TxnId, std::error_code> send_within(Dialog& dialog, std::string_view method, Part which,
                                               std::string_view sdp, const HeaderLines& lines,
                                               std::optional<Flow> flow, TimePoint now);
  void write_contact(MessageWriter& out, const ExtraHeaders& headers, bool secure);
  Early* early(std::string_view remote_tag) noexcept;
  /// The dialog with that peer, and what was said in it; null where it is gone.
  Dialog* dialog_with(std::string_view remote_tag) noexcept;
  Talk* talk_with(std::string_view remote_tag) noexcept;

  // reinvite.cpp
  bool invite_in_progress() const noexcept;
  std::error_code send_reinvite(std::optional<Flow> flow, TimePoint now);
  void reinvite_response(const ResponseArrived& event, TimePoint now);
  void reinvited(const RequestArrived& event, TimePoint now);
  void reinvite_progress(const ResponseArrived& event, TimePoint now);
  void withdraw_reinvite();
  void retry_after_glare(TimePoint now);

  // invite_session.cpp
  void bye_received(const RequestArrived& event, TimePoint now);
  void bye_response(const ResponseArrived& event, TimePoint now);
  void invite_failed(const TxnFailed& event, TimePoint now);
  void give_up(CallEnded::Cause cause, TimePoint now, std::string_view reason);
  void terminate_server_invite(TimePoint now);
  void leave(CallEnded ending, TimePoint now, std::string_view reason = {});
  void arm(UsageTimer::What what, TimePoint at);
  void disarm(UsageTimer::What what) noexcept;
  bool waits(UsageTimer::What what) const noexcept;
  void disarm_all() noexcept;
  std::error_code send_bye(std::optional<Flow> flow, TimePoint now);
  void end(CallEnded ending, TimePoint now);

  UserAgentContext& ua_;
  CallId id_;
  State state_ = State::idle;
  bool leave_when_acknowledged_ = false;
  bool initiator_ = false;   ///< the call began with an INVITE of ours
  bool challenged_ = false;  ///< our INVITEs carry credentials, and so do their ACKs
  bool bye_again_ = false;   ///< the BYE was sent a second time, off the dead connection
  std::unique_ptr<Setup> setup_;
  std::vector<Early> early_;        ///< caller, before the 2xx: one a To tag
  std::shared_ptr<Dialog> dialog_;  ///< shared with subscriptions in it
  Talk talk_;                       ///< of dialog_
  RareText contact_;                ///< Contact value that is not our plain address, or empty
  std::string local_sdp_;           ///< our last description that the peer has taken
  std::uint64_t held_version_ = 0;  ///< of o=, the highest that hold() made
  ClientInvite client_;
  Boxed<ServerInvite> server_;
  Boxed<Answer> answer_;
  RareList<Prack> pracks_;
  ClientUpdate update_;
  RareList<PeerOffer> peer_offers_;  ///< one a dialog
  Boxed<Reliable> reliable_;
  RareList<Saying> sayings_;  ///< reliable provisionals that wait for a PRACK
  Boxed<Saying> accept_;      ///< the 2xx that waits for one
  Message rung_;              ///< the last unreliable provisional
  Boxed<Saying> last_ring_;
  SessionTimer timer_;
  TimePoint session_ends_{};
  bool peer_updates_ = false;                            ///< the peer's Allow has UPDATE
  bool prack_by_application_ = false;                    ///< CallOptions::prack_by_application
  ExtensionUse provisionals_ = ExtensionUse::supported;  ///< whether we acknowledge reliable ones
  std::vector<Acknowledged> acknowledged_;
  HeaderLines credentials_;  ///< Authorization lines of our last INVITE, for its ACK
  DigestClient digest_;      ///< a callee has no credentials for its caller (hardening A62)
  TxnId bye_txn_;
  RareText bye_reason_;
  CallId replaces_;
  CallId joins_;
  RareText contact_params_;  ///< of our Contact, behind the URI
  Boxed<CallEnded> ending_;  ///< what end() tells once the BYE or the INVITE has its final response
  std::vector<std::unique_ptr<UsageTimer>> timers_;  ///< those that wait
};

}  // namespace sipstack
