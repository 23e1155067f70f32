// SPDX-License-Identifier: Apache-2.0
// Certificates made to order, good and bad, and a plain OpenSSL peer that shows them.
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "loopback.hpp"

namespace sipstack::testing {

struct FreeOpenSsl {
  void operator()(EVP_PKEY* p) const { EVP_PKEY_free(p); }
  void operator()(X509* p) const { X509_free(p); }
  void operator()(X509_CRL* p) const { X509_CRL_free(p); }
  void operator()(SSL_CTX* p) const { SSL_CTX_free(p); }
  void operator()(SSL* p) const { SSL_free(p); }
  void operator()(BIO* p) const { BIO_free(p); }
};
template <class T>
using Owned = std::unique_ptr<T, FreeOpenSsl>;

/// What a certificate is to say. Times in seconds from now.
struct Recipe {
  std::string common_name = "a test";
  std::string sans;                ///< as OpenSSL's configuration writes them: "DNS:a,URI:sip:b"
  std::vector<std::string> names;  ///< DNS names byte by byte, beside or instead of those
  long begins = -3600;
  long ends = 86400;
  const EVP_MD* digest = EVP_sha256();
  int rsa_bits = 0;  ///< 0: P-256
  std::string basic = "CA:FALSE";
  std::string purpose;      ///< extendedKeyUsage
  std::string constraints;  ///< nameConstraints
};

class Certificate {
 public:
  /// Signed by `issuer`, by itself where that is null.
  explicit Certificate(const Recipe& recipe, const Certificate* issuer = nullptr) {
    key_.reset(recipe.rsa_bits > 0 ? EVP_RSA_gen(static_cast<unsigned>(recipe.rsa_bits))
                                   : EVP_EC_gen("P-256"));
    REQUIRE(key_);
    x509_.reset(X509_new());
    static long serial = 1000;
    X509_set_version(x509_.get(), 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x509_.get()), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(x509_.get()), recipe.begins);
    X509_gmtime_adj(X509_getm_notAfter(x509_.get()), recipe.ends);
    X509_set_pubkey(x509_.get(), key_.get());
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x509_.get()), "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(recipe.common_name.c_str()),
                               -1, -1, 0);
    const Certificate& by = issuer != nullptr ? *issuer : *this;
    X509_set_issuer_name(x509_.get(), X509_get_subject_name(by.x509_.get()));
    extend(NID_basic_constraints, recipe.basic, by);
    extend(NID_ext_key_usage, recipe.purpose, by);
    extend(NID_name_constraints, recipe.constraints, by);
    if (recipe.names.empty())
      extend(NID_subject_alt_name, recipe.sans, by);
    else
      name(recipe.names);
    REQUIRE(X509_sign(x509_.get(), by.key_.get(), recipe.digest) > 0);
  }

  X509* x509() const { return x509_.get(); }
  EVP_PKEY* key() const { return key_.get(); }
  std::string pem() const {
    return written([&](BIO* out) { PEM_write_bio_X509(out, x509_.get()); });
  }
  std::string key_pem() const {
    return written([&](BIO* out) {
      PEM_write_bio_PrivateKey(out, key_.get(), nullptr, nullptr, 0, nullptr, nullptr);
    });
  }
  /// A list of this CA's that revokes `one`.
  std::string revoking(const Certificate& one) const {
    const Owned<X509_CRL> crl(X509_CRL_new());
    X509_CRL_set_version(crl.get(), 1);
    X509_CRL_set_issuer_name(crl.get(), X509_get_subject_name(x509_.get()));
    ASN1_TIME* const now = X509_gmtime_adj(nullptr, -60);
    ASN1_TIME* const next = X509_gmtime_adj(nullptr, 86400);
    X509_CRL_set1_lastUpdate(crl.get(), now);
    X509_CRL_set1_nextUpdate(crl.get(), next);
    X509_REVOKED* const entry = X509_REVOKED_new();
    X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(one.x509_.get()));
    X509_REVOKED_set_revocationDate(entry, now);
    X509_CRL_add0_revoked(crl.get(), entry);
    ASN1_TIME_free(now);
    ASN1_TIME_free(next);
    X509_CRL_sign(crl.get(), key_.get(), EVP_sha256());
    return written([&](BIO* out) { PEM_write_bio_X509_CRL(out, crl.get()); });
  }

 private:
  template <class Write>
  static std::string written(Write&& write) {
    const Owned<BIO> out(BIO_new(BIO_s_mem()));
    write(out.get());
    char* data = nullptr;
    const long size = BIO_get_mem_data(out.get(), &data);
    return {data, static_cast<std::size_t>(size)};
  }
  void extend(int nid, const std::string& value, const Certificate& by) {
    if (value.empty()) return;
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, by.x509_.get(), x509_.get(), nullptr, nullptr, 0);
    X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
    REQUIRE(extension != nullptr);
    X509_add_ext(x509_.get(), extension, -1);
    X509_EXTENSION_free(extension);
  }
  void name(const std::vector<std::string>& names) {
    GENERAL_NAMES* const all = sk_GENERAL_NAME_new_null();
    for (const std::string& text : names) {
      ASN1_IA5STRING* const string = ASN1_IA5STRING_new();
      ASN1_STRING_set(string, text.data(), static_cast<int>(text.size()));
      GENERAL_NAME* const one = GENERAL_NAME_new();
      GENERAL_NAME_set0_value(one, GEN_DNS, string);
      sk_GENERAL_NAME_push(all, one);
    }
    X509_add1_ext_i2d(x509_.get(), NID_subject_alt_name, all, 0, 0);
    sk_GENERAL_NAME_pop_free(all, GENERAL_NAME_free);
  }

  Owned<EVP_PKEY> key_;
  Owned<X509> x509_;
};

