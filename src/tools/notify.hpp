// SPDX-License-Identifier: Apache-2.0
// How a service tells systemd where it stands: sd_notify(3)'s protocol, a datagram to $NOTIFY_SOCKET.
#pragma once

#include <string>

namespace sipstack::tools {

/// "READY=1", "STOPPING=1", ...; lines. Nothing happens where nobody asked to be told, or does not listen.
void notify_supervisor(const std::string& state);
/// RELOADING=1 with the time that Type=notify-reload wants beside it.
void notify_reloading();

}  // namespace sipstack::tools
