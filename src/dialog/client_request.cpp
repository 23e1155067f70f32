// SPDX-License-Identifier: Apache-2.0
// A non-INVITE request as a UAC. RFC 3261 sections 8.1.1 to 8.1.3, 12.2.1, 22.2 and 22.3.
#include "dialog/client_request.hpp"

#include "dialog/context.hpp"

namespace sipstack {
namespace {

/// Methods whose requests tell the other side where to reach us (RFC 3261 section 8.1.1.8 and table 2;
/// RFC 3428 section 4 forbids it in MESSAGE).
bool has_contact(std::string_view method) {
  switch (method_from(method)) {
    case Method::options:
    case Method::subscribe:
    case Method::notify:
    case Method::refer:
    case Method::update: return true;
    default: return false;
  }
}

}  // namespace

std::error_code ClientRequest::start(RequestId id, std::string_view method,
                                     const RequestOptions& options, TimePoint now) {
  id_ = id;
  method_ = method;
  options_ = options;
  const auto flow = ua_.go_by_registration(options_, has_contact(method));
  digest_ = DigestClient(options.credentials);
  head_ = RequestHead::of(options_, ua_.random(), ua_.options.shard);
  if (!head_.reaches(options.target)) return Errc::unresolved;
  return send(flow, now);
}

std::error_code ClientRequest::start(RequestId id, CallId call, std::string_view method,
                                     RequestOptions options, TimePoint now) {
  id_ = id;
  call_ = call;
  method_ = method;
  options_ = std::move(options);
  return send(std::nullopt, now);
}

std::error_code ClientRequest::send(std::optional<Flow> flow, TimePoint now) {
  NextHop hop;
  DigestClient* digest = &digest_;
  std::optional<RequestWriter> out;
  bool secure = false;
  if (call_) {
    InviteSession* call = ua_.calls.find(call_);
    Dialog* dialog = call == nullptr ? nullptr : call->dialog();
    if (dialog == nullptr) return call == nullptr ? Errc::gone : Errc::wrong_state;
    const auto cseq = dialog->next_cseq();
    if (!cseq) return Errc::wrong_state;
    cseq_ = *cseq;
    out = dialog->request(ua_.pool(), method_, cseq_);
    hop = dialog->next_hop();
    digest = &call->digest();
    secure = dialog->sips();
  } else {
    out = head_.write(ua_.pool(), method_, options_.target, ++cseq_, hop);
  }
  if (has_contact(method_)) ua_.write_contact(*out, options_.headers, secure);
  if (method_ == "OPTIONS") out->header(HeaderId::accept, ua_.accept);
  digest->authorize(*out, method_, std::string(out->uri()), options_.body, ua_.random());
  ua_.write_product(*out, HeaderId::user_agent);
  write_extra(*out, options_.headers);
  if (!options_.body.empty()) out->body(options_.content_type, options_.body);
  if (out->error() != WriteErrc::ok) return Errc::write_failed;

  const UsageRef user{UsageKind::request, id_.slot, id_.generation, 0};
  const auto txn = ua_.layer.send(*std::move(out), retry_hop(std::move(hop), flow), user, now);
  if (!txn) return txn.error();
  txn_ = *txn;
  return {};
}

void ClientRequest::receive(const ResponseArrived& event, TimePoint now) {
  const MessageView response = event.response.view();
  // A provisional response stops nothing and starts nothing here.
  if (event.txn != txn_ || response.status() < 200) return;
  InviteSession* call = ua_.calls.find(call_);
  DigestClient& digest = call != nullptr ? call->digest() : digest_;
  const int status = response.status();
  if (status == 401 || status == 407) {
    // The nonce is the challenger's: the retry goes where the challenge came from, not to another
    // target of the same name.
    const auto flow = challenger(ua_.layer, event);
    if ((!call_ || call != nullptr) && digest.challenged(response)) {
      if (const auto error = send(flow, now)) complete({}, error);
      return;
    }
    return complete(event.response, {});
  }
  digest.succeeded(response);
  complete(event.response, {});
  if (call != nullptr) call->request_failed(method_from(method_), status, event.response, {}, now);
}

void ClientRequest::receive(const TxnFailed& event, TimePoint now) {
  if (event.txn != txn_) return;
  InviteSession* call = ua_.calls.find(call_);
  if (call != nullptr && event.error == Errc::transport_failed)
    if (Dialog* dialog = call->dialog()) dialog->forget_flow();
  complete({}, event.error);
  if (call != nullptr && event.error == Errc::timeout)
    call->request_failed(method_from(method_), 408, {}, event.error, now);
}

void ClientRequest::complete(Message response, std::error_code error) {
  ua_.over(id_);
  ua_.tell(RequestCompleted{id_, std::move(response), error});
}

}  // namespace sipstack
