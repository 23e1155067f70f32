// SPDX-License-Identifier: Apache-2.0
// Who has offered what, and what was agreed. RFC 3264 section 8, RFC 6337 sections 2, 3 and 5.
#include "sipstack/dialog/offer_answer.hpp"

#include <algorithm>
#include <charconv>

#include "dialog/media_description.hpp"
#include "sipstack/base/keyed_hash.hpp"
#include "sipstack/parser/params.hpp"

namespace sipstack::sdp {
namespace {

// Decimal digits that a peer can hold in 63 bits (RFC 8866 section 5.2 recommends an NTP timestamp,
// which nobody needs: uniqueness is what counts).
constexpr std::uint64_t kIdMask = ~std::uint64_t{0} >> 2;

template <class Mapped>
void for_each_dynamic(const Session& session, Mapped&& mapped) {
  for (const Media& medium : session.media)
    for (const std::string& format : medium.formats) {
      if (format.size() < 2) continue;  // a static one: no need to look for its rtpmap
      const auto map = medium.rtpmap(format);
      if (map && map->payload_type >= 96)
        mapped(map->payload_type, codec_key(map->encoding, map->rate, map->channels));
    }
}

// The audio of a description that is in use, else the first that could be.
Media* audio_of(Session& session) noexcept {
  Media* idle = nullptr;
  for (Media& medium : session.media) {
    if (medium.type != "audio") continue;
    if (medium.port != 0) return &medium;
    if (idle == nullptr) idle = &medium;
  }
  return idle;
}

}  // namespace

std::string_view to_string(OfferAnswerErrc code) noexcept {
  switch (code) {
    case OfferAnswerErrc::ok: return "ok";
    case OfferAnswerErrc::no_common_media: return "no-common-media";
    case OfferAnswerErrc::wrong_state: return "wrong-state";
    case OfferAnswerErrc::glare: return "glare";
    case OfferAnswerErrc::bad_answer: return "bad-answer";
    case OfferAnswerErrc::malformed: return "malformed";
  }
  return "";
}

int status(OfferAnswerErrc code) noexcept {
  switch (code) {
    case OfferAnswerErrc::ok: return 200;
    case OfferAnswerErrc::glare: return 491;
    case OfferAnswerErrc::wrong_state:
    case OfferAnswerErrc::malformed: return 500;
    case OfferAnswerErrc::no_common_media:
    case OfferAnswerErrc::bad_answer: return 488;
  }
  return 500;
}

// ---- without memory ----

Session offer(const Capabilities& ours, Random& random) {
  Session session = describe_session(ours);
  session.origin.session_id = std::to_string(random.next() & kIdMask);
  session.origin.session_version = "1";
  if (ours.audio_port != 0)
    session.media.push_back(describe_audio(ours, ours.audio, ours.direction));
  return session;
}

expected<Session, OfferAnswerErrc> answer(const Session& offer, const Capabilities& ours) {
  auto session = describe_answer(offer, ours, ours.direction);
  if (!session) return session;
  // The same for every offer of this session, another for other sessions; the version follows theirs,
  // for our answer changes only with the offer.
  const Origin& theirs = offer.origin;
  const std::string key = theirs.username + ' ' + theirs.session_id + ' ' + theirs.net_type + ' ' +
                          theirs.addr_type + ' ' + theirs.address;
  const HashKey ours_key{0x6f66666572, 0x616e73776572};
  session->origin.session_id = std::to_string(keyed_hash(ours_key, key) & kIdMask);
  std::uint64_t version = 0;
  const std::string& text = theirs.session_version;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), version);
  session->origin.session_version = std::to_string(read.ec == std::errc() ? version & kIdMask : 1);
  if (!session->well_formed()) return unexpected(OfferAnswerErrc::malformed);
  return session;
}

// ---- with it ----

OfferAnswer::OfferAnswer(std::shared_ptr<const Capabilities> ours, Random& random)
    : ours_(std::move(ours)), session_id_(random.next() & kIdMask) {}

// A copy, for the capacity that a string grew to is no use any more.
OfferAnswer::Kept::Kept(const Session& session)
    : text_(std::make_shared<const std::string>(std::string_view(session.to_string()))) {}

std::optional<Session> OfferAnswer::Kept::read() const {
  if (!text_) return std::nullopt;
  Reading as_before;  // what the application took, in whichever mode and within whatever limits
  as_before.mode = Mode::lenient;
  as_before.limits = {UINT32_MAX, UINT32_MAX, UINT32_MAX};
  auto session = Session::parse(*text_, as_before);
  return session ? std::optional(*std::move(session)) : std::nullopt;
}

