// SPDX-License-Identifier: Apache-2.0
// The socket is ours, what is said over it is written and read by hiredis. What greets (AUTH, SELECT, the script,
// PING) stands in the pipeline before the first question, so that none waits for it.
#include "store/redis_connection.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace sipstack::store {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr auto kFirstRetry = milliseconds(50);
constexpr auto kIdle = seconds(5);      // then a PING shows whether it still lives
constexpr auto kSilence = seconds(60);  // about a reason that was told
constexpr const char* kUnasked = "a reply of a kind that nobody asked for";
constexpr std::size_t kReadAtOnce = 64 * 1024;

#ifdef MSG_NOSIGNAL
constexpr int kQuietly = MSG_NOSIGNAL;
#else
constexpr int kQuietly = 0;
#endif

std::string reason(int error) { return std::generic_category().message(error); }

bool not_now(int error) noexcept {
  return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

bool is_plain(char head) noexcept {
  return head == '+' || head == '-' || head == ':' || head == '$';
}

/// Errors behind which the next command over this connection fares no better.
bool hopeless(std::string_view error) {
  const std::string_view word = error.substr(0, error.find(' '));
  return word == "READONLY" || word == "NOAUTH" || word == "LOADING" || word == "MASTERDOWN";
}

int socket_for(int family) {
  const int made = ::socket(family, SOCK_STREAM, 0);
  if (made < 0) return made;
  ::fcntl(made, F_SETFD, FD_CLOEXEC);
  ::fcntl(made, F_SETFL, O_NONBLOCK);
#ifdef SO_NOSIGPIPE
  const int on = 1;
  ::setsockopt(made, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
#endif
  return made;
}

}  // namespace

std::string printable(std::string text) {
  std::replace_if(
      text.begin(), text.end(),
      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
  return text;
}

struct RedisConnection::Reader {
  Reader() : reader(redisReaderCreate()) {}
  ~Reader() {
    if (reader != nullptr) redisReaderFree(reader);
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  redisReader* reader;
};

RedisConnection::RedisConnection(RedisAddress address,
                                 std::shared_ptr<const RedisConnectionOptions> options)
    : address_(std::move(address)), options_(std::move(options)) {}

RedisConnection::~RedisConnection() {
  if (socket_ >= 0) ::close(socket_);
}

void RedisConnection::say(LogLevel level, const std::string& text) const {
  if (options_->log)
    options_->log(level, printable("location: Redis at " + address_.to_string() + text));
}

// ---- commands ----

void RedisConnection::append(const std::vector<std::string_view>& command, Answer answer,
                             RedisClock::time_point now) {
  std::vector<const char*> words;
  std::vector<std::size_t> sizes;
  for (const std::string_view word : command) {
    words.push_back(word.empty() ? "" : word.data());
    sizes.push_back(word.size());
  }
  char* text = nullptr;
  const int size =
      redisFormatCommandArgv(&text, static_cast<int>(words.size()), words.data(), sizes.data());
  if (size < 0 || text == nullptr) std::abort();  // no memory: as operator new has it
  out_.append(text, static_cast<std::size_t>(size));
  std::free(text);  // hiredis' own way of giving it back is this, too
  sent_.push_back({std::move(answer), now});
  last_sent_ = now;
}

void RedisConnection::send(const std::vector<std::string_view>& command, Answer answer,
                           RedisClock::time_point now) {
  append(command, std::move(answer), now);
}

void RedisConnection::give_up(std::string why) {
  if (trouble_.empty()) trouble_ = std::move(why);
}

// ---- from down to up ----

bool RedisConnection::open_socket(std::string& why) {
  if (!address_.path.empty()) {
    sockaddr_un local{};
    local.sun_family = AF_UNIX;
    if (address_.path.size() >= sizeof local.sun_path) {
      why = "the path is too long";
      return false;
    }
    std::memcpy(local.sun_path, address_.path.data(), address_.path.size());
    socket_ = socket_for(AF_UNIX);
    if (socket_ >= 0 &&
        ::connect(socket_, reinterpret_cast<const sockaddr*>(&local), sizeof local) == 0)
      return true;
    const int error = errno;
    why = reason(error);
    return socket_ >= 0 && error == EINPROGRESS;
  }
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const std::string port = std::to_string(address_.port);
  if (const int error = ::getaddrinfo(address_.host.c_str(), port.c_str(), &wanted, &found);
      error != 0) {
    why = ::gai_strerror(error);
    return false;
  }
  // One address a try, and another one the next time.
  std::size_t count = 0;
  for (const addrinfo* a = found; a != nullptr; a = a->ai_next) ++count;
  const addrinfo* chosen = found;
  for (std::size_t skip = failures_ % count; skip > 0; --skip) chosen = chosen->ai_next;
  bool begun = false;
  socket_ = socket_for(chosen->ai_family);
  if (socket_ >= 0) {
    const int on = 1;
    ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    begun = ::connect(socket_, chosen->ai_addr, chosen->ai_addrlen) == 0 || errno == EINPROGRESS;
  }
  if (!begun) why = reason(errno);
  ::freeaddrinfo(found);
  return begun;
}

void RedisConnection::connect(RedisClock::time_point now) {
  since_ = now;
  state_ = State::connecting;
  reader_ = std::make_unique<Reader>();
  std::string why;
  if (!open_socket(why)) give_up(std::move(why));
  greet(now);
}

void RedisConnection::greet(RedisClock::time_point now) {
  const auto step = [this](bool last) {
    return [this, last](const RedisReply& reply) { greeted(reply, last); };
  };
  const RedisUrl& url = options_->url;
  if (!url.password.empty() && url.user.empty())
    append({"AUTH", url.password}, step(false), now);
  else if (!url.password.empty())
    append({"AUTH", url.user, url.password}, step(false), now);
  if (url.database != 0) append({"SELECT", std::to_string(url.database)}, step(false), now);
  // Where that is forbidden, the script goes with every update.
  append(
      {"SCRIPT", "LOAD", options_->script},
      [this](const RedisReply& reply) {
        if (reply.kind == RedisReply::Kind::text) script_ = reply.text;
      },
      now);
  append({"PING"}, step(true), now);
}

void RedisConnection::greeted(const RedisReply& reply, bool last) {
  if (reply.kind == RedisReply::Kind::lost) return;
  if (reply.kind == RedisReply::Kind::error) return give_up(std::string(reply.text));
  if (!last || !trouble_.empty()) return;
  if (std::exchange(told_, false)) say(LogLevel::warning, " answers again");
  state_ = State::up;
  failures_ = 0;
  ++connects_;
}

void RedisConnection::close(RedisClock::time_point now) {
  ++losses_;
  if (socket_ >= 0) ::close(std::exchange(socket_, -1));
  // That it went is news, that it is still away is not, unless for another reason.
  if (last_trouble_ != trouble_ || now - told_at_ >= kSilence) {
    say(LogLevel::error, " is away: " + trouble_);
    told_ = true;
    told_at_ = now;
    last_trouble_ = trouble_;
  }
  // One that was up is tried again at once; one that refuses its work after a pause.
  const bool at_once = state_ == State::up && !refuses_;
  if (!at_once) ++failures_;
  refuses_ = false;
  state_ = State::down;
  trouble_.clear();
  script_.clear();
  reader_.reset();
  out_.clear();
  written_ = 0;
  retry_ = now;
  if (!at_once) {
    const auto pause = std::min<RedisClock::duration>(
        options_->max_retry, kFirstRetry * (1U << std::min(failures_ - 1, 10U)));
    const double share =
        0.5 + options_->random();  // nodes that lost it together come back one by one
    retry_ += std::chrono::duration_cast<RedisClock::duration>(pause * share);
  }
  const std::deque<Sent> lost = std::move(sent_);
  sent_.clear();
  for (const Sent& s : lost) s.answer({});
}

// ---- the loop ----

short RedisConnection::wanted() const noexcept {
  if (state_ == State::connecting) return POLLOUT;
  return static_cast<short>(written_ < out_.size() ? POLLIN | POLLOUT : POLLIN);
}

void RedisConnection::ready(short events, RedisClock::time_point now) {
  if (socket_ < 0 || events == 0) return;
  if (state_ == State::connecting) {
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(socket_, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0)
      give_up(reason(error));
    else
      state_ = State::greeting;
  } else if ((events & (POLLIN | POLLHUP | POLLERR)) != 0) {
    read_some(now);
  }
  if (!trouble_.empty()) close(now);
}

void RedisConnection::read_some(RedisClock::time_point now) {
  std::array<char, kReadAtOnce> bytes;
  const auto got = ::recv(socket_, bytes.data(), bytes.size(), 0);
  if (got < 0) {
    if (!not_now(errno)) give_up(reason(errno));
    return;
  }
  if (got == 0) return give_up("it closed the connection");
  redisReaderFeed(reader_->reader, bytes.data(), static_cast<std::size_t>(got));
  const std::uint64_t before = replies_;
  take_replies();
  if (replies_ != before) last_reply_ = now;
  const redisReader& r = *reader_->reader;
  if (trouble_.empty() && r.len - r.pos > options_->max_reply) give_up("a reply has no end");
}

void RedisConnection::take_replies() {
  while (trouble_.empty()) {
    // Whatever is asked here has a plain answer. hiredis believes an array's head, and would make it;
    // that no task is under way (-1) shows a head, as long as it is never called without bytes.
    const redisReader& r = *reader_->reader;
    if (r.pos >= r.len) return;
    if (r.ridx == -1 && !is_plain(r.buf[r.pos])) return give_up(kUnasked);
    void* raw = nullptr;
    if (redisReaderGetReply(reader_->reader, &raw) != REDIS_OK)
      return give_up(std::string("it does not speak as Redis does: ") + reader_->reader->errstr);
    if (raw == nullptr) return;
    const auto free_reply = [](redisReply* done) { freeReplyObject(done); };
    const std::unique_ptr<redisReply, decltype(free_reply)> reply(static_cast<redisReply*>(raw),
                                                                  free_reply);
    if (sent_.empty()) return give_up("a reply that nobody asked for");
    RedisReply said;
    switch (reply->type) {
      case REDIS_REPLY_INTEGER:
        said.kind = RedisReply::Kind::number;
        said.number = reply->integer;
        break;
      case REDIS_REPLY_NIL: said.kind = RedisReply::Kind::nil; break;
      case REDIS_REPLY_STRING:
      case REDIS_REPLY_STATUS: said.kind = RedisReply::Kind::text; break;
      case REDIS_REPLY_ERROR: said.kind = RedisReply::Kind::error; break;
      default: return give_up(kUnasked);
    }
    if (reply->str != nullptr) said.text = {reply->str, static_cast<std::size_t>(reply->len)};
    const Answer answer = std::move(sent_.front().answer);
    sent_.pop_front();
    ++replies_;
    answer(said);
    if (said.kind == RedisReply::Kind::error && hopeless(said.text)) {
      refuses_ = true;
      give_up(std::string(said.text));
    }
  }
}

void RedisConnection::write_some() {
  if (state_ == State::connecting || written_ == out_.size()) return;
  const auto gone = ::send(socket_, out_.data() + written_, out_.size() - written_, kQuietly);
  if (gone < 0) {
    if (!not_now(errno)) give_up(reason(errno));
    return;
  }
  written_ += static_cast<std::size_t>(gone);
  if (written_ != out_.size()) return;
  out_.clear();
  written_ = 0;
}

void RedisConnection::tick(RedisClock::time_point now) {
  if (state_ == State::down) {
    if (now < retry_) return;
    connect(now);
  }
  if (trouble_.empty()) write_some();
  if (trouble_.empty() && now >= deadline()) {
    if (!sent_.empty())
      give_up("no answer in time");
    else
      append(
          {"PING"}, [](const RedisReply&) {}, now);
  }
  if (!trouble_.empty()) close(now);
}

RedisClock::time_point RedisConnection::deadline() const noexcept {
  if (state_ == State::down) return retry_;
  if (sent_.empty()) return last_sent_ + kIdle;
  // A long queue that moves is no death.
  return (state_ == State::up ? std::max(sent_.front().at, last_reply_) : since_) +
         options_->timeout;
}

}  // namespace sipstack::store
