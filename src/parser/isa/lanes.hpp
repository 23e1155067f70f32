// SPDX-License-Identifier: Apache-2.0
// Fast lanes: values in the form in which nearly all are written, read without a state machine. Included
// by scanners.hpp alone.
//
// A lane sets every member of what it fills. It takes a value whole or not at all. What it takes, the
// grammar takes with the same result (a test and a fuzz target compare the two); whatever is written
// otherwise, or is wrong, goes to the grammar, which alone knows where an error is. Without vectors there are no lanes: `plain` is the grammar.
//
// A value is looked at sixty-four bytes at a time: one bit for each byte that ends a run. Branches depend
// on what stands there, but the way from run to run is a count of zeros in a register.

namespace sipstack::scan::SIPSTACK_ISA {
namespace {

#if defined(SIPSTACK_ISA_X86) || defined(SIPSTACK_ISA_NEON)

constexpr bool kLanes = true;

// In token, gen-value, user, paramchar: of all of these the greatest common part.
constexpr CharClass kPlainRun = kAlnum + "-_.!~*'+";

// The bytes of a value that are in no run, one after the other, each once.
class Stops {
 public:
  SIPSTACK_INLINE Stops(const char* at, const char* end, const char* readable) noexcept
      : block_(at), end_(end), readable_(readable), mask_(look(at, readable)) {}

  /// The next of them, or the end.
  SIPSTACK_INLINE const char* next() noexcept {
    while (mask_ == 0) {
      if (end_ - block_ <= 64) return end_;
      block_ += 64;
      mask_ = look(block_, readable_);
    }
    const char* const stop = block_ + __builtin_ctzll(mask_);
    mask_ &= mask_ - 1;
    return stop < end_ ? stop : end_;
  }

 private:
  SIPSTACK_INLINE static std::uint64_t look(const char* p, const char* readable) noexcept {
    if (readable - p >= 64) return outside64(p, kPlainRun);
    return look_near_end(p, readable);
  }
  static std::uint64_t look_near_end(const char* p, const char* readable) noexcept {
    char last[64] = {};
    // An empty view may have no address at all.
    if (readable != p) std::memcpy(last, p, static_cast<std::size_t>(readable - p));
    return outside64(last, kPlainRun);
  }

