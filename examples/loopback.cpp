// SPDX-License-Identifier: Apache-2.0
// A transport of one's own: two endpoints of one process that talk by memory, without a socket.
#include <cstdint>
#include <cstdio>
#include <memory>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <sipstack/endpoint/endpoint.hpp>

namespace asio = boost::asio;

class Loopback final : public sipstack::Carrier {
 public:
  Loopback(asio::io_context& io, const char* here)
      : io_(io), here_(*sipstack::SocketAddress::parse(here)) {}
  void reach(const std::shared_ptr<Loopback>& other) { other_ = other; }
  void start(Up up) override { up_ = std::move(up); }
  sipstack::SocketAddress address() const override { return here_; }
  void send(const sipstack::Block& block, std::size_t size, const sipstack::Flow& flow,
            std::uint64_t token) override {
    asio::post(io_, [other = other_.lock(), up = up_, block, size, flow, token] {
      const sipstack::Flow there{flow.transport, flow.remote, flow.local};
      if (other && other->here_ == flow.remote)
        return other->up_.received({block.data(), size}, there);
      up.send_failed(token, std::make_error_code(std::errc::host_unreachable));
    });
  }

 private:
  asio::io_context& io_;
  sipstack::SocketAddress here_;
  std::weak_ptr<Loopback> other_;
  Up up_;
};

int main() {
  asio::io_context io;
  sipstack::Endpoint alice(io);
  sipstack::Endpoint bob(io);
  const auto left = std::make_shared<Loopback>(io, "192.0.2.1:5060");
  const auto right = std::make_shared<Loopback>(io, "192.0.2.2:5060");
  left->reach(right);
  right->reach(left);
  if (alice.plug(sipstack::Transport::tcp, left) || bob.plug(sipstack::Transport::tcp, right))
    return 1;

  int status = 0;
  sipstack::RequestOptions options;
  options.target = "sip:bob@192.0.2.2;transport=tcp";
  alice.async_request("OPTIONS", options,
                      [&](sipstack::error_code error, const sipstack::Message& response) {
                        status = response ? response->status() : 0;
                        std::printf("%d %s\n", status, error.message().c_str());
                        io.stop();
                      });
  io.run();
  return status == 200 ? 0 : 1;
}
