// SPDX-License-Identifier: Apache-2.0
// The writers as a machine: the input is a program of calls with texts. Whatever they are, a message that
// is sealed has the header fields that were set and no others.
#include <cstdlib>
#include <cstring>

#include "sipstack/parser/rewrite.hpp"
#include "sipstack/parser/writer.hpp"

using namespace sipstack;

namespace {

// Takes numbers and texts off the input; empty ones when it is used up.
class Program {
 public:
  explicit Program(std::string_view bytes) : rest_(bytes) {}
  bool done() const { return rest_.empty(); }
  unsigned number() {
    if (rest_.empty()) return 0;
    const auto value = static_cast<unsigned char>(rest_.front());
    rest_.remove_prefix(1);
    return value;
  }
  std::string_view text() {
    std::size_t size = number();
    if (size > rest_.size()) size = rest_.size();
    const std::string_view out = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return out;
  }

 private:
  std::string_view rest_;
};

bool poisoned(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos;
}

void into_buffers(const RequestWriter& out, const Origin& origin, const Message& sealed) {
  static char buffer[65536];
  const std::size_t size = sealed.bytes().size();
  const auto exact = out.write(origin, buffer, size);
  if (!exact || std::string_view(buffer, *exact) != sealed.bytes()) std::abort();
  if (out.write(origin, buffer, size - 1)) std::abort();
}

void request(Program program, BlockPool& pool) {
  const unsigned flags = program.number();
  WriteOptions options;
  options.compact = (flags & 1) != 0;
  if ((flags & 2) != 0) options.order = kProxyFirst;
  const std::string_view method = (flags & 4) != 0 ? program.text() : "MESSAGE";
  const std::string_view uri = (flags & 8) != 0 ? program.text() : "sip:b@h";
  bool poison = poisoned(method) || poisoned(uri);
  RequestWriter out(pool, method, uri, options);
  std::size_t fields = 2;  // Via and Content-Length
  const auto put = [&](std::string_view name, std::string_view value) {
    out.header(name, value);
    poison = poison || poisoned(name) || poisoned(value);
    ++fields;
  };
  put("To", "<sip:b@h>");
  put("From", "<sip:a@h>;tag=1");
  put("Call-ID", "1");
  char cseq[300] = "1 ";
  std::memcpy(cseq + 2, method.data(), method.size());
  put("CSeq", {cseq, method.size() + 2});
  std::string_view body;
  while (!program.done()) {
    switch (program.number() % 6) {
      case 0: {
        const std::string_view name = program.text();
        put(name, program.text());
        break;
      }
      case 1: put("Subject", program.text()); break;
      case 2: {
        const auto id = static_cast<HeaderId>(1 + program.number() % (kHeaderIds - 1));
        put(name(id), program.text());
        break;
      }
      case 3: {
        const std::string_view type = program.text();
        body = program.text();
        out.body(type, body);
        poison = poison || poisoned(type);
        fields += type.empty() ? 0 : 1;
        break;
      }
      case 4: {
        const std::string_view user = program.text();
        const std::string_view params = program.text();
        const std::string_view header_params = program.text();
        out.contact_here(user, params, header_params, program.number() % 2 == 1);
        poison = poison || poisoned(user) || poisoned(params) || poisoned(header_params);
        ++fields;
        break;
      }
      default: out.header(HeaderId::max_forwards, program.number()); ++fields;
    }
  }
  const Origin origin{Transport::udp, "192.0.2.1", "z9hG4bK1"};
  const auto sealed = out.seal(origin);
  if (!sealed) return;
  if (poison) std::abort();
  const MessageView m = sealed->view();
  if (m.header_count() != fields || m.body() != body || m.method_name() != method ||
      m.uri_text() != uri) {
    std::abort();
  }
  into_buffers(out, origin, *sealed);

  // An answer to it, and a proxy's edits, from what is left of the input: texts of the first field.
  Flow source;
  source.remote = SocketAddress::parse("192.0.2.4:5060").value();
  const auto response = ResponseWriter(pool, m, source, 200, "t", {}, options).seal();
  if (!response || response->view().call_id() != m.call_id()) std::abort();
}

void rewrite(Program program, BlockPool& pool) {
  static constexpr std::string_view kMessage =
      "INVITE sip:b@h SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1, SIP/2.0/UDP b\r\n"
      "Route: <sip:r1;lr>,\r\n <sip:r2;lr>\r\nRoute: <sip:r3>\r\nRecord-Route: <sip:x>\r\n"
      "From: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\nX-Own: a, b\r\n"
      "Content-Length: 4\r\n\r\nbody";
  static MessageIndex index;
  if (!parse(kMessage, index)) std::abort();
  const MessageView m(kMessage.data(), index);
  Rewrite edits(m);
  bool poison = false;
  const auto text = [&] {
    const std::string_view out = program.text();
    poison = poison || poisoned(out);
    return out;
  };
  while (!program.done()) {
    const unsigned op = program.number();
    const auto id = static_cast<HeaderId>(1 + program.number() % (kHeaderIds - 1));
    switch (op % 9) {
      case 0: edits.prepend(id, text()); break;
      case 1: edits.append(id, text()); break;
      case 2: edits.replace(id, text()); break;
      case 3: edits.remove(id); break;
      case 4: edits.remove_first(id); break;
      case 5: edits.remove_last(id); break;
      case 6: {
        const std::string_view name = text();
        edits.append(name, text());
        break;
      }
      case 7: edits.remove(program.text()); break;
      default: edits.request_uri(text());
    }
  }
  const auto out = edits.request(pool);
  if (!out) return;
  const auto sealed = out->seal({Transport::udp, "192.0.2.1", "z9hG4bK1"});
  if (!sealed) return;
  // Poison may have been edited away again; what stands there is one message with its body.
  const std::string_view bytes = sealed->bytes();
  if (bytes.substr(bytes.size() - 8) != "\r\n\r\nbody") std::abort();
  static_cast<void>(poison);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  static BlockPool pool;
  if (size == 0) return 0;
  const Program program({reinterpret_cast<const char*>(data) + 1, size - 1});
  if (data[0] % 2 == 0) {
    request(program, pool);
  } else {
    rewrite(program, pool);
  }
  if (pool.live() != 0) std::abort();
  return 0;
}
