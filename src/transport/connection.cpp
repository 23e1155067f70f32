// SPDX-License-Identifier: Apache-2.0
// TCP: RFC 3261 sections 18, 18.3 and 20.14; keep-alives of RFC 5626 section 4.4.1.
#include "transport/connection.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <cstring>
#include <utility>

#include "transport/asio_address.hpp"
#include "transport/sockets.hpp"

namespace sipstack {

using tcp = boost::asio::ip::tcp;

namespace {

constexpr std::size_t kPongsARead = 64;
constexpr std::size_t kDiscardAtMost = 256 * 1024;
constexpr std::size_t kGather = 64;

constexpr auto make_crlfs() {
  std::array<char, 2 * kPongsARead> bytes{};
  for (std::size_t i = 0; i < bytes.size(); i += 2) {
    bytes[i] = '\r';
    bytes[i + 1] = '\n';
  }
  return bytes;
}
constexpr auto kCrlfs = make_crlfs();

/// The first `count` of an array of buffers, as Asio wants to see them.
struct Gathered {
  std::array<boost::asio::const_buffer, kGather> buffers;
  std::size_t count = 0;
  using value_type = boost::asio::const_buffer;
  using const_iterator = const boost::asio::const_buffer*;
  const_iterator begin() const { return buffers.data(); }
  const_iterator end() const { return buffers.data() + count; }
};

}  // namespace

Connection::Connection(Sockets& sockets, tcp::socket socket, const Flow& flow, bool accepted)
    : sockets_(&sockets),
      socket_(std::move(socket)),
      flow_(flow),
      accepted_(accepted),
      framer_(sockets.options().limits),
      opened_(steady_now()),
      since_(opened_),
      progress_(opened_) {}

void Connection::start() {
  state_ = State::open;
  told_open_ = true;
  read_more();
}

void Connection::connect() {
  socket_.async_connect(to_endpoint<tcp>(flow_.remote),
                        [self = shared_from_this(), weak = sockets_->weak_from_this()](auto error) {
                          const auto sockets = weak.lock();
                          if (!sockets || self->state_ == State::closed) return;
                          sockets->turn([&] { self->connected(to_std(error)); });
                          self->read_more();
                        });
}

void Connection::connected(std::error_code error) {
  boost::system::error_code failed;
  if (!error) {
    const auto local = socket_.local_endpoint(failed);
    if (!failed) flow_.local = from_endpoint(local);
    error = to_std(failed);
  }
  if (error) return close(error);
  state_ = State::open;
  told_open_ = true;
  ++sockets_->counters().opened;
  since_ = progress_ = steady_now();
  sockets_->connections().watch(*this);
  flush();
}

// ---------------------------------------------------------------- in

bool Connection::paused() const noexcept {
  // A peer that does not read what we answer is not listened to (back-pressure).
  return state_ == State::open && queued_ > sockets_->options().write_queue / 2;
}

void Connection::read_more() {
  if (reading_ || sockets_ == nullptr || (state_ != State::open && state_ != State::lingering))
    return;
  if (paused()) return;
  reading_ = true;
  socket_.async_wait(tcp::socket::wait_read,
                     [self = shared_from_this(), weak = sockets_->weak_from_this()](auto error) {
                       self->reading_ = false;
                       const auto sockets = weak.lock();
                       if (error || !sockets || self->state_ == State::closed) return;
                       sockets->turn([&] { self->readable(); });
                       self->read_more();
                     });
}

void Connection::readable() {
  if (state_ != State::open && state_ != State::lingering) return;
  boost::system::error_code error;
  char* scratch = sockets_->scratch();
  const std::size_t size =
      socket_.read_some(boost::asio::buffer(scratch, Sockets::kScratch), error);
  if (would_block(error)) return;
  if (state_ == State::lingering) {
    discarded_ += static_cast<std::uint32_t>(size);
    if (error || discarded_ > kDiscardAtMost) close({});
    return;
  }
  if (error == boost::asio::error::eof) return end();  // replies that are queued can still be read
  if (error) return close(to_std(error));
  consume({scratch, size});
}

void Connection::consume(std::string_view bytes) {
  if (partial_ && !append(bytes)) return close(make_error_code(std::errc::not_enough_memory));
  // Our own hold on the bytes: the handler may close everything.
  const Block hold = partial_;
  const std::string_view all = hold ? hold.view() : bytes;
  std::size_t used = 0;
  std::size_t pings = 0;
  bool progress = false;
  while (used < all.size()) {
    const Frame frame = framer_.next(all.substr(used));
    if (frame.kind == Frame::Kind::need_more) break;
    if (frame.kind == Frame::Kind::error) {
      ++sockets_->counters().stream_errors;
      state_ = State::ending;
      reason_ = make_error_code(std::errc::bad_message);
      progress_ = steady_now();
      if (sockets_->handler() != nullptr)
        sockets_->handler()->stream_error(frame.error, all.substr(used), flow_);
      if (sockets_ == nullptr) return;
      partial_ = {};
      sockets_->connections().forget(*this);
      sockets_->connections().watch(*this);
      return sockets_->flush_later(shared_from_this());
    }
    progress = true;
    if (frame.kind == Frame::Kind::ping) ++pings;
    if (frame.kind == Frame::Kind::message) {
      ++sockets_->counters().received;
      if (silent) sockets_->connections().spoke(*this);
      if (sockets_->handler() != nullptr)
        sockets_->handler()->received(all.substr(used, frame.size), flow_);
      if (sockets_ == nullptr) return;  // closed in that call
    }
    used += std::max<std::size_t>(frame.size, 1);
  }
  if (progress) since_ = steady_now();
  if (!keep(all.substr(std::min(used, all.size()))))
    return close(make_error_code(std::errc::not_enough_memory));
  if (partial_ && (progress || partial_since_ == kNever)) partial_since_ = steady_now();
  if (!partial_) partial_since_ = kNever;
  sockets_->connections().watch(*this);
  if (pings > 0) pong(pings);
}

/// Adds to the partial message, whose block grows by doubling.
bool Connection::append(std::string_view bytes) {
  const std::size_t size = partial_.size();
  if (bytes.size() > BlockPool::kLargest - size) return false;
  if (partial_.capacity() < size + bytes.size()) {
    Block larger = sockets_->pool().allocate(
        std::min(std::max(size + bytes.size(), 2 * partial_.capacity()), BlockPool::kLargest));
    if (!larger) return false;
    std::memcpy(larger.data(), partial_.data(), size);
    partial_ = std::move(larger);
  }
  std::memcpy(partial_.data() + size, bytes.data(), bytes.size());
  partial_.resize(size + bytes.size());
  return true;
}

/// Keeps the start of a message until the rest comes. `rest` is the end of partial_ or of the scratch.
bool Connection::keep(std::string_view rest) {
  if (rest.empty()) {
    partial_ = {};
    return true;
  }
  if (partial_ && rest.size() == partial_.size()) return true;  // nothing was used
  if (!partial_) {
    partial_ = sockets_->pool().allocate(rest.size());
    if (!partial_) return false;
  }
  std::memmove(partial_.data(), rest.data(), rest.size());
  partial_.resize(rest.size());
  return true;
}

void Connection::pong(std::size_t pings) {
  sockets_->counters().pings += pings;
  if (!sockets_->options().pong) return;
  const std::size_t pongs = std::min(pings, kPongsARead);
  if (queued_ + 2 * pongs > sockets_->options().write_queue / 2) return;  // it does not read them
  sockets_->counters().pongs += pongs;
  send({{}, static_cast<std::uint32_t>(2 * pongs), false, 0});
}

// ---------------------------------------------------------------- out

void Connection::send(Outgoing message) {
  TransportCounters& counters = sockets_->counters();
  const TransportOptions& options = sockets_->options();
  if (message.size > options.write_queue - std::min(queued_, options.write_queue) ||
      message.size > options.write_queues - std::min(counters.queued, options.write_queues)) {
    const auto full = make_error_code(std::errc::no_buffer_space);
    sockets_->fail(message.token, full);
    if (state_ == State::connecting) return;  // it may yet take what is queued
    ++counters.overflowed;
    return close(full);
  }
  if (queued_ == 0) {
    progress_ = steady_now();
    if (state_ != State::connecting) sockets_->flush_later(shared_from_this());
  }
  queued_ += message.size;
  counters.queued += message.size;
  queue_.push_back(std::move(message));
}

void Connection::flush() {
  if (sockets_ == nullptr || state_ == State::connecting || writing_) return;
  while (queued_ > 0) {
    Gathered gathered;
    std::uint32_t skip = offset_;
    for (std::size_t i = head_; i < queue_.size() && gathered.count < kGather; ++i) {
      const char* data = queue_[i].block ? queue_[i].block.data() : kCrlfs.data();
      gathered.buffers[gathered.count++] = {data + skip, queue_[i].size - skip};
      skip = 0;
    }
    boost::system::error_code error;
    const std::size_t size = socket_.write_some(gathered, error);
    if (would_block(error)) {
      sockets_->connections().watch(*this);
      return wait_writable();
    }
    if (error) return close(to_std(error));
    written(size);
  }
  if (state_ == State::ending) return begin_linger();
  read_more();
}

void Connection::written(std::size_t bytes) {
  progress_ = since_ = steady_now();
  queued_ -= bytes;
  sockets_->counters().queued -= bytes;
  while (bytes > 0) {
    Outgoing& first = queue_[head_];
    const std::size_t left = first.size - offset_;
    if (bytes < left) {
      offset_ += static_cast<std::uint32_t>(bytes);
      break;
    }
    bytes -= left;
    offset_ = 0;
    if (first.block) ++sockets_->counters().sent;
    first.block = {};
    ++head_;
  }
  if (head_ == queue_.size()) {
    head_ = 0;
    queue_.clear();
  } else if (head_ > 64 && head_ > queue_.size() / 2) {
    queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(head_));
    head_ = 0;
  }
}

