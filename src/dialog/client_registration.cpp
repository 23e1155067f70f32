// SPDX-License-Identifier: Apache-2.0
// Registering: the REGISTER requests of one binding, one after the other. RFC 3261 section 10.2; RFC 5626
// sections 4.2 to 4.5.
#include "dialog/client_registration.hpp"

#include <algorithm>

#include "dialog/context.hpp"
#include "dialog/refresh.hpp"

namespace sipstack {
namespace {

using std::chrono::seconds;

constexpr std::uint8_t kMaxRedirects = 5;
/// RFC 5626 section 4.5: the base of the pauses while no flow of a set stands, and while one does. Seconds.
constexpr std::uint64_t kAllFailed = 30, kOneStands = 90;
/// Where the registrar asks for nothing: sections 4.4.1 and 4.4.2.
constexpr seconds kStreamKeepAlive{120}, kDatagramKeepAlive{29};

/// The registrar's URI may have no user part (section 10.2).
std::string without_user(std::string_view text) {
  const auto uri = Uri::parse(text);
  if (!uri || !uri->is_sip() || !uri->has_user) return std::string(text);
  std::string out(uri->scheme_name);
  return out.append(":").append(uri->host.data(), text.data() + text.size());
}

std::string registrar_of(std::string_view aor) {
  const std::string addr = name_addr(aor);
  const auto open = addr.find('<');
  const auto uri =
      Uri::parse(std::string_view(addr).substr(open + 1, addr.find('>', open) - open - 1));
  if (!uri || !uri->is_sip()) return {};
  std::string out(uri->scheme_name);
  out.append(":").append(uri->host);
  if (uri->port) out.append(":").append(std::to_string(*uri->port));
  return out;
}

/// Between quotes and brackets of +sip.instance.
bool is_urn(std::string_view text) noexcept {
  return text.size() > 4 && iequals(text.substr(0, 4), "urn:") &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return c > ' ' && c < '\x7f' && c != '"' && c != '<' && c != '>';
         });
}

/// Nobody is there, or who is cannot serve: another one may.
bool unreachable(const Message& response) noexcept {
  if (!response) return true;
  const int status = response->status();
  return status == 408 || (status >= 502 && status <= 504);
}

}  // namespace

std::error_code ClientRegistration::start(RegistrationId id, const RegistrationOptions& options,
                                          FlowSetId set, TimePoint now) {
  id_ = id;
  timer_.belongs_to(id);
  if (!options.instance.empty() && (!is_urn(options.instance) || options.contacts.size() > 1))
    return Errc::write_failed;
  if (options.instance.empty() && (options.reg_id != 0 || options.gruu)) return Errc::wrong_state;
  digest_ = DigestClient(options.credentials);
  registrar_ =
      options.registrar.empty() ? registrar_of(options.aor) : without_user(options.registrar);
  RequestOptions request;
  request.target = registrar_;
  request.from = request.to = options.aor;
  request.route = options.route;
  head_ = RequestHead::of(request, ua_.random(), ua_.options.shard);
  if (!head_.reaches(registrar_)) return Errc::unresolved;
  if (!options.alternatives.empty()) {
    targets_.push_back({registrar_, head_.routes});
    for (const RegistrarTarget& other : options.alternatives) {
      targets_.push_back(
          {other.registrar.empty() ? registrar_ : without_user(other.registrar), {}});
      for (const auto& route : other.route) targets_.back().route.push_back(loose_route(route));
    }
  }
  expires_ = options.expires;
  options_.contacts = options.contacts;
  options_.headers = options.headers;
  options_.instance = options.instance;
  options_.reg_id = options.reg_id;
  options_.refresh = options.refresh && !options.remove_all;
  options_.fetch = options.fetch;
  options_.remove_all = options.remove_all;
  options_.gruu = options.gruu;
  options_.bulk = options.bulk;
  if (const auto error = send(std::nullopt, now)) return error;
  set_ = set;
  if (FlowSet* const flows = ua_.flow_sets.find(set_)) ++flows->members;
  return {};
}

std::error_code ClientRegistration::remove(TimePoint now) {
  if (over_) return Errc::gone;
  if (removing_) return {};
  removing_ = true;
  ua_.disarm(timer_);
  if (pending_) return {};  // its outcome starts the removal
  if (!bound_) {
    end(RegistrationChanged::State::removed, {}, {});
    return {};
  }
  if (const auto error = send(std::nullopt, now))
    end(RegistrationChanged::State::removed, {}, error);
  return {};
}

// ---- responses and failures

