// SPDX-License-Identifier: Apache-2.0
// Attributes of session descriptions by name, each a small value of views. RFC 8866 section 6, RFC 3605,
// 4145, 4568, 4585, 4975, 5576, 5888, 8122, 8285, 8839, T.38 annex D, and what GB/T 28181 adds.
#pragma once

#include <chrono>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string_view>

#include "sipstack/parser/sdp.hpp"

namespace sipstack::sdp {

// Every function below takes the value of one attribute (what Attribute::value has) or of one line, gives
// nothing where that is malformed, allocates nothing, and gives views into the text. Every attribute,
// typed or not, is there raw, too: Lines gives it in its place.

/// Pieces between one separator, without spaces around them and without empty ones: walking cannot fail.
class Words {
 public:
  Words() = default;
  explicit Words(std::string_view text, char separator = ' ') noexcept
      : text_(text), separator_(separator) {}

  class iterator {
   public:
    using value_type = std::string_view;
    using reference = const std::string_view&;
    using pointer = const std::string_view*;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::input_iterator_tag;
    iterator() = default;
    iterator(std::string_view rest, char separator) noexcept : rest_(rest), separator_(separator) {
      read();
    }
    reference operator*() const noexcept { return word_; }
    pointer operator->() const noexcept { return &word_; }
    iterator& operator++() noexcept {
      read();
      return *this;
    }
    friend bool operator==(const iterator& a, const iterator& b) noexcept {
      return a.word_.data() == b.word_.data();
    }
    friend bool operator!=(const iterator& a, const iterator& b) noexcept { return !(a == b); }

   private:
    void read() noexcept;
    std::string_view rest_;
    std::string_view word_;  ///< of null: the end
    char separator_ = ' ';
  };

  iterator begin() const noexcept { return {text_, separator_}; }
  iterator end() const noexcept { return {}; }
  bool empty() const noexcept { return begin() == end(); }
  std::size_t size() const noexcept;
  bool has(std::string_view word) const noexcept;
  std::string_view text() const noexcept { return text_; }

 private:
  std::string_view text_;
  char separator_ = ' ';
};

// ---- codecs ----

/// One parameter of a format: "name=value", or "value" alone as in telephone-event's "0-15".
struct FormatParam {
  std::string_view name;
  std::string_view value;
  bool has_value = false;
};

/// a=fmtp (RFC 8866 section 6.15).
struct Fmtp {
  std::string_view format;
  std::string_view params;  ///< as they stand

