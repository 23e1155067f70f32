// SPDX-License-Identifier: Apache-2.0
// Digest computations: HA1, HA2 and the response. RFC 7616 sections 3.4.1 to 3.4.3.
#include "sipstack/dialog/digest.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <memory>

#include "dialog/digest_hash.hpp"

namespace sipstack {

std::string_view to_string(DigestAlgorithm algorithm) noexcept {
  switch (algorithm) {
    case DigestAlgorithm::md5: return "MD5";
    case DigestAlgorithm::sha256: return "SHA-256";
    case DigestAlgorithm::sha512_256: break;
  }
  return "SHA-512-256";
}

std::string digest_ha1(DigestAlgorithm algorithm, std::string_view user, std::string_view realm,
                       std::string_view password) {
  std::string a1;
  a1.reserve(user.size() + realm.size() + password.size() + 2);
  a1.append(user).append(":").append(realm).append(":").append(password);
  return digest::hash(algorithm, a1);
}

namespace digest {
namespace {

// Fetched once and kept for good: libcrypto looks up what EVP_md5() names again for every hash, which takes
// longer than the hash.
const EVP_MD* function_of(DigestAlgorithm algorithm) noexcept {
  static const EVP_MD* const kFunctions[] = {EVP_MD_fetch(nullptr, "MD5", nullptr),
                                             EVP_MD_fetch(nullptr, "SHA2-256", nullptr),
                                             EVP_MD_fetch(nullptr, "SHA2-512/256", nullptr)};
  return kFunctions[static_cast<std::size_t>(algorithm)];
}

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
};

}  // namespace

std::string hash(DigestAlgorithm algorithm, std::string_view text) {
  thread_local const std::unique_ptr<EVP_MD_CTX, FreeContext> context(EVP_MD_CTX_new());
  const EVP_MD* const function = function_of(algorithm);
  unsigned char out[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  if (!context || function == nullptr ||
      EVP_DigestInit_ex2(context.get(), function, nullptr) != 1 ||
      EVP_DigestUpdate(context.get(), text.data(), text.size()) != 1 ||
      EVP_DigestFinal_ex(context.get(), out, &size) != 1)
    return {};
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

std::optional<Algorithm> algorithm_from(std::string_view name) noexcept {
  constexpr std::string_view kSess = "-sess";
  const bool session =
      name.size() > kSess.size() && iequals(name.substr(name.size() - kSess.size()), kSess);
  if (session) name.remove_suffix(kSess.size());
  for (std::size_t i = 0; i < kDigestAlgorithms; ++i) {
    const auto algorithm = static_cast<DigestAlgorithm>(i);
    if (iequals(name, to_string(algorithm))) return Algorithm{algorithm, session};
  }
  return std::nullopt;
}

bool is_hex(std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(), [](char c) {
    const int low = c | 0x20;
    return (c >= '0' && c <= '9') || (low >= 'a' && low <= 'f');
  });
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  return out;
}

std::string response(DigestAlgorithm algorithm, const Input& in) {
  std::string a2;
  a2.reserve(in.method.size() + in.uri.size() + 2 + digits(algorithm));
  a2.append(in.method).append(":").append(in.uri);
  if (in.qop == "auth-int") a2.append(":").append(hash(algorithm, in.body));
  const std::string ha2 = hash(algorithm, a2);
  std::string text;
  text.reserve(in.ha1.size() + in.nonce.size() + in.nc.size() + in.cnonce.size() + in.qop.size() +
               ha2.size() + 5);
  text.append(in.ha1).append(":").append(in.nonce).append(":");
  if (!in.qop.empty())
    text.append(in.nc).append(":").append(in.cnonce).append(":").append(in.qop).append(":");
  text.append(ha2);
  return hash(algorithm, text);
}

std::string session_ha1(DigestAlgorithm algorithm, std::string_view ha1, std::string_view nonce,
                        std::string_view cnonce) {
  std::string text(ha1);
  text.append(":").append(nonce).append(":").append(cnonce);
  return hash(algorithm, text);
}

std::string user_hash(DigestAlgorithm algorithm, std::string_view user, std::string_view realm) {
  std::string text(user);
  text.append(":").append(realm);
  return hash(algorithm, text);
}

std::optional<std::string> param(const AuthValue& value, std::string_view name) {
  const auto raw = value.find(name);
  if (!raw) return std::nullopt;
  return unquote(unfold(*raw));
}

}  // namespace digest
}  // namespace sipstack
