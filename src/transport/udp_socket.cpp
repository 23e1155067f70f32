// SPDX-License-Identifier: Apache-2.0
// UDP: RFC 3261 sections 18.1.1, 18.2.2 and 18.4.
#include "transport/udp_socket.hpp"

#include <algorithm>
#include <boost/asio/ip/v6_only.hpp>
#include <utility>

#include "transport/asio_address.hpp"
#include "transport/share_port.hpp"
#include "transport/sockets.hpp"

namespace sipstack {

using udp = boost::asio::ip::udp;

namespace {

/// Bytes that the system counts for a datagram of a usual size.
constexpr std::uint32_t kDatagramCost = 1280;
/// As much work as is no queue worth telling of; as tells of overload; and for how long that is remembered.
constexpr Duration kNothing = std::chrono::milliseconds(2);
constexpr Duration kPressing = std::chrono::milliseconds(50);
constexpr Duration kPressed = std::chrono::seconds(1);

}  // namespace

expected<std::shared_ptr<UdpSocket>, std::error_code> UdpSocket::bind(
    Sockets& sockets, const SocketAddress& address) {
  boost::system::error_code error;
  udp::socket socket(sockets.io());
  socket.open(family_of<udp>(address.ip), error);
  // 0.0.0.0 and [::] are two sockets, so that addresses never come as ::ffff:192.0.2.1.
  if (!error && address.ip.is_v6()) socket.set_option(boost::asio::ip::v6_only(true), error);
  if (!error && sockets.options().share_port) share_port(socket, error);
  if (!error) socket.bind(to_endpoint<udp>(address), error);
  if (!error) socket.non_blocking(true, error);
  udp::endpoint bound;
  if (!error) bound = socket.local_endpoint(error);
  if (error) return unexpected(to_std(error));
  // Bursts wait in the kernel while a batch is worked on; the system's own limit caps this.
  boost::system::error_code ignored;
  socket.set_option(udp::socket::receive_buffer_size(4 * 1024 * 1024), ignored);
  socket.set_option(udp::socket::send_buffer_size(1024 * 1024), ignored);
  auto self = std::make_shared<UdpSocket>(sockets, std::move(socket), from_endpoint(bound));
  self->wait_readable();
  return self;
}

UdpSocket::UdpSocket(Sockets& sockets, udp::socket socket, const SocketAddress& bound)
    : sockets_(&sockets),
      socket_(std::move(socket)),
      bound_(bound),
      wildcard_(bound.ip.is_unspecified()),
      queue_(sockets.options().datagram_queue > 0 ? sockets.options().datagram_queue : 1) {
  DatagramIo::prepare(socket_, wildcard_);
}

void UdpSocket::wait_readable() {
  socket_.async_wait(udp::socket::wait_read,
                     [self = shared_from_this(), weak = sockets_->weak_from_this()](auto error) {
                       const auto sockets = weak.lock();
                       if (error || !sockets || self->sockets_ == nullptr) return;
                       sockets->turn([&] { self->readable(); });
                       if (self->sockets_ != nullptr) self->wait_readable();
                     });
}

void UdpSocket::wait_writable() {
  if (writing_) return;
  writing_ = true;
  socket_.async_wait(udp::socket::wait_write,
                     [self = shared_from_this(), weak = sockets_->weak_from_this()](auto error) {
                       self->writing_ = false;
                       const auto sockets = weak.lock();
                       if (error || !sockets || self->sockets_ == nullptr) return;
                       sockets->schedule();  // flushes
                     });
}

void UdpSocket::readable() {
  const TimePoint began = steady_now();
  read_ = 0;
  const bool emptied = read_some();
  if (sockets_ == nullptr || (emptied && !standing_.stands())) return;
  const TimePoint ends = steady_now();
  const bool stood = standing_.stands();
  const Duration waited = standing_.turn(emptied || !long_queue(ends - began, ends), began, ends);
  if (sockets_->handler() != nullptr && (waited > Duration::zero() ? ends < pressed_until_ : stood))
    sockets_->handler()->waiting(waited);
}

/// A queue may stand and be short: as many ask as wait for each other's answers. What counts is what is in it.
bool UdpSocket::long_queue(Duration turn, TimePoint now) {
  const ReceiveQueue queue = DatagramIo::queue(socket_);
  if (queue.limit == 0) return false;
  const bool full = queue.lost != lost_ || queue.bytes / 7 >= queue.limit / 8;
  lost_ = queue.lost;
  const auto datagrams = static_cast<Duration::rep>(queue.bytes / kDatagramCost);
  const Duration work = turn * datagrams / std::max<Duration::rep>(read_, 1);
  if (full || work >= kPressing) pressed_until_ = now + kPressed;
  return full || work >= kNothing;
}

bool UdpSocket::read_some() {
  // Some batches a turn, so that neither a flood starves the other sockets nor a burst costs many turns.
  DatagramIo::Batch batch;
  Flow flow;
  flow.transport = Transport::udp;
  for (int round = 0; round < 4; ++round) {
    boost::system::error_code error;
    const std::size_t count = sockets_->datagrams().receive(socket_, batch, error);
    if (count == 0) {
      if (would_block(error) && round > 0) return true;
      // Nothing but an error to read; an error left in the queue would wake us for ever.
      const std::size_t errors = take_icmp_errors();
      if (would_block(error) || errors == 0) return true;
      continue;
    }
    read_ += static_cast<int>(count);
    for (std::size_t i = 0; i < count; ++i) {
      if (batch[i].bytes.empty() || batch[i].remote.port == 0) {
        ++sockets_->counters().dropped;
        continue;
      }
      flow.local = bound_;
      if (wildcard_ && !batch[i].local.is_unspecified()) flow.local.ip = batch[i].local;
      flow.remote = batch[i].remote;
      if (is_stun(batch[i].bytes)) {
        sockets_->stun(batch[i].bytes, flow);
        continue;
      }
      ++sockets_->counters().received;
      if (sockets_->handler() != nullptr) sockets_->handler()->received(batch[i].bytes, flow);
      if (sockets_ == nullptr) return true;  // closed in that call
    }
    if (count < DatagramIo::kBatch) return true;
  }
  return false;
}

void UdpSocket::send(const Block& block, std::size_t size, const Flow& flow, std::uint64_t token) {
  if (count_ == queue_.size()) flush();
  if (count_ == queue_.size()) {
    ++sockets_->counters().dropped;
    return sockets_->fail(token, make_error_code(std::errc::no_buffer_space));
  }
  Pending& p = queued(count_++);
  p.block = block;
  p.size = size;
  p.remote = flow.remote;
  p.local = wildcard_ && same_family(flow.local.ip, bound_.ip) && !flow.local.ip.is_unspecified()
                ? flow.local.ip
                : IpAddress{};
  p.token = token;
}

void UdpSocket::pop(bool sent) {
  Pending& p = queued(0);
  if (sent) {
    ++sockets_->counters().sent;
    if (p.token != 0) remember(p.remote, p.token);
  }
  p.block = {};
  head_ = (head_ + 1) % queue_.size();
  --count_;
}

void UdpSocket::flush() {
  if (count_ == 0 || writing_ || sockets_ == nullptr) return;
  DatagramIo::Batch batch;
  int blamed = 0;
  while (count_ > 0) {
    const std::size_t n = count_ < DatagramIo::kBatch ? count_ : DatagramIo::kBatch;
    for (std::size_t i = 0; i < n; ++i) {
      const Pending& p = queued(i);
      batch[i] = {{p.block.data(), p.size}, p.remote, p.local};
    }
    boost::system::error_code error;
    const std::size_t sent = sockets_->datagrams().send(socket_, batch, n, error);
    for (std::size_t i = 0; i < sent; ++i) pop(true);
    if (!error) continue;
    if (would_block(error)) return wait_writable();
    // An ICMP error for an earlier datagram is reported by the next call: not this one's fault. A flood
    // of them must not hold us here.
    if (take_icmp_errors() > 0 && ++blamed < 16) continue;
    const std::uint64_t token = queued(0).token;
    pop(false);
    ++sockets_->counters().dropped;
    sockets_->fail(token, to_std(error));
  }
}

void UdpSocket::remember(const SocketAddress& remote, std::uint64_t token) {
  if (sent_.size() < kRemembered) {
    sent_.push_back({remote, token});
    return;
  }
  sent_[next_sent_] = {remote, token};
  next_sent_ = (next_sent_ + 1) % kRemembered;
}

std::size_t UdpSocket::take_icmp_errors() {
  IcmpError icmp;
  std::size_t count = 0;
  for (; count < 64 && sockets_->datagrams().next_error(socket_, icmp); ++count) {
    if (!icmp.fatal) continue;
    ++sockets_->counters().icmp_errors;
    // The most recent send to that address whose token was not told yet: each error ends one.
    std::uint64_t token = 0;
    for (std::size_t i = sent_.size(); i-- > 0 && token == 0;) {
      const Sent& s = sent_[(next_sent_ + i) % sent_.size()];
      if (s.token != 0 && s.remote == icmp.remote) token = s.token;
    }
    if (token == 0) continue;
    for (Sent& s : sent_)
      if (s.token == token) s.token = 0;
    sockets_->fail(token, icmp.error);
  }
  return count;
}

void UdpSocket::close() {
  if (sockets_ == nullptr) return;
  sockets_ = nullptr;
  boost::system::error_code ignored;
  socket_.close(ignored);
  for (Pending& p : queue_) p.block = {};
  count_ = 0;
}

}  // namespace sipstack
