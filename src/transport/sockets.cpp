// SPDX-License-Identifier: Apache-2.0
// Turns, notices and routing of sends. RFC 3261 section 18.
#include "transport/sockets.hpp"

#include <boost/asio/ip/udp.hpp>
#include <boost/asio/post.hpp>
#include <cstring>
#include <utility>

#include "transport/asio_address.hpp"

namespace sipstack {

namespace {

using udp = boost::asio::ip::udp;

TransportOptions bounded(TransportOptions options) {
  // The message index reaches 65,535 bytes; the partial-message block holds that and one read.
  if (options.limits.message > 65535) options.limits.message = 65535;
  return options;
}

}  // namespace

Sockets::Sockets(boost::asio::io_context& io, TransportHandler& handler, BlockPool& pool,
                 const TransportOptions& options)
    : io_(io),
      handler_(&handler),
      pool_(pool),
      options_(bounded(options)),
      connections_(*this),
      stun_flows_(options_.stun_timeout),
      stun_timer_(io) {}

DatagramIo& Sockets::datagrams() {
  if (!datagrams_) datagrams_ = std::make_unique<DatagramIo>();
  return *datagrams_;
}

char* Sockets::scratch() {
  if (!scratch_) scratch_.reset(new char[kScratch]);
  return scratch_.get();
}

expected<SocketAddress, std::error_code> Sockets::listen(Transport transport,
                                                         const SocketAddress& address) {
  if (handler_ == nullptr) return unexpected(make_error_code(std::errc::not_connected));
  if (!address.ip.is_v4() && !address.ip.is_v6())
    return unexpected(make_error_code(std::errc::address_family_not_supported));
  switch (transport) {
    case Transport::udp: {
      auto socket = UdpSocket::bind(*this, address);
      if (!socket) return unexpected(socket.error());
      udp_.push_back(std::move(*socket));
      return udp_.back()->bound();
    }
    default: return connections_.listen(transport, address);
  }
}

void Sockets::send(const Block& block, std::size_t size, const Flow& flow, std::uint64_t token) {
  if (!block || size == 0 || size > block.capacity())
    return fail(token, make_error_code(std::errc::invalid_argument));
  if (const auto carrier = carriers_[static_cast<std::size_t>(flow.transport)]) {
    sending_ = true;
    carrier->send(block, size, flow, token);
    sending_ = false;
    ++counters_.sent;
    return;
  }
  switch (flow.transport) {
    case Transport::udp:
      if (UdpSocket* socket = udp_for(flow)) {
        socket->send(block, size, flow, token);
        return schedule();
      }
      return fail(token, make_error_code(std::errc::address_family_not_supported));
    default: return connections_.send(block, size, flow, token);
  }
}

UdpSocket* Sockets::udp_for(const Flow& flow) {
  UdpSocket* by_port = nullptr;
  UdpSocket* only = nullptr;
  std::size_t candidates = 0;
  for (const auto& socket : udp_) {
    if (!same_family(socket->bound().ip, flow.remote.ip)) continue;
    if (socket->bound() == flow.local) return socket.get();
    if (flow.local.port != 0 && socket->bound().port == flow.local.port && socket->wildcard())
      by_port = socket.get();
    only = socket.get();
    ++candidates;
  }
  if (by_port != nullptr) return by_port;
  return candidates > 1 ? nearest_udp(flow.remote).get() : only;
}

std::shared_ptr<UdpSocket> Sockets::nearest_udp(const SocketAddress& remote) {
  std::shared_ptr<UdpSocket> best;
  int best_rank = 0;
  IpAddress source;
  if (udp_.size() > 1)
    if (auto found = route_source(remote)) source = *found;
  for (const auto& socket : udp_) {
    const IpAddress& ip = socket->bound().ip;
    if (!same_family(ip, remote.ip)) continue;
    const int rank = ip == source                                  ? 4
                     : socket->wildcard()                          ? 3
                     : ip.is_loopback() == remote.ip.is_loopback() ? 2
                                                                   : 1;
    if (rank > best_rank) {
      best = socket;
      best_rank = rank;
    }
  }
  return best;
}

expected<IpAddress, std::error_code> Sockets::route_source(const SocketAddress& remote) {
  // Connecting a datagram socket sends nothing; it asks the routing table.
  boost::system::error_code error;
  udp::socket probe(io_);
  probe.open(family_of<udp>(remote.ip), error);
  if (!error)
    probe.connect(
        to_endpoint<udp>({remote.ip, remote.port != 0 ? remote.port : std::uint16_t{5060}}), error);
  if (error) return unexpected(to_std(error));
  const auto local = probe.local_endpoint(error);
  if (error) return unexpected(to_std(error));
  return from_asio(local.address());
}

expected<SocketAddress, std::error_code> Sockets::local_toward(Transport transport,
                                                               const SocketAddress& remote) {
  if (!remote.ip.is_v4() && !remote.ip.is_v6())
    return unexpected(make_error_code(std::errc::address_family_not_supported));
  SocketAddress bound;
  if (const auto& carrier = carriers_[static_cast<std::size_t>(transport)]) {
    bound = carrier->address();
    if (!same_family(bound.ip, remote.ip))
      return unexpected(make_error_code(std::errc::address_family_not_supported));
  } else if (transport == Transport::udp) {
    const auto socket = nearest_udp(remote);
    if (!socket) return unexpected(make_error_code(std::errc::address_family_not_supported));
    bound = socket->bound();
  } else {
    bound = connections_.listening_toward(transport, remote.ip);
  }
  if (bound.ip.is_unspecified()) {
    auto source = route_source(remote);
    if (!source) return unexpected(source.error());
    bound.ip = *source;
  }
  return bound;
}

// ---------------------------------------------------------------- carriers

expected<void, std::error_code> Sockets::plug(Transport transport,
                                              std::shared_ptr<Carrier> carrier) {
  if (handler_ == nullptr) return unexpected(make_error_code(std::errc::not_connected));
  if (!carrier) return unexpected(make_error_code(std::errc::invalid_argument));
  auto& place = carriers_[static_cast<std::size_t>(transport)];
  if (place) return unexpected(make_error_code(std::errc::address_in_use));
  place = std::move(carrier);
  const auto weak = weak_from_this();
  Carrier::Up up;
  up.received = [weak](std::string_view message, const Flow& flow) {
    const auto self = weak.lock();
    if (!self || self->handler_ == nullptr || message.empty() || message.size() > 65535) return;
    ++self->counters_.received;
    if (!self->in_turn_ && !self->sending_)
      return self->turn([&] { self->handler_->received(message, flow); });
    self->come_up([text = std::string(message), flow](TransportHandler& handler) {
      handler.received(text, flow);
    });
  };
  up.send_failed = [weak](std::uint64_t token, std::error_code error) {
    if (const auto self = weak.lock()) self->fail(token, error);
  };
  up.closed = [weak](const Flow& flow, std::error_code error) {
    if (const auto self = weak.lock()) self->tell_closed(flow, error);
  };
  place->start(std::move(up));
  return {};
}

void Sockets::come_up(std::function<void(TransportHandler&)> tell) {
  boost::asio::post(io_, [weak = weak_from_this(), tell = std::move(tell)] {
    const auto self = weak.lock();
    if (!self || self->handler_ == nullptr) return;
    self->turn([&] { tell(*self->handler_); });
  });
}

// ---------------------------------------------------------------- keep-alive

Flow Sockets::with_ends(const Flow& flow) const {
  return reliable(flow.transport) ? connections_.with_ends(flow) : flow;
}

expected<void, std::error_code> Sockets::keep_alive(const Flow& flow, Duration interval) {
  if (handler_ == nullptr) return unexpected(make_error_code(std::errc::not_connected));
  if (carriers_[static_cast<std::size_t>(flow.transport)])
    return unexpected(make_error_code(std::errc::operation_not_supported));
  if (flow.transport != Transport::udp) return connections_.keep_alive(flow, interval);
  if (udp_for(flow) == nullptr) return unexpected(make_error_code(std::errc::not_connected));
  if (!stun_flows_.keep(flow, interval, steady_now()))
    return unexpected(make_error_code(std::errc::no_buffer_space));
  arm_stun();
  return {};
}

void Sockets::stun(std::string_view datagram, const Flow& flow) {
  if (const auto response = read_stun_response(datagram)) {
    if (stun_flows_.empty()) return;
    stun_flows_.answered(*response, flow.remote, steady_now(), stun_outputs());
    return arm_stun();
  }
  if (!options_.stun) return;
  const std::string answer = answer_stun(datagram, flow.remote);
  if (answer.empty()) return;
  ++counters_.stun;
  send_datagram(answer, flow);
}

StunFlows::Outputs Sockets::stun_outputs() {
  return {[this](const Flow& flow, const std::string& bytes) { send_datagram(bytes, flow); },
          [this](const Flow& flow, std::error_code error) { tell_closed(flow, error); }};
}

void Sockets::send_datagram(const std::string& bytes, const Flow& flow) {
  UdpSocket* const socket = udp_for(flow);
  const Block block = socket == nullptr ? Block() : pool_.allocate(bytes.size());
  if (!block) return;  // as good as lost on the way
  std::memcpy(block.data(), bytes.data(), bytes.size());
  socket->send(block, bytes.size(), flow, 0);
  schedule();
}

void Sockets::arm_stun() {
  const TimePoint due = stun_flows_.deadline();
  if (due == kNever) {
    stun_timer_.cancel();
    stun_armed_ = kNever;
  }
  if (due >= stun_armed_) return;
  stun_armed_ = due;
  stun_timer_.expires_at(to_steady(due));
  stun_timer_.async_wait([weak = weak_from_this()](auto cancelled) {
    const auto self = weak.lock();
    if (cancelled || !self || self->handler_ == nullptr) return;
    self->stun_armed_ = kNever;
    self->turn([&] { self->stun_flows_.expire(steady_now(), self->stun_outputs()); });
    if (self->handler_ != nullptr) self->arm_stun();
  });
}

void Sockets::schedule() {
  if (in_turn_ || posted_) return;
  posted_ = true;
  boost::asio::post(io_, [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self) return;
    self->posted_ = false;
    self->in_turn_ = true;
    self->flush();
    if (self->notices_.empty())
      self->in_turn_ = false;
    else
      self->end_turn();
  });
}

