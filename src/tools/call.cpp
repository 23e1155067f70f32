// SPDX-License-Identifier: Apache-2.0
// sipstack call: calls somebody, tells each step, hangs up. RFC 3261 sections 13.2, 14.1 and 15.
#include <cstdint>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "tools/burst.hpp"
#include "tools/call_arguments.hpp"
#include "tools/client.hpp"
#include "tools/command.hpp"
#include "tools/file.hpp"
#include "tools/media.hpp"
#include "tools/uri_argument.hpp"

namespace sipstack::tools {

namespace {

using std::chrono::milliseconds;

/// One call, from INVITE to BYE.
class Caller {
 public:
  Caller(Node& node, const CallArguments& arguments)
      : node_(node), arguments_(arguments), media_(node, media_peer(arguments)) {}

  int run() {
    auto options = call_options(arguments_, media_);
    if (!options) return kFailed;
    const auto call = node_.endpoint().invite(
        *options, [this](const Call&, const Message& response) { progress(response.view()); },
        [this](const error_code& error, Call up, const Message& response) {
          outcome(error, std::move(up), response);
        });
    if (!call) {
      fmt::print(stderr, "sipstack: {}: {}\n", arguments_.target, failure(call.error()));
      return kFailed;
    }
    call_ = *call;
    call_.on_offer([this](const Message& request) { offered(request.view()); });
    say("trying");
    node_.on_signal([this] { node_.finish(up_ ? kDone : kFailed); });
    if (arguments_.cancel_after_ms > 0)
      node_.after(milliseconds(arguments_.cancel_after_ms), [this] { give_up(true); });
    if (arguments_.timeout_ms > 0)
      node_.after(milliseconds(arguments_.timeout_ms), [this] { give_up(false); });
    return node_.run();
  }

 private:
  void progress(const MessageView& response) {
    const int status = response.status();
    // A reliable one may bring the answer already, each fork its own; then a 2xx has nothing to add.
    if (status > 100 && response.has(HeaderId::rseq) && sdp_of(response)) {
      Media& media = forks_.emplace(response.to_tag(), media_).first->second;
      if (!media.agreed()) media.answered(response);
    }
    if (status == 100 || status == told_) return;  // trying was said; several branches may ring
    told_ = status;
    say(status == 180 ? std::string("ringing") : "progress " + status_line(response));
  }

  /// Before an answer: CANCEL. Behind one that crossed it: BYE.
  void give_up(bool as_asked) {
    if (up_ && !as_asked) return;
    cancelled_ = as_asked;
    late_ = !as_asked;
    if (late_) fmt::print(stderr, "sipstack: no answer within {} ms\n", arguments_.timeout_ms);
    call_.hang_up();
  }

  void outcome(const error_code& error, Call call, const Message& response) {
    if (cancelled_ || late_) {
      if (call) {  // the answer came before the CANCEL took effect
        call.on_ended([this](const CallEnded&) { ended(); });
        call.hang_up();
        return;
      }
      return ended();
    }
    if (!response) {
      fmt::print(stderr, "sipstack: {}: {}\n", arguments_.target, failure(error));
      return node_.finish(kFailed);
    }
    if (response->status() >= 300) {
      say("rejected " + status_line(response.view()));
      return node_.finish(kFailed);
    }
    answered(std::move(call), response);
  }

  void answered(Call call, const Message& response) {
    up_ = true;
    call_ = std::move(call);
    say("answered");
    call_.on_ended([this](const CallEnded&) { ended(); });
    call_.on_reinvite([this](const Message& request) {
      const auto description = media_.respond(request.view());
      if (description)
        call_.accept(*description);
      else
        call_.reject(488);
    });
    call_.on_answered([this](const Message& m) { held(m.view()); });
    call_.on_reinvite_failed([this](const ReinviteFailed& why) { not_held(why); });
    // An answer that does not fit leaves a call without media: it is ended (RFC 6337 section 3.1).
    if (!fits(response.view())) {
      fmt::print(stderr, "sipstack: the answer does not fit the offer\n");
      broken_ = true;
      call_.hang_up();
      return;
    }
    if (!arguments_.refer_to.empty()) refer();
    node_.after(milliseconds(arguments_.duration_ms), [this] { duration_over(); });
    if (arguments_.hold_after_ms > 0)
      node_.after(milliseconds(arguments_.hold_after_ms), [this] { hold(); });
  }

  // ---- transfer (RFC 5589 section 6.1): we stay until the referral has come to an end

  void refer() {
    ReferOptions options;
    options.refer_to = arguments_.refer_to;
    options.referred_by = client_request(arguments_, arguments_.target, arguments_.from).from;
    const auto made = call_.refer(options);
    if (!made) return referred(failure(made.error()), false);
    referring_ = true;
    Subscription progress = *made;
    progress.on_notify([this](const Message& notify) {
      const int status = sipfrag_status(notify->body());
      const std::string_view body = notify->body();
      if (status != 0)
        say("referred " + printable(body.substr(8, body.find_first_of("\r\n", 8) - 8)));
      if (status >= 200) refer_status_ = status;
    });
    progress.on_changed([this](const SubscriptionChanged& change) {
      if (change.state != SubscriptionChanged::State::ended) return;
      if (change.message && !change.message->is_request() && change.message->status() >= 300)
        return referred(status_line(change.message.view()), false);
      const bool good = refer_status_ / 100 == 2;
      referred(good                 ? ""
               : refer_status_ != 0 ? std::to_string(refer_status_)
                                    : failure(change.error),
               good);
    });
  }
  void referred(const std::string& why, bool good) {
    referring_ = false;
    if (!good) {
      broken_ = true;
      fmt::print(stderr, "sipstack: {}: {}\n", arguments_.refer_to, why);
    }
    if (good || waited_) call_.hang_up();
  }
  void duration_over() {
    waited_ = true;
    if (!referring_) call_.hang_up();
  }

