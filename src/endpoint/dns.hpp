// SPDX-License-Identifier: Apache-2.0
// c-ares on Asio: its sockets are watched and its timeouts armed here.
#pragma once

// What newer versions call deprecated is what all of them have.
#define CARES_NO_DEPRECATED
#include <ares.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

#include "sipstack/transaction/dns.hpp"

namespace sipstack {

class Dns : public std::enable_shared_from_this<Dns> {
 public:
  using Done = std::function<void(const DnsAnswer&)>;

  explicit Dns(boost::asio::io_context& io) : io_(io), timer_(io) {}
  ~Dns();
  Dns(const Dns&) = delete;
  Dns& operator=(const Dns&) = delete;

  /// `servers` as in ResolverOptions. False where c-ares does not start.
  bool start(const std::string& servers);
  /// Addresses: the hosts file, then A and AAAA, in the order of RFC 6724. `done` is called once, maybe from
  /// inside, at the latest by the destructor. It must not call back into this object.
  void ask(const DnsQuestion& question, Done done);
  /// Ends all queries; they are answered as failed.
  void cancel();

 private:
  struct Watch {
    explicit Watch(boost::asio::io_context& io) : descriptor(io) {}
    boost::asio::posix::stream_descriptor descriptor;
    ares_socket_t fd = ARES_SOCKET_BAD;
    bool want_read = false;
    bool want_write = false;
    bool reading = false;
    bool writing = false;
  };

  static void on_state(void* self, ares_socket_t fd, int readable, int writable);
  struct Query {
    DnsQuestion question;
    Done done;
  };
  static void on_answer(void* query, int status, int timeouts, unsigned char* bytes, int size);
  static void on_addresses(void* query, int status, int timeouts, ares_addrinfo* result);
  void watch(ares_socket_t fd, bool read, bool write);
  void wait(const std::shared_ptr<Watch>& watch);
  void process(ares_socket_t read, ares_socket_t write);
  void arm();

  boost::asio::io_context& io_;
  ares_channel channel_ = nullptr;
  std::unordered_map<ares_socket_t, std::shared_ptr<Watch>> watches_;
  boost::asio::steady_timer timer_;
};

}  // namespace sipstack
