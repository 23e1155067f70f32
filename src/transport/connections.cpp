// SPDX-License-Identifier: Apache-2.0
// The connection table. RFC 3261 sections 18, 18.1.1 and 18.2.2, RFC 5922 section 7.3, RFC 5923.
#include "transport/connections.hpp"

#include <algorithm>
#include <boost/asio/ip/v6_only.hpp>
#include <chrono>
#include <cstring>
#include <random>
#include <utility>

#ifdef __linux__
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#endif

#include "sipstack/parser/message_view.hpp"
#include "transport/asio_address.hpp"
#include "transport/share_port.hpp"
#include "transport/sockets.hpp"

namespace sipstack {

using tcp = boost::asio::ip::tcp;

namespace {

/// Sweeps are at least that far apart, so that their cost has a bound.
constexpr Duration kSweepInterval = std::chrono::milliseconds(20);
constexpr int kAcceptsATurn = 32;

HashKey draw_key() {
  std::random_device device;
  const auto word = [&] { return (std::uint64_t{device()} << 32) | device(); };
  return {word(), word()};
}

/// One key for an IPv4 address or an IPv6 /64: what one customer usually has.
SocketAddress prefix(const IpAddress& ip) {
  if (!ip.is_v6()) return {ip, 0};
  auto bytes = ip.storage();
  std::fill(bytes.begin() + 8, bytes.end(), std::uint8_t{0});
  return {IpAddress::v6(bytes), 0};
}

/// What goes out is our own writing: a status line begins with the version (RFC 3261 section 7.2).
bool is_response(const Block& block, std::size_t size) {
  return size > 4 && std::memcmp(block.data(), "SIP/", 4) == 0;
}

bool out_of_descriptors(const boost::system::error_code& error) {
  return error == boost::system::errc::too_many_files_open ||
         error == boost::system::errc::too_many_files_open_in_system ||
         error == boost::system::errc::not_enough_memory ||
         error == boost::system::errc::no_buffer_space;
}

}  // namespace

std::size_t Connections::HashAddress::operator()(const SocketAddress& address) const noexcept {
  char bytes[22];
  std::memcpy(bytes, address.ip.storage().data(), 16);
  const std::uint32_t scope = address.ip.scope_id();
  std::memcpy(bytes + 16, &scope, 4);
  std::memcpy(bytes + 20, &address.port, 2);
  return static_cast<std::size_t>(keyed_hash(key, {bytes, sizeof bytes}));
}

std::size_t Connections::HashAddress::operator()(const Place& place) const noexcept {
  // Who has many identities and transports at one address has few all the same.
  return (*this)(place.remote) ^
         (std::size_t{place.identity} << 3 ^ static_cast<std::size_t>(place.transport));
}

Connections::Connections(Sockets& sockets)
    : sockets_(sockets),
      by_remote_(0, HashAddress{draw_key()}),
      sources_(0, HashAddress{draw_key()}),
      last_id_(sockets.options().first_connection - 1),
      key_(draw_key()),
      identities_(key_),
      timer_(sockets.io()) {}

// ---------------------------------------------------------------- TLS

std::uint32_t Connections::identity(std::string_view domain) {
  return IpAddress::parse(domain) ? 0 : identities_.number(domain);
}

/// Read when it is first needed: the system's trusted certificates are many.
expected<std::shared_ptr<TlsContext>, std::error_code> Connections::context(TlsContext::Side side) {
  auto& kept = side == TlsContext::Side::server ? server_tls_ : client_tls_;
  if (!kept) {
    auto loaded = TlsContext::load(sockets_.options().tls, side, key_);
    if (!loaded) return unexpected(loaded.error());
    kept = std::move(*loaded);
  }
  return kept;
}

expected<void, std::error_code> Connections::reload_tls() {
  std::shared_ptr<TlsContext> fresh[2];
  const std::shared_ptr<TlsContext>* const used[2] = {&server_tls_, &client_tls_};
  for (const TlsContext::Side side : {TlsContext::Side::server, TlsContext::Side::client}) {
    const auto i = static_cast<std::size_t>(side);
    if (!*used[i]) continue;
    auto loaded = TlsContext::load(sockets_.options().tls, side, key_);
    if (!loaded) return unexpected(loaded.error());
    fresh[i] = std::move(*loaded);
  }
  server_tls_ = std::move(fresh[0]);
  client_tls_ = std::move(fresh[1]);
  return {};
}

// ---------------------------------------------------------------- listening

expected<SocketAddress, std::error_code> Connections::listen(Transport transport,
                                                             const SocketAddress& address) {
  if (secure(transport)) {
    if (const auto tls = context(TlsContext::Side::server); !tls) return unexpected(tls.error());
  }
  auto listener = std::make_shared<Listener>(sockets_.io());
  listener->transport = transport;
  tcp::acceptor& acceptor = listener->acceptor;
  boost::system::error_code error;
  acceptor.open(family_of<tcp>(address.ip), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error && sockets_.options().share_port) share_port(acceptor, error);
  if (!error && address.ip.is_v6()) acceptor.set_option(boost::asio::ip::v6_only(true), error);
  if (!error) acceptor.bind(to_endpoint<tcp>(address), error);
  if (!error) acceptor.listen(sockets_.options().backlog, error);
  if (!error) acceptor.non_blocking(true, error);
  tcp::endpoint bound;
  if (!error) bound = acceptor.local_endpoint(error);
  if (error) return unexpected(to_std(error));
  listener->bound = from_endpoint(bound);
  listeners_.push_back(listener);
  wait(listener);
  return listener->bound;
}

void Connections::wait(const std::shared_ptr<Listener>& listener) {
  listener->acceptor.async_wait(tcp::acceptor::wait_read,
                                [listener, weak = sockets_.weak_from_this()](auto error) {
                                  const auto sockets = weak.lock();
                                  if (error || !sockets || !listener->acceptor.is_open()) return;
                                  sockets->turn([&] { sockets->connections().accept(*listener); });
                                });
}

void Connections::accept(Listener& listener) {
  const auto self = *std::find_if(listeners_.begin(), listeners_.end(),
                                  [&](const auto& l) { return l.get() == &listener; });
  for (int i = 0; i < kAcceptsATurn; ++i) {
    boost::system::error_code error;
    tcp::socket socket(sockets_.io());
    listener.acceptor.accept(socket, error);
    if (would_block(error)) break;
    if (out_of_descriptors(error)) {
      // The backlog stays readable: without a pause we would spin.
      listener.pause.expires_after(std::chrono::milliseconds(100));
      listener.pause.async_wait([self, weak = sockets_.weak_from_this()](auto cancelled) {
        const auto sockets = weak.lock();
        if (!cancelled && sockets && self->acceptor.is_open()) sockets->connections().wait(self);
      });
      return;
    }
    if (!error) admit(std::move(socket), listener.transport);
  }
  wait(self);
}

void Connections::admit(tcp::socket socket, Transport transport) {
  boost::system::error_code error;
  Flow flow;
  flow.transport = transport;
  const auto remote = socket.remote_endpoint(error);
  if (error) return;  // gone already
  flow.remote = from_endpoint(remote);
  const auto local = socket.local_endpoint(error);
  if (!error) socket.non_blocking(true, error);
  if (error) return;
  flow.local = from_endpoint(local);
  set_options(socket);
  if (!make_room_for(flow.remote) || !make_room()) {
    ++sockets_.counters().refused;
    return;
  }
  flow.connection = ++last_id_;
  ++sockets_.counters().accepted;
  auto connection = std::make_shared<Connection>(sockets_, std::move(socket), flow, true);
  connection->silent = true;
  connection->silent_position = silent_.insert(silent_.end(), flow.connection);
  if (counted(flow.remote.ip)) ++sources_[prefix(flow.remote.ip)];
  add(connection);
  std::unique_ptr<TlsStream> tls;
  if (secure(transport)) tls = std::make_unique<TlsStream>(server_tls_, connection->native());
  connection->start(std::move(tls));
  watch(*connection);
}

void Connections::set_options(tcp::socket& socket) const {
  boost::system::error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
#ifdef TCP_USER_TIMEOUT
  // RFC 5482. Without it a peer that vanished is tried for a quarter of an hour, and requests with it.
  const auto stall = std::chrono::ceil<std::chrono::milliseconds>(sockets_.options().send_stall);
  const auto milliseconds = static_cast<unsigned>(stall.count());
  (void)::setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_USER_TIMEOUT, &milliseconds,
                     sizeof milliseconds);
#endif
}

