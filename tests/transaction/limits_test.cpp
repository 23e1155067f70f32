// SPDX-License-Identifier: Apache-2.0
// Caps, hostile senders and loss: hardening A53 to A60, and the closed forms of a lossy network.
#include <set>

#include "layer_node.hpp"
#include "sipstack/base/keyed_hash.hpp"
#include "transaction/transaction.hpp"

using namespace sipstack;
using namespace sipstack::testing;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

std::string invite(int n, const std::string& method = "INVITE", const std::string& to_tag = {}) {
  const std::string id = std::to_string(n);
  return method + " sip:bob@192.0.2.2 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK-" +
         id + "\r\nFrom: <sip:x@example.com>;tag=f" + id + "\r\nTo: <sip:bob@example.com>" +
         (to_tag.empty() ? "" : ";tag=" + to_tag) + "\r\nCall-ID: call-" + id + "\r\nCSeq: 1 " +
         method + "\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n";
}

Flow from(const std::string& remote) {
  return {Transport::udp, address("192.0.2.2:5060"), address(remote), 0};
}

struct Victim {
  explicit Victim(const TransactionOptions& options)
      : bob(network, "bob", "192.0.2.2:5060", options) {}
  // The responses that wait to be sent; they are taken.
  std::vector<std::string> sent() {
    std::vector<std::string> all;
    Transmit out;
    while (bob.next(out)) all.emplace_back(out.message.bytes());
    return all;
  }
  Network network;
  LayerNode bob;
};

}  // namespace

TEST_CASE("limits: a transaction is small (P6)") {
  // Completed is the stored response and this; half-open the raw message and this.
  CHECK(sizeof(Transaction) <= 496);
}

TEST_CASE(
    "limits: above max_transactions a new request gets a stateless 503 with a spread Retry-After") {
  TransactionOptions options;
  options.max_transactions = 16;
  Victim v(options);
  int n = 0;
  for (; n < 16; ++n) v.bob.receive(invite(n), from("192.0.2.9:5060"), at(0));
  CHECK(v.bob.told.size() == 16);
  CHECK(v.sent().empty());
  std::set<std::string> waits;
  for (; n < 216; ++n) {
    v.bob.receive(invite(n), from("192.0.2.9:5060"), at(0));
    const auto responses = v.sent();
    REQUIRE(responses.size() == 1);
    REQUIRE(responses[0].rfind("SIP/2.0 503 ", 0) == 0);
    const std::size_t at_header = responses[0].find("Retry-After: ") + 13;
    const std::string wait =
        responses[0].substr(at_header, responses[0].find('\r', at_header) - at_header);
    CHECK(std::stoi(wait) >= 8);
    CHECK(std::stoi(wait) <= 32);
    waits.insert(wait);
  }
  CHECK(waits.size() > 15);
  CHECK(v.bob.told.size() == 16);
  CHECK(v.bob.layer.servers() == 16);

  // A dialog's requests and CANCEL have room still, an eighth more; an ACK is never answered.
  v.bob.receive(invite(n++, "BYE", "b1"), from("192.0.2.9:5060"), at(0));
  v.bob.receive(invite(0, "CANCEL"), from("192.0.2.9:5060"), at(0));
  CHECK(v.bob.told.back() == "CANCEL cancels");
  CHECK(v.bob.layer.servers() == 18);
  CHECK(v.sent().empty());
  v.bob.receive(invite(n++, "BYE", "b1"), from("192.0.2.9:5060"), at(0));
  CHECK(v.sent().size() == 1);
  v.bob.receive(invite(n++, "ACK", "b1"), from("192.0.2.9:5060"), at(0));
  CHECK(v.sent().empty());
  CHECK(v.bob.told.back() == "ACK of nothing");

  // And all of it ends: the user never answers, so its cap does (A53).
  v.bob.expire(at(181));
  v.sent();
  v.bob.expire(at(181 + 33));
  v.sent();
  CHECK(v.bob.at_rest());
}

TEST_CASE("limits: copies of a refused request get the same tag") {
  TransactionOptions options;
  options.max_transactions = 0;
  Victim v(options);
  std::set<std::string> tags;
  for (int i = 0; i < 3; ++i) {
    v.bob.receive(invite(1), from("192.0.2.9:5060"), at(0));
    const auto responses = v.sent();
    REQUIRE(responses.size() == 1);
    const std::size_t to = responses[0].find("\r\nTo:");
    tags.insert(responses[0].substr(to, responses[0].find('\r', to + 2) - to));
  }
  CHECK(tags.size() == 1);
  CHECK(tags.begin()->find(";tag=") != std::string::npos);
}

