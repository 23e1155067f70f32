// SPDX-License-Identifier: Apache-2.0
// What two sides have agreed on about refreshing their session; no timer itself. RFC 4028.
#pragma once

#include <cstdint>

#include "sipstack/dialog/user_agent.hpp"

namespace sipstack {

class SessionTimer {
 public:
  /// `wanted`: seconds to ask for; 0: only what the peer asks for.
  void start(const UserAgentOptions& options, std::uint32_t wanted) noexcept {
    options_ = &options;
    wanted_ = wanted;
  }

  /// Seconds between refreshes; 0: none are needed.
  std::uint32_t interval() const noexcept { return interval_; }
  bool we_refresh() const noexcept { return ours_; }

  // as UAC (sections 7.1 to 7.4)
  /// Session-Expires and Min-SE of an INVITE or UPDATE of ours.
  void write_request(MessageWriter& out) const;
  /// Takes the interval of a 2xx to it.
  void answered(const MessageView& response) noexcept;
  /// Takes the Min-SE of a 422. True where a retry makes sense.
  bool too_small(const MessageView& response) noexcept;

  // as UAS (section 9)
  /// Whether a request asks for less than we put up with: 422.
  bool refuses(const MessageView& request) const noexcept;
  void write_refusal(MessageWriter& out) const;
  /// Decides what a 2xx to the request says, and writes it.
  void accept(const MessageView& request, MessageWriter& out) noexcept;

 private:
  bool in_use() const noexcept { return options_ != nullptr && options_->session_timer; }
  void heard_min_se(const MessageView& message) noexcept;

  const UserAgentOptions* options_ = nullptr;
  std::uint32_t wanted_ = 0;
  std::uint32_t interval_ = 0;
  std::uint32_t min_se_ = 0;  ///< the largest heard of; 0: none
  bool ours_ = false;
  bool peer_supports_ = false;
  std::uint8_t retries_ = 0;  ///< 422s since the last 2xx
};

}  // namespace sipstack