bool Connections::counted(const IpAddress& source) const {
  return sockets_.options().limit_loopback || !source.is_loopback();
}

/// Room in the table, at the cost of the connection that has been silent for the longest time.
bool Connections::make_room() {
  if (all_.size() < sockets_.options().max_connections) return true;
  if (silent_.empty()) return false;
  ++sockets_.counters().refused;
  find(silent_.front())->close(make_error_code(std::errc::connection_aborted));
  return all_.size() < sockets_.options().max_connections;
}

/// The same among those of one source.
bool Connections::make_room_for(const SocketAddress& source) {
  if (!counted(source.ip)) return true;
  const SocketAddress key = prefix(source.ip);
  const auto found = sources_.find(key);
  if (found == sources_.end() || found->second < sockets_.options().max_per_source) return true;
  for (const ConnectionId id : silent_) {
    const auto connection = find(id);
    if (prefix(connection->flow().remote.ip) != key) continue;
    ++sockets_.counters().refused;
    connection->close(make_error_code(std::errc::connection_aborted));
    return true;
  }
  return false;
}

SocketAddress Connections::listening_toward(Transport transport, const IpAddress& remote) const {
  SocketAddress best{remote.is_v6() ? IpAddress::v6({}) : IpAddress::v4({}), 0};
  bool found = false;
  for (const auto& listener : listeners_) {
    const SocketAddress& bound = listener->bound;
    if (listener->transport != transport || !same_family(bound.ip, remote)) continue;
    // A listener on one address is right only where the peer can be on that side.
    const bool fits = bound.ip.is_unspecified() || bound.ip.is_loopback() == remote.is_loopback();
    if (!found || fits) best = bound;
    if (fits) return best;
    found = true;
  }
  return best;
}

