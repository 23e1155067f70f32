// SPDX-License-Identifier: Apache-2.0
// One non-INVITE request of ours, within a call or outside: sent, tried again with credentials, and
// completed exactly once. RFC 3261 sections 8.1, 12.2.1 and 22.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "dialog/compose.hpp"
#include "sipstack/dialog/digest.hpp"
#include "sipstack/dialog/user_agent.hpp"

namespace sipstack {

struct UserAgentContext;

class ClientRequest {
 public:
  explicit ClientRequest(UserAgentContext& ua) noexcept : ua_(ua) {}

  std::error_code start(RequestId id, std::string_view method, const RequestOptions& options,
                        TimePoint now);
  /// Within the dialog of a call.
  std::error_code start(RequestId id, CallId call, std::string_view method, RequestOptions options,
                        TimePoint now);
  void receive(const ResponseArrived& event, TimePoint now);
  void receive(const TxnFailed& event, TimePoint now);

 private:
  std::error_code send(std::optional<Flow> flow, TimePoint now);
  void complete(Message response, std::error_code error);

  UserAgentContext& ua_;
  RequestId id_;
  CallId call_;  ///< null: outside any dialog
  TxnId txn_;
  std::string method_;
  RequestOptions options_;  ///< within a call only content, body and headers are used
  RequestHead head_;        ///< outside dialogs
  DigestClient digest_;     ///< outside dialogs; a call has its own
  std::uint32_t cseq_ = 0;
};

}  // namespace sipstack
