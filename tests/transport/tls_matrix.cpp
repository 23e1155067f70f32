// SPDX-License-Identifier: Apache-2.0
// A45: certificates good and bad, made here, each with its verdict. RFC 5922 section 7, RFC 5280 section 6.
#include <csignal>
#include <functional>

#include "certificates.hpp"
#include "transport/tls_identity.hpp"

using namespace sipstack;
using namespace sipstack::testing;

namespace {

/// A server that shows `own`, and what a client of ours makes of it. Where the verdict is bad, no byte of
/// SIP may have left.
struct Trial {
  std::string wanted = "example.com";
  std::function<void(TlsOptions&)> policy;
  TlsEnd::Options server;
};

std::error_code verdict(const Trust& trust, const Trial& trial) {
  std::signal(SIGPIPE, SIG_IGN);  // plain OpenSSL's
  TlsOptions tls = trust.client();
  if (trial.policy) trial.policy(tls);
  Fixture f(with_tls(tls));
  TlsServer server(f.io, trial.server);
  Flow flow = Fixture::to(Transport::tls, server.where());
  flow.identity = f.transports->identity(trial.wanted);
  f.send(request("secret"), flow, 1);
  CHECK(f.until([&] {
    server.step();
    return !f.told.failed.empty() || server.got() == request("secret");
  }));
  if (f.told.failed.empty()) return {};
  for (int i = 0; i < 5; ++i) {
    f.settle();
    server.step();
  }
  CHECK(server.got().empty());
  CHECK(f.told.gone.empty());  // it never was there
  REQUIRE(f.told.never_up.size() == 1);
  CHECK(f.told.never_up[0].first.remote == server.where());
  CHECK(f.told.never_up[0].second == f.told.failed[0].second);
  return f.told.failed[0].second;
}

TlsErrc of(const std::error_code& error) {
  if (!error) return TlsErrc::ok;
  INFO(error.message());
  CHECK(error.category() == tls_category());
  return static_cast<TlsErrc>(error.value());
}

TlsErrc shown(const Trust& trust, const Recipe& recipe, const std::string& wanted = "example.com",
              const std::function<void(TlsOptions&)>& policy = {}) {
  const Certificate own(recipe, &trust.ca);
  Trial trial;
  trial.wanted = wanted;
  trial.policy = policy;
  trial.server.own = &own;
  return of(verdict(trust, trial));
}

template <class Change>
Recipe but(Recipe recipe, Change&& change) {
  change(recipe);
  return recipe;
}

/// A client that shows `own` (or none) to a server of ours that wants a certificate.
TlsErrc client_shown(Trust& trust, const Certificate* own) {
  std::signal(SIGPIPE, SIG_IGN);
  TlsOptions tls = trust.server();
  tls.clients = TlsOptions::Clients::require;
  struct Listening : Recorder {
    void handshake_failed(const Flow&, std::error_code error) override { refused = error; }
    std::error_code refused;
  } told;
  asio::io_context io;
  BlockPool pool;
  {
    Transports transports(io, told, pool, with_tls(tls));
    const auto where = transports.listen(Transport::tls, at("127.0.0.1")).value();
    TlsEnd::Options options;
    options.own = own;
    TlsEnd client = TlsEnd::connect(io, where, options);
    client.write(request("hello"));
    CHECK(run_until(io, [&] {
      client.step();
      return told.refused || !told.messages.empty();
    }));
    if (told.refused) CHECK(told.messages.empty());
    CHECK(transports.counters().handshake_failed == (told.refused ? 1 : 0));
  }
  io.restart();
  io.run();
  return of(told.refused);
}

}  // namespace