// RFC 6337 section 5.3: hold is what we want, whatever the peer has made us answer meanwhile.
Direction OfferAnswer::wanted() const noexcept {
  return hold_ ? direction(sends(ours_->direction), false) : ours_->direction;
}

bool OfferAnswer::free_for(std::uint8_t payload_type, const std::string& codec) const noexcept {
  return std::none_of(mappings_.begin(), mappings_.end(), [&](const Mapping& m) {
    return m.payload_type == payload_type && m.codec != codec;
  });
}

void OfferAnswer::remember_mappings(const Session& session) {
  for_each_dynamic(session, [this](std::uint8_t payload_type, const std::string& codec) {
    const bool known = std::any_of(mappings_.begin(), mappings_.end(), [&](const Mapping& m) {
      return m.payload_type == payload_type;
    });
    if (!known) mappings_.push_back({payload_type, codec});
  });
}

// Section 8.3.2: a codec keeps the payload type that it has in this session, and gets none that has
// meant another.
std::vector<Codec> OfferAnswer::codecs_to_offer() const {
  std::vector<Codec> codecs = ours_->audio;
  std::vector<bool> taken(128, false);
  for (Codec& codec : codecs) {
    if (codec.payload_type < 96) continue;
    const std::string key = codec_key(codec.name, codec.rate, codec.channels);
    const auto usable = [&](std::uint8_t payload_type) {
      return payload_type < 128 && !taken[payload_type] && free_for(payload_type, key);
    };
    const auto known = std::find_if(mappings_.begin(), mappings_.end(), [&](const Mapping& m) {
      return m.codec == key && usable(m.payload_type);
    });
    if (known != mappings_.end()) codec.payload_type = known->payload_type;
    for (std::uint8_t next = 96; !usable(codec.payload_type) && next < 128; ++next)
      if (usable(next)) codec.payload_type = next;
    if (codec.payload_type < 128) taken[codec.payload_type] = true;
  }
  return codecs;
}

Session OfferAnswer::next_description() const {
  const auto agreed = local_.read();
  Session next = agreed ? *agreed : describe_session(*ours_);
  // Lines that are not ours to fill stay as they were; in use, they follow hold.
  for (Media& medium : next.media)
    if (medium.port != 0) medium.direction(wanted());
  Media* slot = audio_of(next);
  if (ours_->audio_port != 0) {
    next.connection(ours_->address);
    Media audio = describe_audio(*ours_, codecs_to_offer(), wanted());
    if (slot != nullptr)
      *slot = std::move(audio);
    else
      next.media.push_back(std::move(audio));
  }
  return next;
}

// Section 8: o= stays but for its version, which rises by one where anything else has changed since it
// was sent last.
expected<Session, OfferAnswerErrc> OfferAnswer::stamped(Session own) {
  bool changed = true;
  if (const auto last = sent_.read()) {
    own.origin = last->origin;
    changed = own != *last;
  } else {
    own.origin.session_id = std::to_string(session_id_);
  }
  if (changed) own.origin.session_version = std::to_string(version_ + 1);
  if (!own.well_formed()) return unexpected(OfferAnswerErrc::malformed);
  if (changed) {
    ++version_;
    sent_ = Kept(own);
    remember_mappings(own);
  }
  return own;
}

expected<Session, OfferAnswerErrc> OfferAnswer::open_local(Session own, bool hold) {
  auto sent = stamped(std::move(own));
  if (!sent) {
    hold_ = hold;
    return sent;
  }
  hold_before_ = hold;
  state_ = State::local_offer;
  open_ = std::make_shared<const Session>(*sent);
  return sent;
}

expected<Session, OfferAnswerErrc> OfferAnswer::offer() {
  if (open_) return unexpected(OfferAnswerErrc::wrong_state);
  return open_local(next_description(), hold_);
}

expected<Session, OfferAnswerErrc> OfferAnswer::offer(Session own) {
  if (open_) return unexpected(OfferAnswerErrc::wrong_state);
  const auto agreed = local();
  if (agreed && own.media.size() < agreed->media.size())
    return unexpected(OfferAnswerErrc::bad_answer);
  return open_local(std::move(own), hold_);
}

expected<Session, OfferAnswerErrc> OfferAnswer::hold() {
  if (open_) return unexpected(OfferAnswerErrc::wrong_state);
  const bool before = std::exchange(hold_, true);
  return open_local(next_description(), before);
}

