// SPDX-License-Identifier: Apache-2.0
// The registrar: RFC 3261 section 10.3 step by step; GRUUs by RFC 5627 section 5.
#include "sipstack/server/registrar.hpp"

#include <algorithm>
#include <optional>

#include "server/gruu.hpp"
#include "server/register_request.hpp"
#include "server/reply.hpp"

namespace sipstack {

using server::Refusal;

namespace {

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

/// Seconds that are left, rounded up: what lives is never told to be over.
std::int64_t seconds_left(TimePoint expires, TimePoint now) noexcept {
  return std::chrono::ceil<std::chrono::seconds>(expires - now).count();
}

}  // namespace

struct Registrar::Impl {
  Impl(TransactionLayer& l, LocationStore& s, DigestServer* d, const RegistrarOptions& o)
      : layer(l), store(s), digest(d), options(o), tokens(l.random(), o.gruu_key) {}

  void refuse(const RequestArrived& e, const Refusal& r, TimePoint now) {
    server::reply(layer, e.txn, e.request.view(), e.flow, r.status, options.product, now,
                  [&](ResponseWriter& w) {
                    if (!r.value.empty()) w.header(r.header, r.value);
                  });
  }

  /// Step 8: every current binding, with what is left of it.
  void answer(TxnId txn, bool outbound, const LocationResult& result, TimePoint now) {
    const MessageView m = layer.request(txn);
    const auto flow = layer.flow(txn);
    if (!m || !flow) return;
    if (!result) {
      Refusal r{500, {}, {}};
      if (result.error() == LocationErrc::too_many) r.status = 403;
      if (result.error() == LocationErrc::unavailable)
        r = {503, HeaderId::retry_after, std::to_string(server::retry_after(layer.random()))};
      server::reply(layer, txn, m, *flow, r.status, options.product, now, [&](ResponseWriter& w) {
        if (!r.value.empty()) w.header(r.header, r.value);
      });
      return;
    }
    const bool gruus = options.gruu && m.lists(hdr::supported, "gruu");
    server::reply(layer, txn, m, *flow, 200, options.product, now, [&](ResponseWriter& w) {
      std::string value;
      for (const Binding& b : *result) {
        value.clear();
        value.reserve(b.contact.size() + b.params.size() + 32);
        value.append("<").append(b.contact).append(">").append(b.params);
        if (b.has_q) value.append(";q=").append(server::qvalue(b.q));
        value.append(";expires=").append(std::to_string(seconds_left(b.expires, now)));
        if (gruus && !b.instance.empty()) value.append(gruu_params(m, b));
        w.header(HeaderId::contact, value);
      }
      w.copy(m, HeaderId::path);
      if (outbound) {
        // RFC 5626 section 6, and 5.4: to whom we are the first hop.
        w.header(HeaderId::require, "outbound");
        if (options.flow_timer != 0 && reliable(flow->transport) && m.head().vias == 1)
          w.header(HeaderId::flow_timer, options.flow_timer);
      }
      w.header(HeaderId::supported, "path, outbound");
    });
  }

  /// RFC 5627 section 5.2.
  std::string gruu_params(const MessageView& m, const Binding& b) {
    const auto to = m.get(hdr::to);
    if (!to) return {};
    const std::string quoted = ";pub-gruu=\"" + server::public_gruu(to->uri, b.instance) + "\"";
    const std::string token = tokens.make({aor_of(to->uri), tokens.hash(b.instance), b.epoch});
    if (token.empty()) return quoted;
    return quoted + ";temp-gruu=\"" + server::temporary_gruu(to->uri, token) + "\"";
  }

  /// RFC 5627 section 5.1: a contact that is the AOR, or a GRUU of it, would lead back to us for ever.
  bool circular(const BindingUpdate& update) const {
    return std::any_of(update.set.begin(), update.set.end(), [&](const Binding& b) {
      if (b.instance.empty()) return false;
      const auto uri = Uri::parse(b.contact);
      return uri && uri->is_sip() && aor_of(*uri) == update.aor;
    });
  }

  using Domain = std::vector<std::string>::const_iterator;
  Domain domain_of(std::string_view host) const noexcept {
    return std::find_if(options.domains.begin(), options.domains.end(),
                        [host](const std::string& d) { return iequals(bare(d), bare(host)); });
  }
  bool serves(Domain domain, std::string_view host, std::uint16_t port) const noexcept;
  std::string aor_of(const Uri& uri) const;

