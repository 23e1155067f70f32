// SPDX-License-Identifier: Apache-2.0
// Looking into a parsed message.
#include "sipstack/parser/message_view.hpp"

#include "parser/lenient.hpp"

namespace sipstack {

Uri MessageView::request_uri() const noexcept {
  const std::string_view text = uri_text();
  scan::Scan s{text.data(), text.data() + text.size(), readable()};
  Uri uri;
  if (scan::scanners().uri(s, uri) != ParseErrc::ok && head_->lenient) {
    detail::Notes silent;
    s.at = text.data();
    lenient::uri(s.at, s.end, uri, false, silent);
  }
  return uri;
}

CSeq MessageView::cseq() const noexcept {
  return CSeq{head_->cseq, head_->method, head_->method_name.in(bytes_)};
}

Via MessageView::top_via() const noexcept {
  Via via;
  if (const HeaderEntry* entry = find(HeaderId::via)) {
    const char* const value = bytes_ + entry->value;
    scan::Scan s{value, value + entry->length, readable()};
    if (scan::scanners().via(s, via) != ParseErrc::ok) {
      detail::Notes silent;
      s.at = value;
      // Of a message that failed to parse: no half of a value.
      if (!head_->lenient ||
          detail::reread(HeaderId::via, s.at, s.end, via, silent) != ParseErrc::ok) {
        return {};
      }
    }
  }
  return via;
}

HeaderView MessageView::header(std::size_t i) const noexcept {
  const HeaderEntry& entry = entries_[i];
  return {entry.id, {bytes_ + entry.name, entry.name_length}, {bytes_ + entry.value, entry.length}};
}

std::optional<std::string_view> MessageView::raw(HeaderId id) const noexcept {
  const HeaderEntry* const entry = find(id);
  if (entry == nullptr) return std::nullopt;
  return std::string_view{bytes_ + entry->value, entry->length};
}

std::optional<std::string_view> MessageView::raw(std::string_view name) const noexcept {
  const HeaderId id = header_id(name);
  for (const HeaderEntry* entry = begin_entries(); entry != end_entries(); ++entry) {
    if (detail::is_header(bytes_, *entry, id, name)) {
      return std::string_view{bytes_ + entry->value, entry->length};
    }
  }
  return std::nullopt;
}

bool MessageView::lists(const HeaderTag<TokenValue>& tag, std::string_view token) const noexcept {
  for (const auto& value : all(tag)) {
    if (value && iequals(value->token, token)) return true;
  }
  return false;
}

const HeaderEntry* MessageView::find(HeaderId id) const noexcept {
  for (const HeaderEntry* entry = begin_entries(); entry != end_entries(); ++entry) {
    if (entry->id == id) return entry;
  }
  return nullptr;
}

bool recoverable(const MessageView& message) noexcept {
  return message && message.is_request() && message.method() != Method::ack &&
         message.has(HeaderId::via);
}

}  // namespace sipstack
