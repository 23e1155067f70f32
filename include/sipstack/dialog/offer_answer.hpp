// SPDX-License-Identifier: Apache-2.0
// Offer and answer: what we can do against what they offer, and who owes what. RFC 3264, RFC 6337.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sipstack/base/random.hpp"
#include "sipstack/parser/sdp.hpp"

namespace sipstack::sdp {

// ---- what we can do ----

/// An audio codec as we would offer it.
struct Codec {
  std::uint8_t payload_type = 0;  ///< offered; an answer takes the offer's
  std::string name;               ///< rtpmap's encoding name, compared in any case
  std::uint32_t rate = 8000;
  std::uint32_t channels = 1;
  std::string fmtp;  ///< our parameters, without the payload type; may be empty
};

Codec pcmu();
Codec pcma();
/// Its RTP clock is 8000 although it samples at 16000 (RFC 3551 section 4.5.2).
Codec g722();
/// DTMF 0-9, *, #, A-D (RFC 4733).
Codec telephone_event(std::uint8_t payload_type = 101);

/// What our side can and wants to do. Plain values; the order of codecs is that of preference.
struct Capabilities {
  IpAddress address;             ///< where our media are received
  std::uint16_t audio_port = 0;  ///< 0: no audio
  std::vector<Codec> audio = {pcmu(), pcma(), telephone_event()};
  Direction direction = Direction::sendrecv;  ///< what we want, hold apart
  std::uint32_t ptime = 0;                    ///< milliseconds; 0: say nothing
  std::string username = "-";                 ///< of o=
  std::string session_name = "-";             ///< of s=
};

/// Capabilities as a description tells them: of its first active audio medium, for `sipstack sdp answer`.
Capabilities capabilities_of(const Session& session);

enum class OfferAnswerErrc : std::uint8_t {
  ok,
  no_common_media,  ///< nothing that is offered can be done: 488 (RFC 3264 section 6)
  wrong_state,  ///< no offer to answer, or one is still to be answered by us: 500 to a second offer
  glare,        ///< an offer while ours is not answered: 491 (RFC 6337 section 2.2)
  bad_answer,   ///< the answer does not fit the offer: hang up
  malformed,    ///< our own description has a byte in it that may not be there
};
std::string_view to_string(OfferAnswerErrc code) noexcept;
/// The response owed to a request whose offer met this error.
int status(OfferAnswerErrc code) noexcept;

// ---- one exchange, without memory ----

/// An offer of all that we can do, its o= fresh from `random`.
Session offer(const Capabilities& ours, Random& random);

/// The answer to an offer (RFC 3264 section 6): as many m= lines in the same order; audio over RTP/AVP
/// with every codec in common, in the offer's order and with its payload types; everything else refused
/// by port 0. Without memory o= is derived from the offer's, so that a later offer of the same session
/// gets the same one with a version that rises with the offer's.
///
/// no_common_media where something is offered and nothing can be accepted.
expected<Session, OfferAnswerErrc> answer(const Session& offer, const Capabilities& ours);

// ---- the state of a session ----

/// The audio that both sides have agreed on, for whoever sends and receives it.
struct AudioStream {
  std::string address;  ///< where to send to, as the peer wrote it
  std::uint16_t port = 0;
  Direction direction = Direction::inactive;  ///< ours
  /// The first codec in common and the payload type that the peer wants it with.
  Codec codec;
  std::optional<std::uint8_t> telephone_event;  ///< payload type of DTMF towards the peer
};

/// Owns the offer/answer state of one dialog: what was agreed, which offer is open, our o= line, which
/// payload type ever meant what, and whether we have put the peer on hold. Copyable: an INVITE's offer
/// is open in every early dialog that it forks into, each with an answer of its own.
///
/// Errors are values, and leave what was agreed untouched. Threads: none of its own.
class OfferAnswer {
 public:
  enum class State : std::uint8_t {
    idle,          ///< nothing agreed, nothing open
    local_offer,   ///< ours is open
    remote_offer,  ///< theirs is open: answer() or rollback()
    stable         ///< agreed
  };

