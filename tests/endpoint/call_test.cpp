// SPDX-License-Identifier: Apache-2.0
// Calls between two endpoints over loopback sockets: who hears what, in which order.
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>

#include "catch.hpp"
#include "endpoint/ends.hpp"

using namespace sipstack;
using sipstack::test::Ends;
using sipstack::test::kAnswer;
using sipstack::test::kOffer;

namespace {
using Steps = std::vector<std::string>;
}

TEST_CASE("a call rings, is answered, and ends for both when one hangs up") {
  for (const char* transport : {"udp", "tcp"}) {
    CAPTURE(transport);
    Ends ends(sipstack::test::quick(), sipstack::test::quick(), transport);
    Steps alice;
    Steps bob;
    Call call_of_bob;
    ends.bob.on_invite([&](IncomingCall call) {
      bob.push_back("offer " + std::string(call.invite()->body() == kOffer ? "read" : "lost"));
      call_of_bob = call.call();
      call_of_bob.on_ended([&](const CallEnded& end) {
        bob.push_back(end.cause == CallEnded::Cause::remote_bye ? "ended by peer" : "ended");
      });
      call.ring();
      call.async_accept(kAnswer, [&](error_code ec, Call) { bob.push_back(ec ? "lost" : "up"); });
    });
    ends.alice.async_invite(
        ends.call,
        [&](error_code ec, Call call, const Message& response) {
          REQUIRE_FALSE(ec);
          alice.push_back(std::to_string(response->status()) +
                          (response->body() == kAnswer ? " answer" : ""));
          CHECK(call);
          CHECK_FALSE(call.call_id().empty());
          call.on_ended([&](const CallEnded&) { alice.push_back("ended"); });
          CHECK_FALSE(call.hang_up());
        },
        [&](const Call&, const Message& response) {
          if (response->status() != 100) alice.push_back(std::to_string(response->status()));
        });
    REQUIRE(ends.until([&] { return alice.size() == 3 && bob.size() == 3; }));
    CHECK(alice == Steps{"180", "200 answer", "ended"});
    CHECK(bob == Steps{"offer read", "up", "ended by peer"});
    CHECK_FALSE(call_of_bob);
    CHECK(call_of_bob.hang_up() == Errc::gone);
  }
}

TEST_CASE("a refusal is an outcome with its response, and no error") {
  Ends ends;
  ends.bob.on_invite([](IncomingCall call) { call.reject(486, "Busy Just Now"); });
  bool done = false;
  ends.alice.async_invite(ends.call, [&](error_code ec, const Call& call, const Message& response) {
    done = true;
    CHECK_FALSE(ec);
    CHECK_FALSE(call);
    REQUIRE(response);
    CHECK(response->status() == 486);
    CHECK(response->reason() == "Busy Just Now");
  });
  REQUIRE(ends.until([&] { return done; }));
}

