// SPDX-License-Identifier: Apache-2.0
// What an endpoint is made of: core, sockets, resolver, one timer, and the handlers of its user.
//
// The way of an input: core, then what the core wants sent, then the user's handlers. Commands
// given by a handler come back here, are flushed at once and add their events to the queue that is
// being drained: nothing recurses.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "endpoint/event_records.hpp"
#include "endpoint/handler_slot.hpp"
#include "endpoint/posted_location.hpp"
#include "endpoint/shard_hub.hpp"
#include "sipstack/core/core.hpp"
#include "sipstack/endpoint/endpoint.hpp"
#include "sipstack/endpoint/resolver.hpp"
#include "sipstack/endpoint/system_random.hpp"
#include "sipstack/transport/transport.hpp"

namespace sipstack {

/// What a user has hung on one call.
struct CallRecord {
  OnceSlot<error_code, Call, Message> invited;  ///< of our INVITE
  OnceSlot<error_code, Call> accepted;          ///< of async_accept()
  HandlerSlot<Call, const Message&> first_progress;
  HandlerSlot<const Message&> progress;
  HandlerSlot<const Message&> answered;
  HandlerSlot<const ReinviteFailed&> reinvite_failed;
  HandlerSlot<const Message&> reinvited;
  HandlerSlot<const Message&> offered;
  HandlerSlot<const UpdateCompleted&> updated;
  HandlerSlot<const Message&> pracked;
  HandlerSlot<const Message&> refreshed;
  HandlerSlot<const Message&> confirmed;
  HandlerSlot<TxnId, const Message&> requested;
  HandlerSlot<const CallEnded&> ended;
  // of operations with tokens
  OnceSlot<error_code, Message> reinvite_done;
  OnceSlot<error_code, Message> update_done;
  std::vector<std::pair<std::uint64_t, std::function<void(error_code, CallEnded)>>> waits;
};

struct EndpointState final : TransportHandler, std::enable_shared_from_this<EndpointState> {
  EndpointState(boost::asio::io_context& context, const EndpointOptions& given);
  /// One of several shards; `own` is its options but for what being one of several means.
  EndpointState(boost::asio::io_context& context, const EndpointOptions& own,
                std::shared_ptr<ShardHub> others, std::uint32_t index);

  // inputs
  void received(std::string_view bytes, const Flow& flow) override;
  void stream_error(const ParseError& error, std::string_view bytes, const Flow& flow) override;
  void send_failed(std::uint64_t token, std::error_code error) override;
  void request_lost(std::uint64_t token) override;
  void closed(const Flow& flow, std::error_code error) override;
  void handshake_failed(const Flow& flow, std::error_code error) override;
  void connect_failed(const Flow& flow, std::error_code error) override;
  void waiting(Duration without_break) override;
  void batch_end() override;
  void timer_expired();
  /// From another shard; batch_end() follows.
  void take_over(std::uint32_t from, const Handover& entry, std::string_view bytes);
  bool passed_on(Handover::Kind what, std::uint64_t token, std::error_code error);
  TxnId transaction(std::uint64_t token) const noexcept;

  TimePoint now() const noexcept;
  /// Where a command of the user ends: what it led to goes out. Events wait until it has returned.
  void commanded();
  /// Runs f on the io_context's thread as handlers are run, unless the endpoint is gone by then.
  void tell_later(std::function<void()> f = {});
  /// The same, behind the end of shut_down() too: for operations that are refused with Errc::gone.
  void refuse_later(std::function<void()> f);
  /// While the operation waits, a signal of its slot carries out command(state).
  template <class Command>
  void on_cancel(detail::CancellationSlot slot, Command command);

  /// To the socket, which may be another shard's.
  void send(const Transmit& out);
  /// Sends, asks the resolver, re-arms the timer.
  void flush();
  void name_ourselves(const std::vector<Flow>& targets);
  /// Hands every event to its handler.
  void tell();
  /// The same where sockets wait for the call to return: what a handler throws comes out of the
  /// io_context's run() all the same, but not through them.
  void tell_guarded();
  /// The end: sockets, lookups and timer go, handlers stay uncalled.
  void close();
  void finish_when_idle();
  void finish();

