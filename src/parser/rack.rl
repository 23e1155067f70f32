// SPDX-License-Identifier: Apache-2.0
// The RAck grammar. RFC 3262 section 10.
#include "parser/scan.hpp"

namespace sipstack {
namespace {

constexpr std::uint32_t kLargest32 = 0xffffffff;
constexpr std::uint32_t kLargest31 = 0x7fffffff;

}  // namespace

%%{
  machine rack;
  alphtype unsigned char;
  getkey static_cast<unsigned char>(*p);
  include grammar "grammar.rl";

  action mark { mark = p; }
  action rseq { rseq = scan::text(mark, p); }
  action number { digits = scan::text(mark, p); }
  action method { out.cseq.method_name = scan::text(mark, p); }

  #   RAck          =  "RAck" HCOLON response-num LWS CSeq-num LWS Method
  main := SWS digit+ >mark %rseq LWS digit+ >mark %number LWS token >mark %method SWS;
}%%

%% write data noerror noentry;

ParseErrc parse_value(const char*& cursor, const char* end, RAck& out) noexcept {
  const char* p = cursor;
  const char* const pe = end;
  const char* const eof = end;
  int cs = rack_start;
  const char* mark = nullptr;
  std::string_view rseq;
  std::string_view digits;
  out = RAck{};

  %% write exec;

  cursor = p;
  if (cs < rack_first_final) return ParseErrc::bad_header;
  out.cseq.method = method_from(out.cseq.method_name);
  if (!scan::number(rseq, kLargest32, out.rseq)) {
    cursor = rseq.data();
    return ParseErrc::out_of_range;
  }
  if (!scan::number(digits, kLargest31, out.cseq.number)) {
    cursor = digits.data();
    return ParseErrc::out_of_range;
  }
  return ParseErrc::ok;
}

}  // namespace sipstack
