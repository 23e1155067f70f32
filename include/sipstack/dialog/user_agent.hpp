// SPDX-License-Identifier: Apache-2.0
// The user agent: calls, registrations and single requests over the transaction layer; no I/O.
// RFC 3261 sections 8, 10.2, 11 to 15; RFC 3262, 3264, 3311 and 4028.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

#include "sipstack/base/shard.hpp"
#include "sipstack/dialog/event_bodies.hpp"
#include "sipstack/dialog/event_state.hpp"
#include "sipstack/dialog/events.hpp"
#include "sipstack/dialog/registration.hpp"
#include "sipstack/dialog/request_options.hpp"
#include "sipstack/transaction/layer.hpp"

namespace sipstack {

class InviteSession;
class ClientRequest;
class DigestServer;
class PackageAgent;
/// A call: one INVITE and the dialogs that come of it.
using CallId = Handle<InviteSession>;
using RequestId = Handle<ClientRequest>;

/// Whether an extension is left alone, used where the peer has it too, or demanded of the peer.
enum class ExtensionUse : std::uint8_t { off, supported, required };
/// Who refreshes a session with a timer (RFC 4028): whom the peer chooses (we, if it leaves it to us), always
/// we, or the peer where it can.
enum class Refresher : std::uint8_t { either, local, remote };

struct UserAgentOptions {
  std::string contact_user = "sipstack";  ///< user part of our Contact
  std::string product = "sipstack/0.1";   ///< User-Agent and Server; empty: neither is sent
  /// Methods served, for Allow. Others get 405, or 501 where the registry does not know them.
  std::vector<std::string> allow = {"INVITE", "ACK",     "BYE",    "CANCEL", "OPTIONS",
                                    "INFO",   "MESSAGE", "NOTIFY", "PRACK",  "UPDATE"};
  /// Option tags; a Require of others gets 420. `100rel` and `timer` come by the options below.
  std::vector<std::string> supported;
  std::vector<std::string> accept = {"application/sdp"};
  /// Answers OPTIONS, MESSAGE and INFO with 200 by itself; else they come as events.
  bool answer_options = true;
  bool tell_messages = false;                     ///< MESSAGE and INFO come as events all the same
  Duration max_ring = std::chrono::seconds(180);  ///< an incoming call that nobody answers: 480
  std::size_t max_registrations = std::size_t{1} << 21;  ///< then add_registration() gives an error
  std::size_t max_dialogs = 65536;     ///< then INVITEs get 503, and invite() an error
  std::size_t max_early_dialogs = 64;  ///< forks of one INVITE of ours that are remembered
  /// 100rel (RFC 3262). As a callee `supported` sends reliably where the caller demands it or ring() asks
  /// for it and the caller can; `required` does always, and callers that cannot get 421.
  ExtensionUse reliable = ExtensionUse::supported;
  std::size_t max_queued_provisionals = 16;  ///< reliable ones of a call that wait for a PRACK
  bool session_timer = true;                 ///< `timer` is supported (RFC 4028)
  std::uint32_t session_expires = 0;  ///< seconds between refreshes to ask for; 0: only where asked
  std::uint32_t min_se = 90;          ///< seconds that we put up with, at least 90
  Refresher refresher = Refresher::either;
  /// Challenges every request outside a dialog but ACK and CANCEL; null: none. Not owned.
  DigestServer* challenge = nullptr;
  /// Subscriptions with us, and REFER.
  NotifierOptions notifier;
  /// Set: a presence agent takes PUBLISH and SUBSCRIBE of its package.
  std::optional<PresenceAgentOptions> presence;
  /// Takes the subscriptions of another package from the application; the package must be among
  /// NotifierOptions::packages. Not owned; may be null.
  PackageAgent* package_agent = nullptr;
  /// Info packages taken (RFC 6086), for Recv-Info; an INFO of another gets 469. INFO without a package is
  /// not asked.
  std::vector<std::string> recv_info;
  /// Types that a MESSAGE may have, others get 415 (RFC 3428 section 7); empty: any.
  std::vector<std::string> message_types;
  /// An INVITE may replace a call of ours (RFC 3891): accept() then ends that one. False: Replaces is
  /// ignored, and 420 where it is required.
  bool replaces = true;
  /// An INVITE may ask to be added to a call of ours (RFC 3911): CallArrived::joins. The application mixes, or
  /// answers 488. False: Join is ignored, and 420 where it is required.
  bool join = false;
  /// Where several cores share the work: the Call-IDs that we make up are ones that this core owns.
  Shard shard;
};

struct CallOptions : RequestOptions {
  Duration max_ring = std::chrono::seconds(180);  ///< then CANCEL; zero: for ever
  int max_redirects = 5;                          ///< 3xx followed (RFC 3261 section 8.1.3.4)
  std::optional<ExtensionUse> reliable;           ///< 100rel; the user agent's where empty
  /// True: every reliable provisional waits for acknowledge(), so that its PRACK can carry an offer. False:
  /// only those that bring an offer do, and the others are acknowledged at once.
  bool prack_by_application = false;
  std::optional<std::uint32_t> session_expires;  ///< seconds; the user agent's where empty
  std::string contact_params;                    ///< see UserAgent::contact_params()
};

// ---------------------------------------------------------------- events to the application

/// An INVITE outside any dialog. Answer by ring(), accept(), reject(). `invite` may carry an offer.
struct CallArrived {
  CallId call;
  Message invite;
  Flow flow;        ///< that it came by: whom caller_identity() may trust
  CallId replaces;  ///< the call that accept() will end in favour of this one (RFC 3891); or null
  CallId joins;     ///< the call that the caller wants to be added to (RFC 3911); or null
};
/// A provisional response to our INVITE (101-199; 100 as well, once). A reliable one (RFC 3262) comes once
/// and in order, and its PRACK is on its way; where it has an offer, acknowledge(call, answer) must be called.
/// Each fork has its own To tag and may have its own early media. Not for re-INVITEs, but where an answer of
/// ours is owed.
struct CallProgress {
  CallId call;
  Message response;
};
/// Our INVITE was answered 2xx and the dialog stands. Where the INVITE had an offer the ACK is on its
/// way; where it had none and the 2xx has one, acknowledge(call, answer) must be called. Also for our
/// re-INVITEs.
struct CallAnswered {
  CallId call;
  Message response;
  bool reinvite = false;
};
/// The ACK for our 2xx arrived (with an answer where our 2xx held the offer); also of re-INVITEs. `ack` is
/// empty where it was lost, but a re-INVITE of the peer proves that it has our 2xx (RFC 5407 3.1.4).
struct CallConfirmed {
  CallId call;
  Message ack;
};
/// The PRACK for a reliable provisional response of ours, with the answer where that had the offer.
struct ProvisionalAcknowledged {
  CallId call;
  Message prack;
};
/// An offer in the peer's UPDATE or PRACK, before or within the call: accept_offer() or reject_offer().
struct OfferReceived {
  CallId call;
  Message request;
};
/// Our UPDATE, or our offer in a PRACK, has its final response: 2xx with the answer, or a refusal that leaves
/// the session as it was. None once the call is over.
struct UpdateCompleted {
  CallId call;
  int status = 0;    ///< 491: glare, twice; 408 or 503: nothing came, see error
  Message response;  ///< may be empty
  std::error_code error;
};
/// A refresh of ours was answered (RFC 4028). The answer of one by re-INVITE may differ from the last one.
struct SessionRefreshed {
  CallId call;
  Message response;
};
/// The peer's re-INVITE: accept() or reject() it.
struct CallReinvited {
  CallId call;
  Message request;
};
/// The peer's re-INVITE, or an offer of its in UPDATE or PRACK, waits no more for what we say to it: it was
/// cancelled, or nothing was said in time. Not where the call ends.
struct OfferWithdrawn {
  CallId call;
  bool reinvite = false;
};
/// Our re-INVITE was refused; the call goes on as it was (RFC 3261 section 14.1).
struct ReinviteFailed {
  CallId call;
  int status = 0;  ///< 491: glare, twice; 408 or 503: nothing came, see error
  std::error_code error;
  Message response;  ///< the refusal; may be empty
};
/// Another request within the call's dialog: INFO, MESSAGE, REFER, ... Answer by respond(txn, ...).
struct CallRequest {
  CallId call;
  TxnId txn;
  Message request;
};
/// The call is over; its handle is stale from now on. Exactly one for each call.
struct CallEnded {
  enum class Cause : std::uint8_t {
    local_bye,
    remote_bye,
    cancelled,
    rejected,
    timeout,
    failed,
    not_acknowledged,  ///< no ACK for our 2xx, or no PRACK for our reliable provisional
    expired            ///< no refresh of the session came in time (RFC 4028 section 10)
  };
  CallId call;
  Cause cause = Cause::failed;
  int status = 0;   ///< of the refusal; 408 or 503 where nothing came (section 8.1.3.1); else 0
  Message message;  ///< the response, BYE or CANCEL that ended it; may be empty
  std::error_code error;
};
/// A request outside any dialog that the user agent did not answer by itself: respond(txn, ...).
struct RequestReceived {
  TxnId txn;
  Message request;
  Flow flow;
};
/// A final response to our request(), or the error that came instead. Exactly one for each request.
struct RequestCompleted {
  RequestId request;
  Message response;  ///< empty where error is set
  std::error_code error;
};
using UserEvent =
    std::variant<CallArrived, CallProgress, CallAnswered, CallConfirmed, CallReinvited,
                 ReinviteFailed, CallRequest, CallEnded, ProvisionalAcknowledged, OfferReceived,
                 UpdateCompleted, SessionRefreshed, RequestReceived, RequestCompleted,
                 RegistrationChanged, KeepFlowAlive, NotifyReceived, SubscriptionChanged,
                 SubscriptionForked, SubscriptionArrived, ReferArrived, NotifierEnded,
                 PublicationChanged, OfferWithdrawn>;

/// Sets target and header fields of a call to those of a URI that somebody gave us: in a Refer-To, a message, a
/// page. Only Replaces, Join, Require, Accept-Contact, Subject and User-to-User are taken over (RFC 3261 section
/// 19.1.5). False where it is no SIP URI, or for another method: `options` are as they were.
bool call_uri(std::string_view uri, CallOptions& options);

/// One user agent, UAC and UAS. Threads: its shard's. It calls nobody: events are drained by next().
class UserAgent {
 public:
  UserAgent(TransactionLayer& layer, const UserAgentOptions& options);
  ~UserAgent();
  UserAgent(const UserAgent&) = delete;
  UserAgent& operator=(const UserAgent&) = delete;

