// SPDX-License-Identifier: Apache-2.0
// The simulated network: one queue of things to come, in the order of their times.
#include "sipstack/testing/network.hpp"

#include <algorithm>
#include <cassert>
#include <optional>
#include <stdexcept>

#include "sipstack/parser/uri.hpp"

namespace sipstack::testing {
namespace {

// FNV-1a; whoever compares two runs of one program wants speed, not security.
class TraceHash {
 public:
  void add(std::string_view bytes) noexcept {
    for (const char c : bytes) step(static_cast<unsigned char>(c));
  }
  void add(std::uint64_t value) noexcept {
    for (int i = 0; i < 8; ++i) step(static_cast<unsigned char>(value >> (8 * i)));
  }
  std::uint64_t value() const noexcept { return value_; }

 private:
  void step(unsigned char byte) noexcept { value_ = (value_ ^ byte) * 1099511628211U; }
  std::uint64_t value_ = 14695981039346656037U;
};

enum class Outcome : std::uint8_t { arrives, lost, refused };

}  // namespace

struct Network::Impl {
  explicit Impl(const NetworkOptions& o) : options(o), random(o.seed), ladder(o.ladder_limit) {}

  struct Place {
    Node* node;
    std::string name;
    SocketAddress address;
    std::size_t column;
  };
  struct Connection {
    std::size_t client, server;  // places
    Transport transport;
    SocketAddress client_end;  // an ephemeral port
    TimePoint last_arrival[2]{};
    bool open = true;
  };
  // Something to come. `order` keeps what is due at one time in the order in which it was arranged.
  struct Coming {
    TimePoint when;
    std::uint64_t order;
    std::function<void()> what;
  };
  struct Later {
    bool operator()(const Coming& a, const Coming& b) const noexcept {
      return a.when != b.when ? a.when > b.when : a.order > b.order;
    }
  };

  void arrange(TimePoint when, std::function<void()> what) {
    queue.push_back({std::max(when, now), next_order++, std::move(what)});
    std::push_heap(queue.begin(), queue.end(), Later{});
  }

  bool chance(double probability) {
    if (probability <= 0) return false;
    constexpr double kUnit = 1.0 / 9007199254740992.0;  // 2^-53
    return static_cast<double>(random.next() >> 11) * kUnit < probability;
  }
  Duration delay() {
    const auto spread = static_cast<std::uint64_t>((options.delay_max - options.delay_min).count());
    if (spread == 0 || options.delay_max < options.delay_min) return options.delay_min;
    return options.delay_min + Duration(static_cast<std::int64_t>(random.below(spread + 1)));
  }

  std::optional<std::size_t> place_at(const SocketAddress& address) const {
    for (std::size_t i = 0; i < places.size(); ++i)
      if (places[i].address == address) return i;
    return std::nullopt;
  }
  bool parted(std::size_t a, std::size_t b) const {
    for (const auto& [one, other] : partitions)
      if ((places[a].name == one && places[b].name == other) ||
          (places[a].name == other && places[b].name == one))
        return true;
    return false;
  }

  void record(std::size_t from, std::optional<std::size_t> to, std::string_view bytes,
              Outcome fate) {
    ++sent;
    if (fate != Outcome::arrives) ++lost;
    hash.add(static_cast<std::uint64_t>(now.time_since_epoch().count()));
    hash.add(from);
    hash.add(to ? *to : UINT64_MAX);
    hash.add(static_cast<std::uint64_t>(fate));
    hash.add(bytes);
    if (to)
      ladder.add({now, places[from].column, places[*to].column, message_label(bytes),
                  fate != Outcome::arrives});
  }

  void deliver(std::size_t to, std::string bytes, const Flow& flow, TimePoint when) {
    arrange(when, [this, to, flow, bytes = std::move(bytes)] {
      places[to].node->receive(bytes, flow, now);
      places[to].node->act(now);
      drain(to);
    });
  }

  void blame(std::size_t sender, TxnId txn) {
    if (!txn) return;
    arrange(now, [this, sender, txn] {
      places[sender].node->transport_failed(txn, make_error_code(Errc::transport_failed), now);
      places[sender].node->act(now);
      drain(sender);
    });
  }

