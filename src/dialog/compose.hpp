// SPDX-License-Identifier: Apache-2.0
// The header lines that a user agent's requests share outside dialogs. RFC 3261 section 8.1.1.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sipstack/dialog/dialog.hpp"
#include "sipstack/dialog/user_agent.hpp"

namespace sipstack {

/// Lines as an application gave them; the writer checks each.
void write_extra(MessageWriter& out, const ExtraHeaders& headers);
bool names(const ExtraHeaders& headers, HeaderId id) noexcept;

/// A URI or a whole name-addr, as a name-addr.
std::string name_addr(std::string_view text);
/// A target as To may have it: without port and what says how to get there (section 19.1.1, table 1).
std::string to_of_target(std::string_view target);
bool is_sips(std::string_view uri);
/// A pre-loaded Route value; `lr` is added where it is missing (section 8.1.2).
std::string loose_route(std::string_view text);

/// The hop of a retry with credentials: to whoever challenged, since another target of the same name knows
/// nothing of that nonce. A numeric hop leads there by itself. `flow`: of the challenge; may be nothing.
NextHop retry_hop(NextHop hop, const std::optional<Flow>& flow);
/// The flow for retry_hop().
std::optional<Flow> challenger(const TransactionLayer& layer, const ResponseArrived& event);

/// What stays the same when a request is tried again: with credentials, or at another target.
struct RequestHead {
  std::string from;  ///< with tag
  std::string to;
  std::string call_id;
  std::string tag;
  std::vector<std::string> routes;
  std::uint32_t max_forwards = 70;

  /// Under a Call-ID that is the shard's.
  static RequestHead of(const RequestOptions& options, Random& random, const Shard& shard);
  /// Start line to CSeq, and the next hop. Check error(): a target that is no URI fails at seal().
  RequestWriter write(BlockPool& pool, std::string_view method, std::string_view target,
                      std::uint32_t cseq, NextHop& hop) const;
  /// True where a request for `target` has somewhere to go: a SIP URI, or any with a route.
  bool reaches(std::string_view target) const;
};

}  // namespace sipstack
