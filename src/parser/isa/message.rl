// SPDX-License-Identifier: Apache-2.0
// The grammar of a message: start line, header fields delimited, body; and what every element needs of
// every message, checked. RFC 3261 sections 7, 8.1.1, 18.3 and 25.1.

namespace sipstack::scan::SIPSTACK_ISA {

%%{
  machine message;
  alphtype unsigned char;
  getkey static_cast<unsigned char>(*p);
  include runs "runs.rl";

  action start { pass.start_line(p); }
  action method { pass.method(mark, p); }
  action request_uri { pass.request_uri(mark, p); }
  action version { pass.version(mark, p); }
  action request { pass.request_line(p); }
  action status { pass.status(mark, p); }
  action response { pass.status_line(mark, p); }
  action bad_start {
    const char* const next = pass.bad_start_line(p);
    if (next == nullptr) {
      fbreak;
    }
    fexec next;
    fgoto fields;
  }

  # The value is not the machine's: it ends at the first CRLF that no white space follows, which
  # pass.field() finds eight bytes at a time; known fields are parsed there by grammars of their own.
  action value {
    const char* const stop = pass.field(mark, name_end, p + 1);
    if (stop == nullptr) {
      fbreak;
    }
    fexec stop;
  }
  action name_end { name_end = p; }
  action bad_field {
    const char* const next = pass.bad_field(p);
    if (next == nullptr) {
      fbreak;
    }
    fexec next;
    fgoto fields;
  }
  # Most lines need no machine.
  action lines { p = pass.fields(p + 1) - 1; }
  action body { body = p + 1; fbreak; }

  #   SIP-Version    =  "SIP" "/" 1*DIGIT "." 1*DIGIT
  # In any case: a string literal of ABNF (RFC 3261 section 7.1).
  sip_version = "SIP/"i ( digit+ "." digit+ ) >mark %version;

  #   Request-Line   =  Method SP Request-URI SP SIP-Version CRLF
  #   Method         =  INVITEm / ... / extension-method
  #   extension-method  =  token
  # The URI is delimited here, and goes through uri.rl.
  action text_run { mark = p; p = skip(kUriText, p, pe, readable) - 1; }
  request_line = token >mark %method " " ( 0x21..0x7e | utf8 )+ >text_run %request_uri " "
                 sip_version CRLF @request;

  #   Status-Line    =  SIP-Version SP Status-Code SP Reason-Phrase CRLF
  #   Reason-Phrase  =  *(reserved / unreserved / escaped / UTF8-NONASCII / UTF8-CONT / SP / HTAB)
  # Any visible character passes in the reason phrase: it is for people.
  action reason_run { p = skip(kReason, p, pe, readable) - 1; }
  reason = ( ( "\t" | 0x20..0x7e | utf8 )+ >reason_run )?;
  status_line = sip_version " " digits_r %status " " %mark reason CRLF @response;

  #   message-header  =  header-name HCOLON header-value CRLF
  #   HCOLON          =  *( SP / HTAB ) ":" SWS
  field = token_r %name_end WSP* ":" @value CRLF @lines;

  # An implementation SHOULD ignore any CRLF before the start line (RFC 3261 section 7.5).
  main := ( CRLF* ( request_line | status_line ) >start @lines @{ fgoto fields; } ) $err(bad_start);
  fields := ( field* CRLF @body ) $err(bad_field);
}%%

%% write data noerror noentry nofinal;

namespace {

expected<void, ParseError> run(std::string_view bytes, MessageIndex& index,
                               const ParseLimits& limits, bool checked) noexcept {
  if (bytes.empty()) {
    static_cast<IndexHead&>(index) = IndexHead{};
    return unexpected<ParseError>(ParseError{ParseErrc::not_sip, HeaderId::other, 0});
  }
  const char* p = bytes.data();
  const char* const pe = p + std::min<std::size_t>(bytes.size(), MessagePass::reach(limits));
  const char* const readable = bytes.data() + bytes.size();
  const char* const eof = nullptr;
  int cs = message_start;
  const char* mark = nullptr;
  const char* name_end = nullptr;
  const char* body = nullptr;
  MessagePass pass(p, pe, readable, index, limits, checked);

  %% write exec;

  static_cast<void>(eof);
  return pass.finish(body, p, readable);
}

expected<void, ParseError> parse(std::string_view bytes, MessageIndex& index,
                                 const ParseLimits& limits) noexcept {
  return run(bytes, index, limits, true);
}
expected<void, ParseError> split(std::string_view bytes, MessageIndex& index,
                                 const ParseLimits& limits) noexcept {
  return run(bytes, index, limits, false);
}

}  // namespace
}  // namespace sipstack::scan::SIPSTACK_ISA
