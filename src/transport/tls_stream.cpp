// SPDX-License-Identifier: Apache-2.0
// OpenSSL over a non-blocking socket, with no buffer of ours between. RFC 5922 section 7.3.
#include "transport/tls_stream.hpp"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <utility>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <sys/socket.h>

#include "sipstack/base/address.hpp"
#include "transport/tls_identity.hpp"

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

namespace sipstack {

namespace {

// OpenSSL's own socket BIO writes without MSG_NOSIGNAL: a peer that left would end the process.

bool try_again(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

int socket_write(BIO* bio, const char* bytes, int size) {
  auto* const link = static_cast<TlsStream::Link*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  const auto sent = ::send(link->socket, bytes, static_cast<std::size_t>(size), MSG_NOSIGNAL);
  if (sent >= 0) return static_cast<int>(sent);
  link->error = errno;
  if (try_again(errno)) BIO_set_retry_write(bio);
  return -1;
}

int socket_read(BIO* bio, char* out, int room) {
  auto* const link = static_cast<TlsStream::Link*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  const auto got = ::recv(link->socket, out, static_cast<std::size_t>(room), 0);
  if (got > 0) return static_cast<int>(got);
  if (got == 0) {
    BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
    return 0;
  }
  link->error = errno;
  if (try_again(errno)) BIO_set_retry_read(bio);
  return -1;
}

long socket_control(BIO* bio, int command, long, void*) {
  if (command == BIO_CTRL_EOF) return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0 ? 1 : 0;
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

const BIO_METHOD* socket_method() {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* const m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "sipstack");
    if (m == nullptr) return m;
    BIO_meth_set_write(m, &socket_write);
    BIO_meth_set_read(m, &socket_read);
    BIO_meth_set_ctrl(m, &socket_control);
    return m;
  }();
  return method;
}

TlsErrc certificate_error(long verdict) {
  switch (verdict) {
    case X509_V_ERR_CERT_HAS_EXPIRED: return TlsErrc::expired;
    case X509_V_ERR_CERT_NOT_YET_VALID: return TlsErrc::not_yet_valid;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN: return TlsErrc::self_signed;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_UNTRUSTED: return TlsErrc::unknown_ca;
    case X509_V_ERR_INVALID_PURPOSE: return TlsErrc::wrong_purpose;
    case X509_V_ERR_EE_KEY_TOO_SMALL:
    case X509_V_ERR_CA_KEY_TOO_SMALL: return TlsErrc::weak_key;
    case X509_V_ERR_CA_MD_TOO_WEAK: return TlsErrc::weak_signature;
    case X509_V_ERR_CERT_REVOKED: return TlsErrc::revoked;
    case X509_V_ERR_UNABLE_TO_GET_CRL:
    case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
    case X509_V_ERR_CRL_HAS_EXPIRED:
    case X509_V_ERR_CRL_NOT_YET_VALID:
    case X509_V_ERR_CRL_SIGNATURE_FAILURE: return TlsErrc::revocation_unknown;
    case X509_V_ERR_PERMITTED_VIOLATION:
    case X509_V_ERR_EXCLUDED_VIOLATION:
    case X509_V_ERR_SUBTREE_MINMAX:
    case X509_V_ERR_UNSUPPORTED_CONSTRAINT_TYPE:
    case X509_V_ERR_UNSUPPORTED_CONSTRAINT_SYNTAX:
    case X509_V_ERR_UNSUPPORTED_NAME_SYNTAX: return TlsErrc::name_constraint;
    case X509_V_ERR_INVALID_CA:
    case X509_V_ERR_PATH_LENGTH_EXCEEDED:
    case X509_V_ERR_CERT_CHAIN_TOO_LONG:
    case X509_V_ERR_KEYUSAGE_NO_CERTSIGN:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE: return TlsErrc::bad_chain;
    default: return TlsErrc::unacceptable;
  }
}

}  // namespace

void TlsStream::FreeSsl::operator()(ssl_st* tls) const noexcept { SSL_free(tls); }

TlsStream::TlsStream(std::shared_ptr<TlsContext> context, int socket)
    : context_(std::move(context)), accepted_(true) {
  prepare(socket);
  if (tls_) SSL_set_accept_state(tls_.get());
}

TlsStream::TlsStream(std::shared_ptr<TlsContext> context, int socket, std::string name,
                     std::string peer)
    : context_(std::move(context)),
      name_(std::move(name)),
      peer_(std::move(peer)),
      accepted_(false) {
  prepare(socket);
  if (!tls_) return;
  SSL_set_connect_state(tls_.get());
  SSL_set_app_data(tls_.get(), reinterpret_cast<char*>(this));
  // RFC 5922 section 7.8; RFC 6066 section 3: no addresses, no dot at the end.
  std::string server = name_;
  if (!server.empty() && server.back() == '.') server.pop_back();
  if (!server.empty() && !IpAddress::parse(server))
    SSL_set_tlsext_host_name(tls_.get(), server.c_str());
  if (const TlsSession session = context_->sessions().take(peer_))
    SSL_set_session(tls_.get(), session.get());
}

TlsStream::~TlsStream() = default;

void TlsStream::prepare(int socket) {
  link_.socket = socket;
  tls_.reset(SSL_new(context_->get()));
  BIO* const bio = socket_method() == nullptr ? nullptr : BIO_new(socket_method());
  if (!tls_ || bio == nullptr) {
    BIO_free(bio);
    tls_.reset();
    broken_ = true;
    return;
  }
  BIO_set_data(bio, &link_);
  BIO_set_init(bio, 1);
  SSL_set_bio(tls_.get(), bio, bio);
}

int TlsStream::keep_session(ssl_st* tls, ssl_session_st* session) {
  auto* const self = reinterpret_cast<TlsStream*>(SSL_get_app_data(tls));
  // A session of a peer that has not proved itself yet is not one to resume.
  if (self == nullptr || (SSL_version(tls) >= TLS1_3_VERSION && !self->done_)) return 0;
  self->context_->sessions().put(self->peer_, TlsSession(session));
  return 1;  // ours now
}

TlsStream::Step TlsStream::handshake() {
  if (broken_) return {0, Step::Need::nothing, false, TlsErrc::failed};
  ERR_clear_error();
  link_.error = 0;
  const int result = SSL_do_handshake(tls_.get());
  if (result != 1) {
    Step s = step(result);
    if (s.ended) {
      s.ended = false;
      s.error = TlsErrc::failed;
    }
    return s;
  }
  if (!accepted_) {
    if (const auto error = check_server()) {
      broken_ = true;
      return {0, Step::Need::nothing, false, error};
    }
  }
  done_ = true;
  return {};
}

/// Resumed or not: whom a session belongs to is not left to the table that it came from.
std::error_code TlsStream::check_server() const {
  if (!context_->options().verify) return {};
  const X509* const certificate = SSL_get0_peer_certificate(tls_.get());
  if (certificate == nullptr) return TlsErrc::missing;
  const long verdict = SSL_get_verify_result(tls_.get());
  if (verdict != X509_V_OK) return certificate_error(verdict);
  if (X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0) return TlsErrc::expired;
  if (!vouches_for(*certificate, name_, context_->options().wildcards))
    return TlsErrc::wrong_identity;
  return {};
}

TlsStream::Step TlsStream::read(char* out, std::size_t room) {
  if (broken_) return {0, Step::Need::nothing, true, {}};
  ERR_clear_error();
  link_.error = 0;
  const int result =
      SSL_read(tls_.get(), out, static_cast<int>(std::min<std::size_t>(room, INT_MAX)));
  if (result <= 0) return step(result);
  return {static_cast<std::size_t>(result), Step::Need::nothing, false, {}};
}

TlsStream::Step TlsStream::write(const char* bytes, std::size_t size) {
  if (broken_) return {0, Step::Need::nothing, false, make_error_code(std::errc::broken_pipe)};
  ERR_clear_error();
  link_.error = 0;
  const int result = SSL_write(tls_.get(), bytes, static_cast<int>(std::min(size, kRecord)));
  if (result > 0) return {static_cast<std::size_t>(result), Step::Need::nothing, false, {}};
  Step s = step(result);
  if (s.ended) s.error = make_error_code(std::errc::broken_pipe);
  return s;
}

TlsStream::Step TlsStream::step(int result) {
  switch (SSL_get_error(tls_.get(), result)) {
    case SSL_ERROR_WANT_READ: return {0, Step::Need::readable, false, {}};
    case SSL_ERROR_WANT_WRITE: return {0, Step::Need::writable, false, {}};
    case SSL_ERROR_ZERO_RETURN: return {0, Step::Need::nothing, true, {}};
    case SSL_ERROR_SYSCALL:
      broken_ = true;
      if (link_.error == 0) return {0, Step::Need::nothing, true, {}};
      return {0, Step::Need::nothing, false, {link_.error, std::system_category()}};
    default: break;
  }
  broken_ = true;
  return {0, Step::Need::nothing, false, why()};
}

std::error_code TlsStream::why() const {
  const unsigned long error = ERR_peek_last_error();
  if (ERR_GET_LIB(error) != ERR_LIB_SSL) return TlsErrc::failed;
  const int reason = ERR_GET_REASON(error);
  switch (reason) {
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
      return certificate_error(SSL_get_verify_result(tls_.get()));
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE: return TlsErrc::missing;
    case SSL_R_EE_KEY_TOO_SMALL:
    case SSL_R_CA_KEY_TOO_SMALL:
    case SSL_R_DH_KEY_TOO_SMALL: return TlsErrc::weak_key;
    case SSL_R_CA_MD_TOO_WEAK: return TlsErrc::weak_signature;
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_UNKNOWN_SSL_VERSION:
    case SSL_R_UNSUPPORTED_SSL_VERSION:
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION: return TlsErrc::protocol_version;
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
    case SSL_R_NO_SUITABLE_KEY_SHARE: return TlsErrc::no_shared_cipher;
    case SSL_R_EXCESSIVE_MESSAGE_SIZE: return TlsErrc::too_large;
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST:
    case SSL_R_PACKET_LENGTH_TOO_LONG: return TlsErrc::not_tls;
    default: break;
  }
  return reason > SSL_AD_REASON_OFFSET ? TlsErrc::refused : TlsErrc::failed;
}

void TlsStream::close_notify() {
  if (broken_ || !done_) return;
  broken_ = true;
  ERR_clear_error();
  SSL_shutdown(tls_.get());
  ERR_clear_error();
}

bool TlsStream::resumed() const noexcept { return tls_ && SSL_session_reused(tls_.get()) == 1; }

std::vector<std::string> TlsStream::peer_identities() const {
  if (!done_ || !tls_) return {};
  const X509* const certificate = SSL_get0_peer_certificate(tls_.get());
  if (certificate == nullptr || SSL_get_verify_result(tls_.get()) != X509_V_OK) return {};
  return sip_identities(*certificate);
}

}  // namespace sipstack