void Connection::relax() {
  if (queue_.empty() && queue_.capacity() > 8) std::vector<Outgoing>().swap(queue_);
}

void Connection::wait_writable() {
  if (writing_) return;
  writing_ = true;
  socket_.async_wait(tcp::socket::wait_write,
                     [self = shared_from_this(), weak = sockets_->weak_from_this()](auto error) {
                       self->writing_ = false;
                       const auto sockets = weak.lock();
                       if (error || !sockets || self->state_ == State::closed) return;
                       sockets->flush_later(self);
                     });
}

// ---------------------------------------------------------------- the end

TimePoint Connection::deadline() const noexcept {
  if (sockets_ == nullptr) return kNever;
  const TransportOptions& options = sockets_->options();
  TimePoint due = kNever;
  switch (state_) {
    case State::connecting: return opened_ + options.connect_timeout;
    case State::ending: return progress_ + std::min(options.linger, options.send_stall);
    case State::lingering: return progress_ + options.linger;
    case State::closed: return kNever;
    case State::open: break;
  }
  if (queued_ > 0) due = progress_ + options.send_stall;
  if (paused()) return due;  // what we don't read cannot arrive
  if (silent) due = std::min(due, opened_ + options.first_message);
  if (partial_) due = std::min(due, partial_since_ + options.message);
  return std::min(due, since_ + options.idle);
}

