// SPDX-License-Identifier: Apache-2.0
// Traces of real endpoints: what goes into a file, a ring and to Homer is what went over the wire.
#include "sipstack/endpoint/trace.hpp"
#include "sipstack/parser/peek.hpp"

#include <array>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>

#include <unistd.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/udp.hpp>

#include "catch.hpp"
#include "endpoint/ends.hpp"
#include "sipstack/core/capture.hpp"

using namespace sipstack;
using namespace sipstack::test;

TEST_CASE("a request and its answer are in the file, in the ring, and at Homer") {
  std::string path = "/tmp/sipstack-trace-XXXXXX";
  const int made = ::mkstemp(path.data());
  REQUIRE(made >= 0);
  ::close(made);

  std::optional<PcapFile> file = PcapFile::create(path).value();
  CallTraces traces;
  std::optional<HepSender> hep;
  EndpointOptions options = quick();
  options.on_message = [&](bool sent, std::string_view bytes, const Flow& flow) {
    const TracedMessage message{sent, bytes, flow, wall_time()};
    file->write(message);
    traces.add(message);
    hep->send(message);
  };
  Ends ends(options);
  boost::asio::ip::udp::socket homer(
      ends.io, boost::asio::ip::udp::endpoint(boost::asio::ip::address_v4::loopback(), 0));
  homer.non_blocking(true);
  hep = HepSender::open(ends.io, {*IpAddress::parse("127.0.0.1"), homer.local_endpoint().port()})
            .value();

  RequestOptions request;
  request.target = "sip:bob@127.0.0.1:" + std::to_string(ends.bob_port);
  request.from = "sip:alice@127.0.0.1";
  std::optional<Message> answer;
  ends.alice.async_request("OPTIONS", request,
                           [&](boost::system::error_code, Message m) { answer = std::move(m); });
  REQUIRE(ends.until([&] { return answer.has_value(); }));
  REQUIRE(*answer);
  CHECK(file->good());
  file.reset();

  std::ifstream in(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(in), {}};
  std::remove(path.c_str());
  const Capture capture = read_capture(bytes);
  REQUIRE(capture.messages.size() == 2);
  CHECK(capture.problem.empty());
  CHECK(capture.messages[0].to.port == ends.bob_port);
  CHECK(capture.messages[1].from.port == ends.bob_port);
  CHECK(capture.messages[1].bytes == (*answer)->bytes());
  CHECK(capture.messages[0].at <= capture.messages[1].at);
  CHECK(capture.messages[0].at > std::chrono::hours(24) * 365 * 50);

  const auto ring = traces.of(peek_call_id((*answer)->bytes()));
  REQUIRE(ring.size() == 2);
  CHECK(ring[0].sent);
  CHECK(ring[0].bytes == capture.messages[0].bytes);
  CHECK_FALSE(ring[1].sent);

  std::array<char, 65536> packet{};
  int packets = 0;
  const auto take = [&] {
    boost::system::error_code error;
    const std::size_t size = homer.receive(boost::asio::buffer(packet), 0, error);
    if (error) return false;
    CHECK(std::string(packet.data(), 4) == "HEP3");
    CHECK(std::string(packet.data(), size).find("OPTIONS") != std::string::npos);
    return ++packets == 2;
  };
  REQUIRE(ends.until([&] { return take(); }));
  CHECK(hep->dropped() == 0);
  hep.reset();  // its io_context, which is the ends', must live longer
}

TEST_CASE("a file that cannot be made is an error, and a full disk loses messages alone") {
  const auto nowhere = PcapFile::create("/nonexistent/trace.pcap");
  REQUIRE_FALSE(nowhere);
  CHECK(nowhere.error() == std::errc::no_such_file_or_directory);
  const auto full = PcapFile::create("/dev/full");
  REQUIRE_FALSE(full);
  CHECK(full.error() == std::errc::no_space_on_device);
}

TEST_CASE("Homer has to be an address, and one that is not there costs nothing") {
  boost::asio::io_context io;
  CHECK_FALSE(HepSender::open(io, {}));
  auto sender = HepSender::open(io, {*IpAddress::parse("127.0.0.1"), 9});
  REQUIRE(sender);
  const Flow flow{
      Transport::udp, {*IpAddress::parse("192.0.2.1"), 1}, {*IpAddress::parse("192.0.2.2"), 2}, 0};
  for (int i = 0; i < 100; ++i) sender->send({true, "OPTIONS sip:a SIP/2.0\r\n\r\n", flow, {}});
  CHECK(sender->dropped() == 0);  // what comes back as ICMP is nobody's business
}
