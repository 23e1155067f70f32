// SPDX-License-Identifier: Apache-2.0
// Offers and answers of a call made on the command line. RFC 3264; RFC 3261 section 13.2.1.
#include "tools/media.hpp"

#include <utility>

#include "tools/node.hpp"

namespace sipstack::tools {

namespace {

/// Where the offer wants its media, to find our address on the way there. No more than a hint: the whole is
/// read where it is answered.
std::string_view media_host(std::string_view body) {
  const std::size_t line = body.find("\nc=");
  if (line == std::string_view::npos) return {};
  body.remove_prefix(line + 3);
  return sdp::connection_of(body.substr(0, body.find_first_of("\r\n"))).host();
}

}  // namespace

std::optional<std::string_view> sdp_of(const MessageView& message) {
  const auto type = message.get(hdr::content_type);
  if (message.body().empty() || !type || !type->is("application", "sdp")) return std::nullopt;
  return message.body();
}

Media::Media(Node& node, std::string_view peer)
    : session_(node.audio_toward(peer), node.endpoint().core().random()) {}

Media::Media(Node& node, const MessageView& invite)
    : Media(node, media_host(sdp_of(invite).value_or(std::string_view{}))) {}

std::optional<std::string> Media::respond(const MessageView& request) {
  const auto body = sdp_of(request);
  if (!body) return offer();
  auto offered = sdp::Session::parse(*body);
  if (!offered || !session_.remote_offer(*std::move(offered))) return std::nullopt;
  return text(session_.answer());
}

bool Media::answered(const MessageView& message) {
  const auto body = sdp_of(message);
  if (!body) return session_.state() == sdp::OfferAnswer::State::stable;
  const auto answer = sdp::Session::parse(*body);
  return answer && session_.remote_answer(*answer).has_value();
}

std::optional<std::string> Media::text(
    const expected<sdp::Session, sdp::OfferAnswerErrc>& description) {
  if (!description) return std::nullopt;
  return description->to_string();
}

}  // namespace sipstack::tools
