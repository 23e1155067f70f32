// SPDX-License-Identifier: Apache-2.0
// A DNS message from a stranger. RFC 1035 section 4.1, RFC 2782, RFC 3403 section 4.1, RFC 2308 section 5.
#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <tuple>
#include <utility>

#include "sipstack/transaction/dns.hpp"

namespace sipstack {
namespace {

enum Type : std::uint16_t {
  kA = 1,
  kCname = 5,
  kSoa = 6,
  kAaaa = 28,
  kSrv = 33,
  kNaptr = 35,
};
constexpr std::uint16_t kInternet = 1;
constexpr std::size_t kHeader = 12;
constexpr std::size_t kMostCnames = 8;
constexpr std::size_t kLongestName = 253;

char lower_case(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool is_label_char(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/// Walks over the bytes; once it has failed it stays so.
class Cursor {
 public:
  Cursor(std::string_view all, std::size_t at, std::size_t end) noexcept
      : all_(all), at_(at), end_(end) {}

  bool ok() const noexcept { return ok_; }
  std::size_t at() const noexcept { return at_; }
  bool at_end() const noexcept { return at_ == end_; }

  std::uint32_t number(std::size_t bytes) noexcept {
    if (!ok_ || bytes > end_ - at_) return fail();
    std::uint32_t value = 0;
    while (bytes-- > 0) value = (value << 8) | static_cast<std::uint32_t>(byte(at_++));
    return value;
  }
  std::uint16_t u16() noexcept { return static_cast<std::uint16_t>(number(2)); }
  std::string_view take(std::size_t size) noexcept {
    if (!ok_ || size > end_ - at_) {
      fail();
      return {};
    }
    const std::string_view taken = all_.substr(at_, size);
    at_ += size;
    return taken;
  }
  std::string_view text() noexcept { return take(number(1)); }

  /// A name, in lower case, its labels joined by dots. `clean`: it can be taken for one, that is, no
  /// label hides a dot or anything that a host's name would not have.
  std::string name(bool& clean) {
    std::string out;
    std::size_t here = at_;
    // Where the current run of labels began: a pointer has to lead before it, so there is an end to it.
    std::size_t run = at_;
    bool jumped = false;
    clean = true;
    while (ok_) {
      const std::size_t end = jumped ? all_.size() : end_;
      if (here >= end) break;
      const std::size_t length = byte(here);
      if (length == 0) {
        if (!jumped) at_ = here + 1;
        return out;
      }
      if (length >= 0xC0) {
        if (end - here < 2) break;
        const std::size_t target = ((length & 0x3F) << 8) | byte(here + 1);
        if (target >= run || target < kHeader) break;
        if (!jumped) at_ = here + 2;
        jumped = true;
        here = run = target;
        continue;
      }
      if (length > 63 || length >= end - here) break;
      if (!out.empty()) out += '.';
      for (const char raw : all_.substr(here + 1, length)) {
        const char c = lower_case(raw);
        clean = clean && is_label_char(c);
        out += c;
      }
      if (out.size() > kLongestName) break;
      here += length + 1;
    }
    ok_ = false;
    clean = false;
    return {};
  }

 private:
  std::size_t byte(std::size_t at) const noexcept { return static_cast<unsigned char>(all_[at]); }
  std::uint32_t fail() noexcept {
    ok_ = false;
    return 0;
  }

  std::string_view all_;
  std::size_t at_;
  std::size_t end_;
  bool ok_ = true;
};

struct Record {
  std::string owner;
  bool clean = false;
  std::uint16_t type = 0;
  std::uint16_t klass = 0;
  std::uint32_t ttl = 0;
  std::size_t data = 0;
  std::size_t size = 0;
};

std::optional<Record> read_record(Cursor& in) {
  Record r;
  r.owner = in.name(r.clean);
  r.type = in.u16();
  r.klass = in.u16();
  r.ttl = in.number(4);
  if (r.ttl > 0x7FFFFFFF) r.ttl = 0;  // RFC 2181 section 8
  r.size = in.u16();
  r.data = in.at();
  in.take(r.size);
  if (!in.ok()) return std::nullopt;
  return r;
}

bool wanted(std::uint16_t type, DnsQuestion::Kind kind) noexcept {
  switch (kind) {
    case DnsQuestion::Kind::naptr: return type == kNaptr;
    case DnsQuestion::Kind::srv: return type == kSrv;
    case DnsQuestion::Kind::address: return type == kA || type == kAaaa;
  }
  return false;
}

/// False where the record's own data make no sense: it is passed over.
bool add(DnsAnswer& answer, std::string_view message, const Record& r) {
  Cursor in(message, r.data, r.data + r.size);
  bool clean = true;
  switch (r.type) {
    case kA: {
      if (r.size != 4) return false;
      std::array<std::uint8_t, 4> bytes{};
      for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(in.number(1));
      answer.addresses.push_back(IpAddress::v4(bytes));
      return true;
    }
    case kAaaa: {
      if (r.size != 16) return false;
      std::array<std::uint8_t, 16> bytes{};
      for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(in.number(1));
      answer.addresses.push_back(IpAddress::v6(bytes));
      return true;
    }
    case kSrv: {
      SrvRecord srv;
      srv.priority = in.u16();
      srv.weight = in.u16();
      srv.port = in.u16();
      srv.target = in.name(clean);
      if (!in.ok() || !in.at_end() || !clean || (srv.port == 0 && !srv.target.empty()))
        return false;
      answer.srv.push_back(std::move(srv));
      return true;
    }
    case kNaptr: {
      NaptrRecord naptr;
      naptr.order = in.u16();
      naptr.preference = in.u16();
      naptr.flags = in.text();
      naptr.service = in.text();
      naptr.regexp = in.text();
      naptr.replacement = in.name(clean);
      if (!in.ok() || !in.at_end() || !clean) return false;
      answer.naptr.push_back(std::move(naptr));
      return true;
    }
    default: return false;
  }
}

template <class T, class Key>
void keep_first(std::vector<T>& records, Key key) {
  std::stable_sort(records.begin(), records.end(),
                   [&](const T& a, const T& b) { return key(a) < key(b); });
  if (records.size() > DnsAnswer::kMost)
    records.erase(records.begin() + DnsAnswer::kMost, records.end());
}

// RFC 2308 section 5: the lesser of the SOA's own TTL and its MINIMUM field.
std::uint32_t negative_ttl(std::string_view message, const Record& soa) {
  Cursor in(message, soa.data, soa.data + soa.size);
  bool clean = true;
  in.name(clean);
  in.name(clean);
  in.take(16);
  const std::uint32_t minimum = in.number(4);
  return in.ok() ? std::min(soa.ttl, minimum > 0x7FFFFFFF ? 0 : minimum) : 0;
}

}  // namespace

DnsAnswer read_dns_answer(std::string_view message, const DnsQuestion& question) {
  DnsAnswer answer;
  Cursor in(message, 0, message.size());
  in.u16();  // the id is for who sent the question
  const std::uint16_t flags = in.u16();
  const std::uint16_t questions = in.u16();
  const std::uint16_t answers = in.u16();
  const std::uint16_t authorities = in.u16();
  in.u16();
  const unsigned rcode = flags & 0x0F;
  const bool response = (flags & 0x8000) != 0;
  const bool truncated = (flags & 0x0200) != 0;
  if (!in.ok() || !response || truncated || (rcode != 0 && rcode != 3) || questions != 1)
    return answer;

  bool clean = true;
  const std::string asked = in.name(clean);
  const std::uint16_t type = in.u16();
  if (in.u16() != kInternet || !in.ok() || asked != question.name || !wanted(type, question.kind))
    return answer;

  std::vector<Record> records;
  for (std::uint16_t i = 0; i < answers; ++i) {
    auto record = read_record(in);
    if (!record) return answer;
    if (record->klass == kInternet && record->clean) records.push_back(*std::move(record));
  }

  // RFC 1034 section 3.6.2: an alias's records are those of the name that it stands for.
  std::string owner = asked;
  std::uint32_t ttl = 0x7FFFFFFF;
  for (std::size_t hops = 0;; ++hops) {
    const auto alias = std::find_if(records.begin(), records.end(), [&](const Record& r) {
      return r.type == kCname && r.owner == owner;
    });
    if (alias == records.end()) break;
    Cursor name(message, alias->data, alias->data + alias->size);
    owner = name.name(clean);
    if (hops == kMostCnames || !name.ok() || !clean) return answer;
    ttl = std::min(ttl, alias->ttl);
  }
  bool any = false;
  for (const Record& record : records) {
    if (record.type != type || record.owner != owner || !add(answer, message, record)) continue;
    ttl = std::min(ttl, record.ttl);
    any = true;
  }
  if (any && rcode == 0) {
    keep_first(answer.srv, [](const SrvRecord& r) { return r.priority; });
    keep_first(answer.naptr, [](const NaptrRecord& r) { return std::tie(r.order, r.preference); });
    if (answer.addresses.size() > DnsAnswer::kMost) answer.addresses.resize(DnsAnswer::kMost);
    answer.outcome = DnsAnswer::Outcome::found;
    answer.ttl = std::chrono::seconds(ttl);
    return answer;
  }

  DnsAnswer nothing;
  nothing.outcome = DnsAnswer::Outcome::nothing;
  for (std::uint16_t i = 0; i < authorities; ++i) {
    const auto record = read_record(in);
    if (!record) break;
    if (record->type == kSoa && record->klass == kInternet)
      nothing.ttl = std::chrono::seconds(negative_ttl(message, *record));
  }
  return nothing;
}

bool is_host_name(std::string_view name) noexcept {
  if (!name.empty() && name.back() == '.') name.remove_suffix(1);
  if (name.empty() || name.size() > kLongestName) return false;
  std::size_t label = 0;
  for (const char c : name) {
    if (c == '.') {
      if (label == 0) return false;
      label = 0;
    } else if (!is_label_char(lower_case(c)) || ++label > 63) {
      return false;
    }
  }
  return label != 0;
}

}  // namespace sipstack