void Connection::expire() {
  if (state_ == State::ending || state_ == State::lingering) return close(reason_);
  if (state_ == State::open) ++sockets_->counters().timed_out;
  close(make_error_code(std::errc::timed_out));
}

void Connection::end() {
  if (state_ != State::open) return;
  partial_ = {};
  sockets_->connections().forget(*this);
  move_on();
  if (queued_ == 0) return close(reason_);
  state_ = State::ending;
  progress_ = steady_now();
  sockets_->connections().watch(*this);
  sockets_->flush_later(shared_from_this());
}

/// Requests that any connection may carry, and of which this one took no byte, go on a fresh one: a peer
/// that closed an idle connection has not seen them.
void Connection::move_on() {
  std::vector<Outgoing> stay;
  std::vector<Outgoing> go;
  for (std::size_t i = head_; i < queue_.size(); ++i) {
    const bool begun = i == head_ && offset_ > 0;
    (queue_[i].anywhere && !begun ? go : stay).push_back(std::move(queue_[i]));
  }
  queue_ = std::move(stay);
  head_ = 0;
  for (Outgoing& message : go) {
    queued_ -= message.size;
    sockets_->counters().queued -= message.size;
    sockets_->connections().send_afresh(std::move(message), flow_);
  }
}

void Connection::begin_linger() {
  boost::system::error_code error;
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
  if (state_ == State::connecting) ++sockets.counters().connect_failed;
  if (state_ == State::open && error != std::errc::timed_out &&
      error != std::errc::no_buffer_space) {
    sockets.connections().forget(*this);
    move_on();
  }
  const std::vector<Outgoing> left = std::exchange(queue_, {});
  const std::size_t first = std::exchange(head_, 0);
  const bool owed = std::exchange(told_open_, false);
  shut();
  if (owed) sockets.tell_closed(flow_, error);
  if (!error) error = make_error_code(std::errc::connection_aborted);
  for (std::size_t i = first; i < left.size(); ++i)
    if (left[i].block) sockets.fail(left[i].token, error);
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
  boost::system::error_code ignored;
  socket_.close(ignored);
  partial_ = {};
  sockets_->counters().queued -= queued_;
  queued_ = 0;
  sockets_->connections().remove(*this);
  sockets_ = nullptr;
}

}  // namespace sipstack
