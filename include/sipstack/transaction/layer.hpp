// SPDX-License-Identifier: Apache-2.0
// The transaction layer: bytes' meaning below, transaction users above, no I/O. RFC 3261 section 17
// with RFC 6026 and 4320; matching by 17.1.3, 17.2.3 and RFC 2543; RFC 3263 by question and answer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <variant>
#include <vector>

#include "sipstack/base/block.hpp"
#include "sipstack/base/errc.hpp"
#include "sipstack/base/expected.hpp"
#include "sipstack/base/flow.hpp"
#include "sipstack/base/prefix.hpp"
#include "sipstack/base/random.hpp"
#include "sipstack/base/slab.hpp"
#include "sipstack/parser/message.hpp"
#include "sipstack/parser/writer.hpp"
#include "sipstack/transaction/local_addresses.hpp"
#include "sipstack/transaction/timer_wheel.hpp"
#include "sipstack/transaction/timings.hpp"
#include "sipstack/transaction/usage.hpp"

namespace sipstack {

struct Transaction;
/// Names a transaction, client or server. A stale one is answered with Errc::gone, or nothing.
using TxnId = Handle<Transaction>;

struct TransactionOptions {
  Timings timings;
  /// Without a final response; of servers, and of clients, each. New requests above it get a stateless 503;
  /// what belongs to a dialog, and CANCEL, has an eighth more. An ACK is never refused.
  std::size_t max_transactions = 65536;
  /// That have one, and stay for what may be repeated (RFC 3261 timers D, I, J and K, RFC 6026 timers L and
  /// M: up to 32 s); each, and with the same consequences. Some 700 bytes apiece.
  std::size_t max_lingering = std::size_t{1} << 20;
  /// Server transactions without a final response, by IPv4 address or IPv6 /64; new requests above it
  /// get a stateless 503.
  std::size_t max_half_open_per_source = 1024;
  /// Calls that a source begins and cancels: so many at once and so many a second in the long run; its
  /// new INVITEs beyond get a stateless 503. 0 a second: no limit (a trunk whose callers are impatient).
  std::uint32_t reset_burst = 1000;
  std::uint32_t resets_per_second = 33;
  /// Networks that neither of these is for: a trunk has more than a thousand calls that ring.
  std::vector<IpPrefix> trusted;
  /// A user that says nothing for so long: INVITE is answered 408 and anything else never
  /// (RFC 4320 section 4.2); the user gets TxnFailed with Errc::timeout. A provisional begins it anew.
  Duration answer_cap = std::chrono::seconds(180);
  /// An INVITE of ours that has had a provisional and nothing else for so long is cancelled, and so ends
  /// 64*T1 later at the latest. Zero: never, for a user agent, whose callee may ring for long; a proxy has
  /// timer C for that (RFC 3261 section 16.8). A provisional begins it anew.
  Duration ringing_cap = Duration::zero();
  /// A request of more bytes goes by TCP where we have a TCP socket, and by UDP after all where no
  /// connection comes about (RFC 3261 section 18.1.1). Not where the user gave the flow. 0: never.
  std::size_t udp_limit = 1300;
  /// A target (transport, address, port) that failed by timeout or transport error is tried behind the
  /// others of its lookup for so long, or until it answers. Zero: no memory of failures.
  Duration avoid_failed = std::chrono::seconds(30);
  /// One that refused by 503 for as long as its Retry-After says, and at most so long; a 503 without
  /// Retry-After is like a 500 and leaves no mark (RFC 3261 section 21.5.4). Zero: no mark either.
  Duration avoid_refusing = std::chrono::minutes(10);
};

// ---------------------------------------------------------------- events, upward

/// Nothing for the user: a retransmission, or what the layer dealt with itself.
struct Absorbed {};
/// A new server transaction. Answer it by respond(txn, ...).
struct RequestArrived {
  TxnId txn;
  Message request;
  Flow flow;
  TxnId
      cancels;  ///< CANCEL: the INVITE server transaction that it matches (section 9.2); null: 481
  bool merged = false;  ///< the same request came by another path already: a UAS owes 482 (8.2.2.2)
};
/// An ACK for a 2xx, or one that matches nothing. Never answered.
struct AckArrived {
  TxnId txn;  ///< the INVITE server transaction, in Accepted; null where none matches
  UsageRef user;
  Message request;
  Flow flow;
};
/// A response to our request. A 2xx to INVITE can come several times (forks, retransmissions). More than
/// one Via (head().vias) is for the user to judge (RFC 3261 section 8.1.3.3). Over a reliable transport a
/// final response ends the transaction (but INVITE with 2xx): `txn` may be gone already.
struct ResponseArrived {
  TxnId txn;
  UsageRef user;
  Message response;
  Flow flow;
};
/// A response that matches no transaction (branch, sent-by, CSeq method and transport; section 17.1.3):
/// dropped and counted (RFC 6026 section 8.9).
struct StrayResponse {
  Message response;
  Flow flow;
};
/// The transaction ended without a final response: timeout (a UA treats it as 408), transport error or
/// no target (as 503; RFC 3261 section 8.1.3.1). Server side: the response could not be sent, not by
/// RFC 3263 section 5 either (the transaction stays, RFC 6026 section 7.1), or (timeout) no ACK came for
/// it or the user was too slow.
struct TxnFailed {
  TxnId txn;
  UsageRef user;
  Method method = Method::other;
  bool client = true;
  std::error_code error;
};

using TxnEvent =
    std::variant<Absorbed, RequestArrived, AckArrived, ResponseArrived, StrayResponse, TxnFailed>;

// ---------------------------------------------------------------- outputs, downward

/// Bytes to send. `txn` names whom to blame in transport_failed(); null where nobody waits.
struct Transmit {
  Message message;
  Flow flow;
  TxnId txn;
  bool repeated = false;  ///< a retransmission
};
/// A next hop to look up (RFC 3263): answer with resolved(). `uri` is a SIP URI; for a response that failed
/// it stands for the sent-by of its Via (section 5).
struct Resolve {
  TxnId txn;
  std::string uri;
};

/// Where a request goes: a flow that is known, or a URI to look up.
struct NextHop {
  std::optional<Flow> flow;
  std::string uri;

