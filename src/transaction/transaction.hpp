// SPDX-License-Identifier: Apache-2.0
// One transaction as it lies in the slab: client, server, or an ACK kept for a while.
#pragma once

#include <cstdint>
#include <new>
#include <optional>
#include <string>
#include <vector>

#include "sipstack/base/flow.hpp"
#include "sipstack/base/slab.hpp"
#include "sipstack/parser/message.hpp"
#include "sipstack/parser/writer.hpp"
#include "sipstack/transaction/layer.hpp"
#include "transaction/machine_driver.hpp"

namespace sipstack {

enum class TxnKind : std::uint8_t {
  client,
  server,
  ack,       ///< an ACK for a 2xx, kept for resend()
  stateless  ///< a request without a transaction that waits for its target
};

/// What few clients need, until their final response, and servers whose response could not be sent.
struct ClientExtras {
  Handle<ClientExtras> id;
  std::optional<RequestWriter> writer;  ///< to try another target (RFC 3263 section 4.3)
  std::vector<Flow> targets;            ///< still to be tried, best last
  std::string reason;                   ///< of the CANCEL to come
  std::string branch;                   ///< that the user wants in a stateless request
  /// An INVITE that another target refused with 503: its ACK, for as often as the 503 comes.
  struct Refused {
    std::uint64_t random = 0;  ///< of its branch
    Message ack;
    Flow flow;
  } refused;
};

/// Two times are waited for at once, by one hook that is armed for the earlier: pace is A, E, G, or the
/// silence before a 100; limit is B, F, H, or D, I, J, K, L, M, or a guard.
struct Transaction : TimerHook {
  explicit Transaction(TxnKind k) noexcept
      : TimerHook(TimerOwner::transaction),
        kind(k),
        resolving(false),
        fixed_flow(false),
        by_size(false),
        cancel_wanted(false),
        cancelled(false),
        half_open(false),
        legacy(false),
        has_key(false),
        merge_key(false),
        settled(false),
        sent_again(false) {
    if (k == TxnKind::server)
      ::new (&server) Server{};
    else
      ::new (&client) Client{};
  }

  TxnKind kind;
  Method method = Method::other;
  fsm::Progress at;
  fsm::Input pace_input = fsm::Input::retransmit;  ///< what the expiry means
  fsm::Input limit_input = fsm::Input::timeout;

  bool resolving : 1;      ///< waits for resolved(); a client's machine has not begun
  bool fixed_flow : 1;     ///< the user chose the flow: no TCP for large messages
  bool by_size : 1;        ///< is on TCP because of its size, or was
  bool cancel_wanted : 1;  ///< INVITE: CANCEL when a provisional comes, or at once
  bool cancelled : 1;      ///< INVITE: the CANCEL went out
  bool half_open : 1;   ///< counted as one without a final response; server: for its source as well
  bool legacy : 1;      ///< server: matched by the rules of RFC 2543
  bool has_key : 1;     ///< server: stands among those that requests are matched with
  bool merge_key : 1;   ///< server: stands among those that others are merged with
  bool settled : 1;     ///< server: `flow` is where responses go
  bool sent_again : 1;  ///< client: to this target, since a connection was lost

  std::uint16_t vias = 0;   ///< client: values in the request, ours included
  std::uint32_t match = 0;  ///< client: hash of sent-by and CSeq method, see response_hash()

  TxnId id;
  UsageRef user;
  TimePoint pace_at = kNever;
  TimePoint limit_at = kNever;
  Message request;   ///< client: as sent; server: as received. Until the final response
  Message response;  ///< server: the last one sent; INVITE client: the ACK for a non-2xx

  struct Client {
    std::uint64_t random = 0;  ///< in the branch
    TxnId peer;                ///< INVITE: its CANCEL; CANCEL of ours: its INVITE
    ClientExtras* extras = nullptr;
  };
  struct Server {
    std::uint32_t key = 0;  ///< hashes, see server_hash() and merge_hash()
    std::uint32_t merge = 0;
    std::uint32_t source = 0;  ///< while half_open
    std::uint32_t origin =
        0;  ///< transport and address that the request came from, see origin_of()
    ClientExtras* extras = nullptr;  ///< set: RFC 3263 section 5 has been asked
  };
  union {
    Client client;
    Server server;
  };

  Flow flow;  ///< client: the target; server: where the request came from, see settled

  /// Whichever message is still there: both have the key's fields.
  MessageView anchor() const noexcept {
    if (request) return request.view();
    return response ? response.view() : MessageView{};
  }
  /// Nobody is told what becomes of it: our own CANCEL.
  bool quiet() const noexcept {
    return kind == TxnKind::client && method == Method::cancel && static_cast<bool>(client.peer);
  }
  /// No final response came or went yet.
  bool open() const noexcept {
    return at.state == fsm::State::calling || at.state == fsm::State::trying ||
           at.state == fsm::State::proceeding;
  }
  /// Where the server's responses go.
  Flow reply_flow() const noexcept {
    return settled ? flow : response_target(request.view(), flow);
  }
  bool has_targets() const noexcept {
    return client.extras != nullptr && !client.extras->targets.empty();
  }
};

}  // namespace sipstack
