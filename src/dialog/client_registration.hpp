// SPDX-License-Identifier: Apache-2.0
// One AOR's bindings as we keep them at a registrar. RFC 3261 section 10.2; the pauses between failures
// by RFC 5626 section 4.5.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "dialog/compose.hpp"
#include "dialog/usage_timer.hpp"
#include "sipstack/dialog/digest.hpp"
#include "sipstack/dialog/user_agent.hpp"

namespace sipstack {

struct UserAgentContext;

class ClientRegistration {
 public:
  explicit ClientRegistration(UserAgentContext& ua) noexcept : ua_(ua) {}

  std::error_code start(RegistrationId id, const RegistrationOptions& options, TimePoint now);
  std::error_code remove(TimePoint now);
  void receive(const ResponseArrived& event, TimePoint now);
  void receive(const TxnFailed& event, TimePoint now);
  void expire(TimePoint now);

 private:
  std::error_code send(std::optional<Flow> flow, TimePoint now);
  void registered(const ResponseArrived& event, TimePoint now);
  void failed(Message response, std::error_code error, TimePoint now);
  void end(RegistrationChanged::State state, Message response, std::error_code error);
  /// Seconds that the registrar grants our contacts.
  std::uint32_t granted(const MessageView& response, const Flow& flow) const;

  UserAgentContext& ua_;
  RegistrationId id_;
  RegistrationOptions options_;
  RequestHead head_;
  DigestClient digest_;
  std::string registrar_;
  TxnId txn_;
  std::uint32_t cseq_ = 0;
  std::uint32_t expires_ = 0;  ///< asked for; rises to Min-Expires
  int too_brief_ = 0;          ///< 423s of this round
  unsigned failures_ = 0;      ///< in a row
  bool pending_ = false;       ///< a REGISTER is on its way: one at a time (section 10.2)
  bool bound_ = false;         ///< the registrar may have bindings of ours
  bool removing_ = false;      ///< remove() was called
  bool removal_sent_ = false;  ///< and its REGISTER is the one on its way
  bool over_ = false;
  UsageTimer timer_{UsageTimer::What::refresh, UsageKind::registration};
};

}  // namespace sipstack
