// SPDX-License-Identifier: Apache-2.0
// What an application decides of a request that a proxy has on its hands. RFC 3261 sections 16.5 and 8.3.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "sipstack/base/flow.hpp"
#include "sipstack/base/slab.hpp"
#include "sipstack/dialog/request_options.hpp"
#include "sipstack/parser/message_view.hpp"

namespace sipstack {

namespace server {
struct ResponseContext;
}
/// Names a request that a proxy has not answered yet; stale when it has.
using ProxyRequestId = Handle<server::ResponseContext>;

/// A request that is valid, and whose sender may send it. Views live for the call.
struct ProxyRequest {
  ProxyRequestId id;
  const MessageView& message;
  const Flow& flow;        ///< where it came from
  std::string_view uri;    ///< the Request-URI once our Route and maddr are taken away
  std::string_view user;   ///< who proved to be it, by digest; empty: nobody, or not asked
  bool in_dialog = false;  ///< of a dialog that was set up through us
};

/// One URI to try. A user of ours means all its bindings; a tel URI what the static routes say.
struct ProxyTarget {
  std::string uri = {};
  /// Name-addrs, put in front of the Route; the first is the next hop.
  std::vector<std::string> route = {};
  int q = 1000;  ///< equal ones are tried at once, others the highest first
};
/// Goes on; to `targets`, or as usual where there are none.
struct ProxyForward {
  std::vector<ProxyTarget> targets = {};
  ExtraHeaders headers = {};             ///< added to what goes on, written as given
  std::vector<std::string> remove = {};  ///< header fields that go first
};
/// Answered here. `status` 200 to 699, else 500; the phrase is its own where `reason` is empty.
struct ProxyReply {
  int status = 403;
  std::string reason = {};
  ExtraHeaders headers = {};
};
/// Answered with these Contacts, URIs or name-addrs with parameters; none: 404.
struct ProxyRedirect {
  std::vector<std::string> contacts = {};
  int status = 302;  ///< 300 to 399
};
/// Not known yet: Proxy::decide() will tell. A CANCEL meanwhile is answered here; who is never told gets 408
/// from TransactionOptions::answer_cap.
struct DecideLater {};

using Decision = std::variant<ProxyForward, ProxyReply, ProxyRedirect, DecideLater>;

}  // namespace sipstack
