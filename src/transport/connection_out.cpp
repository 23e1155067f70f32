// SPDX-License-Identifier: Apache-2.0
// What a connection writes: a bounded queue, pings and pongs of RFC 5626 section 4.4.1 and RFC 7118 section 6.
#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <chrono>
#include <cstring>
#include <utility>

#include "transport/asio_address.hpp"
#include "transport/connection.hpp"
#include "transport/entropy.hpp"
#include "transport/sockets.hpp"

namespace sipstack {

using tcp = boost::asio::ip::tcp;

namespace {

constexpr std::size_t kGather = 64;
/// Of those on one connection so many may be told to be lost with it, and half as many are at least.
constexpr std::size_t kRequests = 1024;
/// By then whoever waited has given up (64*T1, RFC 3261 section 17.1.2.2).
constexpr Duration kAnswered = std::chrono::seconds(40);

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

bool Connection::half_full() const noexcept {
  return queued_ > sockets_->options().write_queue / 2;
}

void Connection::pong(std::size_t pings) {
  sockets_->counters().pings += pings;
  if (!sockets_->options().pong) return;
  const std::size_t pongs = std::min(pings, kPongsARead);
  if (queued_ + 2 * pongs > sockets_->options().write_queue / 2) return;  // it does not read them
  sockets_->counters().pongs += pongs;
  Outgoing reply;
  reply.size = static_cast<std::uint32_t>(2 * pongs);
  reply.kind = Outgoing::Kind::control;
  send(std::move(reply));
}

/// RFC 5626 section 4.4.1; RFC 7118 section 6.
void Connection::ping() {
  schedule_ping();
  const bool waiting = pong_by_ != kNever;  // for the last one's answer
  if (!waiting) pong_by_ = steady_now() + sockets_->options().pong_timeout;
  sockets_->connections().watch(*this);
  if (waiting) return;
  if (half_full()) return;  // what is stuck before it tells as much
  if (web_) return control(WebOpcode::ping, {});
  Outgoing ping;
  ping.size = 4;
  ping.kind = Outgoing::Kind::control;
  send(std::move(ping));
}

void Connection::schedule_ping() {
  if (ping_interval_ <= Duration::zero()) {
    ping_at_ = kNever;
    return;
  }
  // From 80 to 100 %, so that those who came at the same time don't all ping at the same time.
  ping_at_ = steady_now() + ping_interval_ - ping_interval_ / 5 * (random_word() % 1024) / 1024;
}

void Connection::keep_alive(Duration interval) {
  ping_interval_ = interval;
  schedule_ping();
  if (sockets_ != nullptr) sockets_->connections().watch(*this);
}

void Connection::queue_handshake(std::string_view bytes) {
  Outgoing message;
  message.block = sockets_->pool().allocate(bytes.size());
  if (!message.block) return close(make_error_code(std::errc::not_enough_memory));
  std::memcpy(message.block.data(), bytes.data(), bytes.size());
  message.block.resize(bytes.size());
  message.size = static_cast<std::uint32_t>(bytes.size());
  message.kind = Outgoing::Kind::handshake;
  progress_ = steady_now();
  queued_ += message.wire();
  sockets_->counters().queued += message.wire();
  // Before what waits for the connection to come up.
  queue_.insert(queue_.begin() + static_cast<std::ptrdiff_t>(head_), std::move(message));
  sockets_->flush_later(shared_from_this());
}

void Connection::control(WebOpcode opcode, std::string_view payload) {
  Outgoing frame;
  frame.block = sockets_->pool().allocate(std::max<std::size_t>(payload.size(), 1));
  if (!frame.block) return;  // it is missed, and that closes the connection at worst
  std::memcpy(frame.block.data(), payload.data() != nullptr ? payload.data() : "", payload.size());
  frame.block.resize(payload.size());
  frame.size = static_cast<std::uint32_t>(payload.size());
  frame.kind = Outgoing::Kind::control;
  frame.opcode = opcode;
  send(std::move(frame));
}

void Connection::goodbye(WebClose code) {
  if (std::exchange(web_->said_goodbye, true)) return;
  const auto number = static_cast<std::uint16_t>(code);
  const char bytes[2] = {static_cast<char>(number >> 8), static_cast<char>(number & 0xFF)};
  control(WebOpcode::close, {bytes, sizeof bytes});
}

void Connection::close_web(WebClose code) {
  ++sockets_->counters().stream_errors;
  goodbye(code);
  if (sockets_ == nullptr) return;
  begin_ending(make_error_code(code == WebClose::too_big ? std::errc::message_size
                                                         : std::errc::bad_message));
  partial_ = {};
  sockets_->connections().forget(*this);
  sockets_->connections().watch(*this);
  sockets_->flush_later(shared_from_this());
}

void Connection::send(Outgoing message) {
  TransportCounters& counters = sockets_->counters();
  const TransportOptions& options = sockets_->options();
  message.head = 0;
  if (web_) {
    const bool crlfs = !message.block;
    if (message.kind == Outgoing::Kind::message)
      message.opcode =
          is_utf8({message.block.data(), message.size}) ? WebOpcode::text : WebOpcode::binary;
    else if (crlfs)
      message.opcode = WebOpcode::text;
    message.head = static_cast<std::uint8_t>(web_head_size(message.size, web_->client));
    if (web_->client) message.mask = random_word();
  }
  const std::size_t size = message.wire();
  if (size > options.write_queue - std::min(queued_, options.write_queue) ||
      size > options.write_queues - std::min(counters.queued, options.write_queues)) {
    const auto full = make_error_code(std::errc::no_buffer_space);
    if (message.kind == Outgoing::Kind::message) sockets_->fail(message.token, full);
    if (opening()) return;  // it may yet take what is queued
    ++counters.overflowed;
    return close(full);
  }
  if (queued_ == 0) {
    progress_ = steady_now();
    if (!opening()) sockets_->flush_later(shared_from_this());
  }
  queued_ += size;
  counters.queued += size;
  queue_.push_back(std::move(message));
}

void Connection::flush() {
  if (sockets_ == nullptr || state_ == State::connecting || state_ == State::securing || writing_)
    return;
  if (!(tls_ || web_ ? write_staged() : write_plain())) return;
  if (state_ == State::ending && queued_ == 0) return begin_linger();
  read_more();
}

/// False where the system takes no more for now, or the connection is closed.
bool Connection::write_plain() {
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
      wait_writable();
      return false;
    }
    if (error) {
      close(to_std(error));
      return false;
    }
    written(size);
  }
  return true;
}