  OfferAnswer(Capabilities ours, Random& random)
      : OfferAnswer(std::make_shared<const Capabilities>(std::move(ours)), random) {}
  /// Many sessions may share what one side can do. Not null.
  OfferAnswer(std::shared_ptr<const Capabilities> ours, Random& random);

  State state() const noexcept { return state_; }
  /// What the next offer or answer is made of.
  const Capabilities& capabilities() const noexcept { return *ours_; }
  void capabilities(Capabilities ours) {
    ours_ = std::make_shared<const Capabilities>(std::move(ours));
  }

  /// An offer of what we can do. In a session it keeps the m= lines that there are, in number and order,
  /// and payload types their meaning (RFC 3264 section 8); on hold it stays on hold. Also the way to
  /// answer a re-INVITE without an offer (RFC 6337 section 5.2).
  expected<Session, OfferAnswerErrc> offer();
  /// The application's own description; only o= is made ours. bad_answer where it has fewer m= lines
  /// than what was agreed.
  expected<Session, OfferAnswerErrc> offer(Session own);
  /// offer(), with the peer on hold from now on: we do not receive (RFC 6337 section 5.3).
  expected<Session, OfferAnswerErrc> hold();
  /// offer(), with hold taken off. The peer may keep us on hold still.
  expected<Session, OfferAnswerErrc> resume();
  bool on_hold() const noexcept { return hold_; }

  /// The answer to our offer. An error takes the offer back.
  expected<void, OfferAnswerErrc> remote_answer(const Session& answer);

  /// An offer of theirs: glare or wrong_state where another one is open.
  expected<void, OfferAnswerErrc> remote_offer(Session offer);
  /// The answer to it, out of our capabilities, or the application's own. An error refuses the offer:
  /// the state is that before it.
  expected<Session, OfferAnswerErrc> answer();
  expected<Session, OfferAnswerErrc> answer(Session own);

  /// The open offer failed, ours or theirs: back to what was agreed (RFC 3261 section 14.1,
  /// RFC 6337 section 3.4).
  void rollback() noexcept;

  /// What was agreed last; nothing before that. Parsed anew each time: between exchanges a session keeps
  /// the texts alone, a fifth of the memory.
  std::optional<Session> local() const { return local_.read(); }
  std::optional<Session> remote() const { return remote_.read(); }
  /// The open offer, whosever; null where there is none. Until the state changes.
  const Session* open_offer() const noexcept { return open_.get(); }

  /// Nothing where no audio was agreed on.
  std::optional<AudioStream> audio() const;

 private:
  struct Mapping {
    std::uint8_t payload_type;
    std::string codec;
  };
  /// A description as its text, shared by copies.
  class Kept {
   public:
    Kept() = default;
    explicit Kept(const Session& session);
    explicit operator bool() const noexcept { return text_ != nullptr; }
    std::optional<Session> read() const;

   private:
    std::shared_ptr<const std::string> text_;
  };
  Direction wanted() const noexcept;
  Session next_description() const;
  void remember_mappings(const Session& session);
  bool free_for(std::uint8_t payload_type, const std::string& codec) const noexcept;
  std::vector<Codec> codecs_to_offer() const;
  expected<Session, OfferAnswerErrc> stamped(Session own);
  expected<Session, OfferAnswerErrc> open_local(Session own, bool hold);

  std::shared_ptr<const Capabilities> ours_;
  State state_ = State::idle;
  bool hold_ = false;
  bool hold_before_ = false;  ///< what rollback() goes back to
  std::uint64_t session_id_;
  std::uint64_t version_ = 0;            ///< the highest that was sent
  Kept sent_;                            ///< the description that had it, maybe refused since
  std::shared_ptr<const Session> open_;  ///< the open offer
  Kept local_;                           ///< agreed
  Kept remote_;                          ///< agreed
  std::vector<Mapping> mappings_;        ///< of dynamic payload types, in this session
};

}  // namespace sipstack::sdp
