// SPDX-License-Identifier: Apache-2.0
// Commands for subscriptions, transfers and publications. RFC 6665, RFC 3515, RFC 3903.
#include <array>

#include "dialog/user_agent_impl.hpp"
#include "sipstack/parser/uri_parts.hpp"

namespace sipstack {

namespace {

/// A call's dialog for a usage of ours; an error where there is none.
expected<std::shared_ptr<Dialog>, std::error_code> dialog_of(UserAgentContext& ua, CallId call) {
  InviteSession* session = ua.calls.find(call);
  if (session == nullptr) return unexpected(make_error_code(Errc::gone));
  auto dialog = session->shared_dialog();
  if (!dialog) return unexpected(make_error_code(Errc::wrong_state));
  return dialog;
}

template <class Usage, class Start>
expected<Handle<Usage>, std::error_code> begin(UserAgentContext& ua, Slab<Usage>& usages,
                                               Start start) {
  if (ua.closing) return unexpected(make_error_code(Errc::wrong_state));
  const Handle<Usage> id = usages.emplace(ua);
  if (const auto error = start(*usages.find(id), id)) {
    usages.erase(id);
    return unexpected(error);
  }
  return id;
}

/// What a Refer-To URI may add to the INVITE that follows it: the rest could make us say anything to
/// anybody (RFC 3261 section 19.1.5).
bool honoured(std::string_view field) {
  static constexpr std::array<std::string_view, 6> kFields = {
      "Replaces", "Join", "Require", "Accept-Contact", "Subject", "User-to-User"};
  for (const auto name : kFields)
    if (iequals(field, name)) return true;
  return false;
}

/// The INVITE that a REFER asks for; false where it asks for none.
bool follow_options(const MessageView& refer, CallOptions& options) {
  const auto refer_to = refer.get(hdr::refer_to);
  if (!refer_to || !refer_to->uri.is_sip()) return false;
  const Uri& uri = refer_to->uri;
  if (const auto method = uri.params.find("method"); method && !iequals(*method, "INVITE"))
    return false;
  const char* const end =
      uri.headers.empty() ? uri.text.data() + uri.text.size() : uri.headers.data() - 1;
  options.target.assign(uri.text.data(), end);
  options.to.clear();
  for (const Param& field : UriHeaders(uri)) {
    const std::string name = unescape(field.name);
    if (honoured(name)) options.headers.emplace_back(name, unescape(field.value));
  }
  if (const auto by = refer.raw(HeaderId::referred_by))
    options.headers.emplace_back("Referred-By", unfold(*by));
  return true;
}

}  // namespace

// ---- subscriptions of ours

expected<SubscriptionId, std::error_code> UserAgent::subscribe(const SubscriptionOptions& options,
                                                               TimePoint now) {
  return begin(*impl_, impl_->usages.subscriptions, [&](ClientSubscription& s, SubscriptionId id) {
    return s.subscribe(id, options, {}, nullptr, now);
  });
}

expected<SubscriptionId, std::error_code> UserAgent::subscribe(CallId call,
                                                               const SubscriptionOptions& options,
                                                               TimePoint now) {
  auto dialog = dialog_of(*impl_, call);
  if (!dialog) return unexpected(dialog.error());
  return begin(*impl_, impl_->usages.subscriptions, [&](ClientSubscription& s, SubscriptionId id) {
    return s.subscribe(id, options, call, *dialog, now);
  });
}

std::error_code UserAgent::refresh(SubscriptionId subscription, TimePoint now) {
  ClientSubscription* s = impl_->usages.subscriptions.find(subscription);
  return s == nullptr ? Errc::gone : s->refresh(now);
}

std::error_code UserAgent::unsubscribe(SubscriptionId subscription, TimePoint now) {
  ClientSubscription* s = impl_->usages.subscriptions.find(subscription);
  if (s == nullptr) return Errc::gone;
  const auto error = s->unsubscribe(now);
  impl_->reap();
  return error;
}

// ---- transfer

expected<SubscriptionId, std::error_code> UserAgent::refer(CallId call, const ReferOptions& options,
                                                           TimePoint now) {
  auto dialog = dialog_of(*impl_, call);
  if (!dialog) return unexpected(dialog.error());
  return begin(*impl_, impl_->usages.subscriptions, [&](ClientSubscription& s, SubscriptionId id) {
    return s.refer(id, options, call, *dialog, now);
  });
}

expected<SubscriptionId, std::error_code> UserAgent::refer(const ReferOptions& options,
                                                           TimePoint now) {
  return begin(*impl_, impl_->usages.subscriptions, [&](ClientSubscription& s, SubscriptionId id) {
    return s.refer(id, options, {}, nullptr, now);
  });
}

std::string UserAgent::replaces(CallId call) const {
  const auto dialog = dialog_of(*impl_, call);
  if (!dialog) return {};
  // Section 6.1: as the reader has them, who compares to-tag with its own tag.
  const Dialog& d = **dialog;
  std::string out(d.call_id());
  out.append(";to-tag=").append(d.remote_tag().empty() ? "0" : d.remote_tag());
  return out.append(";from-tag=").append(d.local_tag());
}

std::string UserAgent::refer_to(CallId call) const {
  const auto dialog = dialog_of(*impl_, call);
  if (!dialog) return {};
  const std::string& target = (*dialog)->remote_target();
  const char* const join = target.find('?') == std::string::npos ? "?" : "&";
  return "<" + target + join + "Replaces=" + escape(UriPart::header, replaces(call)) + ">";
}

expected<CallId, std::error_code> UserAgent::follow(NotifierId referral, const CallOptions& options,
                                                    TimePoint now) {
  ServerSubscription* s = impl_->usages.notifiers.find(referral);
  if (s == nullptr) return unexpected(make_error_code(Errc::gone));
  CallOptions call = options;
  if (!s->referral() || !s->waits() || !follow_options(s->request().view(), call))
    return unexpected(make_error_code(Errc::wrong_state));
  // First what can fail without a trace; the REFER still waits where it does.
  const auto id = invite(call, now);
  if (!id) return unexpected(id.error());
  impl_->usages.follow(*id, referral);
  if (const auto error = s->accept(false, {}, {}, {}, now)) {
    hang_up(*id, now);
    return unexpected(error);
  }
  impl_->reap();
  return *id;
}

// ---- subscriptions with us

std::error_code UserAgent::accept(NotifierId notifier, std::string_view content_type,
                                  std::string_view body, TimePoint now,
                                  const ExtraHeaders& headers) {
  ServerSubscription* s = impl_->usages.notifiers.find(notifier);
  if (s == nullptr) return Errc::gone;
  const auto error = s->accept(false, content_type, body, headers, now);
  impl_->reap();
  return error;
}

std::error_code UserAgent::defer(NotifierId notifier, TimePoint now) {
  ServerSubscription* s = impl_->usages.notifiers.find(notifier);
  if (s == nullptr) return Errc::gone;
  const auto error = s->accept(true, {}, {}, {}, now);
  impl_->reap();
  return error;
}

std::error_code UserAgent::reject(NotifierId notifier, int status, TimePoint now,
                                  const ExtraHeaders& headers) {
  ServerSubscription* s = impl_->usages.notifiers.find(notifier);
  if (s == nullptr) return Errc::gone;
  const auto error = s->reject(status, headers, now);
  impl_->reap();
  return error;
}

std::error_code UserAgent::notify(NotifierId notifier, std::string_view content_type,
                                  std::string_view body, TimePoint now,
                                  const ExtraHeaders& headers) {
  ServerSubscription* s = impl_->usages.notifiers.find(notifier);
  if (s == nullptr) return Errc::gone;
  const auto error = s->notify(content_type, body, headers, now);
  impl_->reap();
  return error;
}

std::error_code UserAgent::terminate(NotifierId notifier, std::string_view reason, TimePoint now,
                                     std::string_view content_type, std::string_view body,
                                     std::uint32_t retry_after) {
  ServerSubscription* s = impl_->usages.notifiers.find(notifier);
  if (s == nullptr) return Errc::gone;
  const auto error = s->terminate(reason, retry_after, content_type, body, now);
  impl_->reap();
  return error;
}

std::error_code UserAgent::report(NotifierId referral, int status, TimePoint,
                                  std::string_view reason) {
  ServerSubscription* s = impl_->usages.notifiers.find(referral);
  return s == nullptr ? Errc::gone : s->report(status, reason);
}

// ---- publications

expected<PublicationId, std::error_code> UserAgent::publish(const PublicationOptions& options,
                                                            TimePoint now) {
  return begin(*impl_, impl_->usages.publications,
               [&](ClientPublication& p, PublicationId id) { return p.start(id, options, now); });
}

std::error_code UserAgent::modify(PublicationId publication, std::string_view content_type,
                                  std::string_view body, TimePoint now) {
  ClientPublication* p = impl_->usages.publications.find(publication);
  return p == nullptr ? Errc::gone : p->modify(content_type, body, now);
}

std::error_code UserAgent::remove(PublicationId publication, TimePoint now) {
  ClientPublication* p = impl_->usages.publications.find(publication);
  if (p == nullptr) return Errc::gone;
  const auto error = p->remove(now);
  impl_->reap();
  return error;
}

std::size_t UserAgent::subscriptions() const noexcept { return impl_->usages.size(); }

}  // namespace sipstack
