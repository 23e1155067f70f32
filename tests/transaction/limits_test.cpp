// SPDX-License-Identifier: Apache-2.0
// Caps, hostile senders and loss: hardening A53 to A60, and the closed forms of a lossy network.
#include <algorithm>
#include <functional>
#include <set>
#include <string_view>

#include "layer_node.hpp"
#include "sipstack/base/keyed_hash.hpp"
#include "transaction/keys.hpp"
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
  int obeyed = 0;  ///< calls that were begun and cancelled
};

}  // namespace

TEST_CASE("limits: a transaction is small (P6)") {
  // Completed is the stored response and this; half-open the raw message and this.
  CHECK(sizeof(Transaction) <= 208);
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

TEST_CASE(
    "limits: what has its final response takes no room from new work, and has a cap of its own") {
  TransactionOptions options;
  options.max_transactions = 2;
  options.max_lingering = 24;
  Victim v(options);
  v.bob.user = [&](const TxnEvent& event, TimePoint now) {
    if (const auto* arrived = std::get_if<RequestArrived>(&event))
      v.bob.respond(arrived->txn, 200, now);
  };
  const Flow somebody = from("192.0.2.9:5060");
  for (int n = 0; n < 24; ++n)
    v.bob.receive(invite(n, n % 2 == 0 ? "OPTIONS" : "INVITE"), somebody, at(0));
  CHECK(v.bob.layer.servers() == 24);
  CHECK(v.sent().size() == 24);
  v.bob.receive(invite(24, "OPTIONS"), somebody, at(0));
  REQUIRE(v.sent().front().rfind("SIP/2.0 503 ", 0) == 0);
  for (int n = 25; n < 29; ++n) v.bob.receive(invite(n, "BYE", "b1"), somebody, at(0));
  const auto byes = v.sent();
  REQUIRE(byes.size() == 4);
  CHECK(byes[2].rfind("SIP/2.0 200 ", 0) == 0);  // an eighth more
  CHECK(byes[3].rfind("SIP/2.0 503 ", 0) == 0);
  v.bob.expire(at(33));
  v.bob.receive(invite(40, "OPTIONS"), somebody, at(33));
  CHECK(v.sent().back().rfind("SIP/2.0 200 ", 0) == 0);
  v.bob.expire(at(70));
  CHECK(v.bob.at_rest());

  // Clients as well: an answered one counts no longer as open.
  Network network;
  LayerNode alice(network, "alice", "192.0.2.1:5060", options);
  LayerNode bob(network, "bob", "192.0.2.2:5060");
  bob.user = [&](const TxnEvent& event, TimePoint now) {
    if (const auto* arrived = std::get_if<RequestArrived>(&event))
      bob.respond(arrived->txn, 200, now);
  };
  for (int n = 0; n < 24; ++n) {
    network.now([&](TimePoint now) {
      CHECK(alice.layer.send(alice.request("MESSAGE"), NextHop::to("sip:192.0.2.2"), {}, now));
    });
    network.run(milliseconds(100));
  }
  CHECK(alice.layer.clients() == 24);
  network.now([&](TimePoint now) {
    const auto sent =
        alice.layer.send(alice.request("MESSAGE"), NextHop::to("sip:192.0.2.2"), {}, now);
    REQUIRE_FALSE(sent);
    CHECK(sent.error() == Errc::too_many_transactions);
  });
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
  options.trusted = {*IpPrefix::parse("198.51.100.77")};
  Victim trunk(options);
  for (int n = 0; n < 50; ++n) trunk.bob.receive(invite(n), from("198.51.100.77:5060"), at(0));
  CHECK(trunk.bob.told.size() == 50);  // who is trusted has as many as it brings
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

TEST_CASE("A53: a user who never answers is answered for: 408 to an INVITE, nothing to others") {
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

TEST_CASE("limits: an INVITE that rings for longer than an option allows is cancelled") {
  TransactionOptions options;
  options.ringing_cap = seconds(90);
  LayerPair p({}, options);
  TxnId server;
  p.bob.user = [&](const TxnEvent& event, TimePoint now) {
    const auto* arrived = std::get_if<RequestArrived>(&event);
    if (arrived == nullptr) return;
    if (arrived->cancels) {
      p.bob.respond(arrived->txn, 200, now);
      p.bob.respond(arrived->cancels, 487, now);
    } else {
      server = arrived->txn;
      p.bob.respond(server, 180, now);
    }
  };
  p.network.now([&](TimePoint now) { p.alice.send("INVITE", "sip:192.0.2.2", now); });
  p.network.at(at(60), [&](TimePoint now) { p.bob.respond(server, 180, now); });
  p.network.run(seconds(149));
  CHECK(p.alice.told == Told{"180 INVITE", "180 INVITE"});
  p.network.run(seconds(2));
  CHECK(p.alice.told.back() == "487 INVITE");
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

TEST_CASE(
    "A55: what is refused without a transaction is sent once, and is no more than was received") {
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

namespace {

// The hashes that others have put branches under, to make branches that collide there.
std::uint32_t joaat(std::string_view text) {
  std::uint32_t h = 0;
  for (const char c : text) {
    h += static_cast<unsigned char>(c);
    h += h << 10;
    h ^= h >> 6;
  }
  h += h << 3;
  h ^= h >> 11;
  return h + (h << 15);
}
std::uint32_t fnv(std::string_view text) {
  std::uint32_t h = 2166136261U;
  for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 16777619U;
  return h;
}
std::uint32_t djb2(std::string_view text) {
  std::uint32_t h = 5381;
  for (const char c : text) h = h * 33 + static_cast<unsigned char>(c);
  return h;
}
std::uint32_t library(std::string_view text) {
  return static_cast<std::uint32_t>(std::hash<std::string_view>{}(text));
}

// How crowded a table of 2^17 places is when the branches stand there under our hash: the fullest place.
std::size_t fullest_place(const std::vector<std::string>& branches) {
  BlockPool pool;
  MessageIndex scratch;
  SeededRandom random(4);
  const HashKey key{random.next(), random.next()};
  std::vector<std::uint8_t> places(1U << 17);
  for (const std::string& branch : branches) {
    std::string text = invite(1);
    text.replace(text.find("z9hG4bK-1"), 9, branch);
    const auto message = Message::parse(pool, text, scratch);
    REQUIRE(message.has_value());
    ++places[server_hash(key, message->view(), Method::invite) % places.size()];
  }
  return *std::max_element(places.begin(), places.end());
}

}  // namespace

TEST_CASE(
    "A56: 100,000 branches that collide under joaat, FNV, djb2 or std::hash lie as apart as any") {
  std::vector<std::string> random_ones;
  std::vector<std::string> chosen;
  SeededRandom random(3);
  for (int i = 0; i < 100'000; ++i) random_ones.push_back("z9hG4bK" + random.token(17));
  // djb2: "aR" and "b1" are one to it, so that 17 such pairs make 2^17 branches of one hash.
  for (int i = 0; i < 100'000; ++i) {
    std::string branch = "z9hG4bK";
    for (int bit = 0; bit < 17; ++bit) branch += (i >> bit & 1) != 0 ? "aR" : "b1";
    chosen.push_back(branch);
  }
  CHECK(djb2(chosen.front()) == djb2(chosen.back()));
  const std::size_t usual = fullest_place(random_ones);
  CHECK(fullest_place(chosen) <= usual + 3);
  // The others: the low bits, which choose the place in a table of theirs.
  for (const auto hash : {joaat, fnv, library}) {
    std::vector<std::string> low;
    for (int i = 0; low.size() < 2000; ++i) {
      std::string branch = "z9hG4bK" + std::to_string(i);
      if ((hash(branch) & 0xffU) == 0) low.push_back(branch);
    }
    CHECK(fullest_place(low) <= 4);
  }
}

TEST_CASE("A56: 20,000 copies of branches that a sender made up find their transactions") {
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

TEST_CASE("A57: client branches never repeat, and 64 bits of each are random") {
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

TEST_CASE(
    "A57: two processes that begin alike in all but their random numbers make no branch twice") {
  std::set<std::string> branches;
  for (const std::uint64_t seed : {1U, 2U}) {
    Network network;
    LayerNode alice(network, "alice", "192.0.2.1:5060", {}, seed);
    Transmit out;
    for (int i = 0; i < 20'000; ++i) {
      alice.send("OPTIONS", "sip:192.0.2.2", at(0));
      REQUIRE(alice.next(out));
      branches.emplace(out.message->branch());
    }
    out = {};
  }
  CHECK(branches.size() == 40'000);
}

TEST_CASE(
    "A58: one branch from another sent-by, method, transport or address is another transaction") {
  Victim v({});
  const std::string first = invite(1);
  v.bob.receive(first, from("192.0.2.9:5060"), at(0));
  v.bob.receive(first, from("192.0.2.9:5060"), at(0));
  v.bob.receive(first, from("192.0.2.9:6060"), at(0));  // a NAT's new port: the same
  CHECK(v.bob.told.size() == 1);
  std::string other = first;
  other.replace(other.find("192.0.2.9:5060;branch"), 14, "192.0.2.9:5061");
  v.bob.receive(other, from("192.0.2.9:5060"), at(0));
  CHECK(v.bob.told.size() == 2);
  v.bob.receive(first, from("198.51.100.1:5060"), at(0));
  CHECK(v.bob.told.size() == 3);
  Flow tcp = from("192.0.2.9:5060");
  tcp.transport = Transport::tcp;
  v.bob.receive(first, tcp, at(0));
  CHECK(v.bob.told.size() == 4);
  v.bob.receive(invite(1, "OPTIONS"), from("192.0.2.9:5060"), at(0));
  CHECK(v.bob.told.size() == 5);
  CHECK(v.bob.layer.servers() == 5);
  CHECK(v.bob.told == Told{"INVITE", "INVITE merged", "INVITE merged", "INVITE merged", "OPTIONS"});
}

namespace {

// Ends a call as soon as it is cancelled, as a user agent does.
void obeys(Victim& v, const TxnEvent& event, TimePoint now) {
  const auto* arrived = std::get_if<RequestArrived>(&event);
  if (arrived == nullptr || arrived->request->method() != Method::cancel) return;
  v.bob.respond(arrived->txn, arrived->cancels ? 200 : 481, now);
  if (!arrived->cancels) return;
  v.bob.respond(arrived->cancels, 487, now);
  ++v.obeyed;
}

struct Reset {
  int served = 0;
  int refused = 0;
  std::size_t most = 0;
};

// So many pairs of INVITE and CANCEL from one source, one every `pause`.
Reset reset(Victim& v, int first, int pairs, Duration pause, TimePoint& now) {
  Reset out;
  v.obeyed = 0;
  for (int n = first; n < first + pairs; ++n, now += pause) {
    v.bob.expire(now);
    v.bob.receive(invite(n), from("192.0.2.9:5060"), now);
    v.bob.receive(invite(n, "CANCEL"), from("192.0.2.9:5060"), now);
    for (const std::string& response : v.sent()) {
      if (response.rfind("SIP/2.0 503", 0) == 0) ++out.refused;
    }
    out.served = v.obeyed;
    out.most = std::max(out.most, v.bob.layer.servers());
    v.bob.told.clear();
  }
  return out;
}

}  // namespace

TEST_CASE("A59: INVITE and CANCEL without end: a thousand at once, 33 a second, and then 503") {
  Victim v({});
  v.bob.user = [&](const TxnEvent& event, TimePoint now) { obeys(v, event, now); };
  TimePoint now = at(1);
#if defined(NDEBUG) && !defined(SIPSTACK_SANITIZED)
  constexpr int kPairs = 1'000'000;
#else
  constexpr int kPairs = 20'000;
#endif
  const Reset burst = reset(v, 0, kPairs, Duration(10), now);
  const auto lasted = static_cast<int>((now - at(1)) / seconds(1));
  CHECK(burst.served >= 1000);
  CHECK(burst.served <= 1000 + 34 * (lasted + 2));
  CHECK(burst.served + burst.refused >= kPairs);
  // Two transactions a pair that was served, for 32 s; nothing for one that was not.
  CHECK(burst.most <= 2U * static_cast<std::size_t>(burst.served) + 2);

  // Another source is served all the while, and this one's calls that it does not cancel are not its victim
  // for long: 30 s later the bucket is full again.
  v.bob.receive(invite(kPairs + 1), from("192.0.2.77:5060"), now);
  CHECK(v.bob.told == Told{"INVITE"});
  now += seconds(31);
  const Reset later = reset(v, kPairs + 10, 500, milliseconds(1), now);
  CHECK(later.served == 500);
  CHECK(later.refused == 0);

  v.bob.user = nullptr;
  for (int i = 0; i < 300; ++i) {
    v.bob.expire(now += seconds(1));
    v.sent();
  }
  CHECK(v.bob.at_rest());
}

TEST_CASE(
    "A59: 30 calls a second that are cancelled go on for ever, and a trunk may have no limit") {
  Victim patient({});
  patient.bob.user = [&](const TxnEvent& event, TimePoint now) { obeys(patient, event, now); };
  TimePoint now = at(1);
  CHECK(reset(patient, 0, 3000, milliseconds(33), now).refused == 0);
  TransactionOptions options;
  options.resets_per_second = 0;
  Victim trunk(options);
  trunk.bob.user = [&](const TxnEvent& event, TimePoint when) { obeys(trunk, event, when); };
  now = at(1);
  CHECK(reset(trunk, 0, 3000, Duration(10), now).refused == 0);
}

TEST_CASE(
    "A59: what is refused is a CANCEL of nothing, too, but never an ACK or a call's own requests") {
  TransactionOptions options;
  options.reset_burst = 1;
  options.resets_per_second = 1;
  Victim v(options);
  v.bob.user = [&](const TxnEvent& event, TimePoint now) { obeys(v, event, now); };
  v.bob.receive(invite(1), from("192.0.2.9:5060"), at(1));
  v.bob.receive(invite(2), from("192.0.2.9:5060"), at(1));
  v.bob.receive(invite(1, "CANCEL"), from("192.0.2.9:5060"), at(1));
  v.sent();
  v.bob.told.clear();
  const auto answer = [&](const std::string& bytes) {
    v.bob.receive(bytes, from("192.0.2.9:5060"), at(1));
    const auto all = v.sent();
    return all.empty() ? std::string("nothing") : all.back().substr(8, 3);
  };
  CHECK(answer(invite(3)) == "503");
  CHECK(answer(invite(3, "CANCEL")) == "481");
  CHECK(answer(invite(4, "ACK", "b1")) == "nothing");
  CHECK(v.bob.layer.servers() == 3);            // two INVITEs and a CANCEL
  CHECK(answer(invite(2, "CANCEL")) == "487");  // what rings can still be ended
  answer(invite(5, "BYE", "b1"));
  answer(invite(6, "OPTIONS"));
  CHECK(v.bob.told == Told{"ACK of nothing", "CANCEL cancels", "BYE", "OPTIONS"});
}
