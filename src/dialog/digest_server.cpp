// SPDX-License-Identifier: Apache-2.0
// Challenging requests and judging credentials. RFC 3261 section 22.4, RFC 7616 sections 3.3, 3.4 and 5,
// RFC 8760.
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <algorithm>
#include <array>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstring>
#include <deque>
#include <new>

#include "dialog/digest_hash.hpp"
#include "sipstack/base/keyed_hash.hpp"
#include "sipstack/dialog/digest.hpp"

namespace sipstack {
namespace {

// A nonce is 30 bytes, which makes 40 digits of base64 and no padding: when it was issued, random bits
// that make it unique, and a tag that only we can make, bound to realm and algorithm (hardening A68).
constexpr std::size_t kTime = 6, kRandom = 8, kTag = 16;
constexpr std::size_t kNonce = kTime + kRandom + kTag;
constexpr std::size_t kNonceText = kNonce / 3 * 4;
using NonceBytes = std::array<unsigned char, kNonce>;

/// Authorization headers of one request that are looked at (hardening, defaults).
constexpr int kMaxCredentials = 8;

/// Which of the last 64 counts of a nonce were used (RFC 7616 section 5.5; hardening A65).
class Window {
 public:
  /// False where the count was used before, or is too old to tell.
  bool take(std::uint32_t nc) noexcept {
    if (nc > highest_) {
      const std::uint32_t ahead = nc - highest_;
      used_ = ahead < 64 ? used_ << ahead : 0;
      used_ |= 1;
      highest_ = nc;
      return true;
    }
    const std::uint32_t behind = highest_ - nc;
    if (behind >= 64) return false;
    const std::uint64_t bit = std::uint64_t{1} << behind;
    if ((used_ & bit) != 0) return false;
    used_ |= bit;
    return true;
  }

 private:
  std::uint32_t highest_ = 0;
  std::uint64_t used_ = 0;
};

std::optional<std::uint32_t> parse_count(std::string_view text) noexcept {
  if (text.size() != 8 || !digest::is_hex(text)) return std::nullopt;
  std::uint32_t value = 0;
  for (const char c : text) {
    const int digit = c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
    value = value << 4 | static_cast<std::uint32_t>(digit);
  }
  if (value == 0) return std::nullopt;
  return value;
}

bool same_uri(std::string_view a, const Uri& b) noexcept {
  if (a == b.text) return true;
  const auto uri = Uri::parse(a);
  return uri && equal(*uri, b);
}

/// The parameters of credentials that mean anything here, read in one walk.
class GivenParams {
 public:
  enum Name : std::size_t {
    username,
    realm,
    nonce,
    uri,
    response,
    cnonce,
    nc,
    qop,
    algorithm,
    opaque,
    userhash,
    username_star,
    kNames
  };

  explicit GivenParams(const AuthValue& value) noexcept {
    for (const Param& param : value) {
      const auto named = std::find_if(kTexts.begin(), kTexts.end(), [&](std::string_view name) {
        return name.size() == param.name.size() && iequals(name, param.name);
      });
      if (named == kTexts.end()) continue;
      Seen& seen = seen_[static_cast<std::size_t>(named - kTexts.begin())];
      if (seen.times++ == 0) seen.value = param.value;
    }
  }
  int count(Name name) const noexcept { return seen_[name].times; }
  /// Without quotes and folds; empty where it is absent.
  std::string text(Name name) const {
    const std::string_view raw = seen_[name].value;
    const bool plain = std::none_of(raw.begin(), raw.end(),
                                    [](char c) { return c == '\\' || c == '\r' || c == '\n'; });
    if (!plain) return unquote(unfold(raw));
    const bool quoted = raw.size() >= 2 && raw.front() == '"' && raw.back() == '"';
    return std::string(quoted ? raw.substr(1, raw.size() - 2) : raw);
  }

