// SPDX-License-Identifier: Apache-2.0
// Where a SIP URI leads: transport, addresses and port, by RFC 3263 section 4, without NAPTR and SRV yet.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sipstack/base/flow.hpp"
#include "sipstack/base/time.hpp"

namespace boost::asio {
class io_context;
}

namespace sipstack {

class Transports;

struct ResolverOptions {
  Duration timeout = std::chrono::seconds(5);  ///< for one URI, whatever the name servers do
  std::size_t max_targets = 16;
  std::size_t max_pending = 4096;  ///< above it the answer is empty at once
  /// Name servers as "192.0.2.1:53,192.0.2.2"; empty: the system's.
  std::string servers;
};

/// Looks up next hops. Names are asked for by c-ares (hosts file, A and AAAA); numeric hosts need none.
///
/// Threads: the io_context's. Lifetime: `io` and `transports` live longer. The destructor cancels.
class Resolver {
 public:
  using Done = std::function<void(std::vector<Flow>)>;

  Resolver(boost::asio::io_context& io, Transports& transports,
           const ResolverOptions& options = {});
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  /// Targets in the order in which to try them, `local` filled in (Transports::local_toward). No target:
  /// the URI is not SIP, names a transport that we don't have, resolves to nothing, or no socket of ours
  /// reaches it. `done` is called once, on the io_context's thread, never from inside resolve().
  void resolve(std::string_view sip_uri, Done done);
  /// Forgets all lookups; their `done` is not called.
  void cancel_all();

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace sipstack
