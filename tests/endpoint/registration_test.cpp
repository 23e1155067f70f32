// SPDX-License-Identifier: Apache-2.0
// Registrations of one endpoint at another that serves a domain.
#include <string>
#include <vector>

#include "catch.hpp"
#include "endpoint/ends.hpp"

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

}  // namespace

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
