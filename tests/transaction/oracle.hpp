// SPDX-License-Identifier: Apache-2.0
// A second opinion about the four machines, written from the text of RFC 3261 section 17, RFC 6026 and
// RFC 4320 alone. It shares no line and no type with the library: times are milliseconds, timers are the
// RFC's letters, actions are words.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace oracle {

enum class Kind { invite_client, non_invite_client, invite_server, non_invite_server };

enum class Event {
  timer,  // the next one fires
  r1xx,   // client: received; server: from the TU
  r2xx,
  r3456xx,
  request,  // server: a retransmission
  ack,
  transport_error,
  cancel_sent,  // INVITE client: a CANCEL went out (section 9.1)
  no_answer     // non-INVITE server: the TU knows that there will be none in time (RFC 4320)
};

// Timers by letter; '1' is the 200 ms before a 100 (17.2.1) or RFC 4320's time, 'c' the 64*T1 of 9.1.
struct Timer {
  char name = 0;
  std::int64_t at = 0;
};

class Oracle {
 public:
  Oracle(Kind kind, bool reliable);

  /// What one event made it do: "request", "ack", "response 3" (the third from the TU), "100",
  /// "TU" (told of the message), "TU timeout", "TU transport".
  const std::vector<std::string>& react(Event event);

  const char* state() const { return state_; }
  bool terminated() const;
  std::int64_t now() const { return now_; }
  bool armed(char name) const;
  std::int64_t when(char name) const;
  /// The timer that fires next; name 0 where none is armed.
  Timer next() const;

 private:
  struct Row;
  static const std::vector<Row>& rows();
  void act(const Row& row);
  void arm(char name, std::int64_t after);
  void disarm(char name);

  Kind kind_;
  bool reliable_;
  const char* state_ = "";
  std::int64_t now_ = 0;
  std::array<Timer, 4> timers_{};
  std::int64_t length_ = 0;  // of A, E or G when it was last set
  int from_tu_ = 0;          // responses that the TU has passed
  int last_ = 0;             // the one to send again; -1: our own 100; 0: none
  std::vector<std::string> done_;
};

}  // namespace oracle
