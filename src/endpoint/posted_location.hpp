// SPDX-License-Identifier: Apache-2.0
// A location store of the user's as one shard sees it: whatever thread an answer comes on, the shard's gets it.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "sipstack/server/location.hpp"

namespace boost::asio {
class io_context;
}

namespace sipstack {

struct EndpointState;

/// Answers that come before the call returns are passed on at once; later ones on the io_context's thread,
/// flushed. Those behind the endpoint's end are dropped.
class PostedLocation final : public LocationStore {
 public:
  /// Neither is owned; `store` lives longer, and is called on the shard's thread.
  PostedLocation(EndpointState& state, boost::asio::io_context& io, LocationStore& store);
  ~PostedLocation() override { close(); }
  /// What comes from now on is for nobody; the io_context may go.
  void close();

  void find(std::string_view aor, TimePoint now, LocationHandler done) override;
  void update(BindingUpdate update, TimePoint now, LocationHandler done) override;
  std::optional<LocationSize> size() override;

 private:
  struct Gate;
  template <class Ask>
  void ask(LocationHandler done, Ask&& question);

  EndpointState& state_;
  LocationStore& store_;
  std::shared_ptr<Gate> gate_;
};

}  // namespace sipstack
