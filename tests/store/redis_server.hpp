// SPDX-License-Identifier: Apache-2.0
// A real Redis for the tests: of their own, in a folder of its own, stopped by its pid.
#pragma once

#include <array>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <future>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <netinet/in.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace redis_test {

inline bool is_installed() {
  std::string path = std::getenv("PATH") == nullptr ? "" : std::getenv("PATH");
  path += ":/usr/bin:/usr/local/bin:";
  for (std::size_t at = 0, end = 0; (end = path.find(':', at)) != std::string::npos; at = end + 1)
    if (::access((path.substr(at, end - at) + "/redis-server").c_str(), X_OK) == 0) return true;
  return false;
}

/// A port of 127.0.0.1 that was free a moment ago, and so was the one 10000 above, for a cluster's own talk.
inline std::uint16_t free_port() {
  for (;;) {
    sockaddr_in a{};
    a.sin_family = AF_INET;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int s = ::socket(AF_INET, SOCK_STREAM, 0);
    socklen_t size = sizeof a;
    ::bind(s, reinterpret_cast<sockaddr*>(&a), sizeof a);
    ::getsockname(s, reinterpret_cast<sockaddr*>(&a), &size);
    ::close(s);
    const unsigned port = ntohs(a.sin_port);
    if (port + 10000 > 65535) continue;
    const int bus = ::socket(AF_INET, SOCK_STREAM, 0);
    a.sin_port = htons(static_cast<std::uint16_t>(port + 10000));
    const bool free = ::bind(bus, reinterpret_cast<sockaddr*>(&a), sizeof a) == 0;
    ::close(bus);
    if (free) return static_cast<std::uint16_t>(port);
  }
}

class Server {
 public:
  /// Listens at a socket in the file system, and at `port` where that is not 0.
  explicit Server(std::vector<std::string> more = {}, std::uint16_t port = 0)
      : port_(port), more_(std::move(more)) {
    char name[] = "/tmp/sipstack-redis-XXXXXX";
    folder_ = ::mkdtemp(name);
    start();
  }
  ~Server() {
    stop();
    for (const char* file : {"/s", "/log", "/nodes.conf"}) ::unlink((folder_ + file).c_str());
    ::rmdir(folder_.c_str());
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  std::string path() const { return folder_ + "/s"; }
  std::string url() const { return "redis+unix://" + path(); }
  std::uint16_t port() const noexcept { return port_; }

  /// Another port where somebody has taken ours meanwhile.
  void start() {
    for (int attempt = 0; attempt < 5; ++attempt) {
      spawn();
      // Until it answers: NOAUTH is an answer, too.
      for (int i = 0; i < 500 && pid_ > 0; ++i) {
        if (::waitpid(pid_, nullptr, WNOHANG) != 0) pid_ = 0;  // it has gone
        if (pid_ > 0 && !command({"PING"}).empty()) return;
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
      }
      stop();
      if (port_ != 0) port_ = free_port();
    }
  }
  void signal(int number) const {
    if (pid_ > 0) ::kill(pid_, number);
  }
  void stop() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

  /// One command over a connection of its own; the first bytes of the reply as they came. Empty: none.
  std::string command(const std::vector<std::string>& words) const {
    sockaddr_un a{};
    a.sun_family = AF_UNIX;
    std::memcpy(a.sun_path, path().data(), path().size());
    const int s = ::socket(AF_UNIX, SOCK_STREAM, 0);
    std::string out = "*" + std::to_string(words.size()) + "\r\n";
    for (const std::string& w : words) out += "$" + std::to_string(w.size()) + "\r\n" + w + "\r\n";
    std::string reply;
    std::array<char, 4096> bytes{};
    if (::connect(s, reinterpret_cast<sockaddr*>(&a), sizeof a) == 0 &&
        ::send(s, out.data(), out.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(out.size())) {
      const auto got = ::recv(s, bytes.data(), bytes.size(), 0);
      if (got > 0) reply.assign(bytes.data(), static_cast<std::size_t>(got));
    }
    ::close(s);
    return reply;
  }

 private:
  void spawn() {
    std::vector<std::string> words{"redis-server",
                                   "--port",
                                   std::to_string(port_),
                                   "--bind",
                                   "127.0.0.1",
                                   "--unixsocket",
                                   path(),
                                   "--dir",
                                   folder_,
                                   "--logfile",
                                   folder_ + "/log",
                                   "--save",
                                   "",
                                   "--appendonly",
                                   "no"};
    words.insert(words.end(), more_.begin(), more_.end());
    std::vector<char*> argv;
    for (std::string& w : words) argv.push_back(w.data());
    argv.push_back(nullptr);
    ::unlink(path().c_str());
    if (::posix_spawnp(&pid_, argv[0], nullptr, nullptr, argv.data(), environ) != 0) pid_ = 0;
  }

  std::string folder_;
  std::uint16_t port_ = 0;
  std::vector<std::string> more_;
  pid_t pid_ = 0;
};

}  // namespace redis_test
