// SPDX-License-Identifier: Apache-2.0
// The parts that lenient readers share. All are cold: they run where a grammar has refused.
#pragma once

#include "parser/scan.hpp"
#include "sipstack/parser/diagnostics.hpp"

namespace sipstack::lenient {

using detail::Notes;

/// Visible ASCII, or a byte of UTF-8.
inline bool is_visible(char c) noexcept {
  const auto byte = static_cast<unsigned char>(c);
  return byte > 0x20 && byte != 0x7f;
}

/// host [":" port] at `p`, up to one of ":;?," or white space behind it. An empty host only where
/// `may_be_empty`.
ParseErrc host_port(const char*& p, const char* end, std::string_view& host,
                    std::optional<std::uint16_t>& port, bool may_be_empty, Notes& notes) noexcept;

/// *( ";" [ name [ "=" value ] ] ), up to the end or, where `list`, a comma.
ParseErrc params(const char*& p, const char* end, bool list, Params& out, Notes& notes) noexcept;

/// Exactly [cursor, end). Without a host only where `host_optional`.
ParseErrc uri(const char*& cursor, const char* end, Uri& out, bool host_optional,
              Notes& notes) noexcept;

}  // namespace sipstack::lenient
