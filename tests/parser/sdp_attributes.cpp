// SPDX-License-Identifier: Apache-2.0
// Attributes of session descriptions by type: what each gives, and what is none.
#include "sipstack/parser/sdp_attributes.hpp"

#include <string>

#include "catch.hpp"

namespace sipstack::sdp {
namespace {

std::string joined(const Words& words) {
  std::string out;
  for (const std::string_view word : words) out += std::string(word) + "|";
  return out;
}

TEST_CASE("words are walked without spaces around them and without empty ones") {
  CHECK(joined(Words("")) == "");
  CHECK(joined(Words(" a  b ")) == "a|b|");
  CHECK(joined(Words(";a b; ;c;", ';')) == "a b|c|");
  CHECK(Words("a b").has("b"));
  CHECK_FALSE(Words("a b").has("a b"));
  CHECK(Words("a b c").size() == 3);
  CHECK(Words("  ").empty());
}

TEST_CASE("fmtp gives its format and walks its parameters") {
  const auto fmtp = fmtp_of("96 profile-level-id=42e01f; packetization-mode=1 ;x;y=a=b");
  REQUIRE(fmtp);
  CHECK(fmtp->format == "96");
  CHECK(fmtp->params == "profile-level-id=42e01f; packetization-mode=1 ;x;y=a=b");
  std::string seen;
  for (const std::string_view piece : fmtp->walk()) {
    const FormatParam param = format_param_of(piece);
    seen +=
        std::string(param.name) + (param.has_value ? "=" : "!") + std::string(param.value) + " ";
  }
  CHECK(seen == "profile-level-id=42e01f packetization-mode=1 x! y=a=b ");
  CHECK(fmtp->find("Packetization-Mode") == "1");
  CHECK(fmtp->find("x") == "");
  CHECK_FALSE(fmtp->find("z"));
  CHECK(format_param_of(*fmtp_of("101 0-15,66")->walk().begin()).name == "0-15,66");
  CHECK_FALSE(fmtp_of(""));
  CHECK_FALSE(fmtp_of("96"));
  CHECK_FALSE(fmtp_of("96 "));
}

TEST_CASE("packet times have milliseconds and fractions") {
  CHECK(packet_time_of("20")->count() == 20000);
  CHECK(packet_time_of(" 2.5 ")->count() == 2500);
  CHECK(packet_time_of("0.125")->count() == 125);
  CHECK(packet_time_of("3600000")->count() == 3600000000);
  for (const char* none :
       {"", "0", "x", "20ms", "-1", "2.", ".5", "3600001", "99999999999999999999"})
    CHECK_FALSE(packet_time_of(none));
}

TEST_CASE("rtcp-fb is of a payload type or of all") {
  CHECK(rtcp_feedback_of("* nack pli")->param == "pli");
  CHECK(rtcp_feedback_of("96 ccm tmmbr smaxpr=120")->param == "tmmbr smaxpr=120");
  CHECK(rtcp_feedback_of("96 nack")->type == "nack");
  for (const char* none : {"", "96", "128 nack", "x nack"}) CHECK_FALSE(rtcp_feedback_of(none));
}

TEST_CASE("extmap has an id, maybe a direction, and a URI") {
  const auto map = extension_map_of("2/sendonly urn:x:y long=1");
  REQUIRE(map);
  CHECK(map->id == 2);
  CHECK(map->direction == Direction::sendonly);
  CHECK(map->uri == "urn:x:y");
  CHECK(map->attributes == "long=1");
  CHECK_FALSE(extension_map_of("255 urn:x")->direction);
  CHECK(extension_map_of("4096 urn:x"));
  for (const char* none : {"", "1", "0 urn:x", "256 urn:x", "4352 urn:x", "1/up urn:x", "x urn:x"})
    CHECK_FALSE(extension_map_of(none));
}

TEST_CASE("bandwidth, rtcp, setup, connection and direction are read by type") {
  CHECK(bandwidth_of("AS:128")->value == 128);
  CHECK(bandwidth_of("TIAS: 64000 ")->type == "TIAS");
  for (const char* none : {"", "AS", "AS:", ":1", "AS:1k", "AS:99999999999999999999"})
    CHECK_FALSE(bandwidth_of(none));
  CHECK(rtcp_port_of("53020")->port == 53020);
  CHECK(rtcp_port_of("53020 IN IP6 2001:db8::1")->at.address == "2001:db8::1");
  for (const char* none : {"", "65536", "1 IN IP4", "x"}) CHECK_FALSE(rtcp_port_of(none));
  CHECK(setup_of("actpass") == Setup::actpass);
  CHECK(setup_of("holdconn ") == Setup::holdconn);
  CHECK_FALSE(setup_of("Active"));
  CHECK(new_connection_of("new") == true);
  CHECK(new_connection_of("existing") == false);
  CHECK_FALSE(new_connection_of("old"));
  CHECK(direction_of("inactive") == Direction::inactive);
  CHECK_FALSE(direction_of("sendrec"));
}

TEST_CASE("groups and sources are read") {
  CHECK(group_of("BUNDLE 0 1 a")->semantics == "BUNDLE");
  CHECK(joined(group_of("BUNDLE 0 1 a")->members) == "0|1|a|");
  CHECK(group_of("LS")->members.empty());
  CHECK_FALSE(group_of(""));
  CHECK(joined(group_of("FID 11 22")->members) == "11|22|");
  const auto source = source_of("4294967295 cname:a b:c");
  REQUIRE(source);
  CHECK(source->id == 4294967295U);
  CHECK(source->attribute == "cname");
  CHECK(source->value == "a b:c");
  for (const char* none : {"", "1", "4294967296 cname:x", "x cname:y"})
    CHECK_FALSE(source_of(none));
}

TEST_CASE("fingerprints are pairs of hexadecimal digits") {
  CHECK(fingerprint_of("sha-256 4A:AD:b9:0f")->bytes == "4A:AD:b9:0f");
  CHECK(fingerprint_of("SHA-1 00")->hash == "SHA-1");
  for (const char* none : {"", "sha-256", "sha-256 4", "sha-256 4A:", "sha-256 4A:A",
                           "sha-256 4AAD", "sha-256 4A:XY", "sha-256 4A 4A"})
    CHECK_FALSE(fingerprint_of(none));
}

TEST_CASE("crypto gives suite, keys and session parameters") {
  const auto crypto = crypto_of(
      "1 AES_CM_128_HMAC_SHA1_80 inline:d0Rm|2^20|1:4;inline:QUJj|2:32;inline:R0hJ "
      "KDR=3 UNENCRYPTED_SRTCP");
  REQUIRE(crypto);
  CHECK(crypto->tag == 1);
  CHECK(crypto->suite == "AES_CM_128_HMAC_SHA1_80");
  CHECK(joined(crypto->params) == "KDR=3|UNENCRYPTED_SRTCP|");
  REQUIRE(crypto->keys.size() == 3);
  auto at = crypto->keys.begin();
  auto key = crypto_key_of(*at);
  REQUIRE(key);
  CHECK(key->method == "inline");
  CHECK(key->key == "d0Rm");
  CHECK(key->lifetime == "2^20");
  CHECK(key->mki == "1");
  CHECK(key->mki_length == 4);
  key = crypto_key_of(*++at);
  REQUIRE(key);
  CHECK(key->lifetime.empty());
  CHECK(key->mki == "2");
  CHECK(key->mki_length == 32);
  key = crypto_key_of(*++at);
  REQUIRE(key);
  CHECK(key->mki.empty());
  for (const char* none : {"", "1", "1 S", "x S inline:a", "1000000000 S inline:a"})
    CHECK_FALSE(crypto_of(none));
  for (const char* none : {"", "inline", "inline:", ":a", "inline:a|1:0", "inline:a|1:129",
                           "inline:a|1:x", "inline:a|2^20|:1", "inline:a|2^20|1"})
    CHECK_FALSE(crypto_key_of(none));
}

TEST_CASE("candidates give addresses, type and extensions") {
  const auto candidate = candidate_of(
      "1 2 UDP 1694498815 192.0.2.3 45664 typ srflx raddr 10.0.1.1 rport 8998 generation 0 ufrag "
      "x");
  REQUIRE(candidate);
  CHECK(candidate->foundation == "1");
  CHECK(candidate->component == 2);
  CHECK(candidate->transport == "UDP");
  CHECK(candidate->priority == 1694498815U);
  CHECK(candidate->address == "192.0.2.3");
  CHECK(candidate->port == 45664);
  CHECK(candidate->type == "srflx");
  CHECK(candidate->related_address == "10.0.1.1");
  CHECK(candidate->related_port == 8998);
  CHECK(joined(candidate->extensions) == "generation|0|ufrag|x|");
  const auto host = candidate_of("a+/b 1 tcp 1 x.local 9 typ host tcptype active");
  REQUIRE(host);
  CHECK(host->related_address.empty());
  CHECK_FALSE(host->related_port);
  CHECK(joined(host->extensions) == "tcptype|active|");
  for (const char* none :
       {"", "1 1 UDP 1 192.0.2.3 1", "1 1 UDP 1 192.0.2.3 1 type host", "1 0 UDP 1 h 1 typ host",
        "1 257 UDP 1 h 1 typ host", "1 1 UDP 2147483648 h 1 typ host", "1 1 UDP 1 h 65536 typ host",
        "1 1 UDP 1 h 1 typ host raddr", "1 1 UDP 1 h 1 typ host rport x",
        "1 1 UDP 1 h 1 typ host odd", "123456789012345678901234567890123 1 UDP 1 h 1 typ host"})
    CHECK_FALSE(candidate_of(none));
}

TEST_CASE("ICE credentials have their lengths and characters") {
  CHECK(ice_ufrag_of("a+/9") == "a+/9");
  CHECK(ice_ufrag_of(std::string(256, 'a')));
  CHECK_FALSE(ice_ufrag_of(std::string(257, 'a')));
  CHECK_FALSE(ice_ufrag_of("abc"));
  CHECK_FALSE(ice_ufrag_of("a-bc"));
  CHECK(ice_pwd_of(std::string(22, 'a')));
  CHECK_FALSE(ice_pwd_of(std::string(21, 'a')));
  CHECK(joined(ice_options_of("trickle ice2")) == "trickle|ice2|");
}

TEST_CASE("a fax section gives its T.38 attributes") {
  const std::string text =
      "a=T38FaxVersion:3\r\na=T38MaxBitRate:14400\r\na=T38FaxFillBitRemoval:0\r\na="
      "T38FaxTranscodingMMR\r\n"
      "a=t38faxtranscodingjbig:1\r\na=T38FaxRateManagement:transferredTCF\r\na=T38FaxMaxBuffer:"
      "262\r\n"
      "a=T38FaxMaxDatagram:90\r\na=T38FaxUdpEC:t38UDPRedundancy\r\n";
  const T38 fax = t38_of(Lines(text, 0, text.size()));
  CHECK(fax.version == 3);
  CHECK(fax.max_bit_rate == 14400);
  CHECK_FALSE(fax.fill_bit_removal);
  CHECK(fax.transcoding_mmr);
  CHECK(fax.transcoding_jbig);
  CHECK(fax.transferred_tcf);
  CHECK(fax.max_buffer == 262);
  CHECK(fax.max_datagram == 90);
  CHECK(fax.udp_ec == "t38UDPRedundancy");
  CHECK(t38_of(Lines()).udp_ec.empty());
}

TEST_CASE("MSRP paths and types are words") {
  CHECK(joined(msrp_path_of("msrps://a.example:9000/iau39;tcp msrp://b.example:1/x;tcp")) ==
        "msrps://a.example:9000/iau39;tcp|msrp://b.example:1/x;tcp|");
  CHECK(accept_types_of("message/cpim text/plain *").has("*"));
}

TEST_CASE("what GB/T 28181 adds is typed where it is as the standard says") {
  CHECK(file_size_of("1048576") == 1048576);
  CHECK(file_size_of("-1") == -1);
  CHECK_FALSE(file_size_of("1 MB"));
  CHECK_FALSE(file_size_of("-"));
  CHECK(download_speed_of("4") == 4000U);
  CHECK(download_speed_of("0.5") == 500U);
  CHECK_FALSE(download_speed_of("fast"));
  const auto source = gb_source_of("1100000001");
  REQUIRE(source);
  CHECK(source->history);
  CHECK(source->domain == "10000");
  CHECK(source->stream == "0001");
  CHECK(source->ssrc == 1100000001);
  CHECK_FALSE(gb_source_of("0100000001 ")->history);
  for (const char* none : {"", "1", "010000000", "01000000011", "010000000x"})
    CHECK_FALSE(gb_source_of(none));
  const auto format = gb_format_of("v/2/4/25/1/4000a/1/8/1");
  REQUIRE(format);
  CHECK(format->video_codec == "2");
  CHECK(format->resolution == "4");
  CHECK(format->frame_rate == "25");
  CHECK(format->rate_type == "1");
  CHECK(format->video_rate == "4000");
  CHECK(format->audio_codec == "1");
  CHECK(format->audio_rate == "8");
  CHECK(format->sampling == "1");
  CHECK(gb_format_of("v/////a///")->audio_codec.empty());
  for (const char* none : {"", "v", "v/1/2/3/4/5", "v/1/2/3/4/5/6a/1/2/3", "v/1/2/3/4/5a1/2/3",
                           "x/1/2/3/4/5a/1/2/3", "v/1/2/3/4/5a/1/2/3/4"})
    CHECK_FALSE(gb_format_of(none));
  CHECK(gb_channel_of("34020000001320000001:3")->type == "3");
  CHECK(gb_channel_of("34020000001320000001:3")->id == "34020000001320000001");
  CHECK_FALSE(gb_channel_of("http://example.com/"));
  CHECK_FALSE(gb_channel_of(":3"));
}

}  // namespace
}  // namespace sipstack::sdp
