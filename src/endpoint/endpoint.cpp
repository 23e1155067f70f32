// SPDX-License-Identifier: Apache-2.0
// The endpoint's commands. Each is the core's, followed by a flush. Operations: operations.hpp.
#include "sipstack/endpoint/endpoint.hpp"

#include <array>
#include <cstdint>
#include <cstring>
#include <utility>

#include <ifaddrs.h>
#include <netinet/in.h>

#include <boost/asio/ip/udp.hpp>

#include "endpoint/state.hpp"
#include "sipstack/base/errc.hpp"

namespace sipstack {

namespace {

/// TRANSPORT:HOST:PORT taken apart.
struct Place {
  Transport transport = Transport::udp;
  SocketAddress address;
};

expected<Place, error_code> find_place(boost::asio::io_context& io, std::string_view where) {
  const auto invalid = unexpected(std::make_error_code(std::errc::invalid_argument));
  Place place;
  const std::size_t colon = where.find(':');
  if (colon == std::string_view::npos || !transport_from(where.substr(0, colon), place.transport))
    return invalid;
  const std::string_view rest = where.substr(colon + 1);
  if (const auto address = SocketAddress::parse(rest)) {
    place.address = *address;
    return place;
  }
  // A name of this machine, "localhost": the hosts file, asked once at the start. IPv4 goes first.
  const std::size_t last = rest.rfind(':');
  if (last == std::string_view::npos || last == 0) return invalid;
  const auto port = SocketAddress::parse("0.0.0.0" + std::string(rest.substr(last)));
  if (!port || rest.substr(0, last).find_first_of(":[]") != std::string_view::npos) return invalid;
  boost::asio::ip::udp::resolver names(io);
  boost::system::error_code error;
  const auto found = names.resolve(std::string(rest.substr(0, last)), "",
                                   boost::asio::ip::resolver_base::passive, error);
  if (error) return unexpected(error_code(error));
  for (const bool want_v4 : {true, false}) {
    for (const auto& entry : found) {
      const auto ip = entry.endpoint().address();
      if (ip.is_v4() != want_v4) continue;
      place.address = {want_v4 ? IpAddress::v4(ip.to_v4().to_bytes())
                               : IpAddress::v6(ip.to_v6().to_bytes(),
                                               static_cast<std::uint32_t>(ip.to_v6().scope_id())),
                       port->port};
      return place;
    }
  }
  return unexpected(std::make_error_code(std::errc::address_not_available));
}

std::string host_and_port(std::string_view host, std::uint16_t port) {
  const bool bare_v6 = host.find(':') != std::string_view::npos && host.front() != '[';
  return (bare_v6 ? "[" + std::string(host) + "]" : std::string(host)) + ":" + std::to_string(port);
}

/// Behind a wildcard we are called by every address of this machine.
void note_interfaces(LocalAddresses& locals) {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return;
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner(list, &::freeifaddrs);
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr) continue;
    if (entry->ifa_addr->sa_family == AF_INET) {
      sockaddr_in address{};
      std::memcpy(&address, entry->ifa_addr, sizeof address);
      std::array<std::uint8_t, 4> bytes{};
      std::memcpy(bytes.data(), &address.sin_addr, bytes.size());
      locals.seen(IpAddress::v4(bytes));
    } else if (entry->ifa_addr->sa_family == AF_INET6) {
      sockaddr_in6 address{};
      std::memcpy(&address, entry->ifa_addr, sizeof address);
      std::array<std::uint8_t, 16> bytes{};
      std::memcpy(bytes.data(), &address.sin6_addr, bytes.size());
      locals.seen(IpAddress::v6(bytes));
    }
  }
}

}  // namespace

Endpoint::Endpoint(boost::asio::io_context& io, const EndpointOptions& options)
    : state_(std::make_shared<EndpointState>(io, options)) {}

Endpoint::Endpoint(std::shared_ptr<EndpointState> state) noexcept : state_(std::move(state)) {}

Endpoint::~Endpoint() {
  if (state_) state_->close();
}

Endpoint::Endpoint(Endpoint&&) noexcept = default;