TEST_CASE(
    "limits: one source has so many half-open transactions and no more; another is not its "
    "victim") {
  TransactionOptions options;
  options.max_half_open_per_source = 3;
  Victim v(options);
  std::vector<TxnId> open;
  v.bob.user = [&](const TxnEvent& event, TimePoint) {
    if (const auto* arrived = std::get_if<RequestArrived>(&event)) open.push_back(arrived->txn);
  };
  const Flow flood = from("198.51.100.1:1000");
  for (int n = 0; n < 5; ++n) v.bob.receive(invite(n), flood, at(0));
  CHECK(v.bob.told.size() == 3);
  CHECK(v.sent().size() == 2);
  v.bob.receive(invite(10), from("198.51.100.2:1000"), at(0));
  CHECK(v.bob.told.size() == 4);
  // IPv6: by /64, since whoever has one address has them all.
  Flow six{Transport::udp, address("[2001:db8::2]:5060"), address("[2001:db8:0:1::1]:5060"), 0};
  for (int n = 20; n < 25; ++n) {
    six.remote = address("[2001:db8:0:1::" + std::to_string(n) + "]:5060");
    v.bob.receive(invite(n), six, at(0));
  }
  CHECK(v.bob.told.size() == 7);
  six.remote = address("[2001:db8:0:2::1]:5060");
  v.bob.receive(invite(30), six, at(0));
  CHECK(v.bob.told.size() == 8);
  v.sent();
  // A final response makes room.
  REQUIRE(open.size() == 8);
  v.bob.respond(open[0], 486, at(1));
  v.bob.receive(invite(40), flood, at(1));
  CHECK(v.bob.told.size() == 9);
  v.bob.user = nullptr;
  for (int i = 1; i < 300; ++i) {
    v.bob.expire(at(i));
    v.sent();
  }
  CHECK(v.bob.at_rest());
}

TEST_CASE("limits: our own requests are capped as well, but not those that end a call") {
  Network network;
  TransactionOptions options;
  options.max_transactions = 8;
  LayerNode alice(network, "alice", "192.0.2.1:5060", options);
  const auto send = [&](const char* method) {
    const auto sent =
        alice.layer.send(alice.request(method), NextHop::to("sip:192.0.2.2"), {}, at(0));
    return sent ? std::error_code() : sent.error();
  };
  for (int i = 0; i < 8; ++i) CHECK_FALSE(send("INVITE"));
  CHECK(send("OPTIONS") == Errc::too_many_transactions);
  CHECK_FALSE(send("BYE"));
  CHECK(send("BYE") == Errc::too_many_transactions);
  CHECK(alice.layer.clients() == 9);
}

TEST_CASE(
    "limits: a user who never answers is answered for: 408 to an INVITE, nothing to others (A53)") {
  LayerPair p;
  p.network.now([&](TimePoint now) {
    p.alice.send("INVITE", "sip:192.0.2.2", now);
    p.alice.send("OPTIONS", "sip:192.0.2.2", now);
  });
  p.network.run(seconds(179));
  CHECK(p.bob.layer.servers() == 2);
  p.network.run(seconds(2));
  CHECK(p.bob.told.size() == 4);
  CHECK(p.bob.told[2] == "server INVITE failed: no response in time");
  CHECK(p.bob.told[3] == "server OPTIONS failed: no response in time");
  CHECK(p.alice.told.back() == "408 INVITE");
  CHECK(p.bob.layer.servers() == 1);  // the INVITE, until timer I
  p.finish();
}

TEST_CASE("limits: each provisional of the user begins the cap anew") {
  LayerPair p;
  p.bob.answer(180);
  TxnId server;
  p.network.now([&](TimePoint now) { p.alice.send("INVITE", "sip:192.0.2.2", now); });
  p.bob.user = [&](const TxnEvent& event, TimePoint now) {
    if (const auto* arrived = std::get_if<RequestArrived>(&event)) {
      server = arrived->txn;
      p.bob.respond(server, 180, now);
    }
  };
  for (const double when : {150, 300, 450})
    p.network.at(at(when), [&](TimePoint now) { CHECK_FALSE(p.bob.respond(server, 180, now)); });
  p.network.run(seconds(600));
  CHECK(p.bob.layer.alive(server));
  p.network.run(seconds(31));
  CHECK(p.bob.told == Told{"INVITE", "server INVITE failed: no response in time"});
  p.finish();
}

TEST_CASE("limits: what is refused without a transaction is sent once (A55)") {
  TransactionOptions options;
  options.max_transactions = 0;
  Victim v(options);
  const std::string request = invite(1);
  v.bob.receive(request, from("198.51.100.1:5060"), at(0));
  std::size_t bytes = 0;
  for (int i = 0; i < 60; ++i) {
    v.bob.expire(at(i));
    for (const std::string& response : v.sent()) bytes += response.size();
  }
  CHECK(static_cast<double>(bytes) / static_cast<double>(request.size()) <= 1.5);
  CHECK(v.bob.at_rest());
}