inline Recipe authority(const std::string& name, const std::string& basic = "critical,CA:TRUE") {
  Recipe recipe;
  recipe.common_name = name;
  recipe.basic = basic;
  return recipe;
}
inline Recipe named(const std::string& sans) {
  Recipe recipe;
  recipe.sans = sans;
  return recipe;
}

/// A folder that goes with the test.
class Folder {
 public:
  Folder() {
    char path[] = "/tmp/sipstack-tls-XXXXXX";
    REQUIRE(mkdtemp(path) != nullptr);
    path_ = path;
  }
  ~Folder() {
    for (const std::string& file : files_) ::unlink(file.c_str());
    ::rmdir(path_.c_str());
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string file(const std::string& name, const std::string& text) {
    const std::string path = path_ + "/" + name;
    std::ofstream(path, std::ios::binary) << text;
    files_.push_back(path);
    return path;
  }

 private:
  std::string path_;
  std::vector<std::string> files_;
};

/// A CA, and what is needed to be believed by those who trust it.
struct Trust {
  Folder folder;
  Certificate ca{authority("the test's CA")};
  std::string ca_file = folder.file("ca.pem", ca.pem());

  TlsOptions client() const {
    TlsOptions options;
    options.ca = ca_file;
    return options;
  }
  /// With a certificate for these names.
  TlsOptions server(const std::string& sans = "DNS:example.com", const char* file = "server.pem") {
    const Certificate own(named(sans), &ca);
    TlsOptions options = client();
    options.certificate = folder.file(file, own.pem() + own.key_pem());
    return options;
  }
};

inline TransportOptions with_tls(const TlsOptions& tls) {
  TransportOptions options;
  options.tls = tls;
  return options;
}

/// The other end of a connection, by OpenSSL alone; it goes on each time that step() is called.
class TlsEnd {
 public:
  struct Options {
    const Certificate* own = nullptr;
    std::vector<const Certificate*> chain;
    int min_version = 0;
    int max_version = 0;
    SSL_SESSION* session = nullptr;
  };
  TlsEnd(tcp::socket socket, bool server, const Options& options) : socket_(std::move(socket)) {
    context_.reset(SSL_CTX_new(server ? TLS_server_method() : TLS_client_method()));
    SSL_CTX* const c = context_.get();
    SSL_CTX_set_security_level(c, 0);  // it is to be as bad as it is told
    SSL_CTX_set_min_proto_version(c, options.min_version != 0 ? options.min_version : TLS1_VERSION);
    SSL_CTX_set_max_proto_version(c, options.max_version);
    SSL_CTX_set_cipher_list(c, "ALL:@SECLEVEL=0");
    if (options.own != nullptr) {
      SSL_CTX_use_certificate(c, options.own->x509());
      SSL_CTX_use_PrivateKey(c, options.own->key());
      for (const Certificate* one : options.chain) SSL_CTX_add1_chain_cert(c, one->x509());
    }
    socket_.non_blocking(true);
    ssl_.reset(SSL_new(c));
    SSL_set_fd(ssl_.get(), socket_.native_handle());
    if (server)
      SSL_set_accept_state(ssl_.get());
    else
      SSL_set_connect_state(ssl_.get());
  }
  static TlsEnd connect(asio::io_context& io, const SocketAddress& to) {
    return connect(io, to, Options());
  }
  static TlsEnd connect(asio::io_context& io, const SocketAddress& to, const Options& options) {
    tcp::socket socket(io);
    socket.connect(endpoint<tcp>(to));
    socket.set_option(tcp::no_delay(true));
    return TlsEnd(std::move(socket), false, options);
  }

