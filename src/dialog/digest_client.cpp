// SPDX-License-Identifier: Apache-2.0
// Answering challenges. RFC 3261 section 22.2 and 22.3, RFC 7616 section 3.4, RFC 8760 section 2.4.
#include <algorithm>
#include <optional>
#include <string_view>

#include "dialog/digest_hash.hpp"
#include "sipstack/dialog/digest.hpp"

namespace sipstack {
namespace {

/// Realms that one client remembers: a server that invents a realm a response must not make it grow.
constexpr std::size_t kMaxRealms = 4;

bool offers(std::string_view list, std::string_view qop) noexcept {
  while (!list.empty()) {
    const auto comma = list.find(',');
    std::string_view token = list.substr(0, comma);
    while (!token.empty() && (token.front() == ' ' || token.front() == '\t'))
      token.remove_prefix(1);
    while (!token.empty() && (token.back() == ' ' || token.back() == '\t')) token.remove_suffix(1);
    if (iequals(token, qop)) return true;
    if (comma == std::string_view::npos) break;
    list.remove_prefix(comma + 1);
  }
  return false;
}

/// Which of what is offered we take: what bodies are on their way is safer left alone. Nothing where all of
/// it is unknown.
std::optional<std::string_view> choose_qop(const std::optional<std::string>& offered) noexcept {
  if (!offered) return std::string_view();
  for (const std::string_view qop : {"auth", "auth-int"})
    if (offers(*offered, qop)) return qop;
  return std::nullopt;
}

/// The parameter as it stands, for the wire: folds gone, in quotes.
std::string quoted(const AuthValue& challenge, std::string_view name) {
  std::string text = unfold(challenge.find(name).value_or(std::string_view{}));
  return !text.empty() && text.front() == '"' ? text : quote(text);
}

std::string nonce_count(std::uint32_t nc) {
  std::string text(8, '0');
  for (std::size_t i = 8; i-- > 0; nc >>= 4) text[i] = "0123456789abcdef"[nc & 15];
  return text;
}

/// RFC 8760 section 2.1 knows MD5 as broken and prefers neither of the others.
int strength(DigestAlgorithm algorithm) noexcept {
  return algorithm == DigestAlgorithm::md5 ? 0 : 1;
}

}  // namespace

struct DigestClient::Challenge {
  AuthValue value;
  std::string realm;
  digest::Algorithm algorithm;
  std::string_view qop;
  const Credentials* credentials = nullptr;
};

DigestClient::Session* DigestClient::session(bool proxy, std::string_view realm) noexcept {
  for (Session& s : sessions_)
    if (s.proxy == proxy && s.realm == realm) return &s;
  return nullptr;
}

bool DigestClient::challenged(const MessageView& response) {
  bool retry = false;
  for (const bool proxy : {false, true}) {
    // Of each realm the strongest that we can answer, the topmost of equals: the local policy that RFC 8760
    // section 2.4 leaves room for. Who strips one from a response then gains nothing by reordering the rest.
    std::vector<Challenge> chosen;
    for (const auto& value :
         response.all(proxy ? hdr::proxy_authenticate : hdr::www_authenticate)) {
      auto challenge = value ? understood(*value) : std::nullopt;
      if (!challenge) continue;
      const auto same = std::find_if(chosen.begin(), chosen.end(), [&](const Challenge& c) {
        return c.realm == challenge->realm;
      });
      if (same == chosen.end())
        chosen.push_back(std::move(*challenge));
      else if (strength(challenge->algorithm.hash) > strength(same->algorithm.hash))
        *same = std::move(*challenge);
    }
    for (const Challenge& challenge : chosen)
      if (take(challenge, proxy)) retry = true;
  }
  return retry;
}

/// Nothing where it is none for us: what is unknown is skipped (RFC 7616 section 3.3).
std::optional<DigestClient::Challenge> DigestClient::understood(const AuthValue& value) const {
  if (!iequals(value.scheme, "Digest")) return std::nullopt;
  for (const auto name : {"realm", "nonce"})
    if (value.count(name) != 1) return std::nullopt;
  for (const auto name : {"algorithm", "qop", "opaque", "stale", "userhash"})
    if (value.count(name) > 1) return std::nullopt;
  const auto algorithm = digest::algorithm_from(digest::param(value, "algorithm").value_or("MD5"));
  const auto qop = choose_qop(digest::param(value, "qop"));
  // A -sess key is made of a cnonce, which only answers with a qop have.
  if (!algorithm || !qop || (algorithm->session_key && qop->empty())) return std::nullopt;
  std::string realm = *digest::param(value, "realm");
  const auto credentials =
      std::find_if(credentials_.begin(), credentials_.end(),
                   [&](const Credentials& c) { return c.realm.empty() || c.realm == realm; });
  if (credentials == credentials_.end()) return std::nullopt;
  return Challenge{value, std::move(realm), *algorithm, *qop, &*credentials};
}

/// True where it can be answered anew.
bool DigestClient::take(const Challenge& c, bool proxy) {
  const AuthValue& challenge = c.value;
  const std::string& realm = c.realm;
  const std::string nonce = *digest::param(challenge, "nonce");
  const bool stale = iequals(digest::param(challenge, "stale").value_or(""), "true");
  Session* s = session(proxy, realm);
  if (s == nullptr) {
    if (sessions_.size() >= kMaxRealms) return false;
    s = &sessions_.emplace_back();
    s->proxy = proxy;
    s->realm = realm;
  } else if (s->nonce == nonce && !stale) {
    return false;  // the very answer that was just refused
  }
  // Some servers never say stale: a new nonce counts as a fresh challenge, once (field note 79).
  int& retries = stale && s->nc > 0 ? s->stale_retries : s->fresh_retries;
  if (++retries > 1) return false;

  s->algorithm = c.algorithm.hash;
  s->session_key = c.algorithm.session_key;
  s->algorithm_text = digest::param(challenge, "algorithm").value_or("");
  s->realm_text = quoted(challenge, "realm");
  s->nonce_text = quoted(challenge, "nonce");
  s->opaque_given = challenge.count("opaque") == 1;
  s->opaque_text = s->opaque_given ? quoted(challenge, "opaque") : "";
  s->qop = c.qop;
  s->user_hash = iequals(digest::param(challenge, "userhash").value_or(""), "true");
  s->user = c.credentials->user;
  s->ha1 = digest_ha1(s->algorithm, s->user, realm, c.credentials->password);
  if (s->nonce != nonce) s->nc = 0;  // nc counts the uses of one nonce (hardening A66)
  s->nonce = nonce;
  return true;
}

std::string DigestClient::answer(Session& s, std::string_view method, std::string_view uri,
                                 std::string_view body, Random& random) {
  const std::string nc = nonce_count(++s.nc);
  if (s.nc == 1) s.cnonce.clear();
  if (s.cnonce.empty() || !s.session_key) {
    s.cnonce = random.token(16);
    if (s.session_key) s.session_ha1 = digest::session_ha1(s.algorithm, s.ha1, s.nonce, s.cnonce);
  }
  digest::Input in;
  in.ha1 = s.session_key ? s.session_ha1 : s.ha1;
  in.nonce = s.nonce;
  in.method = method;
  in.uri = uri;
  in.body = body;
  if (!s.qop.empty()) {
    in.nc = nc;
    in.cnonce = s.cnonce;
    in.qop = s.qop;
  }
  const std::string user = s.user_hash ? digest::user_hash(s.algorithm, s.user, s.realm) : s.user;
  std::string value = "Digest username=" + quote(user) + ", realm=" + s.realm_text +
                      ", nonce=" + s.nonce_text + ", uri=" + quote(uri) + ", response=\"" +
                      digest::response(s.algorithm, in) + "\"";
  if (!s.algorithm_text.empty()) value += ", algorithm=" + s.algorithm_text;
  if (!s.qop.empty())
    value.append(", cnonce=\"")
        .append(s.cnonce)
        .append("\", qop=")
        .append(s.qop)
        .append(", nc=" + nc);
  if (s.opaque_given) value += ", opaque=" + s.opaque_text;
  if (s.user_hash) value += ", userhash=true";
  return value;
}

void DigestClient::authorize(MessageWriter& request, std::string_view method, std::string_view uri,
                             std::string_view body, Random& random) {
  for (Session& s : sessions_) {
    if (s.nonce_text.empty()) continue;
    request.header(s.proxy ? HeaderId::proxy_authorization : HeaderId::authorization,
                   answer(s, method, uri, body, random));
  }
}

void DigestClient::succeeded(const MessageView& response) {
  succeeded();
  const auto info = response.get(hdr::authentication_info);
  if (!info || info->count("nextnonce") != 1) return;
  const std::string nonce = *digest::param(*info, "nextnonce");
  Session* only = nullptr;
  for (Session& s : sessions_) {
    if (s.proxy) continue;
    if (only != nullptr) return;  // whose it is can't be told
    only = &s;
  }
  if (only == nullptr || nonce.empty() || nonce == only->nonce) return;
  only->nonce = nonce;
  only->nonce_text = quoted(*info, "nextnonce");
  only->nc = 0;
}

void DigestClient::succeeded() noexcept {
  for (Session& s : sessions_) s.fresh_retries = s.stale_retries = 0;
}

}  // namespace sipstack