TEST_CASE("A45: certificates that are good are taken") {
  const Trust trust;
  CHECK(shown(trust, named("DNS:example.com")) == TlsErrc::ok);
  CHECK(shown(trust, named("DNS:EXAMPLE.com")) == TlsErrc::ok);
  CHECK(shown(trust, named("URI:sip:example.com")) == TlsErrc::ok);
  CHECK(shown(trust, named("URI:SIP:example.com")) == TlsErrc::ok);
  CHECK(shown(trust, named("DNS:a.example,DNS:b.example,DNS:example.com")) == TlsErrc::ok);
  CHECK(shown(trust, named("DNS:example.com"), "Example.COM.") == TlsErrc::ok);
  CHECK(shown(trust, but(named("DNS:example.com"), [](Recipe& r) { r.purpose = "serverAuth"; })) ==
        TlsErrc::ok);
  // id-kp-sipDomain alone (RFC 5924)
  CHECK(shown(trust, but(named("DNS:example.com"),
                         [](Recipe& r) { r.purpose = "1.3.6.1.5.5.7.3.20"; })) == TlsErrc::ok);
  // a chain of two
  const Certificate middle(authority("middle"), &trust.ca);
  const Certificate own(named("DNS:example.com"), &middle);
  Trial trial;
  trial.server.own = &own;
  trial.server.chain = {&middle};
  CHECK(of(verdict(trust, trial)) == TlsErrc::ok);
  // allowed by option alone
  CHECK(shown(trust, named("DNS:*.example.com"), "a.example.com",
              [](TlsOptions& o) { o.wildcards = true; }) == TlsErrc::ok);
  CHECK(shown(trust, named("DNS:nobody.example"), "example.com",
              [](TlsOptions& o) { o.verify = false; }) == TlsErrc::ok);
}

TEST_CASE("A45: a certificate for somebody else is refused before a byte of SIP") {
  const Trust trust;
  const TlsErrc wrong = TlsErrc::wrong_identity;
  CHECK(shown(trust, named("DNS:example.net")) == wrong);
  CHECK(shown(trust, named("DNS:example.com"), "sip.example.com") == wrong);  // no suffixes
  CHECK(shown(trust, named("DNS:sip.example.com")) == wrong);
  CHECK(shown(trust, named("DNS:.example.com"), "sip.example.com") == wrong);
  CHECK(shown(trust, but(named(""), [](Recipe& r) { r.common_name = "example.com"; })) == wrong);
  CHECK(shown(trust, but(named("DNS:example.net"),
                         [](Recipe& r) { r.common_name = "example.com"; })) == wrong);
  CHECK(shown(trust, named("DNS:*.example.com"), "a.example.com") == wrong);
  const auto wild = [](TlsOptions& o) { o.wildcards = true; };
  CHECK(shown(trust, named("DNS:*.example.com"), "a.b.example.com", wild) == wrong);
  CHECK(shown(trust, named("DNS:*.example.com"), "example.com", wild) == wrong);
  CHECK(shown(trust, named("DNS:*.com"), "example.com", wild) == wrong);
  // an address is no SIP identity (RFC 5922 section 7.1), of an address neither
  CHECK(shown(trust, named("IP:127.0.0.1"), "127.0.0.1") == wrong);
  CHECK(shown(trust, named("URI:sip:127.0.0.1"), "127.0.0.1") == TlsErrc::ok);
  // a "sip" URI drives the DNS names out
  CHECK(shown(trust, named("URI:sip:example.net,DNS:example.com")) == wrong);
  CHECK(shown(trust, named("URI:sip:alice@example.com")) == wrong);
  CHECK(shown(trust, named("URI:sips:example.com")) == wrong);
  CHECK(shown(trust, named("URI:https://example.com")) == wrong);
  CHECK(shown(trust, named("email:example.com")) == wrong);
}

