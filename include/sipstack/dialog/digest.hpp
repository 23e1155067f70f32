// SPDX-License-Identifier: Apache-2.0
// HTTP digest for SIP, both sides. RFC 3261 section 22, RFC 7616, RFC 8760.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sipstack/base/random.hpp"
#include "sipstack/base/time.hpp"
#include "sipstack/dialog/credentials.hpp"
#include "sipstack/parser/message_view.hpp"
#include "sipstack/parser/writer.hpp"

namespace sipstack {

enum class DigestAlgorithm : std::uint8_t { md5, sha256, sha512_256 };
inline constexpr std::size_t kDigestAlgorithms = 3;
std::string_view to_string(
    DigestAlgorithm algorithm) noexcept;  ///< "MD5", "SHA-256", "SHA-512-256"

/// Lower-case hex of H(user:realm:password).
std::string digest_ha1(DigestAlgorithm algorithm, std::string_view user, std::string_view realm,
                       std::string_view password);

/// Client side: remembers the challenges of one call, registration or request and answers them on every
/// later request, nc counted per nonce (RFC 7616 section 3.4). Knows MD5, SHA-256 and SHA-512-256, each as
/// -sess too; qop auth, auth-int where nothing else is offered, and none (RFC 2069); user names hashed where
/// asked for (section 3.4.4); the nonce that a server says comes next.
class DigestClient {
 public:
  explicit DigestClient(std::vector<Credentials> credentials = {})
      : credentials_(std::move(credentials)) {}

  /// Takes the challenges of a 401 or 407: WWW-Authenticate and Proxy-Authenticate both, as a forking
  /// proxy gathers them (RFC 3261 section 16.7 step 7). True where a retry makes sense: there are
  /// credentials for a challenge that we support, and it is new (other nonce than the one just refused,
  /// or stale=true); at most one fresh and one stale retry for each realm and request (hardening A61).
  /// Of several challenges of one realm that with the strongest hash that we know is answered, the topmost of
  /// equals (RFC 8760 section 2.4 leaves it to the client's policy; SHA-256 and SHA-512-256 are equals).
  bool challenged(const MessageView& response);
  /// Writes Authorization and Proxy-Authorization for every realm challenged so far. `body` as it will be
  /// sent, for auth-int.
  void authorize(MessageWriter& request, std::string_view method, std::string_view uri,
                 std::string_view body, Random& random);
  /// A request got through: the next challenge may be answered again.
  void succeeded() noexcept;
  /// The same, and the nextnonce of its response is taken (RFC 7616 section 3.5).
  void succeeded(const MessageView& response);
  /// Starts afresh, with the same credentials.
  void forget() noexcept { sessions_.clear(); }

 private:
  /// What answers one realm. Texts for the wire are as the challenge had them, quotes included; those
  /// that are hashed are unquoted (RFC 7616 section 3.4.5).
  struct Session {
    bool proxy = false;
    DigestAlgorithm algorithm = DigestAlgorithm::md5;
    std::string realm_text, nonce_text, opaque_text, algorithm_text;
    std::string realm, nonce, user, ha1;
    std::string session_ha1;  ///< of a -sess algorithm, for `nonce` and `cnonce`
    std::string cnonce;       ///< of a -sess algorithm: one for all uses of a nonce
    std::string_view qop;     ///< "auth", "auth-int" or, for RFC 2069, ""
    bool opaque_given = false;
    bool session_key = false;  ///< the algorithm is a -sess
    bool user_hash = false;
    std::uint32_t nc = 0;  ///< how often this nonce was used
    int fresh_retries = 0;
    int stale_retries = 0;
  };
  Session* session(bool proxy, std::string_view realm) noexcept;
  struct Challenge;  ///< one of a response that we could answer
  std::optional<Challenge> understood(const AuthValue& value) const;
  bool take(const Challenge& challenge, bool proxy);
  static std::string answer(Session& s, std::string_view method, std::string_view uri,
                            std::string_view body, Random& random);

  std::vector<Credentials> credentials_;
  std::vector<Session> sessions_;
};

/// Gives HA1 (lower-case hex) of a user; nothing where there is no such user or no HA1 of that kind.
using Ha1Lookup =
    std::function<std::optional<std::string>(std::string_view user, DigestAlgorithm algorithm)>;

struct DigestServerOptions {
  std::string realm;
  std::vector<DigestAlgorithm> algorithms = {DigestAlgorithm::sha256, DigestAlgorithm::md5};
  /// Also offer and take qop=auth-int, which covers the body: not through whatever rewrites bodies.
  bool auth_int = false;
  Duration nonce_lifetime = std::chrono::seconds(300);
  /// Nonces whose counts are remembered. Past it the oldest are forgotten and count as stale.
  std::size_t max_nonces = 65536;
  /// True where a URI names this server. SIPp and some phones write our address, without a user, into the
  /// uri parameter whatever the Request-URI; with this they are let in. Empty: they are not.
  std::function<bool(const Uri&)> names_us;
};

enum class DigestVerdict : std::uint8_t {
  accepted,
  missing,  ///< no credentials for our realm: challenge
  stale,    ///< right, but the nonce is old or ours no more: challenge with stale=true
  refused   ///< wrong digest, replay, unknown user, malformed: challenge again
};

/// Server side: nonces are stateless to issue (time, random bits, HMAC-SHA256 with a key from Random);
/// what is kept is the replay window of nonces that were used. Constant-time comparison; an unknown user
/// costs and answers the same as a wrong password (hardening A65 to A69). A qop is required. -sess and
/// userhash are not offered: the one would need state for each client, the other a search among all users.
///
/// Threads: its shard's. `random` is drawn from for every nonce and must live longer.
class DigestServer {
 public:
  DigestServer(DigestServerOptions options, Ha1Lookup users, Random& random);
  ~DigestServer();

  /// New options and users. Nonces that were issued stay good, for the same realm.
  void reconfigure(DigestServerOptions options, Ha1Lookup users);

  struct Result {
    DigestVerdict verdict = DigestVerdict::missing;
    std::string user;  ///< where accepted
  };
  /// `proxy`: look at Proxy-Authorization instead of Authorization. The uri parameter must equal the
  /// Request-URI, or name us (see names_us), or (no proxy, no REGISTER) equal the URI in To: a proxy
  /// before us may have retargeted the request (RFC 3261 section 22.4 item 5).
  Result check(const MessageView& request, bool proxy, TimePoint now);
  /// Adds a challenge for each algorithm, strongest first, to a 401 or 407.
  void challenge(ResponseWriter& response, bool proxy, bool stale, TimePoint now);
  const std::string& realm() const noexcept;
  /// What check() has said so far.
  std::uint64_t said(DigestVerdict verdict) const noexcept;
  std::size_t nonces() const noexcept;  ///< nonces whose counts are remembered now
  /// Digests computed for check() so far: what credentials cost, whoever they name (hardening A67, A69).
  std::uint64_t computed() const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sipstack
