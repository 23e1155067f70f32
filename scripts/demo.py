#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A call through a server, shown while it happens; then a burst of calls.

Starts `sipstack serve` with digest users, registers Bob's phone (`sipstack uas`) there, has Alice call
him through it, and draws every message that the server sees as a ladder. All on loopback, on free ports;
every process that is started here is stopped here, by its pid.

    demo.py --sipstack PATH [--calls N] [--rate N]
"""
import argparse
import collections
import os
import re
import secrets
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time

DOMAIN = "demo.test"
PATIENCE = 15.0  # s; for one step
LIMIT = 120      # s; for everything


class Failed(Exception):
    pass


class Process:
    """One sipstack command: its lines of output as they come, and its end."""

    def __init__(self, name, argv):
        self.name, self.lines, self.errors = name, [], []
        self.changed = threading.Condition()
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True, errors="replace",
                                        start_new_session=True)
        self.readers = [threading.Thread(target=self._read, args=pair, daemon=True)
                        for pair in ((self.process.stdout, self.lines), (self.process.stderr, self.errors))]
        for reader in self.readers:
            reader.start()

    def _read(self, stream, into):
        for line in stream:
            with self.changed:
                into.append(line.rstrip("\n"))
                self.changed.notify_all()

    def wait_for(self, pattern, patience=PATIENCE):
        """The match of the first line that fits."""
        end = time.monotonic() + patience
        with self.changed:
            while True:
                for line in self.lines:
                    found = re.search(pattern, line)
                    if found:
                        return found
                left = end - time.monotonic()
                if left <= 0 or (self.process.poll() is not None and not self._reading()):
                    raise Failed(f"{self.name}: no line like {pattern!r}; " + self.told())
                self.changed.wait(min(left, 0.1))

    def _reading(self):
        return any(reader.is_alive() for reader in self.readers)

    def end(self, patience=PATIENCE):
        """Waits for its end; the exit status must be 0."""
        try:
            status = self.process.wait(patience)
        except subprocess.TimeoutExpired:
            raise Failed(f"{self.name} still runs after {patience:.0f} s; " + self.told()) from None
        for reader in self.readers:
            reader.join(2)
        if status != 0:
            raise Failed(f"{self.name} ended with status {status}; " + self.told())

    def told(self):
        status = self.process.poll()
        ended = "" if status is None else f"it ended with status {status} and "
        return f"{ended}said {self.lines[-3:]} and {self.errors[-3:]}"

    def stop(self):
        """Asks it to end in good order, by its pid; the exit status must be 0."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.end(6)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Trace:
    """Reads the pcap that a server writes, while it writes it."""

    def __init__(self, path):
        self.file = open(path, "rb")
        self.rest = b""
        self.started = False

    def messages(self):
        """(seconds, source port, destination port, message) of what has come since."""
        self.rest += self.file.read()
        if not self.started:
            if len(self.rest) < 24:
                return
            if self.rest[:4] != b"\xa1\xb2\xc3\xd4":
                raise Failed("the trace is no pcap file")
            self.rest, self.started = self.rest[24:], True
        while len(self.rest) >= 16:
            seconds, micros, size, _ = struct.unpack(">IIII", self.rest[:16])
            if len(self.rest) < 16 + size:
                return
            packet, self.rest = self.rest[16:16 + size], self.rest[16 + size:]
            header = (packet[0] & 15) * 4 if packet[0] >> 4 == 4 else 40
            source, destination = struct.unpack(">HH", packet[header:header + 4])
            yield seconds + micros / 1e6, source, destination, packet[header + 8:].decode("utf-8", "replace")


