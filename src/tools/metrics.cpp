// SPDX-License-Identifier: Apache-2.0
#include "tools/metrics.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <optional>
#include <utility>
#include <vector>

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>
#include <sys/resource.h>
#include <unistd.h>
#include <boost/asio/post.hpp>

#include "sipstack/version.hpp"
#include "tools/node.hpp"

namespace sipstack::tools {

namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

/// What one shard had to say.
struct ShardSample {
  CoreCounters core;
  TransportCounters transport;
  std::size_t clients = 0, servers = 0, open = 0, contexts = 0, calls = 0, blocks = 0, bytes = 0;
  bool challenges = false;
  std::array<std::uint64_t, 4> verdicts{};
  std::size_t nonces = 0;
  std::optional<B2buaCounters> bridge;
  std::optional<LocationSize> location;
  ShardedEndpoint::Counters handed;
};

ShardSample sample(Endpoint& shard) {
  ShardSample s;
  Core& core = shard.core();
  s.core = core.counters();
  s.transport = shard.transport_counters();
  s.clients = core.transactions().clients();
  s.servers = core.transactions().servers();
  s.open = core.transactions().open();
  s.contexts = core.proxy() == nullptr ? 0 : core.proxy()->contexts();
  s.calls = core.user_agent().calls();
  s.blocks = core.pool().live();
  s.bytes = core.pool().held();
  if (const DigestServer* const digest = core.digest()) {
    s.challenges = true;
    s.nonces = digest->nonces();
    for (std::size_t i = 0; i < s.verdicts.size(); ++i)
      s.verdicts[i] = digest->said(static_cast<DigestVerdict>(i));
  }
  if (core.b2bua() != nullptr) s.bridge = core.b2bua()->counters();
  return s;
}

/// Metrics as they are told, one family after the other.
class Families {
 public:
  using Labels = std::vector<ClientMetric::Label>;

  void family(MetricType type, std::string name, std::string help) {
    all_.push_back({std::move(name), std::move(help), type, {}});
  }
  void add(double value, Labels labels = {}) {
    ClientMetric metric;
    metric.label = std::move(labels);
    if (all_.back().type == MetricType::Counter)
      metric.counter.value = value;
    else
      metric.gauge.value = value;
    all_.back().metric.push_back(std::move(metric));
  }
  template <class T>
  void counter(const char* name, const char* help, T value) {
    family(MetricType::Counter, name, help);
    add(static_cast<double>(value));
  }
  template <class T>
  void gauge(const char* name, const char* help, T value) {
    family(MetricType::Gauge, name, help);
    add(static_cast<double>(value));
  }
  std::vector<MetricFamily> take() { return std::move(all_); }

 private:
  std::vector<MetricFamily> all_;
};

std::string method_label(std::size_t method) {
  const std::string_view known = name(static_cast<Method>(method));
  return known.empty() ? "other" : std::string(known);
}

}  // namespace

class Metrics::Collector : public prometheus::Collectable {
 public:
  explicit Collector(std::size_t shards) : shards_(shards) {}

  std::vector<ShardSample> shards_;
  bool draining_ = false;
  StoreFigures stores_;

  std::vector<MetricFamily> Collect() const override {
    Families f;
    process(f);
    messages(f);
    transactions(f);
    roles(f);
    stores(f);
    transports(f);
    return f.take();
  }

 private:
  template <class Get>
  auto sum(Get get) const {
    decltype(get(shards_.front())) total = 0;
    for (const ShardSample& s : shards_) total += get(s);
    return total;
  }