  TransactionLayer& layer;
  LocationStore& store;
  DigestServer* digest;
  RegistrarOptions options;
  server::GruuTokens tokens;
  std::function<void(const std::string&, const std::vector<Binding>&, TimePoint)> changed;
  std::function<std::string(const Flow&)> path_of;
  /// Falls with the registrar: a store that answers later finds nobody.
  std::shared_ptr<Impl*> alive = std::make_shared<Impl*>(this);
};

Registrar::Registrar(TransactionLayer& layer, LocationStore& store, DigestServer* digest,
                     const RegistrarOptions& options)
    : impl_(std::make_unique<Impl>(layer, store, digest, options)) {}
Registrar::~Registrar() = default;

/// `domain`: of that host.
bool Registrar::Impl::serves(Domain domain, std::string_view host,
                             std::uint16_t port) const noexcept {
  const LocalAddresses& locals = layer.locals();
  if (domain != options.domains.end() &&
      (port == 0 || std::any_of(locals.all().begin(), locals.all().end(),
                                [port](const LocalAddress& a) { return a.bound.port == port; })))
    return true;
  return locals.is_ours(host, port);
}

std::string Registrar::Impl::aor_of(const Uri& uri) const {
  if (!uri.is_sip() || uri.user.empty()) return {};
  const Domain domain = domain_of(uri.host);
  if (!serves(domain, uri.host, uri.port.value_or(0))) return {};
  const auto& domains = options.domains;
  std::string_view host = uri.host;
  if (domain == domains.end() && !domains.empty()) host = domains.front();
  return "sip:" + unescape(uri.user) + "@" + lower(bare(host));
}

void Registrar::reconfigure(const RegistrarOptions& options, DigestServer* digest) {
  impl_->options = options;
  impl_->digest = digest;
}

void Registrar::on_changed(
    std::function<void(const std::string& aor, const std::vector<Binding>&, TimePoint)> handler) {
  impl_->changed = std::move(handler);
}

void Registrar::on_flow(std::function<std::string(const Flow& flow)> path_of) {
  impl_->path_of = std::move(path_of);
}

bool Registrar::serves(std::string_view host, std::uint16_t port) const noexcept {
  return impl_->serves(impl_->domain_of(host), host, port);
}

std::string Registrar::aor(const Uri& uri) const { return impl_->aor_of(uri); }

std::optional<GruuTarget> Registrar::gruu(const Uri& uri) const {
  const auto gr = uri.params.find("gr");
  if (!uri.params.has("gr") || !serves(uri)) return std::nullopt;
  GruuTarget target;
  if (gr && !gr->empty()) {
    target.aor = aor(uri);
    target.instance = unescape(*gr);
  } else if (auto meaning = impl_->tokens.read(unescape(uri.user))) {
    target.aor = std::move(meaning->aor);
    target.temporary = true;
    target.instance_hash = meaning->instance;
    target.epoch = meaning->epoch;
  }
  return target;
}

bool Registrar::leads_to(const GruuTarget& gruu, const Binding& binding) const {
  if (!gruu.temporary) return iequals(gruu.instance, binding.instance);
  return !binding.instance.empty() && binding.epoch == gruu.epoch &&
         impl_->tokens.hash(binding.instance) == gruu.instance_hash;
}

std::string Registrar::trunk(std::string_view aor) const {
  const auto& trunk_of = impl_->options.trunk_of;
  const auto at = aor.rfind('@');
  if (!trunk_of || at == std::string_view::npos || aor.size() < 6 || aor[4] != '+') return {};
  const std::string_view number = aor.substr(4, at - 4);
  if (number.substr(1).find_first_not_of("0123456789") != std::string_view::npos) return {};
  const std::string pbx = trunk_of(number);
  return pbx.empty() ? pbx : "sip:" + pbx + std::string(aor.substr(at));
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
  if (const auto refusal = server::refused_extensions(m, self.options))
    return self.refuse(e, *refusal, now);

  std::string user;
  if (self.digest != nullptr) {
    DigestServer::Result result = self.digest->check(m, false, now);
    if (result.verdict != DigestVerdict::accepted) {
      server::tell_once(
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
  bool outbound = false;
  if (const auto refusal = server::read_contacts(e, self.options, update, outbound, now))
    return self.refuse(e, *refusal, now);
  if (self.circular(update)) return self.refuse(e, {403, {}, {}}, now);
  for (Binding& b : update.set) {
    if (!b.instance.empty()) b.epoch = self.layer.random().next();
    if (!b.by_flow || !self.path_of) continue;
    if (std::string path = self.path_of(e.flow); !path.empty()) b.path = {std::move(path)};
  }

  self.layer.set_user(e.txn, {UsageKind::registrar, 0, 0, 0});
  const bool asks = update.set.empty() && !update.remove_all;
  std::string aor = self.changed && !asks ? update.aor : std::string();
  auto done = [txn = e.txn, outbound, aor = std::move(aor),
               alive = std::weak_ptr<Impl*>(self.alive)](const LocationResult& result,
                                                         TimePoint at) {
    const auto impl = alive.lock();
    if (!impl) return;
    (*impl)->answer(txn, outbound, result, at);
    if (result && !aor.empty()) (*impl)->changed(aor, *result, at);
  };
  if (asks)
    self.store.find(update.aor, now, std::move(done));
  else
    self.store.update(std::move(update), now, std::move(done));
}

}  // namespace sipstack
