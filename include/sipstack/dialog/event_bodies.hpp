// SPDX-License-Identifier: Apache-2.0
// Small documents of event packages, written: presence (RFC 3863) and dialog state (RFC 4235). Bodies are
// carried as they are otherwise; nothing here reads XML.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sipstack {

inline constexpr std::string_view kPidfType = "application/pidf+xml";
inline constexpr std::string_view kDialogInfoType = "application/dialog-info+xml";

/// A PIDF document with one tuple. `entity` and `contact` are URIs; no contact where empty.
std::string pidf(std::string_view entity, bool open, std::string_view contact = {});

/// One dialog in a dialog-info document (RFC 4235 section 4.1.2). Empty members are left out.
struct DialogInfo {
  enum class State : std::uint8_t { trying, proceeding, early, confirmed, terminated };
  std::string id;  ///< of ours, the same as long as the dialog is there
  std::string call_id;
  std::string local_tag;
  std::string remote_tag;
  std::string remote_uri;
  bool initiator = false;  ///< we called
  State state = State::trying;
};

/// A full dialog-info document; `version` counts the documents of a subscription from 0.
std::string dialog_info(std::string_view entity, std::uint32_t version,
                        const std::vector<DialogInfo>& dialogs);

}  // namespace sipstack
