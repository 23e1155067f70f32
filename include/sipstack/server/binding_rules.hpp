// SPDX-License-Identifier: Apache-2.0
// What a REGISTER does to the bindings of an AOR, for every location store alike. RFC 3261 section 10.3 steps 6
// and 7, RFC 5626 section 6, RFC 5627 section 5.1.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "sipstack/server/location.hpp"

namespace sipstack {

/// Drops what has expired at `now`.
void drop_expired(std::vector<Binding>& bindings, TimePoint now);

/// Applies an update to the live bindings of its AOR, which are kept latest first: all of it, or nothing
/// where the outcome is not `ok` (then `update` may have lost epochs, and nothing else). Pure; O(n^2) of a
/// few bindings.
///
/// out_of_order, too_many: as LocationStore::update(). unavailable: there would be more than `room` bindings
/// above those that there were.
LocationErrc apply_update(std::vector<Binding>& bindings, BindingUpdate& update, TimePoint now,
                          std::size_t room = SIZE_MAX);

/// Kept latest first, given out by q descending, then latest first: the order of LocationResult.
void sort_by_preference(std::vector<Binding>& bindings);

}  // namespace sipstack
