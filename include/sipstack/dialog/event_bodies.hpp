// SPDX-License-Identifier: Apache-2.0
// Small documents of event packages, written: presence (RFC 3863), dialog state (RFC 4235) and registrations
// (RFC 3680). Bodies are
// carried as they are otherwise; nothing here reads XML.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sipstack {

inline constexpr std::string_view kPidfType = "application/pidf+xml";
inline constexpr std::string_view kDialogInfoType = "application/dialog-info+xml";
inline constexpr std::string_view kRegInfoType = "application/reginfo+xml";

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

/// One contact in a registration document (RFC 3680 section 5.1). Empty members are left out.
struct ContactInfo {
  enum class Event : std::uint8_t { created, refreshed, expired, unregistered };
  std::string id;
  bool active = true;
  Event event = Event::created;
  std::string uri;
  std::string call_id;
  std::uint32_t cseq = 0;
  std::string q;
  std::optional<std::int64_t> expires;                      ///< seconds left
  std::int64_t duration = 0;                                ///< seconds bound
  std::vector<std::pair<std::string, std::string>> params;  ///< that RFC 3261 has not
  std::string pub_gruu;                                     ///< RFC 5628
};

struct RegistrationInfo {
  enum class State : std::uint8_t { init, active, terminated };
  std::string aor;
  std::string id;
  State state = State::init;
  std::vector<ContactInfo> contacts;
};

/// A full reginfo document of one AOR; `version` counts the documents of a subscription from 0.
std::string reg_info(std::uint32_t version, const RegistrationInfo& registration);

}  // namespace sipstack