  // one for each UserEvent
  void on(CallArrived& event);
  void on(CallProgress& event);
  void on(CallAnswered& event);
  void on(CallConfirmed& event);
  void on(CallReinvited& event);
  void on(ReinviteFailed& event);
  void on(OfferWithdrawn&) {}  // what is said to it comes too late, and is told so
  void on(CallRequest& event);
  void on(ProvisionalAcknowledged& event);
  void on(OfferReceived& event);
  void on(UpdateCompleted& event);
  void on(SessionRefreshed& event);
  void on(CallEnded& event);
  void on(RequestReceived& event);
  void on(RequestCompleted& event);
  void on(RegistrationChanged& event);
  void on(KeepFlowAlive& event);
  // of subscriptions (event_handlers.cpp)
  void on(NotifyReceived& event);
  void on(SubscriptionChanged& event);
  void on(SubscriptionForked& event);
  void on(SubscriptionArrived& event);
  void on(ReferArrived& event);
  void on(NotifierEnded& event);
  void on(PublicationChanged& event);

  std::shared_ptr<CallRecord> call(CallId id) const;
  Call handle(CallId id) { return {weak_from_this(), id}; }
  Subscription handle(SubscriptionId id) { return {weak_from_this(), id}; }
  Notifier handle(NotifierId id) { return {weak_from_this(), id}; }
  Publication handle(PublicationId id) { return {weak_from_this(), id}; }
  UserAgent& agent() noexcept { return core.user_agent(); }

  boost::asio::io_context& io;
  EndpointOptions options;
  std::shared_ptr<ShardHub> hub;  ///< null: there is but one
  std::uint32_t shard = 0;
  std::chrono::steady_clock::time_point origin = std::chrono::steady_clock::now();
  SystemRandom random;
  std::unique_ptr<PostedLocation> location;  ///< null: the core has its own
  Core core;
  std::unique_ptr<Transports> transports;
  std::unique_ptr<Resolver> resolver;
  boost::asio::steady_timer timer;
  TimePoint armed = kNever;  ///< what `timer` waits for
  boost::asio::steady_timer limit;
  bool telling = false;
  bool closed_down = false;
  bool ending = false;

  HandlerSlot<IncomingCall> invited;
  HandlerSlot<TxnId, const Message&, const Flow&> requested;
  HandlerSlot<const RegistrationChanged&> registration;
  HandlerSlot<const Flow&, error_code> flow_closed;
  std::function<void()> ended;
  std::unordered_map<CallId, std::shared_ptr<CallRecord>, HandleHash> calls;
  std::unordered_map<RequestId, std::function<void(error_code, Message)>, HandleHash> requests;
  std::unordered_map<RegistrationId, std::function<void(error_code, RegistrationId, Message)>,
                     HandleHash>
      registrations;
  std::unordered_map<RegistrationId, std::function<void(error_code, Message)>, HandleHash>
      unregistrations;
  EventRecords events;
  std::uint64_t waits = 0;  ///< numbers of CallRecord::waits
};

template <class Command>
void EndpointState::on_cancel(detail::CancellationSlot slot, Command command) {
  if (!slot.is_connected()) return;
  slot.assign([weak = weak_from_this(), command](boost::asio::cancellation_type type) {
    const auto self = weak.lock();
    if (type == boost::asio::cancellation_type::none || !self || self->closed_down) return;
    command(*self);
    self->commanded();
  });
}

/// For handles: command(state, now) where the endpoint lives, and flushed; its outcome, or Errc::gone.
template <class Command>
error_code carry_out(const std::weak_ptr<EndpointState>& weak, Command command) {
  const auto state = weak.lock();
  if (!state || state->closed_down) return Errc::gone;
  const error_code error = command(*state, state->now());
  state->commanded();
  return error;
}

}  // namespace sipstack