  void process(Families& f) const {
    f.family(MetricType::Gauge, "sipstack_build_info", "Always 1; what runs");
    f.add(1, {{"version", SIPSTACK_VERSION_STRING}});
    f.gauge("process_start_time_seconds", "Start of the process, since the epoch", started_);
    rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    const auto seconds = [](const timeval& t) {
      return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
    };
    f.counter("process_cpu_seconds_total", "Processor time of all threads",
              seconds(used.ru_utime) + seconds(used.ru_stime));
    std::ifstream statm("/proc/self/statm");
    std::size_t pages = 0;
    if (statm >> pages >> pages)
      f.gauge("process_resident_memory_bytes", "Memory in use",
              pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)));
    f.gauge("sipstack_shards", "Threads that share the work", shards_.size());
    f.gauge("sipstack_draining", "1: about to end, new requests get 503", draining_ ? 1 : 0);
  }

  void messages(Families& f) const {
    using S = const ShardSample&;
    f.counter("sipstack_messages_received_total", "Messages that came, good and bad",
              sum([](S s) { return s.core.received; }));
    f.counter("sipstack_messages_bad_total", "Of those, that did not parse",
              sum([](S s) { return s.core.bad; }));
    f.counter("sipstack_messages_bad_answered_total", "Of those, answered with 4xx or 505",
              sum([](S s) { return s.core.bad_answered; }));
    f.counter("sipstack_responses_stray_total", "Responses that matched no transaction",
              sum([](S s) { return s.core.stray; }));
    f.counter("sipstack_messages_sent_total", "Messages that went out",
              sum([](S s) { return s.core.sent; }));
    f.counter("sipstack_retransmissions_total", "Of those, retransmissions",
              sum([](S s) { return s.core.repeated; }));
    f.counter("sipstack_limited_total", "Requests of a source that was over its limit",
              sum([](S s) { return s.core.limited; }));
    f.counter("sipstack_shed_total", "New requests that were refused under overload",
              sum([](S s) { return s.core.shed; }));
    f.counter("sipstack_silent_total", "Of both, those that were not even answered",
              sum([](S s) { return s.core.silent; }));
    f.counter("sipstack_draining_refused_total", "Requests that got 503 since we are about to end",
              sum([](S s) { return s.core.draining_refused; }));
    f.family(MetricType::Counter, "sipstack_requests_total",
             "Requests on the wire, copies included");
    for (std::size_t method = 0; method < kMethods; ++method) {
      f.add(static_cast<double>(sum([&](S s) { return s.core.in.requests[method]; })),
            {{"direction", "in"}, {"method", method_label(method)}});
      f.add(static_cast<double>(sum([&](S s) { return s.core.out.requests[method]; })),
            {{"direction", "out"}, {"method", method_label(method)}});
    }
    f.family(MetricType::Counter, "sipstack_responses_total",
             "Responses on the wire, copies included");
    for (std::size_t method = 0; method < kMethods; ++method)
      for (std::size_t kind = 0; kind < TrafficCounters::kClasses; ++kind)
        for (const bool in : {true, false}) {
          const auto count =
              sum([&](S s) { return (in ? s.core.in : s.core.out).responses[method][kind]; });
          if (count == 0) continue;  // most pairs never come
          f.add(static_cast<double>(count), {{"direction", in ? "in" : "out"},
                                             {"method", method_label(method)},
                                             {"class", std::to_string(kind + 1) + "xx"}});
        }
  }

  void transactions(Families& f) const {
    using S = const ShardSample&;
    f.family(MetricType::Gauge, "sipstack_transactions", "Transactions that are there");
    f.add(static_cast<double>(sum([](S s) { return s.clients; })), {{"role", "client"}});
    f.add(static_cast<double>(sum([](S s) { return s.servers; })), {{"role", "server"}});
    f.gauge("sipstack_transactions_open", "Of those, without a final response",
            sum([](S s) { return s.open; }));
    f.counter("sipstack_server_transactions_total", "Requests that were no copies of others",
              sum([](S s) { return s.core.begun; }));
    f.family(MetricType::Counter, "sipstack_transactions_failed_total",
             "Transactions that ended without an answer");
    f.add(static_cast<double>(sum([](S s) { return s.core.timed_out; })), {{"reason", "timeout"}});
    f.add(static_cast<double>(sum([](S s) { return s.core.unreachable; })),
          {{"reason", "unreachable"}});
    f.gauge("sipstack_pool_blocks", "Blocks of memory that hold messages",
            sum([](S s) { return s.blocks; }));
    f.gauge("sipstack_pool_bytes", "Bytes held for messages, free blocks included",
            sum([](S s) { return s.bytes; }));
  }

  void roles(Families& f) const {
    using S = const ShardSample&;
    f.gauge("sipstack_calls", "Calls of our own user agent; two for each that is bridged",
            sum([](S s) { return s.calls; }));
    f.gauge("sipstack_proxy_contexts", "Requests on their way through the proxy",
            sum([](S s) { return s.contexts; }));
    if (const auto& size = shards_.front().location) {
      f.gauge("sipstack_registered_aors", "Addresses of record with bindings", size->aors);
      f.gauge("sipstack_registered_bindings", "Bindings, expired ones not swept yet included",
              size->bindings);
    }
    if (shards_.front().challenges) {
      static constexpr const char* kVerdicts[] = {"accepted", "missing", "stale", "refused"};
      f.family(MetricType::Counter, "sipstack_authentications_total",
               "Requests by what became of their credentials");
      for (std::size_t i = 0; i < 4; ++i)
        f.add(static_cast<double>(sum([&](S s) { return s.verdicts[i]; })),
              {{"verdict", kVerdicts[i]}});
      f.gauge("sipstack_nonces", "Nonces whose use is remembered",
              sum([](S s) { return s.nonces; }));
    }
    if (const auto& bridge = shards_.front().bridge) {
      f.gauge("sipstack_b2bua_calls", "Bridged calls", bridge->calls);
      f.counter("sipstack_b2bua_arrived_total", "Calls that came", bridge->arrived);
      f.counter("sipstack_b2bua_connected_total", "Answered on both sides", bridge->connected);
      f.counter("sipstack_b2bua_refused_total", "Refused by us", bridge->refused);
      f.counter("sipstack_b2bua_loops_total", "Of those, since they came round", bridge->loops);
    }
    f.family(MetricType::Counter, "sipstack_shard_handovers_total",
             "Messages that a shard gave to others");
    for (std::size_t i = 0; i < shards_.size(); ++i)
      f.add(static_cast<double>(shards_[i].handed.passed), {{"shard", std::to_string(i)}});
    f.family(MetricType::Counter, "sipstack_shard_handovers_lost_total",
             "Of those, lost for want of room");
    for (std::size_t i = 0; i < shards_.size(); ++i)
      f.add(static_cast<double>(shards_[i].handed.lost), {{"shard", std::to_string(i)}});
  }

  void stores(Families& f) const {
    if (!stores_) return;
    for (const StoreFigure& figure : stores_()) {
      const bool counts = figure.kind == StoreFigure::Kind::counter;
      f.family(counts ? MetricType::Counter : MetricType::Gauge, figure.name, figure.help);
      f.add(figure.value);
    }
  }

  void transports(Families& f) const {
    struct Row {
      const char* name;
      const char* help;
      std::uint64_t TransportCounters::*count;
    };
    using T = TransportCounters;
    static constexpr Row kRows[] = {
        {"received", "Datagrams and stream messages", &T::received},
        {"sent", "Datagrams and stream messages", &T::sent},
        {"dropped", "Datagrams that were given up", &T::dropped},
        {"send_failed", "Sends that failed", &T::failed},
        {"icmp_errors", "Errors that the network sent back", &T::icmp_errors},
        {"stream_errors", "Streams that could not be followed", &T::stream_errors},
        {"stun", "STUN requests answered", &T::stun},
        {"accepted", "Connections opened to us", &T::accepted},
        {"refused", "Connections turned away", &T::refused},
        {"opened", "Connections that we opened", &T::opened},
        {"connect_failed", "Those that did not come up", &T::connect_failed},
        {"handshake_failed", "TLS or WebSocket handshakes that failed", &T::handshake_failed},
        {"timed_out", "Connections closed by a deadline", &T::timed_out},
        {"overflowed", "Connections closed for a full queue", &T::overflowed},
    };
    for (const Row& row : kRows)
      f.counter(("sipstack_transport_" + std::string(row.name) + "_total").c_str(), row.help,
                sum([&](const ShardSample& s) { return s.transport.*row.count; }));
    f.gauge("sipstack_transport_connections", "Connections open, opening or lingering",
            sum([](const ShardSample& s) { return s.transport.connections; }));
    f.gauge("sipstack_transport_queued_bytes", "Bytes that wait to be written",
            sum([](const ShardSample& s) { return s.transport.queued; }));
  }

  double started_ = static_cast<double>(wall_time().count()) / 1e6;
};

