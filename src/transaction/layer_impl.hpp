// SPDX-License-Identifier: Apache-2.0
// The inside of the transaction layer: what client.cpp, server.cpp, next_hop.cpp and layer.cpp share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "sipstack/transaction/layer.hpp"
#include "transaction/avoided.hpp"
#include "transaction/keys.hpp"
#include "transaction/slot_table.hpp"
#include "transaction/sources.hpp"
#include "transaction/transaction.hpp"

namespace sipstack {

/// Of one lookup; more are not tried.
inline constexpr std::size_t kMaxTargets = 16;

/// First in, first out; its storage is kept when it runs empty.
template <class T>
class OutQueue {
 public:
  /// Makes room for one more. False: there is no memory.
  bool reserve() noexcept {
    if (items_.size() < items_.capacity()) return true;
    try {
      items_.reserve(items_.empty() ? 16 : 2 * items_.size());
    } catch (const std::bad_alloc&) {
      return false;
    }
    return true;
  }
  /// Without memory the item is lost, as it might be on its way.
  void push(T&& item) noexcept {
    if (reserve()) items_.push_back(std::move(item));
  }
  bool pop(T& out) {
    if (first_ == items_.size()) return false;
    out = std::move(items_[first_]);
    if (++first_ == items_.size()) {
      items_.clear();
      first_ = 0;
    }
    return true;
  }

 private:
  std::vector<T> items_;
  std::size_t first_ = 0;
};

struct TransactionLayer::Impl {
  explicit Impl(TransactionLayer& owner);

  // ---- layer.cpp
  /// Null where there is no memory.
  Transaction* make(TxnKind kind, Method method) noexcept;
  void look_ahead() const noexcept;
  /// Destroys it, and an INVITE's CANCEL with it.
  void erase(Transaction& t) noexcept;
  void transmit(const Message& message, const Flow& flow, TxnId blame);

  struct Outcome {
    bool moved = false;  ///< there was an arrow
    bool told = false;
    bool timed_out = false;
    bool broken = false;  ///< the user is to hear of a transport error
  };
  struct Effects;
  /// Runs one input through the machine of t, with the message that brought it. Does not erase.
  Outcome drive(Transaction& t, fsm::Input input, TimePoint now, const Message& message = {});
  void start(Transaction& t, fsm::Machine machine, bool is_reliable, TimePoint now);
  /// Both set times alone; schedule() makes them good.
  void arm(Transaction& t, fsm::Input timer, Duration after, TimePoint now) noexcept;
  void disarm(Transaction& t, fsm::Input timer) noexcept;
  void schedule(Transaction& t) noexcept;
  /// Ends a transaction without a final response; Absorbed where nobody is to know.
  TxnEvent fail(Transaction& t, Errc error);

  // ---- next_hop.cpp
  /// The flow to a numeric next hop, where one of our sockets settles the local end.
  std::optional<Flow> direct(const NextHop& hop) const;
  /// Whether a request of that size goes to the same place by TCP instead.
  bool too_large_for_udp(const Transaction& t, const Flow& target, std::size_t size) const noexcept;
  /// Makes a transaction for a request of ours and puts it on its way; null where nothing stays.
  expected<TxnId, std::error_code> launch(TxnKind kind, Method method, UsageRef user,
                                          RequestWriter&& request, NextHop&& hop, TimePoint now,
                                          std::string_view branch = {});
  /// Puts it on its way, or asks for targets.
  std::error_code dispatch(Transaction& t, RequestWriter&& request, NextHop&& hop, TimePoint now);
  /// Seals and sends to a target: a new branch each time (RFC 3263 section 4.3).
  std::error_code begin(Transaction& t, const RequestWriter& request, Flow target, TimePoint now);
  /// Keeps the writer for another target. Throws where there is no memory.
  ClientExtras& extras(Transaction& t);
  void drop_extras(Transaction& t) noexcept;
  /// Tries the targets left until one takes the request; `why` where none does.
  bool next_target(Transaction& t, TimePoint now, std::error_code& why);
  TxnEvent resolved(Transaction& t, const std::vector<Flow>& targets, TimePoint now);

