// SPDX-License-Identifier: Apache-2.0
// Ladders. Whatever comes from the wire is escaped on its way into the picture: a capture is a stranger's.
#include "tools/flow_draw.hpp"

#include <algorithm>
#include <cstddef>
#include <string_view>

#include <fmt/format.h>

#include "tools/node.hpp"

namespace sipstack::tools {

namespace {

double seconds(WallTime at) { return static_cast<double>(at.count()) / 1e6; }

std::string summary(const FlowCall& call) {
  std::size_t copies = 0;
  for (const FlowArrow& arrow : call.arrows) copies += arrow.copy > 0 ? 1 : 0;
  std::string text =
      fmt::format("{} message{} in {:.3f} s", call.arrows.size(),
                  call.arrows.size() == 1 ? "" : "s", seconds(call.end - call.begin));
  if (copies > 0) text += fmt::format(", {} retransmitted", copies);
  return text;
}

std::string call_name(const FlowCall& call) {
  return call.id.empty() ? "without a Call-ID" : "Call-ID " + printable(call.id);
}

// ---------------------------------------------------------------- text

std::string without_end_space(std::string line) {
  while (!line.empty() && line.back() == ' ') line.pop_back();
  return line + "\n";
}

void draw_text(const FlowCall& call, std::string& out) {
  constexpr std::size_t kTime = 11;
  // Wide enough for every label between neighbours, within reason.
  std::size_t gap = 24;
  for (const FlowArrow& arrow : call.arrows) gap = std::max(gap, arrow.label.size() + 6);
  for (const std::string& column : call.columns) gap = std::max(gap, column.size() + 2);
  gap = std::min(gap, std::size_t{48});
  out += fmt::format("{}\n{}, {}\n\n", call.title, call_name(call), summary(call));
  std::string head(kTime, ' ');
  for (const std::string& column : call.columns) head += fmt::format("{:<{}}", column, gap);
  out += without_end_space(head);
  for (const FlowArrow& arrow : call.arrows) {
    std::string line(kTime + (call.columns.size() - 1) * gap + 1, ' ');
    const std::string time = fmt::format("{:>10.3f}", seconds(arrow.since));
    line.replace(0, time.size(), time);
    for (std::size_t i = 0; i < call.columns.size(); ++i) line[kTime + i * gap] = '|';
    const std::size_t left = kTime + std::min(arrow.from, arrow.to) * gap + 1;
    const std::size_t right = kTime + std::max(arrow.from, arrow.to) * gap;
    if (right <= left) {
      line += "  (to itself) " + arrow.label;
    } else {
      for (std::size_t i = left; i < right; ++i) line[i] = arrow.copy > 0 ? '.' : '-';
      const std::string label = arrow.label.substr(0, right - left - 4);
      line.replace(left + 2, label.size(), label);
      line[arrow.to > arrow.from ? right - 1 : left] = arrow.to > arrow.from ? '>' : '<';
    }
    if (!arrow.note.empty()) line += "  " + arrow.note;
    out += without_end_space(line);
  }
}

// ---------------------------------------------------------------- SVG and HTML

/// Text of XML and of HTML. What is no UTF-8, and control characters but line ends and tabs, are shown as
/// U+FFFD.
std::string escaped(std::string_view text) {
  static constexpr std::string_view kNone = "\xEF\xBF\xBD";
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x80) {
      ++i;
      switch (byte) {
        case '<': out += "&lt;"; break;
        case '>': out += "&gt;"; break;
        case '&': out += "&amp;"; break;
        case '"': out += "&quot;"; break;
        case '\'': out += "&#39;"; break;
        case '\r': break;
        default:
          if ((byte < 0x20 && byte != '\n' && byte != '\t') || byte == 0x7F)
            out += kNone;
          else
            out += static_cast<char>(byte);
      }
      continue;
    }
    const std::size_t size = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : 2;
    std::uint32_t point = byte & (0xFFU >> (size + 1));
    bool good = byte >= 0xC2 && byte <= 0xF4 && text.size() - i >= size;
    for (std::size_t k = 1; good && k < size; ++k) {
      const auto next = static_cast<unsigned char>(text[i + k]);
      good = (next & 0xC0) == 0x80;
      point = (point << 6) | (next & 0x3FU);
    }
    good = good && (size != 3 || (point >= 0x800 && (point < 0xD800 || point > 0xDFFF))) &&
           (size != 4 || (point >= 0x10000 && point <= 0x10FFFF)) && point != 0xFFFE &&
           point != 0xFFFF;
    out += good ? text.substr(i, size) : kNone;
    i += good ? size : 1;
  }
  return out;
}

