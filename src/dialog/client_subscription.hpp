// SPDX-License-Identifier: Apache-2.0
// A subscription of ours, or the implicit one of a REFER: asked for, kept alive, asked for anew.
// RFC 6665 section 4.1, RFC 3515 section 2.4.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "dialog/compose.hpp"
#include "dialog/dialog_table.hpp"
#include "dialog/event_timer.hpp"
#include "sipstack/dialog/digest.hpp"
#include "sipstack/dialog/user_agent.hpp"

namespace sipstack {

struct UserAgentContext;

class ClientSubscription {
 public:
  explicit ClientSubscription(UserAgentContext& ua) noexcept : ua_(ua) {}

  /// `call` and `dialog` are null outside any dialog.
  std::error_code subscribe(SubscriptionId id, const SubscriptionOptions& options, CallId call,
                            std::shared_ptr<Dialog> dialog, TimePoint now);
  std::error_code refer(SubscriptionId id, const ReferOptions& options, CallId call,
                        std::shared_ptr<Dialog> dialog, TimePoint now);
  /// What another notifier made of the SUBSCRIBE of `of`.
  void forked_from(SubscriptionId id, const ClientSubscription& of);

  std::error_code refresh(TimePoint now);
  std::error_code unsubscribe(TimePoint now);
  void shut_down(TimePoint now) { unsubscribe(now); }

  void notified(const RequestArrived& event, TimePoint now);
  void receive(const ResponseArrived& event, TimePoint now);
  void receive(const TxnFailed& event, TimePoint now);
  void expire(EventTimer::Role role, TimePoint now);

  /// Whether a NOTIFY with these dialog identifiers and this event is ours.
  bool is(const DialogId& id, std::string_view event) const;
  /// Whether it is for a SUBSCRIBE of ours, from a notifier that has not been heard yet.
  bool may_fork(const DialogId& id, std::string_view event, TimePoint now) const;
  bool has_dialog(const DialogId& id) const;
  void count_fork() noexcept { ++forks_; }
  const std::shared_ptr<Dialog>& dialog() const noexcept { return dialog_; }

 private:
  using Told = SubscriptionChanged::State;
  enum class State : std::uint8_t { waiting, pending, active, retrying, over };

  void belongs_to(SubscriptionId id);
  bool stands() const noexcept { return state_ == State::pending || state_ == State::active; }
  /// It stood long enough that its end is no sign of trouble.
  bool has_lasted(TimePoint now) const noexcept;
  std::error_code send(std::uint32_t expires, const std::optional<Flow>& flow, TimePoint now);
  RequestWriter write(NextHop& hop, bool refer, std::uint32_t expires);
  DigestClient& digest();
  void succeeded(const ResponseArrived& event, TimePoint now);
  void refused(const Message& response, TimePoint now);
  void granted(std::uint32_t expires, TimePoint now);
  void terminated(const Message& notify, TimePoint now);
  /// Over, and asked for anew where that makes sense: at once, or after `wait`.
  void over(std::string_view reason, Message message, std::error_code error, bool again,
            Duration wait, TimePoint now);
  void begin_anew();
  void tell(Told state, std::string_view reason, Message message, std::error_code error = {},
            Duration wait = {});
  void disarm();

  UserAgentContext& ua_;
  SubscriptionId id_;
  State state_ = State::waiting;
  SubscriptionOptions options_;
  std::optional<ReferOptions> refer_;  ///< this is a REFER
  CallId call_;                        ///< in whose dialog it was begun
  std::shared_ptr<Dialog> dialog_;     ///< null before the first NOTIFY, but within a call
  RequestHead head_;                   ///< outside dialogs
  DigestClient digest_;
  std::string event_;  ///< of a REFER that shares its dialog: "refer;id=93809823"
  SubscriptionId fork_of_;
  TxnId txn_;
  std::uint32_t cseq_ = 0;
  std::uint32_t refer_cseq_ = 0;  ///< of the REFER
  std::uint32_t expires_ = 0;     ///< asked for; rises to Min-Expires
  std::uint32_t asked_ = 0;       ///< by the SUBSCRIBE that is on its way
  TimePoint expires_at_{};
  TimePoint began_{};        ///< when it came to stand
  TimePoint forks_until_{};  ///< when Timer N of the first SUBSCRIBE ends
  std::size_t forks_ = 0;
  int too_brief_ = 0;      ///< 423s of this round
  unsigned failures_ = 0;  ///< in a row
  bool sending_ = false;   ///< SUBSCRIBE (or REFER) without a final response
  bool stood_ = false;     ///< there was a subscription once
  bool within_ = false;    ///< that one is in the dialog
  bool leaving_ = false;   ///< unsubscribe() was called
  bool leave_sent_ = false;
  bool told_expires_ = false;  ///< a NOTIFY said how long, behind the last SUBSCRIBE
  EventTimer refresh_{EventTimer::Role::refresh, UsageKind::subscription};
  EventTimer expiry_{EventTimer::Role::expiry, UsageKind::subscription};
  EventTimer no_notify_{EventTimer::Role::no_notify, UsageKind::subscription};
};

}  // namespace sipstack
