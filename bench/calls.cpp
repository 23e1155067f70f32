// SPDX-License-Identifier: Apache-2.0
// Calls that stand, by the hundred thousand: what each holds of memory once its transactions have ended, and
// whether a call costs more beside them. Bytes in, bytes out, virtual time.
#include <fmt/format.h>
#include <malloc.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <deque>
#include <string>
#include <string_view>
#include <system_error>
#include <variant>

#include "sipstack/core/core.hpp"

namespace {

using namespace sipstack;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::string_view kSdp =
    "v=0\r\no=- 1 1 IN IP4 192.0.2.2\r\ns=-\r\nc=IN IP4 192.0.2.2\r\nt=0 0\r\n"
    "m=audio 40000 RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n";

/// A callee and its callers, in one thread.
class Callee {
 public:
  Callee() : random_(1), core_(options(), random_) {
    core_.locals().add({Transport::udp, here_, here_.to_string()});
  }

  /// INVITE, 180, 200, ACK.
  void open(std::uint64_t n) {
    core_.receive(request("INVITE", n, 1, ""), flow_, now_);
    UserEvent event;
    while (core_.next(event))
      if (const auto* call = std::get_if<CallArrived>(&event)) {
        check(core_.user_agent().ring(call->call, 180, now_));
        check(core_.user_agent().accept(call->call, kSdp, now_));
      }
    const std::string tag = last_to_tag();
    core_.receive(request("ACK", n, 1, tag), flow_, now_);
    drain();
    tags_.push_back(tag);
  }
  /// BYE and its 200 of the oldest.
  void close() {
    core_.receive(request("BYE", closed_++, 2, tags_.front()), flow_, now_);
    tags_.pop_front();
    drain();
  }
  void pass(Duration time) {
    for (const TimePoint end = now_ + time; now_ < end;) {
      now_ = std::min(end, std::max(core_.deadline(), now_ + milliseconds(1)));
      core_.expire(now_);
      drain();
    }
  }
  std::size_t calls() { return core_.user_agent().calls(); }

 private:
  static CoreOptions options() {
    CoreOptions out;
    out.sources.max_sources = 0;  // all comes from one
    out.user_agent.max_dialogs = 2000000;
    out.transactions.max_lingering = std::size_t{1} << 22;
    out.pool_bytes = std::size_t{8} << 30;
    return out;
  }
  static void check(std::error_code error) {
    if (error) throw std::system_error(error);
  }
  static std::string request(std::string_view method, std::uint64_t n, int cseq,
                             std::string_view tag) {
    const bool invite = method == "INVITE";
    return fmt::format(
        "{0} sip:bob@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bK{0}{1}\r\n"
        "Max-Forwards: 70\r\nFrom: \"Caller {1}\" <sip:caller-{1}@example.com>;tag=caller-{1}\r\n"
        "To: <sip:bob@192.0.2.1>{2}{3}\r\nCall-ID: call-{1}-0123456789abcdef@192.0.2.2\r\nCSeq: "
        "{4} {0}\r\n"
        "Contact: <sip:caller-{1}@192.0.2.2:5060>\r\n{5}Content-Length: {6}\r\n\r\n{7}",
        method, n, tag.empty() ? "" : ";tag=", tag, cseq,
        invite ? "Content-Type: application/sdp\r\n" : "", invite ? kSdp.size() : 0,
        invite ? kSdp : "");
  }
  std::string last_to_tag() {
    Transmit out;
    std::string tag;
    while (core_.next(out)) tag = out.message->to_tag();
    return tag;
  }
  void drain() {
    UserEvent event;
    while (core_.next(event)) {
    }
    Transmit out;
    while (core_.next(out)) {
    }
  }

  const SocketAddress here_ = SocketAddress::parse("192.0.2.1:5060").value();
  const Flow flow_{Transport::udp, here_, SocketAddress::parse("192.0.2.2:5060").value(), 0};
  SeededRandom random_;
  Core core_;
  TimePoint now_{};
  std::deque<std::string> tags_;
  std::uint64_t closed_ = 0;
};

double cpu_seconds() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

}  // namespace

int main() {
  Callee callee;
  std::uint64_t next = 0;
  // What grows once and stays: pools, tables, and transactions that linger.
  for (; next < 20000; ++next) callee.open(next);
  callee.pass(seconds(40));

  double first = 0;
  for (const std::size_t open : {20000U, 200000U, 1000000U}) {
    const std::size_t before = mallinfo2().uordblks;
    const std::size_t began = callee.calls();
    for (std::size_t i = began; i < open; ++i) {
      callee.open(next++);
      if (next % 10000 == 0) callee.pass(seconds(1));
    }
    callee.pass(seconds(40));
    const double grown = static_cast<double>(mallinfo2().uordblks - before);
    constexpr int kMore = 20000;
    const double start = cpu_seconds();
    for (int i = 0; i < kMore; ++i) {
      callee.open(next++);
      callee.close();
    }
    const double each = (cpu_seconds() - start) / kMore * 1e6;
    callee.pass(seconds(40));
    if (first == 0) first = each;
    fmt::print("{:8} open: {:5.2f} us a call", callee.calls(), each);
    if (open > began) fmt::print(", {:4.0f} bytes each", grown / static_cast<double>(open - began));
    fmt::print(", {:.2f} of the first\n", each / first);
  }
  if (callee.calls() != 1000000) return 1;
}
