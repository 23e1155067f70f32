// SPDX-License-Identifier: Apache-2.0
// What a UserAgent is inside: the shared context, and what requests outside dialogs come to.
#pragma once

#include "dialog/context.hpp"

namespace sipstack {

struct UserAgent::Impl : UserAgentContext {
  using UserAgentContext::UserAgentContext;

  void on_cancel(const RequestArrived& event, TimePoint now);
  void on_request_outside(const RequestArrived& event, TimePoint now);
  void on_invite(const RequestArrived& event, TimePoint now);
  expected<RegistrationId, std::error_code> add_registration(const RegistrationOptions& options,
                                                             FlowSetId set, TimePoint now);
  bool authenticated(const RequestArrived& event, TimePoint now);

  template <class T>
  static Handle<T> handle(const UsageRef& user) noexcept {
    return {user.slot, user.generation};
  }
};

}  // namespace sipstack
