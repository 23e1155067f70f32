// SPDX-License-Identifier: Apache-2.0
// Next hops without a network, and names through a name server that lives in the test. RFC 3263.
#include "sipstack/endpoint/resolver.hpp"

#include <map>

#include "../transport/loopback.hpp"

using namespace sipstack;
using namespace sipstack::testing;

namespace {

SeededRandom dice(1);  // for SRV weights

/// Answers A and AAAA questions from a table, other types from another, anything else with no such name.
class NameServer {
 public:
  explicit NameServer(asio::io_context& io) : socket_(io, endpoint<udp>(at("127.0.0.1"))) {
    receive();
  }
  ~NameServer() { socket_.close(); }
  std::string where() const {
    return "127.0.0.1:" + std::to_string(socket_.local_endpoint().port());
  }

  std::map<std::string, std::vector<std::string>> names;
  std::map<std::pair<std::string, int>, std::vector<std::string>>
      others;  ///< data by name and type
  /// What is sent before each answer: that answer, made worse.
  std::function<std::vector<std::string>(std::string)> forge;
  bool deaf = false;
  int questions = 0;

 private:
  void receive() {
    socket_.async_receive_from(asio::buffer(buffer_), from_, [this](auto error, std::size_t size) {
      if (error) return;
      ++questions;
      if (!deaf) answer(std::string(buffer_.data(), size));
      receive();
    });
  }
  void answer(const std::string& query) {
    std::string name;
    std::size_t i = 12;
    while (query.at(i) != 0) {
      const auto length = static_cast<std::size_t>(query[i]);
      if (!name.empty()) name += '.';
      name += query.substr(i + 1, length);
      i += length + 1;
    }
    const int type = query.at(i + 2);
    std::vector<std::string> records;
    const auto found = names.find(name);
    if (found != names.end())
      for (const std::string& text : found->second) {
        const IpAddress ip = *IpAddress::parse(text);
        if ((type == 1 && ip.is_v4()) || (type == 28 && ip.is_v6()))
          records.emplace_back(ip.bytes());
      }
    const auto other = others.find({name, type});
    if (other != others.end()) records = other->second;
    std::string reply = query.substr(0, i + 5);
    reply[2] = '\x81';
    reply[3] = found == names.end() && other == others.end() ? '\x83' : '\x80';
    reply[6] = 0;
    reply[7] = static_cast<char>(records.size());
    for (std::size_t n = 8; n < 12; ++n) reply[n] = 0;
    for (const std::string& data : records) {
      reply += std::string("\xc0\x0c\0", 3) + static_cast<char>(type) +
               std::string("\0\1\0\0\0\x3c\0", 7);
      reply += static_cast<char>(data.size());
      reply += data;
    }
    if (forge)
      for (const std::string& bytes : forge(reply)) socket_.send_to(asio::buffer(bytes), from_);
    socket_.send_to(asio::buffer(reply), from_);
  }

  udp::socket socket_;
  udp::endpoint from_;
  std::array<char, 1024> buffer_{};
};

std::string labels(const std::string& name) {
  std::string out;
  for (std::size_t at = 0; at < name.size();) {
    const std::size_t dot = std::min(name.find('.', at), name.size());
    out += static_cast<char>(dot - at) + name.substr(at, dot - at);
    at = dot + 1;
  }
  return out + '\0';
}
std::string number(unsigned value) {
  return {static_cast<char>(value >> 8), static_cast<char>(value & 0xFF)};
}
constexpr int kSrv = 33;
constexpr int kNaptr = 35;
std::string srv(unsigned priority, unsigned port, const std::string& target) {
  return number(priority) + number(0) + number(port) + labels(target);
}
std::string naptr(unsigned order, const std::string& service, const std::string& replacement) {
  return number(order) + number(1) + "\1s" + static_cast<char>(service.size()) + service + '\0' +
         labels(replacement);
}

struct Lookup {
  std::vector<Flow> flows;
  int calls = 0;
};

Lookup look_up(Fixture& f, Resolver& resolver, const std::string& uri) {
  Lookup l;
  resolver.resolve(uri, [&](std::vector<Flow> flows) {
    l.flows = std::move(flows);
    ++l.calls;
  });
  CHECK(l.calls == 0);  // never from inside
  REQUIRE(f.until([&] { return l.calls > 0; }));
  f.settle();
  CHECK(l.calls == 1);
  return l;
}

}  // namespace

