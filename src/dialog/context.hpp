// SPDX-License-Identifier: Apache-2.0
// What the usages of one user agent share: layer, options, dialog table, events, and each other.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "dialog/client_registration.hpp"
#include "dialog/client_request.hpp"
#include "dialog/dialog_table.hpp"
#include "dialog/event_usages.hpp"
#include "dialog/invite_session.hpp"
#include "dialog/presence_agent.hpp"
#include "sipstack/dialog/user_agent.hpp"

namespace sipstack {

struct UserAgentContext {
  UserAgentContext(TransactionLayer& l, const UserAgentOptions& o);

  void tell(UserEvent event);
  Random& random() noexcept { return layer.random(); }
  BlockPool& pool() noexcept { return layer.pool(); }
  const Timings& timings() const noexcept { return layer.options().timings; }
  void arm(TimerHook& hook, TimePoint at) noexcept { layer.wheel().arm(hook, at); }
  void disarm(TimerHook& hook) noexcept {
    if (hook.armed()) layer.wheel().disarm(hook);
  }

  /// A usage has told its end: it is destroyed when the input that ended it has been dealt with.
  void over(CallId id) { over_calls.push_back(id); }
  void over(RequestId id) { over_requests.push_back(id); }
  void over(RegistrationId id) { over_registrations.push_back(id); }
  void reap();

  /// The call whose dialog this is, or null.
  InviteSession* call_of(const DialogId& id);
  const InviteSession* call_of(const DialogId& id) const;

  /// A To tag for a response outside dialogs: the same for every response to one request and for the
  /// CANCEL of it, and not to be guessed.
  std::string tag_for(const MessageView& request) const;
  /// The head of a response, Server included. An empty `to_tag` becomes tag_for(request).
  ResponseWriter response(const MessageView& request, const Flow& flow, int status,
                          std::string_view to_tag = {}, std::string_view reason = {});
  /// A response without further lines, sent.
  void answer(const RequestArrived& event, int status, TimePoint now, std::string_view to_tag = {});
  /// 400 where a header that must be there is missing or malformed.
  void answer_missing(const RequestArrived& event, HeaderId field, TimePoint now);
  /// 503 with a Retry-After that is not everybody's.
  void answer_busy(const RequestArrived& event, TimePoint now);
  /// 200 to OPTIONS, in or out of a dialog: what an INVITE would find (RFC 3261 section 11.2).
  void answer_options(const RequestArrived& event, TimePoint now);
  /// Allow and Supported. Always true, so always told (section 13.2.1, 20.37). `reliable`: with 100rel,
  /// which one call may do without.
  void write_capabilities(MessageWriter& out, bool reliable = true) const;
  /// Our Contact, unless `headers` have one; `params` stand behind its URI.
  void write_contact(MessageWriter& out, const ExtraHeaders& headers, bool secure,
                     std::string_view params = {}) const;
  /// Route, Contact and Supported by RequestOptions::registration, where that stands; `dialog`: the request
  /// has a Contact. The flow to send it by at first, where there is one.
  std::optional<Flow> go_by_registration(RequestOptions& request, bool dialog);
  /// User-Agent or Server.
  void write_product(MessageWriter& out, HeaderId id) const;

  TransactionLayer& layer;
  const UserAgentOptions options;
  const HashKey key;
  const std::string allow;
  const std::string supported;
  const std::string supported_unreliable;  ///< without 100rel
  const std::string accept;
  const std::string recv_info;
  const std::string allow_events;  ///< empty: none
  DialogTable dialogs;
  std::deque<UserEvent> events;
  Slab<InviteSession> calls;
  Slab<ClientRequest> requests;
  Slab<ClientRegistration> registrations;
  Slab<FlowSet> flow_sets;
  RegisteredFlows registered_flows;
  EventUsages usages;
  std::optional<PresenceAgent> presence;
  std::vector<CallId> over_calls;
  std::vector<RequestId> over_requests;
  std::vector<RegistrationId> over_registrations;
  bool closing = false;  ///< shut_down() was called: no new calls
};

}  // namespace sipstack
