// SPDX-License-Identifier: Apache-2.0
// What an application gives for a request of any kind. RFC 3261 section 8.1.1.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "sipstack/base/slab.hpp"
#include "sipstack/dialog/credentials.hpp"

namespace sipstack {

class ClientRegistration;

/// Header fields that an application adds, written as given (checked for CR, LF, NUL).
using ExtraHeaders = std::vector<std::pair<std::string, std::string>>;

/// What a call or request needs besides its method. Strings are owned; empty ones are left out.
struct RequestOptions {
  std::string target;                                    ///< Request-URI
  std::string from = "sip:anonymous@anonymous.invalid";  ///< URI, or a whole name-addr
  std::string to;                  ///< URI or name-addr; the target where empty
  std::vector<std::string> route;  ///< pre-loaded Route set (URIs): outbound proxies; `lr` is added
  std::string content_type;
  std::string body;
  ExtraHeaders headers;
  std::uint32_t max_forwards = 70;  ///< of requests outside dialogs; whoever relays sends one less
  std::vector<Credentials> credentials;
  /// For whom: a registration of ours. While it stands the request goes by its Service-Route, behind `route`
  /// or, where that is empty, the registration's own (RFC 3608 section 6.1), and has its contact (a GRUU, or
  /// our address with `ob`) unless `headers` have one. Null: none of that.
  Handle<ClientRegistration> registration;
};

}  // namespace sipstack
