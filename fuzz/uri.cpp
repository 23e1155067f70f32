// SPDX-License-Identifier: Apache-2.0
// Two URIs, one a line: a URI that parses equals itself, and equality has no direction.
#include "sipstack/parser/uri.hpp"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::size_t line = text.find('\n');
  const auto a = sipstack::Uri::parse(text.substr(0, line));
  const auto b = sipstack::Uri::parse(line == std::string_view::npos ? "" : text.substr(line + 1));
  if (a && (!equal(*a, *a) || canonical_aor(*a).empty())) __builtin_trap();
  if (a && b && equal(*a, *b) != equal(*b, *a)) __builtin_trap();
  return 0;
}
