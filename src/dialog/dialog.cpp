// SPDX-License-Identifier: Apache-2.0
// Dialog state: made by 12.1, used by 12.2.1.1, kept current by 12.2.1.2 and 12.2.2 of RFC 3261.
#include "sipstack/dialog/dialog.hpp"

#include <algorithm>

#include "dialog/compose.hpp"

namespace sipstack {
namespace {

constexpr std::size_t kMaxRoutes = 64;          // one for each legal hop, nearly
constexpr std::uint32_t kMaxCSeq = 0x7fffffff;  // RFC 3261 section 8.1.1.5

std::string without_tag(const NameAddr& value) {
  std::string out(value.display);
  if (!out.empty()) out += ' ';
  out.append("<").append(value.uri.text).append(">");
  return out;
}

/// A URI as a Request-URI may have it: no headers, no method parameter (section 19.1.1, table 1).
std::string as_request_uri(std::string_view text) {
  const auto uri = Uri::parse(text);
  if (!uri || !uri->is_sip()) return std::string(text);
  if (uri->headers.empty() && !uri->params.has("method")) return std::string(text);
  // Views into `text`: what stands before the parameters, or before the headers, is kept as it is.
  const char* end = text.data() + text.size();
  if (!uri->headers.empty()) end = uri->headers.data() - 1;
  if (!uri->params.empty()) end = uri->params.text().data();
  std::string out(text.data(), end);
  for (const Param& p : uri->params) {
    if (iequals(p.name, "method")) continue;
    out.append(";").append(p.name);
    if (p.has_value) out.append("=").append(p.value);
  }
  return out;
}

std::string uri_of(std::string_view route) {
  const auto open = route.find('<');
  const auto close = route.find('>', open == std::string_view::npos ? 0 : open);
  if (open == std::string_view::npos || close == std::string_view::npos) return std::string(route);
  return std::string(route.substr(open + 1, close - open - 1));
}

/// Values of Record-Route as they stand, first to last. Split without the grammar of URIs: a proxy's own
/// parameters are its own business, and what it wrote goes back to it.
std::vector<std::string> recorded_routes(const MessageView& message) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < message.header_count(); ++i) {
    const HeaderView line = message.header(i);
    if (line.id != HeaderId::record_route) continue;
    const std::string text = unfold(line.value);
    std::string value;
    bool quoted = false;
    bool bracketed = false;
    const auto add = [&] {
      const auto begin = value.find_first_not_of(" \t");
      if (begin != std::string::npos)
        out.push_back(value.substr(begin, value.find_last_not_of(" \t") - begin + 1));
      value.clear();
    };
    for (std::size_t at = 0; at < text.size(); ++at) {
      const char c = text[at];
      if (c == ',' && !quoted && !bracketed) {
        add();
        continue;
      }
      value += c;
      if (quoted && c == '\\' && at + 1 < text.size())
        value += text[++at];
      else if (c == '"')
        quoted = !quoted;
      else if (!quoted && (c == '<' || c == '>'))
        bracketed = c == '<';
    }
    add();
  }
  return out;
}

}  // namespace

Routing Routing::by(std::string_view target, const std::vector<std::string>& route_set) {
  Routing out;
  out.request_uri = as_request_uri(target);
  if (route_set.empty()) {
    out.hop = NextHop::to(out.request_uri);
    return out;
  }
  const std::string first = uri_of(route_set.front());
  out.hop = NextHop::to(first);
  const auto uri = Uri::parse(first);
  if (!uri || uri->lr()) {
    out.routes = route_set;
    return out;
  }
  // A strict router: it is addressed itself, and the target is the last of the route.
  out.routes.assign(route_set.begin() + 1, route_set.end());
  out.routes.push_back("<" + out.request_uri + ">");
  out.request_uri = as_request_uri(first);
  return out;
}

void Dialog::remember(const Texts& texts) {
  std::size_t size = 0;
  for (const std::string_view text : texts) size += text.size();
  texts_.reserve(size);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    texts_ += texts[i];
    ends_[i] = static_cast<std::uint32_t>(texts_.size());
  }
}