void Sockets::end_turn() {
  // Failures may lead to new sends that fail at once: a few rounds here, the rest on the next turn.
  for (int round = 0; round < 4; ++round) {
    tell_notices();
    if (handler_ != nullptr) handler_->batch_end();
    flush();
    if (notices_.empty()) break;
  }
  in_turn_ = false;
  if (!notices_.empty()) schedule();
}

void Sockets::flush() {
  for (std::size_t i = 0; i < udp_.size(); ++i) udp_[i]->flush();
  // Flushing tells nobody, so this list does not grow except by connections that fail over.
  while (!dirty_.empty()) {
    const auto connection = std::move(dirty_.back());
    dirty_.pop_back();
    connection->flush();
  }
}

void Sockets::tell_notices() {
  const std::vector<Notice> told = std::exchange(notices_, {});
  for (const Notice& notice : told) {
    if (handler_ == nullptr) return;
    if (notice.token != 0 && notice.error)
      handler_->send_failed(notice.token, notice.error);
    else if (notice.token != 0)
      handler_->request_lost(notice.token);
    else
      (handler_->*notice.tell)(notice.flow, notice.error);
  }
}

void Sockets::fail(std::uint64_t token, std::error_code error) {
  ++counters_.failed;
  if (token == 0 || handler_ == nullptr || notices_.size() >= kMaxNotices) return;
  notices_.push_back({token, error, {}, nullptr});
  schedule();
}

