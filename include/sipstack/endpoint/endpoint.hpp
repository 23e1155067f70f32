// SPDX-License-Identifier: Apache-2.0
// A SIP endpoint on Boost.Asio: one shard's core, its sockets and its timer, with calls that take
// any completion token. Includes nothing of Asio but what completion.hpp needs.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sipstack/base/expected.hpp"
#include "sipstack/base/log.hpp"
#include "sipstack/core/core.hpp"
#include "sipstack/endpoint/call.hpp"
#include "sipstack/endpoint/completion.hpp"
#include "sipstack/endpoint/resolver.hpp"
#include "sipstack/endpoint/subscription.hpp"
#include "sipstack/transport/transport.hpp"

namespace boost::asio {
class io_context;
}

namespace sipstack {

struct EndpointOptions : CoreOptions {
  LogHook log;
  /// What others call us, where a wildcard is bound or NAT is between.
  std::string advertised_host;
  TransportOptions transport;
  ResolverOptions resolver;
  /// Every message sent or received, as it is on the wire; for traces and ladders. The bytes live
  /// for the call, which must not call back into the stack.
  std::function<void(bool sent, std::string_view bytes, const Flow& flow)> on_message;
};

/// One shard. Threads: everything on the io_context's one thread. The io_context must live longer.
///
/// Handlers are called on that thread, last, when every object is in a legal state; never from
/// inside a command. They may issue any command and destroy the endpoint. Destruction closes
/// everything at once and drops handlers that wait; shut_down() first is the polite way. Handlers
/// of async_ calls get a boost::system::error_code; a sipstack::error_code takes it. Operations are begun,
/// and their cancellation slots signalled, on the io_context's thread; a handler with an executor of its own
/// is dispatched to that. Operations begun behind the end of shut_down() get Errc::gone.
class Endpoint {
 public:
  explicit Endpoint(boost::asio::io_context& io, const EndpointOptions& options = {});
  ~Endpoint();
  Endpoint(Endpoint&&) noexcept;
  Endpoint& operator=(Endpoint&&) noexcept;

  /// "udp:0.0.0.0:5060", "tcp:[::1]:0", "tls:...", "ws:...", "wss:...": TRANSPORT:HOST:PORT, HOST an
  /// address or a name of this machine; port 0 takes a free one. Gives the address that was bound.
  /// invalid_argument for text that is none of this; TlsErrc where tls and wss lack a certificate; else
  /// what the system says.
  expected<SocketAddress, error_code> listen(std::string_view where);

  /// A transport of the user's own instead of our sockets for `transport`; see Carrier. It is one of our
  /// addresses at once. Errors: address_in_use.
  error_code plug(Transport transport, std::shared_ptr<Carrier> carrier);

  /// Keeps a flow alive from our side, by which a message came or goes; see Transports::keep_alive().
  error_code keep_alive(const Flow& flow, Duration interval);
  /// Hears of connections, and of UDP flows that are kept alive, when they are gone: time to register
  /// again (RFC 5626 section 4.4). `error` is empty where the peer closed in good order.
  void on_flow_closed(std::function<void(const Flow&, error_code)> handler);

  /// Reads the certificates of EndpointOptions::transport.tls again: connections that come after use
  /// them, those that are up go on. Errors: of tls_category(); then all stays as it was.
  error_code reload_tls();

  /// Calls. Without a handler they are refused with 480.
  void on_invite(std::function<void(IncomingCall)> handler);
  /// Requests outside dialogs that the user agent does not answer by itself; answer with respond().
  /// Without a handler: 501.
  void on_request(std::function<void(TxnId, const Message& request, const Flow&)> handler);
  error_code respond(TxnId txn, int status, std::string_view content_type = {},
                     std::string_view body = {}, const ExtraHeaders& headers = {});
  /// For a request that ProxyOptions::decide or ::number left open; see Proxy::decide(). wrong_state where
  /// there is no proxy.
  error_code decide(ProxyRequestId request, const Decision& decision);
  /// What becomes of registrations after their first outcome.
  void on_registration(std::function<void(const RegistrationChanged&)> handler);

