// SPDX-License-Identifier: Apache-2.0
// The canonical record of a message: what it says, however it is laid out. Two messages say the same
// if their records are equal.
#pragma once

#include <string>

#include "sipstack/parser/message_view.hpp"

namespace sipstack::testing {

/// Start line; then each header field by its long name in lower case, sorted, fields of one name in
/// their order and a list's values one by one, typed where they parse and else the value unfolded; then
/// the body. Content-Length is left out: the body's size says it. `vias_left_out` Via values from the
/// top are left out as well: those that a writer put there.
std::string record(const MessageView& m, std::size_t vias_left_out = 0);

/// A typed value as it would be written: from its members, not from the bytes that it was read from.
/// Nothing for types that have no members to write it from.
std::string spell(const Via& via);
std::string spell(const NameAddr& address);
std::string spell(const CSeq& cseq);
std::string spell(const MediaType& media);
std::string spell(const TokenValue& value);
std::string spell(const AuthValue& value);
std::string spell(const CallIdValue& value);
std::string spell(const RAck& rack);
std::string spell(const TextValue& value);

}  // namespace sipstack::testing
