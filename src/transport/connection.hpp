// SPDX-License-Identifier: Apache-2.0
// One TCP connection: framing, keep-alives, a bounded write queue and its deadlines.
// RFC 3261 sections 18 and 18.3, RFC 5626 section 4.4.1.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <list>
#include <memory>
#include <string_view>
#include <system_error>
#include <vector>

#include "sipstack/base/block.hpp"
#include "sipstack/base/flow.hpp"
#include "sipstack/base/time.hpp"
#include "sipstack/parser/framer.hpp"

namespace sipstack {

class Sockets;

/// A message on its way out. An empty block stands for `size` bytes of CRLFs: pongs.
struct Outgoing {
  Block block;
  std::uint32_t size = 0;
  /// Meant for any connection to the remote and not tried on a second one: what an idle connection, dead
  /// already, did not take goes on a fresh one.
  bool anywhere = false;
  std::uint64_t token = 0;
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  enum class State : std::uint8_t {
    connecting,
    open,
    ending,  ///< nothing is read any more; closes when the queue is written
    lingering,  ///< our side is shut down; what still comes is discarded, so that no reset eats the reply
    closed
  };

  Connection(Sockets& sockets, boost::asio::ip::tcp::socket socket, const Flow& flow,
             bool accepted);

  /// Reads an accepted connection.
  void start();
  /// Connects to flow().remote.
  void connect();

  const Flow& flow() const noexcept { return flow_; }
  bool accepted() const noexcept { return accepted_; }
  bool usable() const noexcept { return state_ <= State::ending; }
  bool finishing() const noexcept { return state_ == State::ending || state_ == State::lingering; }

  void send(Outgoing message);
  void flush();
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
  void connected(std::error_code error);
  void read_more();
  void readable();
  void consume(std::string_view bytes);
  bool append(std::string_view bytes);
  bool keep(std::string_view rest);
  void pong(std::size_t pings);
  void wait_writable();
  void written(std::size_t bytes);
  void begin_linger();
  void move_on();
  void shut();
  bool paused() const noexcept;

  Sockets* sockets_;  ///< null once closed
  boost::asio::ip::tcp::socket socket_;
  Flow flow_;
  State state_ = State::connecting;
  bool accepted_;
  bool told_open_ = false;  ///< closed() is owed
  bool reading_ = false;
  bool writing_ = false;
  std::error_code reason_;  ///< why it is ending

  StreamFramer framer_;
  Block partial_;  ///< a message that has not arrived in full; empty while idle
  std::uint32_t discarded_ = 0;

  std::vector<Outgoing> queue_;
  std::size_t head_ = 0;
  std::uint32_t offset_ = 0;  ///< bytes of the first one that are written
  std::size_t queued_ = 0;    ///< bytes

  TimePoint opened_;  ///< or began to open
  TimePoint since_;   ///< the last whole message, ping or write
  TimePoint partial_since_ = kNever;
  TimePoint progress_;  ///< the last time that the peer took bytes
};

}  // namespace sipstack