Metrics::Metrics(Node& node)
    : collector_(std::make_shared<Collector>(node.shards().shards())), node_(node) {}
Metrics::~Metrics() = default;

void Metrics::also(StoreFigures figures) { collector_->stores_ = std::move(figures); }

void Metrics::collect(bool draining, std::function<void(std::string)> done) {
  struct Round {
    std::vector<ShardSample> samples;
    std::size_t left;
    std::function<void(std::string)> done;
  };
  const std::size_t count = node_.shards().shards();
  auto round =
      std::make_shared<Round>(Round{std::vector<ShardSample>(count), count, std::move(done)});
  for (std::size_t i = 0; i < count; ++i) {
    node_.shards().post(i, [i, round, draining, collector = collector_, &shards = node_.shards(),
                            &io = node_.io()](Endpoint& shard) {
      ShardSample one = sample(shard);
      one.handed = shards.counters(i);
      // All shards have one store, or there is but one shard.
      if (LocationStore* const store = shard.core().location(); i == 0 && store != nullptr)
        one.location = store->size();
      boost::asio::post(io, [i, round, draining, collector, one = std::move(one)]() mutable {
        round->samples[i] = std::move(one);
        if (--round->left != 0) return;
        collector->shards_ = std::move(round->samples);
        collector->draining_ = draining;
        round->done(prometheus::TextSerializer().Serialize(collector->Collect()));
      });
    });
  }
}

}  // namespace sipstack::tools
