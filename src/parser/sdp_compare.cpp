// SPDX-License-Identifier: Apache-2.0
// Two descriptions side by side: lines of a level as sets, what holds for a medium by its effect. RFC 3264
// section 8, RFC 8866 sections 5.2, 5.7 and 6.7.
#include "sipstack/parser/sdp_compare.hpp"

#include <algorithm>

#include "parser/sdp_scan.hpp"
#include "sipstack/parser/params.hpp"
#include "sipstack/parser/sdp_attributes.hpp"

namespace sipstack::sdp {
namespace {

constexpr std::size_t kLines = 1024;

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

// A line, in an order that puts alike ones together.
struct Entry {
  char type = 0;
  std::string_view value;
};

int compare(std::string_view a, std::string_view b) noexcept { return a.compare(b); }

int compare_any_case(std::string_view a, std::string_view b) noexcept {
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i)
    if (lower(a[i]) != lower(b[i])) return lower(a[i]) < lower(b[i]) ? -1 : 1;
  return a.size() == b.size() ? 0 : a.size() < b.size() ? -1 : 1;
}

template <class T>
int compare_numbers(T a, T b) noexcept {
  return a == b ? 0 : a < b ? -1 : 1;
}

// Words one by one: how many spaces there are between does not matter.
int compare_words(std::string_view a, std::string_view b) noexcept {
  auto x = Words(a).begin();
  auto y = Words(b).begin();
  const Words::iterator end;
  for (; x != end && y != end; ++x, ++y)
    if (const int order = compare(*x, *y); order != 0) return order;
  return compare_numbers(x != end, y != end);
}

constexpr std::string_view kRtpMap = "rtpmap:";

int compare(const Entry& a, const Entry& b) noexcept {
  if (a.type != b.type) return a.type < b.type ? -1 : 1;
  if (a.type != 'a') return compare_words(a.value, b.value);
  const bool map_a = a.value.substr(0, kRtpMap.size()) == kRtpMap;
  const bool map_b = b.value.substr(0, kRtpMap.size()) == kRtpMap;
  const auto x = map_a ? rtpmap_of(a.value.substr(kRtpMap.size())) : std::nullopt;
  const auto y = map_b ? rtpmap_of(b.value.substr(kRtpMap.size())) : std::nullopt;
  // Well-formed maps come before all other attributes: a total order needs that.
  if (x.has_value() != y.has_value()) return x ? -1 : 1;
  if (!x) return compare_words(a.value, b.value);
  if (const int order = compare_numbers(x->payload_type, y->payload_type); order != 0) return order;
  if (const int order = compare_any_case(x->encoding, y->encoding); order != 0) return order;
  if (const int order = compare_numbers(x->rate, y->rate); order != 0) return order;
  return compare_numbers(x->channels, y->channels);
}

bool before(const Entry& a, const Entry& b) noexcept { return compare(a, b) < 0; }

std::uint32_t kind(const Entry& entry, bool medium) noexcept {
  if (entry.type != 'a') {
    const bool time = std::string_view("trz").find(entry.type) != std::string_view::npos;
    if (!medium) return time ? Changes::timing : Changes::session;
    return entry.type == 'b' ? Changes::bandwidth : Changes::lines;
  }
  const std::string_view name = attribute_of(entry.value).name;
  if (name == "crypto" || name == "fingerprint" || name == "setup" || name == "connection")
    return Changes::keys;
  if (name == "candidate" || name.substr(0, 4) == "ice-" || name == "remote-candidates" ||
      name == "end-of-candidates")
    return Changes::ice;
  if (!medium) return Changes::session;
  return name == "rtpmap" || name == "fmtp" ? Changes::codecs : Changes::attributes;
}

// c= and directions are looked at by their effect. Without a medium to inherit them they are lines like
// others.
bool by_effect(const Entry& entry, bool inherited) noexcept {
  if (!inherited) return false;
  return entry.type == 'c' ||
         (entry.type == 'a' && direction_of(attribute_of(entry.value).name).has_value());
}

struct Level {
  Entry entries[kLines];
  std::size_t size = 0;
  bool whole = true;