TEST_CASE("a numeric host needs no name server") {
  struct Case {
    const char* uri;
    Transport transport;
    SocketAddress remote;
  };
  const Case cases[] = {
      {"sip:127.0.0.1", Transport::udp, at("127.0.0.1", 5060)},
      {"sip:bob@127.0.0.1:5070", Transport::udp, at("127.0.0.1", 5070)},
      {"sip:127.0.0.1;transport=udp", Transport::udp, at("127.0.0.1", 5060)},
      {"sip:127.0.0.1;transport=TCP", Transport::tcp, at("127.0.0.1", 5060)},
      {"sip:127.0.0.1:5080;transport=tcp;lr", Transport::tcp, at("127.0.0.1", 5080)},
      {"sip:[::1]", Transport::udp, at("::1", 5060)},
      {"sip:bob@[::1]:5071;transport=tcp", Transport::tcp, at("::1", 5071)},
      {"sip:example.com;maddr=127.0.0.1", Transport::udp, at("127.0.0.1", 5060)},
      {"sip:10.0.0.1:5090;maddr=127.0.0.1", Transport::udp, at("127.0.0.1", 5090)},
  };
  Fixture f;
  const SocketAddress four = f.listen(Transport::udp, at("0.0.0.0"));
  const SocketAddress six = f.listen(Transport::udp, at("::1"));
  Resolver resolver(f.io, *f.transports, dice);
  for (const Case& c : cases) {
    CAPTURE(c.uri);
    const Lookup l = look_up(f, resolver, c.uri);
    REQUIRE(l.flows.size() == 1);
    CHECK(l.flows[0].transport == c.transport);
    CHECK(l.flows[0].remote == c.remote);
    CHECK(l.flows[0].connection == 0);
    CHECK(l.flows[0].local.ip == c.remote.ip);
    if (c.transport == Transport::udp)
      CHECK(l.flows[0].local.port == (c.remote.ip.is_v4() ? four.port : six.port));
  }
}

TEST_CASE("what cannot be reached has no target") {
  Fixture f;
  f.listen(Transport::udp);
  f.listen(Transport::tcp);
  Resolver resolver(f.io, *f.transports, dice);
  for (const char* uri : {"", "nonsense", "tel:+12125551212", "sip:127.0.0.1;transport=sctp",
                          "sips:127.0.0.1;transport=udp", "sip:[::1]"}) {
    CAPTURE(uri);
    const Lookup l = look_up(f, resolver, uri);
    if (std::string_view(uri) == "sip:[::1]")
      CHECK((l.flows.size() == 1 && l.flows[0].transport == Transport::tcp));
    else
      CHECK(l.flows.empty());
  }
}

TEST_CASE("without a UDP socket a URI that names no transport goes by TCP") {
  Fixture f;
  Resolver resolver(f.io, *f.transports, dice);
  const Lookup l = look_up(f, resolver, "sip:127.0.0.1");
  REQUIRE(l.flows.size() == 1);
  CHECK(l.flows[0].transport == Transport::tcp);
  CHECK(look_up(f, resolver, "sip:127.0.0.1;transport=udp").flows.empty());
}

TEST_CASE("a name leads to all its addresses that our sockets reach") {
  Fixture f;
  const SocketAddress ours = f.listen(Transport::udp);
  NameServer dns(f.io);
  dns.names["sip.example.test"] = {"127.0.0.1", "127.0.0.2", "::1"};
  ResolverOptions options;
  options.servers = dns.where();
  Resolver resolver(f.io, *f.transports, dice, options);
  const Lookup l = look_up(f, resolver, "sip:bob@sip.example.test:5070;transport=udp");
  REQUIRE(l.flows.size() == 2);
  for (const Flow& flow : l.flows) {
    CHECK(flow.remote.ip.is_v4());
    CHECK(flow.remote.port == 5070);
    CHECK(flow.local == ours);
  }
  CHECK(l.flows[0].remote != l.flows[1].remote);
  CHECK(look_up(f, resolver, "sip:sip.example.test;transport=tcp").flows.size() == 3);
}

TEST_CASE("a name that does not exist has no target") {
  Fixture f;
  f.listen(Transport::udp);
  NameServer dns(f.io);
  ResolverOptions options;
  options.servers = dns.where();
  Resolver resolver(f.io, *f.transports, dice, options);
  CHECK(look_up(f, resolver, "sip:nobody.example.test").flows.empty());
  CHECK(dns.questions > 0);
}