  void send_datagram(std::size_t from, const Transmit& out) {
    const std::string_view bytes = out.message.bytes();
    const auto to = place_at(out.flow.remote);
    if (!to) return record(from, to, bytes, Outcome::lost);
    const Packet packet{places[from].name, places[*to].name, Transport::udp, bytes,
                        static_cast<int>(sent) + 1};
    // Drawn whether needed or not, so that a rule doesn't shift what befalls later packets.
    const bool unlucky = chance(options.loss);
    const bool twice = chance(options.duplicate);
    const Duration first = delay();
    const Duration second = delay();
    const Fate fate = rule ? rule(packet) : Fate{};
    if (unlucky || parted(from, *to) || fate.copies <= 0)
      return record(from, to, bytes, Outcome::lost);
    record(from, to, bytes, Outcome::arrives);
    const Flow flow{Transport::udp, places[*to].address, places[from].address, 0};
    for (int i = 0; i < fate.copies; ++i)
      deliver(*to, std::string(bytes), flow, now + first + fate.late);
    if (twice) deliver(*to, std::string(bytes), flow, now + second + fate.late);
  }

  // The connection that a flow names, or one to its remote end, or a new one; 0 where it is refused.
  ConnectionId connection_for(std::size_t from, const Flow& flow) {
    const auto known = connections.find(flow.connection);
    if (flow.connection != 0 && known != connections.end() && known->second.open)
      return flow.connection;
    for (const auto& [id, c] : connections)
      if (c.open && c.transport == flow.transport &&
          ((c.client == from && places[c.server].address == flow.remote) ||
           (c.server == from && c.client_end == flow.remote)))
        return id;
    const auto to = place_at(flow.remote);
    if (!to || std::find(refusing.begin(), refusing.end(), flow.remote) != refusing.end()) return 0;
    Connection made{from, *to, flow.transport, places[from].address, {}, true};
    made.client_end.port = next_port++;
    connections.emplace(++last_connection, made);
    return last_connection;
  }

  void send_stream(std::size_t from, const Transmit& out) {
    const std::string_view bytes = out.message.bytes();
    const ConnectionId id = connection_for(from, out.flow);
    if (id == 0) {
      record(from, place_at(out.flow.remote), bytes, Outcome::refused);
      return blame(from, out.txn);
    }
    Connection& c = connections.at(id);
    const bool by_client = c.client == from;
    const std::size_t to = by_client ? c.server : c.client;
    const Duration way = delay();
    record(from, to, bytes, Outcome::arrives);
    TimePoint& last = c.last_arrival[by_client ? 0 : 1];
    last = std::max(last, now + way);
    const SocketAddress server_end = places[c.server].address;
    const Flow flow = by_client ? Flow{c.transport, server_end, c.client_end, 0, id}
                                : Flow{c.transport, c.client_end, server_end, 0, id};
    if (parted(from, to))
      stalled.push_back({to, std::string(bytes), flow});
    else
      deliver(to, std::string(bytes), flow, last);
  }

  std::vector<Flow> targets_of(std::size_t node, const std::string& text) const {
    std::vector<Flow> targets;
    const auto uri = Uri::parse(text);
    if (!uri || !uri->is_sip()) return targets;
    const auto wanted = uri->transport();
    const Transport plain = uri->scheme == UriScheme::sips ? Transport::tls : Transport::udp;
    const auto add = [&](Transport transport, const SocketAddress& remote) {
      Flow flow{transport, places[node].address, remote, 0};
      if (reliable(transport)) flow.local.port = 0;
      targets.push_back(flow);
    };
    if (const auto ip = IpAddress::parse(uri->host)) {
      const Transport transport = wanted.value_or(plain);
      add(transport, {*ip, uri->port.value_or(default_port(transport))});
      return targets;
    }
    const auto found = hosts.find(std::string(uri->host));
    if (found == hosts.end()) return targets;
    for (const auto& [transport, address] : found->second) add(wanted.value_or(transport), address);
    return targets;
  }

  // Everything a node wants to have done, until it wants nothing.
  void drain(std::size_t i) {
    Node& node = *places[i].node;
    Resolve question;
    while (node.next(question)) {
      arrange(now + options.resolve_delay, [this, i, question] {
        places[i].node->resolved(question.txn, targets_of(i, question.uri), now);
        places[i].node->act(now);
        drain(i);
      });
    }
    Transmit out;
    while (node.next(out)) {
      if (reliable(out.flow.transport))
        send_stream(i, out);
      else
        send_datagram(i, out);
      out = {};  // no block stays behind here
    }
  }

  TimePoint next_time() const {
    TimePoint first = queue.empty() ? kNever : queue.front().when;
    for (const Place& place : places) first = std::min(first, place.node->deadline());
    return first;
  }

