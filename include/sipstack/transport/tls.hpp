// SPDX-License-Identifier: Apache-2.0
// TLS as the transports use it: what is trusted, who we are, and why a handshake failed.
// RFC 3261 section 26.3, RFC 5922; TLS 1.2 and 1.3 (RFC 5246, RFC 8446).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <system_error>

namespace sipstack {

/// What a handshake, or the files for one, can fail for. The category is tls_category().
enum class TlsErrc {
  ok = 0,
  // our own files, told by listen() and reload_tls()
  no_certificate,   ///< a TLS server needs one
  bad_certificate,  ///< ours cannot be read, or is too weak for us to offer (below 112 bits)
  bad_key,          ///< our key cannot be read, or is not the certificate's
  bad_ca,           ///< the file of trusted certificates cannot be read, or holds none
  bad_crl,          ///< the same for revocation lists
  // the peer's certificate
  expired,
  not_yet_valid,
  self_signed,     ///< and not trusted
  unknown_ca,      ///< no chain to a certificate that we trust
  wrong_identity,  ///< it does not vouch for the domain that we wanted (RFC 5922 section 7.3)
  wrong_purpose,   ///< extendedKeyUsage or keyUsage forbid it
  weak_key,        ///< below 112 bits: RSA below 2048
  weak_signature,  ///< SHA-1 or MD5
  revoked,
  revocation_unknown,  ///< revocation lists are asked for, and none covers it
  name_constraint,     ///< outside of what its CA may vouch for
  bad_chain,           ///< a link that is no CA, too long a path, or a broken signature
  missing,             ///< a client without a certificate, where one is required
  unacceptable,        ///< anything else that is wrong with it
  // the handshake
  protocol_version,  ///< the peer knows neither TLS 1.2 nor 1.3
  no_shared_cipher,
  too_large,  ///< a handshake message above the limit (10,000 names in a certificate)
  not_tls,    ///< plain text, or another protocol
  refused,    ///< the peer sent an alert: it does not like our certificate, or us
  failed,     ///< anything else
  forgotten   ///< an identity of a Flow that was dropped since (Transports::identity())
};

const std::error_category& tls_category() noexcept;
inline std::error_code make_error_code(TlsErrc e) noexcept {
  return {static_cast<int>(e), tls_category()};
}

/// Files and policy. All files are PEM. Read by the first use of TLS, and by Transports::reload_tls().
struct TlsOptions {
  std::string certificate;  ///< ours, the chain behind it; needed to listen, shown as a client too
  std::string key;          ///< its key; empty: in the same file
  std::string ca;           ///< certificates that are trusted; empty: the system's
  std::string crl;          ///< revocation lists; where set, every certificate of a chain needs one

  /// Whether a server must prove to be the domain that the request is for. Off, anybody between can
  /// be that server: for tests.
  bool verify = true;
  /// Whether "*.example.com" vouches for "a.example.com", and for that depth alone. RFC 5922 section 7.2
  /// forbids it.
  bool wildcards = false;
  /// Certificates of those who connect to us. One that is shown is verified and must be good; `require`
  /// turns those away who have none.
  enum class Clients : std::uint8_t { ignore, ask, require };
  Clients clients = Clients::ignore;

  /// Sessions with servers that are remembered for resumption; 0: none.
  std::size_t sessions = 256;
};

}  // namespace sipstack

template <>
struct std::is_error_code_enum<sipstack::TlsErrc> : std::true_type {};
