// SPDX-License-Identifier: Apache-2.0
// Somebody's subscription with us, or a REFER that we got: its dialog, its state, and one NOTIFY at a time.
// RFC 6665 section 4.2, RFC 3515 section 2.4.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "dialog/dialog_table.hpp"
#include "dialog/event_timer.hpp"
#include "sipstack/dialog/dialog.hpp"
#include "sipstack/dialog/user_agent.hpp"

namespace sipstack {

struct UserAgentContext;

class ServerSubscription {
 public:
  explicit ServerSubscription(UserAgentContext& ua) noexcept : ua_(ua) {}

  /// A SUBSCRIBE or REFER that waits for the application. `expires`: what is granted.
  void arrived(NotifierId id, std::shared_ptr<Dialog> dialog, CallId call, std::string event,
               std::uint32_t expires, const RequestArrived& request);

  // commands
  std::error_code accept(bool pending, std::string_view content_type, std::string_view body,
                         const ExtraHeaders& headers, TimePoint now);
  std::error_code reject(int status, const ExtraHeaders& headers, TimePoint now);
  std::error_code notify(std::string_view content_type, std::string_view body,
                         const ExtraHeaders& headers, TimePoint now);
  std::error_code terminate(std::string_view reason, std::uint32_t retry_after,
                            std::string_view content_type, std::string_view body, TimePoint now);
  /// What became of a referral; sent at the next wake().
  std::error_code report(int status, std::string_view reason, std::string_view lines = {});
  void shut_down(TimePoint now);

  // events
  /// A SUBSCRIBE for this subscription; `expires` as above, 0: it ends.
  void refreshed(const RequestArrived& event, std::uint32_t expires, TimePoint now);
  void receive(const ResponseArrived& event, TimePoint now);
  void receive(const TxnFailed& event, TimePoint now);
  void expire(EventTimer::Role role, TimePoint now);
  /// What waits is sent soon: the call that kept it back may be over.
  void wake();

  bool is(const DialogId& id, std::string_view event) const;
  /// The same, also where it is ending.
  bool was(const DialogId& id, std::string_view event) const {
    return has_dialog(id) && same_event(event_, event);
  }
  bool has_dialog(const DialogId& id) const;
  bool referral() const noexcept { return referral_; }
  bool standing() const noexcept { return state_ == State::pending || state_ == State::active; }
  /// accept() or reject() is still owed.
  bool waits() const noexcept { return state_ == State::arrived; }
  const std::shared_ptr<Dialog>& dialog() const noexcept { return dialog_; }
  const Message& request() const noexcept { return request_; }
  CallId call() const noexcept { return call_; }

 private:
  enum class State : std::uint8_t { arrived, pending, active, terminating, over };

  ResponseWriter response(const RequestArrived& event, int status);
  void send_next(TimePoint now);
  std::error_code send_notify(TimePoint now);
  void finish(std::string_view reason, std::uint32_t retry_after, NotifierEnded::Cause cause);
  void end(NotifierEnded::Cause cause, int status, std::error_code error);
  std::uint32_t seconds_left(TimePoint now) const;

  UserAgentContext& ua_;
  NotifierId id_;
  State state_ = State::arrived;
  bool referral_ = false;
  std::shared_ptr<Dialog> dialog_;  ///< shared with the call in it and with other usages
  CallId call_;
  std::string event_;  ///< package and id, as NOTIFYs say it
  Message request_;    ///< while it waits, and of a referral until it has been followed
  TxnId request_txn_;
  Flow request_flow_;
  std::uint32_t granted_ = 0;
  TimePoint expires_at_{};

  std::string content_type_;  ///< the state as told last
  std::string body_;
  ExtraHeaders headers_;
  std::string reason_;  ///< of the last NOTIFY
  std::uint32_t retry_after_ = 0;
  NotifierEnded::Cause cause_ = NotifierEnded::Cause::terminated;

  TxnId notify_txn_;
  bool due_ = false;      ///< there is something to tell
  bool sending_ = false;  ///< a NOTIFY is on its way
  bool last_ = false;     ///< and it says "terminated"
  bool again_ = false;    ///< it was sent a second time, off a dead connection
  EventTimer expiry_{EventTimer::Role::expiry, UsageKind::notifier};
  EventTimer wake_{EventTimer::Role::wake, UsageKind::notifier};
};

/// Responses that end a subscription, to SUBSCRIBE (RFC 6665 section 4.1.2.2) as to NOTIFY (4.2.2).
inline bool ends_subscription(int status) noexcept {
  switch (status) {
    case 404:
    case 405:
    case 410:
    case 416:
    case 480:
    case 481:
    case 482:
    case 483:
    case 484:
    case 485:
    case 489:
    case 501:
    case 604: return true;
    default: return false;
  }
}

}  // namespace sipstack