void Sockets::lose(std::uint64_t token) {
  if (handler_ == nullptr || notices_.size() >= kMaxNotices) return;
  notices_.push_back({token, {}, {}, nullptr});
  schedule();
}

void Sockets::tell_closed(const Flow& flow, std::error_code error) {
  if (handler_ == nullptr) return;
  notices_.push_back(
      {0, error, flow, &TransportHandler::closed});  // as many as there are connections, at most
  schedule();
}

void Sockets::tell_not_up(const Flow& flow, std::error_code error, bool accepted) {
  if (handler_ == nullptr || notices_.size() >= kMaxNotices) return;
  notices_.push_back(
      {0, error, flow,
       accepted ? &TransportHandler::handshake_failed : &TransportHandler::connect_failed});
  schedule();
}

void Sockets::flush_later(std::shared_ptr<Connection> connection) {
  dirty_.push_back(std::move(connection));
  schedule();
}

void Sockets::close(bool linger) {
  handler_ = nullptr;
  notices_.clear();
  stun_timer_.cancel();
  for (auto& carrier : carriers_) {
    if (const auto gone = std::move(carrier)) gone->close();
    carrier = nullptr;
  }
  for (const auto& socket : udp_) {
    if (linger) socket->flush();
    socket->close();
  }
  // Kept in the list while a turn may stand on one of them.
  if (!in_turn_) udp_.clear();
  dirty_.clear();
  connections_.close(linger);
}

// ---------------------------------------------------------------- the face

Transports::Transports(boost::asio::io_context& io, TransportHandler& handler, BlockPool& pool,
                       const TransportOptions& options)
    : sockets_(std::make_shared<Sockets>(io, handler, pool, options)) {}

Transports::~Transports() { sockets_->close(false); }

expected<SocketAddress, std::error_code> Transports::listen(Transport transport,
                                                            const SocketAddress& address) {
  return sockets_->listen(transport, address);
}

void Transports::send(const Block& block, std::size_t size, const Flow& flow, std::uint64_t token) {
  sockets_->send(block, size, flow, token);
}

Flow Transports::with_ends(const Flow& flow) const { return sockets_->with_ends(flow); }

expected<SocketAddress, std::error_code> Transports::local_toward(
    Transport transport, const SocketAddress& remote) const {
  return sockets_->local_toward(transport, remote);
}

expected<void, std::error_code> Transports::plug(Transport transport,
                                                 std::shared_ptr<Carrier> carrier) {
  return sockets_->plug(transport, std::move(carrier));
}

expected<void, std::error_code> Transports::keep_alive(const Flow& flow, Duration interval) {
  return sockets_->keep_alive(flow, interval);
}

std::uint32_t Transports::identity(std::string_view domain) {
  return sockets_->connections().identity(domain);
}

expected<void, std::error_code> Transports::reload_tls() {
  return sockets_->connections().reload_tls();
}

void Transports::close() { sockets_->close(true); }

const TransportCounters& Transports::counters() const noexcept { return sockets_->counters(); }

}  // namespace sipstack
