// SPDX-License-Identifier: Apache-2.0
// Whom a certificate vouches for. RFC 5922 sections 7.1 and 7.2.
#pragma once

#include <string>
#include <string_view>
#include <vector>

struct x509_st;

namespace sipstack {

/// The SIP domain identities of a certificate (RFC 5922 section 7.1): hosts of its "sip" URIs without a
/// user, else its DNS names. Never the common name, never an address. At most 64: whoever needs more names
/// has more certificates. A name with a NUL in it is none.
std::vector<std::string> sip_identities(const x509_st& certificate);

/// Compared whole and without regard to case (section 7.2). A dot behind the name asked for is nothing.
/// `wildcards`: "*.example.com" as the left-most label, for exactly one label.
bool same_identity(std::string_view certified, std::string_view wanted, bool wildcards);

/// A server's: true where one of sip_identities() is `wanted`. All names are looked at, not 64.
bool vouches_for(const x509_st& certificate, std::string_view wanted, bool wildcards);

}  // namespace sipstack
