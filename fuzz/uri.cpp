// SPDX-License-Identifier: Apache-2.0
// Two URIs, one a line: a URI that parses equals itself, equality has no direction, and what is escaped
// unescapes to what it was.
#include <cstdlib>

#include "sipstack/parser/uri.hpp"

using namespace sipstack;

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::size_t line = text.find('\n');
  const auto a = Uri::parse(text.substr(0, line));
  if (!a) {
    if (a.error().offset > size) std::abort();
    return 0;
  }
  if (!equal(*a, *a) || canonical_aor(*a).empty()) std::abort();
  if (a->is_sip() && a->host.empty()) std::abort();
  for (const Param& param : a->params) {
    if (param.name.empty()) std::abort();
  }
  if (unescape(escape_user(unescape(a->user))) != unescape(a->user)) std::abort();
  static_cast<void>(a->transport());
  if (line == std::string_view::npos) return 0;
  const auto b = Uri::parse(text.substr(line + 1));
  if (b && equal(*a, *b) != equal(*b, *a)) std::abort();
  return 0;
}
