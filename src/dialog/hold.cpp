// SPDX-License-Identifier: Apache-2.0
// Hold and resume with the description that we gave last. RFC 3264 section 8.4, RFC 6337 section 5.3.
#include <algorithm>
#include <charconv>

#include "dialog/context.hpp"
#include "sipstack/parser/sdp.hpp"

namespace sipstack {
namespace {

std::uint64_t version_number(const std::string& text) noexcept {
  std::uint64_t out = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), out);
  return read.ec == std::errc() ? out : 0;
}

}  // namespace

std::error_code InviteSession::hold(bool on, TimePoint now) {
  if (state_ != State::up) return Errc::wrong_state;
  auto session = sdp::Session::parse(local_sdp_);
  if (!session) return Errc::wrong_state;
  for (sdp::Media& medium : session->media) {
    if (medium.port == 0) continue;
    // Held, a stream is not received; whether we send is as it was.
    medium.direction(sdp::direction(sdp::sends(session->direction_of(medium)), !on));
  }
  // An offer that was refused has used its version, too.
  const std::uint64_t version =
      std::max(version_number(session->origin.session_version), held_version_) + 1;
  session->origin.session_version = std::to_string(version);
  if (const auto error = reinvite(session->to_string(), true, now)) return error;
  held_version_ = version;
  return {};
}

}  // namespace sipstack