  // inputs, from the core
  /// A request that no other role took. False: not for a user agent (never happens for requests; an ACK
  /// that matches no dialog is dropped).
  void receive(const RequestArrived& event, TimePoint now);
  void receive(const AckArrived& event, TimePoint now);
  void receive(const ResponseArrived& event, TimePoint now);
  void receive(const TxnFailed& event, TimePoint now);
  /// A 2xx whose transaction is gone may still belong to a call of ours.
  void receive(const StrayResponse& event, TimePoint now);
  void expire(TimerHook& hook, TimePoint now);
  /// True where the request belongs to a dialog of this user agent.
  bool owns(const MessageView& request) const noexcept;

  bool next(UserEvent& out);

  // calls
  expected<CallId, std::error_code> invite(const CallOptions& options, TimePoint now);
  /// 101-199, with an SDP body where given (early media). `reliable`: by RFC 3262 where the caller can, behind
  /// those that still wait for their PRACK; its SDP is then the answer, or the offer where the INVITE had
  /// none. Said again by itself while the call rings, every minute (RFC 3261 section 13.3.1.1; every two and
  /// a half where reliable).
  std::error_code ring(CallId call, int status, TimePoint now, std::string_view sdp = {},
                       const ExtraHeaders& headers = {}, bool reliable = false);
  /// 200 to the INVITE or re-INVITE that waits, with offer or answer. Held back until the PRACK of a reliable
  /// provisional with SDP has come and no UPDATE waits for an answer (RFC 3262 section 3). `sdp` is left out
  /// where reliable provisionals have settled the session already (RFC 6337 section 3.1).
  std::error_code accept(CallId call, std::string_view sdp, TimePoint now,
                         const ExtraHeaders& headers = {});
  /// 300-699 to the INVITE or re-INVITE that waits.
  std::error_code reject(CallId call, int status, TimePoint now, std::string_view reason = {},
                         const ExtraHeaders& headers = {});
  /// Our answer to an offer in a 2xx, with the ACK, or in a reliable provisional, with its PRACK; the oldest
  /// one that is owed, PRACKs first. Where CallOptions::prack_by_application: the PRACK, with an offer where
  /// `sdp` isn't empty.
  std::error_code acknowledge(CallId call, std::string_view sdp, TimePoint now);
  /// Ends the call by what its state asks for: CANCEL, BYE, or 603 to the INVITE that waits. A callee's
  /// BYE waits for the ACK (RFC 3261 section 15). CallEnded follows when the peer has answered, or not.
  /// `reason`: a Reason value (RFC 3326) for CANCEL and BYE.
  std::error_code hang_up(CallId call, TimePoint now, std::string_view reason = {});
  /// `after_glare`: what gets 491 is tried once more by itself (RFC 3261 section 14.1).
  std::error_code reinvite(CallId call, std::string_view sdp, TimePoint now,
                           bool after_glare = true);
  /// Withdraws our re-INVITE that has no final response: CANCEL. ReinviteFailed follows, or CallAnswered where
  /// that came too late. wrong_state where there is none.
  std::error_code cancel_reinvite(CallId call, TimePoint now);
  /// UPDATE (RFC 3311): with an offer where `sdp` isn't empty, else to tell our Contact anew. Also before the
  /// call is answered, in the early dialog heard of last. UpdateCompleted follows. wrong_state while another
  /// UPDATE or a PRACK of ours is on its way, or while an offer is open.
  std::error_code update(CallId call, std::string_view sdp, TimePoint now, bool after_glare = true);
  /// 200 to the oldest UPDATE or PRACK that waits (OfferReceived), with our answer.
  std::error_code accept_offer(CallId call, std::string_view sdp, TimePoint now);
  /// 300-699 to it: 488, say. The session stays as it was.
  std::error_code reject_offer(CallId call, int status, TimePoint now);
  /// Puts the peer on hold, or takes it back: re-INVITE with our last description, its directions changed and
  /// its o= version one higher (RFC 3264 section 8.4, RFC 6337 section 5.3). wrong_state where there is none.
  /// For whoever keeps no sdp::OfferAnswer, which counts versions of its own.
  std::error_code hold(CallId call, TimePoint now);
  std::error_code resume(CallId call, TimePoint now);
  /// A request within the dialog, e.g. INFO; its outcome comes as RequestCompleted. wrong_state for
  /// INVITE, ACK, CANCEL, BYE, PRACK and UPDATE, which have commands of their own, and behind our BYE.
  expected<RequestId, std::error_code> request(CallId call, std::string_view method,
                                               std::string_view content_type, std::string_view body,
                                               TimePoint now, const ExtraHeaders& headers = {});

