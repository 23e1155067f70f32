// SPDX-License-Identifier: Apache-2.0
// Route preprocessing. RFC 3261 sections 16.4 and 16.6 item 4.
#include "server/routing.hpp"

#include "server/flow_token.hpp"

namespace sipstack::server {
namespace {

constexpr std::size_t kMarkSize = 16;
constexpr char kBetween = '.';  // no digit of a flow token

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

std::string hex_mark(const HashKey& key, std::string_view text) {
  std::uint64_t hash = keyed_hash(key, text);
  std::string mark(kMarkSize, '0');
  for (std::size_t i = kMarkSize; i-- > 0; hash >>= 4) mark[i] = "0123456789abcdef"[hash & 15];
  return mark;
}

std::uint64_t eight_bytes(const std::array<std::uint8_t, 16>& key, std::size_t at) noexcept {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < 8; ++i) value = value << 8 | key[at + i];
  return value;
}

}  // namespace

std::string DialogMark::of(std::string_view call_id, std::string_view tag,
                           std::string_view flows) const {
  std::string text(call_id);
  text.append("\n").append(tag).append("\n").append(flows);
  return hex_mark(key_, text);
}

PathToken::PathToken(Random& random,
                     const std::optional<std::array<std::uint8_t, 16>>& key) noexcept
    : key_(key ? HashKey{eight_bytes(*key, 0), eight_bytes(*key, 8)}
               : HashKey{random.next(), random.next()}) {}

std::string PathToken::of(std::string_view token) const {
  return hex_mark(key_, std::string("path\n").append(token));
}

std::string PathToken::make(const Flow& flow) const {
  const std::string token = flow_token(flow);
  return of(token) + kBetween + token;
}

std::optional<Flow> PathToken::read(std::string_view user) const {
  if (user.size() <= kMarkSize || user[kMarkSize] != kBetween) return std::nullopt;
  const std::string_view token = user.substr(kMarkSize + 1);
  if (of(token) != user.substr(0, kMarkSize)) return std::nullopt;
  return flow_from_token(token);
}

std::string DialogMark::make(const MessageView& request, const Flow* back,
                             const Flow* onward) const {
  std::string flows;
  if (back != nullptr || onward != nullptr) {
    flows += kBetween;
    if (back != nullptr) flows += flow_token(*back);
    flows += kBetween;
    if (onward != nullptr) flows += flow_token(*onward);
  }
  return of(request.call_id(), request.from_tag(), flows) + flows;
}

DialogMark::Seen DialogMark::seen(const MessageView& request, std::string_view user) const {
  if (user.size() < kMarkSize) return {};
  const std::string_view mark = user.substr(0, kMarkSize);
  const std::string_view flows = user.substr(kMarkSize);
  // The caller's requests have its tag in From, the callee's in To.
  const bool by_caller = mark == of(request.call_id(), request.from_tag(), flows);
  if (!by_caller &&
      (request.to_tag().empty() || mark != of(request.call_id(), request.to_tag(), flows)))
    return {};
  const auto between = flows.find(kBetween, 1);
  if (between == std::string_view::npos) return {true, {}};
  return {true,
          flow_from_token(by_caller ? flows.substr(between + 1) : flows.substr(1, between - 1))};
}

std::optional<Routing> preprocess(const MessageView& request, const Flow& flow,
                                  const DialogMark& mark, const PathToken* paths,
                                  const Registrar& registrar) {
  Routing r;
  r.uri = request.uri_text();
  std::vector<NameAddr> route;
  for (const auto& value : request.all(hdr::route)) {
    if (!value) return std::nullopt;
    route.push_back(*value);
  }
  std::size_t first = 0;
  bool marked = false;
  const auto is_marked = [&](const Uri& uri) {
    if (!uri.is_sip()) return false;
    if (auto to_phone = paths != nullptr ? paths->read(uri.user) : std::nullopt) {
      // From the phone itself it is an outbound proxy's Route like any other (RFC 5626 section 5.3.1).
      r.by_path = *to_phone != flow;
      if (r.by_path) r.flow = std::move(to_phone);
      return true;
    }
    const DialogMark::Seen seen = mark.seen(request, uri.user);
    if (!seen.made_for_it) return false;
    if (seen.onward) r.flow = seen.onward;
    return marked = true;
  };
  const auto ours = [&](const Uri& uri) { return is_marked(uri) || registrar.serves(uri); };

  // A strict router before us put our Record-Route into the Request-URI, and what had been there behind
  // the Route.
  const Uri uri = request.request_uri();
  if (!route.empty() && is_marked(uri)) {
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
  if (!r.by_path && (!r.in_dialog || !r.route.empty())) r.flow.reset();
  return r;
}

std::string as_request_uri(const Uri& uri) {
  if (!uri.is_sip() || (uri.headers.empty() && !uri.params.has("method")))
    return std::string(uri.text);
  return without(uri, false, true, [](const Param& p) { return iequals(p.name, "method"); });
}

}  // namespace sipstack::server
