// SPDX-License-Identifier: Apache-2.0
// A SIP endpoint on Boost.Asio: one shard's core, its sockets and its timer, with calls that take any
// completion token. Includes nothing of Asio but async_result and forward declarations.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>

#include <boost/asio/async_result.hpp>

#include "sipstack/base/expected.hpp"
#include "sipstack/base/log.hpp"
#include "sipstack/core/core.hpp"
#include "sipstack/parser/sdp.hpp"

namespace boost::asio {
class io_context;
}

namespace sipstack {

using error_code = std::error_code;

class Endpoint;
struct EndpointState;

struct EndpointOptions : CoreOptions {
  LogHook log;
  std::string advertised_host;  ///< what others call us, where a wildcard is bound or NAT is between
  std::size_t max_connections = 2048;
  /// Every message sent or received, as it is on the wire; for traces and ladders. Lives for the call.
  std::function<void(bool sent, std::string_view bytes, const Flow& flow)> on_message;
};

/// A call that stands, or is being set up. A small copyable handle: {endpoint, slot, generation}. Once
/// the call or the endpoint is gone every member answers Errc::gone; none dangles.
/// Threads: the io_context's thread.
class Call {
 public:
  Call() = default;

  explicit operator bool() const noexcept;  ///< the call is still there
  std::string call_id() const;              ///< the Call-ID header field, "" when gone

  /// BYE, CANCEL or a refusal, by the call's state. on_ended() follows.
  error_code hang_up(std::string_view reason = {});
  /// A new offer in the dialog; the answer comes by on_answered().
  error_code reinvite(std::string_view sdp);
  /// A request within the call, e.g. INFO. The handler gets the final response.
  error_code request(std::string_view method, std::string_view content_type, std::string_view body,
                     std::function<void(error_code, Message)> done);

  /// Each replaces the one before; called on the io_context's thread, never from inside a command.
  void on_progress(std::function<void(const Message& response)> handler);
  void on_answered(std::function<void(const Message& response)> handler);  ///< also re-INVITEs of ours
  void on_reinvite(std::function<void(const Message& request)> handler);   ///< accept() or reject() it
  void on_request(std::function<void(TxnId, const Message& request)> handler);
  void on_ended(std::function<void(const CallEnded&)> handler);

  error_code accept(std::string_view sdp);                               ///< the re-INVITE that waits
  error_code reject(int status, std::string_view reason = {});
  error_code acknowledge(std::string_view sdp);                          ///< late offer: our answer

 private:
  friend class Endpoint;
  friend class IncomingCall;
  friend struct EndpointState;
  Call(std::weak_ptr<EndpointState> state, CallId id) : state_(std::move(state)), id_(id) {}
  std::weak_ptr<EndpointState> state_;
  CallId id_;
};

/// An INVITE that waits for an answer.
class IncomingCall {
 public:
  const Message& invite() const noexcept { return invite_; }
  /// The SDP offer, or nothing: then accept() carries our offer, and the answer comes with the ACK.
  expected<sdp::Session, ParseError> offer() const;
  Call call() const { return call_; }

  error_code ring(int status = 180, std::string_view sdp = {});
  error_code reject(int status, std::string_view reason = {}, const ExtraHeaders& headers = {});
  /// 200 with this SDP. The handler: (error_code, Call), when the ACK arrived or will not.
  template <class Token>
  auto async_accept(std::string_view sdp, Token&& token) {
    return boost::asio::async_initiate<Token, void(error_code, Call)>(
        [self = *this](auto handler, std::string body) mutable {
          auto shared = std::make_shared<decltype(handler)>(std::move(handler));
          self.accept(std::move(body), [shared](error_code ec, Call call) {
            std::move(*shared)(ec, std::move(call));
          });
        },
        token, std::string(sdp));
  }

