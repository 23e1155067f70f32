// SPDX-License-Identifier: Apache-2.0
// The user agent's commands for registrations of several flows, and flows that end. RFC 5626 sections 4.2.1
// and 4.5.
#include "dialog/user_agent_impl.hpp"

namespace sipstack {

expected<RegistrationId, std::error_code> UserAgent::Impl::add_registration(
    const RegistrationOptions& given, FlowSetId set, TimePoint now) {
  if (closing || registrations.size() >= options.max_registrations)
    return unexpected(make_error_code(Errc::wrong_state));
  const RegistrationId id = registrations.emplace(*this);
  if (const auto error = registrations.find(id)->start(id, given, set, now)) {
    registrations.erase(id);
    return unexpected(error);
  }
  return id;
}

expected<std::vector<RegistrationId>, std::error_code> UserAgent::add_flows(
    const RegistrationOptions& options, const std::vector<std::string>& outbound_proxies,
    TimePoint now) {
  if (outbound_proxies.empty()) return unexpected(make_error_code(Errc::unresolved));
  std::vector<RegistrationId> flows;
  const FlowSetId set = impl_->flow_sets.emplace();
  RegistrationOptions one = options;
  if (one.reg_id == 0) one.reg_id = 1;
  for (const std::string& proxy : outbound_proxies) {
    one.route = options.route;
    one.route.insert(one.route.begin(), proxy);
    const auto id = impl_->add_registration(one, set, now);
    if (!id) {
      if (flows.empty()) impl_->flow_sets.erase(set);
      for (const RegistrationId begun : flows) remove(begun, now);
      return unexpected(id.error());
    }
    flows.push_back(*id);
    ++one.reg_id;
  }
  return flows;
}

std::optional<Registered> UserAgent::registered(RegistrationId registration) const {
  const ClientRegistration* const binding = impl_->registrations.find(registration);
  return binding == nullptr ? std::nullopt : binding->registered();
}

void UserAgent::flow_closed(const Flow& flow, TimePoint now) {
  // Most connections that end are nobody's registration.
  if (!impl_->registered_flows.forget(flow)) return;
  impl_->registrations.for_each(
      [&](RegistrationId, ClientRegistration& binding) { binding.flow_closed(flow, now); });
  impl_->reap();
}

}  // namespace sipstack