  // requests outside any dialog
  expected<RequestId, std::error_code> request(std::string_view method,
                                               const RequestOptions& options, TimePoint now);
  /// Answers what came as RequestReceived or CallRequest.
  std::error_code respond(TxnId txn, int status, TimePoint now, std::string_view content_type = {},
                          std::string_view body = {}, const ExtraHeaders& headers = {});

  // registrations
  expected<RegistrationId, std::error_code> add_registration(const RegistrationOptions& options,
                                                             TimePoint now);
  /// One registration for each outbound proxy, with reg-ids from the options' own (1 where that is 0) on
  /// (RFC 5626 section 4.2.1): several ways to us, so that one may fail. All are tried more often while none
  /// of them stands. Where one cannot be begun, those before it are
  /// removed again.
  expected<std::vector<RegistrationId>, std::error_code> add_flows(
      const RegistrationOptions& options, const std::vector<std::string>& outbound_proxies,
      TimePoint now);
  /// Removes our bindings (Expires 0); RegistrationChanged::removed follows.
  std::error_code remove(RegistrationId registration, TimePoint now);
  /// Nothing where it is gone or does not stand at the moment.
  std::optional<Registered> registered(RegistrationId registration) const;
  /// A connection, or a UDP flow that was kept alive, is gone: what was registered over it is registered
  /// anew (RFC 5626 section 4.5).
  void flow_closed(const Flow& flow, TimePoint now);