/// The same through TLS, which writes one record at a time, and with the heads of frames.
bool Connection::write_staged() {
  char* const scratch = sockets_->scratch();
  const std::size_t room = tls_ ? TlsStream::kRecord : Sockets::kScratch;
  while (const std::size_t size = stage(scratch, room)) {
    std::size_t done = 0;
    bool later = false;
    std::error_code failed;
    if (tls_) {
      const TlsStream::Step step = tls_->write(scratch, size);
      done = step.size;
      failed = step.error;
      later = step.need != TlsStream::Step::Need::nothing;
      pledged_ = later ? size : 0;
    } else {
      boost::system::error_code error;
      done = socket_.write_some(boost::asio::buffer(scratch, size), error);
      later = would_block(error);
      if (!later) failed = to_std(error);
    }
    if (failed) {
      close(failed);
      return false;
    }
    if (later) {
      sockets_->connections().watch(*this);
      wait_writable();
      return false;
    }
    written(done);
  }
  return true;
}

/// What is to be written next, as the wire has it: up to `room` bytes of it.
std::size_t Connection::stage(char* out, std::size_t room) const {
  std::size_t used = 0;
  std::size_t skip = offset_;
  for (std::size_t i = head_; i < queue_.size() && used < room; ++i, skip = 0) {
    const Outgoing& o = queue_[i];
    if (state_ == State::upgrading && o.kind != Outgoing::Kind::handshake) break;
    if (skip < o.head) {
      char head[kWebHead];
      write_web_head(head, o.opcode, o.size, web_->client, o.mask);
      const std::size_t count = std::min(o.head - skip, room - used);
      std::memcpy(out + used, head + skip, count);
      used += count;
      skip += count;
      if (skip < o.head) break;
    }
    const std::size_t at = skip - o.head;
    const std::size_t count = std::min(o.size - at, room - used);
    std::memcpy(out + used, (o.block ? o.block.data() : kCrlfs.data()) + at, count);
    if (o.head > 0 && web_->client) web_mask(out + used, count, o.mask, at);
    used += count;
  }
  return used;
}

void Connection::written(std::size_t bytes) {
  progress_ = steady_now();
  if (state_ == State::open || state_ == State::ending) since_ = progress_;
  queued_ -= bytes;
  sockets_->counters().queued -= bytes;
  while (bytes > 0) {
    Outgoing& first = queue_[head_];
    const std::size_t left = first.wire() - offset_;
    if (bytes < left) {
      offset_ += static_cast<std::uint32_t>(bytes);
      break;
    }
    bytes -= left;
    offset_ = 0;
    if (first.kind == Outgoing::Kind::message) ++sockets_->counters().sent;
    if (first.request && first.token != 0) {
      if (requests_.size() == kRequests)
        requests_.erase(requests_.begin(), requests_.begin() + kRequests / 2);
      requests_.push_back(first.token);
      requested_ = progress_;
    }
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
  if (requests_.capacity() > 0 && steady_now() - requested_ > kAnswered)
    std::vector<std::uint64_t>().swap(requests_);
}

void Connection::wait_writable() {
  if (writing_) return;
  writing_ = true;
  socket_.async_wait(tcp::socket::wait_write,
                     [self = shared_from_this(), weak = sockets_->weak_from_this()](auto error) {
                       self->writing_ = false;
                       self->blocked_ = false;
                       const auto sockets = weak.lock();
                       if (error || !sockets || self->state_ == State::closed) return;
                       if (self->state_ != State::securing) return sockets->flush_later(self);
                       sockets->turn([&] { self->secure(); });
                       self->read_more();
                     });
}

}  // namespace sipstack