// A server that is restarted has read the request, or its system has: nobody waits 32 s for that.
TEST_CASE("a request that went down with its connection goes by the next one, as it was") {
  using boost::asio::ip::tcp;
  boost::asio::io_context io;
  Endpoint alice(io);
  alice.listen("tcp:127.0.0.1:0").value();
  tcp::acceptor server(io, {boost::asio::ip::address_v4::loopback(), 0});
  BlockPool pool;
  std::vector<std::string> heard;
  std::vector<std::unique_ptr<tcp::socket>> connections;
  std::string got;
  const auto read = [&](tcp::socket& peer) {
    const std::size_t head = got.find("\r\n\r\n") + 4;
    heard.push_back(got.substr(0, head));
    if (connections.size() == 1) {
      peer.set_option(boost::asio::socket_base::linger(true, 0));
      return peer.close();
    }
    got.resize(head);
    got.replace(got.find("Content-Length: "), std::string::npos, "Content-Length: 0\r\n\r\n");
    MessageIndex index;
    REQUIRE(parse(got, index));
    const Flow flow{Transport::tcp, {}, {}, 0};
    const ResponseWriter busy(pool, MessageView(got.data(), index), flow, 486, "b");
    const std::string answer(busy.seal().value().bytes());
    boost::asio::write(peer, boost::asio::buffer(answer));
  };
  std::function<void()> accept = [&] {
    server.async_accept([&](boost::system::error_code failed, tcp::socket peer) {
      if (failed) return;
      connections.push_back(std::make_unique<tcp::socket>(std::move(peer)));
      got.clear();
      tcp::socket& last = *connections.back();
      boost::asio::async_read_until(last, boost::asio::dynamic_buffer(got), "m=audio",
                                    [&](boost::system::error_code, std::size_t) { read(last); });
      accept();
    });
  };
  accept();
  CallOptions call;
  call.target =
      "sip:bob@127.0.0.1:" + std::to_string(server.local_endpoint().port()) + ";transport=tcp";
  call.from = "sip:alice@127.0.0.1";
  call.content_type = "application/sdp";
  call.body = kOffer;
  int status = 0;
  alice.async_invite(call, [&](error_code ec, const Call&, const Message& response) {
    status = ec ? -1 : response->status();
  });
  const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (status == 0 && std::chrono::steady_clock::now() < patience)
    io.run_one_for(std::chrono::milliseconds(200));
  CHECK(status == 486);
  REQUIRE(heard.size() == 2);
  CHECK(heard[0] == heard[1]);
}

TEST_CASE("an endpoint without a handler refuses calls") {
  Ends ends;
  int status = 0;
  ends.alice.async_invite(ends.call, [&](error_code, const Call&, const Message& response) {
    status = response ? response->status() : -1;
  });
  REQUIRE(ends.until([&] { return status != 0; }));
  CHECK(status == 480);
}

TEST_CASE("a call that nobody answers and the caller gives up is told as cancelled to both") {
  Ends ends;
  error_code accepted_late;
  bool bob_ended = false;
  bool alice_done = false;
  ends.bob.on_invite([&](IncomingCall call) {
    call.call().on_ended([&, call](const CallEnded& end) mutable {
      bob_ended = true;
      CHECK(end.cause == CallEnded::Cause::cancelled);
      call.async_accept(kAnswer, [&](error_code ec, const Call&) { accepted_late = ec; });
    });
    call.ring();
  });
  ends.alice.async_invite(
      ends.call,
      [&](error_code ec, const Call&, const Message&) {
        alice_done = true;
        CHECK(ec == Errc::cancelled);
      },
      [](Call call, const Message& response) {
        if (response->status() == 180) call.hang_up();
      });
  REQUIRE(ends.until([&] { return alice_done && bob_ended && accepted_late; }));
  CHECK(accepted_late == Errc::gone);
}

TEST_CASE("a target that is not there fails by timeout, with no response") {
  Ends ends;
  boost::asio::io_context nobody;
  Endpoint mute(nobody);  // bound, and never run
  ends.call.target = "sip:x@" + mute.listen("udp:127.0.0.1:0").value().to_string();
  bool done = false;
  ends.alice.async_invite(ends.call, [&](error_code ec, const Call&, const Message& response) {
    done = true;
    CHECK(ec == Errc::timeout);
    CHECK_FALSE(response);
  });
  REQUIRE(ends.until([&] { return done; }));
}

TEST_CASE("what is no URI fails by the handler, never from inside the command") {
  Ends ends;
  ends.call.target = "no uri at all";
  bool inside = true;
  bool done = false;
  ends.alice.async_invite(ends.call, [&](error_code ec, const Call&, const Message&) {
    done = true;
    CHECK_FALSE(inside);
    CHECK(ec);
  });
  inside = false;
  REQUIRE(ends.until([&] { return done; }));
}

