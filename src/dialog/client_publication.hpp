// SPDX-License-Identifier: Apache-2.0
// State that we publish: one PUBLISH after the other, each with the entity-tag of the last. RFC 3903
// section 4.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "dialog/compose.hpp"
#include "dialog/event_timer.hpp"
#include "sipstack/dialog/digest.hpp"
#include "sipstack/dialog/user_agent.hpp"

namespace sipstack {

struct UserAgentContext;

class ClientPublication {
 public:
  explicit ClientPublication(UserAgentContext& ua) noexcept : ua_(ua) {}

  std::error_code start(PublicationId id, const PublicationOptions& options, TimePoint now);
  std::error_code modify(std::string_view content_type, std::string_view body, TimePoint now);
  std::error_code remove(TimePoint now);
  void receive(const ResponseArrived& event, TimePoint now);
  void receive(const TxnFailed& event, TimePoint now);
  void expire(TimePoint now);

 private:
  std::error_code send(const std::optional<Flow>& flow, TimePoint now);
  void published(const ResponseArrived& event, TimePoint now);
  void failed(Message response, std::error_code error, TimePoint now);
  void end(PublicationChanged::State state, Message response, std::error_code error);

  UserAgentContext& ua_;
  PublicationId id_;
  PublicationOptions options_;
  RequestHead head_;
  DigestClient digest_;
  std::string etag_;  ///< of what the server has; empty: it has nothing of ours
  TxnId txn_;
  std::uint32_t cseq_ = 0;
  std::uint32_t expires_ = 0;  ///< asked for; rises to Min-Expires
  int too_brief_ = 0;          ///< 423s of this round
  int forgotten_ = 0;          ///< 412s of this round
  unsigned failures_ = 0;      ///< in a row
  bool changed_ = true;        ///< the server has not got the state as it is
  bool pending_ = false;       ///< a PUBLISH is on its way: one at a time (section 4.1)
  bool removing_ = false;      ///< remove() was called
  bool removal_sent_ = false;
  bool over_ = false;
  EventTimer timer_{EventTimer::Role::refresh, UsageKind::publication};
};

}  // namespace sipstack
