// SPDX-License-Identifier: Apache-2.0
// Session-Expires, Min-SE and who refreshes. RFC 4028 sections 7.1 to 7.4 and 9.
#include "dialog/session_timer.hpp"

#include <algorithm>
#include <string>

#include "dialog/open_offer.hpp"

namespace sipstack {
namespace {

constexpr std::uint32_t kLeast = 90;                // section 5
constexpr std::uint32_t kMost = 10 * 365 * 86400U;  // so that no time overflows
constexpr std::uint8_t kMaxRetries = 3;             // each hop may raise Min-SE

using Role = SessionExpires::Refresher;

}  // namespace

void SessionTimer::heard_min_se(const MessageView& message) noexcept {
  if (const auto heard = message.get(hdr::min_se))
    min_se_ = std::max(min_se_, std::min(heard->number, kMost));
}

void SessionTimer::write_request(MessageWriter& out) const {
  if (!in_use()) return;
  const std::uint32_t asked = interval_ != 0 ? interval_ : wanted_;
  const std::uint32_t own = options_->min_se > kLeast ? options_->min_se : 0;
  const std::uint32_t least = std::max(min_se_, own);
  if (least != 0) out.header(HeaderId::min_se, least);
  if (asked == 0) return;
  std::string value = std::to_string(std::max({asked, least, kLeast}));
  // Section 7.4: roles stay as they are. At first we may offer to refresh, but not choose the peer, which
  // may know nothing of it (7.1).
  if (interval_ != 0)
    value += ours_ ? ";refresher=uac" : ";refresher=uas";
  else if (options_->refresher == Refresher::local)
    value += ";refresher=uac";
  out.header(HeaderId::session_expires, value);
}

void SessionTimer::answered(const MessageView& response) noexcept {
  if (!in_use()) return;
  retries_ = 0;
  if (lists(response, hdr::supported, "timer") || lists(response, hdr::require, "timer"))
    peer_supports_ = true;
  const auto agreed = response.get(hdr::session_expires);
  if (agreed && agreed->number != 0) {
    interval_ = std::min(agreed->number, kMost);
    ours_ = agreed->refresher() != Role::uas;
    return;
  }
  // Section 7.2: a peer that knows timers wants none; with another one we refresh alone, if we asked.
  const std::uint32_t asked = interval_ != 0 ? interval_ : wanted_;
  interval_ = peer_supports_ || asked == 0 ? 0 : std::max({asked, min_se_, kLeast});
  ours_ = interval_ != 0;
  if (interval_ == 0) wanted_ = 0;
}

bool SessionTimer::too_small(const MessageView& response) noexcept {
  if (!in_use()) return false;
  const std::uint32_t before = min_se_;
  heard_min_se(response);
  return min_se_ > before && ++retries_ <= kMaxRetries;
}

bool SessionTimer::refuses(const MessageView& request) const noexcept {
  if (!in_use()) return false;
  const auto asked = request.get(hdr::session_expires);
  // Where only a proxy asks, the caller could not do better.
  return asked && asked->number < options_->min_se && lists(request, hdr::supported, "timer");
}

void SessionTimer::write_refusal(MessageWriter& out) const {
  out.header(HeaderId::min_se, options_->min_se);
}

void SessionTimer::accept(const MessageView& request, MessageWriter& out) noexcept {
  if (!in_use()) return;
  heard_min_se(request);
  peer_supports_ = lists(request, hdr::supported, "timer");
  const auto asked = request.get(hdr::session_expires);
  const std::uint32_t ours = interval_ != 0 ? interval_ : wanted_;
  const std::uint32_t least = std::max(min_se_, kLeast);
  // Its value may be lowered but not below its Min-SE, and not raised. Without one it is ours to ask.
  if (asked && asked->number != 0) {
    const std::uint32_t given = std::min(asked->number, kMost);
    interval_ = ours == 0 ? given : std::min(given, std::max(ours, least));
  } else {
    interval_ = ours == 0 ? 0 : std::max(ours, least);
  }
  if (interval_ == 0) return;
  const Role role = asked ? asked->refresher() : Role::unspecified;
  if (!peer_supports_)
    ours_ = true;  // table 2
  else if (role != Role::unspecified)
    ours_ = role == Role::uas;
  else
    ours_ = options_->refresher != Refresher::remote;
  if (peer_supports_) out.header(HeaderId::require, "timer");
  out.header(HeaderId::session_expires,
             std::to_string(interval_).append(ours_ ? ";refresher=uas" : ";refresher=uac"));
}

}  // namespace sipstack