constexpr int kLeft = 90;
constexpr int kGap = 250;
constexpr int kRow = 34;
constexpr int kHead = 86;

int width_of(const FlowCall& call) { return kLeft + static_cast<int>(call.columns.size()) * kGap; }
int height_of(const FlowCall& call) {
  return kHead + static_cast<int>(call.arrows.size()) * kRow + 30;
}

constexpr std::string_view kStyle =
    "text{font:13px system-ui,sans-serif;fill:#1b1f24}.t{fill:#57606a;text-anchor:end}"
    ".h{font-weight:600;text-anchor:middle}.l{text-anchor:middle}.n{fill:#9a6700;font-size:11px;"
    "text-anchor:middle}.c{stroke:#afb8c1}.a{stroke:#0969da;stroke-width:1.6;fill:none}"
    ".p{fill:#0969da}.r .a{stroke:#9a6700;stroke-dasharray:5 4}.r .p{fill:#9a6700}"
    ".f .a{stroke:#cf222e}.f .p{fill:#cf222e}.b{font-size:15px;font-weight:600}";

/// 4xx to 6xx, and what cannot be read.
bool fails(const FlowArrow& arrow) {
  return arrow.label.substr(0, 9) == "malformed" ||
         (!arrow.label.empty() && arrow.label[0] >= '4' && arrow.label[0] <= '6');
}

/// One call as a group, its arrows numbered from `number` on.
std::string draw_svg(const FlowCall& call, int top, std::size_t& number) {
  std::string out = fmt::format(
      "<g transform=\"translate(0 {})\">\n<text class=\"b\" x=\"16\" y=\"24\">{}</text>\n"
      "<text x=\"16\" y=\"44\">{}, {}</text>\n",
      top, escaped(call.title), escaped(call_name(call)), summary(call));
  const int bottom = height_of(call) - 20;
  const auto x_of = [](std::size_t column) {
    return kLeft + kGap / 2 + static_cast<int>(column) * kGap;
  };
  for (std::size_t i = 0; i < call.columns.size(); ++i)
    out += fmt::format(
        "<text class=\"h\" x=\"{0}\" y=\"70\">{1}</text>\n"
        "<line class=\"c\" x1=\"{0}\" y1=\"78\" x2=\"{0}\" y2=\"{2}\"/>\n",
        x_of(i), escaped(call.columns[i]), bottom);
  int y = kHead + 20;
  for (const FlowArrow& arrow : call.arrows) {
    const int from = x_of(arrow.from);
    const int to = x_of(arrow.to);
    const int way = to > from ? 1 : -1;
    const std::string said = arrow.note.empty() ? arrow.label : arrow.label + ", " + arrow.note;
    out += fmt::format(
        "<g class=\"m{}{}\" data-m=\"{}\" tabindex=\"0\" role=\"button\" aria-label=\"{}\">"
        "<text class=\"t\" x=\"{}\" y=\"{}\">{:.3f}</text>",
        arrow.copy > 0 ? " r" : "", fails(arrow) ? " f" : "", number++, escaped(said), kLeft - 10,
        y + 4, seconds(arrow.since));
    if (from == to) {
      out += fmt::format(
          "<path class=\"a\" d=\"M{0} {1}h40v10h-32\"/><path class=\"p\" d=\"M{0} {2}l9 -5v10z\"/>",
          from, y - 6, y + 4);
    } else {
      out += fmt::format(
          "<line class=\"a\" x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\"/>"
          "<path class=\"p\" d=\"M{} {}l{} -5v10z\"/>",
          from, y, to - way * 8, y, to, y, -way * 9);
    }
    const int middle = from == to ? from + kGap / 2 : (from + to) / 2;
    out += fmt::format("<text class=\"l\" x=\"{}\" y=\"{}\">{}</text>", middle, y - 5,
                       escaped(arrow.label));
    if (!arrow.note.empty())
      out += fmt::format("<text class=\"n\" x=\"{}\" y=\"{}\">{}</text>", middle, y + 12,
                         escaped(arrow.note));
    // A hand's breadth to click on.
    out += fmt::format(
        "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"none\" "
        "pointer-events=\"all\"/></g>\n",
        std::min(from, to), y - kRow / 2, std::max(std::abs(to - from), kGap / 2), kRow);
    y += kRow;
  }
  return out + "</g>\n";
}

