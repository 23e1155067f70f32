// SPDX-License-Identifier: Apache-2.0
// One connection to a Redis, without waiting; hiredis' header is included in its source alone.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sipstack/base/log.hpp"
#include "store/redis_address.hpp"

namespace sipstack::store {

using RedisClock = std::chrono::steady_clock;

/// What came back. `text` lives for the call.
struct RedisReply {
  enum class Kind { lost, nil, number, text, error };  ///< lost: the connection died
  Kind kind = Kind::lost;
  std::int64_t number = 0;
  std::string_view text;
};

struct RedisConnectionOptions {
  RedisUrl url;  ///< of the first node; `address` is the connection's own
  RedisClock::duration timeout{};
  RedisClock::duration max_retry{};
  std::size_t max_reply = 0;       ///< bytes; past it the connection is closed
  std::string script;              ///< loaded at the beginning
  std::function<double()> random;  ///< in [0, 1)
  LogHook log;
};

/// Without control characters, as a log wants it.
std::string printable(std::string text);

/// Threads: one. Every send() is answered, from within ready(), tick() or later ones; never from within send().
class RedisConnection {
 public:
  using Answer = std::function<void(const RedisReply&)>;
  enum class State { down, connecting, greeting, up };

  RedisConnection(RedisAddress address, std::shared_ptr<const RedisConnectionOptions> options);
  ~RedisConnection();

  /// True where a question had better be asked here: it is up, or for all we know about to be.
  bool usable() const noexcept { return state_ != State::down && failures_ == 0; }
  bool up() const noexcept { return state_ == State::up; }
  unsigned failures() const noexcept { return failures_; }  ///< since it was up
  std::uint64_t connects() const noexcept { return connects_; }
  /// Times that it died or did not come to be.
  std::uint64_t losses() const noexcept { return losses_; }
  const RedisAddress& address() const noexcept { return address_; }
  /// Of the script, once Redis has said so; else empty.
  const std::string& script() const noexcept { return script_; }

  /// Only while usable().
  void send(const std::vector<std::string_view>& command, Answer answer,
            RedisClock::time_point now);
  /// Closes it, soon: what it says is of no use.
  void give_up(std::string why);

  // for the loop
  int descriptor() const noexcept { return socket_; }  ///< -1: none
  short wanted() const noexcept;                       ///< events of poll()
  void ready(short events, RedisClock::time_point now);
  /// Connects, greets again, ends what takes too long.
  void tick(RedisClock::time_point now);
  RedisClock::time_point deadline() const noexcept;

 private:
  struct Reader;
  struct Sent {
    Answer answer;
    RedisClock::time_point at;
  };

  void connect(RedisClock::time_point now);
  bool open_socket(std::string& why);
  void greet(RedisClock::time_point now);
  void greeted(const RedisReply& reply, bool last);
  void append(const std::vector<std::string_view>& command, Answer answer,
              RedisClock::time_point now);
  void read_some(RedisClock::time_point now);
  void take_replies();
  void write_some();
  void close(RedisClock::time_point now);
  void say(LogLevel level, const std::string& text) const;

  const RedisAddress address_;
  const std::shared_ptr<const RedisConnectionOptions> options_;
  State state_ = State::down;
  int socket_ = -1;
  std::unique_ptr<Reader> reader_;
  std::string out_;
  std::size_t written_ = 0;
  std::deque<Sent> sent_;
  std::string script_;
  std::string trouble_;   ///< why it is about to be closed
  bool refuses_ = false;  ///< that is: it is there, but does nothing for us
  std::string last_trouble_;
  bool told_ = false;  ///< that it is away
  RedisClock::time_point told_at_{};
  unsigned failures_ = 0;
  std::uint64_t connects_ = 0;
  std::uint64_t losses_ = 0;
  std::uint64_t replies_ = 0;
  RedisClock::time_point since_{};  ///< of connecting
  RedisClock::time_point retry_{};  ///< when it is tried again
  RedisClock::time_point last_sent_{};
  RedisClock::time_point last_reply_{};
};

}  // namespace sipstack::store
