// SPDX-License-Identifier: Apache-2.0
// Parts of messages in bodies: message/sipfrag. RFC 3420. A whole message/sip goes to parse().
#pragma once

#include <string_view>

#include "sipstack/parser/message_index.hpp"

namespace sipstack {

/// Parses a fragment: maybe a start line, then any header fields, then maybe an empty line and a body.
/// Fills `index`, whose offsets count from bytes.data(), so that MessageView reads it; zero-copy, allocates
/// nothing. What stands there is checked as parse() does; nothing has to be there, so that a MessageView
/// of it answers
///   - without a start line: status() 0, method_name() empty (or CSeq's), is_request() false;
///   - get() and all() as ever: missing_header for what is absent; call_id() and the others then are empty.
///     top_via(), cseq() and request_uri() are for whole messages: use get(hdr::via), get(hdr::cseq).
/// Without an empty line there is no body (section 2.1); with one, what follows is the body, to the end or
/// to Content-Length.
///
/// Differs from parse() in that an end of the bytes is an end of a line: NOTIFYs of a transfer (RFC 3515
/// section 2.4.5) often have "SIP/2.0 100 Trying" without CRLF.
///
/// Errors as parse(), but for missing_header; not_sip never: "bad-header-name" where the first line is
/// neither.
expected<void, ParseError> parse_fragment(std::string_view bytes, MessageIndex& index,
                                          const ParseLimits& limits = {}) noexcept;

}  // namespace sipstack
