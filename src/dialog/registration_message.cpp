// SPDX-License-Identifier: Apache-2.0
// The REGISTER that we send, and its 2xx as far as it is about us. RFC 3261 sections 10.2 and 10.2.4;
// RFC 3327 section 5.1, 3608 section 6.1, 5626 section 4.2, 5627 sections 4.1 and 4.2, 6140 section 5.1.
#include <algorithm>

#include "dialog/client_registration.hpp"
#include "dialog/context.hpp"

namespace sipstack {
namespace {

/// As many as a request may pass, nearly.
constexpr std::size_t kMaxServiceRoutes = 64;

/// The URI in a quoted parameter.
std::string gruu(const NameAddr& contact, std::string_view name) {
  const auto value = contact.params.find(name);
  if (!value) return {};
  std::string text = unquote(*value);
  const auto uri = Uri::parse(text);
  return uri && uri->is_sip() ? text : std::string();
}

}  // namespace

std::error_code ClientRegistration::send(std::optional<Flow> flow, TimePoint now) {
  NextHop hop;
  RequestWriter out = head_.write(ua_.pool(), "REGISTER", registrar_, ++cseq_, hop);
  write_extensions(out);
  if (!options_.fetch) {
    write_contacts(out);
    out.header(HeaderId::expires, removing_ || options_.remove_all ? 0 : expires_);
  }
  digest_.authorize(out, "REGISTER", std::string(out.uri()), {}, ua_.random());
  ua_.write_product(out, HeaderId::user_agent);
  write_extra(out, options_.headers);
  if (out.error() != WriteErrc::ok) return Errc::write_failed;
  const UsageRef user{UsageKind::registration, id_.slot, id_.generation, 0};
  // RFC 5626 section 4.2.2: a refresh goes by the flow of what it refreshes.
  const bool by_flow = outbound_ && flow_;
  hop = by_flow ? NextHop::by(*flow_) : retry_hop(std::move(hop), flow);
  const auto txn = ua_.layer.send(std::move(out), std::move(hop), user, now);
  if (!txn) return txn.error();
  txn_ = *txn;
  by_flow_ = by_flow;
  pending_ = true;
  if (removing_) removal_sent_ = true;
  if (!removing_ && !options_.fetch && !options_.remove_all) bound_ = true;
  return {};
}

void ClientRegistration::write_contacts(RequestWriter& out) const {
  if (options_.remove_all) return out.header(HeaderId::contact, "*");
  std::string params;
  if (!options_.instance.empty())
    params.append(";+sip.instance=\"<").append(options_.instance).append(">\"");
  if (asks_outbound()) params.append(";reg-id=").append(std::to_string(options_.reg_id));
  params.append(";expires=").append(std::to_string(removing_ ? 0 : expires_));
  if (options_.contacts.empty()) {
    const std::string_view user = options_.bulk ? std::string_view() : ua_.options.contact_user;
    std::string uri_params(options_.bulk ? ";bnc" : "");
    if (asks_outbound()) uri_params += ";ob";
    return out.contact_here(user, uri_params, params, false);
  }
  for (const auto& contact : options_.contacts)
    out.header(HeaderId::contact, name_addr(contact) + params);
}

void ClientRegistration::write_extensions(RequestWriter& out) const {
  std::string supported = "path";
  if (asks_outbound()) supported += ", outbound";
  if (options_.gruu) supported += ", gruu";
  out.header(HeaderId::supported, supported);
  if (options_.bulk) {
    out.header(HeaderId::require, "gin");
    out.header(HeaderId::proxy_require, "gin");
  }
}

bool ClientRegistration::ours(const NameAddr& contact, const Flow& flow) const {
  const auto& uri = contact.uri;
  if (!options_.instance.empty()) {
    if (const auto instance = contact.params.find("+sip.instance")) {
      if (!iequals(unquote(*instance), "<" + options_.instance + ">")) return false;
      const auto reg_id = contact.params.find("reg-id");
      return !reg_id || options_.reg_id == 0 || *reg_id == std::to_string(options_.reg_id);
    }
  }
  const auto matches = [&uri](std::string_view text) {
    if (const auto open = text.find('<'); open != std::string_view::npos)
      text = text.substr(open + 1, text.find('>', open) - open - 1);
    const auto mine = Uri::parse(text);
    if (!mine) return false;
    if (equal(*mine, uri)) return true;
    // Registrars are seen to add or drop parameters of what they give back.
    return mine->user == uri.user && iequals(mine->host, uri.host) && mine->port == uri.port;
  };
  if (!options_.contacts.empty())
    return std::any_of(options_.contacts.begin(), options_.contacts.end(), matches);
  std::string here("sip:");
  if (!options_.bulk) here.append(ua_.options.contact_user).append("@");
  return matches(here + ua_.layer.locals().sent_by(flow));
}

// Section 10.2.4: the expires parameter of our own Contact, else Expires, else what we asked for. Of
// several contacts of ours the first to expire counts.
ClientRegistration::Granted ClientRegistration::granted(const MessageView& response,
                                                        const Flow& flow) const {
  Granted out;
  std::optional<std::uint32_t> least;
  for (const auto& contact : response.all(hdr::contact)) {
    if (!contact) break;
    if (contact->wildcard || !ours(*contact, flow)) continue;
    if (const auto seconds_left = contact->expires())
      least = std::min(least.value_or(UINT32_MAX), *seconds_left);
    if (!options_.gruu) continue;
    out.pub_gruu = gruu(*contact, "pub-gruu");
    out.temp_gruu = gruu(*contact, "temp-gruu");
  }
  const auto whole = response.get(hdr::expires);
  out.seconds = least ? *least : whole ? whole->number : expires_;
  return out;
}

bool ClientRegistration::take_service_route(const MessageView& response) {
  service_route_.clear();
  if (!response.has(HeaderId::service_route)) return true;
  for (const auto& route : response.all(hdr::service_route)) {
    if (!route || !route->uri.is_sip() || service_route_.size() >= kMaxServiceRoutes) {
      service_route_.clear();
      return false;
    }
    service_route_.push_back(unfold(route->text));
  }
  return true;
}

// ---- what others get of it

std::optional<Registered> ClientRegistration::registered() const {
  if (!stands_ || !flow_) return std::nullopt;
  Registered out;
  out.flow = *flow_;
  out.service_route = service_route_;
  out.pub_gruu = pub_gruu_;
  out.temp_gruu = temp_gruu_;
  out.outbound = outbound_;
  if (!pub_gruu_.empty()) {
    out.contact = "<" + pub_gruu_ + ">";
  } else if (!options_.contacts.empty()) {
    out.contact = name_addr(options_.contacts.front());
  } else {
    out.contact = "<sip:" + ua_.options.contact_user + "@" + ua_.layer.locals().sent_by(*flow_);
    const bool web = flow_->transport == Transport::wss;  // RFC 7118 section 5.2.4: ws for both
    if (flow_->transport != Transport::udp)
      out.contact.append(";transport=").append(uri_name(web ? Transport::ws : flow_->transport));
    out.contact.append(outbound_ ? ";ob>" : ">");
  }
  return out;
}

std::optional<Flow> UserAgentContext::go_by_registration(RequestOptions& request, bool dialog) {
  const ClientRegistration* const binding = registrations.find(request.registration);
  const auto registered = binding == nullptr ? std::nullopt : binding->registered();
  if (!registered) return std::nullopt;
  const bool own_route = !request.route.empty();
  if (!own_route) request.route = binding->route();
  // One that is named twice, as outbound proxy and by the registrar, is passed once.
  const auto& more = registered->service_route;
  if (!more.empty() && !request.route.empty() &&
      loose_route(request.route.back()) == loose_route(more.front()))
    request.route.pop_back();
  request.route.insert(request.route.end(), more.begin(), more.end());
  const auto target = Uri::parse(request.target);
  const bool sips = target && target->scheme == UriScheme::sips;
  if (dialog && !names(request.headers, HeaderId::contact) &&
      (!sips || iequals(std::string_view(registered->contact).substr(0, 6), "<sips:")))
    request.headers.emplace_back("Contact", registered->contact);
  if (dialog && registered->outbound) request.headers.emplace_back("Supported", "outbound");
  if (dialog && !registered->pub_gruu.empty()) request.headers.emplace_back("Supported", "gruu");
  if (own_route || !registered->outbound) return std::nullopt;
  // Section 4.3: over the flow that is there; where it is gone, a new one to the same proxy.
  Flow flow = registered->flow;
  flow.connection = 0;
  return flow;
}

}  // namespace sipstack
