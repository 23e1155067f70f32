// SPDX-License-Identifier: Apache-2.0
// Challenges and credentials, and quoted strings in and out.
#include "sipstack/parser/values.hpp"
#include "values.hpp"

using namespace sipstack;

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto look = [](const AuthValue& auth, std::string_view whole) {
    if (!fuzzing::within(auth.scheme, whole) || !fuzzing::within(auth.params, whole)) std::abort();
    for (const char* name : {"username", "realm", "nonce", "uri", "response", "algorithm", "qop",
                             "nc", "cnonce", "opaque", "stale"}) {
      const auto value = auth.find(name);
      const int count = auth.count(name);
      if (value.has_value() != (count > 0)) std::abort();
      if (value && !fuzzing::within(*value, whole)) std::abort();
    }
    const auto realm = auth.find("realm");
    if (realm && unquote(quote(unquote(*realm))) != unquote(*realm)) std::abort();
  };
  fuzzing::each(hdr::authorization, text, look);
  fuzzing::each(hdr::authentication_info, text, look);
  return 0;
}
