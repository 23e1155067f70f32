// SPDX-License-Identifier: Apache-2.0
// Registrations of one endpoint at another that serves a domain.
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "endpoint/ends.hpp"
#include "sipstack/server/memory_location.hpp"

using namespace sipstack;
using sipstack::test::Ends;
using sipstack::test::quick;

namespace {

EndpointOptions serving() {
  EndpointOptions options = quick();
  ServerOptions server;
  server.registrar.domains = {"example.test"};
  options.server = server;
  return options;
}

struct Served : Ends {
  Served() : Ends(quick(), serving()) {
    binding.aor = "sip:alice@example.test";
    binding.registrar = "sip:127.0.0.1:" + std::to_string(bob_port);
    alice.on_registration(
        [this](const RegistrationChanged& change) { later.push_back(change.state); });
  }
  RegistrationOptions binding;
  std::vector<RegistrationChanged::State> later;
};

/// Answers on a thread of its own, when it is let.
class LateLocation final : public LocationStore {
 public:
  ~LateLocation() override { finish(); }
  void find(std::string_view aor, TimePoint now, LocationHandler done) override {
    later([this, aor = std::string(aor), now, done] { store_.find(aor, now, done); });
  }
  void update(BindingUpdate update, TimePoint now, LocationHandler done) override {
    later([this, update, now, done] { store_.update(update, now, done); });
  }
  std::size_t asked() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return asked_;
  }
  void answer() {
    thread_ = std::thread([this] { run(); });
  }
  void finish() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      finished_ = true;
    }
    changed_.notify_one();
    if (thread_.joinable()) thread_.join();
  }

 private:
  void later(std::function<void()> f) {
    const std::lock_guard<std::mutex> lock(mutex_);
    ++asked_;
    queue_.push_back(std::move(f));
    changed_.notify_one();
  }
  void run() {
    std::unique_lock<std::mutex> lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return finished_ || !queue_.empty(); });
      if (queue_.empty()) return;
      const std::function<void()> next = std::move(queue_.front());
      queue_.pop_front();
      lock.unlock();
      next();
      lock.lock();
    }
  }

  SeededRandom random_{1};
  MemoryLocation store_{random_};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> queue_;
  std::size_t asked_ = 0;
  bool finished_ = false;
  std::thread thread_;
};

}  // namespace

TEST_CASE("a location store may answer on a thread of its own") {
  LateLocation store;
  EndpointOptions server = serving();
  server.server->location = &store;
  Ends ends(quick(), server);
  CHECK_FALSE(ends.bob.core().location()->size());  // as this one says
  store.answer();
  RegistrationOptions binding;
  binding.aor = "sip:alice@example.test";
  binding.registrar = "sip:127.0.0.1:" + std::to_string(ends.bob_port);
  bool registered = false;
  ends.alice.async_register(binding, [&](error_code ec, RegistrationId, const Message& response) {
    registered = !ec && response->status() == 200;
  });
  REQUIRE(ends.until([&] { return registered; }));

  // And the proxy's questions: she calls herself through it.
  ends.alice.on_invite([](IncomingCall call) { call.reject(486); });
  ends.call.target = "sip:alice@example.test";
  ends.call.route = {"sip:127.0.0.1:" + std::to_string(ends.bob_port) + ";lr"};
  int status = 0;
  ends.alice.async_invite(ends.call, [&](error_code, const Call&, const Message& response) {
    status = response ? response->status() : -1;
  });
  REQUIRE(ends.until([&] { return status != 0; }));
  CHECK(status == 486);
}

TEST_CASE("what a location store says after the endpoint's end is for nobody") {
  LateLocation store;
  {
    EndpointOptions server = serving();
    server.server->location = &store;
    Ends ends(quick(), server);
    RegistrationOptions binding;
    binding.aor = "sip:alice@example.test";
    binding.registrar = "sip:127.0.0.1:" + std::to_string(ends.bob_port);
    ends.alice.async_register(binding, [](error_code, RegistrationId, const Message&) {});
    REQUIRE(ends.until([&] { return store.asked() != 0; }));
  }
  store.answer();
  store.finish();
  CHECK(store.asked() == 1);
}

