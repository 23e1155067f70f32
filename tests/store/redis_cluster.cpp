// SPDX-License-Identifier: Apache-2.0
// Redis Cluster, a real one of three; and servers that say what no Redis would.
#include <algorithm>
#include <atomic>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <poll.h>

#include "catch.hpp"
#include "location_model.hpp"
#include "redis_server.hpp"
#include "sipstack/store/redis_location.hpp"
#include "store/redis_address.hpp"

using namespace sipstack;
using redis_test::Server;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

const TimePoint kBegin = TimePoint(seconds(1000));

std::unique_ptr<RedisLocation> cluster_store(const std::string& url,
                                             const RedisLocationOptions& options = {}) {
  auto store = RedisLocation::open(url, options);
  REQUIRE(store);
  return *std::move(store);
}

LocationResult bind_one(RedisLocation& store, const std::string& aor, std::uint32_t cseq) {
  BindingUpdate u;
  u.aor = aor;
  u.call_id = "c";
  u.cseq = cseq;
  Binding b;
  b.contact = "sip:x@h";
  b.call_id = "c";
  b.cseq = cseq;
  b.expires = kBegin + seconds(60);
  u.set.push_back(b);
  return testing_store::update(store, std::move(u), kBegin);
}

bool has_one(RedisLocation& store, const std::string& aor) {
  const auto found = testing_store::find(store, aor, kBegin);
  return found && found->size() == 1;
}

bool before_long(const std::function<bool()>& fact) {
  for (int i = 0; i < 2000; ++i) {
    if (fact()) return true;
    std::this_thread::sleep_for(milliseconds(5));
  }
  return false;
}

/// Three masters, a third of the slots each.
struct Cluster {
  Cluster() {
    for (std::size_t i = 0; i < 3; ++i)
      nodes.push_back(std::make_unique<Server>(
          std::vector<std::string>{"--cluster-enabled", "yes", "--cluster-node-timeout", "1000",
                                   "--cluster-require-full-coverage", "no"},
          redis_test::free_port()));
    for (std::size_t i = 0; i < 3; ++i) {
      std::vector<std::string> slots{"CLUSTER", "ADDSLOTS"};
      for (std::size_t s = 0; s < store::kRedisSlots; ++s)
        if (owner(s) == i) slots.push_back(std::to_string(s));
      CHECK(nodes[i]->command(slots) == "+OK\r\n");
      CHECK(nodes[i]->command({"CLUSTER", "SET-CONFIG-EPOCH", std::to_string(i + 1)}) == "+OK\r\n");
      ids.push_back(nodes[i]->command({"CLUSTER", "MYID"}).substr(5, 40));
    }
    for (std::size_t i = 1; i < 3; ++i)
      nodes[i]->command({"CLUSTER", "MEET", "127.0.0.1", std::to_string(nodes[0]->port())});
    for (const auto& node : nodes)
      REQUIRE(before_long([&] {
        const std::string info = node->command({"CLUSTER", "INFO"});
        return info.find("cluster_state:ok") != std::string::npos &&
               info.find("cluster_size:3") != std::string::npos;
      }));
  }
  static std::size_t owner(std::size_t slot) { return slot * 3 / store::kRedisSlots; }
  std::string url(std::size_t node) const {
    return "redis://127.0.0.1:" + std::to_string(nodes[node]->port());
  }

  std::vector<std::unique_ptr<Server>> nodes;
  std::vector<std::string> ids;
};

/// Accepts one connection after another; greets as Redis does, and then says `line` to everything.
class Liar {
 public:
  explicit Liar(std::string line) : line_(std::move(line)) {
    sockaddr_in a{};
    a.sin_family = AF_INET;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof a;
    listening_ = ::socket(AF_INET, SOCK_STREAM, 0);
    REQUIRE(::bind(listening_, reinterpret_cast<sockaddr*>(&a), sizeof a) == 0);
    REQUIRE(::listen(listening_, 8) == 0);
    ::getsockname(listening_, reinterpret_cast<sockaddr*>(&a), &size);
    port_ = ntohs(a.sin_port);
    const auto here = line_.find("PORT");
    if (here != std::string::npos) line_.replace(here, 4, std::to_string(port_));
    thread_ = std::thread([this] { run(); });
  }
  ~Liar() {
    stopping_ = true;
    thread_.join();
    ::close(listening_);
  }
  std::string url() const { return "redis://127.0.0.1:" + std::to_string(port_); }

