// SPDX-License-Identifier: Apache-2.0
// Whom a certificate vouches for. RFC 5922 sections 7.1 and 7.2.
#include "transport/tls_identity.hpp"

#include <memory>

#include <openssl/asn1.h>
#include <openssl/x509v3.h>

#include "sipstack/parser/params.hpp"
#include "sipstack/parser/uri.hpp"

namespace sipstack {

namespace {

constexpr std::size_t kMaxIdentities = 64;

/// All of it, however long and whatever is in it: what stops at a NUL takes
/// "victim.example\0.attacker.example" for its beginning.
std::string_view text_of(const ASN1_STRING* value) {
  const int size = ASN1_STRING_length(value);
  const unsigned char* const data = ASN1_STRING_get0_data(value);
  if (size <= 0 || data == nullptr) return {};
  return {reinterpret_cast<const char*>(data), static_cast<std::size_t>(size)};
}

/// The host of "sip:example.com"; empty where the value is no domain identity.
std::string_view sip_domain(std::string_view text) {
  if (text.find('\0') != std::string_view::npos || !iequals(text.substr(0, 4), "sip:")) return {};
  const auto uri = Uri::parse(text);
  // A value with a user names a person (section 7.1).
  if (!uri || uri->scheme != UriScheme::sip || text.find('@') != std::string_view::npos) return {};
  return uri->host;
}

/// Calls `each` with every identity until it says false.
template <class Each>
void for_each_identity(const X509& certificate, Each&& each) {
  const std::unique_ptr<GENERAL_NAMES, decltype(&GENERAL_NAMES_free)> names(
      static_cast<GENERAL_NAMES*>(
          X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr)),
      &GENERAL_NAMES_free);
  if (!names) return;
  const int count = sk_GENERAL_NAME_num(names.get());
  // DNS names count if and only if there is no "sip" URI.
  bool by_uri = false;
  for (const bool uris : {true, false}) {
    if (!uris && by_uri) return;
    for (int i = 0; i < count; ++i) {
      const GENERAL_NAME* const name = sk_GENERAL_NAME_value(names.get(), i);
      std::string_view identity;
      if (uris && name->type == GEN_URI) {
        identity = sip_domain(text_of(name->d.uniformResourceIdentifier));
      } else if (!uris && name->type == GEN_DNS) {
        identity = text_of(name->d.dNSName);
        if (identity.find('\0') != std::string_view::npos) identity = {};
      }
      if (identity.empty()) continue;
      by_uri = uris;
      if (!each(identity)) return;
    }
  }
}

}  // namespace

std::vector<std::string> sip_identities(const X509& certificate) {
  std::vector<std::string> all;
  for_each_identity(certificate, [&](std::string_view identity) {
    all.emplace_back(identity);
    return all.size() < kMaxIdentities;
  });
  return all;
}

bool same_identity(std::string_view certified, std::string_view wanted, bool wildcards) {
  if (!wanted.empty() && wanted.back() == '.') wanted.remove_suffix(1);
  if (wanted.empty()) return false;
  if (iequals(certified, wanted)) return true;
  if (!wildcards || certified.substr(0, 2) != "*.") return false;
  const std::size_t dot = wanted.find('.');
  // One label, and not of an address; "*.com" would be a whole top-level domain.
  return dot != std::string_view::npos && dot > 0 &&
         certified.find('.', 2) != std::string_view::npos && !IpAddress::parse(wanted) &&
         iequals(certified.substr(1), wanted.substr(dot));
}

bool vouches_for(const X509& certificate, std::string_view wanted, bool wildcards) {
  bool found = false;
  for_each_identity(certificate, [&](std::string_view identity) {
    found = same_identity(identity, wanted, wildcards);
    return !found;
  });
  return found;
}

}  // namespace sipstack