void ClientRegistration::receive(const ResponseArrived& event, TimePoint now) {
  const MessageView response = event.response.view();
  const int status = response.status();
  if (event.txn != txn_ || over_ || status < 200) return;
  pending_ = false;
  if (status < 300) return registered(event, now);

  if (status == 401 || status == 407) {
    if (!digest_.challenged(response)) return failed(event.response, Errc::challenged_again, now);
    return again(challenger(ua_.layer, event), now);
  }
  if (status < 400 && redirected(response)) return again(std::nullopt, now);
  if (status == 423 && !removing_ && too_brief_ < kMaxTooBrief) {
    const auto least = response.get(hdr::min_expires);
    if (least && least->number > expires_) {
      ++too_brief_;
      expires_ = least->number;
      return again(challenger(ua_.layer, event), now);
    }
  }
  if (status == 439 && asks_outbound()) {  // RFC 5626 section 4.2.1
    without_outbound_ = true;
    return again(challenger(ua_.layer, event), now);
  }
  failed(event.response, {}, now);
}

void ClientRegistration::receive(const TxnFailed& event, TimePoint now) {
  if (event.txn != txn_ || over_) return;
  pending_ = false;
  failed({}, event.error, now);
}

void ClientRegistration::again(std::optional<Flow> flow, TimePoint now) {
  if (const auto error = send(std::move(flow), now)) failed({}, error, now);
}

void ClientRegistration::registered(const ResponseArrived& event, TimePoint now) {
  const MessageView response = event.response.view();
  digest_.succeeded(response);
  too_brief_ = 0;
  redirects_ = 0;
  tried_ = 0;
  if (removing_) {
    // The answer to the REGISTER before remove(): what it bound is removed now.
    if (bound_ && !removal_sent_) {
      if (const auto error = send(std::nullopt, now))
        end(RegistrationChanged::State::removed, {}, error);
      return;
    }
    return end(RegistrationChanged::State::removed, event.response, {});
  }
  if (options_.remove_all) return end(RegistrationChanged::State::removed, event.response, {});
  if (options_.fetch || !options_.refresh)
    return end(RegistrationChanged::State::registered, event.response, {});
  Granted grant = granted(response, event.flow);
  if (grant.seconds == 0 || !take_service_route(response))
    return failed(event.response, Errc::bad_response, now);
  pub_gruu_ = std::move(grant.pub_gruu);
  temp_gruu_ = std::move(grant.temp_gruu);
  outbound_ = asks_outbound() && response.lists(hdr::require, "outbound");
  keep_flow(response, event.flow, now);
  // A flow has to prove itself: one that dies at once is a failure, see flow_closed().
  if (!outbound_ || by_flow_) failures_ = 0;
  stand(true);
  lapses_ = now + seconds(grant.seconds);
  ua_.arm(timer_, now + refresh_after(grant.seconds, ua_.timings().timeout()));
  ua_.tell(RegistrationChanged{id_, RegistrationChanged::State::registered, event.response, {}});
}

void ClientRegistration::failed(Message response, std::error_code error, TimePoint now) {
  too_brief_ = 0;
  redirects_ = 0;
  if (by_flow_ && (!response || response->status() == 430)) {
    // The flow and not the registrar failed: a new one is formed at once (RFC 5626 section 4.5).
    drop_flow();
    if (!send(std::nullopt, now)) return;
  }
  if (unreachable(response) && next_target() && !send(std::nullopt, now)) return;
  if (removing_) {
    if (bound_ && !removal_sent_ && !send(std::nullopt, now)) return;
    return end(RegistrationChanged::State::removed, std::move(response), error);
  }
  if (!options_.refresh || options_.fetch)
    return end(RegistrationChanged::State::failed, std::move(response), error);
  if (redirected_) use_target(target_);
  // A refusal of credentials starts afresh next time.
  digest_.forget();
  const bool refused = response && !unreachable(response);
  const bool lapses = pause(response, now);
  // Until then the binding is there, and what came with it holds, unless we are told otherwise (RFC 3608
  // section 6.1) or its flow is gone.
  if (refused || lapses || (outbound_ && !flow_)) {
    stand(false);
    service_route_.clear();
  }
  ua_.tell(
      RegistrationChanged{id_, RegistrationChanged::State::failed, std::move(response), error});
}

/// True where the bindings expire meanwhile.
bool ClientRegistration::pause(const Message& response, TimePoint now) {
  const FlowSet* const flows = ua_.flow_sets.find(set_);
  const bool others = flows != nullptr && flows->standing > (stands_ ? 1U : 0U);
  const Duration wait =
      pause_after(++failures_, response, ua_.random(), others ? kOneStands : kAllFailed);
  ua_.arm(timer_, now + wait);
  if (now + wait < lapses_) return false;
  // RFC 5627 section 4.4: what came with a registration that has lapsed is used no more.
  pub_gruu_.clear();
  temp_gruu_.clear();
  return true;
}

