// SPDX-License-Identifier: Apache-2.0
// OpenSSL contexts. RFC 3261 section 26.3.1, RFC 5922 section 7.1, RFC 9325 for what is still good.
#include "transport/tls_context.hpp"

#include <utility>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "transport/tls_stream.hpp"

namespace sipstack {

namespace {

/// id-kp-sipDomain of RFC 5924: a certificate for SIP domains needs no other purpose.
constexpr const char* kSipDomain = "1.3.6.1.5.5.7.3.20";

bool for_sip_domains(X509* certificate) {
  const std::unique_ptr<EXTENDED_KEY_USAGE, decltype(&EXTENDED_KEY_USAGE_free)> uses(
      static_cast<EXTENDED_KEY_USAGE*>(
          X509_get_ext_d2i(certificate, NID_ext_key_usage, nullptr, nullptr)),
      &EXTENDED_KEY_USAGE_free);
  if (!uses) return false;
  for (int i = 0; i < sk_ASN1_OBJECT_num(uses.get()); ++i) {
    char name[80];
    const int size =
        OBJ_obj2txt(name, sizeof name, sk_ASN1_OBJECT_value(uses.get(), i), /*no_name=*/1);
    if (size > 0 && std::string_view(name) == kSipDomain) return true;
  }
  return false;
}

int judge(int good, X509_STORE_CTX* chain) {
  if (good != 0) return good;
  // OpenSSL knows the purposes of the web; RFC 5922 section 7.1 leads to RFC 5924 for SIP's.
  if (X509_STORE_CTX_get_error(chain) == X509_V_ERR_INVALID_PURPOSE &&
      X509_STORE_CTX_get_error_depth(chain) == 0 &&
      for_sip_domains(X509_STORE_CTX_get_current_cert(chain))) {
    X509_STORE_CTX_set_error(chain, X509_V_OK);
    return 1;
  }
  return 0;
}

}  // namespace

void FreeTls::operator()(ssl_ctx_st* context) const noexcept { SSL_CTX_free(context); }
void FreeTls::operator()(ssl_session_st* session) const noexcept { SSL_SESSION_free(session); }

TlsSessions::TlsSessions(std::size_t limit, const HashKey& key)
    : limit_(limit), by_peer_(0, Hash{key}) {}

void TlsSessions::put(std::string_view peer, TlsSession session) {
  if (limit_ == 0) return;
  take(peer);
  if (entries_.size() >= limit_) {
    by_peer_.erase(entries_.front().peer);
    entries_.pop_front();
  }
  entries_.push_back({std::string(peer), std::move(session)});
  by_peer_.emplace(entries_.back().peer, std::prev(entries_.end()));
}

TlsSession TlsSessions::take(std::string_view peer) {
  const auto found = by_peer_.find(peer);
  if (found == by_peer_.end()) return {};
  const auto entry = found->second;
  TlsSession session = std::move(entry->session);
  by_peer_.erase(found);
  entries_.erase(entry);
  return session;
}

TlsContext::TlsContext(const TlsOptions& options, const HashKey& key)
    : options_(options), sessions_(options.sessions, key) {}

expected<std::shared_ptr<TlsContext>, std::error_code> TlsContext::load(const TlsOptions& options,
                                                                        Side side,
                                                                        const HashKey& key) {
  const std::shared_ptr<TlsContext> self(new TlsContext(options, key));
  const std::error_code error = self->fill(side);
  ERR_clear_error();
  if (error) return unexpected(error);
  return self;
}

std::error_code TlsContext::fill(Side side) {
  const bool server = side == Side::server;
  context_.reset(SSL_CTX_new(server ? TLS_server_method() : TLS_client_method()));
  SSL_CTX* const c = context_.get();
  if (c == nullptr) return TlsErrc::failed;
  SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION);
  // 112 bits: RSA from 2048 on, no SHA-1 in signatures.
  SSL_CTX_set_security_level(c, 2);
  if (SSL_CTX_set_cipher_list(c, "ECDHE+AESGCM:ECDHE+CHACHA20") != 1) return TlsErrc::failed;
  // Compression tells secrets (CRIME), renegotiation costs us more than the peer; a stream that ends
  // without a closure alert loses nothing that the SIP framing would not miss.
  SSL_CTX_set_options(c, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                             SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_CIPHER_SERVER_PREFERENCE);
  // An idle connection holds no record buffers; a peer that only sends handshake records gets the
  // processor for one of them at a time.
  SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                          SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_clear_mode(c, SSL_MODE_AUTO_RETRY);

  if (!options_.certificate.empty()) {
    const std::string& key = options_.key.empty() ? options_.certificate : options_.key;
    if (SSL_CTX_use_certificate_chain_file(c, options_.certificate.c_str()) != 1)
      return TlsErrc::bad_certificate;
    if (SSL_CTX_use_PrivateKey_file(c, key.c_str(), SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(c) != 1)
      return TlsErrc::bad_key;
  } else if (server) {
    return TlsErrc::no_certificate;
  }

  const bool verifies = server ? options_.clients != TlsOptions::Clients::ignore : options_.verify;
  if (verifies) {
    const int trusted = options_.ca.empty()
                            ? SSL_CTX_set_default_verify_paths(c)
                            : SSL_CTX_load_verify_locations(c, options_.ca.c_str(), nullptr);
    if (trusted != 1) return TlsErrc::bad_ca;
    X509_STORE* const store = SSL_CTX_get_cert_store(c);
    if (!options_.crl.empty()) {
      X509_LOOKUP* const lookup = X509_STORE_add_lookup(store, X509_LOOKUP_file());
      if (lookup == nullptr ||
          X509_load_crl_file(lookup, options_.crl.c_str(), X509_FILETYPE_PEM) < 1)
        return TlsErrc::bad_crl;
      X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
    }
    int mode = SSL_VERIFY_PEER;
    if (server && options_.clients == TlsOptions::Clients::require)
      mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    SSL_CTX_set_verify(c, mode, &judge);
    if (server && !options_.ca.empty())
      SSL_CTX_set_client_CA_list(c, SSL_load_client_CA_file(options_.ca.c_str()));
  }

  if (server) {
    // Tickets alone: the peers keep what there is to keep.
    static constexpr unsigned char kName[] = "sipstack";
    SSL_CTX_set_session_id_context(c, kName, sizeof kName - 1);
    SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(c, 1);
  } else if (options_.sessions > 0) {
    SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(c, &TlsStream::keep_session);
  } else {
    SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
  }
  return {};
}

}  // namespace sipstack