TEST_CASE("A44: a NUL in a name ends nothing, and ten thousand names are too many") {
  const Trust trust;
  Recipe evil;
  evil.names = {std::string("example.com\0.attacker.example", 29)};
  CHECK(shown(trust, evil) == TlsErrc::wrong_identity);
  Recipe many;
  for (int i = 0; i < 10000; ++i) many.names.push_back("host" + std::to_string(i) + ".example.net");
  many.names.push_back("example.com");
  CHECK(shown(trust, many) == TlsErrc::too_large);
  // as many as fit are all looked at
  many.names.erase(many.names.begin(), many.names.end() - 500);
  CHECK(shown(trust, many) == TlsErrc::ok);
  Recipe oversize;
  oversize.names = {std::string(60000, 'a') + ".example", "example.com"};
  CHECK(shown(trust, oversize) == TlsErrc::ok);
}

TEST_CASE("A45: a certificate that is out of time, of nobody's or for something else is refused") {
  const Trust trust;
  const Recipe good = named("DNS:example.com");
  CHECK(shown(trust, but(good, [](Recipe& r) { r.ends = -60; })) == TlsErrc::expired);
  CHECK(shown(trust, but(good, [](Recipe& r) { r.begins = 3600; })) == TlsErrc::not_yet_valid);
  CHECK(shown(trust, but(good, [](Recipe& r) { r.purpose = "clientAuth"; })) ==
        TlsErrc::wrong_purpose);
  CHECK(shown(trust, but(good, [](Recipe& r) { r.purpose = "codeSigning"; })) ==
        TlsErrc::wrong_purpose);

  Trial trial;
  const Certificate alone(good);
  trial.server.own = &alone;
  CHECK(of(verdict(trust, trial)) == TlsErrc::self_signed);
  const Certificate stranger(authority("a stranger"));
  const Certificate strange(good, &stranger);
  trial.server.own = &strange;
  CHECK(of(verdict(trust, trial)) == TlsErrc::unknown_ca);
  trial.server.chain = {&stranger};
  CHECK(of(verdict(trust, trial)) == TlsErrc::self_signed);
}

TEST_CASE("A45: weak keys and signatures are refused") {
  const Trust trust;
  const Recipe good = named("DNS:example.com");
  CHECK(shown(trust, but(good, [](Recipe& r) { r.rsa_bits = 1024; })) == TlsErrc::weak_key);
  CHECK(shown(trust, but(good, [](Recipe& r) { r.digest = EVP_sha1(); })) ==
        TlsErrc::weak_signature);
  // An MD5 signature of an EC key does not exist in X.509: a CA with an RSA key signs.
  Recipe rsa = authority("an RSA CA");
  rsa.rsa_bits = 2048;
  const Certificate ca(rsa, &trust.ca);
  const Certificate own(but(good, [](Recipe& r) { r.digest = EVP_md5(); }), &ca);
  Trial trial;
  trial.server.own = &own;
  trial.server.chain = {&ca};
  CHECK(of(verdict(trust, trial)) == TlsErrc::weak_signature);
}

TEST_CASE("A45: chains that lead nowhere are refused") {
  Trust trust;
  const Recipe good = named("DNS:example.com");
  Trial trial;
  // a certificate that is no CA's
  const Certificate leaf(but(named("DNS:leaf.example"), [](Recipe& r) { r.common_name = "no CA"; }),
                         &trust.ca);
  const Certificate below(good, &leaf);
  trial.server.own = &below;
  trial.server.chain = {&leaf};
  CHECK(of(verdict(trust, trial)) == TlsErrc::bad_chain);
  // a path longer than its CA may make it
  const Certificate shortest(authority("short", "critical,CA:TRUE,pathlen:0"), &trust.ca);
  const Certificate another(authority("another"), &shortest);
  const Certificate far(good, &another);
  trial.server.own = &far;
  trial.server.chain = {&another, &shortest};
  CHECK(of(verdict(trust, trial)) == TlsErrc::bad_chain);
  // names that its CA may not vouch for
  Recipe narrow = authority("narrow");
  narrow.constraints = "critical,permitted;DNS:example.net";
  const Certificate narrow_ca(narrow, &trust.ca);
  const Certificate outside(good, &narrow_ca);
  trial.server.own = &outside;
  trial.server.chain = {&narrow_ca};
  CHECK(of(verdict(trust, trial)) == TlsErrc::name_constraint);
  // revoked, and a CA without a list
  const Certificate own(good, &trust.ca);
  const std::string crl = trust.folder.file("crl.pem", trust.ca.revoking(own));
  trial.server.own = &own;
  trial.server.chain = {};
  trial.policy = [&](TlsOptions& o) { o.crl = crl; };
  CHECK(of(verdict(trust, trial)) == TlsErrc::revoked);
  const Certificate fine(good, &trust.ca);
  trial.server.own = &fine;
  CHECK(of(verdict(trust, trial)) == TlsErrc::ok);
  const Certificate middle(authority("middle"), &trust.ca);
  const Certificate unlisted(good, &middle);
  trial.server.own = &unlisted;
  trial.server.chain = {&middle};
  CHECK(of(verdict(trust, trial)) == TlsErrc::revocation_unknown);
}