  /// Pieces between ";"; format_param_of() splits each.
  Words walk() const noexcept { return Words(params, ';'); }
  /// The value of the first parameter of that name, in any case; "" where it has none.
  std::optional<std::string_view> find(std::string_view name) const noexcept;
};
std::optional<Fmtp> fmtp_of(std::string_view value) noexcept;
FormatParam format_param_of(std::string_view piece) noexcept;

/// a=ptime, a=maxptime: milliseconds, with fractions (RFC 8866 sections 6.4, 6.5). Up to an hour.
std::optional<std::chrono::microseconds> packet_time_of(std::string_view value) noexcept;

/// a=rtcp-fb (RFC 4585 section 4.2).
struct RtcpFeedback {
  std::string_view format;  ///< payload type, or "*"
  std::string_view type;    ///< "nack", "ccm", ...
  std::string_view param;   ///< "pli", "fir"; the rest as it stands
};
std::optional<RtcpFeedback> rtcp_feedback_of(std::string_view value) noexcept;

/// a=extmap (RFC 8285 section 5).
struct ExtensionMap {
  std::uint16_t id = 0;  ///< 1-255, or 4096-4351
  std::optional<Direction> direction;
  std::string_view uri;
  std::string_view attributes;
};
std::optional<ExtensionMap> extension_map_of(std::string_view value) noexcept;

// ---- the medium ----

/// The direction that an attribute's name is (RFC 8866 section 6.7).
std::optional<Direction> direction_of(std::string_view name) noexcept;

/// b= (RFC 8866 section 5.8), e.g. AS in kilobits a second, TIAS (RFC 3890) in bits.
struct Bandwidth {
  std::string_view type;
  std::uint64_t value = 0;
};
std::optional<Bandwidth> bandwidth_of(std::string_view value) noexcept;

/// a=rtcp (RFC 3605 section 2.1). Address parts are empty where only the port stands.
struct RtcpPort {
  std::uint16_t port = 0;
  Connection at;
};
std::optional<RtcpPort> rtcp_port_of(std::string_view value) noexcept;

/// a=setup (RFC 4145 section 4).
enum class Setup : std::uint8_t { active, passive, actpass, holdconn };
std::optional<Setup> setup_of(std::string_view value) noexcept;
std::string_view to_string(Setup setup) noexcept;

/// a=connection (RFC 4145 section 5): true for "new", false for "existing".
std::optional<bool> new_connection_of(std::string_view value) noexcept;

/// a=group (RFC 5888 section 5) and a=ssrc-group (RFC 5576 section 4.2).
struct Group {
  std::string_view semantics;  ///< "BUNDLE", "LS", "FID"
  Words members;               ///< mids, or sources
};
std::optional<Group> group_of(std::string_view value) noexcept;

/// a=ssrc (RFC 5576 section 4.1).
struct Source {
  std::uint32_t id = 0;
  std::string_view attribute;  ///< "cname"
  std::string_view value;
};
std::optional<Source> source_of(std::string_view value) noexcept;

// ---- keys ----

/// a=fingerprint (RFC 8122 section 5).
struct Fingerprint {
  std::string_view hash;   ///< "sha-256", in any case
  std::string_view bytes;  ///< pairs of hexadecimal digits between colons, checked
};
std::optional<Fingerprint> fingerprint_of(std::string_view value) noexcept;

/// One key of a=crypto: "inline:key|lifetime|mki:length" (RFC 4568 section 6.1).
struct CryptoKey {
  std::string_view method;    ///< "inline"
  std::string_view key;       ///< in base64, of key and salt
  std::string_view lifetime;  ///< "2^20" or a number; "" where absent
  std::string_view mki;       ///< "" where absent
  std::uint8_t mki_length = 0;
};

/// a=crypto (RFC 4568 section 9.1).
struct Crypto {
  std::uint32_t tag = 0;
  std::string_view suite;
  Words keys;    ///< between ";"; crypto_key_of() splits each
  Words params;  ///< session parameters: "UNENCRYPTED_SRTP", "KDR=3", ...
};
std::optional<Crypto> crypto_of(std::string_view value) noexcept;
std::optional<CryptoKey> crypto_key_of(std::string_view key_param) noexcept;

// ---- ICE ----

/// a=candidate (RFC 8839 section 5.1, RFC 5245 section 15.1).
struct Candidate {
  std::string_view foundation;
  std::uint16_t component = 0;  ///< 1 to 256
  std::string_view transport;   ///< "UDP", in any case
  std::uint32_t priority = 0;
  std::string_view address;
  std::uint16_t port = 0;
  std::string_view type;  ///< "host", "srflx", "prflx", "relay", ...
  std::string_view related_address;
  std::optional<std::uint16_t> related_port;
  Words extensions;  ///< names and values in turns
};
std::optional<Candidate> candidate_of(std::string_view value) noexcept;

/// a=ice-ufrag: 4 to 256 of ALPHA, DIGIT, "+", "/" (RFC 8839 section 5.4).
std::optional<std::string_view> ice_ufrag_of(std::string_view value) noexcept;
/// a=ice-pwd: 22 to 256 of them.
std::optional<std::string_view> ice_pwd_of(std::string_view value) noexcept;
/// a=ice-options: tags (RFC 8839 section 5.6).
inline Words ice_options_of(std::string_view value) noexcept { return Words(value); }

// ---- T.38 ----

/// The attributes of an m=image ... udptl section (ITU-T T.38 annex D), with its defaults. Flags of older
/// implementations with a value: ":0" is off, ":1" on.
struct T38 {
  std::uint16_t version = 0;
  std::uint32_t max_bit_rate = 0;  ///< 0: not told
  bool fill_bit_removal = false;
  bool transcoding_mmr = false;
  bool transcoding_jbig = false;
  bool transferred_tcf = false;    ///< T38FaxRateManagement
  std::uint32_t max_buffer = 0;    ///< 0: not told
  std::uint32_t max_datagram = 0;  ///< 0: not told
  std::string_view udp_ec;  ///< "t38UDPRedundancy", "t38UDPFEC", "t38UDPNoEC"; "" where absent
};
T38 t38_of(const Lines& lines) noexcept;

// ---- MSRP ----

/// a=path (RFC 4975 section 8.1): MSRP URIs, the nearest hop first.
inline Words msrp_path_of(std::string_view value) noexcept { return Words(value); }
/// a=accept-types, a=accept-wrapped-types (RFC 4975 section 8.6): media types, "*" for any.
inline Words accept_types_of(std::string_view value) noexcept { return Words(value); }

// ---- GB/T 28181 (annexes F and G) ----

/// a=filesize: bytes of a recording; -1 is sent where they are not known.
std::optional<std::int64_t> file_size_of(std::string_view value) noexcept;
/// a=downloadspeed: times the speed of play, in thousandths.
std::optional<std::uint32_t> download_speed_of(std::string_view value) noexcept;

/// y=: the SSRC as ten decimal digits.
struct GbSource {
  bool history = false;     ///< first digit: 0 live, 1 recorded
  std::string_view domain;  ///< digits 4 to 8 of the platform's id
  std::string_view stream;  ///< four digits, unique there
  std::uint64_t ssrc = 0;   ///< all ten
};
/// Ten digits; devices that send fewer or more give nothing, and the line stays raw.
std::optional<GbSource> gb_source_of(std::string_view value) noexcept;

/// f=v/codec/resolution/frame rate/rate type/rate a/codec/rate/sampling. Fields are as they stand, empty
/// ones too.
struct GbFormat {
  std::string_view video_codec;
  std::string_view resolution;
  std::string_view frame_rate;
  std::string_view rate_type;
  std::string_view video_rate;
  std::string_view audio_codec;
  std::string_view audio_rate;
  std::string_view sampling;
};
/// Nothing for an f= that is empty or has other fields.
std::optional<GbFormat> gb_format_of(std::string_view value) noexcept;

/// u=id:type, of playback and download.
struct GbChannel {
  std::string_view id;
  std::string_view type;
};
std::optional<GbChannel> gb_channel_of(std::string_view value) noexcept;

}  // namespace sipstack::sdp
