// SPDX-License-Identifier: Apache-2.0
// A call: one INVITE, the dialogs that come of it, re-INVITEs both ways, and its end.
// RFC 3261 sections 9, 13, 14 and 15.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dialog/compose.hpp"
#include "dialog/dialog_table.hpp"
#include "dialog/usage_timer.hpp"
#include "sipstack/dialog/dialog.hpp"
#include "sipstack/dialog/digest.hpp"
#include "sipstack/dialog/user_agent.hpp"

namespace sipstack {

struct UserAgentContext;

class InviteSession {
 public:
  /// Which of its transactions an event is about: UsageRef::detail.
  enum Part : std::uint32_t { server_invite, client_invite, bye };

  explicit InviteSession(UserAgentContext& ua) noexcept : ua_(ua) {}

  // the caller (invite_client.cpp)
  std::error_code invite(CallId id, const CallOptions& options, TimePoint now);
  std::error_code acknowledge(std::string_view sdp, TimePoint now);

  // the callee (invite_server.cpp)
  void invited(CallId id, Dialog dialog, const RequestArrived& event, TimePoint now);
  std::error_code ring(int status, std::string_view sdp, const ExtraHeaders& headers,
                       TimePoint now);
  std::error_code accept(std::string_view sdp, const ExtraHeaders& headers, TimePoint now);
  std::error_code reject(int status, std::string_view reason, const ExtraHeaders& headers,
                         TimePoint now);
  /// A CANCEL that matches an INVITE of this call.
  void cancelled(const RequestArrived& cancel, TimePoint now);

  // both
  std::error_code reinvite(std::string_view sdp, TimePoint now);
  std::error_code hang_up(TimePoint now, std::string_view reason);
  void shut_down(TimePoint now);
  /// A response to a request within the dialog says that the peer has no such dialog.
  void peer_forgot(const Message& response, TimePoint now);

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

  // Replaces, RFC 3891 (replaces.cpp)
  /// What an INVITE with Replaces finds here.
  enum class Replaceable : std::uint8_t { no, early_of_ours, confirmed, ended };
  Replaceable replaceable(const DialogId& id) const noexcept;
  /// The call that ends when this one is accepted.
  void will_replace(CallId other) noexcept { replaces_ = other; }
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

  /// What the first INVITE is made of, until its final response.
  struct Setup {
    CallOptions options;
    RequestHead head;
    std::string target;             ///< Request-URI of the INVITE on its way
    std::vector<std::string> next;  ///< contacts of 3xx still to try, best first
    std::vector<std::string> tried;
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
    std::string sdp;           ///< of a re-INVITE
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
  void provisional(const ResponseArrived& event);
  void success(const ResponseArrived& event, TimePoint now);
  void establish(const ResponseArrived& event, TimePoint now);
  void failure(const ResponseArrived& event, TimePoint now);
  bool try_next(TimePoint now);
  void take_contacts(const MessageView& response);
  std::error_code acknowledge_success(std::uint32_t cseq, std::string_view sdp, TimePoint now);
  bool acknowledge_again(const MessageView& response, TimePoint now);
  void remember_credentials(const RequestWriter& invite);
  void drop_early();

  // invite_server.cpp
  ResponseWriter response(int status, std::string_view reason = {});
  /// Ends a ringing call by ourselves, whether the response can be sent or not.
  void refuse(int status, CallEnded::Cause cause, TimePoint now);
  /// `ack` is empty where a later request of the peer proves that it has our 2xx.
  void acknowledged(Message ack, TimePoint now);

  // reinvite.cpp
  bool invite_in_progress() const noexcept;
  std::error_code send_reinvite(std::optional<Flow> flow, TimePoint now);
  void reinvite_response(const ResponseArrived& event, TimePoint now);
  void reinvited(const RequestArrived& event, TimePoint now);
  void retry_after_glare(TimePoint now);

  // invite_session.cpp
  void bye_received(const RequestArrived& event, TimePoint now);
  void bye_response(const ResponseArrived& event, TimePoint now);
  void invite_failed(const TxnFailed& event, TimePoint now);
  void give_up(CallEnded::Cause cause, TimePoint now, std::string_view reason);
  void terminate_server_invite(TimePoint now);
  void leave(CallEnded ending, TimePoint now, std::string_view reason = {});
  std::error_code send_bye(std::optional<Flow> flow, TimePoint now);
  void end(CallEnded ending, TimePoint now);

  UserAgentContext& ua_;
  CallId id_;
  State state_ = State::idle;
  bool leave_when_acknowledged_ = false;
  bool challenged_ = false;  ///< our INVITEs carry credentials, and so do their ACKs
  bool bye_again_ = false;   ///< the BYE was sent a second time, off the dead connection
  std::unique_ptr<Setup> setup_;
  std::vector<Dialog> early_;       ///< caller, before the 2xx: one a To tag
  std::shared_ptr<Dialog> dialog_;  ///< shared with subscriptions in it
  ClientInvite client_;
  std::optional<ServerInvite> server_;
  std::optional<Answer> answer_;
  std::vector<Acknowledged> acknowledged_;
  HeaderLines credentials_;  ///< Authorization lines of our last INVITE, for its ACK
  DigestClient digest_;      ///< a callee has no credentials for its caller (hardening A62)
  TxnId bye_txn_;
  std::string bye_reason_;
  CallId replaces_;
  CallEnded ending_;  ///< what end() tells once the BYE or the INVITE has its final response
  UsageTimer ring_limit_{UsageTimer::What::ring_limit, UsageKind::invite_session};
  UsageTimer no_ack_{UsageTimer::What::no_ack, UsageKind::invite_session};
  UsageTimer answer_again_{UsageTimer::What::answer_again, UsageKind::invite_session};
  UsageTimer glare_{UsageTimer::What::glare, UsageKind::invite_session};
};

}  // namespace sipstack
