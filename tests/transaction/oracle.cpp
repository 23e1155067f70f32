// SPDX-License-Identifier: Apache-2.0
// The oracle's table: each row is a sentence of the RFCs, in the order in which they stand there.
#include "oracle.hpp"

#include <cstring>
#include <sstream>

namespace oracle {
namespace {

constexpr std::int64_t kT1 = 500, kT2 = 4000, kT4 = 5000;

constexpr Kind IC = Kind::invite_client, NC = Kind::non_invite_client, IS = Kind::invite_server,
               NS = Kind::non_invite_server;

// Words of `does`:
//   request, ack, last (the last response once more), new (the one from the TU now), 100
//   TU, TU-timeout, TU-transport
//   X=T1 X=64T1 X=T4 X=32s ...   timer X is set        u:word    over unreliable transports only
//   X~0=...                      zero over reliable transports
//   X<<    reset to twice its length      X<<T2   the same, T2 at most      X=T2
//   -X     stopped
struct Sentence {
  Kind kind;
  const char* state;
  const char* event;  // "start", an Event's name, or a timer's letter
  const char* does;
  const char* next;
};

const Sentence kSentences[] = {
    // 17.1.1.2: "MUST pass the request to the transport layer", "If an unreliable transport is being used,
    // the client transaction MUST start timer A with a value of T1", "For any transport ... timer B".
    {IC, "", "start", "request u:A=T1 B=64T1", "Calling"},
    {IC, "Calling", "A", "request A<<", "Calling"},
    {IC, "Calling", "B", "TU-timeout", "Terminated"},
    {IC, "Calling", "1xx", "TU -A -B", "Proceeding"},
    {IC, "Calling", "2xx", "TU -A -B M=64T1", "Accepted"},           // RFC 6026 8.4
    {IC, "Calling", "3456xx", "TU ack -A -B D~0=32s", "Completed"},  // RFC 6026 8.4
    {IC, "Calling", "transport", "TU-transport", "Terminated"},      // 17.1.4
    {IC, "Proceeding", "1xx", "TU", "Proceeding"},
    {IC, "Proceeding", "2xx", "TU -c M=64T1", "Accepted"},
    {IC, "Proceeding", "3456xx", "TU ack -c D~0=32s", "Completed"},
    // 9.1: "If there is no final response for the original request in 64*T1 seconds, the client SHOULD then
    // consider the original transaction cancelled and SHOULD destroy the client transaction".
    {IC, "Proceeding", "cancel", "c=64T1", "Proceeding"},
    {IC, "Proceeding", "c", "TU-timeout", "Terminated"},
    {IC, "Completed", "3456xx", "ack", "Completed"},
    {IC, "Completed", "D", "", "Terminated"},
    {IC, "Completed", "transport", "TU-transport", "Terminated"},
    {IC, "Accepted", "2xx", "TU", "Accepted"},
    {IC, "Accepted", "M", "", "Terminated"},

    // 17.1.2.2
    {NC, "", "start", "request u:E=T1 F=64T1", "Trying"},
    {NC, "Trying", "E", "request E<<T2", "Trying"},
    {NC, "Trying", "F", "TU-timeout", "Terminated"},
    {NC, "Trying", "1xx", "TU", "Proceeding"},
    {NC, "Trying", "2xx", "TU -E -F K~0=T4", "Completed"},
    {NC, "Trying", "3456xx", "TU -E -F K~0=T4", "Completed"},
    {NC, "Trying", "transport", "TU-transport", "Terminated"},
    {NC, "Proceeding", "E", "request E=T2", "Proceeding"},
    {NC, "Proceeding", "F", "TU-timeout", "Terminated"},
    {NC, "Proceeding", "1xx", "TU", "Proceeding"},
    {NC, "Proceeding", "2xx", "TU -E -F K~0=T4", "Completed"},
    {NC, "Proceeding", "3456xx", "TU -E -F K~0=T4", "Completed"},
    {NC, "Proceeding", "transport", "TU-transport", "Terminated"},  // figure 6
    {NC, "Completed", "K", "", "Terminated"},

    // 17.2.1 with RFC 6026 7.1 and 8.5 to 8.8. The request is passed to the TU at the start.
    {IS, "", "start", "TU 1=200ms", "Proceeding"},
    {IS, "Proceeding", "1", "100", "Proceeding"},
    {IS, "Proceeding", "request", "last", "Proceeding"},
    {IS, "Proceeding", "1xx", "new -1", "Proceeding"},
    {IS, "Proceeding", "2xx", "new -1 L=64T1", "Accepted"},
    {IS, "Proceeding", "3456xx", "new -1 u:G=T1 H=64T1", "Completed"},
    {IS, "Proceeding", "transport", "TU-transport", "Proceeding"},
    {IS, "Completed", "request", "last", "Completed"},
    {IS, "Completed", "G", "last G<<T2", "Completed"},
    // "If timer H fires while in the Completed state, it implies that the ACK was never received. In this
    // case, the server transaction MUST transition to the Terminated state, and MUST indicate to the TU that
    // a transaction failure has occurred."
    {IS, "Completed", "H", "TU-timeout", "Terminated"},
    {IS, "Completed", "ack", "-G -H I~0=T4", "Confirmed"},
    {IS, "Completed", "transport", "TU-transport", "Completed"},
    {IS, "Confirmed", "I", "", "Terminated"},
    {IS, "Accepted", "request", "", "Accepted"},
    {IS, "Accepted", "2xx", "new", "Accepted"},
    {IS, "Accepted", "ack", "TU", "Accepted"},
    {IS, "Accepted", "transport", "TU-transport", "Accepted"},
    {IS, "Accepted", "L", "", "Terminated"},

    // 17.2.2; RFC 4320 4.1: "MUST respond to a non-INVITE request with a Status-Code of 100 if it has not
    // otherwise responded after the amount of time it takes a client transaction's Timer E to be reset to
    // T2": at 500 ms, 1,500 ms and 3,500 ms.
    {NS, "", "start", "TU 1=3500ms", "Trying"},
    {NS, "Trying", "1", "100", "Proceeding"},
    {NS, "Trying", "1xx", "new -1", "Proceeding"},
    {NS, "Trying", "2xx", "new -1 J~0=64T1", "Completed"},
    {NS, "Trying", "3456xx", "new -1 J~0=64T1", "Completed"},
    {NS, "Trying", "no-answer", "-1 J~0=64T1", "Completed"},  // RFC 4320 4.2: no 408, nothing
    {NS, "Proceeding", "1xx", "new", "Proceeding"},
    {NS, "Proceeding", "request", "last", "Proceeding"},
    {NS, "Proceeding", "2xx", "new J~0=64T1", "Completed"},
    {NS, "Proceeding", "3456xx", "new J~0=64T1", "Completed"},
    {NS, "Proceeding", "no-answer", "J~0=64T1", "Completed"},
    {NS, "Proceeding", "transport", "TU-transport", "Proceeding"},  // RFC 6026 8.8: "MUST remain"
    {NS, "Completed", "request", "last", "Completed"},
    {NS, "Completed", "transport", "TU-transport", "Completed"},
    {NS, "Completed", "J", "", "Terminated"},
};

const char* name_of(Event event) {
  switch (event) {
    case Event::r1xx: return "1xx";
    case Event::r2xx: return "2xx";
    case Event::r3456xx: return "3456xx";
    case Event::request: return "request";
    case Event::ack: return "ack";
    case Event::transport_error: return "transport";
    case Event::cancel_sent: return "cancel";
    case Event::no_answer: return "no-answer";
    case Event::timer: break;
  }
  return "";
}

std::int64_t value_of(const std::string& text) {
  if (text == "T1") return kT1;
  if (text == "T2") return kT2;
  if (text == "T4") return kT4;
  if (text == "64T1") return 64 * kT1;
  if (text == "32s") return 32'000;
  if (text == "200ms") return 200;
  if (text == "3500ms") return 3500;
  return -1;
}

}  // namespace

// A sentence cut into words once, so that millions of sequences take seconds.
struct Oracle::Row {
  enum class Verb {
    request,
    ack,
    last,
    fresh,
    trying,
    tu,
    tu_timeout,
    tu_transport,
    set,
    twice,
    twice_t2,
    stop
  };
  struct Word {
    Verb verb;
    char timer = 0;
    std::int64_t value = 0;
    bool unreliable_only = false;
    bool zero_if_reliable = false;
  };
  Kind kind;
  const char* state;
  std::string event;
  std::vector<Word> words;
  const char* next;
};

const std::vector<Oracle::Row>& Oracle::rows() {
  static const std::vector<Row> all = [] {
    std::vector<Row> made;
    for (const Sentence& sentence : kSentences) {
      Row row{sentence.kind, sentence.state, sentence.event, {}, sentence.next};
      std::istringstream in(sentence.does);
      for (std::string text; in >> text;) {
        Row::Word word{Row::Verb::set};
        if (text.rfind("u:", 0) == 0) {
          word.unreliable_only = true;
          text.erase(0, 2);
        }
        if (text == "request")
          word.verb = Row::Verb::request;
        else if (text == "ack")
          word.verb = Row::Verb::ack;
        else if (text == "last")
          word.verb = Row::Verb::last;
        else if (text == "new")
          word.verb = Row::Verb::fresh;
        else if (text == "100")
          word.verb = Row::Verb::trying;
        else if (text == "TU")
          word.verb = Row::Verb::tu;
        else if (text == "TU-timeout")
          word.verb = Row::Verb::tu_timeout;
        else if (text == "TU-transport")
          word.verb = Row::Verb::tu_transport;
        else if (text[0] == '-') {
          word.verb = Row::Verb::stop;
          word.timer = text[1];
        } else {
          word.timer = text[0];
          std::string rest = text.substr(1);
          if (rest == "<<")
            word.verb = Row::Verb::twice;
          else if (rest == "<<T2")
            word.verb = Row::Verb::twice_t2;
          else {
            if (rest.rfind("~0", 0) == 0) {
              word.zero_if_reliable = true;
              rest.erase(0, 2);
            }
            word.value = value_of(rest.substr(1));
          }
        }
        row.words.push_back(word);
      }
      made.push_back(std::move(row));
    }
    return made;
  }();
  return all;
}

Oracle::Oracle(Kind kind, bool reliable) : kind_(kind), reliable_(reliable) {
  for (const Row& row : rows())
    if (row.kind == kind && row.event == "start") act(row);
}

bool Oracle::terminated() const { return std::strcmp(state_, "Terminated") == 0; }

const std::vector<std::string>& Oracle::react(Event event) {
  done_.clear();
  std::string name = name_of(event);
  if (event == Event::timer) {
    const Timer timer = next();
    if (timer.name == 0) return done_;
    now_ = timer.at;
    name.assign(1, timer.name);
    disarm(timer.name);
  }
  for (const Row& row : rows()) {
    if (row.kind != kind_ || row.event != name || std::strcmp(row.state, state_) != 0) continue;
    act(row);
    // "a value of zero seconds for reliable transports": it fires here and now.
    if (next().name != 0 && next().at == now_) {
      const std::vector<std::string> before = done_;
      react(Event::timer);
      done_.insert(done_.begin(), before.begin(), before.end());
    }
    break;
  }
  return done_;
}

void Oracle::act(const Row& row) {
  using Verb = Row::Verb;
  for (const Row::Word& word : row.words) {
    if (word.unreliable_only && reliable_) continue;
    switch (word.verb) {
      case Verb::request: done_.push_back("request"); break;
      case Verb::ack: done_.push_back("ack"); break;
      case Verb::tu: done_.push_back("TU"); break;
      case Verb::tu_timeout: done_.push_back("TU timeout"); break;
      case Verb::tu_transport: done_.push_back("TU transport"); break;
      case Verb::trying:
        last_ = -1;
        done_.push_back("100");
        break;
      case Verb::fresh:
        last_ = ++from_tu_;
        done_.push_back("response " + std::to_string(last_));
        break;
      case Verb::last:
        if (last_ > 0) done_.push_back("response " + std::to_string(last_));
        if (last_ < 0) done_.push_back("100");
        break;
      case Verb::stop: disarm(word.timer); break;
      case Verb::set:
        length_ =
            word.timer == 'A' || word.timer == 'E' || word.timer == 'G' ? word.value : length_;
        arm(word.timer, word.zero_if_reliable && reliable_ ? 0 : word.value);
        break;
      case Verb::twice:
        length_ *= 2;
        arm(word.timer, length_);
        break;
      case Verb::twice_t2:
        length_ = length_ * 2 < kT2 ? length_ * 2 : kT2;
        arm(word.timer, length_);
        break;
    }
  }
  state_ = row.next;
  // RFC 4320 4.2: "will not send a final response at all", and a 100 is no answer to repeat any more.
  if (row.event == "no-answer") last_ = 0;
  if (terminated()) timers_ = {};
}

void Oracle::arm(char name, std::int64_t after) {
  disarm(name);
  for (Timer& timer : timers_)
    if (timer.name == 0) {
      timer = {name, now_ + after};
      return;
    }
}

void Oracle::disarm(char name) {
  for (Timer& timer : timers_)
    if (timer.name == name) timer = {};
}

bool Oracle::armed(char name) const {
  for (const Timer& timer : timers_)
    if (timer.name == name) return true;
  return false;
}

std::int64_t Oracle::when(char name) const {
  for (const Timer& timer : timers_)
    if (timer.name == name) return timer.at;
  return -1;
}

Timer Oracle::next() const {
  Timer first;
  for (const Timer& timer : timers_)
    if (timer.name != 0 && (first.name == 0 || timer.at < first.at)) first = timer;
  return first;
}

}  // namespace oracle
