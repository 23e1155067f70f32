// SPDX-License-Identifier: Apache-2.0
// The grammars of small values: CSeq, numbers, tokens, media types, Call-IDs with parameters.
// RFC 3261 section 25.1, RFC 3891 section 6.1.

namespace sipstack::scan::SIPSTACK_ISA {

%%{
  machine cseq;
  alphtype unsigned char;
  getkey static_cast<unsigned char>(*p);
  include runs "runs.rl";

  action number { digits = text(mark, p); }
  action method { out.method_name = text(mark, p); }

  #   CSeq  =  "CSeq" HCOLON 1*DIGIT LWS Method
  main := SWS digits_r %number LWS token_r %method SWS;
}%%

%% write data noerror noentry;

namespace {

ParseErrc cseq(Scan& s, CSeq& out) noexcept {
  const char* p = s.at;
  const char* const pe = s.end;
  const char* const eof = s.end;
  const char* const readable = s.readable;
  int cs = cseq_start;
  const char* mark = nullptr;
  std::string_view digits;
  out = CSeq{};
  if (cseq_lane(s, out)) return ParseErrc::ok;

  %% write exec;

  s.at = p;
  if (cs < cseq_first_final) return ParseErrc::bad_header;
  out.method = method_from(out.method_name);
  // RFC 3261 section 8.1.1.5: less than 2**31.
  if (number(digits, 0x7fffffff, out.number)) return ParseErrc::ok;
  s.at = digits.data();
  return ParseErrc::out_of_range;
}

}  // namespace

%%{
  machine media_type;
  alphtype unsigned char;
  getkey static_cast<unsigned char>(*p);
  include runs "runs.rl";

  action type { out.type = text(mark, p); }
  action subtype { out.subtype = text(mark, p); }
  action params { if (list == nullptr) list = p; ++s.params; }
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
  main := SWS token_r %type SWS "/" SWS token_r %subtype
          ( SWS ";" >params SWS m_parameter )* SWS ( "," @comma )?;
}%%

%% write data noerror noentry;

namespace {

ParseErrc media_type(Scan& s, MediaType& out) noexcept {
  const char* p = s.at;
  const char* const pe = s.end;
  const char* const eof = s.end;
  const char* const readable = s.readable;
  int cs = media_type_start;
  ParseErrc code = ParseErrc::bad_header;
  const char* mark = nullptr;
  const char* list = nullptr;
  out = MediaType{};

  %% write exec;

  s.at = p;
  if (cs < media_type_first_final) return code;
  if (list != nullptr) out.params = Params(text(list, trim_white(list, p)));
  return ParseErrc::ok;
}

}  // namespace

%%{
  machine token_value;
  alphtype unsigned char;
  getkey static_cast<unsigned char>(*p);
  include runs "runs.rl";

  action token { out.token = text(mark, p); }
  action params { if (list == nullptr) list = p; ++s.params; }
  action comma { fhold; fbreak; }

  #   Event             =  ( "Event" / "o" ) HCOLON event-type *( SEMI event-param )
  #   Content-Encoding, Require, Supported, Allow, ...: content-coding, option-tag, Method: token
  main := SWS token_r %token ( SWS ";" >params SWS generic_param_r )* SWS ( "," @comma )?;
}%%

%% write data noerror noentry;

namespace {

ParseErrc token_value(Scan& s, TokenValue& out) noexcept {
  const char* p = s.at;
  const char* const pe = s.end;
  const char* const eof = s.end;
  const char* const readable = s.readable;
  int cs = token_value_start;
  ParseErrc code = ParseErrc::bad_header;
  const char* mark = nullptr;
  const char* list = nullptr;
  out = TokenValue{};

  // A token alone, as most are: no need of the machine.
  p = skip_white(p, pe);
  if (const char* const behind = skip(kToken, p, pe, readable);
      behind != p && (behind == pe || *behind == ',')) {
    out.token = text(p, behind);
    s.at = behind;
    return ParseErrc::ok;
  }

  %% write exec;

  s.at = p;
  if (cs < token_value_first_final) return code;
  if (list != nullptr) out.params = Params(text(list, trim_white(list, p)));
  return ParseErrc::ok;
}

}  // namespace

%%{
  machine number_value;
  alphtype unsigned char;
  getkey static_cast<unsigned char>(*p);
  include runs "runs.rl";

  action number { digits = text(mark, p); }
  action comment {
    const char* const stop = comment_end(p, pe);
    if (stop == nullptr) {
      s.at = p;
      return ParseErrc::unterminated;
    }
    fexec stop - 1;
  }
  action params { if (list == nullptr) list = p; ++s.params; }

  #   Retry-After  =  "Retry-After" HCOLON delta-seconds [ comment ] *( SEMI retry-param )
  #   Session-Expires  = ("Session-Expires" / "x") HCOLON delta-seconds *(SEMI se-params)
  # `comment` leaves the machine before the last ")".
  main := SWS digits_r %number ( SWS "(" >comment ")" )? ( SWS ";" >params SWS generic_param_r )*
          SWS;
}%%

%% write data noerror noentry;

namespace {

ParseErrc number_value(Scan& s, NumberValue& out) noexcept {
  const char* p = s.at;
  const char* const pe = s.end;
  const char* const eof = s.end;
  const char* const readable = s.readable;
  int cs = number_value_start;
  ParseErrc code = ParseErrc::bad_header;
  const char* mark = nullptr;
  const char* list = nullptr;
  std::string_view digits;
  out = NumberValue{};

  %% write exec;

  s.at = p;
  if (cs < number_value_first_final) return code;
  if (list != nullptr) out.params = Params(text(list, trim_white(list, p)));
  if (number(digits, 0xffffffff, out.number)) return ParseErrc::ok;
  s.at = digits.data();
  return ParseErrc::out_of_range;
}

}  // namespace

%%{
  machine call_id_value;
  alphtype unsigned char;
  getkey static_cast<unsigned char>(*p);
  include runs "runs.rl";

  action call_id { out.call_id = text(mark, p); }
  action params { if (list == nullptr) list = p; ++s.params; }
  action comma { fhold; fbreak; }

  #   Replaces  =  "Replaces" HCOLON callid *(SEMI replaces-param)
  #   In-Reply-To  =  "In-Reply-To" HCOLON callid *(COMMA callid)
  #   callid   =  word [ "@" word ]
  main := SWS ( word_char+ ( "@" word_char+ )? ) >mark %call_id
          ( SWS ";" >params SWS generic_param_r )* SWS ( "," @comma )?;
}%%

%% write data noerror noentry;

namespace {

ParseErrc call_id_value(Scan& s, CallIdValue& out) noexcept {
  const char* p = s.at;
  const char* const pe = s.end;
  const char* const eof = s.end;
  const char* const readable = s.readable;
  int cs = call_id_value_start;
  ParseErrc code = ParseErrc::bad_header;
  const char* mark = nullptr;
  const char* list = nullptr;
  out = CallIdValue{};

  %% write exec;

  s.at = p;
  if (cs < call_id_value_first_final) return code;
  if (list != nullptr) out.params = Params(text(list, trim_white(list, p)));
  return ParseErrc::ok;
}

}  // namespace

}  // namespace sipstack::scan::SIPSTACK_ISA
