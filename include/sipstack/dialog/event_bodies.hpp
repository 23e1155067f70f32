// SPDX-License-Identifier: Apache-2.0
// Small documents of event packages: presence (RFC 3863) and registrations (RFC 3680), written, and dialog
// state (RFC 4235), written and read. Bodies are carried as they are otherwise.
#pragma once

#include <cstddef>
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

/// One PIDF document of what several publishers say of `entity` (RFC 3863 section 4.1): whatever stands below their
/// roots, tuples and others, in that order. Of equal ids all but the first are renamed. Nothing where a document
/// is no PIDF, not well-formed as far as it is read, not in UTF-8, has a DOCTYPE, or more than `max_elements` stand below its root.
std::optional<std::string> merge_pidf(std::string_view entity,
                                      const std::vector<std::string_view>& documents,
                                      std::size_t max_elements = 256);

/// One dialog in a dialog-info document (RFC 4235 section 4.1.2). Empty members are left out.
struct DialogInfo {
  enum class State : std::uint8_t { trying, proceeding, early, confirmed, terminated };
  std::string id;  ///< of ours, the same as long as the dialog is there
  std::string call_id;
  std::string local_tag;
  std::string remote_tag;
  std::string remote_uri;  ///< the remote target, else the remote identity
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

/// A dialog-info document, or what is known of an entity's dialogs after several (see merge()).
struct DialogInfoDocument {
  std::string entity;
  std::uint32_t version = 0;
  bool full = true;  ///< all dialogs, else those that changed
  std::vector<DialogInfo> dialogs;

  /// Whether a call is going on or being set up: what automatic redial waits for the end of.
  bool busy() const noexcept;
};

/// Reads what the members of DialogInfo hold and steps over the rest. Nothing where the document is no
/// dialog-info, is not well-formed as far as it is read, has a DOCTYPE, or more than `max_dialogs`.
std::optional<DialogInfoDocument> read_dialog_info(std::string_view body,
                                                   std::size_t max_dialogs = 256);

/// What became of a merge (RFC 4235 section 4.3).
enum class DialogInfoMerge : std::uint8_t {
  done,
  old,    ///< of an earlier version than what is known; dropped
  missed  ///< merged, but documents before it are missing: refresh the subscription
};
/// Takes the next document of a subscription in. Dialogs that have terminated are forgotten; `known` holds
/// at most `max_dialogs`, those beyond are dropped and `missed` is told.
DialogInfoMerge merge(DialogInfoDocument& known, DialogInfoDocument next,
                      std::size_t max_dialogs = 256);

/// A Replaces or Join value that names a watched dialog to its remote end, whose URI is remote_uri: call
/// pickup (RFC 5359 section 2.16). `early_only`: not once it is answered (RFC 3891 section 6.1). Empty where
/// the document did not tell both tags.
std::string replaces(const DialogInfo& watched, bool early_only = false);
/// The same as the watched party itself has it: to join its call (RFC 3911), or to take it over.
std::string join(const DialogInfo& watched);

}  // namespace sipstack
