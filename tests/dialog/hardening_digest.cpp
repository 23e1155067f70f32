// SPDX-License-Identifier: Apache-2.0
// What broke other systems around credentials, sequence numbers and dialogs: hardening A63 to A73, those that
// have no better place. No test asks how fast anything is: equal work is counted.
#include <algorithm>

#include "digest_claims.hpp"
#include "phones.hpp"
#include "sipstack/server/users.hpp"

using namespace sipstack;
using namespace sipstack::testing;

namespace {

/// Bob, who challenges, and a stranger.
struct Guarded {
  explicit Guarded(bool challenge = true)
      : bob(network, "bob", "192.0.2.2", options(challenge)), eve(network, "eve", "192.0.2.9") {
    bob.user = answers;
  }
  static CoreOptions options(bool challenge) {
    CoreOptions o;
    if (challenge) o.challenge = Credentials{"alice", "secret", "example.org"};
    return o;
  }
  void must_come_to_rest() {
    bob.user = nullptr;
    eve.all.clear();
    network.now([&](TimePoint now) { bob.ua().shut_down(now); });
    CHECK(network.run_to_rest(network.time() + seconds(300)));
    bob.must_be_empty();
  }
  Network network;
  Phone bob;
  Stranger eve;
};

std::string nonce_of(const MessageView& response) {
  for (const auto& v : response.all(hdr::www_authenticate))
    if (v && *v->find("algorithm") == "SHA-256") return *digest::param(*v, "nonce");
  FAIL("no challenge");
  return {};
}

std::vector<std::string> header_names(const MessageView& m) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < m.header_count(); ++i) names.emplace_back(m.header(i).name);
  return names;
}

}  // namespace

TEST_CASE("an HA1 of another length than its algorithm's is nobody's (hardening A63)") {
  Fixture f;
  std::string ha1;
  f.server = std::make_unique<DigestServer>(
      f.options,
      [&ha1](std::string_view, DigestAlgorithm) { return std::optional<std::string>(ha1); },
      f.random);
  const std::string right = digest_ha1(DigestAlgorithm::sha256, "alice", "example.org", "secret");
  for (const std::size_t length : {0U, 31U, 32U, 33U, 63U, 65U, 128U, 1000U}) {
    INFO(length);
    ha1 = right;
    ha1.resize(length, 'a');
    CHECK(f.send(f.claim()) == DigestVerdict::refused);
  }
  ha1 = right;
  CHECK(f.send(f.claim()) == DigestVerdict::accepted);
  ha1[63] = 'g';
  CHECK(f.send(f.claim()) == DigestVerdict::refused);
  // In a file such a line is a password of that many digits.
  const auto users = parse_users("alice:" + right.substr(1) + "\n", "example.org");
  REQUIRE(users);
  CHECK(users->lookup()("alice", DigestAlgorithm::sha256) ==
        digest_ha1(DigestAlgorithm::sha256, "alice", "example.org", right.substr(1)));
}

TEST_CASE(
    "any number of credentials, of any realm, with anything missing, is 401 (hardening A64)") {
  Fixture f;
  const std::string good = Fixture::line(f.claim());
  const std::string foreign = swapped(good, "realm=\"example.org\"", "realm=\"elsewhere\"");
  for (std::size_t n = 0; n <= 20; ++n) {
    std::vector<std::string> lines(n, foreign);
    CHECK(f.server->check(request("REGISTER", "sip:example.org", lines).view(), false, f.now)
              .verdict == DigestVerdict::missing);
    // Not more than eight are looked at, so that they cannot cost more.
    lines.push_back(good);
    Fixture fresh;
    lines.back() = Fixture::line(fresh.claim());
    const auto verdict =
        fresh.server->check(request("REGISTER", "sip:example.org", lines).view(), false, fresh.now)
            .verdict;
    CHECK(verdict == (n < 8 ? DigestVerdict::accepted : DigestVerdict::missing));
    CHECK(fresh.server->computed() <= 1);
  }
  for (const std::string scheme : {"Basic YWxpY2U6c2VjcmV0", "Digest", "Digest x", "Bearer t"})
    CHECK(f.send("Authorization: " + scheme) != DigestVerdict::accepted);
  CHECK(f.server->nonces() == 0);
}

