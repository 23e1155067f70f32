// SPDX-License-Identifier: Apache-2.0
// Fast lanes: values in the form in which nearly all are written, read without a state machine. Included
// by scanners.hpp alone.
//
// A lane takes a value whole or not at all. What it takes, the grammar takes with the same result (a test
// and a fuzz target compare the two); whatever is written otherwise, or is wrong, goes to the grammar,
// which alone knows where an error is. Without vectors there are no lanes: `plain` is the grammar.
//
// A value is looked at sixty-four bytes at a time: one bit for each byte that ends a run. Branches depend
// on what stands there, but the way from run to run is a count of zeros in a register.

namespace sipstack::scan::SIPSTACK_ISA {
namespace {

#if defined(SIPSTACK_ISA_X86) || defined(SIPSTACK_ISA_NEON)

// In token, gen-value, user, paramchar: of all of these the greatest common part.
constexpr CharClass kPlainRun = kAlnum + "-_.!~*'+";

class Runs {
 public:
  Runs(const char* at, const char* end, const char* readable, const CharClass& set) noexcept
      : set_(set), base_(at), end_(end), readable_(readable) {
    look();
  }

  /// The first byte at `from` or behind it that is in no run, or the end. `from` never goes back.
  SIPSTACK_INLINE const char* next(const char* from) noexcept {
    for (;;) {
      const std::ptrdiff_t offset = from - base_;
      if (offset < 64) {
        if (const std::uint64_t mask = mask_ >> offset; mask != 0) {
          const char* const found = from + __builtin_ctzll(mask);
          return found < end_ ? found : end_;
        }
        from = base_ + 64;
      }
      if (from >= end_) return end_;
      base_ = from;
      look();
    }
  }

 private:
  SIPSTACK_INLINE void look() noexcept {
    if (readable_ - base_ >= 64) {
      mask_ = outside64(base_, set_);
      return;
    }
    char last[64] = {};
    std::memcpy(last, base_, static_cast<std::size_t>(readable_ - base_));
    mask_ = outside64(last, set_);
  }

