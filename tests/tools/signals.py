#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How commands that run on come to their end: cleanly by one signal, at once by two."""
import re
import signal
import socket
import time
import unittest

from _command import Beside, main, run

UDP = "udp:127.0.0.1:0"
CLEAN = 5.0  # s; what the contract gives a clean end


class Mute:
    """A peer that answers calls by hand, and nothing else."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(10)
        self.port = self.socket.getsockname()[1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def request(self, method):
        """The next request of that method, once; others are passed over."""
        while True:
            data, source = self.socket.recvfrom(65535)
            if data.startswith(method.encode() + b" "):
                return data.decode(), source

    def answer(self, request, source, status, contact=False):
        fields = [line for line in request.split("\r\n\r\n", 1)[0].split("\r\n")[1:]
                  if re.match(r"(Via|From|To|Call-ID|CSeq):", line, re.I)]
        fields = [line + ";tag=mute" if line.lower().startswith("to:") and ";tag=" not in line else line
                  for line in fields]
        if contact:
            fields.append(f"Contact: <sip:mute@127.0.0.1:{self.port}>")
        body = ""
        if contact:
            body = ("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
                    "m=audio 40000 RTP/AVP 0\r\n")
            fields.append("Content-Type: application/sdp")
        text = "\r\n".join([f"SIP/2.0 {status}", *fields, f"Content-Length: {len(body)}", "", body])
        self.socket.sendto(text.encode(), source)


class Signals(unittest.TestCase):
    def test_every_socket_is_told_before_ready(self):
        for command in (["uas"], ["serve", "--domain", "example.test"]):
            with Beside(*command, "--listen", UDP, "--listen", "tcp:127.0.0.1:0") as program:
                self.assertEqual(len(program.lines), 3)
                self.assertRegex(program.lines[0], r"^listening udp 127\.0\.0\.1:\d+$")
                self.assertRegex(program.lines[1], r"^listening tcp 127\.0\.0\.1:\d+$")
                self.assertEqual(program.lines[2], "ready")

    def test_an_idle_program_ends_well_by_either_signal(self):
        for command in (["uas"], ["serve", "--domain", "example.test"], ["b2bua", "--to", "sip:a@127.0.0.1:9"]):
            for number in (signal.SIGTERM, signal.SIGINT):
                with Beside(*command, "--listen", UDP) as program:
                    program.signal(number)
                    self.assertEqual(program.end(CLEAN), 0)
                    self.assertEqual(program.errors, [])

    def test_calls_are_hung_up_by_either_side(self):
        for signalled in ("uas", "call"):
            with Beside("uas", "--listen", UDP) as uas, \
                    Beside("call", f"sip:bob@127.0.0.1:{uas.port()}", "--listen", UDP, "--duration-ms", "60000",
                           ready=False) as call:
                call.wait_for("^answered$")
                (uas if signalled == "uas" else call).signal()
                self.assertEqual(call.end(CLEAN), 0)
                if signalled == "uas":
                    self.assertEqual(uas.end(CLEAN), 0)
                    self.assertIn("ended", call.lines)

    def test_a_ringing_call_is_cancelled(self):
        with Beside("uas", "--listen", UDP, "--ring-ms", "60000", "--log-level", "info") as uas, \
                Beside("call", f"sip:bob@127.0.0.1:{uas.port()}", "--listen", UDP, ready=False) as call:
            call.wait_for("^ringing$")
            call.signal()
            self.assertEqual(call.end(CLEAN), 1)  # nobody answered
            uas.wait_for(r"call \S+ has ended", uas.errors)

    def test_a_registration_is_removed(self):
        with Beside("serve", "--listen", UDP, "--domain", "example.test") as server:
            registrar = ["--registrar", f"sip:127.0.0.1:{server.port()}", "--listen", UDP]
            with Beside("register", "sip:bob@example.test", *registrar) as binding:
                binding.wait_for("^registered$")
                binding.signal()
                self.assertEqual(binding.end(CLEAN), 0)
            result = run("register", "sip:bob@example.test", "--contact", "sip:new@192.0.2.1", "--once", *registrar)
            self.assertEqual(len(result.lines), 1, result.lines)

    def test_a_peer_that_does_not_answer_delays_the_end_no_longer_than_promised(self):
        with Mute() as mute, Beside("call", f"sip:x@127.0.0.1:{mute.port}", "--listen", UDP, "--duration-ms", "60000",
                                    ready=False) as call:
            invite, source = mute.request("INVITE")
            mute.answer(invite, source, "200 OK", contact=True)
            call.wait_for("^answered$")
            begun = time.monotonic()
            call.signal()
            mute.request("BYE")
            self.assertEqual(call.end(CLEAN), 0)
            self.assertLess(time.monotonic() - begun, CLEAN)

    def test_a_second_signal_ends_it_at_once(self):
        with Mute() as mute, Beside("call", f"sip:x@127.0.0.1:{mute.port}", "--listen", UDP, "--duration-ms", "60000",
                                    ready=False) as call:
            invite, source = mute.request("INVITE")
            mute.answer(invite, source, "200 OK", contact=True)
            call.wait_for("^answered$")
            call.signal()
            mute.request("BYE")  # it waits for an answer now
            begun = time.monotonic()
            call.signal()
            self.assertEqual(call.end(CLEAN), 1)
            self.assertLess(time.monotonic() - begun, 2)


if __name__ == "__main__":
    main()
