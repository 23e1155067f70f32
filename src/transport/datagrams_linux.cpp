// SPDX-License-Identifier: Apache-2.0
// DatagramIo by recvmmsg and sendmmsg, IP_PKTINFO and IP_RECVERR.
#include "transport/datagrams.hpp"

#if defined(__linux__) && !defined(SIPSTACK_PORTABLE_DATAGRAMS)

#include <linux/errqueue.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace sipstack {
namespace {

using udp = boost::asio::ip::udp;

IpAddress from_bytes(const in_addr& a) {
  std::array<std::uint8_t, 4> bytes{};
  std::memcpy(bytes.data(), &a, bytes.size());
  return IpAddress::v4(bytes);
}

IpAddress from_bytes(const in6_addr& a, std::uint32_t scope) {
  std::array<std::uint8_t, 16> bytes{};
  std::memcpy(bytes.data(), &a, bytes.size());
  const bool link_local = bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80;
  return IpAddress::v6(bytes, link_local ? scope : 0);
}

SocketAddress from_sockaddr(const sockaddr_storage& storage) {
  if (storage.ss_family == AF_INET) {
    sockaddr_in in{};
    std::memcpy(&in, &storage, sizeof in);
    return {from_bytes(in.sin_addr), ntohs(in.sin_port)};
  }
  if (storage.ss_family == AF_INET6) {
    sockaddr_in6 in{};
    std::memcpy(&in, &storage, sizeof in);
    return {from_bytes(in.sin6_addr, in.sin6_scope_id), ntohs(in.sin6_port)};
  }
  return {};
}

socklen_t to_sockaddr(const SocketAddress& address, sockaddr_storage& storage) {
  if (address.ip.is_v6()) {
    sockaddr_in6 out{};
    out.sin6_family = AF_INET6;
    out.sin6_port = htons(address.port);
    out.sin6_scope_id = address.ip.scope_id();
    std::memcpy(&out.sin6_addr, address.ip.storage().data(), sizeof out.sin6_addr);
    std::memcpy(&storage, &out, sizeof out);
    return sizeof out;
  }
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_port = htons(address.port);
  std::memcpy(&out.sin_addr, address.ip.storage().data(), sizeof out.sin_addr);
  std::memcpy(&storage, &out, sizeof out);
  return sizeof out;
}

void set_option(int fd, int level, int name) {
  const int on = 1;
  (void)::setsockopt(fd, level, name, &on, sizeof on);
}

constexpr std::size_t kControl = CMSG_SPACE(sizeof(in6_pktinfo));

struct alignas(cmsghdr) Control {
  char bytes[kControl];
};

boost::system::error_code last_error() { return {errno, boost::system::system_category()}; }

IpAddress local_of(msghdr& header) {
  for (cmsghdr* c = CMSG_FIRSTHDR(&header); c != nullptr; c = CMSG_NXTHDR(&header, c)) {
    if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
      in_pktinfo info{};
      std::memcpy(&info, CMSG_DATA(c), sizeof info);
      // The interface's own address where the datagram came by broadcast or multicast.
      return from_bytes(info.ipi_spec_dst);
    }
    if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
      in6_pktinfo info{};
      std::memcpy(&info, CMSG_DATA(c), sizeof info);
      const IpAddress ip = from_bytes(info.ipi6_addr, info.ipi6_ifindex);
      return ip.is_multicast() ? IpAddress{} : ip;
    }
  }
  return {};
}

void leave_from(const IpAddress& local, msghdr& header, Control& control) {
  header.msg_control = control.bytes;
  header.msg_controllen = sizeof control.bytes;
  cmsghdr* c = CMSG_FIRSTHDR(&header);
  if (local.is_v4()) {
    in_pktinfo info{};
    std::memcpy(&info.ipi_spec_dst, local.storage().data(), sizeof info.ipi_spec_dst);
    c->cmsg_level = IPPROTO_IP;
    c->cmsg_type = IP_PKTINFO;
    c->cmsg_len = CMSG_LEN(sizeof info);
    std::memcpy(CMSG_DATA(c), &info, sizeof info);
    header.msg_controllen = CMSG_SPACE(sizeof info);
  } else {
    in6_pktinfo info{};
    std::memcpy(&info.ipi6_addr, local.storage().data(), sizeof info.ipi6_addr);
    info.ipi6_ifindex = local.scope_id();
    c->cmsg_level = IPPROTO_IPV6;
    c->cmsg_type = IPV6_PKTINFO;
    c->cmsg_len = CMSG_LEN(sizeof info);
    std::memcpy(CMSG_DATA(c), &info, sizeof info);
    header.msg_controllen = CMSG_SPACE(sizeof info);
  }
}

bool fatal(const sock_extended_err& e) {
  if (e.ee_origin == SO_EE_ORIGIN_ICMP)
    return (e.ee_type == ICMP_DEST_UNREACH && e.ee_code != ICMP_FRAG_NEEDED) ||
           e.ee_type == ICMP_PARAMETERPROB;
  if (e.ee_origin == SO_EE_ORIGIN_ICMP6)
    return e.ee_type == ICMP6_DST_UNREACH || e.ee_type == ICMP6_PARAM_PROB;
  return false;
}

}  // namespace

