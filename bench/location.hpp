// SPDX-License-Identifier: Apache-2.0
// What the benchmarks of location stores put into them: a phone of RFC 5626, registered over TCP.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "sipstack/server/location.hpp"

namespace sipstack {

inline std::string bench_aor(std::size_t number) {
  return "sip:user" + std::to_string(number) + "@example.com";
}

inline BindingUpdate bench_registration(std::size_t number, std::uint32_t cseq, TimePoint expires) {
  BindingUpdate u;
  u.aor = bench_aor(number);
  u.call_id = "3848276298220188511@" + std::to_string(number);
  u.cseq = cseq;
  Binding b;
  b.contact = "sip:user@198.51.100.7:5060;transport=tcp";
  b.params = ";+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-000A95A0E128>\";reg-id=1";
  b.instance = "urn:uuid:00000000-0000-1000-8000-000A95A0E128";
  b.reg_id = 1;
  b.call_id = u.call_id;
  b.cseq = cseq;
  b.flow.transport = Transport::tcp;
  b.flow.local = *SocketAddress::parse("192.0.2.1:5060");
  b.flow.remote = *SocketAddress::parse("198.51.100.7:5060");
  b.by_flow = true;
  b.expires = expires;
  u.set.push_back(std::move(b));
  return u;
}

}  // namespace sipstack
