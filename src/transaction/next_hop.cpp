// SPDX-License-Identifier: Apache-2.0
// Where requests go: numeric next hops, targets one after the other, and TCP for what is too large.
// RFC 3263 sections 4.1 to 4.3, RFC 3261 section 18.1.1.
#include <algorithm>
#include <iterator>
#include <new>

#include "transaction/layer_impl.hpp"

namespace sipstack {
namespace {

// A next hop that a resolver can complete: the user gave the other end only.
std::string uri_of(const Flow& flow) {
  std::string uri = secure(flow.transport) ? "sips:" : "sip:";
  uri += flow.remote.to_string();
  // sips with transport=tcp is TLS (RFC 3261 section 26.2.2); ws stands for wss too (RFC 7118).
  if (flow.transport == Transport::tcp) uri += ";transport=tcp";
  if (flow.transport == Transport::ws || flow.transport == Transport::wss) uri += ";transport=ws";
  return uri;
}

}  // namespace

std::optional<Flow> TransactionLayer::Impl::direct(const NextHop& hop) const {
  Flow flow;
  if (hop.flow) {
    flow = *hop.flow;
    if (!flow.local.ip.is_unspecified()) return flow;
  } else {
    const auto uri = Uri::parse(hop.uri);
    if (!uri || !uri->is_sip()) return std::nullopt;
    const auto ip = IpAddress::parse(uri->params.find("maddr").value_or(uri->host));
    if (!ip) return std::nullopt;
    // RFC 3263 4.1: numeric and no transport named: UDP for sip, and TLS for sips.
    const Transport plain = uri->scheme == UriScheme::sips ? Transport::tls : Transport::udp;
    flow.transport = uri->transport().value_or(plain);
    // sips over UDP is a contradiction; the resolver says so.
    if (uri->scheme == UriScheme::sips && !secure(flow.transport)) return std::nullopt;
    flow.remote = {*ip, uri->port.value_or(default_port(flow.transport))};
  }
  const LocalAddress* const socket = locals.find(flow.transport, flow.remote.ip);
  if (socket == nullptr || socket->bound.ip.is_unspecified()) return std::nullopt;
  // A connection of our own gets a port of its own.
  flow.local = {socket->bound.ip, reliable(flow.transport) ? std::uint16_t{0} : socket->bound.port};
  return flow;
}

std::error_code TransactionLayer::Impl::dispatch(Transaction& t, RequestWriter&& request,
                                                 NextHop&& hop, TimePoint now) {
  t.fixed_flow = hop.flow.has_value();
  if (const auto flow = direct(hop)) {
    if (const auto error = begin(t, request, *flow, now)) return error;
    // Too large for UDP: back there where no connection comes about.
    if (t.has_targets()) t.client.extras->writer.emplace(std::move(request));
    return {};
  }
  if (!resolves.reserve()) return Errc::write_failed;
  std::string uri = hop.flow ? uri_of(*hop.flow) : std::move(hop.uri);
  extras(t).writer.emplace(std::move(request));
  t.resolving = true;
  // The resolver has limits of its own; this one is for a resolver that never comes back.
  arm(t, fsm::Input::guard, options().timings.timeout(), now);
  schedule(t);
  resolves.push({t.id, std::move(uri)});
  return {};
}

bool TransactionLayer::Impl::too_large_for_udp(const Transaction& t, const Flow& target,
                                               std::size_t size) const noexcept {
  return target.transport == Transport::udp && options().udp_limit != 0 &&
         size > options().udp_limit && !t.fixed_flow && !t.by_size &&
         locals.find(Transport::tcp, target.remote.ip) != nullptr;
}

std::error_code TransactionLayer::Impl::begin(Transaction& t, const RequestWriter& request,
                                              Flow target, TimePoint now) {
  std::uint64_t branch_random = 0;
  const auto seal = [&]() -> Message {
    branch_random = random.next();
    const auto drawn = ClientBranch{t.id, branch_random}.text();
    const bool wanted = t.kind == TxnKind::stateless && t.client.extras != nullptr &&
                        !t.client.extras->branch.empty();
    const std::string_view branch = wanted ? std::string_view(t.client.extras->branch) : drawn;
    LocalAddresses::Scratch scratch;
    auto sealed = request.seal({target.transport, locals.sent_by(target, scratch), branch});
    return sealed ? *std::move(sealed) : Message{};
  };
  Message sealed = seal();
  if (!sealed) return Errc::write_failed;
  if (too_large_for_udp(t, target, sealed.bytes().size())) {
    extras(t).targets.push_back(target);  // back to UDP where no connection comes about
    t.by_size = true;
    target.transport = Transport::tcp;
    target.local.port = 0;
    target.connection = 0;
    sealed = seal();
    if (!sealed) return Errc::write_failed;
  }
  t.request = std::move(sealed);
  t.sent_again = false;
  t.client.random = branch_random;
  t.flow = target;
  t.match = response_hash(hash_key, t.request.view());
  t.vias = t.request->head().vias;
  t.pace_at = t.limit_at = kNever;
  switch (t.kind) {
    case TxnKind::client:
      start(t, t.method == Method::invite ? fsm::Machine::ict : fsm::Machine::nict,
            reliable(target.transport), now);
      break;
    case TxnKind::ack:
      transmit(t.request, t.flow, t.id);
      arm(t, fsm::Input::linger, options().timings.timeout(), now);
      schedule(t);
      break;
    case TxnKind::stateless:
    case TxnKind::server: transmit(t.request, t.flow, {}); break;
  }
  return {};
}

bool TransactionLayer::Impl::next_target(Transaction& t, TimePoint now, std::error_code& why) {
  while (t.has_targets()) {
    ClientExtras& left = *t.client.extras;
    const Flow target = left.targets.back();
    left.targets.pop_back();
    try {
      why = begin(t, *left.writer, target, now);
    } catch (const std::bad_alloc&) {
      why = Errc::write_failed;
    }
    if (why) continue;
    if (left.targets.empty() && left.reason.empty() && !left.refused.ack)
      drop_extras(t);
    else if (left.targets.empty())
      left.writer.reset();
    return true;
  }
  return false;
}

TxnEvent TransactionLayer::Impl::resolved(Transaction& t, const std::vector<Flow>& targets,
                                          TimePoint now) {
  if (t.cancel_wanted) return fail(t, Errc::cancelled);
  t.resolving = false;
  const auto count = static_cast<std::ptrdiff_t>(std::min(targets.size(), kMaxTargets));
  std::error_code why = Errc::unresolved;
  try {
    t.client.extras->targets.assign(std::make_reverse_iterator(targets.begin() + count),
                                    targets.rend());
  } catch (const std::bad_alloc&) {
    return fail(t, Errc::write_failed);
  }
  if (!avoided.empty()) {
    // Those that failed lately come last, in the order in which they stood; best last, as they lie here.
    avoided.tidy(now);
    auto& all = t.client.extras->targets;
    std::stable_partition(all.begin(), all.end(),
                          [&](const Flow& target) { return avoided.has(target, now); });
  }
  if (!next_target(t, now, why))
    return fail(t, why == Errc::write_failed ? Errc::write_failed : Errc::unresolved);
  if (t.kind == TxnKind::stateless) erase(t);
  return Absorbed{};
}

}  // namespace sipstack
