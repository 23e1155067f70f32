// SPDX-License-Identifier: Apache-2.0
// Carriers, and flows that end, as an endpoint's user sees them.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/post.hpp>

#include "catch.hpp"
#include "endpoint/ends.hpp"
#include "sipstack/transport/carrier.hpp"

using namespace sipstack;

namespace {

/// Memory between two endpoints.
class Loopback final : public Carrier {
 public:
  Loopback(boost::asio::io_context& io, const char* here)
      : io_(io), here_(SocketAddress::parse(here).value()) {}
  void start(Up up) override { up_ = std::move(up); }
  SocketAddress address() const override { return here_; }
  void send(const Block& block, std::size_t size, const Flow& flow, std::uint64_t token) override {
    sent.emplace_back(block.data(), size);
    boost::asio::post(io_, [other = other_.lock(), up = up_, block, size, flow, token] {
      const Flow there{flow.transport, flow.remote, flow.local};
      if (other && other->here_ == flow.remote)
        other->up_.received({block.data(), size}, there);
      else
        up.send_failed(token, std::make_error_code(std::errc::host_unreachable));
    });
  }
  void reach(const std::shared_ptr<Loopback>& other) { other_ = other; }

  std::vector<std::string> sent;

 private:
  boost::asio::io_context& io_;
  SocketAddress here_;
  std::weak_ptr<Loopback> other_;
  Up up_;
};

}  // namespace

TEST_CASE("requests go by a carrier under its address, and answers come back") {
  boost::asio::io_context io;
  Endpoint alice(io);
  Endpoint bob(io);
  const auto left = std::make_shared<Loopback>(io, "192.0.2.1:5060");
  const auto right = std::make_shared<Loopback>(io, "192.0.2.2:5060");
  left->reach(right);
  right->reach(left);
  for (const Transport transport : {Transport::udp, Transport::tls}) {
    left->sent.clear();
    REQUIRE_FALSE(alice.plug(transport, left));
    REQUIRE_FALSE(bob.plug(transport, right));
    CHECK(alice.plug(transport, left) == std::errc::address_in_use);
    int status = 0;
    error_code failed;
    RequestOptions options;
    options.target = transport == Transport::udp ? "sip:bob@192.0.2.2" : "sips:bob@192.0.2.2:5060";
    const auto ask = [&] {
      io.restart();
      alice.async_request("OPTIONS", options, [&](error_code error, const Message& response) {
        status = response ? response->status() : 0;
        failed = error;
        io.stop();
      });
      io.run();
    };
    ask();
    CHECK(status == 200);
    REQUIRE(left->sent.size() == 1);
    const std::string via =
        transport == Transport::udp ? "SIP/2.0/UDP 192.0.2.1:5060;" : "SIP/2.0/TLS 192.0.2.1:5060;";
    CHECK(left->sent[0].find(via) != std::string::npos);
    // Where nobody is, the carrier says so, and the request fails.
    options.target.replace(options.target.find("192.0.2.2"), 9, "192.0.2.3");
    ask();
    CHECK(failed == Errc::transport_failed);
  }
}

TEST_CASE("a connection that ends is told to who asks for that") {
  boost::asio::io_context io;
  Endpoint alice(io);
  auto bob = std::make_unique<Endpoint>(io);
  const auto where = bob->listen("tcp:127.0.0.1:0").value();
  std::vector<Flow> gone;
  alice.on_flow_closed([&](const Flow& flow, error_code) {
    gone.push_back(flow);
    io.stop();
  });
  RequestOptions options;
  options.target = "sip:" + where.to_string() + ";transport=tcp";
  int status = 0;
  alice.async_request("OPTIONS", options, [&](error_code, const Message& response) {
    status = response ? response->status() : 0;
    Flow flow;
    flow.transport = Transport::tcp;
    flow.remote = where;
    CHECK_FALSE(alice.keep_alive(flow, std::chrono::seconds(30)));
    bob.reset();
  });
  io.run();
  CHECK(status == 200);
  REQUIRE(gone.size() == 1);
  CHECK(gone[0].remote == where);
  CHECK(alice.keep_alive(gone[0], std::chrono::seconds(30)) == std::errc::not_connected);
}
