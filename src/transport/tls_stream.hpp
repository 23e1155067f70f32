// SPDX-License-Identifier: Apache-2.0
// TLS on one socket that is non-blocking: the caller waits until it is ready. RFC 5246, RFC 8446, RFC 5922.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "sipstack/transport/tls.hpp"
#include "transport/tls_context.hpp"

struct ssl_st;

namespace sipstack {

class TlsStream {
 public:
  /// What became of a step: bytes, or what the socket must become, or an end.
  struct Step {
    std::size_t size = 0;
    enum class Need : std::uint8_t { nothing, readable, writable } need = Need::nothing;
    bool ended = false;  ///< in good order, or at least not by an error of TLS
    std::error_code error;
  };

  /// An accepted connection.
  TlsStream(std::shared_ptr<TlsContext> context, int socket);
  /// One that we open: to `name`, as which the peer must prove itself; `peer` names the sessions.
  TlsStream(std::shared_ptr<TlsContext> context, int socket, std::string name, std::string peer);
  ~TlsStream();
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;

  /// Goes on until the peer is known. Without an error and a need: done, and a server is who it
  /// should be.
  Step handshake();
  /// At most one record; `room` should hold one (16 KiB), so that nothing stays where no readiness tells
  /// of it.
  Step read(char* out, std::size_t room);
  /// At most one record. Where it must be repeated, with the same bytes in front.
  Step write(const char* bytes, std::size_t size);
  /// Says goodbye, if that is possible now.
  void close_notify();

  bool resumed() const noexcept;
  /// Whom a client's certificate vouches for, once it is verified; empty where it showed none.
  std::vector<std::string> peer_identities() const;

  static constexpr std::size_t kRecord = 16384;

  /// OpenSSL's new_session callback.
  static int keep_session(ssl_st* tls, ssl_session_st* session);

  /// The socket below OpenSSL, and its last error.
  struct Link {
    int socket = -1;
    int error = 0;
  };

 private:
  struct FreeSsl {
    void operator()(ssl_st* tls) const noexcept;
  };
  void prepare(int socket);
  Step step(int result);
  std::error_code why() const;
  std::error_code check_server() const;

  std::shared_ptr<TlsContext> context_;
  Link link_;
  std::unique_ptr<ssl_st, FreeSsl> tls_;
  std::string name_;
  std::string peer_;
  bool accepted_;
  bool done_ = false;    ///< the handshake
  bool broken_ = false;  ///< nothing more may be asked of OpenSSL
};

}  // namespace sipstack
