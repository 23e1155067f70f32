// SPDX-License-Identifier: Apache-2.0
// The Locator's questions go to c-ares, its answers become flows. RFC 3263.
#include "sipstack/endpoint/resolver.hpp"

#include <chrono>
#include <optional>
#include <unordered_map>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "endpoint/dns.hpp"
#include "sipstack/parser/uri.hpp"
#include "sipstack/transport/transport.hpp"

namespace sipstack {

class Resolver::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(boost::asio::io_context& io, Transports& transports, Random& random,
       const ResolverOptions& options)
      : io_(io),
        transports_(&transports),
        options_(options),
        locator_(random, options),
        timer_(io) {}

  void resolve(std::string_view uri, Done done) {
    const std::uint64_t id = locator_.locate(uri, ours(uri), now());
    waiting_.emplace(id, std::move(done));
    schedule();
  }

  void cancel_all() {
    waiting_.clear();
    locator_.forget_all();
    timer_.cancel();
    armed_ = kNever;
    if (dns_) dns_->cancel();
  }

  void stop() {
    cancel_all();
    dns_.reset();
  }

 private:
  TimePoint now() const {
    return TimePoint(
        std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now() - origin_));
  }

  /// The transports that we could send by. Asked for only where it counts: it may cost a look at the
  /// routing table.
  TransportSet ours(std::string_view text) const {
    TransportSet set;
    const auto uri = Uri::parse(text);
    if (!uri || uri->port || uri->params.has("transport") || IpAddress::parse(uri->host))
      return set;
    for (const Transport transport :
         {Transport::udp, Transport::tcp, Transport::tls, Transport::ws, Transport::wss}) {
      for (const char* const anybody : {"127.0.0.1", "::1"}) {
        const auto local = transports_->local_toward(transport, {*IpAddress::parse(anybody), 9});
        if (!local && (local.error() == std::errc::operation_not_supported ||
                       local.error() == std::errc::address_family_not_supported))
          continue;
        set.add(transport);
        break;
      }
    }
    return set;
  }

  /// Questions and results are dealt with on a turn of their own: never inside resolve(), never inside
  /// c-ares.
  void schedule() {
    if (scheduled_) return;
    scheduled_ = true;
    boost::asio::post(io_, [weak = weak_from_this()] {
      const auto self = weak.lock();
      if (!self) return;
      self->scheduled_ = false;
      self->drain();
    });
  }

  void drain() {
    for (DnsQuestion question; locator_.next(question);) ask(question);
    for (Located located; locator_.next(located);) finish(located);
    arm();
  }

  void ask(const DnsQuestion& question) {
    if (!start()) return answered(question, {});
    dns_->ask(question, [weak = weak_from_this(), question](const DnsAnswer& answer) {
      if (const auto self = weak.lock()) self->answered(question, answer);
    });
  }

  void answered(const DnsQuestion& question, const DnsAnswer& answer) {
    locator_.answered(question, answer, now());
    schedule();
  }

  bool start() {
    if (dns_) return true;
    auto dns = std::make_shared<Dns>(io_);
    if (!dns->start(options_.servers)) return false;
    dns_ = std::move(dns);
    return true;
  }

  void finish(const Located& located) {
    const auto found = waiting_.find(located.id);
    if (found == waiting_.end()) return;
    const Done done = std::move(found->second);
    waiting_.erase(found);
    std::vector<Flow> flows = reachable(located.destinations, std::nullopt);
    // RFC 3263 section 4.1: UDP for want of a better choice; who has no UDP takes what it has.
    if (flows.empty() && located.transport_free)
      flows = reachable(located.destinations, Transport::tcp);
    // RFC 5922 section 7.3: the server proves to be the domain of the URI, whatever that resolved to.
    std::uint32_t identity = 0;
    for (Flow& flow : flows) {
      if (!secure(flow.transport)) continue;
      if (identity == 0) identity = transports_->identity(located.host);
      flow.identity = identity;
    }
    done(std::move(flows));
  }

  std::vector<Flow> reachable(const std::vector<Destination>& destinations,
                              std::optional<Transport> instead) const {
    std::vector<Flow> flows;
    for (const Destination& destination : destinations) {
      Flow flow;
      flow.transport = instead.value_or(destination.transport);
      flow.remote = destination.remote;
      const auto local = transports_->local_toward(flow.transport, flow.remote);
      if (!local) continue;  // no socket of that kind, or no route
      flow.local = *local;
      flows.push_back(flow);
    }
    return flows;
  }

  void arm() {
    const TimePoint next = locator_.deadline();
    if (next == armed_) return;
    armed_ = next;
    if (next == kNever) {
      timer_.cancel();
      return;
    }
    timer_.expires_at(origin_ + next.time_since_epoch());
    timer_.async_wait([weak = weak_from_this()](boost::system::error_code moved) {
      const auto self = weak.lock();
      if (moved || !self) return;
      self->armed_ = kNever;
      self->locator_.expire(self->now());
      self->drain();
    });
  }

  boost::asio::io_context& io_;
  Transports* transports_;
  ResolverOptions options_;
  std::chrono::steady_clock::time_point origin_ = std::chrono::steady_clock::now();
  Locator locator_;
  std::shared_ptr<Dns> dns_;
  std::unordered_map<std::uint64_t, Done> waiting_;
  boost::asio::steady_timer timer_;
  TimePoint armed_ = kNever;
  bool scheduled_ = false;
};

Resolver::Resolver(boost::asio::io_context& io, Transports& transports, Random& random,
                   const ResolverOptions& options)
    : impl_(std::make_shared<Impl>(io, transports, random, options)) {}

Resolver::~Resolver() { impl_->stop(); }

void Resolver::resolve(std::string_view sip_uri, Done done) {
  impl_->resolve(sip_uri, std::move(done));
}

void Resolver::cancel_all() { impl_->cancel_all(); }

}  // namespace sipstack
