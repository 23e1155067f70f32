# SPDX-License-Identifier: Apache-2.0
"""baresip without sound devices, steered and watched by its ctrl_tcp module (JSON in netstrings)."""
import glob
import json
import os
import socket
import time

from _peer import Failed, find, free_port, need

CONFIG = """\
sip_listen 127.0.0.1:%(sip)d
sip_trans_def %(transport)s
net_interface 127.0.0.1
call_local_timeout 30
call_max_calls 4
audio_player aubridge,quiet
audio_source %(source)s
audio_alert aubridge,quiet
ausrc_srate 8000
auplay_srate 8000
rtp_ports 20000-20100
rtp_stats no
module_path %(modules)s
module g711.so
module aubridge.so
module aufile.so
module uuid.so
module_app account.so
module_app contact.so
module_app menu.so
module_app presence.so
module_app ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:%(control)d
%(more)s
"""


def sip_port():
    """Baresip listens for TLS at the port behind. Below those that the system deals out to others meanwhile."""
    while True:
        port = free_port(digits=4)
        with socket.socket() as behind:
            try:
                behind.bind(("127.0.0.1", port + 1))
                return port
            except OSError:
                continue


class Baresip:
    def __init__(self, bench, account, transport="udp", contacts="", more="", source="aubridge,quiet"):
        need("baresip")
        home = os.path.join(bench.dir, "baresip")
        os.mkdir(home)
        modules = glob.glob("/usr/lib/baresip/modules") + glob.glob("/usr/lib/*/baresip/modules")
        self.sip, self.control = sip_port(), free_port(socket.SOCK_STREAM, digits=4)
        for name, text in (("config", CONFIG % {"sip": self.sip, "control": self.control, "transport": transport, "more": more,
                                                "source": source,
                                                "modules": modules[0]}),
                           ("accounts", account + "\n"), ("contacts", contacts)):
            with open(os.path.join(home, name), "w", encoding="utf-8") as f:
                f.write(text)
        self.program = bench.start([find("baresip"), "-f", home], name="baresip")
        self.events, self.buffer = [], b""
        end = time.monotonic() + 10
        while True:
            try:
                self.socket = socket.create_connection(("127.0.0.1", self.control), 1)
                break
            except OSError:
                if time.monotonic() > end or not self.program.alive():
                    raise Failed("baresip's control port never opened; output:\n" + self.program.tail())
                time.sleep(0.05)

    def registered(self):
        """The REGISTER may be over before the control port is open: baresip's own line tells."""
        self.program.line(r"200 OK .*\[\d+ binding")

    def command(self, command, params=""):
        text = json.dumps({"command": command, "params": params, "token": command}).encode()
        self.socket.sendall(b"%d:%s," % (len(text), text))

    def _read(self, left):
        self.socket.settimeout(max(0.01, left))
        try:
            data = self.socket.recv(65536)
        except socket.timeout:
            return
        if not data:
            raise Failed("baresip closed its control port; output:\n" + self.program.tail())
        self.buffer += data
        while b":" in self.buffer:
            length, rest = self.buffer.split(b":", 1)
            if len(rest) < int(length) + 1:
                return
            self.events.append(json.loads(rest[:int(length)]))
            self.buffer = rest[int(length) + 1:]

    def event(self, kind, timeout=10.0):
        """Waits for the next event of that type."""
        end = time.monotonic() + timeout
        while True:
            while self.events:
                e = self.events.pop(0)
                if e.get("type") == kind:
                    return e
            left = end - time.monotonic()
            if left <= 0:
                raise Failed("baresip: no event %s within %g s; output:\n%s" % (kind, timeout, self.program.tail()))
            self._read(left)
