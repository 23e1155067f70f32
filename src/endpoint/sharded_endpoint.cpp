// SPDX-License-Identifier: Apache-2.0
#include "sipstack/endpoint/sharded_endpoint.hpp"

#include <algorithm>
#include <atomic>
#include <deque>
#include <exception>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>

#include "endpoint/state.hpp"
#include "sipstack/server/memory_location.hpp"

namespace sipstack {

namespace {

constexpr std::size_t kLeastRing = std::size_t{256} << 10;  // several of the largest messages

/// The bindings of all shards. The store answers before its calls return; whoever asked hears it when the
/// lock is free again.
class SharedLocation final : public LocationStore {
 public:
  explicit SharedLocation(const MemoryLocationOptions& options) : store_(random_, options) {}

  void find(std::string_view aor, TimePoint now, LocationHandler done) override {
    answer([&](LocationHandler keep) { store_.find(aor, now, std::move(keep)); }, done);
  }
  void update(BindingUpdate update, TimePoint now, LocationHandler done) override {
    answer([&](LocationHandler keep) { store_.update(std::move(update), now, std::move(keep)); },
           done);
  }
  std::optional<LocationSize> size() override {
    const std::lock_guard<std::mutex> lock(mutex_);
    return store_.size();
  }

 private:
  template <class Ask>
  void answer(Ask&& ask, const LocationHandler& done) {
    LocationResult result = unexpected(LocationErrc::unavailable);
    TimePoint when{};
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      ask([&](LocationResult found, TimePoint at) {
        result = std::move(found);
        when = at;
      });
    }
    done(std::move(result), when);
  }

  std::mutex mutex_;
  SystemRandom random_;
  MemoryLocation store_;
};

}  // namespace

struct ShardedEndpoint::Impl {
  using Work = boost::asio::executor_work_guard<boost::asio::io_context::executor_type>;

  explicit Impl(boost::asio::io_context& io) : first(io) {}

  boost::asio::io_context& first;
  std::unique_ptr<SharedLocation> location;
  EndpointOptions plain;  ///< to see whether an address is free
  std::deque<boost::asio::io_context> others;
  std::vector<boost::asio::io_context*> contexts;
  std::shared_ptr<ShardHub> hub;
  std::vector<Endpoint> endpoints;
  std::vector<Work> work;
  std::vector<std::thread> threads;
};

ShardedEndpoint::ShardedEndpoint(boost::asio::io_context& first,
                                 const ShardedEndpointOptions& options)
    : impl_(std::make_unique<Impl>(first)) {
  Impl& impl = *impl_;
  const std::size_t wanted =
      options.shards != 0 ? options.shards : std::max(1U, std::thread::hardware_concurrency());
  const std::size_t count = std::min(wanted, ShardHub::kMostShards);
  impl.plain.transport = options.transport;
  EndpointOptions each = options;
  if (each.server && each.server->location == nullptr) {
    impl.location = std::make_unique<SharedLocation>(each.server->memory);
    each.server->location = impl.location.get();
  }
  if (each.server && !each.server->registrar.gruu_key) {
    // A temporary GRUU is given by one shard and read by another.
    SystemRandom keys;
    auto& key = each.server->registrar.gruu_key.emplace();
    for (auto& byte : key) byte = static_cast<std::uint8_t>(keys.next() & 0xff);
  }
  if (each.server && !each.server->proxy.path_key) {
    // And a Path by one, whose phone another one calls.
    SystemRandom keys;
    auto& key = each.server->proxy.path_key.emplace();
    for (auto& byte : key) byte = static_cast<std::uint8_t>(keys.next() & 0xff);
  }
  impl.contexts.push_back(&first);
  while (impl.contexts.size() < count) impl.contexts.push_back(&impl.others.emplace_back(1));
  if (count == 1) {
    impl.endpoints.emplace_back(first, each);
    return;
  }
  SystemRandom random;
  impl.hub = std::make_shared<ShardHub>(
      HashKey{random.next(), random.next()}, impl.contexts,
      ShardHub::Limits{std::max(options.ring, kLeastRing), options.overflow});
  impl.endpoints.reserve(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    auto state = std::make_shared<EndpointState>(*impl.contexts[i], each, impl.hub, i);
    impl.hub->attach(i, state);
    impl.endpoints.push_back(Endpoint(std::move(state)));
  }
}

ShardedEndpoint::~ShardedEndpoint() {
  for (boost::asio::io_context& io : impl_->others) io.stop();
  for (std::thread& thread : impl_->threads) thread.join();
}

std::size_t ShardedEndpoint::shards() const noexcept { return impl_->endpoints.size(); }

Endpoint& ShardedEndpoint::shard(std::size_t index) noexcept { return impl_->endpoints[index]; }

expected<SocketAddress, error_code> ShardedEndpoint::listen(std::string_view where) {
  if (const std::size_t colon = where.rfind(':');
      shards() > 1 && colon != std::string_view::npos && where.substr(colon + 1) != "0") {
    Endpoint probe(impl_->first, impl_->plain);
    const auto bound = probe.listen(where);
    if (!bound) return bound;
  }
  const auto bound = impl_->endpoints.front().listen(where);
  if (!bound) return bound;
  const std::string same =
      std::string(where.substr(0, where.find(':') + 1)).append(bound->to_string());
  for (std::size_t i = 1; i < shards(); ++i)
    if (const auto also = impl_->endpoints[i].listen(same); !also) return also;
  return bound;
}

void ShardedEndpoint::start() {
  if (!impl_->threads.empty()) return;
  for (boost::asio::io_context& io : impl_->others) {
    impl_->work.emplace_back(io.get_executor());
    impl_->threads.emplace_back([&io, &first = impl_->first] {
      while (!io.stopped()) {
        try {
          io.run();
        } catch (...) {
          boost::asio::post(
              first, [thrown = std::current_exception()] { std::rethrow_exception(thrown); });
        }
      }
    });
  }
}

void ShardedEndpoint::post(std::size_t index, std::function<void(Endpoint&)> f) {
  boost::asio::post(*impl_->contexts[index],
                    [&endpoint = impl_->endpoints[index], f = std::move(f)] { f(endpoint); });
}

void ShardedEndpoint::shut_down(Duration limit, std::function<void()> done) {
  auto left = std::make_shared<std::atomic<std::size_t>>(shards());
  auto finished = std::make_shared<std::function<void()>>(std::move(done));
  for (std::size_t i = 0; i < shards(); ++i) {
    post(i, [limit, left, finished, &first = impl_->first](Endpoint& endpoint) {
      endpoint.shut_down(limit, [left, finished, &first] {
        if (left->fetch_sub(1) == 1) boost::asio::post(first, [finished] { (*finished)(); });
      });
    });
  }
}

ShardedEndpoint::Counters ShardedEndpoint::counters(std::size_t index) const noexcept {
  const auto shard = static_cast<std::uint32_t>(index);
  if (!impl_->hub) return {};
  return {impl_->hub->passed(shard), impl_->hub->lost(shard)};
}

}  // namespace sipstack