TEST_CASE("a captured request is good for nothing, now or later (hardening A65)") {
  Fixture f;
  auto c = f.claim();
  c.nc = "00000005";
  const std::string captured = Fixture::line(c);
  REQUIRE(f.send(captured) == DigestVerdict::accepted);
  CHECK(f.send(captured) == DigestVerdict::refused);
  CHECK(f.send(swapped(captured, "nc=00000005", "nc=00000006")) == DigestVerdict::refused);
  CHECK(f.send(swapped(captured, "nc=00000005", "nc=00000004")) == DigestVerdict::refused);
  CHECK(f.send(captured, "MESSAGE") == DigestVerdict::refused);
  CHECK(f.send(captured, "REGISTER", "sip:other.example") == DigestVerdict::refused);
  CHECK(f.send(without(captured, ", nc=00000005")) == DigestVerdict::refused);
  CHECK(f.send(without(without(captured, ", nc=00000005"), ", qop=auth")) ==
        DigestVerdict::refused);
  SECTION("after the nonce has expired") {
    f.now += seconds(301);
    CHECK(f.send(captured) == DigestVerdict::stale);
    // Only who has the password is told that the nonce is old.
    auto guess = c;
    guess.password = "guess";
    CHECK(f.send(guess) == DigestVerdict::refused);
  }
  SECTION("after a restart") {
    f.restart();
    CHECK(f.send(captured) == DigestVerdict::stale);
  }
}

TEST_CASE("a wrong digest costs one digest, wherever it differs (hardening A67)") {
  Fixture f;
  auto c = f.claim();
  const std::string line = Fixture::line(c);
  const std::size_t at = line.find("response=\"") + 10;
  for (std::size_t digit = 0; digit < 64; ++digit) {
    std::string wrong = line;
    wrong[at + digit] = wrong[at + digit] == '0' ? '1' : '0';
    const std::uint64_t before = f.server->computed();
    CHECK(f.send(wrong) == DigestVerdict::refused);
    CHECK(f.server->computed() == before + 1);
  }
  CHECK(f.send(line) == DigestVerdict::accepted);
}

TEST_CASE("an unknown user costs and is told what a known one is (hardening A69)") {
  Guarded t;
  const auto asks = [&](const std::string& user) {
    Letter m = t.eve.request("MESSAGE", t.bob).set("Call-ID", "the-same-for-all");
    t.eve.send(m, t.bob.where, milliseconds(5));
    Fixture::Claim c;
    c.user = user;
    c.password = "guess";
    c.method = "MESSAGE";
    c.uri = t.bob.uri();
    c.nonce = nonce_of(t.eve.answer_to(m));
    Letter again = t.eve.request("MESSAGE", t.bob).set("CSeq", "2 MESSAGE");
    again.add("Authorization", Fixture::line(c).substr(15));
    t.eve.send(again, t.bob.where, milliseconds(5));
    return t.eve.all.back().message;
  };
  const Message known = asks("alice"), unknown = asks("mario");
  CHECK(known->status() == 401);
  CHECK(unknown->status() == 401);
  CHECK(header_names(known.view()) == header_names(unknown.view()));
  CHECK(known.bytes().size() == unknown.bytes().size());
  Fixture f;
  for (const char* const user : {"alice", "mario", "broken", ""}) {
    auto c = f.claim();
    c.user = user;
    c.password = "guess";
    const std::uint64_t before = f.server->computed();
    CHECK(f.send(c) == DigestVerdict::refused);
    CHECK(f.server->computed() == before + 1);
  }
  t.must_come_to_rest();
}

TEST_CASE("every method but ACK and CANCEL is challenged, the unknown too (hardening A70)") {
  Guarded t;
  for (const char* const method :
       {"INVITE", "BYE", "OPTIONS", "REGISTER", "MESSAGE", "SUBSCRIBE", "NOTIFY", "REFER",
        "PUBLISH", "INFO", "UPDATE", "PRACK", "INVENTED"}) {
    INFO(method);
    const Letter m = t.eve.request(method, t.bob);
    t.eve.send(m, t.bob.where, milliseconds(5));
    CHECK(t.eve.answer_to(m).status() == 401);
  }
  const std::size_t heard = t.eve.all.size();
  t.eve.send(t.eve.request("ACK", t.bob), t.bob.where, milliseconds(5));
  CHECK(t.eve.all.size() == heard);
  const Letter cancel = t.eve.request("CANCEL", t.bob);
  t.eve.send(cancel, t.bob.where, milliseconds(5));
  CHECK(t.eve.answer_to(cancel).status() == 481);
  CHECK(t.bob.events.empty());
  t.must_come_to_rest();
}

