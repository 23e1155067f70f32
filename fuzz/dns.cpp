// SPDX-License-Identifier: Apache-2.0
// A DNS answer from a stranger: whatever is read of it keeps its promises. RFC 1035, hardening A78.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "sipstack/transaction/dns.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sipstack;
  if (size == 0) return 0;
  const auto kind = static_cast<DnsQuestion::Kind>(data[0] % 3);
  const std::string_view message(reinterpret_cast<const char*>(data) + 1, size - 1);
  const DnsAnswer answer = read_dns_answer(message, {kind, "example.com"});
  const std::size_t records = answer.naptr.size() + answer.srv.size() + answer.addresses.size();
  const bool found = answer.outcome == DnsAnswer::Outcome::found;
  if (found != (records != 0) || records > DnsAnswer::kMost || answer.ttl < Duration::zero())
    std::abort();
  for (const SrvRecord& r : answer.srv)
    if ((!r.target.empty() && r.port == 0) || r.target.size() > 253) std::abort();
  for (const NaptrRecord& r : answer.naptr)
    if (r.replacement.size() > 253) std::abort();
  return 0;
}
