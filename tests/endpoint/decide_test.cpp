// SPDX-License-Identifier: Apache-2.0
// A proxy's application that decides later: Endpoint::decide(), and an endpoint that goes meanwhile.
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/post.hpp>

#include "catch.hpp"
#include "endpoint/ends.hpp"

using namespace sipstack;
using sipstack::test::Ends;
using sipstack::test::quick;

namespace {

/// Bob is a proxy that is asked, and says nothing yet; Alice asks for somebody behind him.
struct Undecided {
  static EndpointOptions proxy(std::vector<ProxyRequestId>& asked) {
    EndpointOptions o = quick();
    o.server.emplace().registrar.domains = {"example.org"};
    o.server->proxy.decide = [&asked](const ProxyRequest& request) -> Decision {
      asked.push_back(request.id);
      return DecideLater{};
    };
    return o;
  }

  void ask(const std::string& body = {}) {
    RequestOptions message;
    message.target = "sip:carol@127.0.0.1:" + std::to_string(ends.bob_port);
    message.from = "sip:alice@127.0.0.1";
    if (!body.empty()) message.content_type = "text/plain";
    message.body = body;
    ends.alice.async_request("MESSAGE", message, [this](error_code ec, const Message& response) {
      error = ec;
      status = response ? response->status() : 0;
      reason = response ? std::string(response->reason()) : "";
      over = true;
    });
  }

  std::vector<ProxyRequestId> asked;
  Ends ends{quick(), proxy(asked)};
  bool over = false;
  int status = 0;
  std::string reason;
  error_code error;
};

}  // namespace

TEST_CASE("a request waits until the application has decided, and is decided once") {
  Undecided u;
  u.ask();
  REQUIRE(u.ends.until([&] { return !u.asked.empty(); }));
  CHECK_FALSE(u.over);
  const ProxyRequestId id = u.asked.front();
  CHECK(u.ends.bob.decide(id, DecideLater{}) == Errc::wrong_state);
  CHECK(u.ends.alice.decide(id, ProxyReply{}) == Errc::wrong_state);  // who is no proxy
  CHECK_FALSE(u.ends.bob.decide(id, ProxyReply{410, "Moved House"}));
  CHECK(u.ends.bob.decide(id, ProxyReply{}) == Errc::gone);
  REQUIRE(u.ends.until([&] { return u.over; }));
  CHECK(u.status == 410);
  CHECK(u.reason == "Moved House");
}

TEST_CASE("what was decided later is forwarded as if it had been said at once") {
  Undecided u;
  EndpointOptions told = quick();
  told.user_agent.tell_messages = true;
  Endpoint carol(u.ends.io, told);
  std::string heard;
  carol.on_request([&](TxnId txn, const Message& request, const Flow&) {
    heard = std::string(request->uri_text()) + " " + std::string(request->body()) + " " +
            std::string(request->raw("X-Seen").value_or("nobody"));
    carol.respond(txn, 202);
  });
  ProxyForward forward;
  forward.targets.push_back(
      {"sip:carol@" + carol.listen("udp:127.0.0.1:0").value().to_string(), {}, 1000});
  forward.headers = {{"X-Seen", "by the application"}};
  u.ask("hello");
  REQUIRE(u.ends.until([&] { return !u.asked.empty(); }));
  CHECK_FALSE(u.ends.bob.decide(u.asked.front(), forward));
  REQUIRE(u.ends.until([&] { return u.over; }));
  CHECK(u.status == 202);
  CHECK(heard == forward.targets[0].uri + " hello by the application");
}

TEST_CASE("an endpoint may go while decisions are owed, and right behind one") {
  Undecided u;
  auto bob = std::make_unique<Endpoint>(std::move(u.ends.bob));
  for (std::size_t n = 1; n <= 3; ++n) {
    u.ask();
    REQUIRE(u.ends.until([&] { return u.asked.size() == n; }));
  }
  CHECK_FALSE(bob->decide(u.asked[0], ProxyReply{404}));
  REQUIRE(u.ends.until([&] { return u.over; }));
  CHECK(u.status == 404);
  boost::asio::post(u.ends.io, [&] {
    CHECK_FALSE(bob->decide(u.asked[1], ProxyReply{404}));
    bob.reset();  // closes at once; what is left to decide goes with it
  });
  CHECK(u.ends.until([&] { return !bob; }));
}