TEST_CASE("not more targets than the limit come of one name") {
  Fixture f;
  f.listen(Transport::udp);
  NameServer dns(f.io);
  for (int i = 1; i <= 20; ++i)
    dns.names["many.example.test"].push_back("127.0.1." + std::to_string(i));
  ResolverOptions options;
  options.servers = dns.where();
  Resolver resolver(f.io, *f.transports, dice, options);
  CHECK(look_up(f, resolver, "sip:many.example.test").flows.size() == 16);
}

TEST_CASE("a name server that says nothing costs no more than the timeout") {
  Fixture f;
  f.listen(Transport::udp);
  NameServer dns(f.io);
  dns.deaf = true;
  ResolverOptions options;
  options.servers = dns.where();
  options.budget = 60ms;
  Resolver resolver(f.io, *f.transports, dice, options);
  CHECK(look_up(f, resolver, "sip:sip.example.test").flows.empty());
  CHECK(dns.questions > 0);
}

TEST_CASE("a cancelled lookup is never answered, and later ones are") {
  Fixture f;
  f.listen(Transport::udp);
  NameServer dns(f.io);
  dns.names["sip.example.test"] = {"127.0.0.1"};
  ResolverOptions options;
  options.servers = dns.where();
  Resolver resolver(f.io, *f.transports, dice, options);
  int calls = 0;
  resolver.resolve("sip:127.0.0.1", [&](auto) { ++calls; });
  resolver.resolve("sip:sip.example.test", [&](auto) { ++calls; });
  resolver.cancel_all();
  f.settle();
  CHECK(calls == 0);
  CHECK(look_up(f, resolver, "sip:sip.example.test").flows.size() == 1);
  CHECK(calls == 0);
}

TEST_CASE("a resolver may be destroyed with lookups pending, and inside an answer") {
  Fixture f;
  f.listen(Transport::udp);
  NameServer dns(f.io);
  dns.deaf = true;
  ResolverOptions options;
  options.servers = dns.where();
  int calls = 0;
  {
    Resolver resolver(f.io, *f.transports, dice, options);
    resolver.resolve("sip:sip.example.test", [&](auto) { ++calls; });
    REQUIRE(f.until([&] { return dns.questions > 0; }));
  }
  auto resolver = std::make_unique<Resolver>(f.io, *f.transports, dice, options);
  resolver->resolve("sip:sip.example.test", [&](auto) { ++calls; });
  resolver->resolve("sip:127.0.0.1", [&](auto) {
    ++calls;
    resolver.reset();
  });
  REQUIRE(f.until([&] { return calls == 1; }));
  f.settle();
  CHECK(calls == 1);
}

TEST_CASE("above the limit of pending lookups the answer is empty at once") {
  Fixture f;
  f.listen(Transport::udp);
  NameServer dns(f.io);
  dns.deaf = true;
  ResolverOptions options;
  options.servers = dns.where();
  options.max_pending = 2;
  Resolver resolver(f.io, *f.transports, dice, options);
  int pending = 0;
  for (int i = 0; i < 2; ++i) resolver.resolve("sip:sip.example.test", [&](auto) { ++pending; });
  CHECK(look_up(f, resolver, "sip:example.test").flows.empty());
  CHECK(look_up(f, resolver, "sip:127.0.0.1").flows.size() == 1);
  CHECK(pending == 0);
}

TEST_CASE("NAPTR, SRV and addresses are asked of a real name server, and kept for their TTL") {
  Fixture f;
  f.listen(Transport::udp);
  NameServer dns(f.io);
  dns.others[{"example.test", kNaptr}] = {naptr(20, "SIP+D2U", "_sip._udp.example.test"),
                                          naptr(10, "SIP+D2T", "_sip._tcp.example.test")};
  dns.others[{"_sip._tcp.example.test", kSrv}] = {srv(2, 5072, "two.example.test"),
                                                  srv(1, 5071, "one.example.test")};
  dns.names["one.example.test"] = {"127.0.0.1"};
  dns.names["two.example.test"] = {"127.0.0.2"};
  ResolverOptions options;
  options.servers = dns.where();
  Resolver resolver(f.io, *f.transports, dice, options);
  const Lookup l = look_up(f, resolver, "sip:bob@example.test");
  REQUIRE(l.flows.size() == 2);
  CHECK(l.flows[0].transport == Transport::tcp);
  CHECK(l.flows[0].remote == at("127.0.0.1", 5071));
  CHECK(l.flows[1].remote == at("127.0.0.2", 5072));
  const int questions = dns.questions;
  CHECK(look_up(f, resolver, "sip:carol@Example.test").flows.size() == 2);
  CHECK(dns.questions == questions);
}