  static NextHop by(const Flow& flow) { return {flow, {}}; }
  static NextHop to(std::string_view uri) { return {std::nullopt, std::string(uri)}; }
};

/// A To tag made of the request alone. Its first half is the same in all of a layer's, so that the ACK is known
/// at a glance; the other has the 32 bits of randomness that RFC 3261 section 19.3 asks for.
struct StatelessTag {
  static constexpr std::size_t kMark = 8;
  char chars[16]{};
  void write(std::uint64_t bits, std::size_t from) noexcept {
    for (std::size_t i = from; i < sizeof chars; ++i, bits >>= 4)
      chars[i] = "0123456789abcdef"[bits & 15];
  }
  operator std::string_view() const noexcept { return {chars, sizeof chars}; }
};

/// Threads: one shard's. The layer calls nobody: events are return values, outputs are drained by next().
/// All message handles, hooks and events belong to the pool and wheel given here, which must live longer.
class TransactionLayer {
 public:
  TransactionLayer(BlockPool& pool, TimerWheel& wheel, Random& random, LocalAddresses& locals,
                   const TransactionOptions& options = {});
  ~TransactionLayer();
  TransactionLayer(const TransactionLayer&) = delete;
  TransactionLayer& operator=(const TransactionLayer&) = delete;

  // inputs
  TxnEvent receive(Message message, const Flow& flow, TimePoint now);
  /// For a hook whose owner() is TimerOwner::transaction.
  TxnEvent expire(TimerHook& hook, TimePoint now);
  TxnEvent transport_failed(TxnId txn, std::error_code error, TimePoint now);
  /// The connection that took the request is gone. Who has heard nothing yet sends it once more, with the same
  /// branch and by a fresh connection; where the user named the connection, or it is lost again, that is a
  /// failure of the transport.
  TxnEvent request_lost(TxnId txn, TimePoint now);
  /// The answer to Resolve: targets in order of preference, `local` filled in; none is a failure. Those that
  /// failed lately are tried last, see TransactionOptions::avoid_failed.
  TxnEvent resolved(TxnId txn, const std::vector<Flow>& targets, TimePoint now);

