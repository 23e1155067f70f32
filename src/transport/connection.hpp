// SPDX-License-Identifier: Apache-2.0
// One connection, over TCP as it is, TLS, WebSocket or both: handshakes, framing, keep-alives, a bounded
// write queue and its deadlines. RFC 3261 sections 18 and 18.3, RFC 5626 section 4.4.1, RFC 7118.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "sipstack/base/block.hpp"
#include "sipstack/base/flow.hpp"
#include "sipstack/base/time.hpp"
#include "sipstack/parser/framer.hpp"
#include "transport/tls_stream.hpp"
#include "transport/web_frame.hpp"

namespace sipstack {

class Sockets;

/// Of one read so many pings are answered.
inline constexpr std::size_t kPongsARead = 64;

/// Something on its way out. An empty block stands for `size` bytes of CRLFs: pings and pongs.
struct Outgoing {
  Block block;
  std::uint32_t size = 0;  ///< without a frame's head
  /// Meant for any connection to the remote and not tried on a second one: what an idle connection, dead
  /// already, did not take goes on a fresh one.
  bool anywhere = false;
  bool request = false;
  std::uint64_t token = 0;
  enum class Kind : std::uint8_t { message, control, handshake };
  Kind kind = Kind::message;

  // set when it is queued for a WebSocket
  WebOpcode opcode = WebOpcode::text;
  std::uint8_t head = 0;  ///< bytes in front of the payload
  std::uint32_t mask = 0;

  std::size_t wire() const noexcept { return std::size_t{head} + size; }
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  enum class State : std::uint8_t {
    connecting,
    securing,   ///< TLS handshake
    upgrading,  ///< WebSocket handshake
    open,
    ending,  ///< nothing is read any more; closes when the queue is written
    lingering,  ///< our side is shut down; what still comes is discarded, so that no reset eats the reply
    closed
  };

  Connection(Sockets& sockets, boost::asio::ip::tcp::socket socket, const Flow& flow,
             bool accepted);

  /// Reads an accepted connection. `tls` for tls and wss.
  void start(std::unique_ptr<TlsStream> tls);
  /// Connects to flow().remote; TLS and WebSocket come by `peer`.
  struct Peer {
    std::shared_ptr<TlsContext> tls;
    std::string name;  ///< whom we want: domain, or the address as text
  };
  void connect(Peer peer);

  const Flow& flow() const noexcept { return flow_; }
  bool accepted() const noexcept { return accepted_; }
  int native() { return socket_.native_handle(); }
  /// Whom the certificate of a client vouches for; see TlsStream.
  std::vector<std::string> peer_identities() const;
  bool usable() const noexcept { return state_ <= State::ending; }
  bool finishing() const noexcept { return state_ == State::ending || state_ == State::lingering; }

  void send(Outgoing message);
  void flush();
  /// Pings so often from now on; zero: never.
  void keep_alive(Duration interval);
  /// When expire() is due.
  TimePoint deadline() const noexcept;
  void expire();
  /// Gives back what a burst left behind: an idle connection stays small.
  void relax();
  /// Writes what is queued, then closes; at once where nothing is.
  void end();
  /// At once. What is queued fails, or goes on a fresh connection. `error` empty: in good order.
  void close(std::error_code error);
  /// At once, telling nobody.
  void abandon();

  /// Where it stands among those that brought no message yet; see Connections.
  std::list<ConnectionId>::iterator silent_position;
  bool silent = false;

 private:
  /// Not on the heap where there is no WebSocket: an idle TCP connection is to stay small.
  struct Web {
    Web(bool ours, std::size_t max_message) : reader(!ours, max_message), client(ours) {}
    WebReader reader;
    bool client;
    std::size_t scanned = 0;  ///< bytes of the handshake that hold no empty line
    std::string key;          ///< ours, until the server has accepted it
    std::string host;
    bool said_goodbye = false;  ///< a close frame is on its way
  };

  void connected(std::error_code error);
  void secure();
  void secured();
  void begin_upgrade();
  void come_up();
  void read_more();
  void readable();
  struct Taken {
    std::size_t size = 0;
    bool ended = false;
    std::error_code error;
  };
  std::size_t at_once() const noexcept;
  Taken take(char* out, std::size_t room);
  void consume(char* bytes, std::size_t size);
  void consume_messages(std::string_view all);
  void consume_frames(char* bytes, std::size_t size);
  std::size_t upgrade(std::string_view all);
  void deliver(std::string_view message);
  void finish_input(std::string_view rest, bool progress, bool fresh, std::size_t pings);
  bool append(std::string_view bytes);
  bool keep(std::string_view rest);
  void pong(std::size_t pings);
  void ping();
  void queue_handshake(std::string_view bytes);
  void control(WebOpcode opcode, std::string_view payload);
  void goodbye(WebClose code);
  void close_web(WebClose code);
  bool write_plain();
  bool write_staged();
  std::size_t stage(char* out, std::size_t room) const;
  TimePoint limit() const noexcept;
  void schedule_ping();
  void wait_writable();
  void written(std::size_t bytes);
  void begin_ending(std::error_code why);
  void begin_linger();
  void move_on();
  void lose_requests();
  void shut();
  bool paused() const noexcept;
  bool half_full() const noexcept;
  bool opening() const noexcept { return state_ < State::open; }

  Sockets* sockets_;  ///< null once closed
  boost::asio::ip::tcp::socket socket_;
  Flow flow_;
  State state_ = State::connecting;
  bool accepted_;
  bool told_open_ = false;  ///< closed() is owed
  bool reading_ = false;
  bool writing_ = false;
  bool blocked_ = false;    ///< TLS cannot read before it has written
  std::error_code reason_;  ///< why it is ending

  std::unique_ptr<TlsStream> tls_;
  std::unique_ptr<Web> web_;
  std::unique_ptr<Peer> peer_;  ///< until it is connected
  StreamFramer framer_;
  Block partial_;  ///< a message or frame that has not arrived in full; empty while idle
  std::uint32_t discarded_ = 0;

  std::vector<Outgoing> queue_;
  std::size_t head_ = 0;
  std::uint32_t offset_ = 0;  ///< bytes of the first one that are written
  std::size_t queued_ = 0;    ///< bytes, heads of frames included
  std::size_t pledged_ =
      0;  ///< bytes at the front that TLS has begun to write, and must be given again

  /// Tokens of the last requests that were written, in order: nobody here knows which have been answered.
  std::vector<std::uint64_t> requests_;
  TimePoint requested_{};  ///< when the last of them was written

  TimePoint opened_;  ///< or began to open
  TimePoint since_;   ///< the last whole message, ping or write
  TimePoint partial_since_ = kNever;
  TimePoint progress_;  ///< the last time that the peer took bytes
  Duration ping_interval_;
  TimePoint ping_at_ = kNever;
  TimePoint pong_by_ = kNever;
};

}  // namespace sipstack