class Ladder:
    """Three lifelines, an arrow a message."""
    WIDTH = 30

    def __init__(self, server_port, bob_ports):
        self.server, self.bob = server_port, bob_ports
        self.start = None
        terminal = sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
        self.colour = terminal
        self.line, self.left, self.right, self.pipe = "-", "<", ">", "|"
        if "utf" in (sys.stdout.encoding or "").lower():
            self.line, self.left, self.right, self.pipe = "─", "◀", "▶", "│"

    def head(self):
        gap = self.WIDTH + 1
        print(" " * 9 + "Alice".center(9) + "Server".center(9).rjust(gap) + "Bob".center(9).rjust(gap))

    def paint(self, text, code):
        return f"\033[{code}m{text}\033[0m" if self.colour else text

    def draw(self, at, source, destination, message):
        if self.start is None:
            self.start = at
        first = message.split("\r\n", 1)[0]
        cseq = re.search(r"^CSeq:\s*\d+\s+(\S+)", message, re.M | re.I)
        if first.startswith("SIP/2.0 "):
            label = first[8:].replace("Proxy Authentication Required", "Proxy Auth. Required")
            code = {"1": "33", "2": "32"}.get(label[0], "31")
            whole = f"{label} ({cseq.group(1)})" if cseq else label
            label = whole if len(whole) <= self.WIDTH - 4 else label
        else:
            label, code = first.split(" ", 1)[0], "1;34"
        label = label[:self.WIDTH - 4]
        other = destination if source == self.server else source
        to_right = (destination != self.server) == (other in self.bob)
        body = f" {label} ".center(self.WIDTH - 1, self.line)
        arrow = body + self.right if to_right else self.left + body
        arrow = self.paint(arrow, code)
        empty = " " * self.WIDTH
        legs = [empty, arrow] if other in self.bob else [arrow, empty]
        bars = self.pipe
        print(f"{at - self.start:8.3f}     {bars}{legs[0]}{bars}{legs[1]}{bars}", flush=True)


