#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Operating a server: files checked and read again, looked at by HTTP, drained, told of in JSON."""
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

from _command import PATIENCE, Beside, main, run

UDP = "udp:127.0.0.1:0"
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CLEAN = 5.0  # s; what the contract gives an end


class Peer:
    """A UDP socket that writes its messages by hand."""

    def __init__(self, port):
        self.to = ("127.0.0.1", port)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(PATIENCE)
        self.port = self.socket.getsockname()[1]
        self.count = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, method, uri, *fields, call_id=None, to=None):
        self.count += 1
        lines = [f"{method} {uri} SIP/2.0",
                 f"Via: SIP/2.0/UDP 127.0.0.1:{self.port};branch=z9hG4bK{self.port}x{self.count}",
                 "Max-Forwards: 70", f"From: <sip:peer@127.0.0.1>;tag=p{self.count}", f"To: <{to or uri}>",
                 f"Call-ID: {call_id or f'c{self.count}@peer'}", f"CSeq: {self.count} {method}", *fields,
                 "Content-Length: 0", "", ""]
        self.socket.sendto("\r\n".join(lines).encode(), self.to)

    def next(self, pattern):
        """The next message whose first line fits; others are passed over."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            data, _ = self.socket.recvfrom(65535)
            text = data.decode("utf-8", "replace")
            if re.search(pattern, text.split("\r\n", 1)[0]):
                return text
        raise AssertionError(f"nothing like {pattern}")

    def ask(self, *args, **words):
        self.send(*args, **words)
        return self.next(r"^SIP/2.0 [2-6]")

    def answer(self, request, status):
        fields = [line for line in request.split("\r\n\r\n", 1)[0].split("\r\n")[1:]
                  if re.match(r"(Via|From|To|Call-ID|CSeq|Record-Route):", line, re.I)]
        fields = [f"{line};tag=peer" if line.startswith("To:") and ";tag=" not in line else line for line in fields]
        self.socket.sendto("\r\n".join([f"SIP/2.0 {status}", *fields, "Content-Length: 0", "", ""]).encode(), self.to)


def get(port, path, method="GET"):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    connection.request(method, path)
    response = connection.getresponse()
    body = response.read().decode()
    connection.close()
    return response, body


NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
SAMPLE = re.compile(rf"^({NAME})(?:\{{({LABEL}(?:,{LABEL})*),?\}})? (-?[0-9.]+(?:e[+-]?[0-9]+)?)$")


def parse_exposition(text):
    """Prometheus' text format 0.0.4, strictly: HELP and TYPE once and in front, families in one piece, no sample
    twice, no counter without _total or below zero."""
    if not text.endswith("\n"):
        raise AssertionError("the last line does not end")
    helped, typed, samples, done, family = set(), {}, {}, set(), None
    for line in text[:-1].split("\n"):
        if line.startswith("# HELP "):
            name = line.split(" ", 3)[2]
            if name in helped or not line.split(" ", 3)[3]:
                raise AssertionError(line)
            helped.add(name)
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            if name in typed or name not in helped or kind not in ("counter", "gauge"):
                raise AssertionError(line)
            typed[name] = kind
            if kind == "counter" and not name.endswith("_total"):
                raise AssertionError(f"a counter is called {name}")
            family = name
            if name in done:
                raise AssertionError(line)
            done.add(name)
        else:
            found = SAMPLE.match(line)
            if not found or found.group(1) != family:
                raise AssertionError(f"no sample of {family}: {line}")
            labels = tuple(sorted(re.findall(LABEL, found.group(2) or "")))
            if (family, labels) in samples:
                raise AssertionError(f"twice: {line}")
            value = float(found.group(3))
            if typed[family] == "counter" and value < 0:
                raise AssertionError(line)
            samples[(family, labels)] = value
    return samples


def value(samples, name, **labels):
    return samples.get((name, tuple(sorted(f'{k}="{v}"' for k, v in labels.items()))))


class Folder(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)

    def file(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        return path


class Looking(Folder):
    def test_the_exposition_parser_sees_what_is_wrong(self):
        good = "# HELP a_total x\n# TYPE a_total counter\na_total{b=\"c\"} 1\n"
        parse_exposition(good)
        for bad in (good[:-1], good + good, good + "a_total{b=\"c\"} 1\n", good.replace("counter", "meter"),
                    good.replace("a_total{", "b_total{"), good.replace('"c"', '"c"d"'), good.replace(" 1", " -1"),
                    good.replace("_total", "")):
            with self.assertRaises(AssertionError, msg=bad):
                parse_exposition(bad)

    def test_metrics_follow_a_call(self):
        for threads in (1, 3):
            with Beside("serve", "--listen", UDP, "--domain", "example.test", "--metrics", "127.0.0.1:0",
                        "--threads", threads) as server, \
                    Beside("uas", "--listen", UDP) as uas:
                port = server.port("metrics")
                proxy = f"sip:127.0.0.1:{server.port()};lr"
                before = parse_exposition(get(port, "/metrics")[1])
                self.assertEqual(value(before, "sipstack_requests_total", direction="in", method="INVITE"), 0)
                self.assertEqual(value(before, "sipstack_registered_bindings"), 0)
                self.assertEqual(value(before, "sipstack_shards"), threads)
                result = run("register", "sip:bob@example.test", "--registrar", f"sip:127.0.0.1:{server.port()}",
                             "--contact", f"sip:bob@127.0.0.1:{uas.port()}", "--once", "--listen", UDP)
                self.assertEqual(result.status, 0, result.err)
                with Beside("call", "sip:bob@example.test", "--proxy", proxy, "--listen", UDP, "--duration-ms", "300",
                            ready=False) as call:
                    call.wait_for("^answered$")
                    response, text = get(port, "/metrics")
                    self.assertEqual(response.status, 200)
                    self.assertIn("version=0.0.4", response.getheader("Content-Type"))
                    during = parse_exposition(text)
                    self.assertEqual(value(during, "sipstack_registered_bindings"), 1)
                    self.assertEqual(value(during, "sipstack_requests_total", direction="in", method="INVITE"), 1)
                    self.assertEqual(value(during, "sipstack_requests_total", direction="out", method="INVITE"), 1)
                    self.assertEqual(value(during, "sipstack_responses_total", direction="out", method="INVITE",
                                           **{"class": "2xx"}), 1)
                    self.assertEqual(call.end(), 0)
                after = parse_exposition(get(port, "/metrics")[1])
                self.assertEqual(value(after, "sipstack_requests_total", direction="in", method="BYE"), 1)
                self.assertEqual(value(after, "sipstack_transactions_open"), 0)
                self.assertEqual(value(after, "sipstack_proxy_contexts"), 0)
                for (name, labels), count in before.items():
                    if name.endswith("_total"):
                        self.assertGreaterEqual(after[(name, labels)], count, name)

    def test_authentication_is_counted(self):
        users = self.file("users", "bob:secret\n")
        with Beside("serve", "--listen", UDP, "--domain", "example.test", "--users", users, "--metrics",
                    "127.0.0.1:0") as server:
            for password in ("secret", "wrong"):
                run("register", "sip:bob@example.test", "--registrar", f"sip:127.0.0.1:{server.port()}", "--once",
                    "--listen", UDP, "--user", "bob", "--password", password)
            seen = parse_exposition(get(server.port("metrics"), "/metrics")[1])
            self.assertEqual(value(seen, "sipstack_authentications_total", verdict="accepted"), 1)
            self.assertEqual(value(seen, "sipstack_authentications_total", verdict="refused"), 1)
            self.assertEqual(value(seen, "sipstack_authentications_total", verdict="missing"), 2)

    def test_the_http_server_answers_what_it_should_and_no_more(self):
        with Beside("b2bua", "--to", "sip:a@127.0.0.1:9", "--listen", UDP, "--metrics", "127.0.0.1:0") as server:
            port = server.port("metrics")
            self.assertEqual(get(port, "/healthz")[1], "ok\n")
            self.assertEqual(get(port, "/healthz?x=y")[0].status, 200)
            response, body = get(port, "/metrics", "HEAD")
            self.assertEqual((response.status, body), (200, ""))
            self.assertGreater(int(response.getheader("Content-Length")), 1000)
            self.assertEqual(get(port, "/")[0].status, 404)
            response, _ = get(port, "/metrics", "DELETE")
            self.assertEqual((response.status, response.getheader("Allow")), (405, "GET, HEAD"))
            self.assertEqual(value(parse_exposition(get(port, "/metrics")[1]), "sipstack_b2bua_calls"), 0)
            for raw, status in ((b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\n\r\n", b"431"),
                                (b"GET / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", b"413"),
                                (b"\x16\x03\x01 what\r\n\r\n", b"400")):
                with socket.create_connection(("127.0.0.1", port), PATIENCE) as s:
                    s.sendall(raw)
                    self.assertIn(status, s.recv(65536).split(b"\r\n")[0], raw[:20])
            # Those who connect and say nothing keep nobody out for long.
            mute = [socket.create_connection(("127.0.0.1", port), PATIENCE) for _ in range(20)]
            begun = time.monotonic()
            self.assertEqual(get(port, "/healthz")[0].status, 200)
            self.assertLess(time.monotonic() - begun, 8)
            for s in mute:
                s.close()

    def test_a_place_that_is_taken_is_failure(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            where = f"127.0.0.1:{taken.getsockname()[1]}"
            result = run("serve", "--listen", UDP, "--domain", "x", "--metrics", where)
            self.assertEqual(result.status, 1)
            self.assertIn(where, result.err)
        self.assertEqual(run("serve", "--listen", UDP, "--domain", "x", "--metrics", "9090").status, 2)


class Files(Folder):
    def test_the_sample_is_good(self):
        for name in ("serve.toml", "b2bua.toml"):
            command = name.split(".", maxsplit=1)[0]
            result = run(command, "--check-config", "--config", os.path.join(ROOT, "packaging", name))
            self.assertEqual((result.status, result.err), (0, ""))

    def test_all_problems_are_told_with_their_lines(self):
        bad = self.file("bad.toml", 'listne = ["udp:127.0.0.1:0"]\ndomain = 5\n[limits]\nidle-time = 0\n')
        result = run("serve", "--check-config", "--config", bad)
        self.assertEqual(result.status, 1)
        lines = result.err.splitlines()
        self.assertEqual(len(lines), 3, lines)
        for line, place in zip(lines, (":1:1: unknown key listne; did you mean listen?", ":2:10: ", ":4:13: ")):
            self.assertIn(bad + place, line)
        self.assertEqual(run("serve", "--config", bad).status, 1)
        self.assertEqual(run("serve", "--config", os.path.join(self.folder, "none")).status, 1)
        self.assertEqual(run("serve", "--config", self.folder).status, 1)

    def test_what_is_printed_can_be_read(self):
        for command in (["serve", "--domain", "example.test"], ["b2bua", "--to", "sip:a@127.0.0.1"]):
            printed = run(*command, "--print-config")
            self.assertEqual(printed.status, 0)
            path = self.file("printed.toml", printed.text)
            again = run(command[0], "--print-config", "--config", path)
            self.assertEqual(again.text, printed.text, again.err)

    def test_the_command_line_wins(self):
        path = self.file("serve.toml", f'listen = ["{UDP}", "tcp:127.0.0.1:0"]\ndomain = ["a.test"]\nmode = "redirect"\n')
        with Beside("serve", "--config", path) as server:
            self.assertEqual(len(server.lines), 3)
        printed = run("serve", "--config", path, "--listen", UDP, "--mode", "proxy", "--print-config").text
        self.assertIn(f'listen = ["{UDP}"]\n', printed)
        self.assertIn('mode = "proxy"\n', printed)
        self.assertIn('domain = ["a.test"]\n', printed)

    def test_secrets_are_not_told(self):
        path = self.file("b.toml", '[b2bua]\nto = "sip:a@127.0.0.1"\nuser = "u"\npassword = "hunter2"\nxyz = 1\n')
        self.assertNotIn("hunter2", run("b2bua", "--config", path, "--check-config").err)
        path = self.file("b.toml", '[b2bua]\nto = "sip:a@127.0.0.1"\nuser = "u"\npassword = "hunter2"\n')
        self.assertNotIn("hunter2", run("b2bua", "--config", path, "--print-config").text)
        # Where Redis is built in; elsewhere it is refused, and not told either.
        path = self.file("r.toml", 'domain = ["a.test"]\nlocation = "redis://:hunter2@127.0.0.1:1"\n')
        printed = run("serve", "--config", path, "--print-config")
        self.assertNotIn("hunter2", printed.text + printed.err)
        path = self.file("r.toml", 'domain = ["a.test"]\nlocation = "redis://:hunter2@127.0.0.1:x"\n')
        self.assertNotIn("hunter2", run("serve", "--config", path, "--check-config").err)

    def test_a_b2bua_goes_by_its_routes(self):
        with Peer(0) as sales, Peer(0) as rest:
            path = self.file("b.toml", f'''
listen = "{UDP}"
[b2bua]
to = "sip:rest@127.0.0.1:{rest.port}"
[[b2bua.route]]
prefix = "+4930"
strip = 3
prepend = "0"
to = "sip:127.0.0.1:{sales.port}"
''')
            with Beside("b2bua", "--config", path) as server, Peer(server.port()) as caller:
                caller.send("MESSAGE", f"sip:+49-30-123@127.0.0.1:{server.port()}")
                self.assertIn(f"MESSAGE sip:030123@127.0.0.1:{sales.port} ", sales.next("^MESSAGE"))
                caller.send("MESSAGE", f"sip:bob@127.0.0.1:{server.port()}")
                self.assertIn(f"MESSAGE sip:rest@127.0.0.1:{rest.port} ", rest.next("^MESSAGE"))


class Reloading(Folder):
    def serve(self, text, *argv):
        self.path = self.file("serve.toml", text)
        return Beside("serve", "--config", self.path, "--listen", UDP, "--log-level", "info", *argv)

    def reload(self, server, text, outcome):
        self.file("serve.toml", text)
        at = len(server.errors)
        server.signal(signal.SIGHUP)
        end = time.monotonic() + PATIENCE
        while not any(outcome in line for line in server.errors[at:]):
            self.assertLess(time.monotonic(), end, server.errors)
            time.sleep(0.02)
        return server.errors[at:]

    def test_a_good_file_holds_and_registrations_stay(self):
        users = self.file("users", "")
        for threads in (1, 2):
            with self.serve('domain = ["a.test"]\n', "--threads", threads) as server, Peer(server.port()) as peer:
                contact = f"Contact: <sip:bob@127.0.0.1:{peer.port}>"
                self.assertIn(" 200 ", peer.ask("REGISTER", "sip:a.test", contact, "Expires: 600", to="sip:bob@a.test"))
                self.assertIn(" 403 ", peer.ask("OPTIONS", "sip:bob@b.test"))
                self.reload(server, 'domain = ["a.test", "b.test"]\n[registrar]\nmin-expires = 300\n',
                            "configuration reloaded")
                self.assertIn(" 480 ", peer.ask("OPTIONS", "sip:bob@b.test"))
                self.assertIn(" 423 ", peer.ask("REGISTER", "sip:a.test", contact, "Expires: 100", to="sip:x@a.test"))
                peer.send("OPTIONS", "sip:bob@a.test")
                peer.answer(peer.next("^OPTIONS"), "200 OK")  # the binding is there still
                peer.next("^SIP/2.0 200")
                # Users come, go, and change.
                self.file("users", "bob:secret\n")
                self.reload(server, f'domain = "a.test"\nusers = "{users}"\n', "configuration reloaded")
                self.assertIn(" 401 ", peer.ask("REGISTER", "sip:a.test", to="sip:bob@a.test"))
                self.assertIn(" 407 ", peer.ask("OPTIONS", "sip:bob@a.test"))
                self.reload(server, 'domain = "a.test"\n', "configuration reloaded")
                self.assertIn(" 200 ", peer.ask("REGISTER", "sip:a.test", to="sip:bob@a.test"))

    def test_routes_come_and_go(self):
        with Peer(0) as gateway, self.serve('domain = "a.test"\n') as server, Peer(server.port()) as peer:
            self.assertIn(" 480 ", peer.ask("OPTIONS", "sip:+49-30-123@a.test"))
            self.reload(server, f'''domain = "a.test"
[[route]]
prefix = "+4930"
targets = "sip:127.0.0.1:{gateway.port}"
strip = 3
prepend = "0"
open = true
''', "configuration reloaded")
            peer.send("OPTIONS", "sip:+49-30-123@a.test")
            request = gateway.next("^OPTIONS")
            self.assertIn(f"OPTIONS sip:030123@127.0.0.1:{gateway.port}", request)
            gateway.to = ("127.0.0.1", server.port())
            gateway.answer(request, "200 OK")
            peer.next("^SIP/2.0 200")
            self.reload(server, 'domain = "a.test"\n', "configuration reloaded")
            self.assertIn(" 480 ", peer.ask("OPTIONS", "sip:+49-30-123@a.test"))

    def test_a_stateless_proxy_says_nothing_of_its_own(self):
        with Peer(0) as gateway:
            text = f'domain = "a.test"\n[[route]]\nprefix = "+"\ntargets = "sip:127.0.0.1:{gateway.port}"\nopen = true\n'
            with self.serve(text, "--stateless") as server, Peer(server.port()) as peer:
                gateway.to = ("127.0.0.1", server.port())
                peer.send("INVITE", "sip:+1@a.test")
                first = gateway.next("^INVITE")
                peer.count -= 1
                peer.send("INVITE", "sip:+1@a.test")  # a copy
                self.assertEqual(gateway.next("^INVITE"), first)
                gateway.answer(first, "100 Trying")
                gateway.answer(first, "486 Busy")
                self.assertIn(" 100 ", peer.next("^SIP"))
                self.assertIn(" 486 ", peer.next("^SIP"))
                self.assertEqual(server.stop(), 0)
            for more in (["--edge", "sip:127.0.0.1"], ["--users", self.file("users", "a:b\n")], ["--mode", "redirect"]):
                self.assertEqual(run("serve", "--domain", "a.test", "--stateless", "--check-config", *more).status, 1)

    def test_a_bad_file_changes_nothing_and_is_told(self):
        good = 'domain = ["a.test"]\n[registrar]\nmin-expires = 300\n'
        with self.serve(good) as server, Peer(server.port()) as peer:
            for bad, told in (('domain = ["b.test"]\n[registrar]\nmin-expiers = 1\n', ":3:1: unknown key min-expiers"),
                              ('domain = ["b.test"]\nusers = "/nonexistent"\n', "/nonexistent"),
                              ("", "domain is missing"), ("domain = [", ":1:")):
                lines = self.reload(server, bad, "not reloaded")
                self.assertTrue(any(told in line for line in lines), (told, lines))
                answer = peer.ask("REGISTER", "sip:a.test", "Contact: <sip:x@192.0.2.1>", "Expires: 100",
                                  to="sip:x@a.test")
                self.assertIn(" 423 ", answer)
            self.reload(server, good, "configuration reloaded")

    def test_what_needs_a_restart_is_told_and_the_level_changes(self):
        with self.serve('domain = ["a.test"]\n') as server:
            lines = self.reload(server, 'domain = ["a.test"]\nlocation = "memory"\nt1 = 100\n[limits]\nvias = 5\n',
                                "configuration reloaded")
            self.assertTrue(any("t1 has changed" in line for line in lines), lines)
            self.assertTrue(any("limits.vias has changed" in line for line in lines), lines)
        path = self.file("quiet.toml", f'domain = ["a.test"]\nlisten = "{UDP}"\n')
        with Beside("serve", "--config", path) as server, Peer(server.port()) as peer:
            peer.ask("OPTIONS", "sip:a.test")
            self.assertEqual(server.errors, [])
            self.file("quiet.toml", f'domain = ["a.test"]\nlisten = "{UDP}"\nlog-level = "debug"\n')
            server.signal(signal.SIGHUP)
            server.wait_for("configuration reloaded", server.errors)
            peer.ask("OPTIONS", "sip:a.test")
            server.wait_for("^OPTIONS sip:a.test", server.errors)
            server.wait_for(r"OPTIONS from 127\.0\.0\.1:\d+: 200", server.errors)


class Ending(Folder):
    def test_a_call_that_rings_is_answered_before_the_end(self):
        for threads in (1, 2):
            with Beside("serve", "--listen", UDP, "--domain", "a.test", "--metrics", "127.0.0.1:0", "--threads",
                        threads) as server, Peer(server.port()) as callee, Peer(server.port()) as caller:
                callee.ask("REGISTER", "sip:a.test", f"Contact: <sip:bob@127.0.0.1:{callee.port}>", to="sip:bob@a.test")
                caller.send("INVITE", "sip:bob@a.test", f"Contact: <sip:peer@127.0.0.1:{caller.port}>")
                invite = callee.next("^INVITE")
                callee.answer(invite, "180 Ringing")
                caller.next("^SIP/2.0 180")
                begun = time.monotonic()
                server.signal()
                while get(server.port("metrics"), "/healthz")[0].status != 503:
                    self.assertLess(time.monotonic() - begun, CLEAN)
                refused = caller.ask("OPTIONS", "sip:bob@a.test")
                self.assertRegex(refused, r"^SIP/2.0 503 ")
                self.assertRegex(refused, r"(?m)^Retry-After: \d+\r$")
                self.assertIsNone(server.process.poll())
                callee.answer(invite, "200 OK")
                caller.next("^SIP/2.0 200")
                self.assertEqual(server.end(CLEAN), 0)
                self.assertLess(time.monotonic() - begun, CLEAN)

    def test_nobody_waits_longer_than_told(self):
        for argv, least, most in (([], 1, CLEAN), (["--drain-ms", "300"], 0.25, 2), (["--drain-ms", "0"], 0, 1)):
            with Beside("serve", "--listen", UDP, "--domain", "a.test", *argv) as server, \
                    Peer(server.port()) as peer:
                peer.ask("REGISTER", "sip:a.test", f"Contact: <sip:bob@127.0.0.1:{peer.port}>", to="sip:bob@a.test")
                peer.send("INVITE", "sip:bob@a.test")
                peer.answer(peer.next("^INVITE"), "180 Ringing")
                begun = time.monotonic()
                server.signal()
                self.assertEqual(server.end(CLEAN), 0)
                took = time.monotonic() - begun
                self.assertGreaterEqual(took, least)
                self.assertLess(took, most)

    def test_a_second_signal_is_at_once(self):
        with Beside("serve", "--listen", UDP, "--domain", "a.test") as server, Peer(server.port()) as peer:
            peer.ask("REGISTER", "sip:a.test", f"Contact: <sip:bob@127.0.0.1:{peer.port}>", to="sip:bob@a.test")
            peer.send("INVITE", "sip:bob@a.test")
            peer.next("^INVITE")
            server.signal()
            time.sleep(0.2)
            begun = time.monotonic()
            server.signal()
            self.assertEqual(server.end(CLEAN), 1)
            self.assertLess(time.monotonic() - begun, 1)

    def test_a_supervisor_is_told(self):
        path = os.path.join(self.folder, "notify")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
            supervisor.bind(path)
            supervisor.settimeout(PATIENCE)
            os.environ["NOTIFY_SOCKET"] = path
            try:
                with Beside("serve", "--listen", UDP, "--domain", "a.test") as server:
                    self.assertEqual(supervisor.recv(4096), b"READY=1")
                    server.signal(signal.SIGHUP)
                    self.assertRegex(supervisor.recv(4096), rb"^RELOADING=1\nMONOTONIC_USEC=\d+$")
                    self.assertEqual(supervisor.recv(4096), b"READY=1")
                    self.assertEqual(server.stop(), 0)
                    self.assertEqual(supervisor.recv(4096), b"STOPPING=1")
            finally:
                del os.environ["NOTIFY_SOCKET"]

    def test_the_unit_is_one_that_systemd_takes(self):
        if shutil.which("systemd-analyze") is None:
            self.skipTest("no systemd-analyze")
        from _command import SIPSTACK  # the command's place, once main() knows it
        with open(os.path.join(ROOT, "packaging", "sipstack.service.in"), encoding="utf-8") as unit:
            text = unit.read()
        folder = os.path.dirname(SIPSTACK)
        self.assertIn("@CMAKE_INSTALL_FULL_BINDIR@/sipstack serve", text)
        path = self.file("sipstack.service", text.replace("@CMAKE_INSTALL_FULL_BINDIR@", folder))
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", path], capture_output=True, text=True,
                              check=False, timeout=60)
        told = [line for line in (done.stdout + done.stderr).splitlines() if "sipstack.service" in line]
        self.assertEqual((done.returncode, told), (0, []))


class Log(Folder):
    def test_lines_of_json_say_what_was_done(self):
        with Beside("serve", "--listen", UDP, "--domain", "a.test", "--log-format", "json", "--log-level",
                    "info") as server, Peer(server.port()) as peer:
            hostile = 'x"\\\x1b[2J'
            peer.ask("OPTIONS", "sip:a.test", call_id="one@peer", to='sip:a%22b@a.test')
            peer.socket.sendto(f"OPTIONS sip:a.test SIP/2.0\r\n{hostile}".encode(), peer.to)
            server.wait_for("bad-message", server.errors)
            server.wait_for('"event": "request"', server.errors)
            records = [json.loads(line) for line in server.errors]
            request = next(r for r in records if r.get("event") == "request")
            self.assertEqual((request["method"], request["status"], request["call-id"], request["source"]),
                             ("OPTIONS", 200, "one@peer", f"127.0.0.1:{peer.port}"))
            self.assertEqual(request["level"], "info")
            self.assertRegex(request["time"], r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")
            self.assertLess(abs(time.time() - time.mktime(time.strptime(request["time"][:19], "%Y-%m-%dT%H:%M:%S"))
                                + time.timezone), 60)
            self.assertFalse(any("\x1b" in line for line in server.errors))

    def test_at_debug_every_line_parses_and_tells_no_secret(self):
        users = self.file("users", "bob:secret\n")
        with Beside("serve", "--listen", UDP, "--domain", "a.test", "--users", users, "--log-format", "json",
                    "--log-level", "debug") as server:
            run("register", "sip:bob@a.test", "--registrar", f"sip:127.0.0.1:{server.port()}", "--once", "--listen",
                UDP, "--user", "bob", "--password", "secret")
            server.wait_for('"status": 200', server.errors)
            records = [json.loads(line) for line in server.errors]
            register = [r for r in records if r.get("event") == "received" and "Authorization:" in r["bytes"]]
            self.assertEqual(len(register), 1)
            self.assertNotRegex(register[0]["bytes"], r'response="[0-9a-f]+"')

    def test_by_default_nothing_is_said(self):
        with Beside("serve", "--listen", UDP, "--domain", "a.test") as server, Peer(server.port()) as peer:
            peer.ask("OPTIONS", "sip:a.test")
            self.assertEqual(server.stop(), 0)
            self.assertEqual(server.errors, [])


if __name__ == "__main__":
    main()
