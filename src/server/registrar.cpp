// SPDX-License-Identifier: Apache-2.0
// The registrar: RFC 3261 section 10.3 step by step, Path by RFC 3327 section 5.3, sips by RFC 5630.
#include "sipstack/server/registrar.hpp"

#include <algorithm>
#include <optional>

#include "server/flow_token.hpp"
#include "server/reply.hpp"

namespace sipstack {
namespace {

/// Contacts of one request that are looked at (hardening, defaults).
constexpr std::size_t kMaxContactsPerRequest = 32;
/// Bytes of one binding: contact, parameters, path, Call-ID. More is no phone.
constexpr std::size_t kMaxBindingBytes = 4096;
/// What a malformed expiry means (RFC 3261 section 10.2.1.1), in seconds; also the least that is never
/// too brief (section 10.3 step 7).
constexpr std::uint32_t kOneHour = 3600;

std::string_view bare(std::string_view host) noexcept {
  if (host.size() > 2 && host.front() == '[' && host.back() == ']')
    return host.substr(1, host.size() - 2);
  return host;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  return out;
}

/// qvalue of RFC 3261 section 25.1: 0 to 1, at most three decimals.
bool is_qvalue(std::string_view q) noexcept {
  if (q.empty() || (q[0] != '0' && q[0] != '1')) return false;
  if (q.size() == 1) return true;
  if (q[1] != '.' || q.size() > 5) return false;
  const auto digits = q.substr(2);
  return digits.find_first_not_of(q[0] == '1' ? "0" : "0123456789") == std::string_view::npos;
}

/// Seconds that are left, rounded up: what lives is never told to be over.
std::int64_t seconds_left(TimePoint expires, TimePoint now) noexcept {
  return std::chrono::ceil<std::chrono::seconds>(expires - now).count();
}

/// What a refusal needs to say.
struct Refusal {
  int status;
  HeaderId header = HeaderId::other;
  std::string value;
};

}  // namespace

struct Registrar::Impl {
  Impl(TransactionLayer& l, LocationStore& s, DigestServer* d, const RegistrarOptions& o)
      : layer(l), store(s), digest(d), options(o) {}

  void refuse(const RequestArrived& e, const Refusal& r, TimePoint now) {
    server::reply(layer, e.txn, e.request.view(), e.flow, r.status, options.product, now,
                  [&](ResponseWriter& w) {
                    if (!r.value.empty()) w.header(r.header, r.value);
                  });
  }

  /// Step 2: extensions that the sender requires; and RFC 3327 section 5.3, whose recommended policy is to
  /// refuse a Path that the phone does not know of.
  static std::optional<Refusal> extensions(const MessageView& m) {
    std::string bad =
        server::unsupported(m, hdr::require, [](std::string_view t) { return iequals(t, "path"); });
    if (!bad.empty()) return Refusal{420, HeaderId::unsupported, std::move(bad)};
    if (m.has(HeaderId::path) && !m.lists(hdr::supported, "path") && !m.lists(hdr::require, "path"))
      return Refusal{420, HeaderId::unsupported, "path"};
    return std::nullopt;
  }

  /// The expiry of the request as a whole: Expires, else our default. Too large a number is the largest.
  std::uint32_t requested_expires(const MessageView& m) const noexcept {
    const auto expires = m.get(hdr::expires);
    if (expires) return expires->number;
    switch (expires.error().code) {
      case ParseErrc::missing_header: return options.default_expires;
      case ParseErrc::out_of_range: return UINT32_MAX;
      default: return kOneHour;
    }
  }

  /// Steps 6 and 7 as far as they need no store: every contact read and judged before any is changed.
  std::optional<Refusal> read_contacts(const RequestArrived& e, BindingUpdate& update,
                                       TimePoint now) const {
    const MessageView m = e.request.view();
    const Refusal bad{400, {}, {}};
    std::vector<std::string> path;
    std::size_t path_bytes = 0;
    bool path_sips = true;
    for (const auto& p : m.all(hdr::path)) {
      if (!p || !p->uri.is_sip()) return bad;
      // Route wants name-addrs (section 20.34).
      path.push_back("<" + std::string(p->uri.text) + ">" + unfold(p->params.text()));
      path_bytes += path.back().size();
      path_sips = path_sips && p->uri.scheme == UriScheme::sips;
    }

    std::size_t count = 0;
    bool any_sips = false, all_sips = true, brief = false;
    for (const auto& c : m.all(hdr::contact)) {
      if (!c || ++count > kMaxContactsPerRequest) return bad;
      if (c->wildcard) {
        update.remove_all = true;
        continue;
      }
      Binding b;
      if (const auto q = c->params.find("q")) {
        if (!is_qvalue(*q)) return bad;
        b.has_q = true;
        b.q = c->q();
      }
      std::uint32_t expires = requested_expires(m);
      if (c->params.has("expires")) expires = c->expires().value_or(kOneHour);
      if (expires > 0 && expires < options.min_expires && expires < kOneHour) brief = true;
      expires = std::min(expires, options.max_expires);

      b.contact = c->uri.text;
      for (const Param& p : c->params) {
        if (iequals(p.name, "q") || iequals(p.name, "expires")) continue;
        b.params.append(";").append(p.name);
        if (p.has_value) b.params.append("=").append(p.value);
      }
      b.params = unfold(b.params);
      b.path = path;
      b.call_id = update.call_id;
      b.cseq = update.cseq;
      b.expires = now + std::chrono::seconds(expires);
      b.flow = e.flow;
      b.by_flow = path.empty() && server::reached_by_flow(c->uri, m, e.flow);
      if (b.contact.size() + b.params.size() + b.call_id.size() + path_bytes > kMaxBindingBytes)
        return bad;
      if (c->uri.scheme == UriScheme::sips)
        any_sips = true;
      else
        all_sips = false;
      update.set.push_back(std::move(b));
    }
    // Step 6: "*" stands alone, with Expires: 0.
    if (update.remove_all && (count != 1 || !m.has(HeaderId::expires) || requested_expires(m) != 0))
      return bad;
    // RFC 5630 section 5.2: a sips contact only where everything on its way is sips.
    if (any_sips && (!all_sips || !path_sips || m.request_uri().scheme != UriScheme::sips))
      return bad;
    if (brief) return Refusal{423, HeaderId::min_expires, std::to_string(options.min_expires)};
    return std::nullopt;
  }