class Demo:
    def __init__(self, sipstack, folder, calls, rate):
        self.sipstack, self.folder, self.calls, self.rate = sipstack, folder, calls, rate
        self.processes = []
        self.passwords = collections.defaultdict(lambda: secrets.token_hex(5))

    def run(self, name, *argv):
        process = Process(name, [self.sipstack, *map(str, argv)])
        self.processes.append(process)
        return process

    def port(self, process):
        process.wait_for(r"^ready$")
        return int(process.wait_for(r"^listening udp 127\.0\.0\.1:(\d+)$").group(1))

    def as_user(self, user):
        return ["--user", user, "--password", self.passwords[user], "--proxy", f"sip:127.0.0.1:{self.server_port}",
                "--listen", "udp:127.0.0.1:0"]

    def phone(self, user, *options):
        """A phone that answers, and its registration."""
        uas = self.run(f"{user}'s phone", "uas", "--listen", "udp:127.0.0.1:0", *options)
        port = self.port(uas)
        registration = self.run(f"{user}'s registration", "register", f"sip:{user}@{DOMAIN}",
                                "--contact", f"sip:{user}@127.0.0.1:{port}", *self.as_user(user))
        return uas, registration, {port, self.port(registration)}

    def start_server(self):
        users = os.path.join(self.folder, "users")
        with open(users, "w", encoding="ascii") as file:
            os.chmod(users, 0o600)
            for user in ("alice", "bob", "carol"):
                file.write(f"{user}:{self.passwords[user]}\n")
        self.trace_path = os.path.join(self.folder, "server.pcap")
        self.server = self.run("the server", "serve", "--listen", "udp:127.0.0.1:0", "--domain", DOMAIN,
                               "--users", users, "--trace", self.trace_path)
        self.server_port = self.port(self.server)
        print(f"A server for {DOMAIN} on 127.0.0.1:{self.server_port}; alice, bob and carol have passwords.\n")

    def follow(self, trace, ladder, until):
        """Draws what comes until `until` says so, and what came before it did."""
        end = time.monotonic() + PATIENCE
        while True:
            last = until()
            for message in trace.messages():
                ladder.draw(*message)
            if last:
                return
            if time.monotonic() > end:
                raise Failed("the call does not get on")
            time.sleep(0.02)

    def show_call(self):
        trace = Trace(self.trace_path)
        uas, registration, ports = self.phone("bob", "--ring-ms", "900")
        ladder = Ladder(self.server_port, ports)
        print("Bob's phone registers; Alice calls him, and hangs up after a second and a half.\n")
        ladder.head()
        self.follow(trace, ladder, lambda: any(line == "registered" for line in registration.lines)
                    or registration.process.poll() is not None)
        registration.wait_for("^registered$", 1)
        call = self.run("Alice's call", "call", f"sip:bob@{DOMAIN}", "--from", f"sip:alice@{DOMAIN}",
                        "--duration-ms", "1500", *self.as_user("alice"))
        self.follow(trace, ladder, lambda: call.process.poll() is not None)
        call.end()
        steps = [line for line in call.lines if line in ("trying", "ringing", "answered", "ended")]
        if steps != ["trying", "ringing", "answered", "ended"]:
            raise Failed(f"Alice's call went {call.lines}")
        registration.stop()
        self.follow(trace, ladder, lambda: True)
        uas.stop()
        print("\nAlice saw: " + ", ".join(steps) + ". Bob's binding is removed, his phone is off.\n")

    def show_burst(self):
        uas, registration, _ = self.phone("carol")
        registration.wait_for("^registered$")
        print(f"{self.calls} calls through the server to Carol, {self.rate} a second; each rings, is answered and "
              "hung up.", flush=True)
        burst = self.run("the burst", "call", f"sip:carol@{DOMAIN}", "--from", f"sip:alice@{DOMAIN}",
                         "--duration-ms", "0", "--repeat", self.calls, "--rate", self.rate, *self.as_user("alice"))
        burst.end(PATIENCE + 3.0 * self.calls / self.rate)
        counts = burst.wait_for(r"^calls (\d+) answered (\d+) failed (\d+)", 1)
        times = burst.wait_for(r"^seconds ([\d.]+) rate ([\d.]+) setup-ms median ([\d.]+) p99 ([\d.]+)", 1)
        answered = int(counts.group(2))
        print(f"{answered} of {counts.group(1)} answered in {times.group(1)} s: {times.group(2)} calls a second; "
              f"from INVITE to 200 {times.group(3)} ms, of 99 in 100 at most {times.group(4)} ms.\n")
        if answered != self.calls:
            raise Failed("not every call of the burst was answered")
        registration.stop()
        uas.stop()

    def main(self):
        self.start_server()
        self.show_call()
        self.show_burst()
        self.server.stop()
        print("Everything is stopped.")


def main():
    parser = argparse.ArgumentParser(description="A registered phone being called through a server.")
    parser.add_argument("--sipstack", required=True, metavar="PATH", help="the command")
    parser.add_argument("--calls", type=int, default=500, metavar="N", help="calls of the burst (500)")
    parser.add_argument("--rate", type=int, default=100, metavar="N", help="of them a second (100)")
    arguments = parser.parse_args()
    if arguments.calls < 1 or arguments.rate < 1:
        parser.error("--calls and --rate want a number above 0")
    sipstack = shutil.which(os.path.abspath(arguments.sipstack))
    if sipstack is None:
        parser.error(f"{arguments.sipstack}: no such command")

    def late(*_):
        raise Failed(f"not over after {LIMIT} s")

    def interrupted(*_):
        raise KeyboardInterrupt

    signal.signal(signal.SIGALRM, late)
    signal.signal(signal.SIGTERM, interrupted)
    signal.alarm(LIMIT)
    with tempfile.TemporaryDirectory(prefix="sipstack-demo-") as folder:
        demo = Demo(sipstack, folder, arguments.calls, arguments.rate)
        try:
            demo.main()
            return 0
        except Failed as why:
            print(f"demo: {why}", file=sys.stderr)
        except KeyboardInterrupt:
            print("demo: interrupted", file=sys.stderr)
        finally:
            signal.alarm(0)
            for process in demo.processes:
                process.kill()
    return 1


if __name__ == "__main__":
    sys.exit(main())
