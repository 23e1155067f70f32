// SPDX-License-Identifier: Apache-2.0
// Who may publish and watch. RFC 3903 section 6 steps 1 and 2, RFC 3856 section 6.
#include "sipstack/server/presence.hpp"

#include "server/reply.hpp"

namespace sipstack {
namespace {

constexpr std::string_view kPresence = "presence";

}  // namespace

PresenceAgentOptions ServerPresence::agent_options() {
  PresenceAgentOptions o;
  o.package = kPresence;
  o.state = options_.state;
  o.merge = true;
  o.max_watchers = options_.max_watchers;
  o.pace = options_.pace;
  o.approve = options_.approve;
  o.resource = [this](const Uri& uri) {
    return registrar_ == nullptr ? std::string() : registrar_->aor(uri);
  };
  return o;
}

void ServerPresence::attach(TransactionLayer& layer, UserAgent& agent, const Registrar& registrar,
                            DigestServer* digest, const std::string& product) {
  layer_ = &layer;
  agent_ = &agent;
  registrar_ = &registrar;
  digest_ = digest;
  product_ = product;
}

bool ServerPresence::wants(const MessageView& request) const {
  if (!request.to_tag().empty()) return false;
  if (request.method() == Method::subscribe) {
    // Of other packages the phones themselves are notifiers.
    const auto event = request.get(hdr::event);
    if (!event || event->token != kPresence) return false;
  } else if (request.method() != Method::publish) {
    return false;
  }
  for (const auto& route : request.all(hdr::route))
    if (!route || !registrar_->serves(route->uri)) return false;
  const Uri uri = request.request_uri();
  return uri.is_sip() && !uri.params.has("gr") && !registrar_->aor(uri).empty();
}

void ServerPresence::receive(const RequestArrived& event, TimePoint now) {
  if (authorized(event, now)) agent_->receive(event, now);
}

bool ServerPresence::authorized(const RequestArrived& event, TimePoint now) {
  if (digest_ == nullptr) return true;
  const MessageView m = event.request.view();
  const DigestServer::Result result = digest_->check(m, false, now);
  if (result.verdict != DigestVerdict::accepted) {
    server::tell_once(*layer_, event.txn, m, event.flow, 401, product_, [&](ResponseWriter& w) {
      digest_->challenge(w, false, result.verdict == DigestVerdict::stale, now);
    });
    return false;
  }
  const auto from = m.get(hdr::from);
  const bool own = m.method() == Method::publish ? registrar_->owns(result.user, m.request_uri())
                                                 : from && registrar_->owns(result.user, from->uri);
  if (own) return true;
  server::reply(*layer_, event.txn, m, event.flow, 403, product_, now, [](ResponseWriter&) {});
  return false;
}

}  // namespace sipstack
