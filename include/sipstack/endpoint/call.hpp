// SPDX-License-Identifier: Apache-2.0
// Calls as a user holds them. Includes nothing of Asio but what completion.hpp needs.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "sipstack/base/expected.hpp"
#include "sipstack/dialog/user_agent.hpp"
#include "sipstack/endpoint/completion.hpp"
#include "sipstack/parser/sdp.hpp"

namespace sipstack {

/// Commands give std::error_code. Handlers of asynchronous operations are called with Boost's,
/// which converts to it: so futures and coroutines throw as they do for Asio's own operations.
using error_code = std::error_code;

class Endpoint;
class Subscription;
struct EndpointState;

/// A call that stands, or is being set up. A small copyable handle: {endpoint, slot, generation}.
/// Once the call or the endpoint is gone, commands give Errc::gone and setters do nothing; none
/// dangles. Threads: the io_context's thread.
///
/// Handlers: each setter replaces the handler before. They are called on the io_context's thread,
/// never from inside a command, and may issue any command, destroy the endpoint included.
class Call {
 public:
  Call() = default;

  explicit operator bool() const noexcept;  ///< the call is still there
  /// The Call-ID header field; "" when the call is gone, in on_ended() too: see CallEnded::message.
  std::string call_id() const;

  /// BYE, CANCEL or a refusal, by the call's state. on_ended() follows.
  error_code hang_up(std::string_view reason = {});
  /// A new offer in the dialog; its outcome comes by on_answered() or on_reinvite_failed().
  error_code reinvite(std::string_view sdp);
  error_code reinvite(const sdp::Session& offer);
  /// UPDATE (RFC 3311), with an offer where `sdp` isn't empty; also before the call is answered. Its
  /// outcome comes by on_updated().
  error_code update(std::string_view sdp = {});
  error_code update(const sdp::Session& offer);
  /// Puts the peer on hold, or takes it back, with the description that we gave last; as reinvite().
  error_code hold();
  error_code resume();
  /// A request within the call, e.g. INFO. `done` gets the final response.
  error_code request(std::string_view method, std::string_view content_type, std::string_view body,
                     std::function<void(error_code, Message)> done);

  // The same with completion tokens. Handlers: void(error, ...), an error being Errc::cancelled where the
  // call ended first, Errc::gone where it was over already. As everywhere, a refusal is a response >= 300
  // without an error. Where the endpoint is gone there is no handler any more. Cancelled: nobody waits for
  // the outcome any more; what is on its way goes on.

  /// Handler: void(error, Message): the final response.
  template <class Token>
  auto async_request(std::string method, std::string content_type, std::string body,
                     Token&& token) {
    return detail::initiate<void(boost::system::error_code, Message)>(
        [self = *this, method = std::move(method), type = std::move(content_type),
         body = std::move(body)](auto done, Slot slot) {
          self.start_request(method, type, body, std::move(done), slot);
        },
        std::forward<Token>(token));
  }
  /// Handler: void(error, Message): the 2xx with the answer (the offer, where `sdp` is empty: acknowledge()
  /// it), or the refusal. The handlers on_answered() and on_reinvite_failed() are called as well.
  template <class Token>
  auto async_reinvite(std::string sdp, Token&& token) {
    return detail::initiate<void(boost::system::error_code, Message)>(
        [self = *this, sdp = std::move(sdp)](auto done, Slot slot) {
          self.start_reinvite(Change::offer, sdp, std::move(done), slot);
        },
        std::forward<Token>(token));
  }
  template <class Token>
  auto async_hold(Token&& token) {
    return detail::initiate<void(boost::system::error_code, Message)>(
        [self = *this](auto done, Slot slot) {
          self.start_reinvite(Change::hold, {}, std::move(done), slot);
        },
        std::forward<Token>(token));
  }
  template <class Token>
  auto async_resume(Token&& token) {
    return detail::initiate<void(boost::system::error_code, Message)>(
        [self = *this](auto done, Slot slot) {
          self.start_reinvite(Change::resume, {}, std::move(done), slot);
        },
        std::forward<Token>(token));
  }
  /// Handler: void(error, Message): see on_updated(), which hears it as well.
  template <class Token>
  auto async_update(std::string sdp, Token&& token) {
    return detail::initiate<void(boost::system::error_code, Message)>(
        [self = *this, sdp = std::move(sdp)](auto done, Slot slot) {
          self.start_update(sdp, std::move(done), slot);
        },
        std::forward<Token>(token));
  }
  /// Handler: void(error, CallEnded), when the call is over, whoever ends it.
  template <class Token>
  auto async_ended(Token&& token) {
    return detail::initiate<void(boost::system::error_code, CallEnded)>(
        [self = *this](auto done, Slot slot) { self.start_wait(std::move(done), slot); },
        std::forward<Token>(token));
  }
  /// hang_up() and async_ended().
  template <class Token>
  auto async_hang_up(Token&& token, std::string reason = {}) {
    return detail::initiate<void(boost::system::error_code, CallEnded)>(
        [self = *this, reason = std::move(reason)](auto done, Slot slot) mutable {
          self.hang_up(reason);
          self.start_wait(std::move(done), slot);
        },
        std::forward<Token>(token));
  }
  /// refer(), and what became of it. Handler: void(error, int): the final status that the far end told, or
  /// with which it refused to be referred.
  template <class Token>
  auto async_refer(ReferOptions options, Token&& token) {
    return detail::initiate<void(boost::system::error_code, int)>(
        [self = *this, options = std::move(options)](auto done, Slot slot) {
          self.start_refer(options, std::move(done), slot);
        },
        std::forward<Token>(token));
  }

