// SPDX-License-Identifier: Apache-2.0
// What it costs to read a message and to answer it: for before and after a change.
#include <benchmark/benchmark.h>

#include <string>

#include "sipstack/parser/message.hpp"
#include "sipstack/parser/writer.hpp"

namespace {

using namespace sipstack;

const std::string& invite() {
  static const std::string text =
      "INVITE sip:bob@biloxi.example.com SIP/2.0\r\n"
      "Via: SIP/2.0/TCP client.atlanta.example.com:5060;branch=z9hG4bK74bf9\r\n"
      "Via: SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bK4711;received=192.0.2.7;rport=5062\r\n"
      "Max-Forwards: 70\r\n"
      "From: \"Alice \\\"A.\\\" Liddell\" <sip:alice@atlanta.example.com>;tag=9fxced76sl\r\n"
      "To: Bob <sip:bob@biloxi.example.com>\r\n"
      "Call-ID: 3848276298220188511@atlanta.example.com\r\n"
      "CSeq: 1 INVITE\r\n"
      "Contact: <sip:alice@client.atlanta.example.com;transport=tcp>\r\n"
      "Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE\r\n"
      "Supported: 100rel, timer, replaces\r\n"
      "User-Agent: bench\r\n"
      "Content-Type: application/sdp\r\n"
      "Content-Length: 136\r\n\r\n"
      "v=0\r\no=alice 2890844526 2890844526 IN IP4 192.0.2.101\r\ns=-\r\n"
      "c=IN IP4 192.0.2.101\r\nt=0 0\r\nm=audio 49172 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n";
  return text;
}

void parse_invite(benchmark::State& state) {
  MessageIndex index;
  for (auto _ : state) {
    auto parsed = parse(invite(), index);
    if (!parsed) state.SkipWithError("the message does not parse");
    benchmark::DoNotOptimize(index);
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * invite().size()));
}
BENCHMARK(parse_invite);

void read_every_header(benchmark::State& state) {
  MessageIndex index;
  for (auto _ : state) {
    auto parsed = parse(invite(), index);
    const MessageView m(invite().data(), index);
    if (!parsed || !validate(m)) state.SkipWithError("the message is not valid");
  }
}
BENCHMARK(read_every_header);

void write_response(benchmark::State& state) {
  BlockPool pool;
  MessageIndex index;
  auto parsed = parse(invite(), index);
  if (!parsed) state.SkipWithError("the message does not parse");
  const MessageView request(invite().data(), index);
  const Flow flow;
  for (auto _ : state) {
    ResponseWriter writer(pool, request, flow, 180, "tag");
    auto response = writer.seal();
    if (!response) state.SkipWithError("the response is not written");
    benchmark::DoNotOptimize(response);
  }
}
BENCHMARK(write_response);

}  // namespace
