// SPDX-License-Identifier: Apache-2.0
// Digest computations: HA1, HA2 and the response. RFC 7616 sections 3.4.1 to 3.4.3.
#include "sipstack/dialog/digest.hpp"

#include <openssl/evp.h>

#include "dialog/digest_hash.hpp"

namespace sipstack {

std::string_view to_string(DigestAlgorithm algorithm) noexcept {
  return algorithm == DigestAlgorithm::md5 ? "MD5" : "SHA-256";
}

std::string digest_ha1(DigestAlgorithm algorithm, std::string_view user, std::string_view realm,
                       std::string_view password) {
  std::string a1;
  a1.reserve(user.size() + realm.size() + password.size() + 2);
  a1.append(user).append(":").append(realm).append(":").append(password);
  return digest::hash(algorithm, a1);
}

namespace digest {

std::string hash(DigestAlgorithm algorithm, std::string_view text) {
  const EVP_MD* md = algorithm == DigestAlgorithm::md5 ? EVP_md5() : EVP_sha256();
  unsigned char out[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  if (EVP_Digest(text.data(), text.size(), out, &size, md, nullptr) != 1) return {};
  std::string hex(2 * std::size_t{size}, '0');
  for (unsigned int i = 0; i < size; ++i) {
    hex[2 * i] = "0123456789abcdef"[out[i] >> 4];
    hex[2 * i + 1] = "0123456789abcdef"[out[i] & 15];
  }
  return hex;
}

std::size_t digits(DigestAlgorithm algorithm) noexcept {
  return algorithm == DigestAlgorithm::md5 ? 32 : 64;
}

std::optional<DigestAlgorithm> algorithm_from(std::string_view name) noexcept {
  if (iequals(name, "MD5")) return DigestAlgorithm::md5;
  if (iequals(name, "SHA-256")) return DigestAlgorithm::sha256;
  return std::nullopt;
}

bool is_hex(std::string_view text) noexcept {
  return text.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  return out;
}

std::string response(DigestAlgorithm algorithm, const Input& in) {
  std::string a2(in.method);
  a2.append(":").append(in.uri);
  const std::string ha2 = hash(algorithm, a2);
  std::string text(in.ha1);
  text.append(":").append(in.nonce).append(":");
  if (!in.qop.empty())
    text.append(in.nc).append(":").append(in.cnonce).append(":").append(in.qop).append(":");
  text.append(ha2);
  return hash(algorithm, text);
}

std::optional<std::string> param(const AuthValue& value, std::string_view name) {
  const auto raw = value.find(name);
  if (!raw) return std::nullopt;
  return unquote(unfold(*raw));
}

}  // namespace digest
}  // namespace sipstack
