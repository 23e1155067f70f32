// SPDX-License-Identifier: Apache-2.0
// How a connection comes up, and how it ends. RFC 3261 section 18; WebSocket by RFC 6455 and RFC 7118.
#include "transport/connection.hpp"

#include <algorithm>
#include <utility>

#include "transport/asio_address.hpp"
#include "transport/entropy.hpp"
#include "transport/sockets.hpp"
#include "transport/web_handshake.hpp"

namespace sipstack {

using tcp = boost::asio::ip::tcp;

Connection::Connection(Sockets& sockets, tcp::socket socket, const Flow& flow, bool accepted)
    : sockets_(&sockets),
      socket_(std::move(socket)),
      flow_(flow),
      accepted_(accepted),
      framer_(sockets.options().limits),
      opened_(steady_now()),
      since_(opened_),
      progress_(opened_) {
  const TransportOptions& options = sockets.options();
  const bool web = flow.transport == Transport::ws || flow.transport == Transport::wss;
  ping_interval_ = !accepted ? options.ping : web ? options.web_ping : Duration::zero();
  if (web) web_ = std::make_unique<Web>(!accepted, sockets.options().limits.message);
}

void Connection::start(std::unique_ptr<TlsStream> tls) {
  tls_ = std::move(tls);
  if (tls_) {
    state_ = State::securing;
  } else if (web_) {
    state_ = State::upgrading;
  } else {
    state_ = State::open;
    told_open_ = true;
  }
  read_more();
}

void Connection::connect(Peer peer) {
  if (peer.tls || web_) peer_ = std::make_unique<Peer>(std::move(peer));
  socket_.async_connect(to_endpoint<tcp>(flow_.remote),
                        [self = shared_from_this(), weak = sockets_->weak_from_this()](auto error) {
                          const auto sockets = weak.lock();
                          if (!sockets || self->state_ == State::closed) return;
                          sockets->turn([&] { self->connected(to_std(error)); });
                          self->read_more();
                        });
  // The system has chosen our port by now: traces of what waits to be written tell it.
  boost::system::error_code none;
  const auto local = socket_.local_endpoint(none);
  if (!none && local.port() != 0) flow_.local = from_endpoint(local);
}

void Connection::connected(std::error_code error) {
  boost::system::error_code failed;
  if (!error) {
    const auto local = socket_.local_endpoint(failed);
    if (!failed) flow_.local = from_endpoint(local);
    error = to_std(failed);
  }
  if (error) return close(error);
  since_ = progress_ = steady_now();
  const std::unique_ptr<Peer> peer = std::move(peer_);
  if (web_) {
    web_->host = peer->name;
    if (flow_.remote.port != default_port(flow_.transport))
      web_->host += ":" + std::to_string(flow_.remote.port);
  }
  if (peer && peer->tls) {
    tls_ = std::make_unique<TlsStream>(std::move(peer->tls), socket_.native_handle(), peer->name,
                                       peer->name + " " + flow_.remote.to_string());
    state_ = State::securing;
    sockets_->connections().watch(*this);
    return secure();
  }
  secured();
}

/// A step of the TLS handshake.
void Connection::secure() {
  const TlsStream::Step step = tls_->handshake();
  if (step.error) return close(step.error);
  if (step.need == TlsStream::Step::Need::readable) return;
  if (step.need == TlsStream::Step::Need::writable) {
    blocked_ = true;
    return wait_writable();
  }
  if (tls_->resumed()) ++sockets_->counters().resumed;
  secured();
}

void Connection::secured() {
  if (web_)
    begin_upgrade();
  else
    come_up();
}

void Connection::begin_upgrade() {
  state_ = State::upgrading;
  sockets_->connections().watch(*this);
  if (!web_->client) return;
  web_->key = draw_web_key();
  queue_handshake(web_request(web_->host, sockets_->options().web_path, web_->key));
}

/// The peer is there, and messages may go both ways.
void Connection::come_up() {
  state_ = State::open;
  told_open_ = true;
  if (!accepted_) {
    ++sockets_->counters().opened;
    since_ = steady_now();
  }
  progress_ = steady_now();
  schedule_ping();
  sockets_->connections().watch(*this);
  sockets_->flush_later(shared_from_this());
}

std::vector<std::string> Connection::peer_identities() const {
  return tls_ ? tls_->peer_identities() : std::vector<std::string>{};
}

// ---------------------------------------------------------------- the end

TimePoint Connection::deadline() const noexcept {
  const TimePoint due = limit();
  return state_ == State::open ? std::min(due, ping_at_) : due;
}

/// When it closes, if nothing happens.
TimePoint Connection::limit() const noexcept {
  if (sockets_ == nullptr) return kNever;
  const TransportOptions& options = sockets_->options();
  TimePoint due = kNever;
  switch (state_) {
    case State::connecting: return opened_ + options.connect_timeout;
    case State::securing:
    case State::upgrading:
      if (!accepted_) return since_ + options.handshake;
      return opened_ + std::min(options.handshake, options.first_message);
    case State::ending: return progress_ + std::min(options.linger, options.send_stall);
    case State::lingering: return progress_ + options.linger;
    case State::closed: return kNever;
    case State::open: break;
  }
  if (queued_ > 0) due = progress_ + options.send_stall;
  if (paused()) return due;  // what we don't read cannot arrive
  if (silent) due = std::min(due, opened_ + options.first_message);
  if (partial_since_ != kNever) due = std::min(due, partial_since_ + options.message);
  return std::min({due, since_ + options.idle, pong_by_});
}

void Connection::expire() {
  if (state_ == State::ending || state_ == State::lingering) return close(reason_);
  if (state_ == State::open && limit() > steady_now()) return ping();
  if (state_ == State::open) ++sockets_->counters().timed_out;
  close(make_error_code(std::errc::timed_out));
}

void Connection::begin_ending(std::error_code why) {
  state_ = State::ending;
  reason_ = why;
  progress_ = steady_now();
}

void Connection::end() {
  if (state_ != State::open) return;
  if (web_) goodbye(WebClose::normal);
  if (state_ != State::open) return;
  partial_ = {};
  sockets_->connections().forget(*this);
  move_on();
  lose_requests();
  if (queued_ == 0) return close(reason_);
  begin_ending(reason_);
  sockets_->connections().watch(*this);
  sockets_->flush_later(shared_from_this());
}

/// Requests that any connection may carry, and of which this one took no byte, go on a fresh one: a peer
/// that closed an idle connection has not seen them.
void Connection::move_on() {
  std::vector<Outgoing> stay;
  std::vector<Outgoing> go;
  std::size_t before = 0;
  for (std::size_t i = head_; i < queue_.size(); ++i) {
    const bool begun = (i == head_ && offset_ > 0) || before < pledged_;
    before += queue_[i].wire() - (i == head_ ? offset_ : 0);
    (queue_[i].anywhere && !begun ? go : stay).push_back(std::move(queue_[i]));
  }
  queue_ = std::move(stay);
  head_ = 0;
  for (Outgoing& message : go) {
    queued_ -= message.wire();
    sockets_->counters().queued -= message.wire();
    sockets_->connections().send_afresh(std::move(message), flow_);
  }
}

/// Answers to what was written will not come by this connection any more.
void Connection::lose_requests() {
  for (const std::uint64_t token : std::exchange(requests_, {})) sockets_->lose(token);
}

void Connection::begin_linger() {
  boost::system::error_code error;
  if (tls_) tls_->close_notify();
  socket_.shutdown(tcp::socket::shutdown_send, error);
  if (error) return close(reason_);
  state_ = State::lingering;
  progress_ = steady_now();
  sockets_->connections().forget(*this);
  if (std::exchange(told_open_, false)) sockets_->tell_closed(flow_, reason_);
  sockets_->connections().watch(*this);
  read_more();
}

void Connection::close(std::error_code error) {
  if (state_ == State::closed) return;
  const auto self = shared_from_this();
  Sockets& sockets = *sockets_;
  const std::error_code reason = error;
  if (opening()) {
    ++(accepted_ ? sockets.counters().handshake_failed : sockets.counters().connect_failed);
    const auto why = error ? error : make_error_code(std::errc::connection_aborted);
    sockets.tell_not_up(flow_, why, accepted_);
  }
  // A peer that takes nothing is not given it twice.
  const bool moves =
      state_ == State::open && error != std::errc::timed_out && error != std::errc::no_buffer_space;
  if (moves) {
    sockets.connections().forget(*this);
    move_on();
  }
  const std::vector<Outgoing> left = std::exchange(queue_, {});
  const std::size_t first = std::exchange(head_, 0);
  const bool owed = std::exchange(told_open_, false);
  lose_requests();
  shut();
  if (!error) error = make_error_code(std::errc::connection_aborted);
  for (std::size_t i = first; i < left.size(); ++i) {
    if (left[i].kind != Outgoing::Kind::message) continue;
    // What has begun, and could go anywhere: as good as written.
    if (moves && left[i].request && left[i].anywhere)
      sockets.lose(left[i].token);
    else
      sockets.fail(left[i].token, error);
  }
  if (owed) sockets.tell_closed(flow_, reason);
}

void Connection::abandon() {
  queue_.clear();
  head_ = 0;
  told_open_ = false;
  if (state_ != State::closed) shut();
}

void Connection::shut() {
  const auto self = shared_from_this();
  state_ = State::closed;
  if (tls_) tls_->close_notify();
  boost::system::error_code ignored;
  socket_.close(ignored);
  tls_.reset();
  peer_.reset();
  partial_ = {};
  sockets_->counters().queued -= queued_;
  queued_ = 0;
  sockets_->connections().remove(*this);
  sockets_ = nullptr;
}

}  // namespace sipstack
