// SPDX-License-Identifier: Apache-2.0
// DatagramIo one datagram a call, for systems without recvmmsg: replies leave by the socket that the
// request reached, ICMP errors stay unseen.
#include "transport/datagrams.hpp"

#if !defined(__linux__) || defined(SIPSTACK_PORTABLE_DATAGRAMS)

#include <boost/asio/buffer.hpp>

#include "transport/asio_address.hpp"

namespace sipstack {

using udp = boost::asio::ip::udp;

struct DatagramIo::Buffers {
  std::unique_ptr<char[]> bytes{new char[kBatch * kLargest]};
};

DatagramIo::DatagramIo() : buffers_(std::make_unique<Buffers>()) {}
DatagramIo::~DatagramIo() = default;

void DatagramIo::prepare(udp::socket&, bool) {}

ReceiveQueue DatagramIo::queue(udp::socket&) { return {}; }

std::size_t DatagramIo::receive(udp::socket& socket, Batch& out, boost::system::error_code& error) {
  std::size_t count = 0;
  for (; count < kBatch; ++count) {
    char* at = buffers_->bytes.get() + count * kLargest;
    udp::endpoint from;
    const std::size_t size = socket.receive_from(boost::asio::buffer(at, kLargest), from, 0, error);
    if (error) break;
    out[count] = {{at, size}, from_endpoint(from), {}};
  }
  if (count > 0) error = {};
  return count;
}

std::size_t DatagramIo::send(udp::socket& socket, const Batch& out, std::size_t count,
                             boost::system::error_code& error) {
  std::size_t sent = 0;
  error = {};
  for (; sent < count; ++sent) {
    const auto bytes = boost::asio::buffer(out[sent].bytes.data(), out[sent].bytes.size());
    socket.send_to(bytes, to_endpoint<udp>(out[sent].remote), 0, error);
    if (error) break;
  }
  return sent;
}

bool DatagramIo::next_error(udp::socket&, IcmpError&) { return false; }

}  // namespace sipstack

#endif
