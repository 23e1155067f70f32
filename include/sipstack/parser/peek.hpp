// SPDX-License-Identifier: Apache-2.0
// A look at one field of a message that nobody has parsed yet: for those who only pass it on.
#pragma once

#include <string_view>

namespace sipstack {

/// The value of the first Call-ID line (RFC 3261 section 20.8; `i` is its compact name), white space and
/// folds around it left out: by it a message finds the shard or the machine that owns its call, before
/// anything else is known of it. Reads no further than that line, allocates nothing. Of a message that
/// parse() accepts it is what MessageView::call_id() says; of anything else it is whatever stands there.
/// Empty: there is none before the header fields end. The view is into `bytes`.
std::string_view peek_call_id(std::string_view bytes) noexcept;

/// Whether it is a request that begins something new: neither a response nor ACK, BYE, CANCEL or PRACK, and
/// without a `tag` in its To line. Where that cannot be told, false: it is for those who shed load, and
/// what carries a call on must not be shed unread.
bool peek_begins_something(std::string_view bytes) noexcept;

/// The To tag of an ACK, as far as it stands where everybody puts it; empty for anything else, and where there
/// is none or it is written in another way. The view is into `bytes`.
std::string_view peek_ack_tag(std::string_view bytes) noexcept;

}  // namespace sipstack
