// SPDX-License-Identifier: Apache-2.0
// The session descriptions of a call made on the command line: audio that is agreed on and thrown
// away.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "sipstack/dialog/offer_answer.hpp"
#include "sipstack/parser/message_view.hpp"

namespace sipstack::tools {

class Node;

/// The SDP of a message, where it has one.
std::optional<std::string_view> sdp_of(const MessageView& message);

/// One call's offers and answers.
class Media {
 public:
  /// `peer`: where the peer is, as far as that is known, to choose our address by; may be "".
  Media(Node& node, std::string_view peer);
  /// Of a call that comes in with this INVITE.
  Media(Node& node, const MessageView& invite);

  /// Nothing where there is nothing to be said: 488.
  std::optional<std::string> offer() { return text(session_.offer()); }
  /// The user's own description instead.
  std::optional<std::string> offer(sdp::Session own) {
    return text(session_.offer(std::move(own)));
  }
  std::optional<std::string> hold() { return text(session_.hold()); }
  /// The answer to the offer in this message, or our offer where it has none.
  std::optional<std::string> respond(const MessageView& request);
  /// The answer to our offer. False where it is none.
  bool answered(const MessageView& message);
  /// Nothing is open and something was agreed.
  bool agreed() const noexcept { return session_.state() == sdp::OfferAnswer::State::stable; }
  void rollback() noexcept { session_.rollback(); }

 private:
  static std::optional<std::string> text(
      const expected<sdp::Session, sdp::OfferAnswerErrc>& description);
  sdp::OfferAnswer session_;
};

}  // namespace sipstack::tools
