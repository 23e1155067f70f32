// SPDX-License-Identifier: Apache-2.0
// Who watches which AOR, and what each was told. RFC 3680 sections 4.6, 4.7 and 5.
#include "sipstack/server/registration_events.hpp"

#include <algorithm>
#include <map>
#include <unordered_map>

#include "server/gruu.hpp"
#include "server/reply.hpp"
#include "sipstack/dialog/event_bodies.hpp"

namespace sipstack {
namespace {

constexpr std::string_view kPackage = "reg";

/// Accept, where there is one, must have the one format that every notifier has (section 4.5).
bool accepts_reginfo(const MessageView& request) {
  if (!request.has(HeaderId::accept)) return true;
  for (const auto& media : request.all(hdr::accept)) {
    if (!media) return true;
    if (iequals(media->type, "*")) return true;
    if (iequals(media->type, "application") &&
        (media->subtype == "*" || iequals(media->subtype, "reginfo+xml")))
      return true;
  }
  return false;
}

std::int64_t seconds_between(TimePoint from, TimePoint to) noexcept {
  return to <= from ? 0 : std::chrono::ceil<std::chrono::seconds>(to - from).count();
}

/// A contact as it was told.
struct Known {
  Binding binding;
  std::string id;
  TimePoint since{};
  ContactInfo::Event event = ContactInfo::Event::created;
};

bool same_contact(const Binding& a, const Binding& b) {
  return a.contact == b.contact && a.reg_id == b.reg_id && a.instance == b.instance;
}

}  // namespace

struct RegistrationEvents::Impl {
  struct Watched : TimerHook {
    Watched() noexcept : TimerHook(TimerOwner::registrar) {}
    std::string aor;
    std::string id;
    std::vector<Known> contacts;
    std::vector<Known> over;  ///< since the last NOTIFY
    std::uint64_t next_contact = 0;
    bool ever = false;  ///< it had a contact while it was watched
    std::vector<std::pair<NotifierId, std::uint32_t>> watchers;  ///< and their next version
  };

  Watched& watch(const std::string& aor) {
    auto& entry = watched[aor];
    if (!entry) {
      entry = std::make_unique<Watched>();
      entry->aor = aor;
      entry->id = "r" + std::to_string(++next_id);
    }
    return *entry;
  }

  /// Takes what is bound now; true where that is another state than before.
  static bool take(Watched& w, const std::vector<Binding>& bindings, TimePoint now) {
    bool news = false;
    std::vector<Known> contacts;
    for (const Binding& b : bindings) {
      const auto old = std::find_if(w.contacts.begin(), w.contacts.end(),
                                    [&](const Known& k) { return same_contact(k.binding, b); });
      Known known;
      if (old == w.contacts.end()) {
        known.id = "c" + std::to_string(++w.next_contact);
        known.since = now;
        news = true;
      } else {
        known = *old;
        if (old->binding.call_id != b.call_id || old->binding.cseq != b.cseq) {
          known.event = ContactInfo::Event::refreshed;
          news = true;
        }
        w.contacts.erase(old);
      }
      known.binding = b;
      contacts.push_back(std::move(known));
    }
    for (Known& gone : w.contacts) {
      gone.event = gone.binding.expires <= now ? ContactInfo::Event::expired
                                               : ContactInfo::Event::unregistered;
      w.over.push_back(std::move(gone));
      news = true;
    }
    w.contacts = std::move(contacts);
    w.ever = w.ever || !w.contacts.empty();
    return news;
  }

  void arm(Watched& w) {
    TimePoint next = kNever;
    for (const Known& k : w.contacts) next = std::min(next, k.binding.expires);
    if (next != kNever)
      layer->wheel().arm(w, next);
    else if (w.armed())
      layer->wheel().disarm(w);
  }