  // All that is due at `now`: first what was arranged, then timers, node by node.
  void step() {
    if (!queue.empty() && queue.front().when <= now) {
      std::pop_heap(queue.begin(), queue.end(), Later{});
      Coming coming = std::move(queue.back());
      queue.pop_back();
      coming.what();
      return;
    }
    for (std::size_t i = 0; i < places.size(); ++i) {
      if (places[i].node->deadline() > now) continue;
      places[i].node->expire(now);
      places[i].node->act(now);
      drain(i);
      if (places[i].node->deadline() <= now && ++stuck > 1000)
        throw std::logic_error("the deadline of " + places[i].name + " does not move");
    }
  }

  NetworkOptions options;
  SeededRandom random;
  Ladder ladder;
  TraceHash hash;
  std::vector<Place> places;
  std::map<std::string, std::vector<std::pair<Transport, SocketAddress>>> hosts;
  std::vector<SocketAddress> refusing;
  std::vector<std::pair<std::string, std::string>> partitions;
  struct Stalled {
    std::size_t to;
    std::string bytes;
    Flow flow;
  };
  std::vector<Stalled> stalled;
  std::function<Fate(const Packet&)> rule;
  std::map<ConnectionId, Connection> connections;
  ConnectionId last_connection = 0;
  std::uint16_t next_port = 40'000;
  std::vector<Coming> queue;
  std::uint64_t next_order = 0;
  TimePoint now{};
  std::size_t sent = 0;
  std::size_t lost = 0;
  int stuck = 0;
};

std::string Packet::label() const { return message_label(bytes); }

Network::Network(const NetworkOptions& options) : impl_(std::make_unique<Impl>(options)) {}
Network::~Network() = default;

void Network::attach(Node& node, std::string name, const SocketAddress& address) {
  const std::size_t column = impl_->ladder.column(name);
  impl_->places.push_back({&node, std::move(name), address, column});
}

void Network::host(std::string name, std::vector<std::pair<Transport, SocketAddress>> targets) {
  impl_->hosts[std::move(name)] = std::move(targets);
}

void Network::refuse_streams(const SocketAddress& address) { impl_->refusing.push_back(address); }
void Network::drop(std::function<bool(const Packet&)> rule) {
  impl_->rule = nullptr;
  if (rule)
    impl_->rule = [rule = std::move(rule)](const Packet& packet) {
      return rule(packet) ? Fate::lost() : Fate{};
    };
}
void Network::decide(std::function<Fate(const Packet&)> rule) { impl_->rule = std::move(rule); }
void Network::part(std::string_view one, std::string_view other) {
  impl_->partitions.emplace_back(one, other);
}

void Network::heal() {
  impl_->partitions.clear();
  for (auto& late : impl_->stalled)
    impl_->deliver(late.to, std::move(late.bytes), late.flow, impl_->now);
  impl_->stalled.clear();
}

void Network::set_loss(double loss) noexcept { impl_->options.loss = loss; }

void Network::at(TimePoint when, std::function<void(TimePoint)> what) {
  impl_->arrange(when, [this, what = std::move(what)] {
    what(impl_->now);
    for (std::size_t i = 0; i < impl_->places.size(); ++i) {
      impl_->places[i].node->act(impl_->now);
      impl_->drain(i);
    }
  });
}

void Network::run_until(TimePoint end) {
  for (TimePoint next = impl_->next_time(); next <= end; next = impl_->next_time()) {
    if (next > impl_->now) impl_->stuck = 0;
    impl_->now = std::max(impl_->now, next);
    impl_->step();
  }
  impl_->now = std::max(impl_->now, end);
}

bool Network::run_to_rest(TimePoint limit) {
  for (TimePoint next = impl_->next_time(); next != kNever; next = impl_->next_time()) {
    if (next > limit) {
      impl_->now = std::max(impl_->now, limit);
      return false;
    }
    if (next > impl_->now) impl_->stuck = 0;
    impl_->now = std::max(impl_->now, next);
    impl_->step();
  }
  return true;
}

TimePoint Network::time() const noexcept { return impl_->now; }
const Ladder& Network::ladder() const noexcept { return impl_->ladder; }
std::uint64_t Network::trace_hash() const noexcept { return impl_->hash.value(); }
std::size_t Network::sent() const noexcept { return impl_->sent; }
std::size_t Network::lost() const noexcept { return impl_->lost; }

}  // namespace sipstack::testing
