// SPDX-License-Identifier: Apache-2.0
// Session descriptions as devices of the field write them, line by line, each departure told. RFC 8866
// sections 5 and 9; GB/T 28181 devices, cameras and gateways for what is let pass.
#include <algorithm>

#include "parser/sdp_scan.hpp"
#include "sipstack/parser/diagnostics.hpp"

namespace sipstack::sdp {
namespace {

bool digits(std::string_view text) noexcept {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool token(std::string_view text) noexcept {
  const char* const end = text.data() + text.size();
  return !text.empty() && run_end(text.data(), end, ByteClasses::kToken) == end;
}

bool port(std::string_view text) noexcept {
  if (!digits(text)) return false;
  unsigned value = 0;
  for (const char c : text) {
    value = value * 10 + static_cast<unsigned>(c - '0');
    if (value > 65535) return false;
  }
  return true;
}

// The order of RFC 8866 section 5 within a level; unknown types have none.
std::size_t rank(char type, bool medium) noexcept {
  return std::string_view(medium ? "micbka" : "vosiuepcbtrzka").find(type);
}

class Reader {
 public:
  Reader(std::string_view text, const Limits& limits, Diagnostics* told, Sections& found) noexcept
      : text_(text), limits_(limits), told_(told), found_(found) {}

  ParseError run() noexcept;

 private:
  void note(const char* at, Repair rule) noexcept {
    if (told_ != nullptr)
      told_->tell({rule, HeaderId::other, static_cast<std::uint32_t>(offset(at))});
  }
  std::size_t offset(const char* at) const noexcept {
    return static_cast<std::size_t>(at - text_.data());
  }
  void fail(const char* at, ParseErrc code = ParseErrc::bad_body) noexcept {
    if (error_.code == ParseErrc::ok)
      error_ = {code, HeaderId::other, static_cast<std::uint32_t>(offset(at))};
  }
  void line_ends() noexcept;
  void line(const LineView& line) noexcept;
  void opening(char type, std::string_view value) noexcept;
  void media(const char* at, std::string_view value) noexcept;
  void value(char type, std::string_view value) noexcept;
  void attribute(const char* at, std::string_view value) noexcept;

  std::string_view text_;
  const Limits& limits_;
  Diagnostics* told_;
  Sections& found_;
  ParseError error_;
  std::size_t rank_ = 0;  ///< the highest of this level so far
  std::uint32_t attributes_ = 0;
  const char* first_ = nullptr;  ///< the first line
  bool version_ = false;
  bool time_ = false;
};

// Which bytes end lines, before any is read: a bare CR or a NUL could be taken for an end or not.
void Reader::line_ends() noexcept {
  const char* p = text_.data();
  const char* const end = p + text_.size();
  const char* feed = nullptr;
  const char* empty = nullptr;
  const char* line = p;
  for (; (p = text_end(p, end)) != end; ++p) {
    if (*p == '\0') {
      if (std::any_of(p, end, [](char c) { return c != '\0'; })) return fail(p);
      note(p, Repair::trailing_nul);
      break;
    }
    if (static_cast<std::size_t>(p - line) > limits_.line) return fail(line, ParseErrc::too_large);
    if (*p == '\r') {
      if (p + 1 == end || p[1] != '\n') return fail(p);
      if (p == line && empty == nullptr) empty = p;
      ++p;
    } else {
      if (feed == nullptr) feed = p;
      if (p == line && empty == nullptr) empty = p;
    }
    line = p + 1;
  }
  if (static_cast<std::size_t>(p - line) > limits_.line) return fail(line, ParseErrc::too_large);
  if (p != line) note(p, Repair::no_final_line_end);
  if (feed != nullptr) note(feed, Repair::line_feed);
  if (empty != nullptr) note(empty, Repair::empty_line);
}

void Reader::opening(char type, std::string_view value) noexcept {
  if (found_.media_count != 0) return fail(value.data() - 2);
  if (type == 'v') {
    if (version_ || trimmed(value) != "0") return fail(value.data());
    version_ = true;
  } else if (type == 'o') {
    if (found_.origin.data() != nullptr) return fail(value.data() - 2);
    found_.origin = value;
    std::string_view rest = value;
    int words = 0;
    while (!take_word(rest).empty()) ++words;
    const OriginView o = origin_of(value);
    if (words < 5)
      note(value.data(), Repair::bad_origin);
    else if (o.address.empty())
      note(value.data(), Repair::empty_address);
    if (words >= 5 && (!digits(o.session_id) || !digits(o.session_version)))
      note(value.data(), Repair::bad_session_id);
  } else {
    if (found_.name.data() != nullptr) return fail(value.data() - 2);
    found_.name = value;
    if (value.empty()) note(value.data(), Repair::empty_name);
  }
}

void Reader::media(const char* at, std::string_view value) noexcept {
  if (found_.media_count == 0) found_.first_media = offset(at);
  if (found_.media_count < found_.media_at.size())
    found_.media_at[found_.media_count] = static_cast<std::uint32_t>(offset(at));
  if (++found_.media_count > limits_.media) return fail(at, ParseErrc::too_many);
  attributes_ = 0;
  rank_ = 0;
  std::string_view rest = value;
  const std::string_view type = take_word(rest);
  if (!token(type)) return fail(value.data());
  const std::string_view ports = take_word(rest);
  const std::size_t slash = ports.find('/');
  const bool counted = slash != std::string_view::npos;
  if (!port(ports.substr(0, slash)) || (counted && !port(ports.substr(slash + 1))))
    return fail(ports.data());
  const std::string_view proto = take_word(rest);
  if (proto.empty()) return fail(value.data() + value.size());
  if (rest.empty()) note(value.data() + value.size(), Repair::no_formats);
}

void Reader::attribute(const char* at, std::string_view value) noexcept {
  if (++attributes_ > limits_.attributes) return fail(at, ParseErrc::too_many);
  const Attribute a = attribute_of(value);
  if (!token(a.name)) note(value.data(), Repair::bad_attribute);
}

void Reader::value(char type, std::string_view value) noexcept {
  std::string_view rest = value;
  if (type == 'c') {
    const Connection c = connection_of(value);
    if (!token(c.net_type) || !token(c.addr_type))
      note(value.data(), Repair::bad_connection);
    else if (c.address.empty())
      note(value.data(), Repair::empty_address);
  } else if (type == 'b') {
    const std::size_t colon = value.find(':');
    if (colon == std::string_view::npos || !token(trimmed(value.substr(0, colon))) ||
        !digits(trimmed(value.substr(colon + 1))))
      note(value.data(), Repair::bad_bandwidth);
  } else if (type == 't') {
    time_ = time_ || found_.media_count == 0;
    const bool start = digits(take_word(rest));
    const bool stop = digits(take_word(rest));
    if (!start || !stop || !rest.empty()) note(value.data(), Repair::bad_time);
  }
}

void Reader::line(const LineView& view) noexcept {
  const char* const at = view.text.data();
  if (view.type == 0 || !((view.type | 0x20) >= 'a' && (view.type | 0x20) <= 'z')) {
    note(at, Repair::not_a_line);
    return;
  }
  if (*at != view.type || at[1] != '=') note(at, Repair::space_before_line);
  const char type = view.type;
  const bool free_text = std::string_view("siuepkf").find(type) != std::string_view::npos;
  if (!free_text && !view.value.empty() && (view.value.front() == ' ' || view.value.back() == ' '))
    note(view.value.data(), Repair::space_around_value);
  const bool medium = found_.media_count != 0 && type != 'm';
  if (type == 'v' || type == 'o' || type == 's')
    opening(type, view.value);
  else if (type == 'm')
    media(at, view.value);
  else if (type == 'a')
    attribute(at, view.value);
  else
    value(type, view.value);

  const std::size_t order = rank(type, found_.media_count != 0);
  if (order == std::string_view::npos)
    note(at, medium && rank(type, false) != std::string_view::npos ? Repair::misplaced_line
                                                                   : Repair::unknown_type);
  else if (order < rank_ && !(type == 't' && rank_ <= rank('z', false)))
    // Times repeat with their r= and z= (section 9, time-description).
    note(at, Repair::order);
  else
    rank_ = order;
}

ParseError Reader::run() noexcept {
  found_.first_media = text_.size();
  line_ends();
  for (const LineView& view : Lines(text_, 0, text_.size())) {
    if (error_.code != ParseErrc::ok) break;
    if (first_ == nullptr) {
      first_ = view.text.data();
      // Anything may be full of lines; a description begins like one.
      if (view.type != 'v' && view.type != 'o') fail(first_);
    }
    line(view);
  }
  if (first_ == nullptr) fail(text_.data());
  if (error_.code != ParseErrc::ok) return error_;

  const char* const level_end = text_.data() + found_.first_media;
  if (!version_) note(first_, Repair::missing_version);
  if (found_.origin.data() == nullptr) note(level_end, Repair::missing_origin);
  if (found_.name.data() == nullptr) note(level_end, Repair::missing_name);
  if (!time_) note(level_end, Repair::missing_time);
  found_.opening = true;
  return {};
}

}  // namespace

ParseError repair(std::string_view text, const Limits& limits, Diagnostics* told,
                  Sections& found) noexcept {
  return Reader(text, limits, told, found).run();
}

}  // namespace sipstack::sdp
