// SPDX-License-Identifier: Apache-2.0
// Where a proxy sends what is for no user that is registered with it: other domains, numbers. RFC 3261 section
// 16.5, RFC 3966.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace sipstack {

/// One line of a proxy's routing table. Of those that fit a request the one with the most specific domain
/// counts (a host before "*.example.com", of those the longest, before any), then the longest prefix, then the
/// first.
///
/// It fits:
/// - a Request-URI of another domain, outside dialogs and where no Route says where to go;
/// - a tel URI: its domain is the phone-context, where that is one, else none;
/// - a user of ours without bindings: a number, or anybody where `domain` names ours.
///
/// Requests take it with credentials of ours only, as everything that leaves for elsewhere (see Proxy), unless
/// it is `open`.
struct StaticRoute {
  /// Host of the Request-URI; "*.example.com": all below that; empty: any.
  std::string domain;
  /// What the user part or the number begins with; numbers ("+4930", "0") as they are without visual
  /// separators. Empty: fits every user, and none.
  std::string prefix;
  /// URIs (sip, sips), tried in order until one answers: no response, no connection and 503 mean the next.
  /// With `lr` it is a proxy, gets the URI as it was, and a Route. Without, a number gets the target's host:
  /// `sip:+49301234@TARGET;user=phone`; a Request-URI of another domain stays.
  std::vector<std::string> targets;
  std::size_t strip =
      0;  ///< so many characters go from the front of user part or number (the + is one)
  std::string prepend;  ///< and this is put there
  /// Everybody may: the targets are servers that look after themselves, or ours. Never set it on the way to
  /// what costs money.
  bool open = false;
};

}  // namespace sipstack
