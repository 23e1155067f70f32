// SPDX-License-Identifier: Apache-2.0
#include "endpoint/posted_location.hpp"

#include <mutex>
#include <thread>
#include <utility>

#include <boost/asio/post.hpp>

#include "endpoint/state.hpp"

namespace sipstack {

/// The way home, shut when the endpoint goes: after that its io_context may be gone, too.
struct PostedLocation::Gate {
  std::mutex mutex;
  boost::asio::io_context* io = nullptr;
  std::weak_ptr<EndpointState> state;
};

namespace {

/// One question: whether its call has not returned yet is the asking thread's knowledge alone.
struct Asked {
  explicit Asked(LocationHandler d) : done(std::move(d)) {}
  const std::thread::id thread = std::this_thread::get_id();
  bool inside = true;
  LocationHandler done;  ///< moved home with the answer: what it holds is the shard's, to the end
};

}  // namespace

PostedLocation::PostedLocation(EndpointState& state, boost::asio::io_context& io,
                               LocationStore& store)
    : state_(state), store_(store), gate_(std::make_shared<Gate>()) {
  gate_->io = &io;
}

void PostedLocation::close() {
  const std::lock_guard<std::mutex> lock(gate_->mutex);
  gate_->io = nullptr;
}

template <class Ask>
void PostedLocation::ask(LocationHandler done, Ask&& question) {
  // The endpoint's constructor could not know it.
  if (gate_->state.expired()) {
    const std::lock_guard<std::mutex> lock(gate_->mutex);
    gate_->state = state_.weak_from_this();
  }
  const auto asked = std::make_shared<Asked>(std::move(done));
  question([gate = gate_, asked](LocationResult result, TimePoint at) {
    if (asked->thread == std::this_thread::get_id() && asked->inside)
      return asked->done(std::move(result), at);
    const std::lock_guard<std::mutex> lock(gate->mutex);
    if (gate->io == nullptr) return;
    boost::asio::post(*gate->io, [state = gate->state, done = std::move(asked->done),
                                  result = std::move(result)]() mutable {
      const auto self = state.lock();
      if (!self || self->closed_down) return;
      done(std::move(result), self->now());
      self->flush();
      self->tell();
    });
  });
  asked->inside = false;
}

void PostedLocation::find(std::string_view aor, TimePoint now, LocationHandler done) {
  ask(std::move(done), [&](LocationHandler bring) { store_.find(aor, now, std::move(bring)); });
}

void PostedLocation::update(BindingUpdate update, TimePoint now, LocationHandler done) {
  ask(std::move(done),
      [&](LocationHandler bring) { store_.update(std::move(update), now, std::move(bring)); });
}

std::optional<LocationSize> PostedLocation::size() { return store_.size(); }

}  // namespace sipstack
