// SPDX-License-Identifier: Apache-2.0
// What makes two messages one transaction: RFC 3261 sections 17.1.3, 17.2.3 and 8.2.2.2.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "sipstack/base/keyed_hash.hpp"
#include "sipstack/parser/message_view.hpp"
#include "transaction/transaction.hpp"

namespace sipstack {

inline constexpr std::string_view kMagicCookie = "z9hG4bK";

/// The branch that we put into requests: the cookie, slot, generation and 64 random bits in hex, so that
/// a response finds its transaction without a table and cannot be made up by a stranger.
struct ClientBranch {
  TxnId txn;
  std::uint64_t random = 0;

  static constexpr std::size_t kSize = 7 + 8 + 8 + 16;
  struct Text {
    char chars[kSize];
    operator std::string_view() const noexcept { return {chars, kSize}; }
  };
  Text text() const noexcept;
  static std::optional<ClientBranch> parse(std::string_view text) noexcept;
};

/// Hash of what else a response must repeat: the top Via's sent-by and CSeq's method. One function for
/// the request as sent and the response that came.
std::uint32_t response_hash(const HashKey& key, const MessageView& message) noexcept;

/// True where the top Via has no branch with the cookie and something behind it: RFC 2543 made it.
bool is_legacy(const MessageView& request) noexcept;

/// The hash under which a server transaction stands, or is looked for: of the branch and the method.
/// `method`: the transaction's, so INVITE for an ACK, and for the INVITE that a CANCEL means.
std::uint32_t server_hash(const HashKey& key, const MessageView& request, Method method) noexcept;
/// Whether the request belongs to that server transaction; `method` as above.
bool matches(const Transaction& server, const MessageView& request, Method method) noexcept;
/// Whether the messages have the same branch and sent-by.
bool same_branch(const MessageView& a, const MessageView& b) noexcept;

/// The same for merged requests: From tag, Call-ID, CSeq.
std::uint32_t merge_hash(const HashKey& key, const MessageView& request) noexcept;
bool merges(const Transaction& server, const MessageView& request) noexcept;

}  // namespace sipstack
