// SPDX-License-Identifier: Apache-2.0
// Where users are: bindings of AORs to contacts. RFC 3261 section 10.3, RFC 3327.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "sipstack/base/expected.hpp"
#include "sipstack/base/flow.hpp"
#include "sipstack/base/time.hpp"

namespace sipstack {

/// One contact of an AOR.
struct Binding {
  std::string contact;  ///< URI as registered, without <>
  std::string params;   ///< the header parameters but expires and q: ";+sip.instance=..."
  int q = 1000;         ///< thousandths
  bool has_q = false;
  std::vector<std::string> path;  ///< Path values (whole name-addrs), first hop first
  std::string call_id;
  std::uint32_t cseq = 0;
  TimePoint expires{};
  std::string instance;      ///< the URN of +sip.instance, or empty
  std::uint32_t reg_id = 0;  ///< not 0: a flow of that instance (RFC 5626 section 6)
  /// Temporary GRUUs of this number lead here (RFC 5627 section 5.1); all bindings of one instance have one.
  std::uint64_t epoch = 0;
  Flow flow;  ///< where the REGISTER came from
  /// The contact itself sent the REGISTER, over a connection or through a NAT: requests go to it by `flow`,
  /// and only where that is another node's by `path`, which is that node's own then.
  bool by_flow = false;
  /// The node that `flow` is of, as nodes that share a store number themselves; 0: this one.
  std::uint64_t holder = 0;
};

/// What one REGISTER does to one AOR, all or nothing. Contacts are told apart by URI equality
/// (RFC 3261 section 19.1.4), but two flows by instance and reg-id (RFC 5626 section 6). What is set takes the
/// epoch of its instance's other bindings, unless the Call-ID of that contact or flow is another than before:
/// then all of them take the new one.
struct BindingUpdate {
  std::string aor;           ///< canonical
  bool remove_all = false;   ///< Contact: *
  std::vector<Binding> set;  ///< expires <= now: remove
  std::string call_id;       ///< of the REGISTER
  std::uint32_t cseq = 0;
  std::size_t max_bindings = 10;
};

enum class LocationErrc { ok, out_of_order, too_many, unavailable };

/// The outcome: the bindings of the AOR afterwards, by q descending, then latest first.
using LocationResult = expected<std::vector<Binding>, LocationErrc>;
/// `now` is the time of the answer: that of the question where the store answers at once.
using LocationHandler = std::function<void(LocationResult, TimePoint now)>;

struct LocationSize {
  std::size_t aors = 0;
  std::size_t bindings = 0;
};

/// A store of bindings. Completion is asynchronous: a handler may be called before the call returns (as
/// the store in memory does) or later; exactly once, unless the store dies first. Later means on the shard's
/// thread, followed by Core's outputs, where a Core is driven by hand; behind an Endpoint on any thread,
/// from which the endpoint brings it home.
///
/// Whoever brings another store finds what an update does in binding_rules.hpp.
class LocationStore {
 public:
  virtual ~LocationStore() = default;
  /// Live bindings, by q descending, then latest first.
  virtual void find(std::string_view aor, TimePoint now, LocationHandler done) = 0;
  /// out_of_order: a binding of the same Call-ID has this CSeq or a higher one (section 10.3 step 7).
  virtual void update(BindingUpdate update, TimePoint now, LocationHandler done) = 0;
  /// How much it holds, expired bindings that were not swept yet included, at no cost; nothing where that is
  /// not known. Called on the thread of any shard.
  virtual std::optional<LocationSize> size() { return std::nullopt; }
};

}  // namespace sipstack
