// SPDX-License-Identifier: Apache-2.0
// One transaction as it lies in the slab: client, server, or an ACK kept for a while.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sipstack/base/flow.hpp"
#include "sipstack/parser/message.hpp"
#include "sipstack/parser/writer.hpp"
#include "sipstack/transaction/layer.hpp"
#include "transaction/link_table.hpp"
#include "transaction/machine_driver.hpp"

namespace sipstack {

enum class TxnKind : std::uint8_t {
  client,
  server,
  ack,       ///< an ACK for a 2xx, kept for resend()
  stateless  ///< a request without a transaction that waits for its target
};

/// What a client keeps until its final response, to try another target (RFC 3263 section 4.3).
struct ClientExtras {
  std::optional<RequestWriter> writer;
  std::vector<Flow> targets;  ///< still to be tried, best last
};

struct Transaction {
  struct Hook : TimerHook {
    explicit Hook(Transaction& owner_txn) noexcept
        : TimerHook(TimerOwner::transaction), txn(&owner_txn) {}
    Transaction* txn;
    fsm::Input input = fsm::Input::timeout;  ///< what its expiry means
  };

  explicit Transaction(TxnKind k) noexcept : pace(*this), limit(*this), kind(k) {}

  TxnId id;
  UsageRef user;
  fsm::Progress at;
  Hook pace;   ///< A, E, G; the silence before a 100
  Hook limit;  ///< B, F, H; D, I, J, K, L, M; guards
  TxnKind kind;
  Method method = Method::other;
  bool resolving = false;      ///< waits for resolved(); its machine has not begun
  bool fixed_flow = false;     ///< the user chose the flow: no TCP for large messages
  bool by_size = false;        ///< is on TCP because of its size, or was
  bool cancel_wanted = false;  ///< INVITE: CANCEL when a provisional comes, or at once
  bool cancelled = false;      ///< INVITE: the CANCEL went out
  bool half_open = false;      ///< server: counted for its source
  bool legacy = false;         ///< server: matched by the rules of RFC 2543

  Flow flow;         ///< client: the target; server: where the request came from
  Message request;   ///< client: as sent; server: as received. Until the final response
  Message response;  ///< server: the last one sent; INVITE client: the ACK for a non-2xx

  // client
  std::uint64_t random = 0;  ///< in the branch
  std::uint64_t match = 0;   ///< hash of sent-by and CSeq method, see response_hash()
  std::uint16_t vias = 0;    ///< values in the request, ours included
  TxnId peer;                ///< INVITE: its CANCEL; CANCEL of ours: its INVITE
  std::optional<ClientExtras> extras;
  std::string reason;  ///< of the CANCEL to come

  // server
  SocketAddress reply_to;  ///< where responses go; all else as in `flow`
  TableLink<Transaction> by_key;
  TableLink<Transaction> by_merge;

  /// Whichever message is still there: both have the key's fields.
  MessageView anchor() const noexcept {
    if (request) return request.view();
    return response ? response.view() : MessageView{};
  }
  /// Nobody is told what becomes of it: our own CANCEL.
  bool quiet() const noexcept { return method == Method::cancel && static_cast<bool>(peer); }
  /// No final response came or went yet.
  bool open() const noexcept {
    return at.state == fsm::State::calling || at.state == fsm::State::trying ||
           at.state == fsm::State::proceeding;
  }
  /// Where the server's responses go.
  Flow reply_flow() const noexcept {
    return {flow.transport, flow.local, reply_to, reliable(flow.transport) ? flow.connection : 0};
  }
};

}  // namespace sipstack