TEST_CASE("limits: 20,000 branches that a sender made up find their transactions (A56)") {
  Victim v({});
  for (int n = 0; n < 1000; ++n) v.bob.receive(invite(n), from("192.0.2.9:5060"), at(0));
  CHECK(v.bob.told.size() == 1000);
  for (int round = 0; round < 20; ++round)
    for (int n = 0; n < 1000; ++n) v.bob.receive(invite(n), from("192.0.2.9:5060"), at(0));
  CHECK(v.bob.told.size() == 1000);
}

TEST_CASE(
    "limits: an RFC 2543 sender who makes one hash of all is looked at so far and no farther") {
  // The same request but for the To tag, which an ACK has not in common with its INVITE.
  Victim v({});
  for (int n = 0; n < 500; ++n) {
    std::string text = invite(1, "INVITE", "t" + std::to_string(n));
    text.replace(text.find(";branch=z9hG4bK-1"), 17, "");
    v.bob.receive(text, from("192.0.2.9:5060"), at(0));
  }
  CHECK(v.bob.told.size() <= 33);
  CHECK(v.bob.layer.servers() <= 33);
}

TEST_CASE("limits: client branches never repeat and cannot be guessed from one another (A57)") {
  Network network;
  LayerNode alice(network, "alice", "192.0.2.1:5060");
  std::set<std::string> branches;
  Transmit out;
  TimePoint now = at(0);
  for (int i = 0; i < 2000; ++i) {
    alice.send("OPTIONS", "sip:192.0.2.2", now);
    while (alice.next(out)) {
      const std::string bytes(out.message.bytes());
      const std::size_t begin = bytes.find("branch=") + 7;
      const std::string branch = bytes.substr(begin, bytes.find_first_of("\r;", begin) - begin);
      REQUIRE(branch.size() == 39);
      branches.insert(branch.substr(branch.size() - 16));
    }
    out = {};
    now += seconds(40);  // the slot is used again each time
    alice.expire(now);
    while (alice.next(out)) {
    }
    out = {};
  }
  CHECK(branches.size() == 2000);
  CHECK(alice.at_rest());
}

TEST_CASE("limits: INVITE and CANCEL in quick succession leave no more than the cap (A59)") {
  TransactionOptions options;
  options.max_transactions = 256;
  Victim v(options);
  v.bob.user = [&](const TxnEvent& event, TimePoint now) {
    const auto* arrived = std::get_if<RequestArrived>(&event);
    if (arrived == nullptr || arrived->request->method() != Method::cancel) return;
    v.bob.respond(arrived->txn, arrived->cancels ? 200 : 481, now);
    if (arrived->cancels) v.bob.respond(arrived->cancels, 487, now);
  };
  for (int n = 0; n < 5000; ++n) {
    v.bob.receive(invite(n), from("192.0.2.9:5060"), at(0));
    v.bob.receive(invite(n, "CANCEL"), from("192.0.2.9:5060"), at(0));
    v.sent();
    REQUIRE(v.bob.layer.servers() <= 256 + 32);
  }
  v.bob.user = nullptr;
  for (int i = 0; i < 240; ++i) {
    v.bob.expire(at(i));
    v.sent();
  }
  CHECK(v.bob.at_rest());
}

TEST_CASE("limits: 30 % loss each way leaves 0.51^7 of INVITEs and 0.51^11 of others unanswered") {
  NetworkOptions lossy;
  lossy.loss = 0.3;
  lossy.ladder_limit = 0;
  TransactionOptions roomy;
  roomy.max_half_open_per_source = 100'000;
  constexpr int kRuns = 8'000;
  const auto count = [&](const char* method, int status) {
    lossy.seed = 42;
    LayerPair p(lossy, roomy);
    int failed = 0;
    p.bob.answer(status);
    p.alice.user = [&](const TxnEvent& event, TimePoint) {
      if (std::holds_alternative<TxnFailed>(event)) ++failed;
    };
    for (int i = 0; i < kRuns; ++i)
      p.network.at(at(i * 0.1), [&](TimePoint now) { p.alice.send(method, "sip:192.0.2.2", now); });
    p.network.run_to_rest(at(kRuns * 0.1 + 100));
    p.alice.told.clear();
    p.bob.told.clear();
    p.finish();
    return failed;
  };
  // A provisional is repeated for every copy of the INVITE, as the closed form wants; a 200 is not.
  const int invites = count("INVITE", 180);
  const int others = count("OPTIONS", 200);
  // 8,000 * 0.51^7 = 71.8 and 8,000 * 0.51^11 = 4.9; 4 sigma about each.
  CHECK(invites >= 38);
  CHECK(invites <= 106);
  CHECK(others >= 1);
  CHECK(others <= 14);
}