TEST_CASE("A78: forged, broken and foreign answers are no answers; the true one behind them is") {
  Fixture f;
  f.listen(Transport::udp);
  NameServer dns(f.io);
  dns.others[{"_sip._udp.example.test", kSrv}] = {srv(1, 5071, "one.example.test")};
  dns.names["one.example.test"] = {"127.0.0.1"};
  int forged = 0;
  dns.forge = [&](std::string reply) {
    std::vector<std::string> all;
    for (std::size_t i = 0; i < 30; ++i) all.push_back(reply.substr(0, i));  // breaks off
    std::string other = reply;
    other[0] = static_cast<char>(other[0] ^ 1);  // another id
    all.push_back(other);
    other = reply;
    other[13] = static_cast<char>(other[13] ^ 1);  // another question
    all.push_back(other);
    forged += static_cast<int>(all.size());
    return all;
  };
  ResolverOptions options;
  options.servers = dns.where();
  Resolver resolver(f.io, *f.transports, dice, options);
  const Lookup l = look_up(f, resolver, "sip:example.test;transport=udp");
  CHECK(forged > 50);
  REQUIRE(l.flows.size() == 1);
  CHECK(l.flows[0].remote == at("127.0.0.1", 5071));
}

TEST_CASE("A78: an answer that comes when its lookup is over touches nothing") {
  Fixture f;
  f.listen(Transport::udp);
  NameServer dns(f.io);
  dns.names["slow.example.test"] = {"127.0.0.1"};
  dns.deaf = true;
  ResolverOptions options;
  options.servers = dns.where();
  options.budget = 50ms;
  auto resolver = std::make_unique<Resolver>(f.io, *f.transports, dice, options);
  CHECK(look_up(f, *resolver, "sip:slow.example.test:5060").flows.empty());
  dns.deaf = false;  // c-ares asks again, and is answered, with nobody waiting
  const int questions = dns.questions;
  REQUIRE(f.until([&] { return dns.questions > questions; }));
  f.settle();
  dns.deaf = true;
  resolver->resolve("sip:other.example.test:5060", [](auto) { FAIL("never called"); });
  f.settle();
  resolver.reset();
  f.settle();
}

TEST_CASE("A78: an answer marked truncated is not believed, and no reason to stop") {
  Fixture f;
  f.listen(Transport::udp);
  NameServer dns(f.io);
  // The server marks its answer truncated; nobody listens on TCP, so the lookup goes on without.
  dns.names["example.test"] = {"127.0.0.9"};
  dns.others[{"_sip._udp.example.test", kSrv}] = {};
  dns.forge = [](std::string reply) {
    if (reply[reply.size() - 3] == kSrv) reply[2] = static_cast<char>(reply[2] | 2);
    return std::vector<std::string>{reply};
  };
  ResolverOptions options;
  options.servers = dns.where();
  Resolver resolver(f.io, *f.transports, dice, options);
  const Lookup l = look_up(f, resolver, "sip:example.test;transport=udp");
  REQUIRE(l.flows.size() == 1);
  CHECK(l.flows[0].remote == at("127.0.0.9", 5060));
}

TEST_CASE("a secure target must prove to be the domain of its URI, whatever that resolved to") {
  Fixture f;
  f.listen(Transport::udp);
  Resolver resolver(f.io, *f.transports, dice);
  const std::uint32_t localhost = f.transports->identity("localhost");
  CHECK(localhost != 0);
  CHECK(f.transports->identity("LOCALHOST.") == localhost);
  CHECK(f.transports->identity("127.0.0.1") == 0);
  struct Case {
    const char* uri;
    Transport transport;
    std::uint32_t identity;
    std::uint16_t port;
  };
  for (const Case& c : {Case{"sips:localhost", Transport::tls, localhost, 5061},
                        Case{"sip:localhost:5099;transport=tls", Transport::tls, localhost, 5099},
                        Case{"sips:localhost;transport=ws", Transport::wss, localhost, 443},
                        Case{"sip:localhost;transport=ws", Transport::ws, 0, 80},
                        Case{"sips:localhost;maddr=127.0.0.1", Transport::tls, localhost, 5061},
                        Case{"sips:127.0.0.1", Transport::tls, 0, 5061},
                        Case{"sip:localhost", Transport::udp, 0, 5060}}) {
    CAPTURE(c.uri);
    const Lookup l = look_up(f, resolver, c.uri);
    REQUIRE(!l.flows.empty());
    CHECK(l.flows[0].transport == c.transport);
    CHECK(l.flows[0].identity == c.identity);
    CHECK(l.flows[0].remote.port == c.port);
  }
}
