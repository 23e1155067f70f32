// SPDX-License-Identifier: Apache-2.0
// What every command on the network has: an endpoint, sockets, a trace, a log, and an end.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include "sipstack/dialog/offer_answer.hpp"
#include "sipstack/endpoint/sharded_endpoint.hpp"
#include "sipstack/endpoint/trace.hpp"

namespace CLI {
class App;
}

namespace sipstack::tools {

/// Options that every command on the network takes.
struct NetworkArguments {
  std::vector<std::string> listen;
  std::string trace;
  std::string hep;    ///< a Homer server
  bool mask = false;  ///< credentials in traces
  std::string dns;    ///< name servers, as ResolverOptions::servers has them
  LogLevel log_level = LogLevel::warning;
  std::string tls_cert;
  std::string tls_key;
  std::string tls_ca;
  std::string tls_verify = "on";
  int t1_ms = 500;
};
void add_network_options(CLI::App& command, NetworkArguments& arguments);

/// And those of a client.
struct ClientArguments : NetworkArguments {
  std::string user;
  std::string password;
  std::string proxy;
  int timeout_ms = 0;  ///< 0: what the protocol's timers say

  std::vector<Credentials> credentials() const;
  /// The pre-loaded Route set.
  std::vector<std::string> route() const;
  /// Sockets to open where --listen says nothing: as the way to `target` needs them.
  std::vector<std::string> sockets(std::string_view target) const;
};
void add_client_options(CLI::App& command, ClientArguments& arguments);

class Node {
 public:
  /// `threads`: run() is one of them.
  Node(const NetworkArguments& arguments, EndpointOptions options, std::size_t threads = 1);

  /// Opens the trace and the sockets: those of --listen, else `otherwise` (of which one is enough).
  /// False, and said why, where that fails.
  bool open(const std::vector<std::string>& otherwise);
  /// `listening ...` for every socket, then `ready`.
  void announce() const;

  /// That of run()'s thread.
  Endpoint& endpoint() noexcept { return endpoint_->shard(0); }
  boost::asio::io_context& io() noexcept { return io_; }
  /// Our address as that host sees it. Where the host is a name or unknown: as most of the world
  /// does.
  IpAddress address_toward(std::string_view host);
  /// What we can do toward that host, as all calls share it: audio at a port of ours that takes media and
  /// throws them away, for the call is what a command looks at.
  std::shared_ptr<const sdp::Capabilities> audio_toward(std::string_view host);

  /// f(), once, after that time; on the node's thread.
  void after(std::chrono::milliseconds delay, std::function<void()> f);

  /// What SIGINT and SIGTERM do first instead of finish(kDone). A second signal ends the process at
  /// once.
  void on_signal(std::function<void()> handler) { on_signal_ = std::move(handler); }
  /// Hangs up, unregisters, closes; then run() returns `status`. The first call counts.
  void finish(int status);
  void log(LogLevel level, std::string_view text) const;
  bool logs(LogLevel level) const noexcept { return level <= arguments_.log_level; }
  bool finishing() const noexcept { return finishing_; }
  int run();

 private:
  std::uint16_t media_port();
  void wait_for_signal();
  void wait_for_reload();
  void message(bool sent, std::string_view bytes, const Flow& flow);

  NetworkArguments arguments_;
  boost::asio::io_context io_{1};
  boost::asio::signal_set signals_;
  boost::asio::signal_set reload_;
  boost::asio::ip::udp::socket media_{io_};
  std::vector<std::shared_ptr<const sdp::Capabilities>> audio_;  ///< one an address of ours
  mutable std::mutex writing_;  ///< traces and log are every thread's
  std::optional<PcapFile> trace_;
  std::optional<HepSender> hep_;
  std::unique_ptr<ShardedEndpoint> endpoint_;
  std::vector<std::string> listening_;
  std::function<void()> on_signal_;
  bool finishing_ = false;
  int status_ = 0;
};

/// Prints a line on stdout at once.
void say(std::string_view line);
/// "486 Busy Here", fit for a terminal.
std::string status_line(const MessageView& response);
/// What came instead of a final response, for people: the error's text and what it means here.
std::string failure(const error_code& error);
/// Text of the wire without control characters.
std::string printable(std::string_view text);

}  // namespace sipstack::tools
