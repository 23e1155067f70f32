// SPDX-License-Identifier: Apache-2.0
// Requests that are no part of a session: INFO, MESSAGE and OPTIONS across, and REFER as two subscriptions.
// RFC 6086, RFC 3428, RFC 3515, RFC 4488.
#include <algorithm>
#include <utility>

#include "server/b2bua_impl.hpp"

namespace sipstack {

namespace {

/// Besides what passes anyway: what says how the body is meant.
const std::vector<std::string>& with_body() {
  static const std::vector<std::string> kFields = {"Info-Package", "Date", "Expires"};
  return kFields;
}

}  // namespace

void B2bua::Impl::relay(const Message& request, const Relayed& relayed, CallId to, TimePoint now) {
  const MessageView m = request.view();
  auto headers = server::passing(m, options.pass_headers);
  for (auto& line : server::passing(m, with_body())) headers.push_back(std::move(line));
  if (const auto disposition = m.raw(HeaderId::content_disposition))
    headers.emplace_back("Content-Disposition", unfold(*disposition));
  const auto type = m.raw(HeaderId::content_type);
  const auto sent =
      ua.request(to, m.method_name(), type ? unfold(*type) : "text/plain", m.body(), now, headers);
  if (!sent) {
    ua.respond(relayed.txn, sent.error() == Errc::write_failed ? 500 : 481, now);
    return;
  }
  requests.emplace(*sent, relayed);
  ++bridges.find(relayed.bridge)->requests;
}

/// Refuses what would be one too many.
bool B2bua::Impl::full(TxnId txn, std::size_t now_there, std::size_t limit, int status,
                       TimePoint now) {
  if (now_there < limit) return false;
  ua.respond(txn, status, now, {}, {}, {{"Retry-After", std::to_string(1 + random.below(10))}});
  return true;
}

bool B2bua::Impl::on(const CallRequest& e, TimePoint now) {
  Side side = Side::a;
  Bridge* const bridge = find(e.call, side);
  if (bridge == nullptr) {
    if (!ours(e.call)) return false;
    ua.respond(e.txn, 481, now);
    return true;
  }
  const Method method = e.request->method();
  const CallId to = bridge->leg(other(side)).call;
  if (method != Method::info && method != Method::message && method != Method::options) {
    // A NOTIFY of no subscription, say.
    ua.respond(e.txn, method == Method::notify ? 481 : 405, now);
  } else if (!to) {
    ua.respond(e.txn, 480, now);
  } else if (!full(e.txn, bridge->requests, options.max_call_requests, 500, now) &&
             !full(e.txn, requests.size(), options.max_requests, 503, now)) {
    relay(e.request, {e.txn, calls.find(e.call)->second.bridge}, to, now);
  }
  return true;
}

bool B2bua::Impl::on(const RequestReceived& e, TimePoint now) {
  const MessageView request = e.request.view();
  const bool message = request.method() == Method::message;
  if (!message && !(request.method() == Method::options && options.relay_options)) return false;
  if (request.max_forwards() == 0) {
    ua.respond(e.txn, 483, now);
    return true;
  }
  if (message && options.messages == RequestRelay::refuse) {
    ua.respond(e.txn, 405, now, {}, {}, {{"Allow", "INVITE, ACK, BYE, CANCEL, OPTIONS"}});
    return true;
  }
  if (full(e.txn, requests.size(), options.max_requests, 503, now)) return true;
  const B2buaRoute route = route_of({}, e.request, e.flow);
  if (route.targets.empty()) {
    const bool refusal = route.status >= 300 && route.status <= 699;
    ua.respond(e.txn, refusal ? route.status : 500, now);
    return true;
  }
  RequestOptions out;
  out.target = route.targets.front();
  out.from = route.from.empty() ? server::caller_of(request) : route.from;
  out.to = route.to;
  out.route = route.route;
  out.credentials = route.credentials;
  out.headers = server::passing(request, options.pass_headers);
  for (auto& line : server::passing(request, with_body())) out.headers.push_back(std::move(line));
  out.headers.insert(out.headers.end(), route.headers.begin(), route.headers.end());
  out.max_forwards =
      static_cast<std::uint32_t>(std::max(1, request.max_forwards().value_or(70)) - 1);
  if (const auto type = request.raw(HeaderId::content_type)) out.content_type = unfold(*type);
  out.body = request.body();
  if (const auto sent = ua.request(request.method_name(), out, now))
    requests.emplace(*sent, Relayed{e.txn, {}});
  else
    ua.respond(e.txn, 503, now);
  return true;
}

bool B2bua::Impl::on(const RequestCompleted& e, TimePoint now) {
  const auto found = requests.find(e.request);
  if (found == requests.end()) return false;
  const Relayed relayed = found->second;
  requests.erase(found);
  if (Bridge* const bridge = bridges.find(relayed.bridge)) {
    --bridge->requests;
    go_on(*bridge, now);
  }
  if (!e.response) {
    ua.respond(relayed.txn, 504, now);  // RFC 4320 section 4.2: 408 would be of no use
    return true;
  }
  const MessageView response = e.response.view();
  int status = response.status();
  if (status == 401 || status == 407) status = 403;
  if (status == 408) status = 504;
  if (status / 100 == 3) status = 480;
  auto headers = status < 300 ? server::passing(response, options.pass_headers)
                              : server::passing_refusal(response, options.pass_headers, false);
  // RFC 6086 section 4.2.2: what the other side takes is what its peer needs to know.
  if (status == 469)
    for (std::size_t i = 0; i < response.header_count(); ++i)
      if (const HeaderView line = response.header(i); line.id == HeaderId::recv_info)
        headers.emplace_back("Recv-Info", unfold(line.value));
  const auto type = response.raw(HeaderId::content_type);
  if (ua.respond(relayed.txn, status, now, type ? unfold(*type) : "text/plain", response.body(),
                 headers) == Errc::write_failed)
    ua.respond(relayed.txn, status, now);
  return true;
}

// ---- REFER

bool B2bua::Impl::on(const ReferArrived& e, TimePoint now) {
  Side side = Side::a;
  Bridge* const bridge = find(e.call, side);
  if (bridge == nullptr) {
    if (!ours(e.call)) return false;  // outside any call: the application's
    ua.reject(e.referral, 481, now);
    return true;
  }
  const ReferRelay how = options.on_refer ? options.on_refer(e.request, side) : options.refer;
  if (how == ReferRelay::application) return false;
  if (how == ReferRelay::refuse || referrals.size() >= options.max_requests) {
    ua.reject(e.referral, how == ReferRelay::refuse ? 603 : 503, now);
    return true;
  }
  const MessageView request = e.request.view();
  ReferOptions refer;
  refer.refer_to = unfold(request.raw(HeaderId::refer_to).value_or(""));
  if (const auto by = request.raw(HeaderId::referred_by)) refer.referred_by = unfold(*by);
  refer.subscribe = request.raw("Refer-Sub").value_or("").substr(0, 5) != "false";
  refer.headers = server::passing(request, options.pass_headers);
  const auto sent = ua.refer(bridge->leg(other(side)).call, refer, now);
  if (!sent) {
    ua.reject(e.referral, sent.error() == Errc::write_failed ? 500 : 480, now);
    return true;
  }
  referrals.emplace(*sent, Referral{e.referral, false});
  notifiers.emplace(e.referral, *sent);
  return true;
}

bool B2bua::Impl::on(const NotifyReceived& e, TimePoint now) {
  const auto found = referrals.find(e.subscription);
  if (found == referrals.end()) return false;
  Referral& referral = found->second;
  // The 202 waits for the first thing that is heard: what the other side refuses is refused.
  if (!referral.accepted) referral.accepted = !ua.accept(referral.notifier, {}, {}, now);
  const int status = sipfrag_status(e.notify->body());
  if (status > 100) ua.report(referral.notifier, status, now);
  return true;
}

bool B2bua::Impl::on(const SubscriptionChanged& e, TimePoint now) {
  const auto found = referrals.find(e.subscription);
  if (found == referrals.end()) return false;
  if (e.state != SubscriptionChanged::State::ended) return true;
  const Referral referral = found->second;
  referrals.erase(found);
  notifiers.erase(referral.notifier);
  const int status = e.message && !e.message->is_request() ? e.message->status() : 0;
  if (referral.accepted) {
    ua.terminate(referral.notifier, "noresource", now);  // no effect behind the last report
  } else if (status / 100 == 2) {
    // RFC 4488: taken, and nothing more will be heard of it.
    if (!ua.accept(referral.notifier, {}, {}, now))
      ua.terminate(referral.notifier, "noresource", now);
  } else {
    const int said = status == 401 || status == 407 ? 403 : status == 408 ? 504 : status;
    ua.reject(referral.notifier, said >= 400 ? said : status == 0 ? 504 : 500, now);
  }
  return true;
}

bool B2bua::Impl::on(const NotifierEnded& e, TimePoint now) {
  const auto found = notifiers.find(e.notifier);
  if (found == notifiers.end()) return false;
  const SubscriptionId subscription = found->second;
  notifiers.erase(found);
  referrals.erase(subscription);
  ua.unsubscribe(subscription, now);
  return true;
}

}  // namespace sipstack
