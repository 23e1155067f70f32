// SPDX-License-Identifier: Apache-2.0
// One shard's sockets: datagrams and framed messages come up, blocks of bytes go down.
// RFC 3261 section 18, RFC 5626 section 4.4.1.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>

#include "sipstack/base/block.hpp"
#include "sipstack/base/expected.hpp"
#include "sipstack/base/flow.hpp"
#include "sipstack/base/time.hpp"
#include "sipstack/parser/error.hpp"
#include "sipstack/parser/limits.hpp"
#include "sipstack/transport/carrier.hpp"
#include "sipstack/transport/tls.hpp"

namespace boost::asio {
class io_context;
}

namespace sipstack {

/// What the transports tell. Called on the io_context's thread, never from inside send(), listen() or
/// close(). Every group of calls ends with batch_end(); what is sent during the group leaves together,
/// after it. send() and listen() may be called from all of these, and Transports may be destroyed in
/// them (the BlockPool must live until the call has returned). The io_context must not be run in them.
class TransportHandler {
 public:
  virtual ~TransportHandler() = default;
  /// One datagram, or one message of a stream (already framed). `bytes` and `flow` live for the call.
  virtual void received(std::string_view bytes, const Flow& flow) = 0;
  /// A stream that cannot be followed any further (bad Content-Length, over a limit). `bytes` is the
  /// offending message as far as it was read. What is sent on the flow until batch_end() has returned is
  /// still written; then the connection closes.
  virtual void stream_error(const ParseError& error, std::string_view bytes, const Flow& flow) = 0;
  /// A send with a non-zero token failed: refused or timed-out connection, write error, full queue, ICMP
  /// error (RFC 3261 section 18.4). Not called for a token whose bytes were handed to the system without
  /// complaint, except for an ICMP error about them.
  virtual void send_failed(std::uint64_t token, std::error_code error) = 0;
  /// The connection that took the whole of a request with this token is gone, and whether its peer has read it
  /// nobody knows. Told for the connection's last 512 requests at least, answered or not, before closed().
  /// Whoever still waits may send again, over another connection: by the branch the peer tells copies apart
  /// (RFC 3261 section 17.2.3).
  virtual void request_lost(std::uint64_t /*token*/) {}
  /// A connection that was up is gone; its id is never used again. `error` is empty where the peer closed
  /// it in good order, std::errc::timed_out for one of our deadlines.
  virtual void closed(const Flow& flow, std::error_code error) = 0;
  /// A connection that somebody opened to us did not come up: its TLS or WebSocket handshake failed.
  /// `error` is of tls_category() where it is TLS's, std::errc::timed_out, or
  /// std::errc::protocol_error for a WebSocket's. For logs; nothing is lost by ignoring it.
  virtual void handshake_failed(const Flow& /*flow*/, std::error_code /*error*/) {}
  /// A connection that we opened did not come up. Whoever has sent on it is told by send_failed(); this is
  /// for logs, with `error` of tls_category() where the peer's certificate was not accepted.
  virtual void connect_failed(const Flow& /*flow*/, std::error_code /*error*/) {}
  /// More datagrams come than are read: one socket's queue has been long for so long without a break. Told behind
  /// each turn that left it so, within a second of its having been as good as full (or 50 ms of work), and zero
  /// behind the one that made it short; before batch_end(). Where the system does not tell of its queue (other
  /// than Linux), never.
  virtual void waiting(Duration /*without_break*/) {}
  /// All events of one readiness were delivered: time to send what they led to.
  virtual void batch_end() = 0;
};

/// Bounds and deadlines of the sockets. Sizes in bytes.
struct TransportOptions {
  ParseLimits limits;  ///< of messages on streams; `message` not above 65,535

  Duration connect_timeout = std::chrono::seconds(5);
  /// TLS and WebSocket handshakes together, from the accept or the connection on; bytes don't extend it.
  Duration handshake = std::chrono::seconds(10);
  Duration first_message =
      std::chrono::seconds(10);                 ///< an accepted connection must bring one by then
  Duration message = std::chrono::seconds(10);  ///< first byte to last; more bytes don't extend it
  Duration idle = std::chrono::seconds(120);    ///< no message, ping or write
  /// Bytes wait, and the peer takes none; or it has them, and its system acknowledges none (Linux).
  Duration send_stall = std::chrono::seconds(10);
  Duration linger = std::chrono::seconds(2);  ///< for last replies after an error or close()

