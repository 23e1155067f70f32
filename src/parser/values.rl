// SPDX-License-Identifier: Apache-2.0
// The grammars of small values: CSeq, RAck, numbers, tokens, media types, Call-IDs with parameters.
// RFC 3261 section 25.1, RFC 3262 section 10, RFC 3891 section 6.1.
#include "parser/scan.hpp"

namespace sipstack {
namespace {

constexpr std::uint32_t kLargest32 = 0xffffffff;
constexpr std::uint32_t kLargest31 = 0x7fffffff;

//   comment  =  LPAREN *(ctext / quoted-pair / comment) RPAREN
// Nesting is no matter for a state machine: counted here, at most 8 deep. Returns the byte behind the
// last ")", or null.
const char* comment_end(const char* p, const char* end) noexcept {
  int depth = 0;
  for (; p != end; ++p) {
    if (*p == '\\') {
      if (++p == end) return nullptr;
    } else if (*p == '(') {
      if (++depth > 8) return nullptr;
    } else if (*p == ')') {
      if (--depth == 0) return p + 1;
    }
  }
  return nullptr;
}

}  // namespace

%%{
  machine cseq;
  alphtype unsigned char;
  getkey static_cast<unsigned char>(*p);
  include grammar "grammar.rl";

  action mark { mark = p; }
  action number { digits = scan::text(mark, p); }
  action method { out.method_name = scan::text(mark, p); }

  #   CSeq  =  "CSeq" HCOLON 1*DIGIT LWS Method
  main := SWS digit+ >mark %number LWS token >mark %method SWS;
}%%

%% write data noerror noentry;

ParseErrc scan::cseq(const char*& cursor, const char* end, CSeq& out) noexcept {
  const char* p = cursor;
  const char* const pe = end;
  const char* const eof = end;
  int cs = cseq_start;
  const char* mark = nullptr;
  std::string_view digits;
  out = CSeq{};

  %% write exec;

  cursor = p;
  if (cs < cseq_first_final) return ParseErrc::bad_header;
  out.method = method_from(out.method_name);
  // RFC 3261 section 8.1.1.5: less than 2**31.
  if (number(digits, kLargest31, out.number)) return ParseErrc::ok;
  cursor = digits.data();
  return ParseErrc::out_of_range;
}

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

%%{
  machine media_type;
  alphtype unsigned char;
  getkey static_cast<unsigned char>(*p);
  include grammar "grammar.rl";

  action mark { mark = p; }
  action type { out.type = scan::text(mark, p); }
  action subtype { out.subtype = scan::text(mark, p); }
  action params { if (list == nullptr) list = p; ++params; }
  action comma { fhold; fbreak; }

  #   media-type    =  m-type SLASH m-subtype *(SEMI m-parameter)
  #   media-range   =  ( "*/*" / ( m-type SLASH "*" ) / ( m-type SLASH m-subtype ) )
  #                    *( SEMI m-parameter )
  #   m-parameter   =  m-attribute EQUAL m-value
  #   m-value       =  token / quoted-string
  #   accept-param  =  ("q" EQUAL qvalue) / generic-param
  # Boundaries with "=" or "?" in front are written without quotes by many, against RFC 2045
  # section 5.1.
  m_value = ( gen_char | [=/?] )+ | quoted_string;
  m_parameter = token ( SWS "=" SWS m_value )?;
  main := SWS token >mark %type SWS "/" SWS token >mark %subtype
          ( SWS ";" >params SWS m_parameter )* SWS ( "," @comma )?;
}%%

%% write data noerror noentry;

ParseErrc scan::media_type(const char*& cursor, const char* end, MediaType& out,
                           unsigned& most) noexcept {
  const char* p = cursor;
  const char* const pe = end;
  const char* const eof = end;
  int cs = media_type_start;
  ParseErrc code = ParseErrc::bad_header;
  unsigned params = 0;
  const char* mark = nullptr;
  const char* list = nullptr;
  out = MediaType{};

  %% write exec;

  cursor = p;
  if (cs < media_type_first_final) return code;
  if (list != nullptr) out.params = Params(text(list, trim_white(list, p)));
  if (params > most) most = params;
  return ParseErrc::ok;
}

%%{
  machine token_value;
  alphtype unsigned char;
  getkey static_cast<unsigned char>(*p);
  include grammar "grammar.rl";

  action mark { mark = p; }
  action token { out.token = scan::text(mark, p); }
  action params { if (list == nullptr) list = p; ++params; }
  action comma { fhold; fbreak; }

  #   Event             =  ( "Event" / "o" ) HCOLON event-type *( SEMI event-param )
  #   Content-Encoding, Require, Supported, Allow, ...: content-coding, option-tag, Method: token
  main := SWS token >mark %token ( SWS ";" >params SWS generic_param )* SWS ( "," @comma )?;
}%%

%% write data noerror noentry;

ParseErrc scan::token_value(const char*& cursor, const char* end, TokenValue& out,
                            unsigned& most) noexcept {
  const char* p = cursor;
  const char* const pe = end;
  const char* const eof = end;
  int cs = token_value_start;
  ParseErrc code = ParseErrc::bad_header;
  unsigned params = 0;
  const char* mark = nullptr;
  const char* list = nullptr;
  out = TokenValue{};

  %% write exec;

  cursor = p;
  if (cs < token_value_first_final) return code;
  if (list != nullptr) out.params = Params(text(list, trim_white(list, p)));
  if (params > most) most = params;
  return ParseErrc::ok;
}

%%{
  machine number_value;
  alphtype unsigned char;
  getkey static_cast<unsigned char>(*p);
  include grammar "grammar.rl";

  action mark { mark = p; }
  action number { digits = scan::text(mark, p); }
  action comment {
    const char* const stop = comment_end(p, pe);
    if (stop == nullptr) {
      cursor = p;
      return ParseErrc::unterminated;
    }
    fexec stop - 1;
  }
  action params { if (list == nullptr) list = p; ++params; }

  #   Retry-After  =  "Retry-After" HCOLON delta-seconds [ comment ] *( SEMI retry-param )
  #   Session-Expires  = ("Session-Expires" / "x") HCOLON delta-seconds *(SEMI se-params)
  # `comment` leaves the machine before the last ")".
  main := SWS digit+ >mark %number ( SWS "(" >comment ")" )? ( SWS ";" >params SWS generic_param )*
          SWS;
}%%

%% write data noerror noentry;

ParseErrc scan::number_value(const char*& cursor, const char* end, NumberValue& out,
                             unsigned& most) noexcept {
  const char* p = cursor;
  const char* const pe = end;
  const char* const eof = end;
  int cs = number_value_start;
  ParseErrc code = ParseErrc::bad_header;
  unsigned params = 0;
  const char* mark = nullptr;
  const char* list = nullptr;
  std::string_view digits;
  out = NumberValue{};

  %% write exec;

  cursor = p;
  if (cs < number_value_first_final) return code;
  if (list != nullptr) out.params = Params(text(list, trim_white(list, p)));
  if (params > most) most = params;
  if (number(digits, kLargest32, out.number)) return ParseErrc::ok;
  cursor = digits.data();
  return ParseErrc::out_of_range;
}

%%{
  machine call_id_value;
  alphtype unsigned char;
  getkey static_cast<unsigned char>(*p);
  include grammar "grammar.rl";

  action mark { mark = p; }
  action call_id { out.call_id = scan::text(mark, p); }
  action params { if (list == nullptr) list = p; ++params; }
  action comma { fhold; fbreak; }

  #   Replaces  =  "Replaces" HCOLON callid *(SEMI replaces-param)
  #   In-Reply-To  =  "In-Reply-To" HCOLON callid *(COMMA callid)
  #   callid   =  word [ "@" word ]
  main := SWS ( word_char+ ( "@" word_char+ )? ) >mark %call_id
          ( SWS ";" >params SWS generic_param )* SWS ( "," @comma )?;
}%%

%% write data noerror noentry;

ParseErrc scan::call_id_value(const char*& cursor, const char* end, CallIdValue& out,
                              unsigned& most) noexcept {
  const char* p = cursor;
  const char* const pe = end;
  const char* const eof = end;
  int cs = call_id_value_start;
  ParseErrc code = ParseErrc::bad_header;
  unsigned params = 0;
  const char* mark = nullptr;
  const char* list = nullptr;
  out = CallIdValue{};

  %% write exec;

  cursor = p;
  if (cs < call_id_value_first_final) return code;
  if (list != nullptr) out.params = Params(text(list, trim_white(list, p)));
  if (params > most) most = params;
  return ParseErrc::ok;
}

}  // namespace sipstack