 private:
  static constexpr std::array<std::string_view, kNames> kTexts = {
      "username", "realm", "nonce",     "uri",    "response", "cnonce",
      "nc",       "qop",   "algorithm", "opaque", "userhash", "username*"};
  struct Seen {
    std::string_view value;  ///< of the first one
    int times = 0;
  };
  std::array<Seen, kNames> seen_{};
};

/// The parameters of one Digest credential, each there at most once.
struct Claim {
  std::string user, nonce, uri, response, cnonce, nc_text, qop;
  DigestAlgorithm algorithm = DigestAlgorithm::md5;
  std::uint32_t nc = 0;
};

/// Nothing where anything is missing, doubled or malformed (hardening A64).
std::optional<Claim> read_claim(const GivenParams& given) {
  using C = GivenParams;
  for (const auto name :
       {C::username, C::realm, C::nonce, C::uri, C::response, C::cnonce, C::nc, C::qop})
    if (given.count(name) != 1) return std::nullopt;
  for (const auto name : {C::algorithm, C::opaque})
    if (given.count(name) > 1) return std::nullopt;
  // Neither user names in RFC 8187 notation nor hashed ones are offered.
  if (given.count(C::username_star) != 0) return std::nullopt;
  if (iequals(given.text(C::userhash), "true")) return std::nullopt;

  Claim c;
  const auto algorithm =
      digest::algorithm_from(given.count(C::algorithm) == 0 ? "MD5" : given.text(C::algorithm));
  if (!algorithm || algorithm->session_key) return std::nullopt;
  c.algorithm = algorithm->hash;
  c.qop = digest::lower(given.text(C::qop));
  if (c.qop != "auth" && c.qop != "auth-int") return std::nullopt;
  c.nc_text = given.text(C::nc);
  const auto nc = parse_count(c.nc_text);
  if (!nc) return std::nullopt;
  c.nc = *nc;
  c.cnonce = given.text(C::cnonce);
  c.response = digest::lower(given.text(C::response));
  if (c.cnonce.empty() || c.response.size() != digest::digits(c.algorithm) ||
      !digest::is_hex(c.response))
    return std::nullopt;
  c.user = given.text(C::username);
  c.nonce = given.text(C::nonce);
  c.uri = given.text(C::uri);
  return c;
}

/// HMAC-SHA-256 under one key. The context is kept: to make one and find its functions takes libcrypto ten
/// times as long as the hashing.
class NonceMac {
 public:
  using Key = std::array<unsigned char, 32>;
  explicit NonceMac(const Key& key) {
    char function[] = "SHA2-256";
    const OSSL_PARAM settings[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, function, 0),
        OSSL_PARAM_construct_end()};
    EVP_MAC* const mac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
    context_.reset(EVP_MAC_CTX_new(mac));
    EVP_MAC_free(mac);
    if (!context_ || EVP_MAC_init(context_.get(), key.data(), key.size(), settings) != 1)
      throw std::bad_alloc();
  }
  /// The first kTag bytes of it; false where libcrypto fails.
  bool sign(std::string_view text, unsigned char* out) const noexcept {
    unsigned char whole[EVP_MAX_MD_SIZE];
    std::size_t size = 0;
    // Without a key it begins anew with the one that it has.
    if (EVP_MAC_init(context_.get(), nullptr, 0, nullptr) != 1 ||
        EVP_MAC_update(context_.get(), reinterpret_cast<const unsigned char*>(text.data()),
                       text.size()) != 1 ||
        EVP_MAC_final(context_.get(), whole, &size, sizeof whole) != 1 || size < kTag)
      return false;
    std::memcpy(out, whole, kTag);
    return true;
  }

 private:
  struct Free {
    void operator()(EVP_MAC_CTX* context) const noexcept { EVP_MAC_CTX_free(context); }
  };
  std::unique_ptr<EVP_MAC_CTX, Free> context_;
};

}  // namespace

struct DigestServer::Impl {
  Impl(DigestServerOptions o, Ha1Lookup u, Random& r)
      : options(std::move(o)),
        users(std::move(u)),
        random(r),
        nonce_hash{{r.next(), r.next()}},
        mac(draw_key(r)) {
    make_dummies();
  }

  static NonceMac::Key draw_key(Random& random) {
    NonceMac::Key key{};
    random.fill(key.data(), key.size());
    return key;
  }

  /// A user that nobody has, so that asking for an unknown one costs a digest all the same.
  void make_dummies() {
    for (std::size_t i = 0; i < kDigestAlgorithms; ++i)
      dummy[i] = digest_ha1(static_cast<DigestAlgorithm>(i), "", options.realm, random.token(16));
  }

  struct NonceId {
    std::uint64_t issued_ms = 0;
    std::uint64_t random = 0;
    friend bool operator==(const NonceId& a, const NonceId& b) noexcept {
      return a.issued_ms == b.issued_ms && a.random == b.random;
    }
  };
  struct NonceHash {
    HashKey key;
    std::size_t operator()(const NonceId& id) const noexcept {
      char bytes[16];
      std::memcpy(bytes, &id.issued_ms, 8);
      std::memcpy(bytes + 8, &id.random, 8);
      return static_cast<std::size_t>(keyed_hash(key, {bytes, sizeof bytes}));
    }
  };

