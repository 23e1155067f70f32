// SPDX-License-Identifier: Apache-2.0
// expected<T, E> for the whole library, in one place so that it can become std::expected.
#pragma once

#include <tl/expected.hpp>

namespace sipstack {

using tl::expected;
using tl::unexpected;

}  // namespace sipstack
