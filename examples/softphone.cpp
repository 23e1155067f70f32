// SPDX-License-Identifier: Apache-2.0
// A softphone in the terminal: commands are read from standard input, and what happens is told.
//
//   softphone udp:127.0.0.1:5062 sip:alice@example.com [--proxy URI] [--password SECRET]
//
//   register | unregister | call URI | answer | reject | hangup | hold | resume | digits 123# | info 5
//   play FILE | record FILE | transfer URI | attended N | text URI WORDS | use N | quit
//
// Commands are for the call used last; `use N` picks another, `attended N` connects its far end with N's.
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <unistd.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read_until.hpp>
#include <sipstack/dialog/dtmf.hpp>

#include "audio/call_audio.hpp"

using audio::CallAudio;
using sipstack::Call;
using sipstack::CallEnded;
using sipstack::IncomingCall;
using sipstack::Message;

struct Account {
  std::string listen, aor, proxy, password;
};

class Softphone {
 public:
  Softphone(boost::asio::io_context& io, Account account)
      : io_(io), account_(std::move(account)), endpoint_(io, options()) {}

  bool start() {
    const auto bound = endpoint_.listen(account_.listen);
    if (!bound) return tell("cannot listen: " + bound.error().message()), false;
    address_ = bound->ip.to_string();
    endpoint_.on_invite([this](IncomingCall call) { arrived(std::move(call)); });
    endpoint_.on_request([this](sipstack::TxnId txn, const Message& request, const auto&) {
      const bool text = request->method() == sipstack::Method::message;
      endpoint_.respond(txn, text ? 200 : 501);
      if (text) tell("text " + std::string(request->body()));
    });
    endpoint_.on_refer([this](sipstack::Notifier referral, const Call&, const Message& request) {
      referred(std::move(referral), request);
    });
    tell("listening " + bound->to_string());
    read_line();
    return true;
  }

 private:
  struct Line {
    Call call;
    std::shared_ptr<CallAudio> audio;
    std::optional<IncomingCall> waiting;  ///< for our answer
  };

  sipstack::EndpointOptions options() const {
    sipstack::EndpointOptions options;
    const auto uri = sipstack::Uri::parse(account_.aor);
    if (uri && !uri->user.empty()) options.user_agent.contact_user = std::string(uri->user);
    options.user_agent.tell_messages = true;
    options.user_agent.notifier.refer = true;
    return options;
  }

  static void tell(const std::string& what) { std::cout << what << std::endl; }
  static void tell(int number, const std::string& what) {
    tell(std::to_string(number) + " " + what);
  }
  static std::string outcome(sipstack::error_code error, const Message& response) {
    return response ? std::to_string(response->status()) : error.message();
  }

  // ---- who we are

  void fill(sipstack::RequestOptions& options, const std::string& target) const {
    options.target = target;
    options.from = account_.aor;
    if (!account_.proxy.empty()) options.route = {account_.proxy};
    options.credentials = credentials();
  }
  std::vector<sipstack::Credentials> credentials() const {
    if (account_.password.empty()) return {};
    sipstack::Credentials own;
    own.user = std::string(sipstack::Uri::parse(account_.aor)->user);
    own.password = account_.password;
    return {own};
  }

  void enrol() {
    sipstack::RegistrationOptions options;
    options.aor = account_.aor;
    if (!account_.proxy.empty()) options.route = {account_.proxy};
    options.credentials = credentials();
    endpoint_.async_register(options, [this](sipstack::error_code error,
                                             sipstack::RegistrationId id, const Message& response) {
      registration_ = id;
      tell("registered " + outcome(error, response));
    });
  }

  // ---- calls

  int add(Call call, std::shared_ptr<CallAudio> audio) {
    const int number = ++count_;
    CallAudio::attend(endpoint_, call, audio, [number](char digit, const char* how) {
      tell(number, std::string("digit ") + digit + " by " + how);
    });
    call.on_ended([this, number](const CallEnded&) {
      lines_.erase(number);
      tell(number, "ended");
    });
    lines_[number] = {std::move(call), std::move(audio), {}};
    return current_ = number;
  }
  std::shared_ptr<CallAudio> new_audio() {
    return std::make_shared<CallAudio>(io_, endpoint_, address_);
  }