  // commands of transaction users
  /// Starts a client transaction. A numeric next hop that a socket of ours can reach is sent to at once;
  /// otherwise a Resolve comes out first. The writer is kept until the final response, for the next
  /// target of RFC 3263 section 4.3. For ACK see send_ack().
  expected<TxnId, std::error_code> send(RequestWriter&& request, NextHop hop, UsageRef user,
                                        TimePoint now);
  /// An ACK for a 2xx: no transaction of the RFC's, but kept for 64*T1 so that resend() repeats the very
  /// same bytes for every retransmitted 2xx (RFC 3261 section 13.2.2.4). No event ever comes of it.
  expected<TxnId, std::error_code> send_ack(RequestWriter&& ack, NextHop hop, TimePoint now);
  void resend(TxnId ack, TimePoint now);
  /// Cancels an INVITE client transaction: at once where a provisional response has come, else when one
  /// comes (RFC 3261 section 9.1). The INVITE still ends by its final response, or after 64*T1 by
  /// TxnFailed. The CANCEL is a transaction of its own whose outcome nobody is told. `reason`: a Reason
  /// value (RFC 3326) or empty.
  void cancel(TxnId invite, TimePoint now, std::string_view reason = {});
  /// Takes a response of the user through the server transaction. 2xx to INVITE may be sent again in
  /// Accepted: its retransmission is the user's (RFC 6026 section 7.1).
  std::error_code respond(TxnId txn, const ResponseWriter& response, TimePoint now);
  /// The same for a response that is written already (a proxy's).
  std::error_code respond(TxnId txn, Message response, TimePoint now);
  /// Answers and forgets (RFC 3261 section 8.2.7): the response, final and with stateless_tag(txn), is sent
  /// once, the transaction is gone at once, a copy of the request arrives as a new one, and the ACK for an
  /// INVITE's is absorbed. For challenges: a stranger must cost neither memory nor eleven answers (A55).
  std::error_code dismiss(TxnId txn, const ResponseWriter& response);
  StatelessTag stateless_tag(TxnId txn) const noexcept;
  /// Answers a request that no transaction is made for, 503 with a Retry-After drawn from 8 to 32 s (section
  /// 21.5.4): sent once, and once for each copy. The ACK is absorbed. Not for an ACK.
  void refuse(const MessageView& request, const Flow& flow, int status);
  /// Whether these bytes are the ACK for what refuse() or dismiss() has answered: receive() would absorb it,
  /// and nobody need parse it. A busy server gets one for every call that it refuses.
  bool absorbs(std::string_view bytes) const noexcept;
  /// Whether a request is a copy of one that has a transaction: receive() would make none for it.
  bool knows(const MessageView& request, const Flow& flow) const noexcept;
  /// A message outside any transaction: a stateless reply, a forwarded ACK or stray 2xx.
  void send_stateless(Message message, const Flow& flow);
  /// The same for a request without a transaction whose next hop must be looked up (a proxied ACK):
  /// top Via with a branch of our own, or with `branch`, where each copy must get the same (section 16.11).
  std::error_code send_stateless(RequestWriter&& request, NextHop hop, TimePoint now,
                                 std::string_view branch = {});

  // outputs
  bool next(Transmit& out);
  bool next(Resolve& out);

  // questions
  UsageRef user(TxnId txn) const noexcept;
  void set_user(TxnId txn, UsageRef user) noexcept;
  /// The request of a server transaction until its final response; null view later or when stale.
  MessageView request(TxnId txn) const noexcept;
  /// The flow a server transaction's request came by (behind the final response: where that went), or a
  /// client transaction's current target.
  std::optional<Flow> flow(TxnId txn) const noexcept;
  bool alive(TxnId txn) const noexcept;
  std::size_t clients() const noexcept;
  std::size_t servers() const noexcept;
  std::size_t open() const noexcept;  ///< of both, those without a final response

  BlockPool& pool() noexcept { return pool_; }
  TimerWheel& wheel() noexcept { return wheel_; }
  Random& random() noexcept { return random_; }
  LocalAddresses& locals() noexcept { return locals_; }
  const TransactionOptions& options() const noexcept { return options_; }

 private:
  struct Impl;
  BlockPool& pool_;
  TimerWheel& wheel_;
  Random& random_;
  LocalAddresses& locals_;
  TransactionOptions options_;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sipstack
