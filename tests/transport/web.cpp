// SPDX-License-Identifier: Apache-2.0
// WebSocket: RFC 6455 and RFC 7118, both sides, with hostile peers.
#include "certificates.hpp"
#include "transport/web_frame.hpp"
#include "transport/web_handshake.hpp"

using namespace sipstack;
using namespace sipstack::testing;

namespace {

const std::string kHello =
    "GET / HTTP/1.1\r\nHost: sip-ws.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: http://www.example.com\r\n"
    "Sec-WebSocket-Protocol: sip\r\nSec-WebSocket-Version: 13\r\n\r\n";

std::string but(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

/// A client's frame: masked.
std::string frame(unsigned first, const std::string& payload, std::uint32_t mask = 0x12345678) {
  char head[kWebHead];
  write_web_head(head, WebOpcode::text, payload.size(), true, mask);
  std::string out(head, web_head_size(payload.size(), true));
  out[0] = static_cast<char>(first);
  std::string body = payload;
  web_mask(body.data(), body.size(), mask, 0);
  return out + body;
}
std::string text(const std::string& payload) { return frame(0x81, payload); }

/// The payload of the server's next frame, cut off the front.
std::string take_frame(std::string& bytes, int* opcode = nullptr) {
  if (bytes.size() < 2) return {};
  std::size_t size = static_cast<unsigned char>(bytes[1]);
  std::size_t head = 2;
  if (size == 126) {
    size = static_cast<std::size_t>(static_cast<unsigned char>(bytes[2])) * 256 +
           static_cast<unsigned char>(bytes[3]);
    head = 4;
  }
  if (opcode != nullptr) *opcode = bytes[0] & 0x0F;
  const std::string payload = bytes.substr(head, size);
  bytes.erase(0, head + size);
  return payload;
}

/// A plain WebSocket client, shaken hands with.
struct Browser {
  Browser(Fixture& f, const SocketAddress& ours) : stream(Stream::connect(f.io, ours)) {
    stream.write(kHello);
    REQUIRE(f.until([&] { return stream.got().find("\r\n\r\n") != std::string::npos; }));
    head = stream.got().find("\r\n\r\n") + 4;
  }
  std::string frames() const { return stream.got().substr(head); }
  Stream stream;
  std::size_t head = 0;
};

/// The status of the close frame that ends `f`'s connection, 0 where none comes.
unsigned closes_with(Fixture& f, Browser& browser) {
  if (!f.until([&] { return browser.stream.ended(); })) return 0;
  std::string frames = browser.frames();
  while (!frames.empty()) {
    int opcode = 0;
    const std::string payload = take_frame(frames, &opcode);
    if (opcode == 8 && payload.size() == 2)
      return static_cast<unsigned>(static_cast<unsigned char>(payload[0])) * 256 +
             static_cast<unsigned char>(payload[1]);
  }
  return 0;
}

}  // namespace

TEST_CASE("the handshake of RFC 7118 section 4.1 is answered as it shows") {
  const WebAnswer answer = answer_web_handshake(kHello);
  CHECK(answer.accepted);
  CHECK(
      answer.bytes ==
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: sip\r\n\r\n");
  CHECK(web_accepted(answer.bytes, "dGhlIHNhbXBsZSBub25jZQ=="));
  CHECK_FALSE(web_accepted(answer.bytes, "dGhlIHNhbXBsZSBub25jZR=="));
  CHECK_FALSE(web_accepted(but(answer.bytes, "Protocol: sip", "Protocol: chat"),
                           "dGhlIHNhbXBsZSBub25jZQ=="));
  CHECK_FALSE(web_accepted(but(answer.bytes, "Sec-WebSocket-Protocol: sip\r\n", ""),
                           "dGhlIHNhbXBsZSBub25jZQ=="));
  CHECK_FALSE(web_accepted(but(answer.bytes, "\r\n\r\n", "\r\nSec-WebSocket-Extensions: x\r\n\r\n"),
                           "dGhlIHNhbXBsZSBub25jZQ=="));
  CHECK_FALSE(web_accepted(but(answer.bytes, "101 Switching", "200 Switching"),
                           "dGhlIHNhbXBsZSBub25jZQ=="));
  const std::string own = web_request("example.com", "/", draw_web_key());
  CHECK(answer_web_handshake(own).accepted);
}

TEST_CASE("handshakes that are none are refused with a reason") {
  const auto status = [](const std::string& request) {
    const WebAnswer answer = answer_web_handshake(request);
    CHECK_FALSE(answer.accepted);
    return answer.bytes.substr(9, 3);
  };
  CHECK(status("nonsense\r\n\r\n") == "400");
  CHECK(status(but(kHello, "GET", "POST")) == "405");
  CHECK(status(but(kHello, "HTTP/1.1", "HTTP/1.0")) == "400");
  CHECK(status(but(kHello, "Host: sip-ws.example.com\r\n", "")) == "400");
  CHECK(status(but(kHello, "Upgrade: websocket\r\n", "")) == "426");
  CHECK(status(but(kHello, "Connection: Upgrade", "Connection: close")) == "426");
  CHECK(status(but(kHello, "Version: 13", "Version: 8")) == "426");
  CHECK(status(but(kHello, "dGhlIHNhbXBsZSBub25jZQ==", "c2hvcnQ=")) == "400");
  CHECK(status(but(kHello, "Sec-WebSocket-Protocol: sip\r\n", "")) == "400");
  CHECK(status(but(kHello, "Protocol: sip", "Protocol: xmpp, sips")) == "400");
  CHECK(answer_web_handshake(but(kHello, "Protocol: sip", "Protocol: xmpp, SIP")).accepted);
  CHECK(answer_web_handshake(but(kHello, "Connection: Upgrade", "Connection: keep-alive, upgrade"))
            .accepted);
}

TEST_CASE("a browser's request is delivered, and the answer comes in one frame on its connection") {
  Fixture f;
  const SocketAddress ours = f.listen(Transport::ws);
  Browser browser(f, ours);
  browser.stream.write(text(request("a")));
  REQUIRE(f.until([&] { return f.told.messages.size() == 1; }));
  CHECK(f.told.messages[0].bytes == request("a"));
  const Flow flow = f.told.messages[0].flow;
  CHECK(flow.transport == Transport::ws);
  CHECK(flow.connection != 0);
  f.send(response("a"), flow);
  f.send(response("b", std::string("\xff\xfe", 2)), flow);  // no UTF-8: RFC 7118 section 4.2
  f.send(response("c", std::string(1000, 'x')), flow);
  REQUIRE(f.until([&] { return browser.frames().size() > 1100; }));
  std::string frames = browser.frames();
  int opcode = 0;
  CHECK(take_frame(frames, &opcode) == response("a"));
  CHECK(opcode == 1);
  CHECK(take_frame(frames, &opcode) == response("b", std::string("\xff\xfe", 2)));
  CHECK(opcode == 2);
  CHECK(take_frame(frames, &opcode) == response("c", std::string(1000, 'x')));
  CHECK(frames.empty());
  // Requests to it go by the connection; to its address there is no way (RFC 7118 section 5.3).
  f.send(request("by id"), flow, 1);
  f.send(request("by address"), Fixture::to(Transport::ws, flow.remote), 2);
  REQUIRE(f.until([&] { return f.told.failed.size() == 1; }));
  CHECK(f.told.failed[0].first == 2);
  browser.stream.close();
  REQUIRE(f.until([&] { return f.told.gone.size() == 1; }));
  f.send(response("late"), flow, 3);
  REQUIRE(f.until([&] { return f.told.failed.size() == 2; }));
  CHECK(f.told.failed[1].second == std::errc::not_connected);
}

TEST_CASE("a WebSocket stream cut at every byte gives the same messages") {
  Fixture f;
  const SocketAddress ours = f.listen(Transport::ws);
  const std::string all = kHello + text(request("a")) + frame(0x01, "OPTIONS ") +
                          frame(0x89, "still there?") + frame(0x00, "sip:b SIP") +
                          frame(0x80, "/2.0\r\n\r\n") +
                          frame(0x82, request("c", std::string(200, 'y')));
  for (std::size_t cut = 1; cut < all.size(); cut += 1 + cut % 3) {
    const std::size_t had = f.told.messages.size();
    Stream peer = Stream::connect(f.io, ours);
    peer.write(all.substr(0, cut));
    f.settle();
    peer.write(all.substr(cut));
    REQUIRE(f.until([&] { return f.told.messages.size() == had + 3; }));
    CHECK(f.told.messages[had].bytes == request("a"));
    CHECK(f.told.messages[had + 1].bytes == "OPTIONS sip:b SIP/2.0\r\n\r\n");
    CHECK(f.told.messages[had + 2].bytes == request("c", std::string(200, 'y')));
    f.told.messages.clear();
  }
  CHECK(f.transports->counters().stream_errors == 0);
}

TEST_CASE("pings are answered: frames by frames, and CRLFs by CRLFs") {
  Fixture f;
  Browser browser(f, f.listen(Transport::ws));
  browser.stream.write(frame(0x89, "there?") + text("\r\n\r\n"));
  REQUIRE(f.until([&] { return browser.frames().size() >= 12; }));
  std::string frames = browser.frames();
  int opcode = 0;
  CHECK(take_frame(frames, &opcode) == "there?");
  CHECK(opcode == 10);
  CHECK(take_frame(frames, &opcode) == "\r\n");
  CHECK(opcode == 1);
  CHECK(f.told.messages.empty());
}

TEST_CASE("A38: lengths that are too large are refused before anything is added to them") {
  const auto length = [](std::uint64_t size, bool seven) {
    std::string out("\x81\xff", 2);
    if (!seven) {
      out[1] = static_cast<char>(0xFE);
      out += static_cast<char>(size >> 8);
      out += static_cast<char>(size & 0xFF);
    } else {
      for (int i = 7; i >= 0; --i) out += static_cast<char>(size >> (8 * i) & 0xFF);
    }
    return out;
  };
  constexpr std::uint64_t k2p63 = std::uint64_t{1} << 63;
  for (const std::uint64_t size :
       {std::uint64_t{65536}, std::uint64_t{1} << 31, k2p63, UINT64_MAX, UINT64_MAX - 3}) {
    CAPTURE(size);
    Fixture f;
    Browser browser(f, f.listen(Transport::ws));
    // Within a message that has begun, too: the sum must not wrap.
    browser.stream.write(size % 2 == 0
                             ? length(size, true)
                             : frame(0x01, "OPTIONS ") + "\x80" + length(size, true).substr(1));
    CHECK(closes_with(f, browser) == 1009);
    CHECK(f.told.messages.empty());
    CHECK(f.told.gone.size() == 1);
    CHECK(f.pool.held() < 300000);
  }
  for (const std::size_t size : {0U, 125U, 126U, 127U, 65535U}) {
    CAPTURE(size);
    Fixture f;
    Browser browser(f, f.listen(Transport::ws));
    browser.stream.write(text(std::string(size, 'x')) + text("end"));
    REQUIRE(
        f.until([&] { return !f.told.messages.empty() && f.told.messages.back().bytes == "end"; }));
    CHECK(f.told.messages.size() == (size == 0 ? 1 : 2));  // nothing is no message
    if (size > 0) CHECK(f.told.messages[0].bytes.size() == size);
  }
  // Parts that are each small and together too large.
  Fixture f;
  Browser browser(f, f.listen(Transport::ws));
  std::string parts = frame(0x01, std::string(60000, 'x'));
  parts += frame(0x00, std::string(5535, 'x'));
  browser.stream.write(parts);
  f.settle();
  CHECK_FALSE(browser.stream.ended());
  browser.stream.write(frame(0x80, "x"));
  CHECK(closes_with(f, browser) == 1009);
}

TEST_CASE("frames that no client may send end the connection with the status for it") {
  const std::string unmasked("\x81\x01x", 3);
  struct Case {
    std::string bytes;
    unsigned status;
  };
  for (const Case& c :
       {Case{unmasked, 1002}, Case{frame(0xC1, "x"), 1002}, Case{frame(0x83, "x"), 1002},
        Case{frame(0x8B, "x"), 1002}, Case{frame(0x80, "no beginning"), 1002},
        Case{frame(0x01, "a") + frame(0x81, "b"), 1002}, Case{frame(0x09, "ping in parts"), 1002},
        Case{frame(0x89, std::string(126, 'x')), 1002}, Case{text("\xc3\x28"), 1007},
        Case{text("\xed\xa0\x80"), 1007}, Case{frame(0x01, "\xe2\x82") + frame(0x80, "\x28"), 1007},
        Case{frame(0x88, "x"), 1002}, Case{frame(0x88, std::string("\x03\xed", 2)), 1002}}) {
    CAPTURE(c.bytes);
    Fixture f;
    Browser browser(f, f.listen(Transport::ws));
    browser.stream.write(c.bytes);
    CHECK(closes_with(f, browser) == c.status);
    CHECK(f.told.messages.empty());
    REQUIRE(f.told.gone.size() == 1);
    CHECK(f.told.gone[0].second == std::errc::bad_message);
  }
  // A goodbye is returned, and is no error.
  Fixture f;
  Browser browser(f, f.listen(Transport::ws));
  browser.stream.write(frame(0x88, std::string("\x03\xe8", 2) + "bye"));
  CHECK(closes_with(f, browser) == 1000);
  REQUIRE(f.told.gone.size() == 1);
  CHECK_FALSE(f.told.gone[0].second);
}

TEST_CASE("a WebSocket handshake must be over in time and within its limit") {
  TransportOptions options;
  options.handshake = 60ms;
  Fixture f(options);
  const SocketAddress ours = f.listen(Transport::ws);
  Stream slow = Stream::connect(f.io, ours);
  slow.write("GET / HTTP/1.1\r\nX: ");
  REQUIRE(f.until([&] {
    boost::system::error_code ignored;
    if (!slow.ended()) slow.socket().write_some(asio::buffer("x", 1), ignored);
    return slow.ended();
  }));
  Stream large = Stream::connect(f.io, ours);
  large.write("GET / HTTP/1.1\r\nX: " + std::string(kWebHandshake, 'x'));
  REQUIRE(f.until([&] { return large.ended(); }));
  Stream wrong = Stream::connect(f.io, ours);
  wrong.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  REQUIRE(f.until([&] { return wrong.ended(); }));
  CHECK(wrong.got().substr(0, 12) == "HTTP/1.1 426");
  CHECK(f.transports->counters().handshake_failed == 3);
  CHECK(f.told.gone.empty());
}

TEST_CASE("a message in many small parts must be whole in time") {
  TransportOptions options;
  options.message = 60ms;
  Fixture f(options);
  Browser browser(f, f.listen(Transport::ws));
  browser.stream.write(text(request("a")) + frame(0x01, "OPTIONS"));
  REQUIRE(f.until([&] {
    boost::system::error_code ignored;
    const std::string more = frame(0x00, "x") + frame(0x8A, "") + frame(0x89, "");
    if (!browser.stream.ended()) browser.stream.socket().write_some(asio::buffer(more), ignored);
    return browser.stream.ended();
  }));
  CHECK(f.told.messages.size() == 1);
  CHECK(f.told.gone.at(0).second == std::errc::timed_out);
}

TEST_CASE("our own client speaks to our own server, with TLS below and without") {
  Trust trust;
  for (const Transport transport : {Transport::ws, Transport::wss}) {
    CAPTURE(uri_name(transport));
    Fixture server(with_tls(trust.server("DNS:example.com")));
    Fixture client(with_tls(trust.client()));
    const SocketAddress ours = server.listen(transport);
    const auto until = [&](auto done) {
      return server.until([&] {
        client.settle();
        return done();
      });
    };
    server.told.on_message = [&](const Told& m) {
      server.send(response("r", std::string(10000, 'y')), m.flow);
    };
    Flow flow = Fixture::to(transport, ours);
    flow.identity = client.transports->identity("example.com");
    for (int i = 0; i < 5; ++i) client.send(request("a", std::string(9000, 'x')), flow, 1);
    REQUIRE(until([&] { return client.told.messages.size() == 5; }));
    REQUIRE(server.told.messages.size() == 5);
    for (const Told& m : server.told.messages)
      CHECK(m.bytes == request("a", std::string(9000, 'x')));
    for (const Told& m : client.told.messages)
      CHECK(m.bytes == response("r", std::string(10000, 'y')));
    CHECK(server.transports->counters().accepted == 1);
    CHECK(client.told.failed.empty());
    client.transports->close();  // with a close frame
    REQUIRE(until([&] { return server.told.gone.size() == 1; }));
    CHECK_FALSE(server.told.gone[0].second);
  }
}

TEST_CASE("a server that is no WebSocket server fails the send") {
  Fixture f;
  Server plain(f.io);
  f.send(request("a"), Fixture::to(Transport::ws, plain.where()), 1);
  REQUIRE(f.until([&] {
    return plain.streams().size() == 1 &&
           plain.streams()[0].got().find("\r\n\r\n") != std::string::npos;
  }));
  CHECK(plain.streams()[0].got().find("OPTIONS") == std::string::npos);
  plain.streams()[0].write("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
  REQUIRE(f.until([&] { return f.told.failed.size() == 1; }));
  CHECK(f.told.failed[0].second == std::errc::protocol_error);
}

TEST_CASE("a browser that answers pings stays, one that does not is gone") {
  TransportOptions options;
  options.web_ping = 30ms;
  options.pong_timeout = 40ms;
  options.idle = 10s;
  Fixture f(options);
  const SocketAddress ours = f.listen(Transport::ws);
  Browser good(f, ours);
  Browser dead(f, ours);
  good.stream.write(text(request("a")));
  dead.stream.write(text(request("a")));
  std::size_t answered = 0;
  REQUIRE(f.until([&] {
    std::string frames = good.frames();
    std::size_t pings = 0;
    while (!frames.empty()) {
      int opcode = 0;
      take_frame(frames, &opcode);
      if (opcode == 9) ++pings;
    }
    for (; answered < pings; ++answered) good.stream.write(frame(0x8A, ""));
    return dead.stream.ended() && answered > 3;
  }));
  CHECK_FALSE(good.stream.ended());
  REQUIRE(f.told.gone.size() == 1);
  CHECK(f.told.gone[0].second == std::errc::timed_out);
}
