// SPDX-License-Identifier: Apache-2.0
// Method names. RFC 3261 section 7.1.
#include "sipstack/parser/method.hpp"

#include <cstddef>

namespace sipstack {
namespace {

constexpr std::string_view kNames[] = {"",
#define SIPSTACK_X(id, name) name,
                                       SIPSTACK_METHODS(SIPSTACK_X)
#undef SIPSTACK_X
};

}  // namespace

std::string_view name(Method method) noexcept { return kNames[static_cast<std::size_t>(method)]; }

Method method_from(std::string_view text) noexcept {
  for (std::size_t i = 1; i < sizeof kNames / sizeof *kNames; ++i) {
    if (kNames[i] == text) return static_cast<Method>(i);
  }
  return Method::other;
}

}  // namespace sipstack
