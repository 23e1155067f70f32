// SPDX-License-Identifier: Apache-2.0
// The registrar. RFC 3261 section 10.3; RFC 3327 (Path), 5626 (outbound), 5627 (GRUU), 6140 (bulk numbers).
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
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
  bool gruu = true;                  ///< gives GRUUs to phones that ask for them (RFC 5627)
  /// Seconds without a keep-alive by which a stream of outbound is as good as dead (RFC 5626 section 5.4),
  /// told as Flow-Timer; below the transport's idle time. 0: not told.
  std::uint32_t flow_timer = 90;
  /// What temporary GRUUs are encrypted with: the same for all who share a store, and after a restart. Drawn
  /// at random where there is none.
  std::optional<std::array<std::uint8_t, 32>> gruu_key;
  /// Set: PBXs register all their numbers at once (RFC 6140). Gives the user part of the AOR under which
  /// the PBX of a number ("+12145550102") registers; empty where that is no PBX's.
  std::function<std::string(std::string_view number)> trunk_of;
  std::string product = "sipstack/0.1";
};

/// What a GRUU stands for (RFC 5627 section 5.4): those bindings of the AOR that Registrar::leads_to().
struct GruuTarget {
  std::string aor;  ///< empty: it is none of ours, or not any more
  bool temporary = false;
  std::string instance;             ///< of a public one
  std::uint64_t instance_hash = 0;  ///< of a temporary one
  std::uint64_t epoch = 0;          ///< of a temporary one: Binding::epoch
};

/// Threads: its shard's. Store and digest are not owned and must live longer.
class Registrar {
 public:
  Registrar(TransactionLayer& layer, LocationStore& store, DigestServer* digest,
            const RegistrarOptions& options);
  ~Registrar();

  /// New options, from the next REGISTER on; the GRUU key stays. `digest` may be another one, or none.
  void reconfigure(const RegistrarOptions& options, DigestServer* digest);
  /// Hears all bindings of an AOR when a REGISTER has changed them, behind its answer.
  void on_changed(
      std::function<void(const std::string& aor, const std::vector<Binding>&, TimePoint)> handler);
  /// Asked for the Path that has other nodes reach what is registered by that flow: see Proxy::path_of().
  void on_flow(std::function<std::string(const Flow& flow)> path_of);
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
  /// Nothing where the URI is no GRUU (no `gr`), or of no domain of ours.
  std::optional<GruuTarget> gruu(const Uri& uri) const;
  bool leads_to(const GruuTarget& gruu, const Binding& binding) const;
  /// The AOR of the PBX that a number belongs to; see RegistrarOptions::trunk_of. Else empty.
  std::string trunk(std::string_view aor) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sipstack
