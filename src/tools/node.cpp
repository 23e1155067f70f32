// SPDX-License-Identifier: Apache-2.0
// Sockets, trace, log and signals of a command.
#include "tools/node.hpp"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include <fmt/format.h>

#include "sipstack/base/errc.hpp"
#include "sipstack/transaction/timings.hpp"
#include "tools/command.hpp"
#include "tools/log_line.hpp"
#include "tools/terminal.hpp"

namespace sipstack::tools {

namespace {

// CLI.md: within 5 s; a little is kept for what comes after.
constexpr auto kCleanEnd = std::chrono::milliseconds(4500);

ShardedEndpointOptions alone(const EndpointOptions& options) {
  ShardedEndpointOptions one;
  static_cast<EndpointOptions&>(one) = options;
  one.shards = 1;
  return one;
}

ShardedEndpointOptions with(const NetworkArguments& arguments, ShardedEndpointOptions options) {
  options.resolver.servers = arguments.dns;
  options.transactions.timings = Timings::scaled(std::chrono::milliseconds(arguments.t1_ms));
  TlsOptions& tls = options.transport.tls;
  tls.certificate = arguments.tls_cert;
  tls.key = arguments.tls_key;
  tls.ca = arguments.tls_ca;
  tls.verify = arguments.tls_verify == "on";
  return options;
}

}  // namespace

void say(std::string_view line) {
  fmt::print("{}\n", line);
  std::fflush(stdout);
}

std::string printable(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F) c = '?';
  }
  return out;
}

std::string status_line(const MessageView& response) {
  return printable(fmt::format("{} {}", response.status(), response.reason()));
}

std::string failure(const error_code& error) {
  if (error == Errc::timeout) return "no answer in time";
  return error.message();
}

Node::Node(const NetworkArguments& arguments, const EndpointOptions& options)
    : Node(arguments, alone(options)) {}

Node::Node(const NetworkArguments& arguments, ShardedEndpointOptions options)
    : arguments_(arguments),
      trace_wanted_(!arguments.trace.empty() || !arguments.hep.empty()),
      level_(arguments.log_level),
      signals_(io_, SIGINT, SIGTERM),
      reload_(io_) {
  std::signal(SIGPIPE, SIG_IGN);  // a reader who left is seen by the write that fails
  options = with(arguments, std::move(options));
  options.log = [this](const LogRecord& record) { log(record); };
  if (traces())
    options.on_message = [this](bool sent, std::string_view bytes, const Flow& flow) {
      message(sent, bytes, flow);
    };
  endpoint_ = std::make_unique<ShardedEndpoint>(io_, options);
  wait_for_signal();
  if (!arguments.tls_cert.empty()) on_reload({});
}

bool Node::open(const std::vector<std::string>& otherwise) {
  if (!arguments_.trace.empty()) {
    auto file = PcapFile::create(arguments_.trace);
    if (!file) {
      fmt::print(stderr, "sipstack: {}: {}\n", arguments_.trace, file.error().message());
      return false;
    }
    trace_ = std::move(*file);
  }
  if (!arguments_.hep.empty()) {
    auto sender = HepSender::open(io_, *SocketAddress::parse(arguments_.hep));
    if (!sender) {
      fmt::print(stderr, "sipstack: {}: {}\n", arguments_.hep, sender.error().message());
      return false;
    }
    hep_ = std::move(*sender);
  }
  const bool asked = !arguments_.listen.empty();
  std::string problems;
  for (const std::string& where : asked ? arguments_.listen : otherwise) {
    const auto bound = endpoint_->listen(where);
    if (bound) {
      listening_.push_back(
          fmt::format("listening {} {}", where.substr(0, where.find(':')), bound->to_string()));
      continue;
    }
    problems += fmt::format("sipstack: cannot listen on {}: {}\n", where, bound.error().message());
    if (asked) break;
  }
  if (!problems.empty() && (asked || listening_.empty())) {
    fmt::print(stderr, "{}", problems);
    return false;
  }
  return true;
}

void Node::announce() const {
  for (const std::string& line : listening_) say(line);
  say("ready");
}

IpAddress Node::address_toward(std::string_view host) {
  const auto ip = IpAddress::parse(host);
  // For want of a better one, an address of the documentation's: nothing is sent there, only its
  // route looked up.
  const auto anybody = IpAddress::v4({192, 0, 2, 1});
  for (const IpAddress& remote : {ip.value_or(anybody), anybody})
    if (const auto own = endpoint().local_toward(Transport::udp, {remote, 9})) return own->ip;
  for (const LocalAddress& local : endpoint().core().locals().all())
    if (!local.bound.ip.is_unspecified()) return local.bound.ip;
  return IpAddress::v4({127, 0, 0, 1});
}

std::shared_ptr<const sdp::Capabilities> Node::audio_toward(std::string_view host) {
  const IpAddress own = address_toward(host);
  for (const auto& known : audio_)
    if (known->address == own) return known;
  auto ours = std::make_shared<sdp::Capabilities>();
  ours->address = own;
  ours->audio_port = media_port();
  return audio_.emplace_back(std::move(ours));
}

