// SPDX-License-Identifier: Apache-2.0
// Where a SIP URI leads, asked of real name servers: the Locator's steps on c-ares and Asio. RFC 3263.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sipstack/base/flow.hpp"
#include "sipstack/base/random.hpp"
#include "sipstack/transaction/locator.hpp"

namespace boost::asio {
class io_context;
}

namespace sipstack {

class Transports;

struct ResolverOptions : LocatorOptions {
  /// Name servers as "192.0.2.1:53,192.0.2.2"; empty: the system's.
  std::string servers;
};

/// Looks up next hops: NAPTR, SRV, A and AAAA, and the hosts file. Numeric hosts need none of it.
///
/// Threads: the io_context's. Lifetime: `io`, `transports` and `random` (which draws among SRV weights)
/// live longer. The destructor cancels.
class Resolver {
 public:
  using Done = std::function<void(std::vector<Flow>)>;

  Resolver(boost::asio::io_context& io, Transports& transports, Random& random,
           const ResolverOptions& options = {});
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  /// Targets in the order in which to try them, `local` filled in (Transports::local_toward). No target:
  /// the URI is not SIP, names a transport that we don't have, resolves to nothing within the budget, or
  /// no socket of ours reaches it. `done` is called once, on the io_context's thread, never from inside
  /// resolve().
  void resolve(std::string_view sip_uri, Done done);
  /// Forgets all lookups; their `done` are not called.
  void cancel_all();

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace sipstack
