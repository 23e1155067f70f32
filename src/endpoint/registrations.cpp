// SPDX-License-Identifier: Apache-2.0
// The endpoint's commands for registrations of several flows, and what a registration gives.
#include "endpoint/state.hpp"
#include "sipstack/base/errc.hpp"

namespace sipstack {

expected<std::vector<RegistrationId>, error_code> Endpoint::register_flows(
    const RegistrationOptions& options, const std::vector<std::string>& outbound_proxies) {
  if (state_->closed_down) return unexpected(make_error_code(Errc::gone));
  auto flows = state_->agent().add_flows(options, outbound_proxies, state_->now());
  state_->commanded();
  return flows;
}

std::optional<Registered> Endpoint::registered(RegistrationId registration) const {
  return state_->agent().registered(registration);
}

}  // namespace sipstack