 private:
  void run() {
    std::vector<pollfd> all{{listening_, POLLIN, 0}};
    while (!stopping_) {
      if (::poll(all.data(), static_cast<nfds_t>(all.size()), 5) <= 0) continue;
      for (std::size_t i = all.size(); i-- > 1;) {
        if (all[i].revents != 0 && !answer(all[i].fd)) {
          ::close(all[i].fd);
          all.erase(all.begin() + static_cast<std::ptrdiff_t>(i));
        }
      }
      if (all[0].revents != 0) all.push_back({::accept(listening_, nullptr, nullptr), POLLIN, 0});
    }
    for (std::size_t i = 1; i < all.size(); ++i) ::close(all[i].fd);
  }
  bool answer(int s) const {
    std::array<char, 65536> bytes{};
    const auto got = ::recv(s, bytes.data(), bytes.size(), 0);
    if (got <= 0) return false;
    const std::string text(bytes.data(), static_cast<std::size_t>(got));
    std::string out;
    // One answer a command: an array's head begins a line.
    for (std::size_t at = 0; (at = text.find("\r\n$", at)) != std::string::npos; ++at) {
      if (text.compare(at + 2, 7, "$6\r\nSCR") == 0) out += "$4\r\nsha1\r\n";
      if (text.compare(at + 2, 8, "$4\r\nPING") == 0) out += "+PONG\r\n";
      if (text.compare(at + 2, 7, "$8\r\nGET") == 0) out += line_;
    }
    return ::send(s, out.data(), out.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(out.size());
  }

  std::string line_;
  int listening_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace

TEST_CASE("a cluster's nodes are found by what they say", "[redis][cluster]") {
  if (!redis_test::is_installed()) {
    WARN("skipped: redis-server is not installed");
    return;
  }
  Cluster cluster;
  RedisLocationOptions options;
  options.max_retry = milliseconds(100);
  const auto store = cluster_store(cluster.url(0), options);
  std::vector<std::vector<std::string>> aors(3);  // by who has them
  for (int i = 0; i < 60; ++i) {
    const std::string aor = "sip:user" + std::to_string(i) + "@d";
    aors[Cluster::owner(store::redis_slot(aor))].push_back(aor);
    CHECK(bind_one(*store, aor, 1));
    CHECK(has_one(*store, aor));
  }
  for (const auto& some : aors) REQUIRE(some.size() > 5);
  CHECK(store->counters().connected == 3);
  // Each slot was asked for in the wrong place once at most.
  CHECK(store->counters().redirected == aors[1].size() + aors[2].size());
  CHECK(store->counters().unavailable == 0);
  for (std::size_t i = 0; i < 3; ++i)
    CHECK(cluster.nodes[i]->command({"DBSIZE"}) == ":" + std::to_string(aors[i].size()) + "\r\n");

  {  // while a slot moves, and when it has
    const std::string& aor = aors[1].front();
    const std::string slot = std::to_string(store::redis_slot(aor));
    const std::string key = "sipstack:aor:{" + aor + "}";
    cluster.nodes[2]->command({"CLUSTER", "SETSLOT", slot, "IMPORTING", cluster.ids[1]});
    cluster.nodes[1]->command({"CLUSTER", "SETSLOT", slot, "MIGRATING", cluster.ids[2]});
    CHECK(bind_one(*store, aor, 2));  // the key is where it was
    cluster.nodes[1]->command(
        {"MIGRATE", "127.0.0.1", std::to_string(cluster.nodes[2]->port()), key, "0", "1000"});
    const auto before = store->counters().redirected;
    CHECK(has_one(*store, aor));
    CHECK(bind_one(*store, aor, 3));
    CHECK(store->counters().redirected == before + 3);  // ASK says nothing of the next time
    for (const std::size_t i : {2U, 1U, 0U})
      cluster.nodes[i]->command({"CLUSTER", "SETSLOT", slot, "NODE", cluster.ids[2]});
    CHECK(has_one(*store, aor));
    CHECK(bind_one(*store, aor, 4));
    CHECK(store->counters().redirected == before + 4);
    CHECK(store->counters().asks == 3);
    CHECK(store->counters().unavailable == 0);
  }
  {  // a node that dies takes its own slots with it alone
    aors[1].erase(aors[1].begin());
    cluster.nodes[1]->stop();
    CHECK(before_long([&] { return !has_one(*store, aors[1].front()); }));
    for (const std::size_t i : {0U, 2U})
      for (const std::string& aor : aors[i]) CHECK(has_one(*store, aor));
    // Even where it is the one that the URL names.
    const auto other = cluster_store(cluster.url(2), options);
    for (const std::size_t i : {0U, 2U})
      for (const std::string& aor : aors[i]) CHECK(has_one(*other, aor));
    cluster.nodes[2]->stop();
    CHECK(before_long([&] { return has_one(*other, aors[0].front()); }));
    CHECK_FALSE(has_one(*other, aors[2].front()));
  }
}

TEST_CASE("what no Redis would say does no harm", "[redis][cluster]") {
  struct Case {
    const char* line;
    bool stays;  ///< the connection
  };
  for (const Case& c :
       {Case{"-MOVED 1 127.0.0.1:PORT\r\n", true}, Case{"-ASK 1 :PORT\r\n", false},
        Case{"-MOVED\r\n", true}, Case{"-MOVED 1 h:0\r\n", true}, Case{"-CLUSTERDOWN no\r\n", true},
        Case{"-LOADING soon\r\n", false}, Case{"-TRYAGAIN\r\n", true}, Case{"-\x01\r\n", true},
        Case{":1\r\n", false}, Case{"*1\r\n:1\r\n", false}, Case{"*2147483647\r\n", false},
        Case{"$-7\r\n", false}, Case{"what?\r\n", false}, Case{"+OK\r\n+OK\r\n", false},
        Case{"$999999999\r\nx", false}}) {
    CAPTURE(c.line);
    Liar liar(c.line);
    RedisLocationOptions options;
    options.timeout = milliseconds(c.stays ? 500 : 60);
    options.max_retry = milliseconds(50);
    const auto store = cluster_store(liar.url(), options);
    for (std::uint32_t i = 1; i <= 3; ++i) {
      const bool damaged = std::string(c.line).substr(0, 3) == "+OK";  // which an update mends
      const auto found = testing_store::find(*store, "sip:a@d", kBegin);
      CHECK((damaged || !found));
    }
    if (c.stays) CHECK(store->counters().connects == 1);
    CHECK(store->counters().pending == 0);
  }
}
