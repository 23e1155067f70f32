// SPDX-License-Identifier: Apache-2.0
// One AOR's bindings as we keep them at a registrar. RFC 3261 section 10.2; flows, and the pauses between
// failures, by RFC 5626 sections 4.2 to 4.5.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dialog/compose.hpp"
#include "dialog/registered_flows.hpp"
#include "dialog/usage_timer.hpp"
#include "sipstack/dialog/digest.hpp"
#include "sipstack/dialog/user_agent.hpp"

namespace sipstack {

struct UserAgentContext;
using FlowSetId = Handle<FlowSet>;

class ClientRegistration {
 public:
  explicit ClientRegistration(UserAgentContext& ua) noexcept : ua_(ua) {}

  /// `set`: of add_flows(), or null.
  std::error_code start(RegistrationId id, const RegistrationOptions& options, FlowSetId set,
                        TimePoint now);
  std::error_code remove(TimePoint now);
  void receive(const ResponseArrived& event, TimePoint now);
  void receive(const TxnFailed& event, TimePoint now);
  void expire(TimePoint now);
  void flow_closed(const Flow& flow, TimePoint now);

  /// Nothing where it does not stand.
  std::optional<Registered> registered() const;
  /// The outbound proxies that its requests go by.
  const std::vector<std::string>& route() const noexcept { return head_.routes; }

 private:
  /// What a 2xx says of our contacts (registration_message.cpp).
  struct Granted {
    std::uint32_t seconds = 0;
    std::string pub_gruu;
    std::string temp_gruu;
  };

  // client_registration.cpp
  void registered(const ResponseArrived& event, TimePoint now);
  void failed(Message response, std::error_code error, TimePoint now);
  void again(std::optional<Flow> flow, TimePoint now);
  void end(RegistrationChanged::State state, Message response, std::error_code error);
  void stand(bool stands);
  void keep_flow(const MessageView& response, const Flow& flow, TimePoint now);
  void drop_flow();
  bool pause(const Message& response, TimePoint now);
  void use_target(std::size_t index);
  bool next_target();
  bool redirected(const MessageView& response);

  // registration_message.cpp
  std::error_code send(std::optional<Flow> flow, TimePoint now);
  void write_contacts(RequestWriter& out) const;
  void write_extensions(RequestWriter& out) const;
  bool asks_outbound() const noexcept {
    return options_.reg_id != 0 && !without_outbound_ && !options_.remove_all && !options_.fetch;
  }
  bool ours(const NameAddr& contact, const Flow& flow) const;
  Granted granted(const MessageView& response, const Flow& flow) const;
  /// False where a value is malformed, or there are too many.
  bool take_service_route(const MessageView& response);

  UserAgentContext& ua_;
  RegistrationId id_;
  FlowSetId set_;
  RegistrationOptions
      options_;  ///< without AOR, registrar, route and credentials, which stand below
  RequestHead head_;
  DigestClient digest_;
  std::string registrar_;
  /// Registrar and route first, alternatives behind; empty where there is but one.
  std::vector<RegistrarTarget> targets_;
  std::vector<std::string> service_route_;
  std::string pub_gruu_;
  std::string temp_gruu_;
  std::optional<Flow> flow_;  ///< by which the last 2xx came
  TimePoint flow_since_{};    ///< when that was new
  TimePoint lapses_{};        ///< the bindings' expiry
  Duration keep_alive_{};     ///< of flow_, where we depend on it; zero: we don't
  TxnId txn_;
  std::uint32_t cseq_ = 0;
  std::uint32_t expires_ = 0;      ///< asked for; rises to Min-Expires
  std::uint32_t failures_ = 0;     ///< in a row
  std::uint16_t target_ = 0;       ///< of targets_
  std::uint16_t tried_ = 0;        ///< targets that failed one after the other
  std::uint8_t too_brief_ = 0;     ///< 423s of this round
  std::uint8_t redirects_ = 0;     ///< 3xx followed in this round
  bool redirected_ = false;        ///< registrar_ is what a 3xx said
  bool without_outbound_ = false;  ///< the first hop lacks it (439)
  bool outbound_ = false;          ///< negotiated
  bool by_flow_ = false;           ///< the REGISTER on its way goes by flow_
  bool stands_ = false;
  bool pending_ = false;       ///< a REGISTER is on its way: one at a time (section 10.2)
  bool bound_ = false;         ///< the registrar may have bindings of ours
  bool removing_ = false;      ///< remove() was called
  bool removal_sent_ = false;  ///< and its REGISTER is the one on its way
  bool over_ = false;
  UsageTimer timer_{UsageTimer::What::refresh, UsageKind::registration};
};

}  // namespace sipstack
