// SPDX-License-Identifier: Apache-2.0
// Replaces and Join in an INVITE: what they match and what that allows. RFC 3891 section 3, RFC 3911
// section 4.
#include "dialog/replaces.hpp"

namespace sipstack {

InviteSession::Replaceable InviteSession::replaceable(const DialogId& id) const noexcept {
  switch (state_) {
    case State::up: return Replaceable::confirmed;
    case State::calling:
      for (const Early& early : early_)
        if (early.dialog.local_tag() == id.local_tag && early.dialog.remote_tag() == id.remote_tag)
          return Replaceable::early_of_ours;
      return Replaceable::no;
    case State::leaving:
    case State::cancelling:
    case State::over: return Replaceable::ended;
    default: return Replaceable::no;  // an early dialog that its caller made
  }
}

namespace {

/// Section 6.1: a tag of zero stands for none as well, as RFC 2543 peers have it.
InviteSession* call_of(UserAgentContext& ua, const DialogId& id, DialogId& found) {
  for (const bool no_local : {false, true})
    for (const bool no_remote : {false, true}) {
      if ((no_local && id.local_tag != "0") || (no_remote && id.remote_tag != "0")) continue;
      found = {id.call_id, no_local ? std::string_view() : id.local_tag,
               no_remote ? std::string_view() : id.remote_tag};
      if (InviteSession* call = ua.call_of(found)) return call;
    }
  return nullptr;
}

}  // namespace

namespace {

std::size_t lines_of(const MessageView& invite, HeaderId id) noexcept {
  std::size_t lines = 0;
  for (std::size_t i = 0; i < invite.header_count(); ++i) lines += invite.header(i).id == id;
  return lines;
}

/// Both name a dialog in the same way, and only once (RFC 3891 section 3, RFC 3911 section 4).
template <class Value>
bool names_one(const MessageView& invite, HeaderId id, const Value& value) {
  return value && lines_of(invite, id) == 1 && !value->to_tag().empty() &&
         !value->from_tag().empty();
}

// RFC 3911 section 4. An early dialog may be joined as well as a confirmed one, whoever made it.
Replacement joining(UserAgentContext& ua, const MessageView& invite) {
  const auto value = invite.get(hdr::join);
  if (!names_one(invite, HeaderId::join, value)) return {400, {}, {}};
  const DialogId id{value->call_id, value->to_tag(), value->from_tag()};
  DialogId found;
  InviteSession* const call = call_of(ua, id, found);
  if (call == nullptr) return {ua.dialogs.ended_lately(id) ? 603 : 481, {}, {}};
  if (!call->joinable()) return {603, {}, {}};
  return {0, {}, call->id()};
}

}  // namespace

Replacement replacement(UserAgentContext& ua, const MessageView& invite) {
  const bool replaces = ua.options.replaces && invite.has(HeaderId::replaces);
  // The two contradict each other (RFC 3911 section 4), also where only one of them is ours to know.
  if ((replaces && invite.has(HeaderId::join)) ||
      (ua.options.join && invite.has(HeaderId::join) && invite.has(HeaderId::replaces)))
    return {400, {}, {}};
  if (ua.options.join && invite.has(HeaderId::join)) return joining(ua, invite);
  if (!replaces) return {};
  const auto value = invite.get(hdr::replaces);
  if (!names_one(invite, HeaderId::replaces, value)) return {400, {}, {}};
  const DialogId id{value->call_id, value->to_tag(), value->from_tag()};
  DialogId found;
  InviteSession* call = call_of(ua, id, found);
  if (call == nullptr) return {ua.dialogs.ended_lately(id) ? 603 : 481, {}, {}};
  switch (call->replaceable(found)) {
    case InviteSession::Replaceable::ended: return {603, {}, {}};
    case InviteSession::Replaceable::confirmed:
      if (value->early_only()) return {486, {}, {}};
      return {0, call->id(), {}};
    case InviteSession::Replaceable::early_of_ours: return {0, call->id(), {}};
    case InviteSession::Replaceable::no: break;
  }
  return {481, {}, {}};
}

}  // namespace sipstack
