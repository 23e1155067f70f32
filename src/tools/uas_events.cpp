// SPDX-License-Identifier: Apache-2.0
// Subscribers and referrals of `sipstack uas`.
#include "tools/uas_events.hpp"

#include <algorithm>
#include <utility>

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
  if (watcher.dialog) return dialog_info(watcher.entity, watcher.version++, calls_);
  return pidf(watcher.entity, true);
}

void Watchers::changed(const std::string& id, DialogInfo::State state, const std::string& call_id,
                       bool initiator) {
  auto call = std::find_if(calls_.begin(), calls_.end(),
                           [&](const DialogInfo& known) { return known.id == id; });
  if (call == calls_.end()) {
    if (state == DialogInfo::State::terminated) return;
    calls_.emplace_back();
    call = calls_.end() - 1;
    call->id = id;
    call->initiator = initiator;
  }
  call->state = state;
  if (!call_id.empty()) call->call_id = call_id;
  for (const auto& watcher : std::list(watchers_))
    if (watcher->dialog) watcher->notifier.notify(kDialogInfoType, state_for(*watcher));
  if (state == DialogInfo::State::terminated) calls_.erase(call);
}

void Referrals::follow(Notifier referral, const Message& refer) {
  const auto refer_to = refer->get(hdr::refer_to);
  const std::string host = refer_to ? std::string(refer_to->uri.host) : std::string();
  const auto media = std::make_shared<Media>(node_, host);
  CallOptions options;
  // Whoever was asked is who calls.
  if (const auto to = refer->get(hdr::to)) options.from = std::string(to->uri.text);
  const auto offer = media->offer();
  if (!offer) {
    referral.reject(488);
    return;
  }
  options.content_type = "application/sdp";
  options.body = *offer;
  const std::string id = fmt::format("referral-{}", ++count_);
  const auto call = referral.follow(
      options, {}, [this, media, id](const error_code& error, Call up, const Message& response) {
        if (error || !response || response->status() >= 300)
          return watchers_.changed(id, DialogInfo::State::terminated, {}, true);
        watchers_.changed(id, DialogInfo::State::confirmed, up.call_id(), true);
        up.on_ended([this, id](const CallEnded&) {
          watchers_.changed(id, DialogInfo::State::terminated, {}, true);
        });
        up.on_reinvite([up, media](const Message& request) mutable {
          const auto again = media->respond(request.view());
          if (again)
            up.accept(*again);
          else
            up.reject(488);
        });
        if (!media->answered(response.view())) up.hang_up();
        if (max_call_.count() > 0) node_.after(max_call_, [up]() mutable { up.hang_up(); });
      });
  if (!call) {
    referral.reject(603);
    return;
  }
  node_.log(LogLevel::info, "is referred to " + printable(refer_to->uri.text));
  watchers_.changed(id, DialogInfo::State::trying, {}, true);
}

}  // namespace sipstack::tools