  const char* block_;
  const char* end_;
  const char* readable_;
  std::uint64_t mask_;
};

// What stands at a stop; a value's end looks like NUL, which stands in none.
SIPSTACK_INLINE char at(const char* p, const char* end) noexcept { return p != end ? *p : '\0'; }

/// Whether [p, stop) is a host name without a final dot, of at most 32 bytes.
SIPSTACK_INLINE bool is_host_name(const char* p, const char* stop, const char* readable) noexcept {
  const std::ptrdiff_t length = stop - p;
  if (length <= 0 || length > 32 || readable - p < 32) return false;
  const std::uint32_t inside = ~std::uint32_t{0} >> (32 - length);
  const std::uint32_t dots = equal32(p, '.') & inside;
  const std::uint32_t marks = dots | (equal32(p, '-') & inside);
  // Neither at the ends, nor a dot beside one of them.
  const std::uint32_t ends = 1U | (1U << (length - 1));
  return ((outside32(p, kHostName) & inside) | (marks & ends) | (dots & (marks << 1U)) |
          (dots & (marks >> 1U))) == 0;
}

/// Host and port from p on, where `stop` is the first stop there. The stop behind them, or null.
SIPSTACK_INLINE const char* host_port(const char* p, const char* stop, const char* end,
                                      const char* readable, Stops& stops, std::string_view& host,
                                      std::optional<std::uint16_t>& port) noexcept {
  if (stop == p) {
    if (at(p, end) != '[') return nullptr;
    do {
      stop = stops.next();
    } while (at(stop, end) == ':');
    if (at(stop, end) != ']') return nullptr;
    host = text(p, stop + 1);
    if (!host_fits(host)) return nullptr;
    p = stop + 1;
    stop = stops.next();
    if (stop != p) return nullptr;
  } else {
    if (!is_host_name(p, stop, readable)) return nullptr;
    host = text(p, stop);
  }
  if (at(stop, end) != ':') return stop;
  p = stop + 1;
  stop = stops.next();
  const std::ptrdiff_t digits = stop - p;
  if (digits > 5 || digits == 0) return nullptr;
  unsigned value = 0;
  unsigned wrong = 0;
  for (; p != stop; ++p) {
    const unsigned digit = static_cast<unsigned>(static_cast<unsigned char>(*p)) - '0';
    wrong |= digit > 9 ? 1U : 0U;
    value = value * 10 + digit;
  }
  if (wrong != 0 || value == 0 || value > 65535) return nullptr;
  port = static_cast<std::uint16_t>(value);
  return stop;
}

/// A SIP or SIPS URI at p. The stop behind it, or null.
SIPSTACK_INLINE const char* uri_lane(const char* p, const char* end, const char* readable,
                                     Stops& stops, Uri& out, unsigned& params) noexcept {
  const char* const begin = p;
  unset(out.password);
  unset(out.port);
  out.headers = {};
  out.known = {};
  const char* stop = stops.next();
  if (at(stop, end) != ':' || stop - p < 3 || stop - p > 4) return nullptr;
  if ((p[0] | 0x20) != 's' || (p[1] | 0x20) != 'i' || (p[2] | 0x20) != 'p') return nullptr;
  out.scheme = UriScheme::sip;
  if (stop - p == 4) {
    if ((p[3] | 0x20) != 's') return nullptr;
    out.scheme = UriScheme::sips;
  }
  out.scheme_name = text(p, stop);
  p = stop + 1;
  stop = stops.next();
  out.has_user = at(stop, end) == '@';
  if (out.has_user) {
    if (stop == p) return nullptr;
    out.user = text(p, stop);
    p = stop + 1;
    stop = stops.next();
  } else {
    out.user = {};
  }
  stop = host_port(p, stop, end, readable, stops, out.host, out.port);
  if (stop == nullptr) return nullptr;
  const char* const list = stop;
  unsigned count = 0;
  while (at(stop, end) == ';') {
    p = stop + 1;
    stop = stops.next();
    if (stop == p) return nullptr;
    ++count;
    std::string_view* const slot = known(out, text(p, stop));
    if (at(stop, end) != '=') continue;
    p = stop + 1;
    stop = stops.next();
    if (stop == p) return nullptr;
    if (slot != nullptr) *slot = text(p, stop);
  }
  out.text = text(begin, stop);
  out.params = count != 0 ? Params(text(list, stop)) : Params();
  if (count > params) params = count;
  return stop;
}

/// Behind the quoted string whose first quote is the stop before, where nothing in it is escaped or
/// folded; or null.
SIPSTACK_INLINE const char* quoted_lane(const char* end, Stops& stops) noexcept {
  for (;;) {
    const char* const stop = stops.next();
    const char c = at(stop, end);
    if (c == '"') return stop + 1;
    if (!kQuoted.has(c)) return nullptr;
  }
}

/// The parameters of a header value from the stop at p on, up to its end or the comma behind it; null
/// where there is something else.
template <class Value>
SIPSTACK_INLINE const char* params_lane(const char* stop, const char* end, Stops& stops, Value& out,
                                        unsigned& params) noexcept {
  const char* const list = stop;
  unsigned count = 0;
  out.known = {};
  while (at(stop, end) == ';') {
    const char* p = stop + 1;
    stop = stops.next();
    if (stop == p) return nullptr;
    ++count;
    std::string_view* const slot = known(out, text(p, stop));
    if (at(stop, end) != '=') continue;
    p = stop + 1;
    stop = stops.next();
    if (stop != p && (stop == end || *stop == ';')) {
      // As nearly all are.
    } else if (at(stop, end) == '"' && stop == p) {
      const char* const behind = quoted_lane(end, stops);
      stop = stops.next();
      if (behind == nullptr || stop != behind) return nullptr;
    } else {
      if (stop == p && (stop == end || (*stop != '[' && *stop != ']' && *stop != ':')))
        return nullptr;
      // In gen-value, but in no run.
      while (stop != end && kGenValue.has(*stop)) stop = stops.next();
    }
    if (slot != nullptr) *slot = text(p, stop);
  }
  if (stop != end && *stop != ',') return nullptr;
  out.params = count != 0 ? Params(text(list, stop)) : Params();
  if (count > params) params = count;
  return stop;
}

bool via_lane(Scan& s, Via& out) noexcept {
  const char* const begin = s.at != s.end && *s.at == ' ' ? s.at + 1 : s.at;
  const char* const end = s.end;
  if (end - begin < 16 || std::memcmp(begin, "SIP/2.0/", 8) != 0) return false;
  out.version = {begin + 4, 3};
  unset(out.port);
  const char* p = begin + 8;
  Stops stops(p, end, s.readable);
  const char* stop = stops.next();
  if (stop == p || at(stop, end) != ' ') return false;
  out.transport = text(p, stop);
  p = stop + 1;
  stop = host_port(p, stops.next(), end, s.readable, stops, out.host, out.port);
  if (stop == nullptr) return false;
  stop = params_lane(stop, end, stops, out, s.params);
  if (stop == nullptr) return false;
  out.text = text(begin, stop);
  s.at = stop;
  return true;
}

bool name_addr_lane(Scan& s, NameAddr& out) noexcept {
  const char* const begin = s.at != s.end && *s.at == ' ' ? s.at + 1 : s.at;
  const char* const end = s.end;
  if (begin == end) return false;
  out.display = {};
  out.wildcard = false;
  Stops stops(begin, end, s.readable);
  const char* stop = stops.next();
  if (stop == begin && *begin == '"') {
    const char* const behind = quoted_lane(end, stops);
    if (behind == nullptr) return false;
    out.display = text(begin, behind);
    stop = stops.next();
    if (stop != behind) return false;
    if (at(stop, end) == ' ') {
      stop = stops.next();
      if (stop != behind + 1) return false;
    }
  } else {
    // Words, one space between.
    for (const char* word = begin; stop != word; stop = stops.next()) {
      if (at(stop, end) != ' ') return false;
      out.display = text(begin, stop);
      word = stop + 1;
    }
  }
  if (at(stop, end) != '<') return false;
  unsigned params = s.params;
  stop = uri_lane(stop + 1, end, s.readable, stops, out.uri, params);
  if (stop == nullptr || at(stop, end) != '>') return false;
  const char* const behind = stop + 1;
  stop = stops.next();
  if (stop != behind) return false;
  stop = params_lane(stop, end, stops, out, params);
  if (stop == nullptr) return false;
  s.params = params;
  out.text = text(begin, stop);
  s.at = stop;
  return true;
}

/// A header field of a line that ends in CR LF and goes on in no other. Null where it must be looked at
/// more closely; or behind its colon, with its id and the length of its name. The line holds no control
/// character before `line_end`.
SIPSTACK_INLINE const char* field_lane(const char* p, const char* line_end, const char* readable,
                                       HeaderId& id, unsigned& length) noexcept {
  if (readable - p < 32) return nullptr;
  const std::uint32_t colons = equal32(p, ':');
  if (colons == 0) return nullptr;
  length = static_cast<unsigned>(__builtin_ctz(colons));
  if (length == 0 || p + length >= line_end) return nullptr;
  const auto& table = detail::kHeaderTable;
  if (length == 1) {
    id = table.compact[detail::lower(*p) & 31U];
    if (id != HeaderId::other && detail::lower(*p) == detail::lower(compact_name(id)[0])) {
      return p + 2;
    }
  } else {
    id = table.ids[table.slot(p, length)];
    if (id != HeaderId::other &&
        lower_equals(p, table.names[static_cast<std::size_t>(id)].data(), length)) {
      return p + length + 1;
    }
  }
  id = HeaderId::other;
  return (outside32(p, kToken) & (~std::uint32_t{0} >> (32 - length))) == 0 ? p + length + 1
                                                                            : nullptr;
}

bool cseq_lane(Scan& s, CSeq& out) noexcept {
  const char* p = s.at;
  std::uint32_t number = 0;
  // Nine digits are below 2^31.
  for (; p != s.end && p - s.at < 9 && *p >= '0' && *p <= '9'; ++p) {
    number = number * 10 + static_cast<unsigned>(*p - '0');
  }
  if (p == s.at || at(p, s.end) != ' ') return false;
  const char* const method = p + 1;
  p = skip(kToken, method, s.end, s.readable);
  if (p == method || p != s.end) return false;
  out.number = number;
  out.method_name = text(method, p);
  out.method = method_from(out.method_name);
  s.at = p;
  return true;
}

#else

constexpr bool kLanes = false;

const char* field_lane(const char*, const char*, const char*, HeaderId&, unsigned&) noexcept {
  return nullptr;
}
bool via_lane(Scan&, Via&) noexcept { return false; }
bool name_addr_lane(Scan&, NameAddr&) noexcept { return false; }
bool cseq_lane(Scan&, CSeq&) noexcept { return false; }

#endif

}  // namespace
}  // namespace sipstack::scan::SIPSTACK_ISA
