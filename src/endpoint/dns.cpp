// SPDX-License-Identifier: Apache-2.0
// c-ares on Asio.
#include "endpoint/dns.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <climits>
#include <cstring>
#include <utility>

namespace sipstack {

namespace {

bool library_ready() {
  // Never cleaned up: other users of c-ares in the process may live longer than we do.
  static const bool ready = ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS;
  return ready;
}

IpAddress from_sockaddr(const sockaddr* address) {
  if (address->sa_family == AF_INET) {
    sockaddr_in in{};
    std::memcpy(&in, address, sizeof in);
    std::array<std::uint8_t, 4> bytes{};
    std::memcpy(bytes.data(), &in.sin_addr, bytes.size());
    return IpAddress::v4(bytes);
  }
  if (address->sa_family == AF_INET6) {
    sockaddr_in6 in{};
    std::memcpy(&in, address, sizeof in);
    std::array<std::uint8_t, 16> bytes{};
    std::memcpy(bytes.data(), &in.sin6_addr, bytes.size());
    return IpAddress::v6(bytes, in.sin6_scope_id);
  }
  return {};
}

// There is no such name, or it has nothing of that kind (RFC 2308 section 2).
bool says_no(int status) { return status == ARES_ENOTFOUND || status == ARES_ENODATA; }

}  // namespace

Dns::~Dns() {
  if (channel_ != nullptr) ares_destroy(channel_);  // ends the queries and closes the sockets
}

bool Dns::start(const std::string& servers) {
  if (channel_ != nullptr) return true;
  if (!library_ready()) return false;
  ares_options options{};
  // ms, doubled by c-ares on the second round: a name server that is silent about one kind of question
  // leaves time for the next within the Locator's budget.
  options.timeout = 500;
  options.tries = 2;
  options.sock_state_cb = &Dns::on_state;
  options.sock_state_cb_data = this;
  if (ares_init_options(&channel_, &options,
                        ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB) !=
      ARES_SUCCESS) {
    channel_ = nullptr;
    return false;
  }
  if (!servers.empty() && ares_set_servers_ports_csv(channel_, servers.c_str()) != ARES_SUCCESS) {
    ares_destroy(std::exchange(channel_, nullptr));
    return false;
  }
  return true;
}

// c-ares picks random ids and ports, and takes an answer only from the server that it asked, to the question
// that it asked (RFC 5452); what is truncated it asks for again over TCP.
void Dns::ask(const DnsQuestion& question, Done done) {
  constexpr int kInternet = 1;
  constexpr int kSrv = 33;
  constexpr int kNaptr = 35;
  auto* const query = new Query{question, std::move(done)};
  // It calls back exactly once, at the latest in ares_destroy().
  switch (question.kind) {
    case DnsQuestion::Kind::address: {
      ares_addrinfo_hints hints{};
      hints.ai_family = AF_UNSPEC;
      ares_getaddrinfo(channel_, question.name.c_str(), nullptr, &hints, &Dns::on_addresses, query);
      break;
    }
    case DnsQuestion::Kind::srv:
      ares_query(channel_, question.name.c_str(), kInternet, kSrv, &Dns::on_answer, query);
      break;
    case DnsQuestion::Kind::naptr:
      ares_query(channel_, question.name.c_str(), kInternet, kNaptr, &Dns::on_answer, query);
      break;
  }
  arm();
}

void Dns::cancel() {
  if (channel_ != nullptr) ares_cancel(channel_);
  arm();
}

void Dns::on_answer(void* asked, int status, int, unsigned char* bytes, int size) {
  const std::unique_ptr<Query> query(static_cast<Query*>(asked));
  DnsAnswer answer;
  if (bytes != nullptr && size > 0 && (status == ARES_SUCCESS || says_no(status)))
    answer = read_dns_answer({reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size)},
                             query->question);
  else if (says_no(status))
    answer.outcome = DnsAnswer::Outcome::nothing;
  query->done(answer);
}

