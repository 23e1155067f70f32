// SPDX-License-Identifier: Apache-2.0
// Numbers in Request-URIs, and which static route is theirs. RFC 3966, RFC 3261 section 19.1.6.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/response_context.hpp"
#include "sipstack/parser/uri.hpp"
#include "sipstack/server/static_route.hpp"

namespace sipstack::server {

/// Whom a Request-URI asks for, as routing tables see it.
struct Dialled {
  std::string user;    ///< unescaped; a number without visual separators
  std::string params;  ///< of a number, with ';' in front: ";phone-context=example.com"
  bool number = false;
  /// "+" and at most fifteen digits (E.164), without a context.
  bool e164() const noexcept;
};
Dialled dialled(const Uri& uri);

/// The route for a Request-URI; null where none fits. `ours`: it is of a domain of ours.
const StaticRoute* find_route(const std::vector<StaticRoute>& routes, const Uri& uri, bool ours);

/// The first of the route's targets, with the others behind it. False: none of them will do.
bool by_route(const StaticRoute& route, const Uri& uri, bool ours, Target& out);

/// `next` as the next hop of a target: by a Route where it is a loose router, else for the bytes alone.
void set_next_hop(Target& target, const Uri& next);

}  // namespace sipstack::server
