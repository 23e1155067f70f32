// SPDX-License-Identifier: Apache-2.0
// The hashes under digest authentication, by libcrypto. RFC 7616 section 3.4.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "sipstack/dialog/digest.hpp"

namespace sipstack::digest {

/// Lower-case hex of H(text). Empty where libcrypto refuses the algorithm (MD5 in a FIPS provider);
/// an empty digest never matches anything.
std::string hash(DigestAlgorithm algorithm, std::string_view text);
/// Digits of a hash in hex: 32 or 64.
std::size_t digits(DigestAlgorithm algorithm) noexcept;
/// What an algorithm parameter names, in any case; nothing where it is none of ours.
struct Algorithm {
  DigestAlgorithm hash = DigestAlgorithm::md5;
  bool session_key = false;  ///< -sess
};
std::optional<Algorithm> algorithm_from(std::string_view name) noexcept;
bool is_hex(std::string_view text) noexcept;
std::string lower(std::string_view text);

/// What the response parameter covers. Without `qop` it is that of RFC 2069; `body` is for auth-int.
struct Input {
  std::string_view ha1, nonce, nc, cnonce, qop, method, uri;
  std::string_view body = {};
};
std::string response(DigestAlgorithm algorithm, const Input& in);

/// HA1 of a -sess algorithm (RFC 7616 section 3.4.2).
std::string session_ha1(DigestAlgorithm algorithm, std::string_view ha1, std::string_view nonce,
                        std::string_view cnonce);
/// What stands in place of the user name where it is hashed (section 3.4.4).
std::string user_hash(DigestAlgorithm algorithm, std::string_view user, std::string_view realm);

/// A parameter without its quotes and folds; nothing where it is absent.
std::optional<std::string> param(const AuthValue& value, std::string_view name);

}  // namespace sipstack::digest
