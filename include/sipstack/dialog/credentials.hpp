// SPDX-License-Identifier: Apache-2.0
// What a client answers digest challenges with.
#pragma once

#include <string>

namespace sipstack {

/// `realm` empty: any realm (of the peer that these credentials were configured for).
struct Credentials {
  std::string user;
  std::string password;
  std::string realm;
};

}  // namespace sipstack
