// SPDX-License-Identifier: Apache-2.0
// Transports and their names.
#include "sipstack/base/flow.hpp"

#include "catch.hpp"

namespace sipstack {
namespace {

TEST_CASE("a transport is found by either of its names, in any case") {
  for (const Transport transport :
       {Transport::udp, Transport::tcp, Transport::tls, Transport::ws, Transport::wss}) {
    Transport found = transport == Transport::udp ? Transport::tcp : Transport::udp;
    CHECK(transport_from(via_name(transport), found));
    CHECK(found == transport);
    found = transport == Transport::udp ? Transport::tcp : Transport::udp;
    CHECK(transport_from(uri_name(transport), found));
    CHECK(found == transport);
  }
  Transport found = Transport::ws;
  CHECK(transport_from("tLs", found));
  CHECK(found == Transport::tls);
  for (const char* const name : {"", "sctp", "TLS-SCTP", "ud", "udpp", "U@P"}) {
    CAPTURE(name);
    CHECK_FALSE(transport_from(name, found));
    CHECK(found == Transport::tls);
  }
}

TEST_CASE("ports and properties of transports are those of their RFCs") {
  CHECK(default_port(Transport::udp) == 5060);
  CHECK(default_port(Transport::tls) == 5061);
  CHECK(default_port(Transport::ws) == 80);
  CHECK(default_port(Transport::wss) == 443);
  CHECK_FALSE(reliable(Transport::udp));
  CHECK(reliable(Transport::ws));
  CHECK(secure(Transport::wss));
  CHECK_FALSE(secure(Transport::tcp));
}

}  // namespace
}  // namespace sipstack
