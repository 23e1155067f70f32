// SPDX-License-Identifier: Apache-2.0
// What TLS connections share: our certificate, what is trusted, sessions to resume. RFC 3261 section 26.3.1.
#pragma once

#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_map>

#include "sipstack/base/expected.hpp"
#include "sipstack/base/keyed_hash.hpp"
#include "sipstack/transport/tls.hpp"

struct ssl_ctx_st;
struct ssl_session_st;

namespace sipstack {

struct FreeTls {
  void operator()(ssl_ctx_st* context) const noexcept;
  void operator()(ssl_session_st* session) const noexcept;
};
using TlsSession = std::unique_ptr<ssl_session_st, FreeTls>;

/// Sessions with servers, by whom we took them for and where; the oldest goes for a new one.
class TlsSessions {
 public:
  TlsSessions(std::size_t limit, const HashKey& key);
  void put(std::string_view peer, TlsSession session);
  /// A ticket is used once (RFC 8446 section C.4).
  TlsSession take(std::string_view peer);

 private:
  struct Entry {
    std::string peer;
    TlsSession session;
  };
  struct Hash {
    HashKey key;
    std::size_t operator()(std::string_view text) const noexcept {
      return static_cast<std::size_t>(keyed_hash(key, text));
    }
  };
  std::size_t limit_;
  std::list<Entry> entries_;  ///< the oldest first
  std::unordered_map<std::string_view, std::list<Entry>::iterator, Hash> by_peer_;
};

/// One state of the files, immutable; connections keep that by which they began.
class TlsContext {
 public:
  enum class Side : std::uint8_t { server, client };
  /// Reads the files. Errors: TlsErrc.
  static expected<std::shared_ptr<TlsContext>, std::error_code> load(const TlsOptions& options,
                                                                     Side side, const HashKey& key);

  ssl_ctx_st* get() const noexcept { return context_.get(); }
  const TlsOptions& options() const noexcept { return options_; }
  TlsSessions& sessions() noexcept { return sessions_; }

 private:
  TlsContext(const TlsOptions& options, const HashKey& key);
  std::error_code fill(Side side);

  TlsOptions options_;
  std::unique_ptr<ssl_ctx_st, FreeTls> context_;
  TlsSessions sessions_;
};

}  // namespace sipstack