  std::size_t write_queue = 64 * 1024;  ///< of one connection; above it the connection closes
  std::size_t write_queues = 16 * 1024 * 1024;  ///< of all together
  std::size_t datagram_queue = 256;    ///< datagrams a UDP socket holds back while the system can't
  std::size_t max_connections = 2048;  ///< accepted and opened
  std::size_t max_per_source = 64;     ///< accepted from one IPv4 address or IPv6 /64
  /// Whether the limit above holds for loopback sources too: a local TLS or load balancer brings
  /// everybody's connections from there.
  bool limit_loopback = false;
  int backlog = 128;
  bool pong = true;  ///< answer CRLF CRLF on streams with CRLF, never more bytes than came
  /// Others of this process listen at the same addresses (SO_REUSEPORT): the system deals datagrams and
  /// connections out among them by where they come from.
  bool share_port = false;
  /// Connections are numbered from here on: Transports that tell each other of flows take different ones.
  ConnectionId first_connection = 1;

  /// On connections that we opened: CRLF CRLF so often (RFC 5626 section 4.4.1; a WebSocket gets a ping
  /// frame, RFC 7118 section 6), drawn from 80 to 100 % of it. Zero: never; then an idle connection
  /// closes after `idle`.
  Duration ping = Duration::zero();
  /// The same on WebSockets that were opened to us: a browser's page cannot ping by itself.
  Duration web_ping = std::chrono::seconds(45);
  /// What was pinged and said nothing by then is dead: closed() with std::errc::timed_out.
  Duration pong_timeout = std::chrono::seconds(10);
  /// Answer STUN binding requests on UDP sockets (RFC 5626 section 8). The answer is 1.6 times the
  /// request over IPv4, 2.2 times over IPv6.
  bool stun = true;
  /// What our own requests wait for at first; they are given up after 79 times that (RFC 8489 6.2.1).
  Duration stun_timeout = std::chrono::milliseconds(500);

  TlsOptions tls;
  std::string web_path = "/";  ///< asked for when we open a WebSocket
};

/// What happened, as monotonic counts; the two levels say so.
struct TransportCounters {
  std::uint64_t received = 0;  ///< datagrams and stream messages delivered
  std::uint64_t sent = 0;      ///< datagrams and stream messages handed to the system
  std::uint64_t dropped = 0;   ///< datagrams in or out that were given up
  std::uint64_t failed = 0;    ///< sends that failed, with or without a token
  std::uint64_t icmp_errors = 0;
  std::uint64_t stream_errors = 0;
  std::uint64_t pings = 0;
  std::uint64_t pongs = 0;
  std::uint64_t stun = 0;  ///< binding requests answered
  std::uint64_t accepted = 0;
  std::uint64_t refused = 0;  ///< connections turned away, or closed to make room
  std::uint64_t opened = 0;   ///< connections that we opened and that came up
  std::uint64_t connect_failed = 0;
  std::uint64_t handshake_failed = 0;  ///< TLS or WebSocket, on connections opened to us
  std::uint64_t resumed = 0;           ///< TLS handshakes that took up an earlier session
  std::uint64_t timed_out = 0;         ///< connections closed by a deadline
  std::uint64_t overflowed = 0;        ///< connections closed because their write queue was full
  std::size_t connections = 0;         ///< level: connections open, opening or lingering
  std::size_t queued = 0;              ///< level: bytes in all write queues
};

class Sockets;

/// The sockets of one shard: UDP, TCP, TLS, WebSocket and secure WebSocket over IPv4 and IPv6.
///
/// Threads: all calls on the thread that runs the io_context, or before it runs. Lifetime: the
/// io_context, the pool and the handler live longer; handlers pending in the io_context do no harm after
/// the destructor. Destruction closes everything at once and tells nothing.
class Transports {
 public:
  Transports(boost::asio::io_context& io, TransportHandler& handler, BlockPool& pool,
             const TransportOptions& options = {});
  ~Transports();
  Transports(const Transports&) = delete;
  Transports& operator=(const Transports&) = delete;

