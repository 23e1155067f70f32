// SPDX-License-Identifier: Apache-2.0
// A proxy, a caller and callees that are registered at it.
#pragma once

#include "server/harness.hpp"
#include "sipstack/server/users.hpp"

namespace sipstack::testing_server {

inline const Peer kCaller{"caller", "198.51.100.1", 5060};
inline const Peer kBob{"bob", "198.51.100.2", 5060};
inline const Peer kBen{"ben", "198.51.100.3", 5060};
inline const Peer kBill{"bill", "198.51.100.4", 5060};
inline const Peer kStranger{"stranger", "203.0.113.66", 5060};
inline const Peer kTcpPhone{"tess", "198.51.100.5", 41234, Transport::tcp};

struct ProxyFixture : Server {
  using Server::Server;

  /// Binds contacts ("<sip:...>;q=0.5") to sip:USER@example.org.
  void bind(const std::string& user, const Lines& contacts, const Peer& by = kCaller,
            const Lines& more = {}) {
    Lines lines = {"From: <sip:" + user + "@example.org>;tag=f",
                   "To: <sip:" + user + "@example.org>", "Call-ID: reg-" + user,
                   "CSeq: " + std::to_string(++number) + " REGISTER"};
    for (const auto& c : contacts) lines.push_back("Contact: " + c);
    lines.insert(lines.end(), more.begin(), more.end());
    send(by, request(by, "REGISTER", "sip:example.org", "reg" + std::to_string(number), lines));
    REQUIRE(take(by)->status() == 200);
  }

  /// The header lines of a request out of any dialog.
  static Lines lines(const std::string& method, const std::string& uri, const Lines& more = {}) {
    Lines all = {"From: \"The Caller\" <sip:caller@elsewhere.example>;tag=cf", "To: <" + uri + ">",
                 "Call-ID: call-1", "CSeq: 7 " + method};
    if (method == "INVITE") all.push_back("Contact: " + kCaller.contact());
    bool hops = false;
    for (const auto& line : more) hops = hops || line.rfind("Max-Forwards", 0) == 0;
    if (!hops) all.push_back("Max-Forwards: 70");
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  /// Sends a new request by `from`, as a transaction of its own.
  std::string ask(const std::string& method, const std::string& uri = "sip:bob@example.org",
                  const Lines& more = {}, const Peer& from = kCaller) {
    const std::string bytes =
        request(from, method, uri, "c" + std::to_string(++number), lines(method, uri, more));
    send(from, bytes);
    return bytes;
  }
  /// The CANCEL, or the ACK of a non-2xx, for an INVITE that was sent.
  static std::string companion(std::string invite, const std::string& method,
                               const std::string& to_tag = {}) {
    for (std::size_t at = 0; (at = invite.find("INVITE", at)) != std::string::npos;
         at += method.size())
      invite.replace(at, 6, method);
    if (!to_tag.empty()) {
      const auto to = invite.find("\r\nTo: ");
      invite.insert(invite.find("\r\n", to + 2), ";tag=" + to_tag);
    }
    return invite;
  }
  /// A request of the caller inside the dialog of a 2xx.
  std::string in_dialog(const std::string& method, const Seen& ok, int cseq,
                        const std::string& target, bool with_route = true) {
    Lines all = {"From: \"The Caller\" <sip:caller@elsewhere.example>;tag=cf",
                 "To: " + ok.raw(HeaderId::to), "Call-ID: call-1",
                 "CSeq: " + std::to_string(cseq) + " " + method, "Max-Forwards: 70"};
    if (with_route)
      for (const auto& line : reversed(ok)) all.push_back("Route: " + line);
    return request(kCaller, method, target, "d" + std::to_string(++number), all);
  }
  static Lines reversed(const Seen& m) {
    Lines route;
    for (const auto& value : m.message->all(hdr::record_route)) {
      REQUIRE(value);
      route.insert(route.begin(), std::string(value->text));
    }
    return route;
  }

  int number = 0;
};

inline ServerOptions with_users(std::string_view users = "alice:secret\nmallory:other\n") {
  ServerOptions o = Server::with_domain();
  o.users = parse_users(users, "example.org")->lookup();
  return o;
}

/// A caller who knows how to answer a challenge.
struct Challenged : ProxyFixture {
  explicit Challenged(const ServerOptions& o = with_users()) : ProxyFixture(o) {}

  std::string from = "<sip:alice@example.org>;tag=af";
  DigestClient client{{{"alice", "secret", "example.org"}}};
  int cseq = 0;

  void say(const std::string& method, const std::string& uri, bool answer = false) {
    RequestWriter w(kept, method, uri);
    w.header(HeaderId::max_forwards, 70);
    w.header(HeaderId::from, from);
    w.header(HeaderId::to, "<" + uri + ">");
    w.header(HeaderId::call_id, "auth-1");
    w.header(HeaderId::cseq, std::to_string(++cseq) + " " + method);
    if (answer) client.authorize(w, method, uri, {}, random);
    const std::string branch = "z9hG4bKu" + std::to_string(++number);
    const std::string at = kCaller.at();
    const auto m = w.seal({Transport::udp, at, branch});
    REQUIRE(m);
    send(kCaller, std::string(m->bytes()));
  }
};

inline std::string branch_of(const Seen& m) { return std::string(m->branch()); }
inline int vias(const Seen& m) { return m->head().vias; }

}  // namespace sipstack::testing_server
