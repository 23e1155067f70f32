// SPDX-License-Identifier: Apache-2.0
// Flows as text, to be found again in the Route or Path that comes back. RFC 5626 section 5.2.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "sipstack/base/flow.hpp"
#include "sipstack/parser/message_view.hpp"

namespace sipstack::server {

/// Characters of a URI's user part that need no escape: transport, addresses, connection. Whoever puts it
/// on the wire guards it by a keyed hash: a token that anybody can make reaches anybody's phone.
std::string flow_token(const Flow& flow);
std::optional<Flow> flow_from_token(std::string_view token);

/// True where a request to `contact` had better go back by the flow that this request came by: it is its
/// sender's own Contact, not another element's, and there is no other way. That is: a WebSocket; a
/// connection whose sender calls itself the same in Via and Contact; or UDP from another address than both
/// say, through a NAT.
bool reached_by_flow(const Uri& contact, const MessageView& request, const Flow& flow) noexcept;

}  // namespace sipstack::server
