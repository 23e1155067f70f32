// SPDX-License-Identifier: Apache-2.0
// HTTP for machines that look at us: GET and HEAD, one request a connection.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>

#include "sipstack/base/address.hpp"
#include "sipstack/base/expected.hpp"

namespace boost::asio {
class io_context;
}

namespace sipstack::tools {

struct HttpAnswer {
  unsigned status = 200;
  std::string type = "text/plain; charset=utf-8";
  std::string body;
};

/// Bounded: 16 connections (more wait to be accepted), 8 KiB of request line and header fields, no body, 5 s for
/// the request and 10 s for all of it. Threads: the io_context's one.
class HttpServer {
 public:
  /// Called for each GET and HEAD; calls `done` once, now or later, on the same thread.
  using Handler = std::function<void(std::string_view path, std::function<void(HttpAnswer)> done)>;

  HttpServer(boost::asio::io_context& io, Handler handler);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  /// "127.0.0.1:9090", "[::1]:0", "localhost:9090". Gives the address that was bound.
  expected<SocketAddress, std::error_code> listen(const std::string& where);
  void close();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace sipstack::tools
