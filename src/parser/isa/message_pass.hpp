// SPDX-License-Identifier: Apache-2.0
// One pass over a message: what the machine of message.rl does at each turn. It notes the first error
// and goes on, so that a request can still be answered with 400.
//
// Included by isa_*.cpp alone.

namespace sipstack::scan::SIPSTACK_ISA {
namespace {

class MessagePass {
 public:
  /// How many bytes are looked at: 16-bit offsets reach no further.
  static std::size_t reach(const ParseLimits& limits) noexcept {
    return limits.message < 0xffff ? limits.message : 0xffff;
  }

  MessagePass(const char* begin, const char* end, const char* readable, MessageIndex& index,
              const ParseLimits& limits, bool checked) noexcept
      : begin_(begin),
        end_(end),
        readable_(readable),
        index_(index),
        limits_(limits),
        controls_(begin, end),
        checked_(checked),
        most_headers_(std::min<std::size_t>(limits.headers, MessageIndex::kCapacity)),
        line_(begin) {
    static_cast<IndexHead&>(index) = IndexHead{};
  }

  // The start line.
  void start_line(const char* at) noexcept;
  void method(const char* first, const char* last) noexcept;
  void request_uri(const char* first, const char* last) noexcept;
  void version(const char* first, const char* last) noexcept;
  void request_line(const char* line_feed) noexcept { end_start_line(line_feed); }
  void status(const char* first, const char* last) noexcept;
  void status_line(const char* reason, const char* line_feed) noexcept;
  /// The machine stopped at `at`. Returns where header fields may begin, or null: this is no SIP.
  const char* bad_start_line(const char* at) noexcept;

  // A header field.
  /// Takes the fields that begin at `at` and are written as nearly all are. Returns the first line that
  /// the machine must look at: one of another form, or the end of the header fields.
  const char* fields(const char* at) noexcept;
  /// A name and colon were read; finds the value from `at` on, and checks it where every element needs
  /// it. Returns the CRLF behind it, or null where the bytes end before.
  const char* field(const char* name, const char* name_end, const char* at) noexcept;
  /// The machine stopped at `at`. Returns the next line, or null where there is none.
  const char* bad_field(const char* at) noexcept;

  /// `body` is null where the headers never ended; `at` is where the machine stopped, `end` the end of
  /// the bytes given, maybe beyond reach.
  expected<void, ParseError> finish(const char* body, const char* at, const char* end) noexcept;

 private:
  std::uint32_t offset(const char* at) const noexcept {
    return static_cast<std::uint32_t>(at - begin_);
  }
  std::uint16_t offset16(const char* at) const noexcept {
    return static_cast<std::uint16_t>(at - begin_);
  }
  Span16 span(const char* first, const char* last) const noexcept {
    return {offset16(first), static_cast<std::uint16_t>(last - first)};
  }
  Span16 span(std::string_view text) const noexcept {
    return text.empty() ? Span16{} : span(text.data(), text.data() + text.size());
  }
  void fail(ParseErrc code, const char* at, HeaderId header = HeaderId::other) noexcept {
    if (error_.code == ParseErrc::ok) error_ = ParseError{code, header, offset(at)};
    index_.faults |= fault(code);
  }

  void end_start_line(const char* line_feed) noexcept;
  const char* value_end(const char* at, HeaderId id) noexcept;
  void entry(HeaderId id, const char* name, std::size_t name_length, const char* value,
             const char* end) noexcept;
  void check(HeaderId id, const char* name, const char* value, const char* end) noexcept;
  void check_via(const char* value, const char* end) noexcept;
  void check_address(HeaderId id, const char* value, const char* end, Span16& tag) noexcept;
  static const char* bad_identifier(const Params& params, std::string_view name,
                                    std::string_view value, const char* again) noexcept;
  void check_call_id(const char* value, const char* end) noexcept;
  void check_cseq(const char* value, const char* end) noexcept;
  void check_number(HeaderId id, const char* value, const char* end) noexcept;
  void check_presence() noexcept;
  void end_body(const char* body, const char* end) noexcept;

  const char* begin_;
  const char* end_;
  const char* readable_;
  MessageIndex& index_;
  const ParseLimits& limits_;
  Controls controls_;
  bool checked_;  ///< or only split
  std::size_t most_headers_;
  const char* line_;              ///< first byte of the line at hand
  const char* fields_ = nullptr;  ///< first byte behind the start line
  const char* content_length_at_ = nullptr;
  std::uint32_t content_length_ = 0;
  std::uint64_t seen_ = 0;  ///< a bit for each of the first 64 header ids
  ParseError error_;
};

}  // namespace
}  // namespace sipstack::scan::SIPSTACK_ISA
