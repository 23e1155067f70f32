// SPDX-License-Identifier: Apache-2.0
// GRUUs: public ones are the AOR with `gr`, temporary ones a token that only we can read. RFC 5627 sections 5.4
// and 6.1.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sipstack/base/keyed_hash.hpp"
#include "sipstack/base/random.hpp"
#include "sipstack/parser/uri.hpp"

namespace sipstack::server {

/// Temporary GRUUs without a table: what they stand for is in them, encrypted. Two of one instance look as
/// different as those of two AORs (RFC 5627 section 5.1). Without a key that was kept
/// they mean nothing after a restart, like the bindings that they led to.
class GruuTokens {
 public:
  /// `key`: the same for all who have to read one another's; drawn where there is none.
  explicit GruuTokens(Random& random,
                      const std::optional<std::array<std::uint8_t, 32>>& key = std::nullopt);

  struct Meaning {
    std::string aor;
    std::uint64_t instance = 0;  ///< hash() of it
    std::uint64_t epoch = 0;     ///< Binding::epoch
  };
  /// A user part for a temporary GRUU; empty where the AOR is too long for one.
  std::string make(const Meaning& meaning);
  /// Nothing for what we did not make.
  std::optional<Meaning> read(std::string_view user) const;
  std::uint64_t hash(std::string_view instance) const noexcept;

 private:
  static constexpr std::size_t kTag = 12;
  using Key = std::array<unsigned char, 32>;
  std::string tag(std::string_view plain) const;
  /// The same twice gives what there was.
  std::string crypt(std::string_view tag, std::string_view text) const;

  Random& random_;
  Key tag_key_{};
  Key text_key_{};
  HashKey hash_key_;
};

/// "sip:user@host;gr=urn:..." of the URI of an AOR.
std::string public_gruu(const Uri& aor, std::string_view instance);
std::string temporary_gruu(const Uri& aor, std::string_view token);

}  // namespace sipstack::server
