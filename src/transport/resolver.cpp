// SPDX-License-Identifier: Apache-2.0
// RFC 3263 sections 4.1 and 4.2 for numeric hosts and A/AAAA records; NAPTR and SRV are not asked yet.
#include "sipstack/transport/resolver.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <optional>
#include <unordered_map>
#include <utility>

#include "sipstack/parser/uri.hpp"
#include "sipstack/transport/transport.hpp"
#include "transport/dns.hpp"

namespace sipstack {

namespace {

/// What a URI asks for before any name is looked up.
struct Plan {
  std::string host;
  std::string identity;  ///< the URI's own host, maddr or not
  std::optional<IpAddress> numeric;
  std::optional<std::uint16_t> port;
  Transport transport = Transport::udp;
  bool named = false;  ///< the URI names the transport
};

std::optional<Plan> plan(std::string_view text) {
  const auto uri = Uri::parse(text);
  if (!uri || !uri->is_sip()) return std::nullopt;
  Plan p;
  p.port = uri->port;
  // RFC 3263 section 4: TARGET is maddr where there is one.
  const auto maddr = uri->params.find("maddr");
  const std::string_view target = maddr && !maddr->empty() ? *maddr : uri->host;
  p.numeric = IpAddress::parse(target);
  if (!p.numeric) p.host = std::string(target);
  p.identity = std::string(uri->host);
  const bool sips = uri->scheme == UriScheme::sips;
  if (uri->params.has("transport")) {
    const auto transport = uri->transport();
    if (!transport) return std::nullopt;  // SCTP, or unheard of
    p.transport = *transport;
    p.named = true;
    if (sips && !secure(p.transport)) {
      // RFC 3261 section 26.2.2: nothing but TLS will do for sips.
      if (p.transport == Transport::udp) return std::nullopt;
      p.transport = p.transport == Transport::ws ? Transport::wss : Transport::tls;
    }
  } else {
    p.transport = sips ? Transport::tls : Transport::udp;
  }
  return p;
}

}  // namespace

class Resolver::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(boost::asio::io_context& io, Transports& transports, const ResolverOptions& options)
      : io_(io), transports_(&transports), options_(options) {}

  void resolve(std::string_view uri, Done done) {
    if (pending_.size() >= options_.max_pending) {
      boost::asio::post(io_, [weak = weak_from_this(), epoch = epoch_, done = std::move(done)] {
        const auto self = weak.lock();
        if (self && self->epoch_ == epoch) done({});
      });
      return;
    }
    const std::uint64_t id = ++last_;
    Pending& pending = pending_.emplace(id, Pending{{}, std::move(done), {}}).first->second;
    auto planned = plan(uri);
    if (!planned) return answer(id, {});
    pending.plan = std::move(*planned);
    if (pending.plan.numeric) return answer(id, {*pending.plan.numeric});
    if (!start()) return answer(id, {});
    pending.timer = std::make_unique<boost::asio::steady_timer>(io_, options_.timeout);
    pending.timer->async_wait([weak = weak_from_this(), id](auto cancelled) {
      const auto self = weak.lock();
      if (!cancelled && self) self->finish(id, {});
    });
    dns_->addresses(pending.plan.host, [weak = weak_from_this(), id](std::vector<IpAddress> found) {
      if (const auto self = weak.lock()) self->answer(id, std::move(found));
    });
  }

  void cancel_all() {
    ++epoch_;
    pending_.clear();
    if (dns_) dns_->cancel();
  }

  void stop() {
    cancel_all();
    dns_.reset();
  }

 private:
  struct Pending {
    Plan plan;
    Done done;
    std::unique_ptr<boost::asio::steady_timer> timer;
  };

  bool start() {
    if (dns_) return true;
    auto dns = std::make_shared<Dns>(io_);
    if (!dns->start(options_.servers)) return false;
    dns_ = std::move(dns);
    return true;
  }

  /// Never from inside resolve(), nor from inside c-ares.
  void answer(std::uint64_t id, std::vector<IpAddress> addresses) {
    boost::asio::post(io_, [weak = weak_from_this(), id, addresses = std::move(addresses)] {
      if (const auto self = weak.lock()) self->finish(id, addresses);
    });
  }

  void finish(std::uint64_t id, const std::vector<IpAddress>& addresses) {
    const auto found = pending_.find(id);
    if (found == pending_.end()) return;  // cancelled, or answered by the timeout
    const Pending pending = std::move(found->second);
    pending_.erase(found);
    std::vector<Flow> flows = targets(addresses, pending.plan.transport, pending.plan.port);
    // RFC 5922 section 7.3: the server proves to be the domain of the URI, whatever that resolved to.
    if (secure(pending.plan.transport)) {
      const std::uint32_t identity = transports_->identity(pending.plan.identity);
      for (Flow& flow : flows) flow.identity = identity;
    }
    // RFC 3263 section 4.1 lets a client that has no UDP take what it has.
    if (flows.empty() && !pending.plan.named && pending.plan.transport == Transport::udp)
      flows = targets(addresses, Transport::tcp, pending.plan.port);
    pending.done(std::move(flows));
  }

  std::vector<Flow> targets(const std::vector<IpAddress>& addresses, Transport transport,
                            std::optional<std::uint16_t> port) const {
    std::vector<Flow> flows;
    for (const IpAddress& ip : addresses) {
      if (flows.size() == options_.max_targets) break;
      Flow flow;
      flow.transport = transport;
      flow.remote = {ip, port.value_or(default_port(transport))};
      const auto local = transports_->local_toward(transport, flow.remote);
      if (!local) continue;  // no socket of that kind, or no route
      flow.local = *local;
      flows.push_back(flow);
    }
    return flows;
  }

  boost::asio::io_context& io_;
  Transports* transports_;
  ResolverOptions options_;
  std::shared_ptr<Dns> dns_;
  std::unordered_map<std::uint64_t, Pending> pending_;
  std::uint64_t last_ = 0;
  std::uint64_t epoch_ = 0;  ///< counts cancel_all()
};

Resolver::Resolver(boost::asio::io_context& io, Transports& transports,
                   const ResolverOptions& options)
    : impl_(std::make_shared<Impl>(io, transports, options)) {}

Resolver::~Resolver() { impl_->stop(); }

void Resolver::resolve(std::string_view sip_uri, Done done) {
  impl_->resolve(sip_uri, std::move(done));
}

void Resolver::cancel_all() { impl_->cancel_all(); }

}  // namespace sipstack
