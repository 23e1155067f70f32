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
/// MD5 or SHA-256 in any case; nothing for others, -sess variants included.
std::optional<DigestAlgorithm> algorithm_from(std::string_view name) noexcept;
bool is_hex(std::string_view text) noexcept;
std::string lower(std::string_view text);

/// What the response parameter covers. Without `qop` it is that of RFC 2069.
struct Input {
  std::string_view ha1, nonce, nc, cnonce, qop, method, uri;
};
std::string response(DigestAlgorithm algorithm, const Input& in);

/// A parameter without its quotes and folds; nothing where it is absent.
std::optional<std::string> param(const AuthValue& value, std::string_view name);

}  // namespace sipstack::digest
