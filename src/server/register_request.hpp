// SPDX-License-Identifier: Apache-2.0
// What a REGISTER asks for, read and judged as a whole before anything changes. RFC 3261 section 10.3 steps 2, 6
// and 7; RFC 3327 section 5.3, 5626 section 6, 5627 section 5.1, 5630 section 5.2, 6140 section 5.2.
#pragma once

#include <optional>
#include <string>

#include "sipstack/server/registrar.hpp"

namespace sipstack::server {

/// What a refusal needs to say.
struct Refusal {
  int status;
  HeaderId header = HeaderId::other;
  std::string value;
};

/// The extensions that its sender requires.
std::optional<Refusal> refused_extensions(const MessageView& request,
                                          const RegistrarOptions& options);

/// Contacts and Path into `update`. `outbound`: one of the contacts is a flow, and the phone wants to hear it.
std::optional<Refusal> read_contacts(const RequestArrived& event, const RegistrarOptions& options,
                                     BindingUpdate& update, bool& outbound, TimePoint now);

}  // namespace sipstack::server