Endpoint& Endpoint::operator=(Endpoint&& other) noexcept {
  if (this != &other) {
    if (state_) state_->close();
    state_ = std::move(other.state_);
  }
  return *this;
}

expected<SocketAddress, error_code> Endpoint::listen(std::string_view where) {
  if (state_->closed_down) return unexpected(make_error_code(Errc::gone));
  const auto place = find_place(state_->io, where);
  if (!place) return unexpected(place.error());
  const auto bound = state_->transports->listen(place->transport, place->address);
  if (!bound) return bound;
  LocalAddress local{place->transport, *bound, {}};
  if (!state_->options.advertised_host.empty())
    local.advertised = host_and_port(state_->options.advertised_host, bound->port);
  else if (!bound->ip.is_unspecified())
    local.advertised = bound->to_string();
  if (bound->ip.is_unspecified()) note_interfaces(state_->core.locals());
  state_->core.locals().add(std::move(local));
  return bound;
}

error_code Endpoint::plug(Transport transport, std::shared_ptr<Carrier> carrier) {
  if (state_->closed_down) return Errc::gone;
  const Carrier* const shared = carrier.get();  // with the transports, where they take it
  const auto plugged = state_->transports->plug(transport, std::move(carrier));
  if (!plugged) return plugged.error();
  const SocketAddress here = shared->address();
  state_->core.locals().add({transport, here, here.to_string()});
  return {};
}

error_code Endpoint::keep_alive(const Flow& flow, Duration interval) {
  if (state_->closed_down) return Errc::gone;
  const auto kept = state_->transports->keep_alive(flow, interval);
  return kept ? error_code{} : kept.error();
}

void Endpoint::on_flow_closed(std::function<void(const Flow&, error_code)> handler) {
  state_->flow_closed = std::move(handler);
}

error_code Endpoint::reload_tls() {
  if (state_->closed_down) return Errc::gone;
  const auto done = state_->transports->reload_tls();
  return done ? error_code{} : done.error();
}

void Endpoint::on_invite(std::function<void(IncomingCall)> handler) {
  state_->invited = std::move(handler);
}

void Endpoint::on_request(std::function<void(TxnId, const Message&, const Flow&)> handler) {
  state_->requested = std::move(handler);
}

void Endpoint::on_registration(std::function<void(const RegistrationChanged&)> handler) {
  state_->registration = std::move(handler);
}

error_code Endpoint::respond(TxnId txn, int status, std::string_view content_type,
                             std::string_view body, const ExtraHeaders& headers) {
  if (state_->closed_down) return Errc::gone;
  const error_code error =
      state_->agent().respond(txn, status, state_->now(), content_type, body, headers);
  state_->commanded();
  return error;
}

error_code Endpoint::decide(ProxyRequestId request, const Decision& decision) {
  if (state_->closed_down) return Errc::gone;
  Proxy* const proxy = state_->core.proxy();
  if (proxy == nullptr) return Errc::wrong_state;
  const error_code error = proxy->decide(request, decision, state_->now());
  state_->commanded();
  return error;
}

error_code Endpoint::unregister(RegistrationId registration) {
  if (state_->closed_down) return Errc::gone;
  const error_code error = state_->agent().remove(registration, state_->now());
  state_->commanded();
  return error;
}

expected<SocketAddress, error_code> Endpoint::local_toward(Transport transport,
                                                           const SocketAddress& remote) const {
  if (state_->closed_down) return unexpected(make_error_code(Errc::gone));
  return state_->transports->local_toward(transport, remote);
}

void Endpoint::on_message(
    std::function<void(bool sent, std::string_view bytes, const Flow&)> hook) {
  state_->options.on_message = std::move(hook);
}

Core& Endpoint::core() noexcept { return state_->core; }

void Endpoint::flush() {
  if (!state_->closed_down) state_->commanded();
}

const TransportCounters& Endpoint::transport_counters() const noexcept {
  static const TransportCounters nothing;
  return state_->transports ? state_->transports->counters() : nothing;
}

}  // namespace sipstack