  /// Refers the far end elsewhere: blind transfer, or, with other.refer_to(), attended. What becomes of it
  /// is told by the subscription; the call stays until somebody hangs up.
  expected<Subscription, error_code> refer(const ReferOptions& options);
  /// See UserAgent::refer_to(); "" where there is no confirmed dialog.
  std::string refer_to() const;
  /// Subscribes within the dialog of the call (RFC 5057).
  expected<Subscription, error_code> subscribe(const SubscriptionOptions& options);

  // the peer's re-INVITE that waits
  error_code accept(std::string_view sdp);
  error_code accept(const sdp::Session& answer);
  error_code reject(int status, std::string_view reason = {});
  // the peer's UPDATE, or the offer in its PRACK, that waits: see on_offer()
  error_code accept_offer(std::string_view sdp);
  error_code accept_offer(const sdp::Session& answer);
  error_code reject_offer(int status);
  /// Our answer to the offer that a 2xx or a reliable provisional brought, where our INVITE had none.
  error_code acknowledge(std::string_view sdp);
  error_code acknowledge(const sdp::Session& answer);

  void on_progress(std::function<void(const Message& response)> handler);  ///< 1xx to our INVITE
  void on_answered(std::function<void(const Message& response)> handler);  ///< 2xx to our re-INVITE
  void on_reinvite_failed(std::function<void(const ReinviteFailed&)> handler);
  /// Without a handler it is refused with 488, and the call goes on as it was.
  void on_reinvite(std::function<void(const Message& request)> handler);
  /// An offer in an UPDATE or PRACK: accept_offer() or reject_offer(). Without a handler it is refused
  /// with 488.
  void on_offer(std::function<void(const Message& request)> handler);
  void on_updated(std::function<void(const UpdateCompleted&)> handler);
  /// PRACK for a reliable provisional of ours, with the answer where that held the offer.
  void on_provisional_acknowledged(std::function<void(const Message& prack)> handler);
  /// 2xx to a refresh that the session timer has sent (RFC 4028).
  void on_refreshed(std::function<void(const Message& response)> handler);
  /// ACK for a 2xx of ours, with the answer where the 2xx held the offer.
  void on_confirmed(std::function<void(const Message& ack)> handler);
  /// A request that the user agent does not answer by itself: Endpoint::respond(). Without a
  /// handler: 501.
  void on_request(std::function<void(TxnId, const Message& request)> handler);
  void on_ended(std::function<void(const CallEnded&)> handler);

  friend bool operator==(const Call& a, const Call& b) noexcept {
    return a.id_ == b.id_ && !a.state_.owner_before(b.state_) && !b.state_.owner_before(a.state_);
  }
  friend bool operator!=(const Call& a, const Call& b) noexcept { return !(a == b); }

 private:
  friend struct EndpointState;
  friend class IncomingCall;
  using Slot = detail::CancellationSlot;
  enum class Change : std::uint8_t { offer, hold, resume };
  void start_request(std::string_view method, std::string_view content_type, std::string_view body,
                     std::function<void(error_code, Message)> done, Slot slot) const;
  void start_reinvite(Change change, std::string_view sdp,
                      std::function<void(error_code, Message)> done, Slot slot) const;
  void start_update(std::string_view sdp, std::function<void(error_code, Message)> done,
                    Slot slot) const;
  void start_wait(std::function<void(error_code, CallEnded)> done, Slot slot) const;
  void start_refer(const ReferOptions& options, std::function<void(error_code, int)> done,
                   Slot slot) const;
  Call(std::weak_ptr<EndpointState> state, CallId id) : state_(std::move(state)), id_(id) {}
  std::weak_ptr<EndpointState> state_;
  CallId id_;
};

/// A call that waits for our answer: ring(), then reject() or async_accept(). Copyable; kept as
/// long as one likes. Where the caller has gone meanwhile ring() and reject() do nothing:
/// Call::on_ended() tells.
class IncomingCall {
 public:
  const Message& invite() const noexcept { return invite_; }
  /// The SDP offer. bad_body where it can't be read, or where there is none: then async_accept()
  /// takes an offer of ours, and the answer comes with the ACK, by Call::on_confirmed().
  expected<sdp::Session, ParseError> offer() const;
  /// True where the INVITE has an SDP body.
  bool has_offer() const noexcept;
  Call call() const { return call_; }

  /// `reliable`: by RFC 3262, where the caller can; see UserAgent::ring().
  void ring(int status = 180, std::string_view sdp = {}, bool reliable = false);
  void reject(int status, std::string_view reason = {}, const ExtraHeaders& headers = {});

  /// 200 with this SDP. Handler: void(boost::system::error_code, Call), when the ACK has come or
  /// will not. Cancelled: hangs up.
  template <class Token>
  auto async_accept(std::string sdp, Token&& token) {
    return detail::initiate<void(boost::system::error_code, Call)>(
        [self = *this, sdp = std::move(sdp)](auto done, detail::CancellationSlot slot) mutable {
          self.accept(sdp, std::move(done), slot);
        },
        std::forward<Token>(token));
  }
  template <class Token>
  auto async_accept(const sdp::Session& answer, Token&& token) {
    return async_accept(answer.to_string(), std::forward<Token>(token));
  }

 private:
  friend struct EndpointState;
  IncomingCall(Call call, Message invite) : call_(std::move(call)), invite_(std::move(invite)) {}
  void accept(std::string_view sdp, std::function<void(error_code, Call)> done,
              detail::CancellationSlot slot);
  Call call_;
  Message invite_;
};

}  // namespace sipstack
