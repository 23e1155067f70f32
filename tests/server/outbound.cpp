// SPDX-License-Identifier: Apache-2.0
// Registrar and proxy together: flows of one phone (RFC 5626 sections 6 and 7), GRUUs (RFC 5627), and a PBX's
// numbers (RFC 6140).
#include "server/gruu.hpp"
#include "server/proxy_fixture.hpp"

using namespace sipstack;
using namespace sipstack::testing_server;

namespace {

const std::string kInstance = "urn:uuid:00000000-0000-1000-8000-aaaaaaaaaaaa";
const Peer kFirst{"first", "198.51.100.20", 40001, Transport::tcp};
const Peer kSecond{"second", "198.51.100.21", 40002, Transport::tcp};

std::string flow_contact(const std::string& reg_id, const std::string& at = "10.0.0.7",
                         const std::string& instance = kInstance) {
  return "<sip:bob@" + at + ";transport=tcp;ob>;+sip.instance=\"<" + instance +
         ">\";reg-id=" + reg_id;
}

struct Outbound : ProxyFixture {
  using ProxyFixture::ProxyFixture;
  explicit Outbound(const std::string& mode = {}) : ProxyFixture(with(mode)) {}
  static ServerOptions with(const std::string& mode) {
    ServerOptions o = with_domain();
    if (mode == "redirect") o.proxy.redirect = true;
    if (mode == "trunk")
      o.registrar.trunk_of = [](std::string_view number) {
        return std::string(number.substr(0, 6) == "+12145" ? "pbx" : "");
      };
    return o;
  }

  struct Register {
    Lines contacts;
    Lines more = {"Supported: path, outbound, gruu"};
    std::string call_id = "r1";
    std::string user = "bob";
  };
  Seen put(const Register& r, const Peer& by = kFirst, const std::string& second_via = {}) {
    Lines lines;
    if (!second_via.empty()) lines.push_back("Via: " + second_via);
    for (const auto& line :
         Lines{"Max-Forwards: 70", "From: <sip:" + r.user + "@example.org>;tag=f",
               "To: <sip:" + r.user + "@example.org>", "Call-ID: " + r.call_id,
               "CSeq: " + std::to_string(++number) + " REGISTER", std::string("Expires: 600")})
      lines.push_back(line);
    for (const auto& c : r.contacts) lines.push_back("Contact: " + c);
    lines.insert(lines.end(), r.more.begin(), r.more.end());
    send(by, request(by, "REGISTER", "sip:example.org", "r" + std::to_string(number), lines));
    return take(by);
  }
  Seen flow(const std::string& reg_id, const Peer& by, const std::string& call_id) {
    Register r;
    r.contacts = {flow_contact(reg_id)};
    r.call_id = call_id;
    return put(r, by);
  }
  /// A parameter of the first contact that has it, unquoted.
  static std::string param(const Seen& m, std::string_view name) {
    for (const auto& c : m.message->all(hdr::contact))
      if (const auto value = c->params.find(name)) return unquote(*value);
    return {};
  }
  /// Asks for a URI that must be answered by us, and gives the status.
  int refused(const std::string& uri) {
    ask("OPTIONS", uri);
    return take(kCaller)->status();
  }
};

}  // namespace

TEST_CASE("outbound: the registrar takes part, and says when a stream is as good as dead") {
  Outbound s;
  const Seen ok = s.flow("1", kFirst, "r1");
  CHECK(ok->status() == 200);
  CHECK(ok->lists(hdr::require, "outbound"));
  CHECK(ok->get(hdr::flow_timer)->number == 90);
  CHECK(Outbound::param(ok, "reg-id") == "1");
  // Not asked for, not said; nor without an instance.
  Outbound::Register r;
  r.contacts = {flow_contact("1")};
  r.more.clear();
  CHECK_FALSE(s.put(r)->has(HeaderId::require));
  r.more = {"Supported: outbound"};
  r.contacts = {"<sip:bob@10.0.0.9>;reg-id=1"};
  CHECK_FALSE(s.put(r)->has(HeaderId::require));
  // Datagrams have keep-alives of their own.
  r.contacts = {flow_contact("7")};
  const Seen udp = s.put(r, kBen);
  CHECK(udp->lists(hdr::require, "outbound"));
  CHECK_FALSE(udp->has(HeaderId::flow_timer));
  s.end();
}