void ClientRegistration::expire(TimePoint now) {
  if (!over_ && !pending_) again(std::nullopt, now);
}

void ClientRegistration::end(RegistrationChanged::State state, Message response,
                             std::error_code error) {
  over_ = true;
  stand(false);
  drop_flow();
  if (FlowSet* const flows = ua_.flow_sets.find(set_); flows != nullptr && --flows->members == 0)
    ua_.flow_sets.erase(set_);
  ua_.disarm(timer_);
  ua_.over(id_);
  ua_.tell(RegistrationChanged{id_, state, std::move(response), error});
}

void ClientRegistration::stand(bool stands) {
  if (std::exchange(stands_, stands) == stands) return;
  FlowSet* const flows = ua_.flow_sets.find(set_);
  if (flows == nullptr) return;
  if (stands)
    ++flows->standing;
  else
    --flows->standing;
}

// ---- where it is registered

void ClientRegistration::use_target(std::size_t index) {
  redirected_ = false;
  without_outbound_ = false;
  digest_.forget();
  drop_flow();
  target_ = static_cast<std::uint16_t>(index);
  registrar_ = targets_[index].registrar;
  head_.routes = targets_[index].route;
}

/// False where every target has failed since one was good; then, too, the next one's turn has come.
bool ClientRegistration::next_target() {
  if (targets_.size() < 2) return false;
  use_target((target_ + 1U) % targets_.size());
  if (++tried_ < targets_.size()) return true;
  tried_ = 0;
  return false;
}

/// RFC 3261 section 8.1.3.4. Not for good: with the next failure it is where it was before.
bool ClientRegistration::redirected(const MessageView& response) {
  if (response.status() == 305 || response.status() == 380 || redirects_ >= kMaxRedirects)
    return false;
  for (const auto& contact : response.all(hdr::contact)) {
    if (!contact) break;
    if (contact->wildcard || !contact->uri.is_sip() || contact->uri.text == registrar_) continue;
    if (targets_.empty()) targets_.push_back({registrar_, head_.routes});
    if (Uri::parse(registrar_)->scheme == UriScheme::sips && contact->uri.scheme != UriScheme::sips)
      continue;
    ++redirects_;
    redirected_ = true;
    registrar_ = contact->uri.text;
    drop_flow();
    return true;
  }
  return false;
}

// ---- the flow (RFC 5626)

void ClientRegistration::keep_flow(const MessageView& response, const Flow& flow, TimePoint now) {
  // A WebSocket's client is reached by its connection and in no other way (RFC 7118 section 5.2).
  const bool web = flow.transport == Transport::ws || flow.transport == Transport::wss;
  Duration interval{};
  if (outbound_ || web) {
    interval = reliable(flow.transport) ? kStreamKeepAlive : kDatagramKeepAlive;
    const auto timer = response.get(hdr::flow_timer);
    if (outbound_ && timer && timer->number > 0)
      interval = seconds(std::min(timer->number, 86400U));
  }
  const bool same = flow_ && same_flow(*flow_, flow);
  if (same && interval == keep_alive_) return;
  drop_flow();
  if (!same) flow_since_ = now;
  flow_ = flow;
  keep_alive_ = interval;
  if (interval != Duration::zero() && ua_.registered_flows.add(flow, interval))
    ua_.tell(KeepFlowAlive{flow, interval});
}

void ClientRegistration::drop_flow() {
  if (flow_ && keep_alive_ != Duration::zero() && ua_.registered_flows.remove(*flow_))
    ua_.tell(KeepFlowAlive{*flow_, Duration::zero()});
  flow_.reset();
  keep_alive_ = {};
}

void ClientRegistration::flow_closed(const Flow& flow, TimePoint now) {
  if (over_ || !flow_ || keep_alive_ == Duration::zero() || !same_flow(*flow_, flow)) return;
  const bool proven = now - flow_since_ >= keep_alive_;
  drop_flow();
  // What is on its way finds out by itself.
  if (pending_ || removing_) return;
  stand(false);
  ua_.tell(
      RegistrationChanged{id_, RegistrationChanged::State::failed, {}, Errc::transport_failed});
  if (!proven) {
    pause({}, now);
    return;
  }
  failures_ = 0;
  again(std::nullopt, now);
}

}  // namespace sipstack
