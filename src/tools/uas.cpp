// SPDX-License-Identifier: Apache-2.0
// sipstack uas: a user agent that answers. RFC 3261 sections 8.2, 13.3 and 14.2.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "tools/command.hpp"
#include "tools/media.hpp"
#include "tools/node.hpp"
#include "tools/uas_events.hpp"

namespace sipstack::tools {

namespace {

struct UasArguments : NetworkArguments {
  int answer = 200;
  int ring_ms = 0;
  int max_call_ms = 0;
  bool reliable = false;
  std::uint32_t session_expires = 0;  ///< seconds; 0: only where the caller asks
  std::string auth;
};

class Answerer {
 public:
  Answerer(Node& node, const UasArguments& arguments, Watchers& watchers)
      : node_(node), arguments_(arguments), watchers_(watchers) {}

  void ring(IncomingCall call) {
    const MessageView invite = call.invite().view();
    const TalkId id = watchers_.add(call.call(), DialogInfo::State::early, false);
    Talk& talk = talks_.emplace(id, Talk{call.call(), Media(node_, invite), {}}).first->second;
    if (node_.logs(LogLevel::info)) talk.call_id = printable(talk.call.call_id());
    note(talk, "rings");
    talk.call.on_ended([this, id](const CallEnded&) { ended(id); });
    const bool reliably = lists(invite.all(hdr::require), "100rel") ||
                          (arguments_.reliable && lists(invite.all(hdr::supported), "100rel"));
    // RFC 3262 section 5: where the INVITE has no offer, ours is in the first reliable response.
    std::string offer;
    if (reliably && !call.has_offer()) offer = talk.media.offer().value_or("");
    talk.waits_for = (reliably ? 1 : 0) + (arguments_.ring_ms > 0 ? 1 : 0);
    listen(call, talk, id, reliably);
    call.ring(180, offer, reliably);
    if (arguments_.ring_ms > 0)
      node_.after(std::chrono::milliseconds(arguments_.ring_ms),
                  [this, call, id] { heard(call, id); });
    if (talk.waits_for == 0) answer(std::move(call), talk, id);
  }

 private:
  using TalkId = Watchers::CallNumber;
  struct Talk {
    Call call;
    Media media;
    std::string call_id;  ///< for the log, where it is wanted: a call that has ended knows none
    int waits_for = 0;    ///< of PRACK and --ring-ms, before the answer
  };

  template <class List>
  static bool lists(const List& list, std::string_view option) {
    for (const auto& tag : list)
      if (tag && iequals(tag->token, option)) return true;
    return false;
  }

  Talk* find(TalkId id) {
    const auto found = talks_.find(id);
    return found != talks_.end() ? &found->second : nullptr;
  }

  void ended(TalkId id) {
    if (const Talk* talk = find(id)) note(*talk, "has ended");
    watchers_.changed(id, DialogInfo::State::terminated);
    talks_.erase(id);
  }

  void heard(const IncomingCall& call, TalkId id) {
    Talk* const talk = find(id);  // null: the caller gave up
    if (talk != nullptr && --talk->waits_for == 0) answer(call, *talk, id);
  }

  /// What may come before the answer as well as within the call. Handlers hold no more than they need: there
  /// may be a hundred thousand calls.
  void listen(const IncomingCall& call, Talk& talk, TalkId id, bool reliably) {
    talk.call.on_offer([this, id](const Message& request) {
      Talk* const now = find(id);
      const auto description = now ? now->media.respond(request.view()) : std::nullopt;
      if (description)
        now->call.accept_offer(*description);
      else if (now)
        now->call.reject_offer(488);
    });
    if (!reliably) return;
    talk.call.on_provisional_acknowledged(
        [this, call = IncomingCall(call), id](const Message& prack) mutable {
          Talk* const now = find(id);
          if (now && !call.has_offer() && !now->media.answered(prack.view()))
            call.reject(488);
          else
            heard(call, id);
        });
  }