  /// By UPDATE, of the callee or of one that still rings.
  void offered(const MessageView& request) {
    const auto fork = forks_.find(request.from_tag());
    Media& media = fork == forks_.end() ? media_ : fork->second;
    const auto description = media.respond(request);
    if (description)
      call_.accept_offer(*description);
    else
      call_.reject_offer(488);
  }

  bool fits(const MessageView& response) {
    if (const auto fork = forks_.find(response.to_tag()); fork != forks_.end())
      media_ = fork->second;
    forks_.clear();
    return media_.agreed() || media_.answered(response);
  }

  void hold() {
    if (const auto offer = media_.hold(); offer && call_) call_.reinvite(*offer);
  }
  void held(const MessageView& response) {
    if (media_.answered(response)) say("held");
  }
  void not_held(const ReinviteFailed& why) {
    media_.rollback();
    if (why.status == 491) {
      // Both sides offered at once: we own the Call-ID and wait 2.1 to 4 s (RFC 3261 section 14.1).
      const auto wait = milliseconds(2100 + 10 * node_.endpoint().core().random().below(191));
      node_.after(wait, [this] { hold(); });
      return;
    }
    fmt::print(stderr, "sipstack: hold: {}\n",
               why.status != 0 ? std::to_string(why.status) : failure(why.error));
  }

  void ended() {
    say("ended");
    node_.finish(late_ || broken_ ? kFailed : kDone);
  }

  Node& node_;
  const CallArguments& arguments_;
  Media media_;
  std::map<std::string, Media, std::less<>> forks_;  ///< by To tag, what reliable provisionals said
  Call call_;
  int told_ = 0;
  bool up_ = false;
  bool cancelled_ = false;  ///< by --cancel-after-ms
  bool late_ = false;       ///< by --timeout-ms
  bool broken_ = false;
  bool referring_ = false;  ///< a referral has not come to its end
  bool waited_ = false;     ///< --duration-ms is over
  int refer_status_ = 0;    ///< of the referral's outcome
};

int call(const CallArguments& arguments) {
  EndpointOptions endpoint;
  const RequestOptions request = client_request(arguments, arguments.target, arguments.from);
  if (const auto from = Uri::parse(request.from); from && !from->user.empty())
    endpoint.user_agent.contact_user = std::string(from->user);
  Node node(arguments, endpoint);
  if (!node.open(arguments.sockets(arguments.target))) return kFailed;
  if (arguments.repeat > 0) return run_burst(node, arguments);
  Caller caller(node, arguments);
  return caller.run();
}

}  // namespace

std::string media_peer(const CallArguments& arguments) {
  const auto hop = Uri::parse(arguments.proxy.empty() ? arguments.target : arguments.proxy);
  return hop ? std::string(hop->host) : std::string();
}

std::optional<CallOptions> call_options(const CallArguments& arguments, Media& media) {
  CallOptions options;
  static_cast<RequestOptions&>(options) =
      client_request(arguments, arguments.target, arguments.from);
  std::optional<std::string> offer;
  if (arguments.sdp.empty()) {
    offer = media.offer();
  } else {
    const auto text = read_file(arguments.sdp);
    if (!text) return std::nullopt;
    auto own = sdp::Session::parse(*text);
    if (!own) {
      const TextPosition at = position(*text, own.error().offset);
      fmt::print(stderr, "sipstack: {}:{}:{}: {}\n", arguments.sdp, at.line, at.column,
                 own.error().message());
      return std::nullopt;
    }
    offer = media.offer(*std::move(own));
  }
  if (!offer) {
    fmt::print(stderr, "sipstack: there is nothing to offer\n");
    return std::nullopt;
  }
  options.content_type = "application/sdp";
  options.body = *std::move(offer);
  return options;
}

void add_call(CLI::App& app, Command& chosen) {
  auto arguments = std::make_shared<CallArguments>();
  CLI::App* command = app.add_subcommand("call", "Call somebody");
  const auto ms = [&](const char* option, int& value, const char* what) {
    return command->add_option(option, value, what)
        ->check(CLI::Range(1, 86400000))
        ->type_name("MS");
  };
  command->add_option("TARGET", arguments->target, "Whom to call")
      ->required()
      ->transform(sip_uri("URI"));
  command->add_option("--from", arguments->from, "Who calls")->transform(sip_uri("URI"));
  command->add_option("--duration-ms", arguments->duration_ms, "Hang up after that time (1000)")
      ->check(CLI::Range(0, 86400000))
      ->type_name("MS");
  ms("--cancel-after-ms", arguments->cancel_after_ms, "Give up ringing after that time");
  ms("--hold-after-ms", arguments->hold_after_ms, "Put the other side on hold after that time");
  command->add_option("--sdp", arguments->sdp, "Offer this description")->type_name("FILE");
  command->add_option("--refer-to", arguments->refer_to, "Transfer the other side there")
      ->transform(sip_uri("URI"));
  auto* repeat = command->add_option("--repeat", arguments->repeat, "Make N such calls and count")
                     ->check(CLI::Range(1, 10000000))
                     ->type_name("N");
  command->add_option("--rate", arguments->rate, "How many to begin a second (50)")
      ->check(CLI::Range(1, 100000))
      ->needs(repeat)
      ->type_name("N");
  add_client_options(*command, *arguments);
  command->footer("Prints each step on a line: trying, ringing, answered, referred, ended.");
  command->callback([&chosen, arguments] { chosen = [arguments] { return call(*arguments); }; });
}

}  // namespace sipstack::tools