  // subscriptions of ours
  expected<SubscriptionId, std::error_code> subscribe(const SubscriptionOptions& options,
                                                      TimePoint now);
  /// Within the dialog of a call, which it may outlive (RFC 5057). Never asked for anew by itself.
  expected<SubscriptionId, std::error_code> subscribe(CallId call,
                                                      const SubscriptionOptions& options,
                                                      TimePoint now);
  /// Asks for the state now. wrong_state where nothing has been heard of the subscription yet.
  std::error_code refresh(SubscriptionId subscription, TimePoint now);
  /// SubscriptionChanged::ended follows, behind the last NOTIFY. Ends no call that a REFER led to.
  std::error_code unsubscribe(SubscriptionId subscription, TimePoint now);

  // transfer
  /// REFER in the dialog of a call, or outside any. Its outcome comes as NotifyReceived and
  /// SubscriptionChanged. wrong_state in a call that is not confirmed yet.
  expected<SubscriptionId, std::error_code> refer(CallId call, const ReferOptions& options,
                                                  TimePoint now);
  expected<SubscriptionId, std::error_code> refer(const ReferOptions& options, TimePoint now);
  /// What to put into Refer-To so that its reader calls the far end of this call and replaces it: attended
  /// transfer (RFC 5589 section 7). Empty where the call has no confirmed dialog.
  std::string refer_to(CallId call) const;
  /// A Replaces or Join value that names the call to its far end (RFC 3891, RFC 3911); empty as above.
  std::string replaces(CallId call) const;
  /// What watchers of the dialog package are told of a call (RFC 4235); nothing where it has no dialog yet.
  std::optional<DialogInfo> dialog_info(CallId call) const;
  /// Feature parameters behind the URI of our Contact in this call, from its next message on: "isfocus" of a
  /// conference (RFC 4579), `+sip.rendering="no"` on hold (RFC 4235). Kept in refreshes; empty takes them off.
  std::error_code contact_params(CallId call, std::string_view params);
  /// Accepts a REFER, calls Refer-To and tells the referrer what becomes of it. Target, Replaces and
  /// Referred-By come from the REFER, the rest from `options`. wrong_state where Refer-To is no INVITE of
  /// a SIP URI: reject() it.
  expected<CallId, std::error_code> follow(NotifierId referral, const CallOptions& options,
                                           TimePoint now);