  /// The outcome of a call of ours, whoever wanted it.
  auto up(const std::shared_ptr<CallAudio>& audio) {
    return [this, audio](sipstack::error_code error, Call call, const Message& response) {
      const int number = number_of(call);
      if (error || response->status() >= 300) return tell("failed " + outcome(error, response));
      if (!audio->answered(response)) return void(call.hang_up());
      tell(number, "up");
    };
  }
  int number_of(const Call& call) const {
    for (const auto& [number, line] : lines_)
      if (line.call == call) return number;
    return 0;
  }

  void dial(const std::string& target) {
    const auto audio = new_audio();
    sipstack::CallOptions options;
    fill(options, target);
    options.content_type = "application/sdp";
    options.body = audio->offer();
    const auto call = endpoint_.invite(
        options,
        [this](const Call& ringing, const Message& response) {
          if (response->status() == 180) tell(number_of(ringing), "rings");
        },
        up(audio));
    if (call)
      tell(add(*call, audio), "calling " + target);
    else
      tell("failed " + call.error().message());
  }

  void arrived(IncomingCall incoming) {
    const int number = add(incoming.call(), new_audio());
    Line& line = lines_[number];
    line.waiting = incoming;
    const auto from = incoming.invite()->get(sipstack::hdr::from);
    tell(number, "incoming from " + (from ? std::string(from->uri.text) : "nobody"));
    incoming.ring();
    // It takes the place of a call that we had answered (RFC 3891).
    if (incoming.invite()->has(sipstack::HeaderId::replaces)) answer(number, line);
  }

  void answer(int number, Line& line) {
    if (!line.waiting) return tell("nobody calls");
    IncomingCall incoming = *std::exchange(line.waiting, std::nullopt);
    const auto description = line.audio->respond(incoming.invite());
    if (!description) return incoming.reject(488);
    incoming.async_accept(*description, [number](sipstack::error_code error, const Call&) {
      tell(number, error ? error.message() : "up");
    });
  }

  void change(Line& line, bool hold) {
    const auto then = [number = current_, hold, audio = line.audio](sipstack::error_code error,
                                                                    const Message& response) {
      if (!error && response->status() < 300 && audio->answered(response))
        return tell(number, hold ? "held" : "resumed");
      audio->refused();
      tell(number, "not changed: " + outcome(error, response));
    };
    const std::string offer = hold ? line.audio->hold() : line.audio->resume();
    if (offer.empty()) return tell(current_, "not changed: not now");
    line.call.async_reinvite(offer, then);
  }

  void transfer(Line& line, const std::string& target) {
    sipstack::ReferOptions refer;
    refer.refer_to = target;
    refer.referred_by = account_.aor;
    line.call.async_refer(refer, [number = current_, call = line.call](sipstack::error_code error,
                                                                       int status) mutable {
      tell(number, "transferred " + (error ? error.message() : std::to_string(status)));
      if (!error && status < 300) call.hang_up();
    });
  }

  /// A real phone would ask its user first.
  void referred(sipstack::Notifier referral, const Message& request) {
    const auto audio = new_audio();
    sipstack::CallOptions options;
    fill(options, {});  // the target is in the REFER
    options.content_type = "application/sdp";
    options.body = audio->offer();
    const auto call = referral.follow(options, {}, up(audio));
    if (!call) return void(referral.reject(603));
    const auto target = request->raw(sipstack::HeaderId::refer_to);
    tell(add(*call, audio), "referred to " + std::string(target.value_or("")));
  }

  // ---- commands

