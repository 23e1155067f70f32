// SPDX-License-Identifier: Apache-2.0
#include "sipstack/parser/header_id.hpp"

#include "parser/header_table.hpp"
#include "sipstack/parser/params.hpp"

namespace sipstack {

HeaderId header_id(std::string_view text) noexcept {
  using detail::kHeaderTable;
  if (text.empty() || text.size() > detail::kLongestHeaderName) return HeaderId::other;
  if (text.size() == 1) {
    const HeaderId id = kHeaderTable.compact[detail::lower(text[0]) & 31U];
    return iequals(text, compact_name(id)) ? id : HeaderId::other;
  }
  const HeaderId id = kHeaderTable.ids[kHeaderTable.slot(text.data(), text.size())];
  return iequals(text, name(id)) ? id : HeaderId::other;
}

}  // namespace sipstack