  // subscriptions with us
  /// 200 (202 to REFER) and a NOTIFY with this state. Also where defer() was said before.
  std::error_code accept(NotifierId notifier, std::string_view content_type, std::string_view body,
                         TimePoint now, const ExtraHeaders& headers = {});
  /// 200, and "pending" until accept() or reject().
  std::error_code defer(NotifierId notifier, TimePoint now);
  /// The final response, 300 to 699; behind defer(): "terminated;reason=rejected".
  std::error_code reject(NotifierId notifier, int status, TimePoint now,
                         const ExtraHeaders& headers = {});
  /// The state is another now. One NOTIFY at a time is on its way: of several states the latest wins.
  std::error_code notify(NotifierId notifier, std::string_view content_type, std::string_view body,
                         TimePoint now, const ExtraHeaders& headers = {});
  /// The last NOTIFY: reason and, where not 0, retry-after of RFC 6665 section 4.1.3.
  std::error_code terminate(NotifierId notifier, std::string_view reason, TimePoint now,
                            std::string_view content_type = {}, std::string_view body = {},
                            std::uint32_t retry_after = 0);
  /// What became of a referral that the application follows itself: 100 to 699. A final one is the last.
  std::error_code report(NotifierId referral, int status, TimePoint now,
                         std::string_view reason = {});

  // publications
  expected<PublicationId, std::error_code> publish(const PublicationOptions& options,
                                                   TimePoint now);
  /// Publishes another state in place of the last.
  std::error_code modify(PublicationId publication, std::string_view content_type,
                         std::string_view body, TimePoint now);
  /// Expires 0; PublicationChanged::removed follows.
  std::error_code remove(PublicationId publication, TimePoint now);

  // questions
  /// Of both sides, referrals and publications included.
  std::size_t subscriptions() const noexcept;
  std::size_t calls() const noexcept;
  /// The Call-ID of a call, also before anything was heard of it; empty where the handle is stale.
  std::string call_id(CallId call) const;
  std::size_t registrations() const noexcept;
  /// Ends everything: calls are hung up, registrations removed. Idle when all counts are zero.
  void shut_down(TimePoint now);
  bool idle() const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sipstack