TEST_CASE("outbound: only with a first hop that takes part, else 439") {
  Outbound s;
  Outbound::Register r;
  r.contacts = {flow_contact("1")};
  const std::string phone = "SIP/2.0/TCP 10.0.0.7;branch=z9hG4bKp";
  CHECK(s.put(r, kFirst, phone)->status() == 439);
  r.more.emplace_back("Path: <sip:edge.example.org;lr>");
  CHECK(s.put(r, kFirst, phone)->status() == 439);
  r.more.back() = "Path: <sip:inner.example.org;lr>, <sip:token@edge.example.org;lr;ob>";
  CHECK(s.put(r, kFirst, phone)->lists(hdr::require, "outbound"));
  // Who does not ask for outbound is registered without.
  r.more = {"Supported: path"};
  const Seen plain = s.put(r, kFirst, phone);
  CHECK(plain->status() == 200);
  CHECK_FALSE(plain->has(HeaderId::require));
  s.end();
}

TEST_CASE("outbound: one flow a REGISTER, and a reg-id that is a number") {
  Outbound s;
  Outbound::Register r;
  r.contacts = {flow_contact("1"), "<sip:other@10.0.0.8>"};
  CHECK(s.put(r)->status() == 400);
  r.contacts = {flow_contact("1"), "<sip:other@10.0.0.8>;expires=0"};
  CHECK(s.put(r)->status() == 200);
  for (const auto* bad : {"0", "x", "2147483648", "99999999999"}) {
    r.contacts = {flow_contact(bad)};
    CHECK(s.put(r)->status() == 400);
  }
  s.end();
}

TEST_CASE("outbound: a flow replaces itself, whatever its contact, and stands beside the others") {
  Outbound s;
  s.flow("1", kFirst, "r1");
  CHECK(s.flow("2", kSecond, "r2").lines(HeaderId::contact).size() == 2);  // one URI for both
  Outbound::Register r;
  r.contacts = {flow_contact("1", "10.0.0.99")};
  r.call_id = "after-a-reboot";
  const Seen again = s.put(r);
  CHECK(again.lines(HeaderId::contact).size() == 2);
  r.contacts = {flow_contact("2") + ";expires=0"};
  const Seen left = s.put(r, kSecond);
  REQUIRE(left.lines(HeaderId::contact).size() == 1);
  CHECK(left.lines(HeaderId::contact)[0].find("10.0.0.99") != std::string::npos);
  s.end();
}

TEST_CASE("outbound: a request goes to one flow of a phone, and to the next when that is gone") {
  for (const int how : {0, 1, 2}) {  // the connection, 430 by an edge proxy, an answer
    Outbound s;
    s.flow("1", kFirst, "r1");
    s.flow("2", kSecond, "r2");
    s.ask("INVITE");
    const Seen invite = s.take(kSecond);  // the latest
    CHECK(invite->uri_text() == "sip:bob@10.0.0.7;transport=tcp;ob");
    CHECK(s.nothing_for(kFirst));
    if (how == 0) {
      s.lose(invite);
    } else {
      s.reply(kSecond, invite, how == 1 ? 430 : 486);
      CHECK(s.take(kSecond)->method() == Method::ack);
    }
    if (how == 2) {
      CHECK(s.nothing_for(kFirst));  // the phone has said what it had to say
      CHECK(s.take_past_100(kCaller)->status() == 486);
    } else {
      const Seen second = s.take(kFirst);
      s.reply(kFirst, second, 200, {"Contact: <sip:bob@10.0.0.7>"});
      CHECK(s.take_past_100(kCaller)->status() == 200);
    }
    s.end();
  }
}

TEST_CASE("outbound: a phone without any flow left is not there") {
  Outbound s;
  s.flow("1", kFirst, "r1");
  SECTION("says an edge proxy") {
    s.ask("INVITE");
    const Seen invite = s.take(kFirst);
    s.reply(kFirst, invite, 430);
    CHECK(s.take(kFirst)->method() == Method::ack);
  }
  SECTION("as its connections are gone") {
    s.flow("2", kSecond, "r2");
    s.ask("INVITE");
    s.lose(s.take(kSecond));
    s.lose(s.take(kFirst));
  }
  CHECK(s.take_past_100(kCaller)->status() == 480);
  s.end();
}