  static ContactInfo info(const Watched& w, const Known& known, bool active, TimePoint now) {
    ContactInfo out;
    const Binding& b = known.binding;
    out.id = known.id;
    out.active = active;
    out.event = known.event;
    out.uri = b.contact;
    out.call_id = b.call_id;
    out.cseq = b.cseq;
    if (b.has_q) out.q = server::qvalue(b.q);
    if (active) out.expires = seconds_between(now, b.expires);
    out.duration = seconds_between(known.since, now);
    if (!b.instance.empty()) {
      out.params.emplace_back("+sip.instance", "\"<" + b.instance + ">\"");
      if (const auto aor = Uri::parse(w.aor)) out.pub_gruu = server::public_gruu(*aor, b.instance);
    }
    if (b.reg_id != 0) out.params.emplace_back("reg-id", std::to_string(b.reg_id));
    return out;
  }

  std::string document(const Watched& w, std::uint32_t version, TimePoint now) const {
    RegistrationInfo all;
    all.aor = w.aor;
    all.id = w.id;
    all.state = !w.contacts.empty() ? RegistrationInfo::State::active
                : w.ever            ? RegistrationInfo::State::terminated
                                    : RegistrationInfo::State::init;
    for (const Known& k : w.contacts) all.contacts.push_back(info(w, k, true, now));
    for (const Known& k : w.over) all.contacts.push_back(info(w, k, false, now));
    return reg_info(version, all);
  }

  void tell(Watched& w, TimePoint now) {
    // Who cannot be told is removed meanwhile; the document of each has a number of its own.
    const auto watchers = w.watchers;
    for (auto& [id, version] : w.watchers) ++version;
    std::vector<std::string> documents;
    for (const auto& [id, version] : watchers) documents.push_back(document(w, version, now));
    w.over.clear();
    for (std::size_t i = 0; i < watchers.size(); ++i)
      agent->notify(watchers[i].first, kRegInfoType, documents[i], now);
  }

  void found(const std::string& aor, const std::vector<Binding>& bindings, TimePoint now) {
    const auto entry = watched.find(aor);
    if (entry == watched.end()) return;
    const bool news = take(*entry->second, bindings, now);
    arm(*entry->second);
    if (news) tell(*entry->second, now);
  }

  TransactionLayer* layer = nullptr;
  UserAgent* agent = nullptr;
  const Registrar* registrar = nullptr;
  LocationStore* store = nullptr;
  DigestServer* digest = nullptr;
  std::string product;
  static std::uint64_t key(NotifierId id) noexcept {
    return std::uint64_t{id.generation} << 32 | id.slot;
  }
  void drop_unwatched(const std::string& aor) {
    const auto entry = watched.find(aor);
    if (entry == watched.end() || !entry->second->watchers.empty()) return;
    if (entry->second->armed()) layer->wheel().disarm(*entry->second);
    watched.erase(entry);
  }
  /// The state is there: whoever watches already hears of it first.
  void begin(NotifierId notifier, const std::string& aor, const LocationResult& result,
             TimePoint now) {
    if (watching.count(key(notifier)) == 0) return;
    if (!result) {
      agent->reject(notifier, 503, now, {{"Retry-After", "30"}});
      return;
    }
    watch(aor);
    found(aor, *result, now);
    Watched& w = watch(aor);
    w.watchers.emplace_back(notifier, 1);
    agent->accept(notifier, kRegInfoType, document(w, 0, now), now);
  }

