// SPDX-License-Identifier: Apache-2.0
// Streams: RFC 3261 sections 18, 18.3 and 20.14; keep-alives of RFC 5626 section 4.4.1; WebSocket by
// RFC 6455 and RFC 7118.
#include "transport/connection.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <cstring>
#include <utility>

#include "transport/asio_address.hpp"
#include "transport/entropy.hpp"
#include "transport/sockets.hpp"
#include "transport/web_handshake.hpp"

namespace sipstack {

using tcp = boost::asio::ip::tcp;

namespace {

constexpr std::size_t kLeastRead = 2048;
constexpr std::size_t kPongsARead = 64;
constexpr std::size_t kDiscardAtMost = 256 * 1024;
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

// ---------------------------------------------------------------- in

bool Connection::paused() const noexcept {
  // A peer that does not read what we answer is not listened to (back-pressure).
  return state_ == State::open && queued_ > sockets_->options().write_queue / 2;
}

void Connection::read_more() {
  if (reading_ || blocked_ || sockets_ == nullptr || state_ == State::connecting ||
      state_ == State::ending || paused())
    return;
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
  if (state_ == State::securing) return secure();
  if (state_ != State::open && state_ != State::upgrading && state_ != State::lingering) return;
  char* scratch = sockets_->scratch();
  if (state_ == State::lingering) {
    // Whatever it is: TLS has said goodbye.
    boost::system::error_code error;
    const std::size_t size =
        socket_.read_some(boost::asio::buffer(scratch, Sockets::kScratch), error);
    if (would_block(error)) return;
    discarded_ += static_cast<std::uint32_t>(size);
    if (error || discarded_ > kDiscardAtMost) close({});
    return;
  }
  const Taken taken = take(scratch, at_once());
  if (taken.size > 0) consume(scratch, taken.size);
  if (sockets_ == nullptr) return;
  if (taken.error) return close(taken.error);
  if (!taken.ended) return;
  if (state_ == State::upgrading) return close(make_error_code(std::errc::connection_aborted));
  end();  // replies that are queued can still be read
}

/// How much is read at once: what its answers have room for, four times as long as the requests are. Back-pressure
/// begins between two reads; one that brought a whole queue's worth of answers would close the connection.
std::size_t Connection::at_once() const noexcept {
  // A WebSocket's partial frame has a head besides its message: both fit in the largest block.
  const std::size_t most = web_ ? Sockets::kScratch / 2 : Sockets::kScratch;
  const std::size_t queue = sockets_->options().write_queue;
  const std::size_t room = (queue - std::min(queued_, queue)) / 4;
  return std::clamp<std::size_t>(room, tls_ ? TlsStream::kRecord : kLeastRead, most);
}

Connection::Taken Connection::take(char* out, std::size_t room) {
  Taken taken;
  if (!tls_) {
    boost::system::error_code error;
    taken.size = socket_.read_some(boost::asio::buffer(out, room), error);
    if (would_block(error)) return {};
    taken.ended = error == boost::asio::error::eof;
    taken.error = to_std(error);
    return taken;
  }
  while (room - taken.size >= TlsStream::kRecord) {
    const TlsStream::Step step = tls_->read(out + taken.size, room - taken.size);
    taken.size += step.size;
    if (step.size > 0) continue;
    if (step.need == TlsStream::Step::Need::writable) {
      blocked_ = true;
      wait_writable();
    }
    taken.ended = step.ended;
    taken.error = step.error;
    break;
  }
  return taken;
}

void Connection::consume(char* bytes, std::size_t size) {
  if (partial_ && !append({bytes, size}))
    return close(make_error_code(std::errc::not_enough_memory));
  // Our own hold on the bytes: the handler may close everything.
  const Block hold = partial_;
  if (hold) {
    bytes = hold.data();
    size = hold.size();
  }
  if (state_ == State::upgrading) {
    const std::size_t used = upgrade({bytes, size});
    if (sockets_ == nullptr || state_ != State::open) return;
    bytes += used;
    size -= used;
  }
  if (web_)
    consume_frames(bytes, size);
  else
    consume_messages({bytes, size});
}

void Connection::consume_messages(std::string_view all) {
  std::size_t used = 0;
  std::size_t pings = 0;
  bool progress = false;
  while (used < all.size()) {
    const Frame frame = framer_.next(all.substr(used));
    if (frame.kind == Frame::Kind::need_more) break;
    if (frame.kind == Frame::Kind::error) {
      ++sockets_->counters().stream_errors;
      begin_ending(make_error_code(std::errc::bad_message));
      if (sockets_->handler() != nullptr)
        sockets_->handler()->stream_error(frame.error, all.substr(used), flow_);
      if (sockets_ == nullptr) return;
      partial_ = {};
      sockets_->connections().forget(*this);
      sockets_->connections().watch(*this);
      return sockets_->flush_later(shared_from_this());
    }
    progress = true;
    if (pong_by_ != kNever && frame.kind != Frame::Kind::message && frame.size == 2) {
      // The pong that we wait for. It must not be half a ping together with the next one.
      pong_by_ = kNever;
      framer_.reset();
    } else if (frame.kind == Frame::Kind::ping) {
      ++pings;
    }
    if (frame.kind == Frame::Kind::message) {
      deliver(all.substr(used, frame.size));
      if (sockets_ == nullptr) return;  // closed in that call
    }
    used += std::max<std::size_t>(frame.size, 1);
  }
  finish_input(all.substr(std::min(used, all.size())), progress, progress, pings);
}

void Connection::consume_frames(char* bytes, std::size_t size) {
  std::size_t used = 0;
  std::size_t pings = 0;
  std::size_t replies = 0;
  bool progress = false;
  bool between = !web_->reader.within();  // messages, at some time
  for (;;) {
    const WebEvent event = web_->reader.next(bytes + used, size - used, sockets_->pool());
    if (event.kind == WebEvent::Kind::need_more) break;
    used += event.size;
    switch (event.kind) {
      case WebEvent::Kind::error: return close_web(event.code);
      case WebEvent::Kind::close:
        control(WebOpcode::close, event.payload.substr(0, 2));
        web_->said_goodbye = true;
        return end();
      case WebEvent::Kind::ping:
        progress = true;
        ++sockets_->counters().pings;
        if (sockets_->options().pong && ++replies <= kPongsARead && !half_full()) {
          ++sockets_->counters().pongs;
          control(WebOpcode::pong, event.payload);
        }
        break;
      case WebEvent::Kind::pong: progress = true; break;
      case WebEvent::Kind::message:
        progress = true;
        // RFC 7118 section 6: the pings of RFC 5626 come here too, in messages of their own.
        if (event.payload.find_first_not_of("\r\n") != std::string_view::npos)
          deliver(event.payload);
        else if (event.payload.size() >= 4)
          ++pings;
        break;
      default: break;
    }
    if (sockets_ == nullptr || state_ != State::open) return;
    between = between || !web_->reader.within();
  }
  finish_input({bytes + used, size - used}, progress, between && used > 0, pings);
}

void Connection::deliver(std::string_view message) {
  ++sockets_->counters().received;
  if (silent) {
    sockets_->connections().spoke(*this);
    if (flow_.transport == Transport::tls) sockets_->connections().alias(*this, message);
  }
  if (sockets_->handler() != nullptr) sockets_->handler()->received(message, flow_);
}

/// `rest` stays for the next time. `fresh`: the message that it belongs to has begun in this read.
void Connection::finish_input(std::string_view rest, bool progress, bool fresh, std::size_t pings) {
  if (progress) {
    since_ = steady_now();
    pong_by_ = kNever;  // whoever speaks is there
  }
  if (!keep(rest)) return close(make_error_code(std::errc::not_enough_memory));
  const bool within = partial_ || (web_ && web_->reader.within());
  if (within && (fresh || partial_since_ == kNever)) partial_since_ = steady_now();
  if (!within) partial_since_ = kNever;
  sockets_->connections().watch(*this);
  if (pings > 0) pong(pings);
}

/// The WebSocket handshake: how many bytes it had, where it is over.
std::size_t Connection::upgrade(std::string_view all) {
  const std::size_t end = all.find("\r\n\r\n", web_->scanned);
  if (end == std::string_view::npos || end + 4 > kWebHandshake) {
    web_->scanned = all.size() < 3 ? 0 : all.size() - 3;
    if (all.size() >= kWebHandshake) {
      close(make_error_code(std::errc::message_size));
    } else if (!keep(all)) {
      close(make_error_code(std::errc::not_enough_memory));
    }
    return 0;
  }
  const std::string_view head = all.substr(0, end + 4);
  if (web_->client) {
    if (!web_accepted(head, web_->key)) {
      close(make_error_code(std::errc::protocol_error));
      return 0;
    }
  } else {
    const WebAnswer answer = answer_web_handshake(head);
    queue_handshake(answer.bytes);
    if (!answer.accepted) {
      const auto why = make_error_code(std::errc::protocol_error);
      ++sockets_->counters().handshake_failed;
      sockets_->tell_not_up(flow_, why, true);
      begin_ending(why);
      partial_ = {};
      sockets_->connections().watch(*this);
      return 0;
    }
  }
  std::string().swap(web_->host);
  std::string().swap(web_->key);
  come_up();
  return head.size();
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

// ---------------------------------------------------------------- out

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
