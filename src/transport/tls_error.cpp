// SPDX-License-Identifier: Apache-2.0
// The errors of TLS in words.
#include "sipstack/transport/tls.hpp"

namespace sipstack {

namespace {

class TlsCategory final : public std::error_category {
 public:
  const char* name() const noexcept override { return "sipstack.tls"; }
  std::string message(int value) const override {
    switch (static_cast<TlsErrc>(value)) {
      case TlsErrc::ok: return "no error";
      case TlsErrc::no_certificate: return "a TLS server needs a certificate";
      case TlsErrc::bad_certificate: return "our certificate cannot be used";
      case TlsErrc::bad_key: return "our key cannot be used, or is not the certificate's";
      case TlsErrc::bad_ca: return "the file of trusted certificates cannot be used";
      case TlsErrc::bad_crl: return "the file of revocation lists cannot be used";
      case TlsErrc::expired: return "the peer's certificate has expired";
      case TlsErrc::not_yet_valid: return "the peer's certificate is not valid yet";
      case TlsErrc::self_signed: return "the peer's certificate is self-signed and not trusted";
      case TlsErrc::unknown_ca: return "the peer's certificate leads to nobody who is trusted";
      case TlsErrc::wrong_identity: return "the peer's certificate is not for this domain";
      case TlsErrc::wrong_purpose: return "the peer's certificate is for another purpose";
      case TlsErrc::weak_key: return "the peer's key is too short";
      case TlsErrc::weak_signature: return "the peer's certificate has a weak signature";
      case TlsErrc::revoked: return "the peer's certificate is revoked";
      case TlsErrc::revocation_unknown: return "no revocation list covers the peer's certificate";
      case TlsErrc::name_constraint: return "the peer's CA may not vouch for this name";
      case TlsErrc::bad_chain: return "the peer's chain of certificates is broken";
      case TlsErrc::missing: return "the peer has shown no certificate";
      case TlsErrc::unacceptable: return "the peer's certificate is not acceptable";
      case TlsErrc::protocol_version: return "the peer knows neither TLS 1.2 nor 1.3";
      case TlsErrc::no_shared_cipher: return "no cipher suite is known to both sides";
      case TlsErrc::too_large: return "a handshake message was too large";
      case TlsErrc::not_tls: return "what the peer speaks is not TLS";
      case TlsErrc::refused: return "the peer refused the handshake";
      case TlsErrc::failed: return "the TLS handshake failed";
      case TlsErrc::forgotten: return "whom the peer should be is no longer known";
    }
    return "unknown error";
  }
};

}  // namespace

const std::error_category& tls_category() noexcept {
  static const TlsCategory category;
  return category;
}

}  // namespace sipstack