TEST_CASE("A45: old protocols are refused, as a client and as a server") {
  Trust trust;
  const Certificate own(named("DNS:example.com"), &trust.ca);
  for (const int version : {TLS1_VERSION, TLS1_1_VERSION}) {
    Trial trial;
    trial.server.own = &own;
    trial.server.max_version = version;
    CHECK(of(verdict(trust, trial)) == TlsErrc::protocol_version);
  }
  for (const int version : {TLS1_VERSION, TLS1_1_VERSION, TLS1_2_VERSION, TLS1_3_VERSION}) {
    Fixture f(with_tls(trust.server()));
    TlsEnd::Options options;
    options.max_version = version;
    TlsEnd client = TlsEnd::connect(f.io, f.listen(Transport::tls), options);
    CHECK(f.until([&] {
      client.step();
      return client.up() || client.ended();
    }));
    CHECK(client.up() == (version >= TLS1_2_VERSION));
  }
}

TEST_CASE("A45: clients without a certificate that is good are turned away where one is required") {
  Trust trust;
  const Certificate good(named("DNS:phone.example.com"), &trust.ca);
  CHECK(client_shown(trust, &good) == TlsErrc::ok);
  CHECK(client_shown(trust, nullptr) == TlsErrc::missing);
  const Certificate alone(named("DNS:phone.example.com"));
  CHECK(client_shown(trust, &alone) == TlsErrc::self_signed);
  const Certificate stranger(authority("a stranger"));
  const Certificate strange(named("DNS:phone.example.com"), &stranger);
  CHECK(client_shown(trust, &strange) == TlsErrc::unknown_ca);
  const Certificate old(but(named("DNS:phone.example.com"), [](Recipe& r) { r.ends = -60; }),
                        &trust.ca);
  CHECK(client_shown(trust, &old) == TlsErrc::expired);
  const Certificate server_only(
      but(named("DNS:phone.example.com"), [](Recipe& r) { r.purpose = "serverAuth"; }), &trust.ca);
  CHECK(client_shown(trust, &server_only) == TlsErrc::wrong_purpose);
}

TEST_CASE("names are compared whole and without case") {
  CHECK(same_identity("example.com", "EXAMPLE.COM", false));
  CHECK(same_identity("example.com", "example.com.", false));
  CHECK_FALSE(same_identity("example.com", "a.example.com", false));
  CHECK_FALSE(same_identity("example.com", "", false));
  CHECK_FALSE(same_identity("", "", true));
  CHECK_FALSE(same_identity("*.example.com", "a.example.com", false));
  CHECK(same_identity("*.example.com", "a.example.com", true));
  CHECK_FALSE(same_identity("*.example.com", ".example.com", true));
  CHECK_FALSE(same_identity("*a.example.com", "ba.example.com", true));
  CHECK_FALSE(same_identity("*.0.0.1", "127.0.0.1", true));
}
