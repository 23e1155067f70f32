// SPDX-License-Identifier: Apache-2.0
#include "tools/http_server.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

namespace sipstack::tools {

namespace http = boost::beast::http;
using boost::asio::ip::tcp;

namespace {

constexpr std::size_t kMostVisitors = 16;
constexpr std::uint32_t kMostHead = 8192;
constexpr auto kRequestTime = std::chrono::seconds(5);
constexpr auto kWholeTime = std::chrono::seconds(10);

}  // namespace

struct HttpServer::Impl : std::enable_shared_from_this<Impl> {
  Impl(boost::asio::io_context& io, Handler h) : acceptor(io), handler(std::move(h)) {}

  /// One connection, with its one request.
  struct Visitor : std::enable_shared_from_this<Visitor> {
    Visitor(std::shared_ptr<Impl> s, tcp::socket c)
        : server(std::move(s)), socket(std::move(c)), timer(socket.get_executor()) {
      parser.header_limit(kMostHead);
      parser.body_limit(0);
    }
    ~Visitor() { server->left(); }

    void limit(std::chrono::seconds time) {
      timer.expires_after(time);
      timer.async_wait([weak = weak_from_this()](boost::system::error_code moved) {
        const auto self = weak.lock();
        boost::system::error_code ignored;
        if (!moved && self) self->socket.close(ignored);
      });
    }

    void read() {
      limit(kRequestTime);
      http::async_read(socket, buffer, parser,
                       [self = shared_from_this()](boost::system::error_code error, std::size_t) {
                         self->asked(error);
                       });
    }

    void asked(boost::system::error_code error) {
      limit(kWholeTime - kRequestTime);
      if (error == http::error::header_limit) return answer({431, "text/plain", "too large\n"});
      if (error == http::error::body_limit) return answer({413, "text/plain", "no body\n"});
      if (error && error.category() == http::make_error_code(http::error::bad_method).category() &&
          error != http::error::end_of_stream && error != http::error::partial_message)
        return answer({400, "text/plain", "bad request\n"});
      if (error) return;
      const auto& request = parser.get();
      if (request.method() != http::verb::get && request.method() != http::verb::head)
        return answer({405, "text/plain", "GET or HEAD\n"});
      std::string path(request.target());
      path.resize(std::min(path.find('?'), path.size()));
      server->handler(
          path, [self = shared_from_this()](HttpAnswer given) { self->answer(std::move(given)); });
    }

    void answer(HttpAnswer given) {
      response.result(given.status);
      response.version(11);
      response.set(http::field::content_type, given.type);
      response.set(http::field::cache_control, "no-store");
      if (given.status == 405) response.set(http::field::allow, "GET, HEAD");
      response.keep_alive(false);
      response.body() = std::move(given.body);
      response.prepare_payload();
      if (parser.is_header_done() && parser.get().method() == http::verb::head)
        response.body().clear();  // its length stays
      http::async_write(socket, response,
                        [self = shared_from_this()](boost::system::error_code, std::size_t) {
                          boost::system::error_code ignored;
                          self->socket.shutdown(tcp::socket::shutdown_send, ignored);
                          self->timer.cancel();
                        });
    }

    std::shared_ptr<Impl> server;
    tcp::socket socket;
    boost::asio::steady_timer timer;
    boost::beast::flat_buffer buffer{kMostHead + 1024};
    http::request_parser<http::empty_body> parser;
    http::response<http::string_body> response;
  };

  void accept() {
    if (accepting || !acceptor.is_open() || visitors >= kMostVisitors) return;
    accepting = true;
    acceptor.async_accept(
        [weak = weak_from_this()](boost::system::error_code error, tcp::socket socket) {
          const auto self = weak.lock();
          if (!self || error == boost::asio::error::operation_aborted) return;
          self->accepting = false;
          if (error) return self->pause();
          ++self->visitors;
          std::make_shared<Visitor>(self, std::move(socket))->read();
          self->accept();
        });
  }

  /// The system is out of descriptors, say: not again at once.
  void pause() {
    retry.emplace(acceptor.get_executor(), std::chrono::milliseconds(100));
    retry->async_wait([weak = weak_from_this()](boost::system::error_code moved) {
      const auto self = weak.lock();
      if (!moved && self) self->accept();
    });
  }

  void left() {
    --visitors;
    accept();
  }

  tcp::acceptor acceptor;
  Handler handler;
  std::optional<boost::asio::steady_timer> retry;
  std::size_t visitors = 0;
  bool accepting = false;
};

HttpServer::HttpServer(boost::asio::io_context& io, Handler handler)
    : impl_(std::make_shared<Impl>(io, std::move(handler))) {}

HttpServer::~HttpServer() { close(); }

expected<SocketAddress, std::error_code> HttpServer::listen(const std::string& where) {
  const std::size_t colon = where.rfind(':');
  std::string host = where.substr(0, colon);
  if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  boost::system::error_code error;
  tcp::resolver names(impl_->acceptor.get_executor());
  const auto found = names.resolve(host, where.substr(colon + 1), tcp::resolver::passive, error);
  if (error) return unexpected(std::error_code(error));
  const tcp::endpoint place = found.begin()->endpoint();
  impl_->acceptor.open(place.protocol(), error);
  if (!error) impl_->acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) impl_->acceptor.bind(place, error);
  if (!error) impl_->acceptor.listen(static_cast<int>(kMostVisitors), error);
  if (error) return unexpected(std::error_code(error));
  const tcp::endpoint bound = impl_->acceptor.local_endpoint(error);
  impl_->accept();
  const std::string ip = bound.address().to_string();
  return *SocketAddress::parse((bound.address().is_v6() ? "[" + ip + "]:" : ip + ":") +
                               std::to_string(bound.port()));
}

void HttpServer::close() {
  boost::system::error_code ignored;
  impl_->acceptor.close(ignored);
  impl_->retry.reset();
}

}  // namespace sipstack::tools
