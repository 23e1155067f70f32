// SPDX-License-Identifier: Apache-2.0
// What every command on the network has: an endpoint, sockets, a trace, a log, and an end.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
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
  std::string log_format = "text";  ///< or "json"; of servers
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
  Node(const NetworkArguments& arguments, const EndpointOptions& options);
  /// As many threads as there are shards: run() is one of them.
  Node(const NetworkArguments& arguments, ShardedEndpointOptions options);

  /// Opens the trace and the sockets: those of --listen, else `otherwise` (of which one is enough).
  /// False, and said why, where that fails.
  bool open(const std::vector<std::string>& otherwise);
  /// A socket of somebody else's, to be announced with ours.
  void also_listening(std::string line) { listening_.push_back(std::move(line)); }
  /// `listening ...` for every socket, then `ready`.
  void announce() const;

  /// That of run()'s thread.
  Endpoint& endpoint() noexcept { return endpoint_->shard(0); }
  ShardedEndpoint& shards() noexcept { return *endpoint_; }
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
  /// What SIGHUP does besides having certificates read again.
  void on_reload(std::function<void()> handler);
  /// Another level from now on, on all shards.
  void log_level(LogLevel level);
  /// Hangs up, unregisters, closes; then run() returns `status`. The first call counts.
  void finish(int status);
  void log(LogLevel level, std::string_view text) const { log({level, {}, text, nullptr, 0}); }
  void log(const LogRecord& record) const;
  bool logs(LogLevel level) const noexcept {
    return level <= level_.load(std::memory_order_relaxed);
  }
  bool finishing() const noexcept { return finishing_; }
  int run();

 private:
  std::uint16_t media_port();
  void wait_for_signal();
  void wait_for_reload();
  void reload_certificates();
  bool traces() const noexcept { return trace_wanted_ || logs(LogLevel::debug); }
  void message(bool sent, std::string_view bytes, const Flow& flow);

  NetworkArguments arguments_;
  const bool trace_wanted_;
  std::atomic<LogLevel> level_;
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
  std::function<void()> on_reload_;
  bool reloads_ = false;
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