  void answer(IncomingCall call, Talk& talk, TalkId id) {
    talk.call.on_provisional_acknowledged({});
    if (arguments_.answer >= 300) return call.reject(arguments_.answer);
    // A reliable provisional may have settled the session already.
    std::optional<std::string> description = "";
    if (!talk.media.agreed()) description = talk.media.respond(call.invite().view());
    if (!description) return call.reject(488);
    talk.call.on_reinvite([this, id](const Message& request) {
      Talk* const now = find(id);
      const auto again = now ? now->media.respond(request.view()) : std::nullopt;
      if (again)
        now->call.accept(*again);
      else if (now)
        now->call.reject(488);
    });
    call.async_accept(*std::move(description), [this, id](const error_code& error, const Call&) {
      Talk* const now = find(id);
      if (!now) return;
      if (error) return note(*now, "was lost: " + error.message());
      note(*now, "is up");
      watchers_.changed(id, DialogInfo::State::confirmed);
      if (arguments_.max_call_ms > 0)
        node_.after(std::chrono::milliseconds(arguments_.max_call_ms),
                    [up = now->call]() mutable { up.hang_up(); });
    });
    // Where the 2xx had our offer, the ACK has its answer; one that does not fit ends the call
    // (RFC 6337 section 3.1).
    if (talk.media.agreed()) return;
    talk.call.on_confirmed([this, id](const Message& ack) {
      Talk* const now = find(id);
      if (now && !now->media.answered(ack.view())) now->call.hang_up();
    });
  }

  void note(const Talk& talk, std::string_view what) const {
    if (node_.logs(LogLevel::info))
      node_.log(LogLevel::info, fmt::format("call {} {}", talk.call_id, what));
  }

  Node& node_;
  const UasArguments& arguments_;
  Watchers& watchers_;
  std::unordered_map<TalkId, Talk> talks_;
};

int answer_calls(const UasArguments& arguments) {
  EndpointOptions options;
  options.user_agent.session_expires = arguments.session_expires;
  if (!arguments.auth.empty()) {
    const std::size_t colon = arguments.auth.find(':');
    Credentials known;
    known.user = arguments.auth.substr(0, colon);
    known.password = arguments.auth.substr(colon + 1);
    known.realm = "sipstack";
    options.challenge = known;
  }
  options.user_agent.notifier.packages.assign(std::begin(Watchers::kPackages),
                                              std::end(Watchers::kPackages));
  options.user_agent.notifier.refer = true;
  options.user_agent.notifier.min_expires = 1;  // for whoever wants to see a subscription expire
  Node node(arguments, options);
  Watchers watchers(node);
  Referrals referrals(node, watchers, std::chrono::milliseconds(arguments.max_call_ms));
  Answerer answerer(node, arguments, watchers);
  node.endpoint().on_subscribe([&](Notifier notifier, const Message& request) {
    watchers.add(std::move(notifier), request);
  });
  node.endpoint().on_refer([&](Notifier referral, const Call&, const Message& request) {
    referrals.follow(std::move(referral), request);
  });
  node.endpoint().on_invite([&](IncomingCall call) { answerer.ring(std::move(call)); });
  if (!node.open({"udp:0.0.0.0:5060", "tcp:0.0.0.0:5060"})) return kFailed;
  node.announce();
  return node.run();
}

}  // namespace

void add_uas(CLI::App& app, Command& chosen) {
  auto arguments = std::make_shared<UasArguments>();
  CLI::App* command = app.add_subcommand("uas", "A user agent that answers");
  command->add_option("--answer", arguments->answer, "Final response to calls: 200, or 300 to 699")
      ->check(CLI::Validator(
          [](std::string& text) -> std::string {
            const bool digits =
                text.size() == 3 && text.find_first_not_of("0123456789") == std::string::npos;
            if (digits && (text == "200" || (text >= "300" && text <= "699"))) return {};
            return text + " is neither 200 nor from 300 to 699";
          },
          "CODE"));
  command->add_option("--ring-ms", arguments->ring_ms, "Ring for that time before answering (0)")
      ->check(CLI::Range(0, 86400000))
      ->type_name("MS");
  command->add_option("--max-call-ms", arguments->max_call_ms, "Hang up after that time")
      ->check(CLI::Range(1, 86400000))
      ->type_name("MS");
  command->add_flag("--reliable", arguments->reliable,
                    "Ring reliably, where the caller can (100rel)");
  command
      ->add_option("--session-expires", arguments->session_expires,
                   "Have sessions refreshed at least that often, in seconds (RFC 4028)")
      ->check(CLI::Range(90, 86400000))
      ->type_name("S");
  command->add_option("--auth", arguments->auth, "Challenge requests outside calls")
      ->check(CLI::Validator(
          [](std::string& text) -> std::string {
            const std::size_t colon = text.find(':');
            if (colon == 0 || colon == std::string::npos) return "--auth wants USER:PASSWORD";
            return {};
          },
          "USER:PASSWORD"));
  add_network_options(*command, *arguments);
  command->callback(
      [&chosen, arguments] { chosen = [arguments] { return answer_calls(*arguments); }; });
}

}  // namespace sipstack::tools