  // ---- client.cpp
  TxnEvent on_response(Message&& response, const Flow& flow, TimePoint now);
  /// On to the next target; false where there is none that takes the request.
  bool leave_refusing(Transaction& t, const MessageView& response, TimePoint now);
  /// What a final response or a failure says of the target.
  void judge_target(const Transaction& t, const MessageView& response, TimePoint now) noexcept;
  void avoid_failed(const Transaction& t, TimePoint now) noexcept;
  TxnEvent expire_client(Transaction& t, fsm::Input input, TimePoint now);
  TxnEvent client_transport_failed(Transaction& t, TimePoint now);
  TxnEvent client_request_lost(Transaction& t, TimePoint now);
  void send_cancel(Transaction& invite, TimePoint now);
  Message make_ack(const Transaction& invite, const MessageView& response) const;

  // ---- server.cpp
  TxnEvent on_request(Message&& request, const Flow& flow, TimePoint now);
  TxnEvent on_ack(Message&& ack, const Flow& flow, TimePoint now);
  Transaction* find_server(const MessageView& request, std::uint32_t hash, Method method,
                           std::uint32_t origin, bool& full) noexcept;
  bool trusts(const IpAddress& ip) const noexcept;
  /// `source`: where it has limits. `cancels`: it is the CANCEL of an INVITE that is here.
  bool room_for(const MessageView& request, std::optional<std::uint32_t> source, bool cancels,
                TimePoint now) noexcept;
  bool reserve_server() noexcept;
  /// A response without a transaction, the same for every copy of the request but for Retry-After.
  void refuse(const MessageView& request, const Flow& flow, int status);
  StatelessTag tag_for(const MessageView& request) const noexcept;
  std::error_code respond(Transaction& t, Message response, TimePoint now);
  /// What follows a final response: the request is needed no more.
  void settle(Transaction& t) noexcept;
  TxnEvent expire_server(Transaction& t, fsm::Input input, TimePoint now);
  /// RFC 3263 section 5: a response that could not be sent goes where the Via's sent-by leads.
  TxnEvent server_transport_failed(Transaction& t, TimePoint now);
  TxnEvent server_resolved(Transaction& t, const std::vector<Flow>& targets, TimePoint now);
  bool respond_elsewhere(Transaction& t);
  Message make_response(const Transaction& t, int status);

  const TransactionOptions& options() const noexcept { return layer.options_; }
  /// Whether one more may begin beside `all` of its kind, of which `open` have no final response;
  /// `carries_on`: it belongs to a call that is there.
  bool has_room(std::size_t all, std::size_t open, bool carries_on) const noexcept {
    const auto cap = [&](std::size_t limit) { return carries_on ? limit + limit / 8 : limit; };
    return open < cap(options().max_transactions) && all - open < cap(options().max_lingering);
  }
  /// It has its final response, or is at its end: no longer counted as open.
  void settle_count(Transaction& t) noexcept;

  TransactionLayer& layer;
  BlockPool& pool;
  TimerWheel& wheel;
  Random& random;
  LocalAddresses& locals;
  HashKey hash_key;
  StatelessTag stateless_mark;  ///< what begins all of them
  Slab<Transaction> slab;
  Slab<ClientExtras, 64> all_extras;
  SlotTable by_key;    ///< server transactions
  SlotTable by_merge;  ///< those that another request may be merged with
  Sources sources;     ///< half-open server transactions by source
  Avoided avoided;     ///< targets that failed lately
  std::size_t clients = 0;
  std::size_t servers = 0;
  std::size_t open_clients = 0;  ///< of those, without a final response
  std::size_t open_servers = 0;
  bool repeating = false;  ///< what is sent now was sent before
  OutQueue<Transmit> transmits;
  OutQueue<Resolve> resolves;
};

}  // namespace sipstack
