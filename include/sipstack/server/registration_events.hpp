// SPDX-License-Identifier: Apache-2.0
// The registrar as notifier of who is registered: RFC 3680, with the public GRUUs of RFC 5628.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "sipstack/dialog/digest.hpp"
#include "sipstack/dialog/package_agent.hpp"
#include "sipstack/dialog/user_agent.hpp"
#include "sipstack/server/registrar.hpp"

namespace sipstack {

/// Keeps something only of AORs that are watched. Every NOTIFY has the full state, and what has just ended
/// beside it. It knows of what its own registrar does and of expiry, not of other writers to the store.
///
/// Threads: its shard's. What attach() is given is not owned and must live longer.
class RegistrationEvents final : public PackageAgent {
 public:
  RegistrationEvents();
  ~RegistrationEvents() override;
  /// Before anything else. With a digest only the owner of an AOR may watch it (RFC 3680 section 4.6).
  void attach(TransactionLayer& layer, UserAgent& agent, const Registrar& registrar,
              LocationStore& store, DigestServer* digest, const std::string& product);

  /// Another digest, or none, for the SUBSCRIBEs that come.
  void reconfigure(DigestServer* digest);

  /// A SUBSCRIBE outside dialogs that is for this package and an AOR of ours: to receive().
  bool wants(const MessageView& request) const;
  void receive(const RequestArrived& event, TimePoint now);
  /// All bindings of an AOR after a REGISTER has changed them.
  void changed(const std::string& aor, const std::vector<Binding>& bindings, TimePoint now);
  void expire(TimerHook& hook, TimePoint now);

  bool serves(const MessageView& subscribe) const override;
  void subscribed(NotifierId notifier, const MessageView& subscribe, TimePoint now) override;
  bool ended(NotifierId notifier) override;

  std::size_t watched() const noexcept;  ///< AORs

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sipstack