  void read_line() {
    boost::asio::async_read_until(input_, boost::asio::dynamic_buffer(typed_, 4096), '\n',
                                  [this](boost::system::error_code error, std::size_t size) {
                                    if (error) return quit();
                                    std::istringstream words(typed_.substr(0, size));
                                    typed_.erase(0, size);
                                    std::string command, argument;
                                    words >> command >> argument;
                                    if (command == "quit") return quit();
                                    if (!command.empty() && !of_phone(command, argument, words))
                                      of_call(command, argument);
                                    read_line();
                                  });
  }

  bool of_phone(const std::string& command, const std::string& argument, std::istream& words) {
    if (command == "register")
      enrol();
    else if (command == "unregister")
      endpoint_.async_unregister(registration_, [](sipstack::error_code error, const Message& m) {
        tell("unregistered " + outcome(error, m));
      });
    else if (command == "call")
      dial(argument);
    else if (command == "use")
      current_ = std::atoi(argument.c_str());
    else if (command == "text")
      text(argument, words);
    else
      return false;
    return true;
  }

  void of_call(const std::string& command, const std::string& argument) {
    const auto found = lines_.find(current_);
    if (found == lines_.end()) return tell("there is no such call");
    Line& line = found->second;
    if (command == "answer") return answer(current_, line);
    if (command == "reject" || command == "hangup") return void(line.call.hang_up());
    if (command == "hold" || command == "resume") return change(line, command == "hold");
    if (command == "transfer") return transfer(line, argument);
    if (command == "attended") {
      const auto other = lines_.find(std::atoi(argument.c_str()));
      return other == lines_.end() ? tell("there is no such call")
                                   : transfer(line, other->second.call.refer_to());
    }
    if (command == "record") return line.audio->rtp().record(argument);
    if (command == "digits") return press(line, argument);
    if (command == "play") {
      auto sound = audio::read_wav(argument);
      if (!sound) return tell(argument + ": not 8 kHz mono, 16 bits or µ-law");
      return line.audio->rtp().play(*std::move(sound),
                                    [number = current_] { tell(number, "played"); });
    }
    if (command == "info" && !argument.empty())
      return line.call.async_request(
          "INFO", std::string(sipstack::kDtmfRelayType), sipstack::dtmf_relay({argument[0], 160}),
          [number = current_](sipstack::error_code error, const Message& response) {
            tell(number, "info " + outcome(error, response));
          });
    tell("unknown: " + command);
  }

  void press(Line& line, const std::string& digits) {
    if (!line.audio->rtp().press(digits)) tell("the far end takes no digits");
  }

  void text(const std::string& target, std::istream& words) {
    sipstack::RequestOptions options;
    fill(options, target);
    options.content_type = "text/plain";
    std::getline(words >> std::ws, options.body);
    endpoint_.async_request("MESSAGE", options,
                            [](sipstack::error_code error, const Message& response) {
                              tell("sent " + outcome(error, response));
                            });
  }

  void quit() {
    endpoint_.shut_down(std::chrono::seconds(5), [this] { io_.stop(); });
  }

  boost::asio::io_context& io_;
  const Account account_;
  sipstack::Endpoint endpoint_;
  boost::asio::posix::stream_descriptor input_{io_, ::dup(STDIN_FILENO)};
  std::string typed_;
  std::string address_;
  sipstack::RegistrationId registration_;
  std::map<int, Line> lines_;
  int count_ = 0;
  int current_ = 0;
};

int main(int argc, char** argv) {
  Account account;
  if (argc > 2) account.listen = argv[1], account.aor = argv[2];
  for (int i = 3; i + 1 < argc; i += 2)
    (std::string(argv[i]) == "--proxy" ? account.proxy : account.password) = argv[i + 1];
  if (!sipstack::Uri::parse(account.aor))
    return std::cerr << "usage: softphone TRANSPORT:ADDRESS:PORT URI [--proxy URI] "
                        "[--password SECRET]\n",
           2;
  boost::asio::io_context io;
  Softphone phone(io, account);
  if (!phone.start()) return 1;
  io.run();
}
