// SPDX-License-Identifier: Apache-2.0
// Session descriptions: what is read is printed as something that reads the same, no byte is lost, the
// lenient mode reads alike what the exact one takes, and says the same as itself.
#include <cstdlib>
#include <string>
#include <string_view>

#include "sipstack/parser/diagnostics.hpp"
#include "sipstack/parser/sdp_compare.hpp"
#include "sipstack/parser/sdp_writer.hpp"

using namespace sipstack;
using namespace sipstack::sdp;

static void require(bool good) {
  if (!good) std::abort();
}

// Every typed look at every line.
static std::size_t look(const Lines& lines) {
  std::size_t seen = 0;
  for (const LineView& line : lines) {
    const std::string_view v = line.type == 'a' ? attribute_of(line.value).value : line.value;
    if (const auto fmtp = fmtp_of(v)) {
      for (const std::string_view piece : fmtp->walk()) seen += format_param_of(piece).name.size();
    }
    if (const auto crypto = crypto_of(v)) {
      for (const std::string_view key : crypto->keys) seen += crypto_key_of(key) ? 1 : 0;
    }
    seen += rtpmap_of(v) ? 1 : 0;
    seen += packet_time_of(v) ? 1 : 0;
    seen += rtcp_feedback_of(v) ? 1 : 0;
    seen += extension_map_of(v) ? 1 : 0;
    seen += bandwidth_of(v) ? 1 : 0;
    seen += rtcp_port_of(v) ? 1 : 0;
    seen += group_of(v) ? group_of(v)->members.size() : 0;
    seen += source_of(v) ? 1 : 0;
    seen += fingerprint_of(v) ? 1 : 0;
    seen += candidate_of(v) ? candidate_of(v)->extensions.size() : 0;
    seen += ice_pwd_of(v) ? 1 : 0;
    seen += file_size_of(v) ? 1 : 0;
    seen += download_speed_of(v) ? 1 : 0;
    seen += gb_source_of(v) ? 1 : 0;
    seen += gb_format_of(v) ? 1 : 0;
    seen += gb_channel_of(v) ? 1 : 0;
    seen += connection_of(v).host().size() + origin_of(v).username.size();
  }
  return seen + t38_of(lines).udp_ec.size();
}

static void same(const Lines& a, const Lines& b) {
  auto x = a.begin();
  auto y = b.begin();
  for (; x != a.end() && y != b.end(); ++x, ++y)
    require(x->type == y->type && x->value == y->value && x->offset == y->offset);
  require(x == a.end() && y == b.end());
}

// Sections are all of the bytes.
static void whole(const View& view, std::string_view text) {
  std::size_t size = view.session_text().size();
  std::size_t media = 0;
  look(view.lines());
  for (const MediaView& medium : view.media()) {
    require(medium.text.data() == text.data() + size);
    size += medium.text.size();
    ++media;
    look(medium.lines);
    for (const std::string_view format : Words(medium.line.formats))
      (void)medium.rtpmap(format), (void)medium.fmtp(format);
  }
  require(size == text.size() && media == view.media_count());
}

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Diagnostics told;
  Reading lenient;
  lenient.mode = Mode::lenient;
  lenient.told = &told;
  const auto exact = View::parse(text);
  const auto loose = View::parse(text, lenient);
  for (const Diagnostic& one : told) require(one.offset <= size);
  if (!exact) require(exact.error().offset <= size && fault(text, exact.error()).at.line > 0);
  if (!loose) {
    require(!exact && loose.error().offset <= size);
    return 0;
  }
  whole(*loose, text);
  require(equivalent(*loose, *loose));
  const Session session(*loose);
  require(session.verbatim() == text);
  if (!exact) return 0;

  require(exact->name() == loose->name() && exact->media_count() == loose->media_count());
  same(exact->lines(), loose->lines());
  for (auto a = exact->media().begin(), b = loose->media().begin(); a != exact->media().end();
       ++a, ++b)
    same(a->lines, b->lines);
  require(session.well_formed());
  const std::string printed = session.to_string();
  const auto again = View::parse(printed);
  require(again.has_value());
  require(equivalent(*exact, *again) && equivalent(*again, *exact));

  // Copied line by line behind an opening of ours.
  std::string buffer(size + 1000, '\0');
  Writer out(buffer.data(), buffer.size());
  out.origin({"-", "1", "1", "IN", "IP4", "h"}).name("-");
  out.copy(exact->lines());
  for (const MediaView& medium : exact->media()) out.copy(medium);
  const auto copied = out.finish();
  require(copied.has_value());
  require(View::parse(*copied)->media_count() == exact->media_count());
  return 0;
}