  const CharClass& set_;
  const char* base_;
  const char* end_;
  const char* readable_;
  std::uint64_t mask_ = 0;
};

// What stands at p; a value's end looks like NUL, which stands in none.
inline char at(const char* p, const char* end) noexcept { return p != end ? *p : '\0'; }

/// Whether [p, stop) is a host name without a final dot, of at most 32 bytes.
inline bool is_host_name(const char* p, const char* stop, const char* readable) noexcept {
  const std::ptrdiff_t length = stop - p;
  if (length <= 0 || length > 32 || readable - p < 32) return false;
  const std::uint32_t inside = ~std::uint32_t{0} >> (32 - length);
  const std::uint32_t dots = equal32(p, '.') & inside;
  const std::uint32_t marks = dots | (equal32(p, '-') & inside);
  // Neither at the ends, nor a dot beside one of them.
  const std::uint32_t ends = 1U | (1U << (length - 1));
  return (outside32(p, kHostName) & inside) == 0 &&
         ((marks & ends) | (dots & (marks << 1U)) | (dots & (marks >> 1U))) == 0;
}

/// Host and port at p; behind them, or null.
const char* host_port(const char* p, const char* end, const char* readable, Runs& runs,
                      std::string_view& host, std::optional<std::uint16_t>& port) noexcept {
  const char* stop = nullptr;
  if (at(p, end) == '[') {
    const std::size_t most = static_cast<std::size_t>(end - p < 48 ? end - p : 48);
    stop = static_cast<const char*>(std::memchr(p, ']', most));
    if (stop == nullptr) return nullptr;
    ++stop;
    host = text(p, stop);
    if (!host_fits(host)) return nullptr;
  } else {
    stop = runs.next(p);
    if (!is_host_name(p, stop, readable)) return nullptr;
    host = text(p, stop);
  }
  if (at(stop, end) != ':') return stop;
  const char* const first = stop + 1;
  stop = runs.next(first);
  if (stop - first > 5 || stop == first) return nullptr;
  unsigned value = 0;
  for (p = first; p != stop; ++p) {
    const unsigned digit = static_cast<unsigned>(static_cast<unsigned char>(*p)) - '0';
    if (digit > 9) return nullptr;
    value = value * 10 + digit;
  }
  if (value == 0 || value > 65535) return nullptr;
  port = static_cast<std::uint16_t>(value);
  return stop;
}

/// A SIP or SIPS URI at p that ends where the byte `last` stands, or at the end where that is NUL. Behind
/// it, or null.
const char* uri_lane(const char* p, const char* end, const char* readable, Runs& runs, char last,
                     Uri& out, unsigned& params) noexcept {
  const char* const begin = p;
  if (end - p < 5) return nullptr;
  const auto is = [p](int i, char lower) { return (p[i] | 0x20) == lower; };
  if (!is(0, 's') || !is(1, 'i') || !is(2, 'p')) return nullptr;
  if (p[3] == ':') {
    out.scheme = UriScheme::sip;
    out.scheme_name = {p, 3};
    p += 4;
  } else if (is(3, 's') && p[4] == ':') {
    out.scheme = UriScheme::sips;
    out.scheme_name = {p, 4};
    p += 5;
  } else {
    return nullptr;
  }
  const char* stop = runs.next(p);
  if (at(stop, end) == '@') {
    if (stop == p) return nullptr;
    out.user = text(p, stop);
    out.has_user = true;
    p = stop + 1;
  }
  stop = host_port(p, end, readable, runs, out.host, out.port);
  if (stop == nullptr) return nullptr;
  const char* const list = stop;
  unsigned count = 0;
  while (at(stop, end) == ';') {
    p = stop + 1;
    stop = runs.next(p);
    if (stop == p) return nullptr;
    ++count;
    std::string_view* const slot = known(out, text(p, stop));
    if (at(stop, end) == '=') {
      p = stop + 1;
      stop = runs.next(p);
      if (stop == p) return nullptr;
      if (slot != nullptr) *slot = text(p, stop);
    }
  }
  if (at(stop, end) != last || (last == '\0' && stop != end)) return nullptr;
  out.text = text(begin, stop);
  if (count != 0) out.params = Params(text(list, stop));
  if (count > params) params = count;
  return stop;
}

/// Behind the quoted string whose first quote is at p, where nothing in it is escaped or folded; or null.
const char* quoted_lane(const char* p, const char* end, const char* readable) noexcept {
  const char* const close = skip(kQuoted, p + 1, end, readable);
  return at(close, end) == '"' ? close + 1 : nullptr;
}

/// The parameters of a header value, up to its end or the comma behind it; null where there is something
/// else.
template <class Value>
const char* params_lane(const char* p, const char* end, const char* readable, Runs& runs, Value& out,
                        unsigned& params) noexcept {
  const char* const list = p;
  unsigned count = 0;
  while (at(p, end) == ';') {
    const char* first = p + 1;
    p = runs.next(first);
    if (p == first) return nullptr;
    ++count;
    std::string_view* const slot = known(out, text(first, p));
    if (at(p, end) != '=') continue;
    first = p + 1;
    if (at(first, end) == '"') {
      p = quoted_lane(first, end, readable);
      if (p == nullptr) return nullptr;
    } else {
      p = runs.next(first);
      if (p == first) return nullptr;
      // In gen-value, but in no run.
      while (p != end && kGenValue.has(*p)) p = runs.next(p + 1);
    }
    if (slot != nullptr) *slot = text(first, p);
  }
  if (p != end && *p != ',') return nullptr;
  if (count != 0) out.params = Params(text(list, p));
  if (count > params) params = count;
  return p;
}

bool via_lane(Scan& s, Via& out) noexcept {
  const char* const begin = s.at != s.end && *s.at == ' ' ? s.at + 1 : s.at;
  const char* const end = s.end;
  if (end - begin < 16 || std::memcmp(begin, "SIP/2.0/", 8) != 0) return false;
  out.version = {begin + 4, 3};
  const char* p = begin + 8;
  Runs runs(p, end, s.readable, kPlainRun);
  const char* stop = runs.next(p);
  if (stop == p || at(stop, end) != ' ') return false;
  out.transport = text(p, stop);
  stop = host_port(stop + 1, end, s.readable, runs, out.host, out.port);
  if (stop == nullptr) return false;
  stop = params_lane(stop, end, s.readable, runs, out, s.params);
  if (stop == nullptr) return false;
  out.text = text(begin, stop);
  s.at = stop;
  return true;
}

bool name_addr_lane(Scan& s, NameAddr& out) noexcept {
  const char* const begin = s.at != s.end && *s.at == ' ' ? s.at + 1 : s.at;
  const char* const end = s.end;
  const char* p = begin;
  if (p == end) return false;
  if (*p == '"') {
    p = quoted_lane(p, end, s.readable);
    if (p == nullptr) return false;
    out.display = text(begin, p);
    if (at(p, end) == ' ') ++p;
  }
  Runs runs(p, end, s.readable, kPlainRun);
  if (p == begin && *p != '<') {
    // Words, one space between.
    for (;;) {
      const char* const stop = runs.next(p);
      if (stop == p || at(stop, end) != ' ') return false;
      out.display = text(begin, stop);
      p = stop + 1;
      if (at(p, end) == '<') break;
    }
  }
  if (at(p, end) != '<') return false;
  p = uri_lane(p + 1, end, s.readable, runs, '>', out.uri, s.params);
  if (p == nullptr) return false;
  p = params_lane(p + 1, end, s.readable, runs, out, s.params);
  if (p == nullptr) return false;
  out.text = text(begin, p);
  s.at = p;
  return true;
}

/// A header field of a line that ends in CR LF and goes on in no other. Null where it must be looked at
/// more closely; or behind its colon, with its id and the length of its name. The line holds no control
/// character before `line_end`.
const char* field_lane(const char* p, const char* line_end, const char* readable, HeaderId& id,
                       unsigned& length) noexcept {
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
    if (id != HeaderId::other && lower_equals(p, table.names[static_cast<std::size_t>(id)].data(), length)) {
      return p + length + 1;
    }
  }
  id = HeaderId::other;
  return (outside32(p, kToken) & (~std::uint32_t{0} >> (32 - length))) == 0 ? p + length + 1 : nullptr;
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

const char* field_lane(const char*, const char*, const char*, HeaderId&, unsigned&) noexcept {
  return nullptr;
}
bool via_lane(Scan&, Via&) noexcept { return false; }
bool name_addr_lane(Scan&, NameAddr&) noexcept { return false; }
bool cseq_lane(Scan&, CSeq&) noexcept { return false; }

#endif

}  // namespace
}  // namespace sipstack::scan::SIPSTACK_ISA