  /// Calls somebody. Handler: void(error, Call, Message): the 2xx that answers, the response >= 300
  /// that refuses (the error is empty, and the call gone), or an error and no response:
  /// Errc::cancelled, timeout, ... Errc::challenged_again comes with the response that challenged.
  /// `progress` hears 1xx before; 100 too, once. Cancelled: CANCEL, and Errc::cancelled once that has
  /// taken effect.
  template <class Token>
  auto async_invite(CallOptions options, Token&& token,
                    std::function<void(Call, const Message&)> progress = {}) {
    return detail::initiate<void(boost::system::error_code, Call, Message)>(
        [state = weak(), options = std::move(options), progress = std::move(progress)](
            auto done, detail::CancellationSlot slot) mutable {
          if (const auto live = state.lock())
            start_invite(*live, options, std::move(progress), std::move(done), slot);
        },
        std::forward<Token>(token));
  }
  /// The same without a token: the call's handle at once. Where this gives an error `done` is not
  /// called.
  expected<Call, error_code> invite(const CallOptions& options,
                                    std::function<void(Call, const Message&)> progress,
                                    std::function<void(error_code, Call, Message)> done);

  /// One request outside dialogs. Handler: void(error, Message): the final response or an error.
  /// Cancelled: nobody waits for the response any more (RFC 3261 section 9.1 has no CANCEL for these).
  template <class Token>
  auto async_request(std::string method, RequestOptions options, Token&& token) {
    return detail::initiate<void(boost::system::error_code, Message)>(
        [state = weak(), method = std::move(method), options = std::move(options)](
            auto done, detail::CancellationSlot slot) {
          if (const auto live = state.lock())
            start_request(*live, method, options, std::move(done), slot);
        },
        std::forward<Token>(token));
  }

  /// A registration that is kept alive. Handler: void(error, RegistrationId, Message) for the first
  /// outcome, a refusal being a response >= 300 without an error; later ones by on_registration().
  /// Cancelled: unregisters, and on_registration() tells of that.
  template <class Token>
  auto async_register(RegistrationOptions options, Token&& token) {
    return detail::initiate<void(boost::system::error_code, RegistrationId, Message)>(
        [state = weak(), options = std::move(options)](auto done, detail::CancellationSlot slot) {
          if (const auto live = state.lock()) start_register(*live, options, std::move(done), slot);
        },
        std::forward<Token>(token));
  }
  /// One registration for each outbound proxy; see UserAgent::add_flows(). All outcomes come by
  /// on_registration(). Flows are kept alive, and formed anew when they fail, by themselves.
  expected<std::vector<RegistrationId>, error_code> register_flows(
      const RegistrationOptions& options, const std::vector<std::string>& outbound_proxies);
  /// Service-Route, GRUUs and Contact of a registration that stands; see RequestOptions::registration, too.
  std::optional<Registered> registered(RegistrationId registration) const;
  /// Removes the bindings; on_registration() tells, or the first outcome's handler where it still
  /// waits.
  error_code unregister(RegistrationId registration);
  /// The same with a token. Handler: void(error, Message) when they are removed: the response, where one
  /// came. One at a time for each registration.
  template <class Token>
  auto async_unregister(RegistrationId registration, Token&& token) {
    return detail::initiate<void(boost::system::error_code, Message)>(
        [state = weak(), registration](auto done, detail::CancellationSlot slot) {
          if (const auto live = state.lock())
            start_unregister(*live, registration, std::move(done), slot);
        },
        std::forward<Token>(token));
  }

  // subscriptions, transfer, publications

  /// Subscribes. The first NOTIFY, or what came instead, is told by the handles' on_changed().
  expected<Subscription, error_code> subscribe(const SubscriptionOptions& options);
  /// The same with a token. Handler: void(error, Subscription, Message) once the subscription stands or
  /// waits for approval: the NOTIFY; where there is none, the response that refused (the error is empty,
  /// and the subscription gone), the NOTIFY of a fetch, or an error and no message. Further ones by
  /// Subscription::async_notify(). Cancelled: unsubscribes.
  template <class Token>
  auto async_subscribe(SubscriptionOptions options, Token&& token) {
    return detail::initiate<void(boost::system::error_code, Subscription, Message)>(
        [state = weak(), options = std::move(options)](auto done, detail::CancellationSlot slot) {
          if (const auto live = state.lock())
            start_subscribe(*live, options, std::move(done), slot);
        },
        std::forward<Token>(token));
  }
  /// REFER outside any call; see Call::refer().
  expected<Subscription, error_code> refer(const ReferOptions& options);
  /// See Call::async_refer().
  template <class Token>
  auto async_refer(ReferOptions options, Token&& token) {
    return detail::initiate<void(boost::system::error_code, int)>(
        [state = weak(), options = std::move(options)](auto done, detail::CancellationSlot slot) {
          if (const auto live = state.lock()) start_refer(*live, options, std::move(done), slot);
        },
        std::forward<Token>(token));
  }
  /// Subscriptions with us, to NotifierOptions::packages. Without a handler: 480.
  void on_subscribe(std::function<void(Notifier, const Message& request)> handler);
  /// REFER, where NotifierOptions::refer is set; `call` is empty outside calls. Without a handler: 603.
  void on_refer(std::function<void(Notifier referral, Call call, const Message& request)> handler);

