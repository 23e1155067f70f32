// SPDX-License-Identifier: Apache-2.0
// The user agent: events go to the usage that they are about, requests outside dialogs are inspected and
// answered. RFC 3261 sections 8.2, 9.2, 11.2 and 12.2.2.
#include "sipstack/dialog/user_agent.hpp"

#include "dialog/inspect.hpp"
#include "dialog/replaces.hpp"
#include "dialog/user_agent_impl.hpp"
#include "sipstack/dialog/digest.hpp"

namespace sipstack {

// ---- requests

void UserAgent::receive(const RequestArrived& event, TimePoint now) {
  const MessageView request = event.request.view();
  if (request.method() == Method::cancel) {
    impl_->on_cancel(event, now);
  } else if (request.to_tag().empty()) {
    impl_->on_request_outside(event, now);
  } else if (impl_->usages.receive_within(event, now)) {
    // a subscription's, or a new one
  } else if (InviteSession* call = impl_->call_of(DialogId::of_request(request))) {
    call->receive(event, now);
  } else {
    impl_->answer(event, 481, now);  // section 12.2.2
  }
  impl_->reap();
}

void UserAgent::receive(const AckArrived& event, TimePoint now) {
  if (InviteSession* call = impl_->call_of(DialogId::of_request(event.request.view())))
    call->receive(event, now);
  impl_->reap();
}

bool UserAgent::owns(const MessageView& request) const noexcept {
  return !request.to_tag().empty() && impl_->usages.owns(DialogId::of_request(request));
}

void UserAgent::Impl::on_cancel(const RequestArrived& event, TimePoint now) {
  if (!event.cancels) return answer(event, 481, now);
  const UsageRef user = layer.user(event.cancels);
  InviteSession* call =
      user.kind == UsageKind::invite_session ? calls.find(handle<InviteSession>(user)) : nullptr;
  if (call != nullptr) return call->cancelled(event, now);
  answer(event, 200, now);  // its INVITE has a final response already
}

bool UserAgent::Impl::authenticated(const RequestArrived& event, TimePoint now) {
  DigestServer* digest = options.challenge;
  if (digest == nullptr) return true;
  const MessageView request = event.request.view();
  const DigestVerdict verdict = digest->check(request, false, now).verdict;
  if (verdict == DigestVerdict::accepted) return true;
  // A stranger costs neither memory nor eleven answers: told once, and forgotten (hardening A55).
  ResponseWriter out = response(request, event.flow, 401, layer.stateless_tag(event.txn));
  digest->challenge(out, false, verdict == DigestVerdict::stale, now);
  layer.dismiss(event.txn, out);
  return false;
}

void UserAgent::Impl::on_request_outside(const RequestArrived& event, TimePoint now) {
  if (!authenticated(event, now)) return;
  if (const auto refused = refusal(*this, event, false)) {
    layer.respond(event.txn, *refused, now);
    return;
  }
  switch (event.request->method()) {
    case Method::invite: return on_invite(event, now);
    // Only within a dialog is there something that these could be about.
    case Method::bye:
    case Method::info:
    case Method::prack:
    case Method::update:
    case Method::notify: return answer(event, 481, now);
    case Method::subscribe: return usages.on_subscribe(event, now);
    case Method::publish:
      if (presence) return presence->published(event, now);
      break;
    case Method::refer:
      if (options.notifier.refer) return usages.on_refer(event, now);
      break;
    case Method::options:
      if (options.answer_options) return answer_options(event, now);
      break;
    case Method::message:
      if (options.answer_options && !options.tell_messages) return answer(event, 200, now);
      break;
    default: break;
  }
  tell(RequestReceived{event.txn, event.request, event.flow});
}

void UserAgent::Impl::on_invite(const RequestArrived& event, TimePoint now) {
  const MessageView request = event.request.view();
  if (closing || dialogs.size() >= options.max_dialogs) return answer_busy(event, now);
  const Replacement replaced = replacement(*this, request);
  if (replaced.status != 0) return answer(event, replaced.status, now);
  auto dialog = Dialog::uas(request, event.flow, random().token(8));
  if (!dialog) return answer_missing(event, dialog.error().header, now);
  if (options.reliable == ExtensionUse::required && !lists(request, hdr::supported, "100rel") &&
      !lists(request, hdr::require, "100rel")) {
    ResponseWriter out = response(request, event.flow, 421);  // section 21.4.15
    out.header(HeaderId::require, "100rel");
    layer.respond(event.txn, out, now);
    return;
  }
  SessionTimer timer;
  timer.start(options, 0);
  if (timer.refuses(request)) {
    ResponseWriter out = response(request, event.flow, 422);  // RFC 4028 section 9
    timer.write_refusal(out);
    layer.respond(event.txn, out, now);
    return;
  }
  const CallId id = calls.emplace(*this);
  InviteSession* session = calls.find(id);
  session->will_replace(replaced.call);
  session->will_join(replaced.joins);
  session->invited(id, *std::move(dialog), event, now);
}

// ---- responses and failures

void UserAgent::receive(const ResponseArrived& event, TimePoint now) {
  const UsageRef& user = event.user;
  switch (user.kind) {
    case UsageKind::invite_session: {
      const MessageView response = event.response.view();
      if (InviteSession* call = impl_->calls.find(Impl::handle<InviteSession>(user)))
        call->receive(event, now);
      else if (response.method() == Method::invite && response.status() / 100 == 2)
        InviteSession::refuse_fork(*impl_, response, event.flow, {}, {}, now);
      break;
    }
    case UsageKind::request:
      if (ClientRequest* request = impl_->requests.find(Impl::handle<ClientRequest>(user)))
        request->receive(event, now);
      break;
    case UsageKind::registration:
      if (auto* binding = impl_->registrations.find(Impl::handle<ClientRegistration>(user)))
        binding->receive(event, now);
      break;
    default: impl_->usages.receive(event, now); break;
  }
  impl_->reap();
}

void UserAgent::receive(const TxnFailed& event, TimePoint now) {
  const UsageRef& user = event.user;
  switch (user.kind) {
    case UsageKind::invite_session:
      if (InviteSession* call = impl_->calls.find(Impl::handle<InviteSession>(user)))
        call->receive(event, now);
      break;
    case UsageKind::request:
      if (ClientRequest* request = impl_->requests.find(Impl::handle<ClientRequest>(user)))
        request->receive(event, now);
      break;
    case UsageKind::registration:
      if (auto* binding = impl_->registrations.find(Impl::handle<ClientRegistration>(user)))
        binding->receive(event, now);
      break;
    default: impl_->usages.receive(event, now); break;
  }
  impl_->reap();
}

void UserAgent::receive(const StrayResponse& event, TimePoint now) {
  const MessageView response = event.response.view();
  if (response.method() != Method::invite || response.status() / 100 != 2) return;
  if (InviteSession* call = impl_->call_of(DialogId::of_response(response)))
    call->stray_success(response, now);
}

void UserAgent::expire(TimerHook& hook, TimePoint now) {
  auto& timer = static_cast<UsageTimer&>(hook);
  if (timer.kind == UsageKind::invite_session) {
    if (InviteSession* call = impl_->calls.find(timer.owner_handle<InviteSession>()))
      call->expire(timer.what, now);
  } else if (timer.kind != UsageKind::registration) {
    impl_->usages.expire(static_cast<EventTimer&>(timer), now);
  } else if (auto* binding = impl_->registrations.find(timer.owner_handle<ClientRegistration>())) {
    binding->expire(now);
  }
  impl_->reap();
}

bool UserAgent::next(UserEvent& out) {
  if (impl_->events.empty()) return false;
  out = std::move(impl_->events.front());
  impl_->events.pop_front();
  return true;
}

// ---- commands

namespace {

/// Methods that make or end transactions and dialogs have commands of their own.
bool has_its_own_command(std::string_view method, bool in_call) {
  switch (method_from(method)) {
    case Method::invite:
    case Method::ack:
    case Method::cancel: return true;
    case Method::bye:
    case Method::prack:
    case Method::update: return in_call;
    default: return false;
  }
}

}  // namespace

UserAgent::UserAgent(TransactionLayer& layer, const UserAgentOptions& options)
    : impl_(std::make_unique<Impl>(layer, options)) {}
UserAgent::~UserAgent() = default;

expected<CallId, std::error_code> UserAgent::invite(const CallOptions& options, TimePoint now) {
  if (impl_->closing || impl_->dialogs.size() >= impl_->options.max_dialogs)
    return unexpected(make_error_code(Errc::wrong_state));
  const CallId id = impl_->calls.emplace(*impl_);
  if (const auto error = impl_->calls.find(id)->invite(id, options, now)) {
    impl_->calls.erase(id);
    return unexpected(error);
  }
  return id;
}

std::error_code UserAgent::ring(CallId call, int status, TimePoint now, std::string_view sdp,
                                const ExtraHeaders& headers, bool reliable) {
  InviteSession* session = impl_->calls.find(call);
  return session == nullptr ? Errc::gone : session->ring(status, sdp, headers, reliable, now);
}

std::error_code UserAgent::accept(CallId call, std::string_view sdp, TimePoint now,
                                  const ExtraHeaders& headers) {
  InviteSession* session = impl_->calls.find(call);
  if (session == nullptr) return Errc::gone;
  const auto error = session->accept(sdp, headers, now);
  // RFC 3891 section 3: BYE or CANCEL for the call that this one replaces.
  if (!error)
    if (InviteSession* old = impl_->calls.find(session->take_replaced())) old->hang_up(now, {});
  impl_->reap();
  return error;
}

std::error_code UserAgent::reject(CallId call, int status, TimePoint now, std::string_view reason,
                                  const ExtraHeaders& headers) {
  InviteSession* session = impl_->calls.find(call);
  if (session == nullptr) return Errc::gone;
  const auto error = session->reject(status, reason, headers, now);
  impl_->reap();
  return error;
}

std::error_code UserAgent::acknowledge(CallId call, std::string_view sdp, TimePoint now) {
  InviteSession* session = impl_->calls.find(call);
  return session == nullptr ? Errc::gone : session->acknowledge(sdp, now);
}

std::error_code UserAgent::hang_up(CallId call, TimePoint now, std::string_view reason) {
  InviteSession* session = impl_->calls.find(call);
  if (session == nullptr) return Errc::gone;
  const auto error = session->hang_up(now, reason);
  impl_->reap();
  return error;
}

std::error_code UserAgent::reinvite(CallId call, std::string_view sdp, TimePoint now,
                                    bool after_glare) {
  InviteSession* session = impl_->calls.find(call);
  return session == nullptr ? Errc::gone : session->reinvite(sdp, after_glare, now);
}

std::error_code UserAgent::cancel_reinvite(CallId call, TimePoint now) {
  InviteSession* session = impl_->calls.find(call);
  return session == nullptr ? Errc::gone : session->cancel_reinvite(now);
}

std::error_code UserAgent::update(CallId call, std::string_view sdp, TimePoint now,
                                  bool after_glare) {
  InviteSession* session = impl_->calls.find(call);
  return session == nullptr ? Errc::gone : session->update(sdp, after_glare, now);
}

std::error_code UserAgent::accept_offer(CallId call, std::string_view sdp, TimePoint now) {
  InviteSession* session = impl_->calls.find(call);
  if (session == nullptr) return Errc::gone;
  const auto error = session->accept_offer(sdp, now);
  impl_->reap();
  return error;
}

std::error_code UserAgent::reject_offer(CallId call, int status, TimePoint now) {
  InviteSession* session = impl_->calls.find(call);
  if (session == nullptr) return Errc::gone;
  const auto error = session->reject_offer(status, now);
  impl_->reap();
  return error;
}

std::error_code UserAgent::hold(CallId call, TimePoint now) {
  InviteSession* session = impl_->calls.find(call);
  return session == nullptr ? Errc::gone : session->hold(true, now);
}

std::error_code UserAgent::resume(CallId call, TimePoint now) {
  InviteSession* session = impl_->calls.find(call);
  return session == nullptr ? Errc::gone : session->hold(false, now);
}

expected<RequestId, std::error_code> UserAgent::request(CallId call, std::string_view method,
                                                        std::string_view content_type,
                                                        std::string_view body, TimePoint now,
                                                        const ExtraHeaders& headers) {
  if (impl_->calls.find(call) == nullptr) return unexpected(make_error_code(Errc::gone));
  if (has_its_own_command(method, true)) return unexpected(make_error_code(Errc::wrong_state));
  RequestOptions options;
  options.content_type = content_type;
  options.body = body;
  options.headers = headers;
  const RequestId id = impl_->requests.emplace(*impl_);
  if (const auto error =
          impl_->requests.find(id)->start(id, call, method, std::move(options), now)) {
    impl_->requests.erase(id);
    return unexpected(error);
  }
  return id;
}

expected<RequestId, std::error_code> UserAgent::request(std::string_view method,
                                                        const RequestOptions& options,
                                                        TimePoint now) {
  if (has_its_own_command(method, false)) return unexpected(make_error_code(Errc::wrong_state));
  const RequestId id = impl_->requests.emplace(*impl_);
  if (const auto error = impl_->requests.find(id)->start(id, method, options, now)) {
    impl_->requests.erase(id);
    return unexpected(error);
  }
  return id;
}

std::error_code UserAgent::respond(TxnId txn, int status, TimePoint now,
                                   std::string_view content_type, std::string_view body,
                                   const ExtraHeaders& headers) {
  const MessageView request = impl_->layer.request(txn);
  const auto flow = impl_->layer.flow(txn);
  if (!request || !flow) return Errc::gone;
  ResponseWriter out = impl_->response(request, *flow, status);
  write_extra(out, headers);
  if (!body.empty()) out.body(content_type, body);
  return impl_->layer.respond(txn, out, now);
}

expected<RegistrationId, std::error_code> UserAgent::add_registration(
    const RegistrationOptions& options, TimePoint now) {
  return impl_->add_registration(options, {}, now);
}

std::error_code UserAgent::remove(RegistrationId registration, TimePoint now) {
  ClientRegistration* binding = impl_->registrations.find(registration);
  if (binding == nullptr) return Errc::gone;
  const auto error = binding->remove(now);
  impl_->reap();
  return error;
}

// ---- questions and the end

std::size_t UserAgent::calls() const noexcept { return impl_->calls.size(); }
std::string UserAgent::call_id(CallId call) const {
  const InviteSession* session = impl_->calls.find(call);
  return session == nullptr ? std::string() : session->call_id();
}
std::size_t UserAgent::registrations() const noexcept { return impl_->registrations.size(); }

void UserAgent::shut_down(TimePoint now) {
  impl_->closing = true;
  impl_->calls.for_each([now](CallId, InviteSession& call) { call.shut_down(now); });
  impl_->registrations.for_each(
      [now](RegistrationId, ClientRegistration& binding) { binding.remove(now); });
  impl_->usages.shut_down(now);
  impl_->reap();
}

bool UserAgent::idle() const noexcept {
  return impl_->calls.empty() && impl_->registrations.empty() && impl_->requests.empty() &&
         impl_->usages.empty();
}

}  // namespace sipstack
