// SPDX-License-Identifier: Apache-2.0
#include "tools/operation.hpp"

#include <cstdint>
#include <cstdio>
#include <utility>

#include <fmt/format.h>
#include <boost/asio/post.hpp>

#include "tools/command.hpp"
#include "tools/notify.hpp"

namespace sipstack::tools {

namespace {

constexpr auto kLookAgain = std::chrono::milliseconds(20);
/// A supervisor needs a moment to have us running again (RFC 3261 section 21.5.4).
constexpr std::uint32_t kRetryAfter = 10;

}  // namespace

Operation::Operation(Node& node, const Settings& settings)
    : node_(node),
      settings_(settings),
      metrics_(node),
      http_(node.io(), [this](std::string_view path, std::function<void(HttpAnswer)> done) {
        answer(path, std::move(done));
      }) {
  node_.on_signal([this] { drain(); });
}

bool Operation::open() {
  if (settings_.metrics.empty()) return true;
  const auto bound = http_.listen(settings_.metrics);
  if (!bound) {
    fmt::print(stderr, "sipstack: cannot listen on {}: {}\n", settings_.metrics,
               bound.error().message());
    return false;
  }
  node_.also_listening(fmt::format("listening metrics {}", bound->to_string()));
  return true;
}

void Operation::answer(std::string_view path, std::function<void(HttpAnswer)> done) {
  if (path == "/healthz") {
    const HttpAnswer well{200, "text/plain; charset=utf-8", "ok\n"};
    const HttpAnswer ending{503, "text/plain; charset=utf-8", "draining\n"};
    return done(draining_ ? ending : well);
  }
  if (path != "/metrics") return done({404, "text/plain; charset=utf-8", "/metrics or /healthz\n"});
  metrics_.collect(draining_, [done = std::move(done)](std::string text) {
    done({200, "text/plain; version=0.0.4; charset=utf-8", std::move(text)});
  });
}

void Operation::on_reload(std::function<std::vector<std::string>()> reread) {
  node_.on_reload([this, reread = std::move(reread)] {
    if (draining_) return;
    notify_reloading();
    const std::vector<std::string> problems = reread();
    for (const std::string& problem : problems) node_.log(LogLevel::error, problem);
    if (problems.empty())
      node_.log({LogLevel::info, "reloaded", "configuration reloaded", nullptr, 0});
    else
      node_.log({LogLevel::error, "not-reloaded", "configuration not reloaded: all stays as it was",
                 nullptr, 0});
    notify_supervisor("READY=1");
  });
}

int Operation::run() {
  node_.announce();
  notify_supervisor("READY=1");
  return node_.run();
}

void Operation::drain() {
  draining_ = true;
  notify_supervisor("STOPPING=1");
  if (settings_.drain_ms == 0) return end();
  limit_ = std::chrono::steady_clock::now() + std::chrono::milliseconds(settings_.drain_ms);
  for (std::size_t i = 0; i < node_.shards().shards(); ++i)
    node_.shards().post(i, [](Endpoint& shard) { shard.core().drain(kRetryAfter); });
  look();
}

void Operation::look() {
  struct Round {
    std::size_t left;
    bool idle = true;
  };
  auto round = std::make_shared<Round>(Round{node_.shards().shards()});
  for (std::size_t i = 0; i < node_.shards().shards(); ++i) {
    node_.shards().post(i, [this, round, &io = node_.io()](Endpoint& shard) {
      boost::asio::post(io, [this, round, idle = shard.core().idle()] {
        round->idle = round->idle && idle;
        if (--round->left != 0) return;
        if (round->idle || std::chrono::steady_clock::now() >= limit_) return end();
        node_.after(kLookAgain, [this] { look(); });
      });
    });
  }
}

void Operation::end() {
  http_.close();
  if (on_end_) on_end_();
  node_.finish(kDone);
}

}  // namespace sipstack::tools