TEST_CASE("the first outcome goes to the operation, the removal to on_registration") {
  Served ends;
  RegistrationId id;
  std::size_t contacts = 0;
  ends.alice.async_register(ends.binding,
                            [&](error_code ec, RegistrationId given, const Message& response) {
                              REQUIRE_FALSE(ec);
                              REQUIRE(response->status() == 200);
                              for (const auto& contact : response->all(hdr::contact))
                                contacts += contact ? 1 : 0;
                              id = given;
                            });
  REQUIRE(ends.until([&] { return static_cast<bool>(id); }));
  CHECK(contacts == 1);
  CHECK(ends.later.empty());
  CHECK_FALSE(ends.alice.unregister(id));
  REQUIRE(ends.until([&] { return !ends.later.empty(); }));
  CHECK(ends.later.front() == RegistrationChanged::State::removed);
  CHECK(ends.alice.unregister(id) == Errc::gone);
}

TEST_CASE("a refused registration is an outcome with its response") {
  Served ends;
  ends.binding.aor = "sip:alice@elsewhere.test";
  ends.binding.refresh = false;
  int status = 0;
  ends.alice.async_register(ends.binding,
                            [&](error_code ec, RegistrationId, const Message& response) {
                              CHECK_FALSE(ec);
                              status = response ? response->status() : -1;
                            });
  REQUIRE(ends.until([&] { return status != 0; }));
  CHECK(status >= 400);
}

TEST_CASE("shutting down removes the bindings before it is over") {
  Served ends;
  bool registered = false;
  ends.alice.async_register(
      ends.binding, [&](error_code ec, RegistrationId, const Message&) { registered = !ec; });
  REQUIRE(ends.until([&] { return registered; }));
  bool over = false;
  ends.alice.shut_down(std::chrono::seconds(10), [&] { over = true; });
  REQUIRE(ends.until([&] { return over; }));
  CHECK(ends.later == std::vector<RegistrationChanged::State>{RegistrationChanged::State::removed});

  // A stranger who asks finds nothing.
  boost::asio::io_context& io = ends.io;
  Endpoint other(io, quick());
  other.listen("udp:127.0.0.1:0").value();
  RegistrationOptions question = ends.binding;
  question.fetch = true;
  question.refresh = false;
  int status = 0;
  bool empty = false;
  other.async_register(question, [&](error_code, RegistrationId, const Message& response) {
    status = response ? response->status() : -1;
    empty = response && !response->has(HeaderId::contact);
  });
  REQUIRE(ends.until([&] { return status != 0; }));
  CHECK(status == 200);
  CHECK(empty);
}

TEST_CASE("an outbound flow is pinged on its connection, and its end is told") {
  EndpointOptions server = serving();
  server.server->registrar.flow_timer = 1;
  Ends ends(quick(), server, "tcp");
  std::vector<RegistrationChanged> later;
  ends.alice.on_registration([&](const RegistrationChanged& change) { later.push_back(change); });
  RegistrationOptions binding;
  binding.aor = "sip:alice@example.test";
  binding.route = {"sip:127.0.0.1:" + std::to_string(ends.bob_port) + ";transport=tcp"};
  binding.instance = "urn:uuid:00000000-0000-1000-8000-000a95a0e128";
  binding.reg_id = 1;
  binding.gruu = true;
  RegistrationId id;
  ends.alice.async_register(binding, [&](error_code ec, RegistrationId given, const Message&) {
    CHECK_FALSE(ec);
    id = given;
  });
  REQUIRE(ends.until([&] { return static_cast<bool>(id); }));
  const auto registered = ends.alice.registered(id);
  REQUIRE(registered);
  CHECK(registered->outbound);
  CHECK(registered->pub_gruu == "sip:alice@example.test;gr=" + binding.instance);
  REQUIRE(ends.until([&] { return ends.bob.transport_counters().pongs > 0; }));

  ends.bob = Endpoint(ends.io, quick());
  REQUIRE(ends.until([&] { return !later.empty(); }));
  CHECK(later[0].state == RegistrationChanged::State::failed);
  CHECK(later[0].error == Errc::transport_failed);
  CHECK_FALSE(ends.alice.registered(id));
}

TEST_CASE("flows through two proxies are registrations of their own") {
  Served ends;
  ends.binding.instance = "urn:uuid:00000000-0000-1000-8000-000a95a0e128";
  const std::string proxy = "sip:127.0.0.1:" + std::to_string(ends.bob_port);
  const auto flows = ends.alice.register_flows(ends.binding, {proxy, proxy});
  REQUIRE(flows);
  CHECK(flows->size() == 2);
  REQUIRE(ends.until([&] { return ends.later.size() == 2; }));
  for (const RegistrationId id : *flows) CHECK(ends.alice.registered(id)->outbound);
}
