// SPDX-License-Identifier: Apache-2.0
// Transports under test on an io_context, a handler that writes down what it is told, and plain sockets
// for the other end. Everything waits for events; nothing sleeps.
#pragma once

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "sipstack/transport/transport.hpp"

namespace sipstack::testing {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;
using udp = asio::ip::udp;
using namespace std::chrono_literals;

inline SocketAddress at(std::string_view ip, std::uint16_t port = 0) {
  return {IpAddress::parse(ip).value(), port};
}

template <class Protocol>
typename Protocol::endpoint endpoint(const SocketAddress& address) {
  return {asio::ip::make_address(address.ip.to_string()), address.port};
}

template <class Endpoint>
SocketAddress address(const Endpoint& endpoint) {
  return at(endpoint.address().to_string(), endpoint.port());
}

/// A request with a Content-Length that is right; `tag` tells one from another.
inline std::string request(const std::string& tag, const std::string& body = "") {
  return "OPTIONS sip:" + tag + "@example.com SIP/2.0\r\nCall-ID: " + tag +
         "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}
inline std::string response(const std::string& tag, const std::string& body = "") {
  return "SIP/2.0 200 OK\r\nCall-ID: " + tag +
         "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

struct Told {
  std::string bytes;
  Flow flow;
};

class Recorder : public TransportHandler {
 public:
  void received(std::string_view bytes, const Flow& flow) override {
    messages.push_back({std::string(bytes), flow});
    if (on_message) on_message(messages.back());
  }
  void stream_error(const ParseError& error, std::string_view bytes, const Flow& flow) override {
    errors.push_back({error, {std::string(bytes), flow}});
    if (on_error) on_error(flow);
  }
  void send_failed(std::uint64_t token, std::error_code error) override {
    failed.push_back({token, error});
    if (on_failed) on_failed();
  }
  void request_lost(std::uint64_t token) override { lost.push_back({token, gone.size()}); }
  void closed(const Flow& flow, std::error_code error) override { gone.push_back({flow, error}); }
  void connect_failed(const Flow& flow, std::error_code error) override {
    never_up.push_back({flow, error});
  }
  void waiting(Duration without_break) override { waits.push_back(without_break); }
  void batch_end() override {
    ++batches;
    if (on_batch_end) on_batch_end();
  }

  std::vector<Told> messages;
  std::vector<std::pair<ParseError, Told>> errors;
  std::vector<std::pair<std::uint64_t, std::error_code>> failed;
  std::vector<std::pair<std::uint64_t, std::size_t>> lost;  ///< and how many were gone by then
  std::vector<std::pair<Flow, std::error_code>> gone;
  std::vector<std::pair<Flow, std::error_code>> never_up;
  std::vector<Duration> waits;
  int batches = 0;
  std::function<void(const Told&)> on_message;
  std::function<void(const Flow&)> on_error;
  std::function<void()> on_failed;
  std::function<void()> on_batch_end;
};

/// Runs handlers until `done` says so; false after two seconds. Where nothing happens it is asked again
/// all the same, since it may be what makes things happen.
template <class Done>
bool run_until(asio::io_context& io, Done&& done) {
  const auto deadline = std::chrono::steady_clock::now() + 2s;
  while (!done()) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    io.restart();
    io.run_one_for(5ms);
  }
  return true;
}

struct Fixture {
  explicit Fixture(const TransportOptions& options = {})
      : transports(std::make_unique<Transports>(io, told, pool, options)) {}
  ~Fixture() {
    transports.reset();
    io.restart();
    io.run();  // what is pending must end by itself, and find nothing to touch
    CHECK(pool.live() == 0);
  }

  SocketAddress listen(Transport transport, const SocketAddress& where = at("127.0.0.1")) {
    return transports->listen(transport, where).value();
  }
  Block block(const std::string& bytes) {
    Block b = pool.allocate(bytes.size());
    REQUIRE(b);
    std::memcpy(b.data(), bytes.data(), bytes.size());
    b.resize(bytes.size());
    return b;
  }
  void send(const std::string& bytes, const Flow& flow, std::uint64_t token = 0) {
    transports->send(block(bytes), bytes.size(), flow, token);
  }
  /// A target on a stream: any connection to `remote`.
  static Flow to(Transport transport, const SocketAddress& remote) {
    Flow flow;
    flow.transport = transport;
    flow.remote = remote;
    return flow;
  }
  template <class Done>
  bool until(Done&& done) {
    return run_until(io, std::forward<Done>(done));
  }
  /// Everything that is ready now, and what it leads to.
  void settle() {
    io.restart();
    while (io.poll() > 0) io.restart();
  }

  asio::io_context io;
  BlockPool pool;
  Recorder told;
  std::unique_ptr<Transports> transports;
};

inline Flow tcp_to(const SocketAddress& remote) { return Fixture::to(Transport::tcp, remote); }

/// A plain TCP socket that reads all the time, unless told not to.
class Stream {
 public:
  explicit Stream(tcp::socket socket, bool reads = true)
      : state_(std::make_shared<State>(std::move(socket))) {
    if (reads) read(state_);
  }
  static Stream connect(asio::io_context& io, const SocketAddress& to, bool reads = true) {
    tcp::socket socket(io);
    socket.connect(endpoint<tcp>(to));
    socket.set_option(tcp::no_delay(true));
    return Stream(std::move(socket), reads);
  }

  void write(const std::string& bytes) { asio::write(state_->socket, asio::buffer(bytes)); }
  void close() { state_->socket.close(); }
  void reset() {
    state_->socket.set_option(asio::socket_base::linger(true, 0));
    state_->socket.close();
  }
  const std::string& got() const { return state_->got; }
  bool ended() const { return state_->ended; }
  SocketAddress local() const { return address(state_->socket.local_endpoint()); }
  SocketAddress remote() const { return address(state_->socket.remote_endpoint()); }
  tcp::socket& socket() { return state_->socket; }

 private:
  struct State {
    explicit State(tcp::socket s) : socket(std::move(s)) {}
    tcp::socket socket;
    std::string buffer = std::string(65536, '\0');
    std::string got;
    bool ended = false;
  };
  static void read(const std::shared_ptr<State>& state) {
    state->socket.async_read_some(asio::buffer(state->buffer),
                                  [state](auto error, std::size_t size) {
                                    if (error) {
                                      state->ended = true;
                                      return;
                                    }
                                    state->got.append(state->buffer, 0, size);
                                    read(state);
                                  });
  }
  std::shared_ptr<State> state_;
};

/// A plain TCP listener that keeps every connection.
class Server {
 public:
  explicit Server(asio::io_context& io, const SocketAddress& where = at("127.0.0.1"))
      : acceptor_(std::make_shared<tcp::acceptor>(io, endpoint<tcp>(where))),
        streams_(std::make_shared<std::vector<Stream>>()) {
    accept(acceptor_, streams_);
  }
  ~Server() {
    acceptor_->close();
    for (Stream& stream : *streams_) stream.close();
  }
  SocketAddress where() const { return address(acceptor_->local_endpoint()); }
  std::vector<Stream>& streams() { return *streams_; }

 private:
  static void accept(const std::shared_ptr<tcp::acceptor>& acceptor,
                     const std::shared_ptr<std::vector<Stream>>& streams) {
    acceptor->async_accept([acceptor, streams](auto error, tcp::socket socket) {
      if (error) return;
      streams->emplace_back(std::move(socket));
      accept(acceptor, streams);
    });
  }
  std::shared_ptr<tcp::acceptor> acceptor_;
  std::shared_ptr<std::vector<Stream>> streams_;
};

/// A plain UDP socket.
class Datagrams {
 public:
  explicit Datagrams(asio::io_context& io, const SocketAddress& where = at("127.0.0.1"))
      : socket_(io, endpoint<udp>(where)) {
    socket_.non_blocking(true);
    socket_.set_option(udp::socket::receive_buffer_size(1 << 20));
  }
  void send(const std::string& bytes, const SocketAddress& to) {
    socket_.send_to(asio::buffer(bytes), endpoint<udp>(to));
  }
  /// Takes what has arrived; true once `count` did in all.
  bool have(std::size_t count) {
    std::string buffer(65536, '\0');
    while (got.size() < count) {
      udp::endpoint from;
      boost::system::error_code error;
      const std::size_t size = socket_.receive_from(asio::buffer(buffer), from, 0, error);
      if (error) return false;
      got.push_back({buffer.substr(0, size), address(from)});
    }
    return true;
  }
  SocketAddress where() const { return address(socket_.local_endpoint()); }
  void close() { socket_.close(); }

  std::vector<std::pair<std::string, SocketAddress>> got;

 private:
  udp::socket socket_;
};

}  // namespace sipstack::testing