  /// Publishes state and keeps it published. Handler: void(error, Publication, Message) for the first
  /// outcome, a refusal being a response >= 300 without an error; later ones by
  /// Publication::on_changed(). Cancelled: removes it.
  template <class Token>
  auto async_publish(PublicationOptions options, Token&& token) {
    return detail::initiate<void(boost::system::error_code, Publication, Message)>(
        [state = weak(), options = std::move(options)](auto done, detail::CancellationSlot slot) {
          if (const auto live = state.lock()) start_publish(*live, options, std::move(done), slot);
        },
        std::forward<Token>(token));
  }

  /// Hangs up all calls, removes all registrations, subscriptions and publications, closes all sockets; `done` when that is over,
  /// or after `limit`. Nothing more comes by other handlers once `done` was called.
  void shut_down(Duration limit, std::function<void()> done);
  /// The same with a token. Handler: void(error); Errc::wrong_state where it is ending already.
  template <class Token>
  auto async_shut_down(Duration limit, Token&& token) {
    return detail::initiate<void(boost::system::error_code)>(
        [state = weak(), limit](auto done, detail::CancellationSlot) {
          if (const auto live = state.lock()) start_shut_down(*live, limit, std::move(done));
        },
        std::forward<Token>(token));
  }

  /// Another EndpointOptions::on_message, or none.
  void on_message(std::function<void(bool sent, std::string_view bytes, const Flow&)> hook);

  /// Our address as `remote` would see it: for the c= line of an offer, say.
  expected<SocketAddress, error_code> local_toward(Transport transport,
                                                   const SocketAddress& remote) const;

  /// The protocol itself, to look at (counters, ...). What commands given there lead to goes out
  /// with the next input.
  Core& core() noexcept;
  /// Sends what commands given to core() have led to, at once. On the endpoint's thread.
  void flush();
  const TransportCounters& transport_counters() const noexcept;

 private:
  friend class ShardedEndpoint;
  explicit Endpoint(std::shared_ptr<EndpointState> state) noexcept;

  // of operations: `done` once, and what the slot cancels until then
  using Slot = detail::CancellationSlot;
  static void start_invite(EndpointState& state, const CallOptions& options,
                           std::function<void(Call, const Message&)> progress,
                           std::function<void(error_code, Call, Message)> done, Slot slot);
  static void start_request(EndpointState& state, std::string_view method,
                            const RequestOptions& options,
                            std::function<void(error_code, Message)> done, Slot slot);
  static void start_register(EndpointState& state, const RegistrationOptions& options,
                             std::function<void(error_code, RegistrationId, Message)> done,
                             Slot slot);
  static void start_unregister(EndpointState& state, RegistrationId registration,
                               std::function<void(error_code, Message)> done, Slot slot);
  static void start_subscribe(EndpointState& state, const SubscriptionOptions& options,
                              std::function<void(error_code, Subscription, Message)> done,
                              Slot slot);
  static void start_refer(EndpointState& state, const ReferOptions& options,
                          std::function<void(error_code, int)> done, Slot slot);
  static void start_publish(EndpointState& state, const PublicationOptions& options,
                            std::function<void(error_code, Publication, Message)> done, Slot slot);
  static void start_shut_down(EndpointState& state, Duration limit,
                              std::function<void(error_code)> done);
  /// Operations that have not begun yet, or wait in a coroutine's frame, do not keep the endpoint.
  std::weak_ptr<EndpointState> weak() const noexcept { return state_; }
  std::shared_ptr<EndpointState> state_;
};

}  // namespace sipstack
