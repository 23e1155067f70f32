// SPDX-License-Identifier: Apache-2.0
// The steps of RFC 3263 section 4, one stage after the other. Service names of RFC 7118 section 10.2 too.
#include "transaction/lookup.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "sipstack/parser/uri.hpp"

namespace sipstack {
namespace {

constexpr std::size_t kMostServices = 8;

std::string lowered(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  if (!out.empty() && out.back() == '.') out.pop_back();
  return out;
}

/// The prefix of SRV names by transport. WebSocket has none of its own (RFC 7118 section 5.5).
std::string_view srv_prefix(Transport transport) noexcept {
  switch (transport) {
    case Transport::udp: return "_sip._udp.";
    case Transport::tcp: return "_sip._tcp.";
    case Transport::tls: return "_sips._tcp.";
    case Transport::ws:
    case Transport::wss: break;
  }
  return {};
}

/// RFC 3263 sections 4.1 and 9, RFC 7118 section 10.2. Compared without regard to case.
std::optional<Transport> naptr_transport(std::string_view service) {
  const std::string name = lowered(service);
  if (name == "sip+d2u") return Transport::udp;
  if (name == "sip+d2t") return Transport::tcp;
  if (name == "sips+d2t") return Transport::tls;
  if (name == "sip+d2w") return Transport::ws;
  if (name == "sips+d2w") return Transport::wss;
  return std::nullopt;
}

/// The transport that a URI names, where it names one; nothing, and `good` false, where no transport
/// would do.
std::optional<Transport> named_transport(const Uri& uri, bool& good) {
  good = true;
  if (!uri.params.has("transport")) return std::nullopt;
  auto transport = uri.transport();
  good = transport.has_value();  // SCTP, or unheard of
  if (good && uri.scheme == UriScheme::sips && !secure(*transport)) {
    // RFC 3261 section 26.2.2: nothing but TLS will do for sips.
    if (*transport == Transport::udp) good = false;
    transport = *transport == Transport::ws ? Transport::wss : Transport::tls;
  }
  return transport;
}

}  // namespace

std::vector<SrvRecord> srv_order(std::vector<SrvRecord> records, std::size_t most, Random& random) {
  // Weight 0 goes to the front of its priority, so that it has a very small chance and not none.
  std::stable_sort(records.begin(), records.end(), [](const SrvRecord& a, const SrvRecord& b) {
    if (a.priority != b.priority) return a.priority < b.priority;
    return a.weight == 0 && b.weight != 0;
  });
  std::vector<SrvRecord> ordered;
  auto begin = records.begin();
  while (begin != records.end() && ordered.size() < most) {
    auto end = std::find_if(begin, records.end(),
                            [&](const SrvRecord& r) { return r.priority != begin->priority; });
    const auto next_priority = end;
    while (begin != end && ordered.size() < most) {
      std::uint64_t sum = 0;
      for (auto it = begin; it != end; ++it) sum += it->weight;
      const std::uint64_t pick = random.below(sum + 1);  // 0 to the sum, both included
      std::uint64_t running = 0;
      auto chosen = begin;
      for (;; ++chosen) {
        running += chosen->weight;
        if (running >= pick) break;
      }
      ordered.push_back(std::move(*chosen));
      std::move(chosen + 1, end, chosen);
      --end;
    }
    begin = next_priority;
  }
  return ordered;
}

Lookup::Lookup(std::string_view sip_uri, TransportSet ours, std::size_t max_targets)
    : ours_(ours), max_targets_(max_targets) {
  const auto uri = Uri::parse(sip_uri);
  if (!uri || !uri->is_sip()) return;
  bool good = true;
  const auto named = named_transport(*uri, good);
  if (!good) return;
  secure_ = uri->scheme == UriScheme::sips;
  // RFC 3263 section 4.1: UDP for a SIP URI, TCP (with TLS) for a SIPS URI.
  const Transport transport = named.value_or(secure_ ? Transport::tls : Transport::udp);
  free_ = !named && !secure_;
  host_ = std::string(uri->host);
  const auto maddr = uri->params.find("maddr");
  const std::string_view target = maddr && !maddr->empty() ? *maddr : uri->host;
  const std::uint16_t port = uri->port.value_or(default_port(transport));

  if (const auto ip = IpAddress::parse(target)) {
    hosts_.push_back({transport, {}, port, {*ip}});
    return;
  }
  if (!is_host_name(target)) return;
  target_ = lowered(target);
  if (uri->port) {
    hosts_.push_back({transport, target_, port, {}});
    ask_hosts();
    return;
  }
  if (!named) {
    stage_ = Stage::naptr;
    open_.push_back({DnsQuestion::Kind::naptr, target_});
    return;
  }
  if (srv_prefix(transport).empty()) {
    hosts_.push_back({transport, target_, port, {}});
    ask_hosts();
    return;
  }
  services_.push_back({transport, std::string(srv_prefix(transport)) + target_, {}});
  ask_services();
}

void Lookup::answer(const DnsQuestion& question, const DnsAnswer& answer, Random& random) {
  const auto found = std::find(open_.begin(), open_.end(), question);
  if (found == open_.end()) return;
  open_.erase(found);
  if (answer.outcome == DnsAnswer::Outcome::found) note(question, answer);
  if (open_.empty()) next_stage(random);
}

void Lookup::give_up(Random& random) {
  if (stage_ == Stage::done) return;
  open_.clear();
  next_stage(random);
}

void Lookup::note(const DnsQuestion& question, const DnsAnswer& answer) {
  switch (question.kind) {
    case DnsQuestion::Kind::naptr: {
      // RFC 3403 section 4.1: behind a match no other order counts.
      std::optional<std::uint16_t> order;
      for (const NaptrRecord& r : answer.naptr) {
        const auto transport = naptr_transport(r.service);
        if (!transport || !ours_.has(*transport) || (secure_ && !secure(*transport))) continue;
        if (lowered(r.flags) != "s" || !r.regexp.empty() || r.replacement.empty()) continue;
        if (order && r.order != *order) continue;
        order = r.order;
        if (services_.size() < kMostServices) services_.push_back({*transport, r.replacement, {}});
      }
      break;
    }
    case DnsQuestion::Kind::srv:
      for (Service& service : services_)
        if (service.name == question.name) service.records = answer.srv;
      break;
    case DnsQuestion::Kind::address:
      for (Host& host : hosts_)
        if (host.name == question.name) host.addresses = answer.addresses;
      break;
  }
}

void Lookup::next_stage(Random& random) {
  if (stage_ == Stage::address) {
    stage_ = Stage::done;
    return;
  }
  if (stage_ == Stage::naptr) {
    // What DNS says by NAPTR is no default any more.
    if (services_.empty())
      probe();
    else
      free_ = false;
    return ask_services();
  }

  std::optional<Transport> plain;  // the best transport that SRV does not rule out
  for (Service& service : services_) {
    // RFC 2782: "." says that the service is decidedly not available.
    auto& records = service.records;
    const bool refused = records.size() == 1 && records.front().target.empty();
    if (!plain && !refused) plain = service.transport;
    records.erase(std::remove_if(records.begin(), records.end(),
                                 [](const SrvRecord& r) { return r.target.empty(); }),
                  records.end());
    if (hosts_.size() >= max_targets_) continue;
    for (SrvRecord& r : srv_order(std::move(records), max_targets_ - hosts_.size(), random))
      hosts_.push_back({service.transport, std::move(r.target), r.port, {}});
  }
  if (!hosts_.empty()) {
    free_ = false;
  } else if (plain) {
    hosts_.push_back({*plain, target_, default_port(*plain), {}});
  }
  ask_hosts();
}

// RFC 3263 section 4.1: no NAPTR, so SRV for each transport that we have.
void Lookup::probe() {
  if (secure_) {
    services_.push_back({Transport::tls, std::string(srv_prefix(Transport::tls)) + target_, {}});
    return;
  }
  for (const Transport transport : {Transport::udp, Transport::tcp})
    if (ours_.has(transport))
      services_.push_back({transport, std::string(srv_prefix(transport)) + target_, {}});
}

void Lookup::ask_services() {
  stage_ = Stage::srv;
  for (const Service& service : services_) {
    DnsQuestion question{DnsQuestion::Kind::srv, service.name};
    if (std::find(open_.begin(), open_.end(), question) == open_.end())
      open_.push_back(std::move(question));
  }
  if (open_.empty()) stage_ = Stage::done;  // we have no transport at all
}

void Lookup::ask_hosts() {
  stage_ = Stage::address;
  for (Host& host : hosts_) {
    // Not by the book, but seen: an address in place of a name.
    if (const auto ip = IpAddress::parse(host.name)) host.addresses = {*ip};
    DnsQuestion question{DnsQuestion::Kind::address, host.name};
    if (host.addresses.empty() && is_host_name(host.name) &&
        std::find(open_.begin(), open_.end(), question) == open_.end())
      open_.push_back(std::move(question));
  }
  if (open_.empty()) stage_ = Stage::done;
}

std::vector<Destination> Lookup::destinations() const {
  std::vector<Destination> all;
  for (const Host& host : hosts_) {
    for (const IpAddress& ip : host.addresses) {
      const Destination one{host.transport, {ip, host.port}};
      if (all.size() >= max_targets_) return all;
      if (std::find(all.begin(), all.end(), one) == all.end()) all.push_back(one);
    }
  }
  return all;
}

}  // namespace sipstack