  Level(const Lines& lines, bool inherited) noexcept {
    for (const LineView& line : lines) {
      const Entry entry{line.type, line.value};
      if (by_effect(entry, inherited)) continue;
      if (size == kLines) {
        whole = false;
        return;
      }
      entries[size++] = entry;
    }
  }
  // Heaps sort without recursion, and in n log n whatever the peer sends.
  void sort() noexcept {
    std::make_heap(entries, entries + size, before);
    std::sort_heap(entries, entries + size, before);
  }
};

// In their order, for levels of more lines than there is room for.
std::uint32_t changes_in_order(const Lines& a, const Lines& b, bool medium,
                               bool inherited) noexcept {
  std::uint32_t bits = 0;
  auto x = a.begin();
  auto y = b.begin();
  const auto end = a.end();
  const auto skip = [&](Lines::iterator& at) {
    while (at != end && by_effect({at->type, at->value}, inherited)) ++at;
  };
  for (;; ++x, ++y) {
    skip(x);
    skip(y);
    if (x == end || y == end) break;
    const Entry one{x->type, x->value};
    const Entry two{y->type, y->value};
    if (compare(one, two) != 0) bits |= kind(one, medium) | kind(two, medium);
  }
  for (; x != end; ++x, skip(x)) bits |= kind({x->type, x->value}, medium);
  for (; y != end; ++y, skip(y)) bits |= kind({y->type, y->value}, medium);
  return bits;
}

std::uint32_t changes_of_lines(const Lines& a, const Lines& b, bool medium,
                               bool inherited) noexcept {
  if (changes_in_order(a, b, medium, inherited) == 0) return 0;
  Level x(a, inherited);
  Level y(b, inherited);
  if (!x.whole || !y.whole) return changes_in_order(a, b, medium, inherited);
  x.sort();
  y.sort();
  std::uint32_t bits = 0;
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < x.size || j < y.size) {
    const int order = i == x.size ? 1 : j == y.size ? -1 : compare(x.entries[i], y.entries[j]);
    if (order < 0) bits |= kind(x.entries[i], medium);
    if (order > 0) bits |= kind(y.entries[j], medium);
    if (order <= 0) ++i;
    if (order >= 0) ++j;
  }
  return bits;
}

std::optional<Direction> direction_in(const Lines& lines) noexcept {
  for (const LineView& line : lines) {
    if (line.type != 'a') continue;
    if (const auto found = direction_of(attribute_of(line.value).name)) return found;
  }
  return std::nullopt;
}

// What holds for every medium of a session that says nothing itself.
struct Inherited {
  std::optional<Connection> connection;
  Direction direction = Direction::sendrecv;

  explicit Inherited(const View& view) noexcept
      : connection(view.lines().connection()),
        direction(direction_in(view.lines()).value_or(Direction::sendrecv)) {}
};

bool same(const std::optional<Connection>& a, const std::optional<Connection>& b) noexcept {
  if (!a || !b) return a.has_value() == b.has_value();
  return a->net_type == b->net_type && a->addr_type == b->addr_type &&
         iequals(a->address, b->address);
}

// One medium may have several c= lines (RFC 8866 section 5.7, layered multicast).
bool same_connections(const Lines& a, const Lines& b, const Inherited& in_a,
                      const Inherited& in_b) noexcept {
  const auto next = [](Lines::iterator& at, const Lines::iterator& end) {
    std::optional<Connection> found;
    for (; at != end && !found; ++at)
      if (at->type == 'c') found = connection_of(at->value);
    return found;
  };
  auto x = a.begin();
  auto y = b.begin();
  const auto end = a.end();
  auto one = next(x, end);
  auto two = next(y, end);
  if (!one) one = in_a.connection;
  if (!two) two = in_b.connection;
  while (same(one, two)) {
    if (!one) return true;
    one = next(x, end);
    two = next(y, end);
  }
  return false;
}

}  // namespace

bool same_session(const OriginView& a, const OriginView& b) noexcept {
  return a.username == b.username && a.session_id == b.session_id && a.net_type == b.net_type &&
         a.addr_type == b.addr_type && iequals(a.address, b.address);
}

Changes changes(const View& before, const View& after) noexcept {
  Changes out;
  const OriginView a = before.origin();
  const OriginView b = after.origin();
  if (!same_session(a, b)) out.bits |= Changes::identity;
  if (a.session_version != b.session_version) out.bits |= Changes::version;
  if (trimmed(before.name()) != trimmed(after.name())) out.bits |= Changes::name;
  const bool inherited = before.media_count() != 0 && after.media_count() != 0;
  out.bits |= changes_of_lines(before.lines(), after.lines(), false, inherited);
  if (before.media_count() != after.media_count()) out.bits |= Changes::media_count;

  const Inherited in_a(before);
  const Inherited in_b(after);
  const View::MediaRange sections_a = before.media();
  const View::MediaRange sections_b = after.media();
  auto x = sections_a.begin();
  auto y = sections_b.begin();
  for (; x != sections_a.end() && y != sections_b.end(); ++x, ++y) {
    if (x->line.type != y->line.type || x->line.proto != y->line.proto)
      out.bits |= Changes::media_type;
    if (x->line.port != y->line.port || x->line.port_count != y->line.port_count)
      out.bits |= Changes::port;
    if (compare_words(x->line.formats, y->line.formats) != 0) out.bits |= Changes::formats;
    out.bits |= changes_of_lines(x->lines, y->lines, true, true);
    if (!same_connections(x->lines, y->lines, in_a, in_b)) out.bits |= Changes::media_connection;
    if (direction_in(x->lines).value_or(in_a.direction) !=
        direction_in(y->lines).value_or(in_b.direction))
      out.bits |= Changes::media_direction;
  }
  return out;
}

}  // namespace sipstack::sdp