TEST_CASE("GRUU: given to who asks, and leading to one phone of the AOR") {
  Outbound s;
  const Seen ok = s.flow("1", kFirst, "r1");
  const std::string pub = Outbound::param(ok, "pub-gruu");
  const std::string temp = Outbound::param(ok, "temp-gruu");
  CHECK(pub == "sip:bob@example.org;gr=" + kInstance);
  CHECK(temp.find("tgruu.") == 4);
  CHECK(temp.find("bob") == std::string::npos);
  // Another phone of his.
  s.bind("bob", {"<sip:bob@" + kBen.at() + ">"}, kBen);

  for (const std::string& gruu : {pub, temp}) {
    s.ask("OPTIONS", gruu);
    const Seen request = s.take(kFirst);
    CHECK(request->uri_text() == "sip:bob@10.0.0.7;transport=tcp;ob");
    CHECK(s.nothing_for(kBen));
    s.reply(kFirst, request, 200);
    CHECK(s.take(kCaller)->status() == 200);
  }
  // By the AOR both are asked.
  s.ask("OPTIONS", "sip:bob@example.org");
  s.take(kFirst);
  s.take(kBen);
  s.out.clear();
  s.end();
}

TEST_CASE("GRUU: an ACK and a BYE to the callee's go where the call went, each to the contact") {
  Outbound s;
  const std::string gruu = Outbound::param(s.flow("1", kFirst, "r1"), "pub-gruu");
  s.bind("bob", {"<sip:bob@" + kBen.at() + ">"}, kBen);
  s.ask("INVITE", gruu);
  const Seen invite = s.take(kFirst);
  const std::string route = invite.lines(HeaderId::record_route).back();
  s.reply(kFirst, invite, 200, {"Contact: <" + gruu + ">"});
  REQUIRE(s.take(kCaller)->status() == 200);
  for (const std::string method : {"ACK", "BYE"}) {
    s.send(kCaller, s.request(kCaller, method, gruu, "within-" + method,
                              {"From: <sip:caller@elsewhere.example>;tag=cf",
                               "To: <sip:bob@example.org>;tag=t-" + kFirst.name,
                               "Call-ID: " + std::string(invite->call_id()), "CSeq: 7 " + method,
                               "Max-Forwards: 70", "Route: " + route}));
    const Seen request = s.take(kFirst);
    CHECK(request.start() == method + " sip:bob@10.0.0.7;transport=tcp;ob SIP/2.0");
    CHECK(request.raw(HeaderId::route) == "(none)");
    CHECK(s.nothing_for(kBen));
    if (method == "BYE") s.reply(kFirst, request, 200);
  }
  s.out.clear();
  s.end();
}

TEST_CASE("GRUU: new ones with every refresh, the old ones good until the Call-ID changes") {
  Outbound s;
  const std::string first = Outbound::param(s.flow("1", kFirst, "r1"), "temp-gruu");
  const std::string second = Outbound::param(s.flow("1", kFirst, "r1"), "temp-gruu");
  const std::string other = Outbound::param(s.flow("2", kSecond, "r2"), "temp-gruu");
  CHECK(first != second);
  for (const std::string& gruu : {first, second, other}) {
    s.ask("OPTIONS", gruu);
    s.reply(kSecond, s.take(kSecond), 200);
    CHECK(s.take(kCaller)->status() == 200);
  }
  const Seen rebooted = s.flow("1", kFirst, "r3");
  for (const std::string& gruu : {first, second, other}) CHECK(s.refused(gruu) == 404);
  s.ask("OPTIONS", Outbound::param(rebooted, "temp-gruu"));
  s.reply(kFirst, s.take(kFirst), 200);
  CHECK(s.take(kCaller)->status() == 200);
  s.end();
}

TEST_CASE("GRUU: a public one outlives its bindings, a temporary one does not") {
  Outbound s;
  const Seen ok = s.flow("1", kFirst, "r1");
  s.advance(std::chrono::seconds(700));
  CHECK(s.refused(Outbound::param(ok, "pub-gruu")) == 480);
  CHECK(s.refused(Outbound::param(ok, "temp-gruu")) == 404);
  s.end();
}