 private:
  friend struct EndpointState;
  IncomingCall(Call call, Message invite) : call_(std::move(call)), invite_(std::move(invite)) {}
  void accept(std::string sdp, std::function<void(error_code, Call)> done);
  Call call_;
  Message invite_;
};

/// One shard. Threads: everything on the io_context's one thread. The io_context must live longer.
class Endpoint {
 public:
  explicit Endpoint(boost::asio::io_context& io, const EndpointOptions& options = {});
  ~Endpoint();
  Endpoint(Endpoint&&) noexcept;
  Endpoint& operator=(Endpoint&&) noexcept;

  /// "udp:0.0.0.0:5060", "tcp:[::1]:0": TRANSPORT:HOST:PORT. Gives the address that was bound.
  expected<SocketAddress, error_code> listen(std::string_view where);

  void on_invite(std::function<void(IncomingCall)> handler);
  /// Requests outside dialogs that the user agent does not answer by itself; answer with respond().
  void on_request(std::function<void(TxnId, const Message& request, const Flow&)> handler);
  error_code respond(TxnId txn, int status, std::string_view content_type = {},
                     std::string_view body = {}, const ExtraHeaders& headers = {});
  void on_registration(std::function<void(const RegistrationChanged&)> handler);

  /// Calls. The handler: (error_code, Call, Message): answered (the 2xx), or the refusal with
  /// Errc::cancelled, timeout, ... or a null code and a response >= 300. `progress` hears 1xx before.
  template <class Token>
  auto async_invite(CallOptions options, Token&& token,
                    std::function<void(Call, const Message&)> progress = {}) {
    return boost::asio::async_initiate<Token, void(error_code, Call, Message)>(
        [this](auto handler, CallOptions o, std::function<void(Call, const Message&)> p) {
          auto shared = std::make_shared<decltype(handler)>(std::move(handler));
          invite(std::move(o), std::move(p), [shared](error_code ec, Call call, Message m) {
            std::move(*shared)(ec, std::move(call), std::move(m));
          });
        },
        token, std::move(options), std::move(progress));
  }
  /// The same without a token: the call handle at once, and handlers.
  expected<Call, error_code> invite(CallOptions options,
                                    std::function<void(Call, const Message&)> progress,
                                    std::function<void(error_code, Call, Message)> done);

  /// One request outside dialogs. The handler: (error_code, Message), the final response.
  template <class Token>
  auto async_request(std::string method, RequestOptions options, Token&& token) {
    return boost::asio::async_initiate<Token, void(error_code, Message)>(
        [this](auto handler, std::string m, RequestOptions o) {
          auto shared = std::make_shared<decltype(handler)>(std::move(handler));
          request(m, std::move(o), [shared](error_code ec, Message response) {
            std::move(*shared)(ec, std::move(response));
          });
        },
        token, std::move(method), std::move(options));
  }
  void request(std::string_view method, RequestOptions options,
               std::function<void(error_code, Message)> done);

  /// A registration that is kept alive. The handler: (error_code, RegistrationId, Message) for the first
  /// outcome; later ones by on_registration().
  template <class Token>
  auto async_register(RegistrationOptions options, Token&& token) {
    return boost::asio::async_initiate<Token, void(error_code, RegistrationId, Message)>(
        [this](auto handler, RegistrationOptions o) {
          auto shared = std::make_shared<decltype(handler)>(std::move(handler));
          register_with(std::move(o), [shared](error_code ec, RegistrationId id, Message m) {
            std::move(*shared)(ec, id, std::move(m));
          });
        },
        token, std::move(options));
  }
  void register_with(RegistrationOptions options,
                     std::function<void(error_code, RegistrationId, Message)> done);
  error_code unregister(RegistrationId registration);

  /// Hangs up all calls, removes all registrations, closes all sockets; `done` when that is over, or
  /// after `limit`.
  void shut_down(Duration limit, std::function<void()> done);

  Core& core() noexcept;

 private:
  std::shared_ptr<EndpointState> state_;
};

}  // namespace sipstack
