// SPDX-License-Identifier: Apache-2.0
// Route preprocessing. RFC 3261 sections 16.4 and 16.6 item 4.
#include "server/routing.hpp"

namespace sipstack::server {
namespace {

/// The URI without the parameters for which `drop` says so, and without port where `drop_port`.
template <class Drop>
std::string without(const Uri& uri, bool drop_port, bool drop_headers, Drop drop) {
  std::string out(uri.scheme_name);
  out += ':';
  if (uri.has_user) {
    out += uri.user;
    if (uri.password) out.append(":").append(*uri.password);
    out += '@';
  }
  out += uri.host;
  if (uri.port && !drop_port) out.append(":").append(std::to_string(*uri.port));
  for (const Param& p : uri.params) {
    if (drop(p)) continue;
    out.append(";").append(p.name);
    if (p.has_value) out.append("=").append(p.value);
  }
  if (!drop_headers && !uri.headers.empty()) out.append("?").append(uri.headers);
  return out;
}

/// A maddr of ours, reached by the port and transport that the URI names, has done its work and goes.
std::optional<std::string> without_our_maddr(const Uri& uri, const Flow& flow,
                                             const Registrar& registrar) {
  const auto maddr = uri.params.find("maddr");
  if (!maddr) return std::nullopt;
  const Transport transport = uri.transport().value_or(Transport::udp);
  const std::uint16_t port = uri.port.value_or(default_port(transport));
  if (transport != flow.transport || port != flow.local.port || !registrar.serves(*maddr, port))
    return std::nullopt;
  return without(uri, true, false, [](const Param& p) {
    return iequals(p.name, "maddr") || iequals(p.name, "transport");
  });
}

}  // namespace

std::string DialogMark::of(std::string_view call_id, std::string_view tag) const {
  std::string text(call_id);
  text.append("\n").append(tag);
  std::uint64_t hash = keyed_hash(key_, text);
  std::string mark(16, '0');
  for (std::size_t i = 16; i-- > 0; hash >>= 4) mark[i] = "0123456789abcdef"[hash & 15];
  return mark;
}

std::string DialogMark::make(const MessageView& request) const {
  return of(request.call_id(), request.from_tag());
}

bool DialogMark::made_for(const MessageView& request, std::string_view user) const {
  if (user.size() != 16) return false;
  // The caller's requests have its tag in From, the callee's in To.
  return user == of(request.call_id(), request.from_tag()) ||
         (!request.to_tag().empty() && user == of(request.call_id(), request.to_tag()));
}

std::optional<Routing> preprocess(const MessageView& request, const Flow& flow,
                                  const DialogMark& mark, const Registrar& registrar) {
  Routing r;
  r.uri = request.uri_text();
  std::vector<NameAddr> route;
  for (const auto& value : request.all(hdr::route)) {
    if (!value) return std::nullopt;
    route.push_back(*value);
  }
  std::size_t first = 0;
  bool marked = false;
  const auto ours = [&](const Uri& uri) {
    if (uri.is_sip() && mark.made_for(request, uri.user)) return marked = true;
    return registrar.serves(uri);
  };

  // A strict router before us put our Record-Route into the Request-URI, and what had been there behind
  // the Route.
  const Uri uri = request.request_uri();
  if (uri.is_sip() && mark.made_for(request, uri.user) && !route.empty()) {
    marked = true;
    r.uri = route.back().uri.text;
    route.pop_back();
    r.route_changed = true;
  } else if (auto stripped = without_our_maddr(uri, flow, registrar)) {
    r.uri = *std::move(stripped);
  }
  // Ours may stand there twice, once for each side (RFC 5658), or more often after a spiral.
  while (first < route.size() && ours(route[first].uri)) ++first;
  if (first > 0) r.route_changed = true;
  for (; first < route.size(); ++first) r.route.push_back(unfold(route[first].text));
  r.in_dialog = marked && !request.to_tag().empty();
  return r;
}

std::string as_request_uri(const Uri& uri) {
  if (!uri.is_sip() || (uri.headers.empty() && !uri.params.has("method")))
    return std::string(uri.text);
  return without(uri, false, true, [](const Param& p) { return iequals(p.name, "method"); });
}

}  // namespace sipstack::server