TEST_CASE("a re-INVITE reaches its handler, and without one is refused while the call goes on") {
  Ends ends;
  Steps steps;
  Call of_bob;
  ends.bob.on_invite([&](IncomingCall call) {
    of_bob = call.call();
    call.async_accept(kAnswer, [](error_code, const Call&) {});
  });
  Call of_alice;
  ends.alice.async_invite(ends.call, [&](error_code ec, Call call, const Message&) {
    REQUIRE_FALSE(ec);
    of_alice = call;
    of_alice.on_reinvite_failed(
        [&](const ReinviteFailed& failed) { steps.push_back(std::to_string(failed.status)); });
    of_alice.on_answered([&](const Message& m) { steps.push_back(std::to_string(m->status())); });
    CHECK_FALSE(of_alice.reinvite(kOffer));
  });
  REQUIRE(ends.until([&] { return !steps.empty(); }));
  CHECK(steps == Steps{"488"});
  REQUIRE(of_alice);
  of_bob.on_reinvite([&](const Message& request) {
    steps.push_back(std::string(request->method_name()));
    CHECK_FALSE(of_bob.accept(kAnswer));
  });
  CHECK_FALSE(of_alice.reinvite(kOffer));
  REQUIRE(ends.until([&] { return steps.size() == 3; }));
  CHECK(steps == Steps{"488", "INVITE", "200"});
}

TEST_CASE("a call rings reliably, is changed by UPDATE as it rings, and held when it is up") {
  Ends ends;
  Steps bob;
  Steps alice;
  ends.bob.on_invite([&](IncomingCall call) {
    Call of_bob = call.call();
    of_bob.on_provisional_acknowledged([&, of_bob](const Message& prack) mutable {
      bob.push_back(std::string(prack->method_name()));
      CHECK_FALSE(of_bob.update(kOffer));
    });
    of_bob.on_updated([&, call](const UpdateCompleted& update) mutable {
      bob.push_back(std::to_string(update.status));
      call.async_accept("", [](error_code, const Call&) {});
    });
    of_bob.on_reinvite([&, of_bob](const Message& request) mutable {
      const bool held = request->body().find("a=sendonly") != std::string_view::npos;
      bob.push_back(held ? "held" : "back");
      CHECK_FALSE(of_bob.accept(kAnswer));
    });
    call.ring(183, kAnswer, true);
  });
  const auto call = ends.alice.invite(
      ends.call, [](const Call&, const Message&) {},
      [&](error_code ec, Call up, const Message& response) {
        REQUIRE_FALSE(ec);
        alice.push_back(response->body().empty() ? "up" : "answer again");
        CHECK_FALSE(up.hold());
      });
  REQUIRE(call);
  Call of_alice = *call;
  of_alice.on_offer([&](const Message& request) {
    alice.push_back(std::string(request->method_name()));
    CHECK_FALSE(of_alice.accept_offer(kAnswer));
  });
  of_alice.on_answered([&](const Message&) {
    alice.push_back("answered");
    if (alice.size() == 3) CHECK_FALSE(of_alice.resume());
  });
  REQUIRE(ends.until([&] { return alice.size() == 4; }));
  CHECK(alice == Steps{"UPDATE", "up", "answered", "answered"});
  CHECK(bob == Steps{"PRACK", "200", "held", "back"});
}

TEST_CASE("an UPDATE with an offer that nobody listens for is refused, and the call goes on") {
  Ends ends;
  ends.bob.on_invite(
      [](IncomingCall call) { call.async_accept(kAnswer, [](error_code, const Call&) {}); });
  int status = 0;
  Call of_alice;
  ends.alice.async_invite(ends.call, [&](error_code ec, Call call, const Message&) {
    REQUIRE_FALSE(ec);
    of_alice = call;
    of_alice.on_updated([&](const UpdateCompleted& update) { status = update.status; });
    CHECK_FALSE(of_alice.update(kOffer));
  });
  REQUIRE(ends.until([&] { return status != 0; }));
  CHECK(status == 488);
  CHECK(of_alice);
}

