// SPDX-License-Identifier: Apache-2.0
// The bindings of one AOR as bytes, for stores that outlive a process or are shared by several.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sipstack/server/location.hpp"

namespace sipstack::server {

/// Who reads or writes, and when: `now` on the core's time line is `unix_ms` on everybody's.
struct CodecFrame {
  std::uint64_t node = 0;  ///< not 0; another one after a restart, since connections are gone then
  TimePoint now{};
  std::int64_t unix_ms = 0;
};

/// Order is kept. What is of another node stays so.
std::string encode_bindings(const std::vector<Binding>& bindings, const CodecFrame& frame);

/// Nothing where the bytes are not what encode_bindings() writes, to the last one: they may be anything.
/// What has expired is left out; what would live longer than it was granted, since a clock went back, is
/// cut short.
std::optional<std::vector<Binding>> decode_bindings(std::string_view bytes,
                                                    const CodecFrame& frame);

/// How many there are, and when the last one expires, in Unix milliseconds; nothing where the head is bad.
struct EncodedSummary {
  std::size_t count = 0;
  std::int64_t latest = 0;
};
std::optional<EncodedSummary> summarize_bindings(std::string_view bytes) noexcept;

/// Makes bindings of other nodes such as this one may use: a datagram's flow by its remote address, a
/// connection's not at all.
void forget_foreign_flows(std::vector<Binding>& bindings);

}  // namespace sipstack::server