  /// Step 8: every current binding, with what is left of it.
  void answer(TxnId txn, const LocationResult& result, TimePoint now) {
    const MessageView m = layer.request(txn);
    const auto flow = layer.flow(txn);
    if (!m || !flow) return;
    if (!result) {
      Refusal r{500, {}, {}};
      if (result.error() == LocationErrc::too_many) r.status = 403;
      if (result.error() == LocationErrc::unavailable) r = {503, HeaderId::retry_after, "30"};
      server::reply(layer, txn, m, *flow, r.status, options.product, now, [&](ResponseWriter& w) {
        if (!r.value.empty()) w.header(r.header, r.value);
      });
      return;
    }
    server::reply(layer, txn, m, *flow, 200, options.product, now, [&](ResponseWriter& w) {
      for (const Binding& b : *result) {
        std::string value = "<" + b.contact + ">" + b.params;
        if (b.has_q) value += ";q=" + server::qvalue(b.q);
        w.header(HeaderId::contact,
                 value + ";expires=" + std::to_string(seconds_left(b.expires, now)));
      }
      w.copy(m, HeaderId::path);
      w.header(HeaderId::supported, "path");
    });
  }

  TransactionLayer& layer;
  LocationStore& store;
  DigestServer* digest;
  RegistrarOptions options;
  /// Falls with the registrar: a store that answers later finds nobody.
  std::shared_ptr<Impl*> alive = std::make_shared<Impl*>(this);
};

Registrar::Registrar(TransactionLayer& layer, LocationStore& store, DigestServer* digest,
                     const RegistrarOptions& options)
    : impl_(std::make_unique<Impl>(layer, store, digest, options)) {}
Registrar::~Registrar() = default;

bool Registrar::serves(std::string_view host, std::uint16_t port) const noexcept {
  const LocalAddresses& locals = impl_->layer.locals();
  if (locals.is_ours(host, port)) return true;
  if (port != 0 && std::none_of(locals.all().begin(), locals.all().end(),
                                [port](const LocalAddress& a) { return a.bound.port == port; }))
    return false;
  return std::any_of(impl_->options.domains.begin(), impl_->options.domains.end(),
                     [host](const std::string& d) { return iequals(bare(d), bare(host)); });
}

std::string Registrar::aor(const Uri& uri) const {
  if (!serves(uri) || uri.user.empty()) return {};
  const auto& domains = impl_->options.domains;
  const auto domain = std::find_if(domains.begin(), domains.end(), [&](const std::string& d) {
    return iequals(bare(d), bare(uri.host));
  });
  std::string_view host = uri.host;
  if (domain == domains.end() && !domains.empty()) host = domains.front();
  return "sip:" + unescape(uri.user) + "@" + lower(bare(host));
}

bool Registrar::owns(std::string_view user, const Uri& uri) const {
  const std::string key = aor(uri);
  if (key.empty()) return false;
  const std::string_view whole = std::string_view(key).substr(4);
  return user == whole.substr(0, whole.rfind('@')) || user == whole;
}

void Registrar::receive(const RequestArrived& e, TimePoint now) {
  Impl& self = *impl_;
  const MessageView m = e.request.view();
  if (const auto refusal = Impl::extensions(m)) return self.refuse(e, *refusal, now);

  std::string user;
  if (self.digest != nullptr) {
    DigestServer::Result result = self.digest->check(m, false, now);
    if (result.verdict != DigestVerdict::accepted) {
      server::challenge(
          self.layer, e.txn, m, e.flow, 401, self.options.product, [&](ResponseWriter& w) {
            self.digest->challenge(w, false, result.verdict == DigestVerdict::stale, now);
          });
      return;
    }
    user = std::move(result.user);
  }
  const auto to = m.get(hdr::to);
  if (!to || !to->uri.is_sip()) return self.refuse(e, {400, {}, {}}, now);
  BindingUpdate update;
  update.aor = aor(to->uri);
  if (update.aor.empty()) return self.refuse(e, {404, {}, {}}, now);
  if (self.digest != nullptr && !owns(user, to->uri)) return self.refuse(e, {403, {}, {}}, now);

  update.call_id = m.call_id();
  update.cseq = m.cseq().number;
  update.max_bindings = self.options.max_contacts;
  if (const auto refusal = self.read_contacts(e, update, now)) return self.refuse(e, *refusal, now);

  self.layer.set_user(e.txn, {UsageKind::registrar, 0, 0, 0});
  auto done = [txn = e.txn, alive = std::weak_ptr<Impl*>(self.alive)](const LocationResult& result,
                                                                      TimePoint at) {
    if (const auto impl = alive.lock()) (*impl)->answer(txn, result, at);
  };
  if (update.set.empty() && !update.remove_all)
    self.store.find(update.aor, now, std::move(done));
  else
    self.store.update(std::move(update), now, std::move(done));
}

}  // namespace sipstack