void Dns::on_addresses(void* asked, int status, int, ares_addrinfo* result) {
  const std::unique_ptr<Query> query(static_cast<Query*>(asked));
  DnsAnswer answer;
  if (says_no(status)) answer.outcome = DnsAnswer::Outcome::nothing;
  if (status == ARES_SUCCESS && result != nullptr) {
    int ttl = INT_MAX;
    for (const ares_addrinfo_node* node = result->nodes; node != nullptr; node = node->ai_next) {
      const IpAddress ip = from_sockaddr(node->ai_addr);
      if (!ip.is_v4() && !ip.is_v6()) continue;
      ttl = std::min(ttl, node->ai_ttl);
      if (answer.addresses.size() < DnsAnswer::kMost) answer.addresses.push_back(ip);
    }
    answer.outcome =
        answer.addresses.empty() ? DnsAnswer::Outcome::nothing : DnsAnswer::Outcome::found;
    // RFC 2181 section 8: the top bit is no TTL. What the hosts file says has none either.
    if (!answer.addresses.empty()) answer.ttl = std::chrono::seconds(std::max(ttl, 0));
  }
  if (result != nullptr) ares_freeaddrinfo(result);
  query->done(answer);
}

void Dns::on_state(void* self, ares_socket_t fd, int readable, int writable) {
  static_cast<Dns*>(self)->watch(fd, readable != 0, writable != 0);
}

void Dns::watch(ares_socket_t fd, bool read, bool write) {
  auto found = watches_.find(fd);
  if (!read && !write) {
    if (found == watches_.end()) return;
    found->second->fd = ARES_SOCKET_BAD;
    found->second->descriptor.release();  // c-ares closes it
    watches_.erase(found);
    return;
  }
  if (found == watches_.end()) {
    auto fresh = std::make_shared<Watch>(io_);
    boost::system::error_code error;
    fresh->descriptor.assign(fd, error);
    if (error) return;  // the query times out
    fresh->fd = fd;
    found = watches_.emplace(fd, std::move(fresh)).first;
  }
  found->second->want_read = read;
  found->second->want_write = write;
  wait(found->second);
}

void Dns::wait(const std::shared_ptr<Watch>& watch) {
  using descriptor = boost::asio::posix::stream_descriptor;
  const ares_socket_t fd = watch->fd;
  if (fd == ARES_SOCKET_BAD) return;
  if (watch->want_read && !watch->reading) {
    watch->reading = true;
    watch->descriptor.async_wait(descriptor::wait_read,
                                 [weak = weak_from_this(), watch, fd](auto error) {
                                   watch->reading = false;
                                   const auto self = weak.lock();
                                   if (error || !self || watch->fd != fd) return;
                                   self->process(fd, ARES_SOCKET_BAD);
                                   self->wait(watch);
                                 });
  }
  if (watch->want_write && !watch->writing) {
    watch->writing = true;
    watch->descriptor.async_wait(descriptor::wait_write,
                                 [weak = weak_from_this(), watch, fd](auto error) {
                                   watch->writing = false;
                                   const auto self = weak.lock();
                                   if (error || !self || watch->fd != fd) return;
                                   self->process(ARES_SOCKET_BAD, fd);
                                   self->wait(watch);
                                 });
  }
}

void Dns::process(ares_socket_t read, ares_socket_t write) {
  ares_process_fd(channel_, read, write);
  arm();
}

void Dns::arm() {
  timeval next{};
  if (channel_ == nullptr || ares_timeout(channel_, nullptr, &next) == nullptr) {
    timer_.cancel();
    return;
  }
  // One more millisecond, so that c-ares sees its deadline as passed.
  timer_.expires_after(std::chrono::seconds(next.tv_sec) + std::chrono::microseconds(next.tv_usec) +
                       std::chrono::milliseconds(1));
  timer_.async_wait([weak = weak_from_this()](auto error) {
    const auto self = weak.lock();
    if (!error && self) self->process(ARES_SOCKET_BAD, ARES_SOCKET_BAD);
  });
}

}  // namespace sipstack
