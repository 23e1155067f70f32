// SPDX-License-Identifier: Apache-2.0
// Turns, notices and routing of sends. RFC 3261 section 18.
#include "transport/sockets.hpp"

#include <boost/asio/ip/udp.hpp>
#include <boost/asio/post.hpp>
#include <utility>

#include "transport/asio_address.hpp"

namespace sipstack {

namespace {

TransportOptions bounded(TransportOptions options) {
  // The message index reaches 65,535 bytes; the partial-message block holds that and one read.
  if (options.limits.message > 65535) options.limits.message = 65535;
  return options;
}

}  // namespace

Sockets::Sockets(boost::asio::io_context& io, TransportHandler& handler, BlockPool& pool,
                 const TransportOptions& options)
    : io_(io), handler_(&handler), pool_(pool), options_(bounded(options)), connections_(*this) {}

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
  using udp = boost::asio::ip::udp;
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
  if (transport == Transport::udp) {
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
    if (notice.token != 0)
      handler_->send_failed(notice.token, notice.error);
    else if (notice.came_up)
      handler_->closed(notice.flow, notice.error);
    else
      handler_->handshake_failed(notice.flow, notice.error);
  }
}

void Sockets::fail(std::uint64_t token, std::error_code error) {
  ++counters_.failed;
  if (token == 0 || handler_ == nullptr || notices_.size() >= kMaxNotices) return;
  notices_.push_back({token, error, {}, true});
  schedule();
}

void Sockets::tell_closed(const Flow& flow, std::error_code error) {
  if (handler_ == nullptr) return;
  notices_.push_back({0, error, flow, true});  // as many as there are connections, at most
  schedule();
}

void Sockets::tell_handshake_failed(const Flow& flow, std::error_code error) {
  if (handler_ == nullptr || notices_.size() >= kMaxNotices) return;
  notices_.push_back({0, error, flow, false});
  schedule();
}

void Sockets::flush_later(std::shared_ptr<Connection> connection) {
  dirty_.push_back(std::move(connection));
  schedule();
}

void Sockets::close(bool linger) {
  handler_ = nullptr;
  notices_.clear();
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

expected<SocketAddress, std::error_code> Transports::local_toward(
    Transport transport, const SocketAddress& remote) const {
  return sockets_->local_toward(transport, remote);
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
