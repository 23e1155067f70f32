#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Subscriptions, publications and transfers by the command, against itself and against a peer of ten lines."""
import os
import re
import socket
import tempfile
import threading
import unittest

from _command import Beside, main, run

UDP = "udp:127.0.0.1:0"


def target(uas, user="bob"):
    return f"sip:{user}@127.0.0.1:{uas.port()}"


class Peer:
    """Answers each request as `answer(method, text)` says: a status and lines."""

    def __init__(self, answer):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.heard = []
        self.answer = answer
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                data, source = self.socket.recvfrom(65535)
            except OSError:
                return
            text = data.decode()
            method = text.split(" ", 1)[0]
            self.heard.append(text)
            status, lines = self.answer(method, text)
            keep = [line for line in text.split("\r\n\r\n", 1)[0].split("\r\n")
                    if re.match(r"(Via|From|To|Call-ID|CSeq):", line)]
            keep = [line + ";tag=peer" if line.startswith("To:") and ";tag=" not in line else line for line in keep]
            self.socket.sendto("\r\n".join([f"SIP/2.0 {status} Said", *keep, *lines, "Content-Length: 0", "", ""])
                               .encode(), source)

    def uri(self, user="alice"):
        return f"sip:{user}@127.0.0.1:{self.socket.getsockname()[1]}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


class Subscriptions(unittest.TestCase):
    def test_presence_is_fetched(self):
        with Beside("uas", "--listen", UDP) as uas:
            result = run("subscribe", target(uas), "--event", "presence", "--expires", "0")
            self.assertEqual(result.status, 0, result.err)
            self.assertEqual(result.lines[0], "NOTIFY terminated;reason=timeout application/pidf+xml")
            self.assertIn("<basic>open</basic>", result.text)

    def test_who_watches_the_dialogs_sees_a_call_come_and_go(self):
        with Beside("uas", "--listen", UDP) as uas:
            with Beside("subscribe", target(uas), "--event", "dialog", "--expires", "90") as watcher:
                watcher.wait_for(r"^NOTIFY active;expires=\d+ application/dialog-info\+xml$")
                self.assertEqual(run("call", target(uas), "--duration-ms", "200").status, 0)
                watcher.wait_for("<state>confirmed</state>")
                watcher.wait_for("<state>terminated</state>")
                self.assertEqual(watcher.stop(), 0)
                watcher.wait_for("^NOTIFY terminated;reason=timeout")
            self.assertEqual(uas.stop(), 0)

    def test_what_is_not_served_is_told(self):
        with Beside("uas", "--listen", UDP) as uas:
            result = run("subscribe", target(uas), "--event", "conference", "--expires", "0")
            self.assertEqual(result.status, 1)
            self.assertIn("489", result.err)
            result = run("subscribe", target(uas), "--event", "presence", "--expires", "0", "--accept", "text/plain")
            self.assertIn("406", result.err)

    def test_a_notifier_that_goes_says_so(self):
        with Beside("uas", "--listen", UDP) as uas:
            with Beside("subscribe", target(uas), "--event", "presence", "--listen", UDP) as watcher:
                watcher.wait_for("^NOTIFY active")
                self.assertEqual(uas.stop(), 0)
                watcher.wait_for("^NOTIFY terminated;reason=probation")


class Transfers(unittest.TestCase):
    def test_a_call_is_transferred(self):
        with Beside("uas", "--listen", UDP) as bob, Beside("uas", "--listen", UDP, "--max-call-ms", "100",
                                                           "--log-level", "info") as carol:
            result = run("call", target(bob), "--refer-to", target(carol, "carol"), "--duration-ms", "5000")
            self.assertEqual(result.status, 0, result.err)
            self.assertEqual(result.lines[:3], ["trying", "ringing", "answered"])
            self.assertEqual(result.lines[-2:], ["referred 200 OK", "ended"])
            carol.wait_for("has ended", carol.errors)

    def test_a_transfer_that_fails_is_failure(self):
        with Beside("uas", "--listen", UDP) as bob, Beside("uas", "--listen", UDP, "--answer", "486") as carol:
            result = run("call", target(bob), "--refer-to", target(carol, "carol"), "--duration-ms", "1")
            self.assertEqual(result.status, 1)
            self.assertIn("referred 486 Busy Here", result.lines)
            self.assertIn("486", result.err)


