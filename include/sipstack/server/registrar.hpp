// SPDX-License-Identifier: Apache-2.0
// The registrar. RFC 3261 section 10.3, RFC 3327 (Path).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "sipstack/dialog/digest.hpp"
#include "sipstack/server/location.hpp"
#include "sipstack/transaction/layer.hpp"

namespace sipstack {

struct RegistrarOptions {
  std::vector<std::string> domains;  ///< hosts whose AORs are served; our own addresses count too
  std::uint32_t min_expires = 60;    ///< seconds; shorter ones (but 0) get 423
  std::uint32_t default_expires = 3600;
  std::uint32_t max_expires = 7200;  ///< longer ones are shortened
  std::size_t max_contacts = 10;     ///< an AOR
  std::string product = "sipstack/0.1";
};

/// Threads: its shard's. Store and digest are not owned and must live longer.
class Registrar {
 public:
  Registrar(TransactionLayer& layer, LocationStore& store, DigestServer* digest,
            const RegistrarOptions& options);
  ~Registrar();

  /// A REGISTER that is for one of our domains. Answers through the layer, now or when the store has.
  void receive(const RequestArrived& event, TimePoint now);
  /// True where host and port (0: none given) are a domain that we serve, or one of our own sockets. A
  /// domain with a port is ours where we listen on that port.
  bool serves(std::string_view host, std::uint16_t port) const noexcept;
  bool serves(const Uri& uri) const noexcept {
    return uri.is_sip() && serves(uri.host, uri.port.value_or(0));
  }
  /// The key of an address of record that serves() (section 10.3 step 5): user unescaped, domain in lower
  /// case, no port or parameters; one of our own addresses means the first domain; sip and sips are the
  /// same resource (RFC 5630 section 5.2). Empty where the URI has no user or is of no domain of ours.
  std::string aor(const Uri& uri) const;
  /// True where authenticated `user` is the one of this AOR: by its user part, or as user@domain.
  bool owns(std::string_view user, const Uri& aor) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sipstack
