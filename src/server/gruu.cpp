// SPDX-License-Identifier: Apache-2.0
// Temporary GRUUs: a synthetic tag of the plaintext is the start of the key stream, so that what was altered
// does not decrypt to its own tag any more. RFC 5627 section 5.4 and appendix A.2.
#include "server/gruu.hpp"

#include <algorithm>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "server/base64url.hpp"
#include "sipstack/parser/uri_parts.hpp"

namespace sipstack::server {
namespace {

constexpr std::string_view kPrefix = "tgruu.";
constexpr std::size_t kFixed = 24;  // nonce, instance, epoch
constexpr std::size_t kMaxAor = 200;

void put(std::string& out, std::uint64_t number) {
  for (int shift = 56; shift >= 0; shift -= 8) out += static_cast<char>(number >> shift & 0xff);
}
std::uint64_t number_at(std::string_view text, std::size_t at) noexcept {
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < 8; ++i)
    number = number << 8 | static_cast<unsigned char>(text[at + i]);
  return number;
}

template <class Key>
std::string mac(const Key& key, std::string_view text) {
  unsigned char out[EVP_MAX_MD_SIZE] = {};
  unsigned int size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), out, &size);
  return {reinterpret_cast<const char*>(out), size};
}

std::string bare(const Uri& aor) {
  std::string out(aor.scheme_name);
  out.append(":");
  if (aor.has_user) out.append(aor.user).append("@");
  return out.append(aor.host);
}

}  // namespace

GruuTokens::GruuTokens(Random& random, const std::optional<std::array<std::uint8_t, 32>>& key)
    : random_(random) {
  std::array<std::uint8_t, 32> root{};
  if (key)
    root = *key;
  else
    random.fill(root.data(), root.size());
  const auto derive = [&root](Key& to, std::string_view purpose) {
    const std::string bytes = mac(root, purpose);
    std::copy(bytes.begin(), bytes.end(), to.begin());
  };
  derive(tag_key_, "tag");
  derive(text_key_, "text");
  const std::string hash = mac(root, "instance");
  hash_key_ = {number_at(hash, 0), number_at(hash, 8)};
}

std::uint64_t GruuTokens::hash(std::string_view instance) const noexcept {
  return keyed_hash(hash_key_, instance);
}

std::string GruuTokens::tag(std::string_view plain) const {
  return mac(tag_key_, plain).substr(0, kTag);
}

std::string GruuTokens::crypt(std::string_view tag, std::string_view text) const {
  std::string out(text);
  std::string stream;
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (i % 32 == 0) stream = mac(text_key_, std::string(tag).append(1, static_cast<char>(i / 32)));
    out[i] = static_cast<char>(out[i] ^ stream[i % 32]);
  }
  return out;
}

std::string GruuTokens::make(const Meaning& meaning) {
  if (meaning.aor.size() > kMaxAor) return {};
  std::string plain;
  put(plain, random_.next());
  put(plain, meaning.instance);
  put(plain, meaning.epoch);
  plain += meaning.aor;
  const std::string check = tag(plain);
  return std::string(kPrefix) + base64url(check + crypt(check, plain));
}

std::optional<GruuTokens::Meaning> GruuTokens::read(std::string_view user) const {
  if (user.substr(0, kPrefix.size()) != kPrefix || user.size() > 512) return std::nullopt;
  const auto bytes = from_base64url(user.substr(kPrefix.size()));
  if (!bytes || bytes->size() <= kTag + kFixed) return std::nullopt;
  const std::string_view check = std::string_view(*bytes).substr(0, kTag);
  const std::string plain = crypt(check, std::string_view(*bytes).substr(kTag));
  if (CRYPTO_memcmp(tag(plain).data(), check.data(), kTag) != 0) return std::nullopt;
  return Meaning{plain.substr(kFixed), number_at(plain, 8), number_at(plain, 16)};
}

std::string public_gruu(const Uri& aor, std::string_view instance) {
  return bare(aor) + ";gr=" + escape(UriPart::parameter, instance);
}

std::string temporary_gruu(const Uri& aor, std::string_view token) {
  return std::string(aor.scheme_name) + ":" + std::string(token) + "@" + std::string(aor.host) +
         ";gr";
}

}  // namespace sipstack::server