std::uint16_t Node::media_port() {
  // RTP's port is even (RFC 3550 section 11): the system gives any.
  for (int attempt = 0; attempt < 16 && !media_.is_open(); ++attempt) {
    boost::system::error_code error;
    media_.open(boost::asio::ip::udp::v4(), error);
    if (!error) media_.bind({boost::asio::ip::udp::v4(), 0}, error);
    if (error || media_.local_endpoint(error).port() % 2 != 0) media_.close(error);
  }
  boost::system::error_code error;
  const std::uint16_t port =
      media_.is_open() ? media_.local_endpoint(error).port() : std::uint16_t{0};
  constexpr std::uint16_t kDiscard = 9;  // RFC 863
  return port != 0 ? port : kDiscard;
}

void Node::after(std::chrono::milliseconds delay, std::function<void()> f) {
  auto timer = std::make_shared<boost::asio::steady_timer>(io_, delay);
  timer->async_wait([this, timer, f = std::move(f)](boost::system::error_code moved) {
    if (!moved && !finishing_) f();
  });
}

void Node::wait_for_signal() {
  signals_.async_wait([this](boost::system::error_code cancelled, int) {
    if (cancelled) return;
    signals_.async_wait([](boost::system::error_code none, int) {
      if (!none) std::_Exit(kFailed);  // the second one: at once
    });
    if (on_signal_)
      on_signal_();
    else
      finish(kDone);
  });
}

void Node::on_reload(std::function<void()> handler) {
  const bool waiting = reloads_;
  on_reload_ = std::move(handler);
  reloads_ = true;
  if (waiting) return;
  reload_.add(SIGHUP);
  wait_for_reload();
}

/// SIGHUP, as servers have it: the certificate was renewed, or a file was edited.
void Node::wait_for_reload() {
  reload_.async_wait([this](boost::system::error_code cancelled, int) {
    if (cancelled) return;
    if (!arguments_.tls_cert.empty()) reload_certificates();
    if (on_reload_) on_reload_();
    wait_for_reload();
  });
}

void Node::reload_certificates() {
  const error_code error = endpoint().reload_tls();
  // The same files: what the first shard could read the others can.
  for (std::size_t i = 1; i < endpoint_->shards() && !error; ++i)
    endpoint_->post(i, [](Endpoint& shard) { static_cast<void>(shard.reload_tls()); });
  if (error)
    log(LogLevel::error, "certificates not reloaded: " + error.message());
  else
    log(LogLevel::info, "certificates reloaded");
}

void Node::log_level(LogLevel level) {
  level_.store(level, std::memory_order_relaxed);
  std::function<void(bool, std::string_view, const Flow&)> hook;
  if (traces())
    hook = [this](bool sent, std::string_view bytes, const Flow& flow) {
      message(sent, bytes, flow);
    };
  for (std::size_t i = 0; i < endpoint_->shards(); ++i)
    endpoint_->post(i, [hook, requests = logs(LogLevel::info)](Endpoint& shard) {
      shard.on_message(hook);
      shard.core().log_requests(requests);
    });
}

void Node::finish(int status) {
  if (finishing_) return;
  finishing_ = true;
  status_ = status;
  endpoint_->shut_down(kCleanEnd, [this] { io_.stop(); });
}

int Node::run() {
  endpoint_->start();
  io_.run();
  // What was queued when the sockets closed still leaves, as far as nobody has to be waited for.
  io_.restart();
  io_.poll();
  return status_;
}

void Node::log(const LogRecord& record) const {
  if (!logs(record.level)) return;
  const std::lock_guard<std::mutex> lock(writing_);
  const bool json = arguments_.log_format == "json";
  fmt::print(stderr, "{}\n", json ? json_line(record, wall_time()) : text_line(record));
}

void Node::message(bool sent, std::string_view bytes, const Flow& flow) {
  const std::lock_guard<std::mutex> lock(writing_);
  std::string masked;
  if (arguments_.mask) {
    masked = without_credentials(bytes);
    bytes = masked;
  }
  const TracedMessage traced{sent, bytes, flow, wall_time()};
  if (trace_) trace_->write(traced);
  if (hep_) hep_->send(traced);
  if (!logs(LogLevel::debug)) return;
  if (arguments_.log_format == "json") {
    fmt::print(stderr, "{}\n", json_line(sent, bytes, flow, wall_time()));
    return;
  }
  std::string text(bytes);
  for (char& c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\r' && c != '\n' && c != '\t') || byte == 0x7F) c = '?';
  }
  const std::string head =
      fmt::format("{} {} {} {}", sent ? "sent" : "received", uri_name(flow.transport),
                  sent ? "to" : "from", flow.remote.to_string());
  fmt::print(stderr, "{}\n{}\n", coloured(stderr, sent ? Colour::blue : Colour::green, head), text);
}

}  // namespace sipstack::tools