struct DatagramIo::Buffers {
  // Not initialised, so that pages which no datagram reaches are never touched.
  std::unique_ptr<char[]> bytes{new char[kBatch * kLargest]};
  std::array<mmsghdr, kBatch> headers{};
  std::array<iovec, kBatch> vectors{};
  std::array<sockaddr_storage, kBatch> addresses{};
  std::array<Control, kBatch> controls{};

  msghdr& reset(std::size_t i) {
    msghdr& header = headers[i].msg_hdr;
    header = {};
    header.msg_name = &addresses[i];
    header.msg_iov = &vectors[i];
    header.msg_iovlen = 1;
    return header;
  }
};

DatagramIo::DatagramIo() : buffers_(std::make_unique<Buffers>()) {}
DatagramIo::~DatagramIo() = default;

void DatagramIo::prepare(udp::socket& socket, bool wildcard) {
  boost::system::error_code ignored;
  const bool v6 = socket.local_endpoint(ignored).protocol() == udp::v6();
  const int fd = socket.native_handle();
  set_option(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_RECVERR : IP_RECVERR);
  if (wildcard) set_option(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_RECVPKTINFO : IP_PKTINFO);
}

// linux/sock_diag.h: SK_MEMINFO_RMEM_ALLOC, _RCVBUF and _DROPS.
ReceiveQueue DatagramIo::queue(udp::socket& socket) {
  std::uint32_t info[9] = {};
  socklen_t size = sizeof info;
  if (::getsockopt(socket.native_handle(), SOL_SOCKET, SO_MEMINFO, info, &size) != 0 ||
      size < sizeof info)
    return {};
  return {info[0], info[1], info[8]};
}

std::size_t DatagramIo::receive(udp::socket& socket, Batch& out, boost::system::error_code& error) {
  Buffers& b = *buffers_;
  for (std::size_t i = 0; i < kBatch; ++i) {
    b.vectors[i] = {b.bytes.get() + i * kLargest, kLargest};
    msghdr& header = b.reset(i);
    header.msg_namelen = sizeof(sockaddr_storage);
    header.msg_control = b.controls[i].bytes;
    header.msg_controllen = sizeof b.controls[i].bytes;
  }
  int count = -1;
  do {
    count = ::recvmmsg(socket.native_handle(), b.headers.data(), kBatch, MSG_DONTWAIT, nullptr);
  } while (count < 0 && errno == EINTR);
  if (count <= 0) {
    error = last_error();
    return 0;
  }
  error = {};
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
    out[i].bytes = {b.bytes.get() + i * kLargest, b.headers[i].msg_len};
    out[i].remote = from_sockaddr(b.addresses[i]);
    out[i].local = local_of(b.headers[i].msg_hdr);
  }
  return static_cast<std::size_t>(count);
}

std::size_t DatagramIo::send(udp::socket& socket, const Batch& out, std::size_t count,
                             boost::system::error_code& error) {
  Buffers& b = *buffers_;
  for (std::size_t i = 0; i < count; ++i) {
    b.vectors[i] = {const_cast<char*>(out[i].bytes.data()), out[i].bytes.size()};
    msghdr& header = b.reset(i);
    header.msg_namelen = to_sockaddr(out[i].remote, b.addresses[i]);
    if (out[i].local.is_v4() || out[i].local.is_v6())
      leave_from(out[i].local, header, b.controls[i]);
  }
  std::size_t sent = 0;
  error = {};
  while (sent < count) {
    const int n = ::sendmmsg(socket.native_handle(), b.headers.data() + sent,
                             static_cast<unsigned>(count - sent), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n > 0) {
      sent += static_cast<std::size_t>(n);
    } else if (n == 0 || errno != EINTR) {
      error = last_error();
      break;
    }
  }
  return sent;
}

bool DatagramIo::next_error(udp::socket& socket, IcmpError& out) {
  sockaddr_storage address{};
  char byte = 0;
  iovec vector{&byte, 1};
  alignas(cmsghdr) char control[512];
  msghdr header{};
  header.msg_name = &address;
  header.msg_namelen = sizeof address;
  header.msg_iov = &vector;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  if (::recvmsg(socket.native_handle(), &header, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) return false;
  out = {};
  out.remote = from_sockaddr(address);  // where the datagram was going
  for (cmsghdr* c = CMSG_FIRSTHDR(&header); c != nullptr; c = CMSG_NXTHDR(&header, c)) {
    const bool v4 = c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR;
    const bool v6 = c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR;
    if (!v4 && !v6) continue;
    sock_extended_err e{};
    std::memcpy(&e, CMSG_DATA(c), sizeof e);
    out.error = std::error_code(static_cast<int>(e.ee_errno), std::system_category());
    out.fatal = fatal(e);
  }
  return true;
}

}  // namespace sipstack

#endif
