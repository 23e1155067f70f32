// SPDX-License-Identifier: Apache-2.0
// Subscribers and referrals of `sipstack uas`.
#include "tools/uas_events.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace sipstack::tools {

void Watchers::add(Notifier notifier, const Message& request) {
  auto watcher = std::make_shared<Watcher>();
  watcher->notifier = notifier;
  watcher->entity = std::string(request->uri_text());
  const auto event = request->get(hdr::event);
  watcher->dialog = event && event->package() == "dialog";
  const std::string_view type = watcher->dialog ? kDialogInfoType : kPidfType;
  // Accept, where there is one, must let us say it (RFC 6665 section 4.1.2.1).
  bool taken = !request->has(HeaderId::accept);
  for (const auto& media : request->all(hdr::accept)) {
    if (!media) break;
    taken = taken || media->type == "*" ||
            (media->type == "application" &&
             (media->subtype == "*" || media->subtype == type.substr(12)));
  }
  if (!taken) {
    notifier.reject(406, {{"Accept", std::string(type)}});
    return;
  }
  notifier.on_ended([this, watcher](const NotifierEnded&) { watchers_.remove(watcher); });
  watchers_.push_back(watcher);
  node_.log(LogLevel::info, fmt::format("{} is watched", watcher->dialog ? "dialog" : "presence"));
  notifier.accept(type, state_for(*watcher));
}

std::string Watchers::state_for(Watcher& watcher) const {
  if (!watcher.dialog) return pidf(watcher.entity, true);
  std::vector<DialogInfo> dialogs;
  dialogs.reserve(calls_.size());
  for (const auto& [number, known] : calls_) {
    DialogInfo& dialog = dialogs.emplace_back();
    dialog.id = std::to_string(number);
    dialog.call_id = known.call.call_id();
    dialog.initiator = known.initiator;
    dialog.state = known.state;
  }
  return dialog_info(watcher.entity, watcher.version++, dialogs);
}

void Watchers::tell() {
  for (const auto& watcher : std::list(watchers_))
    if (watcher->dialog) watcher->notifier.notify(kDialogInfoType, state_for(*watcher));
}

Watchers::CallNumber Watchers::add(const Call& call, DialogInfo::State state, bool initiator) {
  calls_.emplace(++last_, Known{call, state, initiator});
  if (!watchers_.empty()) tell();
  return last_;
}

void Watchers::changed(CallNumber number, DialogInfo::State state) {
  const auto call = calls_.find(number);
  if (call == calls_.end()) return;
  call->second.state = state;
  if (!watchers_.empty()) tell();
  if (state == DialogInfo::State::terminated) calls_.erase(number);
}

void Referrals::follow(Notifier referral, const Message& refer) {
  const auto refer_to = refer->get(hdr::refer_to);
  const std::string host = refer_to ? std::string(refer_to->uri.host) : std::string();
  struct Referral {
    Media media;
    Watchers::CallNumber number = 0;
  };
  const auto followed = std::make_shared<Referral>(Referral{Media(node_, host)});
  CallOptions options;
  // Whoever was asked is who calls.
  if (const auto to = refer->get(hdr::to)) options.from = std::string(to->uri.text);
  const auto offer = followed->media.offer();
  if (!offer) {
    referral.reject(488);
    return;
  }
  options.content_type = "application/sdp";
  options.body = *offer;
  const auto call = referral.follow(
      options, {}, [this, followed](const error_code& error, Call up, const Message& response) {
        if (error || !response || response->status() >= 300)
          return watchers_.changed(followed->number, DialogInfo::State::terminated);
        watchers_.changed(followed->number, DialogInfo::State::confirmed);
        up.on_ended([this, number = followed->number](const CallEnded&) {
          watchers_.changed(number, DialogInfo::State::terminated);
        });
        up.on_reinvite([up, followed](const Message& request) mutable {
          const auto again = followed->media.respond(request.view());
          if (again)
            up.accept(*again);
          else
            up.reject(488);
        });
        if (!followed->media.answered(response.view())) up.hang_up();
        if (max_call_.count() > 0) node_.after(max_call_, [up]() mutable { up.hang_up(); });
      });
  if (!call) {
    referral.reject(603);
    return;
  }
  node_.log(LogLevel::info, "is referred to " + printable(refer_to->uri.text));
  followed->number = watchers_.add(*call, DialogInfo::State::trying, true);
}

}  // namespace sipstack::tools