expected<Dialog, ParseError> Dialog::uas(const MessageView& request, const Flow& flow,
                                         std::string_view local_tag) {
  Dialog d;
  const auto to = request.get(hdr::to);
  if (!to) return unexpected(to.error());
  const auto from = request.get(hdr::from);
  if (!from) return unexpected(from.error());
  d.remember(
      {request.call_id(), local_tag, request.from_tag(), without_tag(*to), without_tag(*from)});
  const auto contact = request.get(hdr::contact);
  if (!contact) return unexpected(contact.error());
  if (contact->wildcard || !contact->uri.is_sip())
    return unexpected(ParseError{ParseErrc::bad_header, HeaderId::contact, 0});
  d.remote_target_ = contact->uri.text;
  d.route_set_ = recorded_routes(request);
  if (d.route_set_.size() > kMaxRoutes)
    return unexpected(ParseError{ParseErrc::too_many, HeaderId::record_route, 0});
  d.remote_cseq_ = request.cseq().number;
  const bool sips = request.request_uri().scheme == UriScheme::sips;
  d.secure_ = sipstack::secure(flow.transport) && sips;
  d.sips_ = sips || is_sips(d.route_set_.empty() ? d.remote_target_ : uri_of(d.route_set_.front()));
  d.stick_to(request, flow);
  return d;
}

Dialog Dialog::uac(const MessageView& response, const Flow& flow, std::string_view target) {
  Dialog d;
  d.caller_ = true;
  const auto from = response.get(hdr::from);
  const auto to = response.get(hdr::to);
  d.remember({response.call_id(), response.from_tag(), response.to_tag(),
              from ? without_tag(*from) : std::string(), to ? without_tag(*to) : std::string()});
  d.remote_target_ = target;
  d.route_set_ = recorded_routes(response);
  if (d.route_set_.size() > kMaxRoutes) d.route_set_.resize(kMaxRoutes);
  std::reverse(d.route_set_.begin(), d.route_set_.end());
  d.local_cseq_ = response.cseq().number;
  d.sips_ = is_sips(target);
  d.secure_ = sipstack::secure(flow.transport) && d.sips_;
  d.refresh_target(response, flow);
  return d;
}

std::optional<std::uint32_t> Dialog::next_cseq() noexcept {
  if (local_cseq_ >= kMaxCSeq) return std::nullopt;
  return ++local_cseq_;
}

bool Dialog::in_order(const MessageView& request) noexcept {
  const std::uint32_t number = request.cseq().number;
  if (remote_cseq_ && number < *remote_cseq_) return false;
  remote_cseq_ = number;
  return true;
}

void Dialog::continue_from(const Dialog& early) noexcept {
  local_cseq_ = std::max(local_cseq_, early.local_cseq_);
  if (!remote_cseq_) remote_cseq_ = early.remote_cseq_;
}

void Dialog::refresh_target(const MessageView& message, const Flow& flow) {
  if (const auto contact = message.get(hdr::contact)) {
    const Uri& uri = contact->uri;
    if (!contact->wildcard && uri.is_sip() && !uri.host.empty()) remote_target_ = uri.text;
  }
  stick_to(message, flow);
}

// Not in the RFC: over a stream, where no proxy asked to stay in the path, the connection that the peer
// used is where it can be reached; its Contact often can't (behind NAT, or host.invalid of RFC 7118).
// Taken only where the other end of the connection is the peer: a request that has one Via, or a
// response whose Contact names the address that we are connected to.
void Dialog::stick_to(const MessageView& message, const Flow& flow) {
  flow_ = nullptr;
  if (!reliable(flow.transport) || !route_set_.empty()) return;
  if (message.is_request()) {
    if (message.head().vias == 1) flow_ = std::make_shared<const Flow>(flow);
    return;
  }
  const auto uri = Uri::parse(remote_target_);
  if (!uri) return;
  const auto ip = IpAddress::parse(uri->host);
  if (!ip || *ip != flow.remote.ip) return;
  Flow again = flow;
  if (caller_) again.connection = 0;  // we opened it and can open it again
  flow_ = std::make_shared<const Flow>(again);
}

RequestWriter Dialog::request(BlockPool& pool, std::string_view method, std::uint32_t cseq) const {
  const Routing routing = Routing::by(remote_target_, route_set_);
  RequestWriter out(pool, method, routing.request_uri);
  for (const auto& route : routing.routes) out.header(HeaderId::route, route);
  out.header(HeaderId::max_forwards, 70);
  std::string text(local());
  if (!local_tag().empty()) text.append(";tag=").append(local_tag());
  out.header(HeaderId::from, text);
  text = remote();
  if (!remote_tag().empty()) text.append(";tag=").append(remote_tag());  // RFC 2543 peers have none
  out.header(HeaderId::to, text);
  out.header(HeaderId::call_id, call_id());
  text = std::to_string(cseq);
  text.append(" ").append(method);
  out.header(HeaderId::cseq, text);
  return out;
}

NextHop Dialog::next_hop() const {
  if (flow_ && route_set_.empty()) return NextHop::by(*flow_);
  return Routing::by(remote_target_, route_set_).hop;
}

}  // namespace sipstack
