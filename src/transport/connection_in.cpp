// SPDX-License-Identifier: Apache-2.0
// What a connection reads: messages by RFC 3261 section 18.3 and 20.14, keep-alives of RFC 5626 section 4.4.1,
// frames and handshakes of RFC 6455 and RFC 7118.
#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <cstring>
#include <utility>

#include "transport/asio_address.hpp"
#include "transport/connection.hpp"
#include "transport/sockets.hpp"
#include "transport/web_handshake.hpp"

namespace sipstack {

using tcp = boost::asio::ip::tcp;

namespace {

constexpr std::size_t kLeastRead = 2048;
constexpr std::size_t kDiscardAtMost = 256 * 1024;

}  // namespace

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

}  // namespace sipstack