  static std::uint64_t ms(TimePoint t) noexcept {
    const auto count = std::chrono::duration_cast<std::chrono::milliseconds>(t.time_since_epoch());
    return static_cast<std::uint64_t>(count.count()) & 0xffffffffffffU;
  }
  static NonceId id_of(const NonceBytes& bytes) noexcept {
    NonceId id;
    for (std::size_t i = 0; i < kTime; ++i) id.issued_ms = id.issued_ms << 8 | bytes[i];
    for (std::size_t i = kTime; i < kTime + kRandom; ++i) id.random = id.random << 8 | bytes[i];
    return id;
  }
  bool make_tag(NonceBytes& bytes, DigestAlgorithm algorithm) const {
    std::string text(reinterpret_cast<const char*>(bytes.data()), kTime + kRandom);
    text.append(to_string(algorithm)).append(":").append(options.realm);
    return mac.sign(text, bytes.data() + kTime + kRandom);
  }
  bool issued_for(const NonceBytes& bytes, DigestAlgorithm algorithm) const {
    NonceBytes ours = bytes;
    return make_tag(ours, algorithm) && CRYPTO_memcmp(ours.data(), bytes.data(), kNonce) == 0;
  }
  static std::optional<NonceBytes> decode(std::string_view text) {
    if (text.size() != kNonceText) return std::nullopt;
    NonceBytes bytes{};
    const int size =
        EVP_DecodeBlock(bytes.data(), reinterpret_cast<const unsigned char*>(text.data()),
                        static_cast<int>(text.size()));
    if (size != static_cast<int>(kNonce)) return std::nullopt;
    return bytes;
  }
  std::string issue(DigestAlgorithm algorithm, TimePoint now) {
    NonceBytes bytes{};
    const std::uint64_t t = ms(now);
    for (std::size_t i = 0; i < kTime; ++i)
      bytes[i] = static_cast<unsigned char>(t >> (8 * (kTime - 1 - i)));
    random.fill(bytes.data() + kTime, kRandom);
    make_tag(bytes, algorithm);
    unsigned char text[kNonceText + 1];
    EVP_EncodeBlock(text, bytes.data(), static_cast<int>(kNonce));
    return {reinterpret_cast<const char*>(text), kNonceText};
  }

  bool offered(DigestAlgorithm a) const noexcept {
    return std::find(options.algorithms.begin(), options.algorithms.end(), a) !=
           options.algorithms.end();
  }
  bool about_this(const MessageView& request, bool proxy, std::string_view uri) const {
    if (same_uri(uri, request.request_uri())) return true;
    if (options.names_us) {
      const auto parsed = Uri::parse(uri);
      if (parsed && parsed->is_sip() && !parsed->has_user && options.names_us(*parsed)) return true;
    }
    if (proxy || request.method() == Method::register_) return false;
    const auto to = request.get(hdr::to);
    return to && same_uri(uri, to->uri);
  }

  DigestVerdict judge(const Claim& c, const MessageView& request, bool proxy, TimePoint now) {
    if (!offered(c.algorithm)) return DigestVerdict::refused;
    if (c.qop == "auth-int" && !options.auth_int) return DigestVerdict::refused;
    std::optional<std::string> ha1 = users ? users(c.user, c.algorithm) : std::nullopt;
    const bool known = ha1 && ha1->size() == digest::digits(c.algorithm) && digest::is_hex(*ha1);
    digest::Input in;
    in.ha1 = known ? std::string_view(*ha1) : dummy[static_cast<std::size_t>(c.algorithm)];
    in.nonce = c.nonce;
    in.nc = c.nc_text;
    in.cnonce = c.cnonce;
    in.qop = c.qop;
    in.body = request.body();
    in.method = request.method_name();
    in.uri = c.uri;
    ++computed;
    const std::string wanted = digest::response(c.algorithm, in);
    const bool right = wanted.size() == c.response.size() &&
                       CRYPTO_memcmp(wanted.data(), c.response.data(), wanted.size()) == 0;
    // Nothing is recorded or told before the digest is known to be right: else a forged count would lock
    // the owner out, and stale would tell users from strangers.
    if (!right || !known || !about_this(request, proxy, c.uri)) return DigestVerdict::refused;
    return spend(c, now);
  }