  /// Opens a listening socket and says where it is bound; port 0 takes a free one. An IPv6 wildcard takes
  /// IPv6 only. Errors: the system's; TlsErrc where tls or wss lack a certificate or it is no good.
  expected<SocketAddress, std::error_code> listen(Transport transport,
                                                  const SocketAddress& address);

  /// Sends the first `size` bytes of the block, which is shared and not copied; its bytes must not change
  /// until it is unique again. A token other than 0 may come back in send_failed(), never before this
  /// returns. What is sent inside a handler's call leaves after batch_end(), the rest on the next turn of
  /// the io_context: together, in order.
  ///
  /// UDP: leaves from the socket that `flow.local` names (and from that address, where the socket is
  /// bound to a wildcard), else from the one nearest to `flow.remote`.
  /// Streams: by `flow.connection`; where that is 0, by a connection to `flow.remote`, opened if there is
  /// none. Where it is set and gone, a request fails with not_connected and a response goes on to
  /// `flow.remote` (RFC 3261 section 18.2.2), but for WebSockets, whose peers cannot be connected to.
  /// TLS: a connection is taken only where it was opened for the same `flow.identity`; the server of a
  /// new one must prove to be that (RFC 5922 section 7.3), or the send fails with an error of
  /// tls_category() before a byte of it has left. Connections that others opened to us are taken for
  /// requests by their id alone, or as RFC 5923 allows.
  void send(const Block& block, std::size_t size, const Flow& flow, std::uint64_t token);
  /// `flow` with both ends as they are, where send() would take a connection that is here; for logs and
  /// traces. What is given otherwise.
  Flow with_ends(const Flow& flow) const;

  /// The address by which `remote` would see us: a source address of the system's choice where sockets
  /// are bound to wildcards. The port is the listening socket's (0 where no stream socket listens).
  /// Errors: address_family_not_supported where no UDP socket has that family; no route.
  expected<SocketAddress, std::error_code> local_toward(Transport transport,
                                                        const SocketAddress& remote) const;

  /// A carrier of the user's own instead of our sockets for `transport`, from now on. Errors:
  /// address_in_use where there is one already.
  expected<void, std::error_code> plug(Transport transport, std::shared_ptr<Carrier> carrier);

  /// Keeps a flow alive from our side: UDP by STUN binding requests (RFC 5626 section 4.4.2; 29 s are
  /// usual), the connection `flow.connection` as TransportOptions::ping does. Each after 80 to 100 % of
  /// `interval`; zero ends it. A flow that does not answer, or by which we are seen at another address
  /// than before, is told by closed(): timed_out, protocol_not_supported for an error response,
  /// address_not_available. Only toward those who are known to answer (section 8). Errors: not_connected;
  /// no_buffer_space above 1024 UDP flows; operation_not_supported for a carrier.
  expected<void, std::error_code> keep_alive(const Flow& flow, Duration interval);

  /// A number for the name of a domain, to be a Flow's `identity`. The same name, whatever its case, has
  /// the same number. The 65,536 names used last are kept; a flow with one that was dropped fails with
  /// TlsErrc::forgotten. Numbers are these Transports' own and begin anywhere: by another's such a
  /// flow fails, too. 0 for an address or an empty name: those have no other identity than
  /// themselves.
  std::uint32_t identity(std::string_view domain);

  /// Reads the files of TransportOptions::tls again, for connections that come after; those that are up
  /// go on as they began. Errors: TlsErrc, and then all stays as it was.
  expected<void, std::error_code> reload_tls();

  /// Closes all sockets. What is queued is still written, for `linger` at most; the handler is not called
  /// any more.
  void close();

  const TransportCounters& counters() const noexcept;

 private:
  std::shared_ptr<Sockets> sockets_;
};

}  // namespace sipstack