expected<Session, OfferAnswerErrc> OfferAnswer::resume() {
  if (open_) return unexpected(OfferAnswerErrc::wrong_state);
  const bool before = std::exchange(hold_, false);
  return open_local(next_description(), before);
}

expected<void, OfferAnswerErrc> OfferAnswer::remote_answer(const Session& answer) {
  if (state_ != State::local_offer) return unexpected(OfferAnswerErrc::wrong_state);
  bool fits = answer.media.size() == open_->media.size();
  for (std::size_t i = 0; fits && i < answer.media.size(); ++i) {
    const Media& offered = open_->media[i];
    const Media& answered = answer.media[i];
    // Section 6: a stream that was not offered cannot be accepted, nor become another.
    fits = answered.port == 0 || (offered.port != 0 && answered.type == offered.type);
  }
  if (!fits) {
    rollback();
    return unexpected(OfferAnswerErrc::bad_answer);
  }
  remember_mappings(answer);
  // A stream that they refused is closed on our side, too.
  Session agreed = *open_;
  for (std::size_t i = 0; i < agreed.media.size(); ++i)
    if (answer.media[i].port == 0) agreed.media[i].port = 0;
  local_ = Kept(agreed);
  remote_ = Kept(answer);
  open_.reset();
  state_ = State::stable;
  return {};
}

expected<void, OfferAnswerErrc> OfferAnswer::remote_offer(Session offer) {
  if (state_ == State::local_offer) return unexpected(OfferAnswerErrc::glare);
  if (state_ == State::remote_offer) return unexpected(OfferAnswerErrc::wrong_state);
  hold_before_ = hold_;
  state_ = State::remote_offer;
  open_ = std::make_shared<const Session>(std::move(offer));
  return {};
}

expected<Session, OfferAnswerErrc> OfferAnswer::answer() {
  if (state_ != State::remote_offer) return unexpected(OfferAnswerErrc::wrong_state);
  auto own = describe_answer(*open_, *ours_, wanted());
  if (!own) {
    rollback();
    return own;
  }
  return answer(*std::move(own));
}

expected<Session, OfferAnswerErrc> OfferAnswer::answer(Session own) {
  if (state_ != State::remote_offer) return unexpected(OfferAnswerErrc::wrong_state);
  if (own.media.size() != open_->media.size()) {
    rollback();
    return unexpected(OfferAnswerErrc::bad_answer);
  }
  // Their payload types are taken before ours are: an answer uses the offer's.
  remember_mappings(*open_);
  auto sent = stamped(std::move(own));
  if (!sent) {
    rollback();
    return sent;
  }
  local_ = sent_;
  remote_ = Kept(*open_);
  open_.reset();
  state_ = State::stable;
  return sent;
}

void OfferAnswer::rollback() noexcept {
  if (!open_) return;
  open_.reset();
  hold_ = hold_before_;
  state_ = local_ ? State::stable : State::idle;
}

std::optional<AudioStream> OfferAnswer::audio() const {
  const auto own_side = local();
  const auto their_side = remote();
  if (!own_side || !their_side) return std::nullopt;
  for (std::size_t i = 0; i < own_side->media.size() && i < their_side->media.size(); ++i) {
    const Media& ours = own_side->media[i];
    const Media& theirs = their_side->media[i];
    if (ours.type != "audio" || ours.port == 0 || theirs.port == 0) continue;
    AudioStream out;
    if (const auto connection = their_side->connection_of(theirs)) out.address = connection->host();
    out.port = theirs.port;
    const Direction own = own_side->direction_of(ours);
    const Direction peer = offered_direction(*their_side, theirs);
    out.direction = direction(sends(own) && receives(peer), receives(own) && sends(peer));
    bool found = false;
    for (const std::string& format : theirs.formats) {
      const auto map = theirs.rtpmap(format);
      if (!map) continue;
      const auto mine = std::find_if(ours_->audio.begin(), ours_->audio.end(),
                                     [&](const Codec& codec) { return same_codec(codec, *map); });
      if (mine == ours_->audio.end()) continue;
      if (!carries_speech(map->encoding)) {
        if (iequals(mine->name, "telephone-event") && !out.telephone_event)
          out.telephone_event = map->payload_type;
      } else if (!found) {
        found = true;
        out.codec = *mine;
        out.codec.payload_type = map->payload_type;
      }
    }
    if (found) return out;
  }
  return std::nullopt;
}

}  // namespace sipstack::sdp