  DigestVerdict spend(const Claim& c, TimePoint now) {
    const auto bytes = decode(c.nonce);
    if (!bytes || !issued_for(*bytes, c.algorithm)) {
      // Ours, but for another algorithm: a downgrade, not an old nonce.
      if (bytes)
        for (const DigestAlgorithm a : options.algorithms)
          if (issued_for(*bytes, a)) return DigestVerdict::refused;
      return DigestVerdict::stale;  // of another process of ours, it may be: before a restart
    }
    forget_expired(now);
    const NonceId id = id_of(*bytes);
    if (expired(id.issued_ms, now)) return DigestVerdict::stale;
    auto found = windows.find(id);
    if (found == windows.end()) {
      // It may have been used and forgotten.
      if (id.issued_ms <= horizon_ms && windows_forgotten) return DigestVerdict::stale;
      while (windows.size() >= std::max<std::size_t>(options.max_nonces, 1)) forget_oldest();
      found = windows.emplace(id, Window{}).first;
      order.push_back(id);
    }
    return found->second.take(c.nc) ? DigestVerdict::accepted : DigestVerdict::refused;
  }

  bool expired(std::uint64_t issued_ms, TimePoint now) const noexcept {
    const auto lifetime = static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(options.nonce_lifetime).count());
    const std::uint64_t at = ms(now);
    return issued_ms > at || at - issued_ms > lifetime;
  }
  void forget_oldest() {
    horizon_ms = std::max(horizon_ms, order.front().issued_ms);
    windows_forgotten = true;
    windows.erase(order.front());
    order.pop_front();
  }
  void forget_expired(TimePoint now) {
    // In order of first use, which is nearly that of issue: one that expired behind one that did not
    // only waits a little longer.
    while (!order.empty() && expired(order.front().issued_ms, now)) {
      windows.erase(order.front());
      order.pop_front();
    }
  }

  DigestServerOptions options;
  Ha1Lookup users;
  Random& random;
  std::array<std::string, kDigestAlgorithms> dummy;
  NonceHash nonce_hash;
  NonceMac mac;
  boost::unordered_flat_map<NonceId, Window, NonceHash> windows{0, nonce_hash};
  std::deque<NonceId> order;  ///< of first use
  std::uint64_t horizon_ms = 0;
  bool windows_forgotten = false;
  std::array<std::uint64_t, 4> said{};  ///< by DigestVerdict
  std::uint64_t computed = 0;
};

DigestServer::DigestServer(DigestServerOptions options, Ha1Lookup users, Random& random)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(users), random)) {}
DigestServer::~DigestServer() = default;

void DigestServer::reconfigure(DigestServerOptions options, Ha1Lookup users) {
  impl_->options = std::move(options);
  impl_->users = std::move(users);
  impl_->make_dummies();
}

DigestServer::Result DigestServer::check(const MessageView& request, bool proxy, TimePoint now) {
  Result result;
  int looked_at = 0;
  for (const auto& value : request.all(proxy ? hdr::proxy_authorization : hdr::authorization)) {
    if (++looked_at > kMaxCredentials) break;
    if (!value || !iequals(value->scheme, "Digest")) continue;
    // Credentials for other realms belong to others (RFC 3261 section 22.3).
    const GivenParams given(*value);
    if (given.count(GivenParams::realm) == 1 &&
        given.text(GivenParams::realm) != impl_->options.realm)
      continue;
    const auto claim = read_claim(given);
    const DigestVerdict verdict =
        claim ? impl_->judge(*claim, request, proxy, now) : DigestVerdict::refused;
    if (verdict == DigestVerdict::accepted) {
      result.verdict = verdict;
      result.user = claim->user;
      break;
    }
    if (result.verdict != DigestVerdict::stale) result.verdict = verdict;
  }
  ++impl_->said[static_cast<std::size_t>(result.verdict)];
  return result;
}

void DigestServer::challenge(ResponseWriter& response, bool proxy, bool stale, TimePoint now) {
  for (const DigestAlgorithm algorithm : impl_->options.algorithms) {
    std::string value = "Digest realm=" + quote(impl_->options.realm) + ", nonce=\"" +
                        impl_->issue(algorithm, now) + "\", algorithm=";
    value.append(to_string(algorithm))
        .append(impl_->options.auth_int ? ", qop=\"auth,auth-int\"" : ", qop=\"auth\"");
    if (stale) value += ", stale=true";
    response.header(proxy ? HeaderId::proxy_authenticate : HeaderId::www_authenticate, value);
  }
}

const std::string& DigestServer::realm() const noexcept { return impl_->options.realm; }
std::uint64_t DigestServer::said(DigestVerdict verdict) const noexcept {
  return impl_->said[static_cast<std::size_t>(verdict)];
}
std::uint64_t DigestServer::computed() const noexcept { return impl_->computed; }
std::size_t DigestServer::nonces() const noexcept { return impl_->windows.size(); }

}  // namespace sipstack
