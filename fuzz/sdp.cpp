// SPDX-License-Identifier: Apache-2.0
// Session descriptions: what is read is printed as something that reads the same.
#include <cstdlib>
#include <string_view>

#include "sipstack/parser/sdp.hpp"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto session = sipstack::sdp::Session::parse(text);
  if (!session) return session.error().offset > size ? (std::abort(), 0) : 0;
  if (!session->well_formed()) std::abort();
  for (const auto& medium : session->media)
    for (const auto& format : medium.formats) (void)medium.rtpmap(format), medium.fmtp(format);
  return 0;
}