TEST_CASE("GRUU: what we did not make leads nowhere") {
  Outbound s;
  const std::string temp = Outbound::param(s.flow("1", kFirst, "r1"), "temp-gruu");
  const std::string user = temp.substr(4, temp.find('@') - 4);
  for (std::size_t i = 6; i < user.size(); i += 7) {
    std::string forged = user;
    forged[i] = forged[i] == 'A' ? 'B' : 'A';
    CHECK(s.refused("sip:" + forged + "@example.org;gr") == 404);
  }
  for (const std::string& bad :
       {std::string("tgruu."), std::string("tgruu.AAAA"), std::string("bob"),
        user.substr(0, user.size() - 4), user + "AAAA"})
    CHECK(s.refused("sip:" + bad + "@example.org;gr") == 404);
  CHECK(s.refused("sip:bob@example.org;gr=urn:uuid:somebody-else") == 480);
  s.end();
}

TEST_CASE("GRUU: a contact that leads back to the AOR is refused, and a suggested one ignored") {
  Outbound s;
  const std::string instance = ";+sip.instance=\"<" + kInstance + ">\"";
  Outbound::Register r;
  for (const auto* loop : {"<sip:bob@example.org>", "<sip:bob@EXAMPLE.org;gr=urn:x>"}) {
    r.contacts = {loop + instance};
    CHECK(s.put(r)->status() == 403);
  }
  r.contacts = {"<sip:bob@10.0.0.7>;pub-gruu=\"sip:evil@example.org;gr=x\"" + instance};
  CHECK(Outbound::param(s.put(r), "pub-gruu") == "sip:bob@example.org;gr=" + kInstance);
  r.more.clear();
  CHECK(Outbound::param(s.put(r), "pub-gruu").empty());
  s.end();
}

TEST_CASE("GRUU: tokens mean what they were made of, and no two look alike") {
  SeededRandom random(5);
  server::GruuTokens tokens(random);
  const server::GruuTokens::Meaning meaning{"sip:bob@example.org", tokens.hash("urn:x"), 77};
  const std::string a = tokens.make(meaning);
  const std::string b = tokens.make(meaning);
  CHECK(a.substr(6, 16) != b.substr(6, 16));
  const auto read = tokens.read(a);
  REQUIRE(read);
  CHECK(read->aor == meaning.aor);
  CHECK(read->instance == meaning.instance);
  CHECK(read->epoch == 77);
  CHECK_FALSE(server::GruuTokens(random).read(a));  // another process's
  CHECK(tokens.make({std::string(300, 'x'), 0, 0}).empty());
}

TEST_CASE("bulk: a PBX registers once, and each of its numbers is reached") {
  Outbound s("trunk");
  Outbound::Register r;
  r.user = "pbx";
  r.contacts = {"<sip:" + kBen.at() + ";bnc;x=1>"};
  r.more = {"Require: gin", "Supported: path"};
  const Seen ok = s.put(r, kBen);
  REQUIRE(ok->status() == 200);
  CHECK(ok.lines(HeaderId::contact)[0].find("<sip:" + kBen.at() + ";bnc;x=1>") == 0);

  s.ask("OPTIONS", "sip:+12145550102@example.org");
  const Seen request = s.take(kBen);
  CHECK(request->uri_text() == "sip:+12145550102@" + kBen.at() + ";x=1");
  s.reply(kBen, request, 200);
  CHECK(s.take(kCaller)->status() == 200);
  // Not another's number, nor what is no E.164 number, nor the PBX itself.
  for (const auto* user : {"+13055550102", "+1214-555", "12145550102", "pbx"})
    CHECK(s.refused("sip:" + std::string(user) + "@example.org") == 480);
  // An extension that registers by itself rings beside.
  s.bind("+12145550102", {"<sip:ext@" + kBill.at() + ">"}, kBill);
  s.ask("OPTIONS", "sip:+12145550102@example.org");
  s.take(kBen);
  s.take(kBill);
  s.out.clear();
  s.end();
}

TEST_CASE("bulk: what it must not have, and where nobody offers it") {
  Outbound s("trunk");
  Outbound::Register r;
  r.user = "pbx";
  r.more = {"Require: gin", "Supported: path"};
  for (const auto* bad : {"<sip:me@198.51.100.3;bnc>", "<sip:198.51.100.3;bnc;user=phone>"}) {
    r.contacts = {bad};
    CHECK(s.put(r)->status() == 400);
  }
  r.contacts = {"<sip:198.51.100.3;bnc>"};
  r.more = {"Supported: path"};
  CHECK(s.put(r)->status() == 400);
  Outbound none;
  r.more = {"Require: gin", "Supported: path"};
  const Seen refused = none.put(r);
  CHECK(refused->status() == 420);
  CHECK(refused.raw(HeaderId::unsupported) == "gin");
  s.end();
  none.end();
}