class Publications(unittest.TestCase):
    def setUp(self):
        with tempfile.NamedTemporaryFile("w", suffix=".xml", delete=False) as file:
            file.write("<presence/>")
        self.file = file.name
        self.addCleanup(os.unlink, file.name)

    def test_state_is_published_and_removed_at_the_end(self):
        with Peer(lambda method, text: (200, ["SIP-ETag: e1", "Expires: 600"])) as peer:
            with Beside("publish", peer.uri(), "--event", "presence", "--body", self.file) as publisher:
                publisher.wait_for("^published e1 expires 600$")
                self.assertEqual(publisher.stop(), 0)
            first, last = peer.heard
            self.assertTrue(first.startswith("PUBLISH sip:alice@"))
            self.assertIn("\r\nEvent: presence\r\n", first)
            self.assertIn("\r\nContent-Type: application/pidf+xml\r\n", first)
            self.assertTrue(first.endswith("\r\n\r\n<presence/>"))
            self.assertNotIn("SIP-If-Match", first)
            self.assertIn("\r\nSIP-If-Match: e1\r\n", last)
            self.assertIn("\r\nExpires: 0\r\n", last)
            self.assertTrue(last.endswith("\r\n\r\n"))

    def test_once(self):
        with Peer(lambda method, text: (200, ["SIP-ETag: e1", "Expires: 600"])) as peer:
            result = run("publish", peer.uri(), "--event", "presence", "--body", self.file, "--once")
            self.assertEqual((result.status, result.lines), (0, ["published e1 expires 600"]))
            self.assertEqual(len(peer.heard), 1)

    def test_a_refusal_is_failure(self):
        with Peer(lambda method, text: (489, [])) as peer:
            result = run("publish", peer.uri(), "--event", "x", "--body", self.file, "--once")
            self.assertEqual(result.status, 1)
            self.assertIn("489", result.err)
        self.assertEqual(run("publish", "sip:a@127.0.0.1", "--event", "x", "--body", "/no/such/file").status, 1)

    def test_a_server_tells_users_of_each_other(self):
        for path, text in ((self.file, '<presence xmlns="urn:ietf:params:xml:ns:pidf"><tuple id="a"><status>'
                            '<basic>open</basic></status></tuple></presence>'), (self.file + ".users", "bob:secret\neve:other\n")):
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        self.addCleanup(os.unlink, self.file + ".users")
        with Beside("serve", "--listen", UDP, "--domain", "example.test", "--users", self.file + ".users",
                    "--presence", "on") as server:
            bob = target(server)
            presence = ["--event", "presence"]
            eve = ["--from", "sip:eve@example.test", "--user", "eve", "--password", "other"]
            with Beside("subscribe", bob, *presence, *eve) as watcher:
                watcher.wait_for("<basic>closed</basic>")
                state = [*presence, "--body", self.file]
                with Beside("publish", bob, *state, "--user", "bob", "--password", "secret") as publisher:
                    publisher.wait_for("^published ")
                    watcher.wait_for("<basic>open</basic>")
                    self.assertIn("403", run("publish", bob, *state, *eve, "--once").err)
                    self.assertIn("401", run("subscribe", bob, *presence, "--expires", "0").err)
                    self.assertEqual(publisher.stop(), 0)
                self.assertEqual(server.stop(), 0)
                watcher.wait_for("^NOTIFY terminated;reason=")
        for more, told in (["--threads", "2"], "threads"), (["--edge", "sip:127.0.0.1"], "edge"):
            wrong = run("serve", "--listen", UDP, "--domain", "example.test", "--presence", "on", *more)
            self.assertEqual(wrong.status, 1)
            self.assertIn(told, wrong.err)


if __name__ == "__main__":
    main()