  std::map<std::string, std::unique_ptr<Watched>> watched;
  std::unordered_map<std::uint64_t, std::string> watching;  ///< AORs by notifier
  std::uint64_t next_id = 0;
  /// Falls with this: a store that answers later finds nobody.
  std::shared_ptr<Impl*> alive = std::make_shared<Impl*>(this);
};

RegistrationEvents::RegistrationEvents() : impl_(std::make_unique<Impl>()) {}

RegistrationEvents::~RegistrationEvents() {
  for (auto& [aor, w] : impl_->watched)
    if (w->armed()) impl_->layer->wheel().disarm(*w);
}

void RegistrationEvents::attach(TransactionLayer& layer, UserAgent& agent,
                                const Registrar& registrar, LocationStore& store,
                                DigestServer* digest, const std::string& product) {
  impl_->layer = &layer;
  impl_->agent = &agent;
  impl_->registrar = &registrar;
  impl_->store = &store;
  impl_->digest = digest;
  impl_->product = product;
}

void RegistrationEvents::reconfigure(DigestServer* digest) { impl_->digest = digest; }

bool RegistrationEvents::serves(const MessageView& subscribe) const {
  const auto event = subscribe.get(hdr::event);
  return event && event->token == kPackage;
}

bool RegistrationEvents::wants(const MessageView& request) const {
  if (request.method() != Method::subscribe || !request.to_tag().empty() || !serves(request))
    return false;
  for (const auto& route : request.all(hdr::route))
    if (!route || !impl_->registrar->serves(route->uri)) return false;
  const Uri uri = request.request_uri();
  return uri.is_sip() && !uri.params.has("gr") && !impl_->registrar->aor(uri).empty();
}

void RegistrationEvents::receive(const RequestArrived& event, TimePoint now) {
  Impl& self = *impl_;
  const MessageView m = event.request.view();
  if (self.digest != nullptr) {
    const DigestServer::Result result = self.digest->check(m, false, now);
    if (result.verdict != DigestVerdict::accepted) {
      server::tell_once(
          *self.layer, event.txn, m, event.flow, 401, self.product, [&](ResponseWriter& w) {
            self.digest->challenge(w, false, result.verdict == DigestVerdict::stale, now);
          });
      return;
    }
    if (!self.registrar->owns(result.user, m.request_uri())) {
      server::reply(*self.layer, event.txn, m, event.flow, 403, self.product, now,
                    [](ResponseWriter&) {});
      return;
    }
  }
  self.agent->receive(event, now);
}

void RegistrationEvents::subscribed(NotifierId notifier, const MessageView& subscribe,
                                    TimePoint now) {
  Impl& self = *impl_;
  const std::string aor = self.registrar->aor(subscribe.request_uri());
  self.watching.emplace(Impl::key(notifier), aor);
  if (aor.empty() || !accepts_reginfo(subscribe)) {
    self.agent->reject(notifier, aor.empty() ? 404 : 406, now);
    return;
  }
  self.store->find(aor, now,
                   [aor, notifier, token = std::weak_ptr<Impl*>(self.alive)](
                       const LocationResult& result, TimePoint at) {
                     if (const auto impl = token.lock()) (*impl)->begin(notifier, aor, result, at);
                   });
}

bool RegistrationEvents::ended(NotifierId notifier) {
  const auto found = impl_->watching.find(Impl::key(notifier));
  if (found == impl_->watching.end()) return false;
  const std::string aor = std::move(found->second);
  impl_->watching.erase(found);
  const auto entry = impl_->watched.find(aor);
  if (entry == impl_->watched.end()) return true;
  auto& watchers = entry->second->watchers;
  watchers.erase(std::remove_if(watchers.begin(), watchers.end(),
                                [&](const auto& watcher) { return watcher.first == notifier; }),
                 watchers.end());
  impl_->drop_unwatched(aor);
  return true;
}

void RegistrationEvents::changed(const std::string& aor, const std::vector<Binding>& bindings,
                                 TimePoint now) {
  impl_->found(aor, bindings, now);
}

void RegistrationEvents::expire(TimerHook& hook, TimePoint now) {
  Impl& self = *impl_;
  const std::string aor = static_cast<Impl::Watched&>(hook).aor;
  self.store->find(
      aor, now,
      [aor, token = std::weak_ptr<Impl*>(self.alive)](const LocationResult& result, TimePoint at) {
        const auto impl = token.lock();
        if (impl && result) (*impl)->found(aor, *result, at);
      });
}

std::size_t RegistrationEvents::watched() const noexcept { return impl_->watched.size(); }

}  // namespace sipstack