  /// As far as it goes without waiting; true while the connection lives.
  bool step() {
    if (ended_) return false;
    ERR_clear_error();
    if (!up_) {
      const int result = SSL_do_handshake(ssl_.get());
      if (result != 1) return go_on(result);
      up_ = true;
    }
    while (!out_.empty()) {
      const int result = SSL_write(ssl_.get(), out_.data(), static_cast<int>(out_.size()));
      if (result <= 0) return go_on(result);
      out_.erase(0, static_cast<std::size_t>(result));
    }
    char buffer[16384];
    for (;;) {
      const int result = SSL_read(ssl_.get(), buffer, sizeof buffer);
      if (result <= 0) return go_on(result);
      got_.append(buffer, static_cast<std::size_t>(result));
    }
  }
  void write(const std::string& bytes) {
    out_ += bytes;
    step();
  }
  void goodbye() { SSL_shutdown(ssl_.get()); }
  bool up() const { return up_; }
  bool ended() const { return ended_; }
  const std::string& got() const { return got_; }
  SSL* ssl() { return ssl_.get(); }
  tcp::socket& socket() { return socket_; }

 private:
  bool go_on(int result) {
    const int why = SSL_get_error(ssl_.get(), result);
    ended_ = why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE;
    return !ended_;
  }
  tcp::socket socket_;
  Owned<SSL_CTX> context_;
  Owned<SSL> ssl_;
  std::string out_;
  std::string got_;
  bool up_ = false;
  bool ended_ = false;
};

/// Accepts one connection after the other and answers as it is told.
class TlsServer {
 public:
  TlsServer(asio::io_context& io, const TlsEnd::Options& options)
      : acceptor_(io, endpoint<tcp>(at("127.0.0.1"))), options_(options) {
    acceptor_.non_blocking(true);
  }
  SocketAddress where() const { return address(acceptor_.local_endpoint()); }
  void step() {
    boost::system::error_code error;
    tcp::socket socket(acceptor_.get_executor());
    acceptor_.accept(socket, error);
    if (!error) ends.push_back(std::make_unique<TlsEnd>(std::move(socket), true, options_));
    for (const auto& end : ends) end->step();
  }
  std::string got() const {
    std::string all;
    for (const auto& end : ends) all += end->got();
    return all;
  }
  std::vector<std::unique_ptr<TlsEnd>> ends;

 private:
  tcp::acceptor acceptor_;
  TlsEnd::Options options_;
};

}  // namespace sipstack::testing
