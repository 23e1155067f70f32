// SPDX-License-Identifier: Apache-2.0
// Subscriptions, referrals and publications as a user holds them: small copyable handles.
//
// Once what one names is gone, or the endpoint is, commands give Errc::gone and setters do nothing; none
// dangles. Threads: the io_context's thread. Handlers are called as those of Call are: never from inside a
// command, and they may issue any command, destroy the endpoint included. Each setter replaces the handler
// before. What comes before a handler was hung on is not told again.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <utility>

#include "sipstack/endpoint/call.hpp"
#include "sipstack/endpoint/completion.hpp"

namespace sipstack {

/// A subscription of ours, or the one that a REFER of ours made.
class Subscription {
 public:
  Subscription() = default;
  explicit operator bool() const noexcept;  ///< it is still there

  error_code refresh();      ///< asks for the state now
  error_code unsubscribe();  ///< on_changed() tells the end

  /// The next NOTIFY, by a completion token. Handler: void(error, Message); Errc::gone once the subscription
  /// is over. Of those that came while nobody waited, the last one, if there is no on_notify(); not the one
  /// that async_subscribe() gave. One operation at a time. Cancelled: nobody waits any more.
  template <class Token>
  auto async_notify(Token&& token) {
    return detail::initiate<void(boost::system::error_code, Message)>(
        [self = *this](auto done, detail::CancellationSlot slot) {
          self.start_notify(std::move(done), slot);
        },
        std::forward<Token>(token));
  }

  /// Each NOTIFY; it is answered already.
  void on_notify(std::function<void(const Message& notify)> handler);
  void on_changed(std::function<void(const SubscriptionChanged&)> handler);
  /// The SUBSCRIBE reached another notifier as well. Without a handler that one is unsubscribed from.
  void on_forked(std::function<void(Subscription fork)> handler);

  friend bool operator==(const Subscription& a, const Subscription& b) noexcept {
    return a.id_ == b.id_ && !a.state_.owner_before(b.state_) && !b.state_.owner_before(a.state_);
  }
  friend bool operator!=(const Subscription& a, const Subscription& b) noexcept {
    return !(a == b);
  }

 private:
  friend struct EndpointState;
  void start_notify(std::function<void(error_code, Message)> done,
                    detail::CancellationSlot slot) const;
  Subscription(std::weak_ptr<EndpointState> state, SubscriptionId id)
      : state_(std::move(state)), id_(id) {}
  std::weak_ptr<EndpointState> state_;
  SubscriptionId id_;
};

/// Somebody's subscription with us, or a REFER that we got: accept(), defer(), reject() or follow() it.
class Notifier {
 public:
  Notifier() = default;
  explicit operator bool() const noexcept;

  /// 200 (202 to REFER) and a NOTIFY with this state.
  error_code accept(std::string_view content_type = {}, std::string_view body = {},
                    const ExtraHeaders& headers = {});
  error_code defer();  ///< "pending" until accept() or reject()
  error_code reject(int status, const ExtraHeaders& headers = {});
  /// The state is another now; of several while a NOTIFY is on its way the latest is told.
  error_code notify(std::string_view content_type, std::string_view body,
                    const ExtraHeaders& headers = {});
  error_code terminate(std::string_view reason, std::string_view content_type = {},
                       std::string_view body = {}, std::uint32_t retry_after = 0);

  /// Accepts a REFER, calls Refer-To and tells the referrer what becomes of it; see UserAgent::follow().
  /// `progress` and `done` as of Endpoint::invite(). Where this gives an error `done` is not called, and
  /// the REFER still waits.
  expected<Call, error_code> follow(const CallOptions& options,
                                    std::function<void(Call, const Message&)> progress,
                                    std::function<void(error_code, Call, Message)> done);
  /// The same with a token. Handler: as of Endpoint::async_invite(); where it gets an error and the Call is
  /// empty, the REFER may still wait.
  template <class Token>
  auto async_follow(CallOptions options, Token&& token) {
    return detail::initiate<void(boost::system::error_code, Call, Message)>(
        [self = *this, options = std::move(options)](auto done, detail::CancellationSlot slot) {
          self.start_follow(options, std::move(done), slot);
        },
        std::forward<Token>(token));
  }
  /// What became of a referral that is followed otherwise; a final status is the last.
  error_code report(int status, std::string_view reason = {});

  void on_ended(std::function<void(const NotifierEnded&)> handler);

  friend bool operator==(const Notifier& a, const Notifier& b) noexcept {
    return a.id_ == b.id_ && !a.state_.owner_before(b.state_) && !b.state_.owner_before(a.state_);
  }
  friend bool operator!=(const Notifier& a, const Notifier& b) noexcept { return !(a == b); }

 private:
  friend struct EndpointState;
  void start_follow(const CallOptions& options, std::function<void(error_code, Call, Message)> done,
                    detail::CancellationSlot slot) const;
  Notifier(std::weak_ptr<EndpointState> state, NotifierId id) : state_(std::move(state)), id_(id) {}
  std::weak_ptr<EndpointState> state_;
  NotifierId id_;
};

/// State that we publish.
class Publication {
 public:
  Publication() = default;
  explicit operator bool() const noexcept;

  error_code modify(std::string_view content_type, std::string_view body);
  error_code remove();  ///< on_changed() tells
  /// After the first outcome.
  void on_changed(std::function<void(const PublicationChanged&)> handler);

 private:
  friend struct EndpointState;
  Publication(std::weak_ptr<EndpointState> state, PublicationId id)
      : state_(std::move(state)), id_(id) {}
  std::weak_ptr<EndpointState> state_;
  PublicationId id_;
};

}  // namespace sipstack
