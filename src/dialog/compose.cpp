// SPDX-License-Identifier: Apache-2.0
// Header lines of requests outside dialogs. RFC 3261 sections 8.1.1, 8.1.2 and 19.1.1.
#include "dialog/compose.hpp"

#include <algorithm>

namespace sipstack {

void write_extra(MessageWriter& out, const ExtraHeaders& headers) {
  for (const auto& [field, value] : headers) out.header(field, value);
}

bool names(const ExtraHeaders& headers, HeaderId id) noexcept {
  return std::any_of(headers.begin(), headers.end(),
                     [id](const auto& h) { return header_id(h.first) == id; });
}

std::string name_addr(std::string_view text) {
  if (text.find('<') != std::string_view::npos) return std::string(text);
  return std::string("<").append(text).append(">");
}

std::string to_of_target(std::string_view target) {
  const auto uri = Uri::parse(target);
  if (!uri || !uri->is_sip()) return name_addr(target);
  // Views into `target`: scheme, userinfo and host as they stand.
  std::string out("<");
  out.append(target.data(), uri->host.data() + uri->host.size());
  for (const Param& p : uri->params) {
    static constexpr std::string_view kPath[] = {"transport", "maddr", "ttl", "lr", "method"};
    if (std::any_of(std::begin(kPath), std::end(kPath),
                    [&](std::string_view name) { return iequals(p.name, name); }))
      continue;
    out.append(";").append(p.name);
    if (p.has_value) out.append("=").append(p.value);
  }
  return out.append(">");
}

bool is_sips(std::string_view text) {
  const auto uri = Uri::parse(text);
  return uri && uri->scheme == UriScheme::sips;
}

std::string loose_route(std::string_view text) {
  const auto open = text.find('<');
  const auto close = text.rfind('>');
  std::string_view params;
  if (open != std::string_view::npos && close != std::string_view::npos && close > open) {
    params = text.substr(close + 1);
    text = text.substr(open + 1, close - open - 1);
  }
  std::string out("<");
  out.append(text);
  if (const auto uri = Uri::parse(text); uri && !uri->lr()) out.append(";lr");
  return out.append(">").append(params);
}

NextHop retry_hop(NextHop hop, const std::optional<Flow>& flow) {
  if (!flow || hop.flow) return hop;
  const auto uri = Uri::parse(hop.uri);
  if (uri && IpAddress::parse(uri->host)) return hop;
  return NextHop::by(*flow);
}

std::optional<Flow> challenger(const TransactionLayer& layer, const ResponseArrived& event) {
  // Over a stream the transaction is gone with its final response; the connection is what counts.
  return reliable(event.flow.transport) ? event.flow : layer.flow(event.txn);
}

RequestHead RequestHead::of(const RequestOptions& options, Random& random, const Shard& shard) {
  RequestHead head;
  head.max_forwards = options.max_forwards;
  head.tag = random.token(8);
  head.from = name_addr(options.from).append(";tag=").append(head.tag);
  head.to = options.to.empty() ? to_of_target(options.target) : name_addr(options.to);
  do {
    head.call_id = random.token(16);
  } while (!shard.owns(head.call_id));
  for (const auto& route : options.route) head.routes.push_back(loose_route(route));
  return head;
}

RequestWriter RequestHead::write(BlockPool& pool, std::string_view method, std::string_view target,
                                 std::uint32_t cseq, NextHop& hop) const {
  const Routing routing = Routing::by(target, routes);
  hop = routing.hop;
  RequestWriter out(pool, method, routing.request_uri);
  for (const auto& route : routing.routes) out.header(HeaderId::route, route);
  out.header(HeaderId::max_forwards, max_forwards);
  out.header(HeaderId::from, from);
  out.header(HeaderId::to, to);
  out.header(HeaderId::call_id, call_id);
  out.header(HeaderId::cseq, std::to_string(cseq).append(" ").append(method));
  return out;
}

bool RequestHead::reaches(std::string_view target) const {
  const auto uri = Uri::parse(target);
  return uri && (uri->is_sip() || !routes.empty());
}

}  // namespace sipstack
