// SPDX-License-Identifier: Apache-2.0
// STUN binding as keep-alive of UDP flows, both sides, without a socket. RFC 5626 sections 3.5.2, 4.4.2 and
// 8; RFC 8489 sections 5 to 7, 14.2 and 14.8.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "sipstack/base/flow.hpp"
#include "sipstack/base/time.hpp"

namespace sipstack {

using StunId = std::array<char, 12>;

/// SIP never begins with a byte of 0 to 3 (RFC 5626 section 8), and the cookie stands where it must.
bool is_stun(std::string_view datagram) noexcept;

/// The answer to a binding request from `source`: its address as we see it, or 420 where it holds an
/// attribute that we would have to understand. Empty for everything else: STUN errors are not answered
/// by more of them.
std::string answer_stun(std::string_view request, const SocketAddress& source);

std::string stun_request(const StunId& id);

struct StunResponse {
  StunId id{};
  bool good = false;  ///< a success with an address
  SocketAddress mapped;
};
std::optional<StunResponse> read_stun_response(std::string_view datagram);

/// The flows that are kept alive from our side. Time comes in, requests and failures come out.
class StunFlows {
 public:
  static constexpr std::size_t kMost = 1024;
  /// How often a request is sent, and what its last one waits for, in units of the first time-out
  /// (RFC 8489 section 6.2.1).
  static constexpr int kRequests = 7;
  static constexpr int kLast = 16;

  struct Outputs {
    std::function<void(const Flow&, const std::string& request)> send;
    /// The flow is dropped here.
    std::function<void(const Flow&, std::error_code)> failed;
  };

  explicit StunFlows(Duration first_timeout) : first_timeout_(first_timeout) {}

  /// False where there are too many. Zero: stop.
  bool keep(const Flow& flow, Duration interval, TimePoint now);
  void expire(TimePoint now, const Outputs& out);
  void answered(const StunResponse& response, const SocketAddress& source, TimePoint now,
                const Outputs& out);
  TimePoint deadline() const noexcept;
  bool empty() const noexcept { return flows_.empty(); }

 private:
  struct Kept {
    Flow flow;
    Duration interval;
    TimePoint due;
    int sent = 0;  ///< requests of this transaction; 0: resting
    StunId id{};
    std::optional<SocketAddress> mapped;
  };
  static TimePoint next(const Kept& kept, TimePoint now);

  Duration first_timeout_;
  std::vector<Kept> flows_;
};

}  // namespace sipstack