std::string draw_all(const std::vector<FlowCall>& calls) {
  int width = 600;
  int height = 10;
  for (const FlowCall& call : calls) {
    width = std::max(width, width_of(call));
    height += height_of(call);
  }
  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" "
      "viewBox=\"0 0 {0} {1}\">\n<style>{2}</style>\n"
      "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n",
      width, height, kStyle);
  int top = 0;
  std::size_t number = 0;
  for (const FlowCall& call : calls) {
    out += draw_svg(call, top, number);
    top += height_of(call);
  }
  return out + "</svg>\n";
}

}  // namespace

std::string flow_text(const std::vector<FlowCall>& calls) {
  std::string out;
  for (const FlowCall& call : calls) {
    if (!out.empty()) out += "\n";
    draw_text(call, out);
  }
  return out;
}

std::string flow_svg(const std::vector<FlowCall>& calls) { return draw_all(calls); }

std::string flow_html(const std::vector<FlowCall>& calls) {
  std::string out =
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
      "style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n"
      "<title>SIP call flow</title>\n<style>"
      "body{margin:0;display:flex;height:100vh;font:14px system-ui,sans-serif;color:#1b1f24}"
      "#f{flex:1;overflow:auto}#s{width:40%;overflow:auto;border-left:1px solid #d0d7de;"
      "background:#f6f8fa}#s p{margin:16px;color:#57606a}pre{margin:0;padding:16px;white-space:"
      "pre-wrap;overflow-wrap:anywhere;font:13px ui-monospace,monospace}.m{cursor:pointer}"
      ".m:hover rect,.m.on rect{fill:#0969da;fill-opacity:.1}.m:focus{outline:none}"
      ".m:focus rect{stroke:#0969da}</style></head>\n<body>\n<div id=\"f\">\n";
  out += draw_all(calls);
  out +=
      "</div>\n<div id=\"s\" aria-live=\"polite\"><p>Choose an arrow to see its "
      "message.</p></div>\n";
  std::size_t number = 0;
  for (const FlowCall& call : calls)
    for (const FlowArrow& arrow : call.arrows)
      out += fmt::format("<template id=\"m{}\"><p>{} to {}, {}{}{}</p><pre>\n{}</pre></template>\n",
                         number++, escaped(arrow.message->from.to_string()),
                         escaped(arrow.message->to.to_string()), escaped(arrow.transport),
                         arrow.note.empty() ? "" : ", ", escaped(arrow.note),
                         escaped(arrow.message->bytes));
  out +=
      "<script>\nconst side = document.getElementById('s');\nlet chosen = null;\n"
      "function show(arrow) {\n"
      "  if (chosen) chosen.classList.remove('on');\n"
      "  chosen = arrow;\n  arrow.classList.add('on');\n"
      "  const message = document.getElementById('m' + arrow.dataset.m);\n"
      "  side.replaceChildren(message.content.cloneNode(true));\n}\n"
      "for (const arrow of document.querySelectorAll('.m')) {\n"
      "  arrow.addEventListener('click', () => show(arrow));\n"
      "  arrow.addEventListener('keydown', e => { if (e.key === 'Enter') show(arrow); });\n}\n"
      "</script>\n</body></html>\n";
  return out;
}

}  // namespace sipstack::tools
