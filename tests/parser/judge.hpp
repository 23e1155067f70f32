// SPDX-License-Identifier: Apache-2.0
// What becomes of a message, whatever it is: accepted, answered or dropped; and what must hold in any
// case (the "Z" of the hardening list, as far as a parser can break it).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "compose.hpp"

namespace sipstack::testing {

/// SplitMix64: the same sequence on every platform.
class Sequence {
 public:
  explicit Sequence(std::uint64_t seed) noexcept : state_(seed) {}
  std::size_t below(std::size_t bound) noexcept {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
    return static_cast<std::size_t>((z ^ (z >> 31U)) % bound);
  }

 private:
  std::uint64_t state_;
};

/// What every index promises, of a good message or a bad one: spans within the bytes, ranges that end.
bool sound(std::string_view bytes, const MessageView& m);
/// What parse() promises of a message that it accepts.
bool kept(const MessageView& m);

/// Where requests come from.
inline Flow peer() {
  Flow flow;
  flow.remote = SocketAddress::parse("192.0.2.4:5060").value();
  return flow;
}

struct Verdict {
  bool accepted = false;
  bool valid = false;  ///< accepted, and validate() agrees
  ParseErrc code = ParseErrc::ok;
  HeaderId header = HeaderId::other;
  int answer = 0;  ///< the status that goes back where it is not accepted; 0: nothing goes back
  std::string answered;  ///< the response, where there is one
};

/// Parses, looks at everything, answers as the core does; whole as a datagram, and through the framer
/// in one piece and byte by byte, which must agree. A canary is parsed afterwards with the same storage.
/// Fails the test with the text where anything does not hold.
Verdict judge(std::string_view text, const ParseLimits& limits = {});

/// judge() in a word: "ok", "invalid" (accepted, but a header asked for is none), "400", "drop", ...
std::string fate(std::string_view text, const ParseLimits& limits = {});

/// What a framer makes of a stream cut into pieces of `step` bytes (0: uncut): messages as text, "ping",
/// "error ..." and what is left over as "rest N".
std::vector<std::string> frames(std::string_view stream, std::size_t step,
                                const ParseLimits& limits = {});

}  // namespace sipstack::testing