TEST_CASE("a sequence number counts only where its request was valid (hardening A72)") {
  Guarded t(false);
  const Letter invite = t.eve.request("INVITE", t.bob);
  t.eve.send(invite, t.bob.where, milliseconds(5));
  const Message ok = t.eve.last("200 INVITE").message;
  t.eve.send(t.eve.within(invite, ok.view(), "ACK", 1), t.bob.where, milliseconds(5));
  const auto ask = [&](Letter m) {
    t.eve.send(m, t.bob.where, milliseconds(5));
    return t.eve.answer_to(m).status();
  };
  constexpr int kHighest = 2147483647;
  const auto poison = [&] { return t.eve.within(invite, ok.view(), "INFO", kHighest); };
  CHECK(ask(poison().set("From", "<sip:stranger@s.invalid>;tag=other")) == 481);
  CHECK(ask(poison().set("Call-ID", "other")) == 481);
  CHECK(ask(poison().add("Require", "nonsense")) == 420);
  CHECK(ask(t.eve.within(invite, ok.view(), "INVENTED", kHighest)) == 501);
  CHECK(ask(t.eve.within(invite, ok.view(), "INFO", 2)) == 200);
  // One that is valid in all else does count: what follows is out of order, and the call can still be ended.
  CHECK(ask(poison()) == 200);
  CHECK(ask(t.eve.within(invite, ok.view(), "BYE", 3)) == 500);
  CHECK(t.bob.ua().calls() == 1);
  t.must_come_to_rest();
}

TEST_CASE("forks end in any order, and the rest of the call goes on (hardening A73)") {
  std::vector<int> order = {0, 1, 2, 3, 4, 5};
  const auto play = [&](int forks) {
    Guarded t(false);
    t.network.now(
        [&](TimePoint now) { REQUIRE(t.bob.ua().invite(call_to("sip:e@192.0.2.9"), now)); });
    t.network.run(milliseconds(1));
    const Stranger::Heard invite = t.eve.last("INVITE");
    std::vector<std::string> contact;
    for (int i = 0; i < forks; ++i) t.eve.answer(invite, "t" + std::to_string(i), {}, 180);
    for (const int i : order) {
      Letter bye = t.eve.request("BYE", t.bob);
      bye.set("Call-ID", std::string(invite.message->call_id()));
      bye.set("From",
              std::string(*invite.message->raw(HeaderId::to)) + ";tag=t" + std::to_string(i));
      bye.set("To", std::string(*invite.message->raw(HeaderId::from)));
      t.eve.send(bye, t.bob.where);
      CHECK(t.eve.answer_to(bye).status() == 200);
    }
    CHECK(t.bob.ua().calls() == 1);
    t.eve.answer(invite, "t6");
    CHECK(t.bob.count<CallAnswered>() == 1);
    t.eve.on_message = nullptr;
    t.must_come_to_rest();
  };
  play(64);
  do play(7);
  while (std::next_permutation(order.begin(), order.end()));
}

TEST_CASE("an INVITE with the Call-ID and From tag of ours is a call of its own (hardening A73)") {
  Guarded t(false);
  t.network.now(
      [&](TimePoint now) { REQUIRE(t.bob.ua().invite(call_to("sip:e@192.0.2.9"), now)); });
  t.network.run(milliseconds(1));
  const Stranger::Heard ours = t.eve.last("INVITE");
  Letter theirs = t.eve.request("INVITE", t.bob);
  theirs.set("Call-ID", std::string(ours.message->call_id()));
  theirs.set("From", std::string(*ours.message->raw(HeaderId::from)));
  t.eve.send(theirs, t.bob.where, milliseconds(5));
  CHECK(t.eve.answer_to(theirs).status() == 200);
  CHECK(t.bob.ua().calls() == 2);
  const Message ok = t.eve.last("200 INVITE").message;
  t.eve.send(t.eve.within(theirs, ok.view(), "ACK", 1), t.bob.where, milliseconds(5));
  t.eve.answer(ours, "e");
  CHECK(t.bob.count<CallAnswered>() == 1);
  CHECK(t.bob.count<CallConfirmed>() == 1);
  t.must_come_to_rest();
}