TEST_CASE("a request within a call has its outcome told") {
  Ends ends;
  ends.bob.on_invite(
      [](IncomingCall call) { call.async_accept(kAnswer, [](error_code, const Call&) {}); });
  int status = 0;
  ends.alice.async_invite(ends.call, [&](error_code ec, Call call, const Message&) {
    REQUIRE_FALSE(ec);
    CHECK_FALSE(call.request("INFO", "application/dtmf-relay", "Signal=1\r\n",
                             [&](error_code, const Message& m) { status = m ? m->status() : -1; }));
  });
  REQUIRE(ends.until([&] { return status != 0; }));
  CHECK(status == 200);
}

TEST_CASE("an INVITE without an offer takes its answer with the ACK") {
  Ends ends;
  ends.call.body.clear();
  ends.call.content_type.clear();
  std::string answer;
  ends.bob.on_invite([&](IncomingCall call) {
    CHECK_FALSE(call.has_offer());
    CHECK_FALSE(call.offer());
    call.call().on_confirmed([&](const Message& ack) { answer = std::string(ack->body()); });
    call.async_accept(kOffer, [](error_code ec, const Call&) { CHECK_FALSE(ec); });
  });
  ends.alice.async_invite(ends.call, [&](error_code ec, Call call, const Message& response) {
    REQUIRE_FALSE(ec);
    CHECK(response->body() == kOffer);
    CHECK_FALSE(call.acknowledge(kAnswer));
  });
  REQUIRE(ends.until([&] { return !answer.empty(); }));
  CHECK(answer == kAnswer);
}

TEST_CASE("a request outside calls goes to its handler, and its answer comes back") {
  EndpointOptions asks = sipstack::test::quick();
  asks.user_agent.answer_options = false;
  Ends ends(sipstack::test::quick(), asks);
  ends.bob.on_request([&](TxnId txn, const Message& request, const Flow& flow) {
    CHECK(request->body() == "hello");
    CHECK(flow.transport == Transport::udp);
    ends.bob.respond(txn, 202, "text/plain", "later", {{"X-Seen", "yes"}});
  });
  RequestOptions request;
  request.target = ends.call.target;
  request.content_type = "text/plain";
  request.body = "hello";
  bool done = false;
  ends.alice.async_request("MESSAGE", request, [&](error_code ec, const Message& response) {
    done = true;
    REQUIRE_FALSE(ec);
    CHECK(response->status() == 202);
    CHECK(response->body() == "later");
    CHECK(response->raw("X-Seen") == "yes");
  });
  REQUIRE(ends.until([&] { return done; }));
}

TEST_CASE("the message hook sees every message both ways, and only bytes of the wire") {
  Steps seen;
  EndpointOptions watched = sipstack::test::quick();
  watched.on_message = [&](bool sent, std::string_view bytes, const Flow& flow) {
    seen.push_back((sent ? "> " : "< ") + std::string(bytes.substr(0, bytes.find(' '))));
    CHECK(flow.remote.port != 0);
  };
  Ends ends(watched);
  bool done = false;
  RequestOptions request;
  request.target = ends.call.target;
  ends.alice.async_request("OPTIONS", request, [&](error_code, const Message&) { done = true; });
  REQUIRE(ends.until([&] { return done; }));
  CHECK(seen == Steps{"> OPTIONS", "< SIP/2.0"});
}

TEST_CASE("the message hook is told the two ends of the connection, whatever the Via asked for") {
  std::vector<SocketAddress> alices;
  EndpointOptions watched = sipstack::test::quick();
  watched.on_message = [&](bool, std::string_view, const Flow& flow) {
    alices.push_back(flow.remote);
  };
  Ends ends(sipstack::test::quick(), watched, "tcp");
  bool done = false;
  RequestOptions request;
  request.target = ends.call.target;
  ends.alice.async_request("OPTIONS", request, [&](error_code, const Message&) { done = true; });
  REQUIRE(ends.until([&] { return done; }));
  REQUIRE(alices.size() ==
          2);  // her request came from where she connected, not from where she listens
  CHECK(alices[1] == alices[0]);
}