// ---------------------------------------------------------------- sending

void Connections::send(const Block& block, std::size_t size, const Flow& flow,
                       std::uint64_t token) {
  Outgoing message;
  message.block = block;
  message.size = static_cast<std::uint32_t>(size);
  message.anywhere = flow.connection == 0;
  message.request = !is_response(block, size);
  message.token = token;
  if (flow.connection != 0) {
    if (const auto connection = find(flow.connection); connection && connection->usable())
      return connection->send(message);
    // RFC 3261 section 18.2.2: a response goes on to where the Via leads; a request belongs to its flow.
    // Who opened a WebSocket cannot be connected to (RFC 7118 section 5.3).
    const bool web = flow.transport == Transport::ws || flow.transport == Transport::wss;
    if (web || message.request)
      return sockets_.fail(token, make_error_code(std::errc::not_connected));
  }
  if (const auto connection = find_to(flow)) return connection->send(std::move(message));
  send_afresh(std::move(message), flow);
}

void Connections::send_afresh(Outgoing message, const Flow& flow) {
  message.anywhere = false;
  // Several messages of one dead connection share its successor.
  if (const auto connection = find_to(flow)) return connection->send(std::move(message));
  if (sockets_.handler() == nullptr) return;
  boost::system::error_code error;
  Connection::Peer peer;
  if (flow.identity != 0) {
    const std::string* const name = identities_.name(flow.identity);
    if (name == nullptr) return sockets_.fail(message.token, TlsErrc::forgotten);
    peer.name = *name;
  } else {
    peer.name = flow.remote.ip.to_string();
    if (flow.remote.ip.is_v6()) peer.name = "[" + peer.name + "]";
  }
  if (secure(flow.transport)) {
    auto tls = context(TlsContext::Side::client);
    if (!tls) return sockets_.fail(message.token, tls.error());
    peer.tls = std::move(*tls);
  }
  if (!make_room())
    return sockets_.fail(message.token, make_error_code(std::errc::too_many_files_open));
  tcp::socket socket(sockets_.io());
  socket.open(family_of<tcp>(flow.remote.ip), error);
  if (!error) socket.non_blocking(true, error);
  if (!error && !flow.local.ip.is_unspecified() && same_family(flow.local.ip, flow.remote.ip)) {
#ifdef IP_BIND_ADDRESS_NO_PORT
    // The port is chosen when connecting, by the whole 4-tuple: more connections than ports.
    const int on = 1;
    (void)::setsockopt(socket.native_handle(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
#endif
    socket.bind(to_endpoint<tcp>({flow.local.ip, 0}), error);
  }
  if (error) return sockets_.fail(message.token, to_std(error));
  set_options(socket);
  const Flow opened{flow.transport, {flow.local.ip, 0}, flow.remote, flow.identity, ++last_id_};
  auto connection = std::make_shared<Connection>(sockets_, std::move(socket), opened, false);
  add(connection);
  connection->send(std::move(message));
  connection->connect(std::move(peer));
  watch(*connection);
}

expected<void, std::error_code> Connections::keep_alive(const Flow& flow, Duration interval) {
  const auto connection = flow.connection != 0 ? find(flow.connection) : find_to(flow);
  if (!connection || !connection->usable())
    return unexpected(make_error_code(std::errc::not_connected));
  connection->keep_alive(interval);
  return {};
}

Flow Connections::with_ends(const Flow& flow) const {
  const auto connection = flow.connection != 0 ? find(flow.connection) : find_to(flow);
  return connection ? connection->flow() : flow;
}

// ---------------------------------------------------------------- the table

std::shared_ptr<Connection> Connections::find(ConnectionId id) const {
  const auto found = all_.find(id);
  return found == all_.end() ? nullptr : found->second;
}

std::shared_ptr<Connection> Connections::find_to(const Flow& flow) const {
  const auto found = by_remote_.find(Place::of(flow));
  return found == by_remote_.end() ? nullptr : find(found->second);
}

void Connections::add(const std::shared_ptr<Connection>& connection) {
  const Flow& flow = connection->flow();
  all_.emplace(flow.connection, connection);
  // Who is at the other end of a connection that came to us is not known by its address: requests take
  // it by its id. Plain TCP promises nothing.
  if (!connection->accepted() || flow.transport == Transport::tcp)
    by_remote_[Place::of(flow)] = flow.connection;
  sockets_.counters().connections = all_.size();
}

void Connections::spoke(Connection& connection) {
  if (!connection.silent) return;
  connection.silent = false;
  silent_.erase(connection.silent_position);
}

void Connections::alias(const Connection& connection, std::string_view message) {
  const std::vector<std::string> names = connection.peer_identities();
  if (names.empty()) return;
  const auto index = std::make_unique<MessageIndex>();
  if (!parse(message, *index, sockets_.options().limits)) return;
  const MessageView view(message.data(), *index);
  if (!view.is_request()) return;
  const Via via = view.top_via();
  if (!via.params.has("alias")) return;
  // The address is where it came from, whatever the Via says; the port is the Via's.
  Place place;
  place.remote = {connection.flow().remote.ip, via.port.value_or(default_port(Transport::tls))};
  place.transport = Transport::tls;
  for (const std::string& name : names) {
    place.identity = identity(name);
    // What we opened ourselves stays.
    if (place.identity != 0 && by_remote_.emplace(place, connection.flow().connection).second)
      aliases_[connection.flow().connection].push_back(place);
  }
}

void Connections::forget(const Connection& connection) {
  const auto found = by_remote_.find(Place::of(connection.flow()));
  if (found != by_remote_.end() && found->second == connection.flow().connection)
    by_remote_.erase(found);
  const auto others = aliases_.find(connection.flow().connection);
  if (others == aliases_.end()) return;
  for (const Place& place : others->second) by_remote_.erase(place);
  aliases_.erase(others);
}

void Connections::remove(Connection& connection) {
  const Flow& flow = connection.flow();
  if (all_.erase(flow.connection) == 0) return;
  sockets_.counters().connections = all_.size();
  if (all_.empty() && sockets_.handler() == nullptr) timer_.cancel();  // nothing left to run for
  forget(connection);
  spoke(connection);
  if (!connection.accepted() || !counted(flow.remote.ip)) return;
  const auto source = sources_.find(prefix(flow.remote.ip));
  if (source != sources_.end() && --source->second == 0) sources_.erase(source);
}

void Connections::close(bool linger) {
  for (const auto& listener : listeners_) {
    boost::system::error_code ignored;
    listener->acceptor.close(ignored);
    listener->pause.cancel();
  }
  std::vector<std::shared_ptr<Connection>> all;
  for (const auto& entry : all_) all.push_back(entry.second);
  for (const auto& connection : all) {
    if (linger) connection->end();
    if (linger && connection->finishing())
      sockets_.flush_later(connection);
    else
      connection->abandon();
  }
  if (all_.empty()) timer_.cancel();
}

// ---------------------------------------------------------------- deadlines

void Connections::watch(const Connection& connection) {
  const TimePoint due = connection.deadline();
  if (due < armed_) arm(due);
}

void Connections::arm(TimePoint due) {
  armed_ = due;
  timer_.expires_at(to_steady(std::max(due, swept_ + kSweepInterval)));
  timer_.async_wait([weak = sockets_.weak_from_this()](auto cancelled) {
    const auto sockets = weak.lock();
    if (!cancelled && sockets) sockets->turn([&] { sockets->connections().sweep(); });
  });
}

/// Deadlines that moved away are found here, and not each time that they move.
void Connections::sweep() {
  armed_ = kNever;
  swept_ = steady_now();
  TimePoint next = kNever;
  std::vector<std::shared_ptr<Connection>> due;
  for (const auto& entry : all_) {
    entry.second->relax();
    const TimePoint deadline = entry.second->deadline();
    if (deadline <= swept_)
      due.push_back(entry.second);
    else
      next = std::min(next, deadline);
  }
  for (const auto& connection : due) connection->expire();
  if (next != kNever && next < armed_) arm(next);
}

}  // namespace sipstack
