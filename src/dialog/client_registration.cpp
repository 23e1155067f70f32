// SPDX-License-Identifier: Apache-2.0
// Registering: the REGISTER requests of one binding, one after the other. RFC 3261 section 10.2.
#include "dialog/client_registration.hpp"

#include <algorithm>

#include "dialog/context.hpp"
#include "dialog/refresh.hpp"

namespace sipstack {
namespace {

using State = RegistrationChanged::State;

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

}  // namespace

std::error_code ClientRegistration::start(RegistrationId id, const RegistrationOptions& options,
                                          TimePoint now) {
  id_ = id;
  timer_.belongs_to(id);
  options_ = options;
  digest_ = DigestClient(options.credentials);
  registrar_ =
      options.registrar.empty() ? registrar_of(options.aor) : without_user(options.registrar);
  RequestOptions request;
  request.target = registrar_;
  request.from = request.to = options.aor;
  request.route = options.route;
  head_ = RequestHead::of(request, ua_.random(), ua_.options.shard);
  if (!head_.reaches(registrar_)) return Errc::unresolved;
  expires_ = options.expires;
  return send(std::nullopt, now);
}

std::error_code ClientRegistration::send(std::optional<Flow> flow, TimePoint now) {
  NextHop hop;
  RequestWriter out = head_.write(ua_.pool(), "REGISTER", registrar_, ++cseq_, hop);
  if (!options_.fetch) {
    const std::uint32_t seconds_asked = removing_ ? 0 : expires_;
    const std::string param = ";expires=" + std::to_string(seconds_asked);
    if (options_.contacts.empty())
      out.contact_here(ua_.options.contact_user, {}, param, false);
    else
      for (const auto& contact : options_.contacts)
        out.header(HeaderId::contact, name_addr(contact) + param);
    out.header(HeaderId::expires, seconds_asked);
  }
  digest_.authorize(out, "REGISTER", std::string(out.uri()), {}, ua_.random());
  ua_.write_product(out, HeaderId::user_agent);
  write_extra(out, options_.headers);
  if (out.error() != WriteErrc::ok) return Errc::write_failed;
  const UsageRef user{UsageKind::registration, id_.slot, id_.generation, 0};
  const auto txn = ua_.layer.send(std::move(out), retry_hop(std::move(hop), flow), user, now);
  if (!txn) return txn.error();
  txn_ = *txn;
  pending_ = true;
  if (removing_) removal_sent_ = true;
  if (!removing_ && !options_.fetch) bound_ = true;
  return {};
}

std::error_code ClientRegistration::remove(TimePoint now) {
  if (over_) return Errc::gone;
  if (removing_) return {};
  removing_ = true;
  ua_.disarm(timer_);
  if (pending_) return {};  // its outcome starts the removal
  if (!bound_) {
    end(State::removed, {}, {});
    return {};
  }
  if (const auto error = send(std::nullopt, now)) end(State::removed, {}, error);
  return {};
}

void ClientRegistration::receive(const ResponseArrived& event, TimePoint now) {
  const MessageView response = event.response.view();
  const int status = response.status();
  if (event.txn != txn_ || over_ || status < 200) return;
  pending_ = false;
  if (status < 300) return registered(event, now);

  if ((status == 401 || status == 407) && digest_.challenged(response)) {
    if (const auto error = send(challenger(ua_.layer, event), now)) failed({}, error, now);
    return;
  }
  if (status == 401 || status == 407) return failed(event.response, Errc::challenged_again, now);
  if (status == 423 && !removing_ && too_brief_ < kMaxTooBrief) {
    const auto least = response.get(hdr::min_expires);
    if (least && least->number > expires_) {
      ++too_brief_;
      expires_ = least->number;
      if (const auto error = send(challenger(ua_.layer, event), now)) failed({}, error, now);
      return;
    }
  }
  failed(event.response, {}, now);
}

void ClientRegistration::receive(const TxnFailed& event, TimePoint now) {
  if (event.txn != txn_ || over_) return;
  pending_ = false;
  failed({}, event.error, now);
}

void ClientRegistration::registered(const ResponseArrived& event, TimePoint now) {
  digest_.succeeded(event.response.view());
  failures_ = 0;
  too_brief_ = 0;
  if (removing_) {
    // The answer to the REGISTER before remove(): what it bound is removed now.
    if (bound_ && !removal_sent_) {
      if (const auto error = send(std::nullopt, now)) end(State::removed, {}, error);
      return;
    }
    return end(State::removed, event.response, {});
  }
  if (options_.fetch || !options_.refresh) return end(State::registered, event.response, {});
  const std::uint32_t seconds_granted = granted(event.response.view(), event.flow);
  if (seconds_granted == 0) return failed(event.response, Errc::bad_response, now);
  ua_.arm(timer_, now + refresh_after(seconds_granted, ua_.timings().timeout()));
  ua_.tell(RegistrationChanged{id_, State::registered, event.response, {}});
}

void ClientRegistration::failed(Message response, std::error_code error, TimePoint now) {
  too_brief_ = 0;
  if (removing_) {
    if (bound_ && !removal_sent_ && !send(std::nullopt, now)) return;
    return end(State::removed, std::move(response), error);
  }
  if (options_.fetch || !options_.refresh) return end(State::failed, std::move(response), error);
  const Duration wait = pause_after(failures_++, response, ua_.random());
  // A refusal of credentials starts afresh next time.
  digest_ = DigestClient(options_.credentials);
  ua_.arm(timer_, now + wait);
  ua_.tell(RegistrationChanged{id_, State::failed, std::move(response), error});
}

void ClientRegistration::expire(TimePoint now) {
  if (over_ || pending_) return;
  if (const auto error = send(std::nullopt, now)) failed({}, error, now);
}

void ClientRegistration::end(State state, Message response, std::error_code error) {
  over_ = true;
  ua_.disarm(timer_);
  ua_.over(id_);
  ua_.tell(RegistrationChanged{id_, state, std::move(response), error});
}

// Section 10.2.4: the expires parameter of our own Contact, else Expires, else what we asked for. Of
// several contacts of ours the first to expire counts.
std::uint32_t ClientRegistration::granted(const MessageView& response, const Flow& flow) const {
  std::vector<std::string> ours = options_.contacts;
  if (ours.empty())
    ours.push_back("sip:" + ua_.options.contact_user + "@" + ua_.layer.locals().sent_by(flow));
  const auto matches = [&](const Uri& uri) {
    return std::any_of(ours.begin(), ours.end(), [&](const std::string& text) {
      const auto mine = Uri::parse(text);
      if (!mine) return false;
      if (equal(*mine, uri)) return true;
      // Registrars are seen to add or drop parameters of what they give back.
      return mine->user == uri.user && iequals(mine->host, uri.host) && mine->port == uri.port;
    });
  };
  std::optional<std::uint32_t> least;
  for (const auto& contact : response.all(hdr::contact)) {
    if (!contact) break;
    if (!matches(contact->uri)) continue;
    if (const auto seconds_left = contact->expires())
      least = std::min(least.value_or(UINT32_MAX), *seconds_left);
  }
  if (least) return *least;
  if (const auto whole = response.get(hdr::expires)) return whole->number;
  return expires_;
}

}  // namespace sipstack
