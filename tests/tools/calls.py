#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The commands against one another over loopback: calls, messages, registrations, traces."""
import os
import signal
import socket
import struct
import tempfile
import unittest

from _command import Beside, main, run

UDP = "udp:127.0.0.1:0"
TCP = "tcp:127.0.0.1:0"


def target(uas, user="bob", params="", transport="udp"):
    return f"sip:{user}@127.0.0.1:{uas.port(transport)}{params}"


class Calls(unittest.TestCase):
    def test_a_call_tells_its_steps(self):
        with Beside("uas", "--listen", UDP) as uas:
            result = run("call", target(uas), "--listen", UDP, "--duration-ms", "1")
            self.assertEqual(result.status, 0, result.err)
            self.assertEqual(result.lines, ["trying", "ringing", "answered", "ended"])
            self.assertEqual(uas.stop(), 0)

    def test_the_default_sockets_reach_a_target_by_udp_tcp_and_ipv6(self):
        with Beside("uas", "--listen", UDP, "--listen", "tcp:127.0.0.1:0") as uas:
            for where in (target(uas), target(uas, params=";transport=tcp", transport="tcp")):
                self.assertEqual(run("call", where, "--duration-ms", "1").status, 0, where)
        if not socket.has_ipv6:
            return
        try:
            with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
                probe.bind(("::1", 0))
        except OSError:
            self.skipTest("no IPv6 loopback")
        with Beside("uas", "--listen", "udp:[::1]:0") as uas:
            result = run("call", f"sip:bob@[::1]:{uas.port()}", "--duration-ms", "1")
            self.assertEqual(result.status, 0, result.err)

    def test_a_refusal_is_failure_with_its_status(self):
        with Beside("uas", "--listen", UDP, "--answer", "486") as uas:
            result = run("call", target(uas), "--listen", UDP)
            self.assertEqual(result.status, 1)
            self.assertEqual(result.lines[-1], "rejected 486 Busy Here")

    def test_a_call_is_given_up_as_asked(self):
        with Beside("uas", "--listen", UDP, "--ring-ms", "60000") as uas:
            result = run("call", target(uas), "--listen", UDP, "--cancel-after-ms", "50")
            self.assertEqual(result.status, 0, result.err)
            self.assertEqual(result.lines, ["trying", "ringing", "ended"])

    def test_a_call_that_is_not_answered_in_time_fails(self):
        with Beside("uas", "--listen", UDP, "--ring-ms", "60000") as uas:
            result = run("call", target(uas), "--listen", UDP, "--timeout-ms", "50")
            self.assertEqual(result.status, 1)
            self.assertIn("50 ms", result.err)

    def test_nobody_there_is_failure_by_timer_b_and_f(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mute:
            mute.bind(("127.0.0.1", 0))
            where = "sip:x@127.0.0.1:%d" % mute.getsockname()[1]
            for argv in (["call", where], ["options", where], ["message", where, "hello"],
                         ["register", "sip:a@example.test", "--registrar", where, "--once"]):
                result = run(*argv, "--listen", UDP, "--t1", "5")
                self.assertEqual(result.status, 1, argv)
                self.assertTrue(result.err)

    def test_the_answering_side_may_hang_up(self):
        with Beside("uas", "--listen", UDP, "--max-call-ms", "30") as uas:
            result = run("call", target(uas), "--listen", UDP, "--duration-ms", "15000")
            self.assertEqual((result.status, result.lines[-1]), (0, "ended"), result.err)

    def test_a_call_is_put_on_hold(self):
        with tempfile.TemporaryDirectory() as folder:
            trace = os.path.join(folder, "hold.pcap")
            with Beside("uas", "--listen", UDP) as uas:
                result = run("call", target(uas), "--listen", UDP, "--hold-after-ms", "10", "--duration-ms", "400",
                             "--trace", trace)
                self.assertEqual(result.status, 0, result.err)
                self.assertIn("held", result.lines)
            offers = [m for m in packets(trace) if m[2].startswith("INVITE")]
            self.assertEqual(len(offers), 2)
            self.assertIn("a=sendonly", offers[1][2])
            answers = [m for m in packets(trace) if m[2].startswith("SIP/2.0 200") and "a=recvonly" in m[2]]
            self.assertEqual(len(answers), 1)

    def test_a_reliable_callee_waits_for_the_prack(self):
        with tempfile.TemporaryDirectory() as folder:
            trace = os.path.join(folder, "prack.pcap")
            with Beside("uas", "--listen", UDP, "--reliable", "--session-expires", "1800") as uas:
                result = run("call", target(uas), "--listen", UDP, "--duration-ms", "1", "--trace", trace)
                self.assertEqual(result.status, 0, result.err)
                self.assertEqual(result.lines, ["trying", "ringing", "answered", "ended"])
            seen = [m[2] for m in packets(trace)]
            kinds = [" ".join(m.split()[:2]) if m.startswith("SIP") else m.split()[0] for m in seen]
            self.assertEqual(kinds, ["INVITE", "SIP/2.0 180", "PRACK", "SIP/2.0 200", "SIP/2.0 200", "ACK", "BYE",
                                     "SIP/2.0 200"])
            self.assertIn("Session-Expires: 1800;refresher=uas", seen[4])
        result = run("uas", "--listen", UDP, "--session-expires", "89")
        self.assertEqual(result.status, 2)

    def test_a_description_of_ones_own_is_offered(self):
        with tempfile.TemporaryDirectory() as folder:
            sdp, trace = os.path.join(folder, "own.sdp"), os.path.join(folder, "own.pcap")
            with open(sdp, "wb") as file:
                file.write(b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
                           b"m=audio 40404 RTP/AVP 8\r\na=x-mine\r\n")
            with Beside("uas", "--listen", UDP) as uas:
                result = run("call", target(uas), "--listen", UDP, "--sdp", sdp, "--duration-ms", "1", "--trace", trace)
                self.assertEqual(result.status, 0, result.err)
            self.assertIn("m=audio 40404 RTP/AVP 8\r\na=x-mine", packets(trace)[0][2])
            with open(sdp, "wb") as file:
                file.write(b"v=0\r\nnonsense")
            result = run("call", "sip:x@127.0.0.1:9", "--listen", UDP, "--sdp", sdp)
            self.assertEqual(result.status, 1)
            self.assertIn("own.sdp:2:", result.err)

    def test_many_calls_are_counted(self):
        with Beside("uas", "--listen", UDP) as uas:
            result = run("call", target(uas), "--listen", UDP, "--repeat", "40", "--rate", "400", "--duration-ms", "0")
            self.assertEqual(result.status, 0, result.err)
            self.assertEqual(result.lines[0], "calls 40 answered 40 failed 0 unfinished 0")
        with Beside("uas", "--listen", UDP, "--answer", "603") as uas:
            result = run("call", target(uas), "--listen", UDP, "--repeat", "5", "--rate", "400", "--duration-ms", "0")
            self.assertEqual(result.status, 1)
            self.assertEqual(result.lines[0], "calls 5 answered 0 failed 5 unfinished 0")
            self.assertIn("603", result.err)

    def test_a_challenge_is_answered_with_the_right_password_alone(self):
        with Beside("uas", "--listen", UDP, "--auth", "alice:open sesame") as uas:
            good = ["--listen", UDP, "--user", "alice", "--password", "open sesame"]
            self.assertEqual(run("call", target(uas), "--duration-ms", "1", *good).status, 0)
            self.assertEqual(run("options", target(uas), *good).status, 0)
            for wrong in (["--user", "alice", "--password", "x"], ["--user", "bob", "--password", "open sesame"], []):
                self.assertEqual(run("options", target(uas), "--listen", UDP, *wrong).status, 1, wrong)

    def test_options_and_message(self):
        with Beside("uas", "--listen", UDP) as uas:
            result = run("options", target(uas), "--listen", UDP)
            self.assertEqual((result.status, result.lines[0]), (0, "200 OK"))
            self.assertTrue(any(line.startswith("Allow: ") and "INVITE" in line for line in result.lines))
            result = run("message", target(uas), "-", "--listen", UDP, given="na\u00efve".encode())
            self.assertEqual((result.status, result.lines), (0, ["200 OK"]))


class Serving(unittest.TestCase):
    def test_a_registered_phone_is_called_through_the_server(self):
        with tempfile.TemporaryDirectory() as folder:
            users = os.path.join(folder, "users")
            with open(users, "w", encoding="ascii") as file:
                file.write("# who may\nbob:secret\nalice:secret too\n")
            with Beside("serve", "--listen", UDP, "--domain", "example.test", "--users", users) as server, \
                    Beside("uas", "--listen", UDP) as uas:
                proxy = ["--proxy", f"sip:127.0.0.1:{server.port()}", "--listen", UDP]
                bob = ["--user", "bob", "--password", "secret"]
                contact = f"sip:bob@127.0.0.1:{uas.port()}"
                with Beside("register", "sip:bob@example.test", "--contact", contact, *bob, *proxy) as binding:
                    binding.wait_for("^registered$")
                    self.assertIn(contact, binding.wait_for("^sip:").string)
                    result = run("call", "bob@example.test", "--user", "alice", "--password", "secret too",
                                 "--duration-ms", "1", *proxy)
                    self.assertEqual(result.status, 0, result.err)
                    self.assertEqual(result.lines[-2:], ["answered", "ended"])
                    self.assertEqual(binding.stop(), 0)
                # It has unregistered on its way out.
                result = run("call", "bob@example.test", "--user", "alice", "--password", "secret too", *proxy)
                self.assertEqual(result.status, 1)
                self.assertRegex(result.lines[-1], "^rejected (404|480) ")

    def test_a_device_that_names_itself_gets_gruus(self):
        urn = "urn:uuid:00000000-0000-1000-8000-000a95a0e128"
        with Beside("serve", "--listen", UDP, "--domain", "example.test") as server:
            registrar = ["--proxy", f"sip:127.0.0.1:{server.port()}", "--listen", UDP, "--once"]
            device = ["--instance", urn, "--reg-id", "1", "--gruu"]
            for _ in range(2):  # the second time from another port, which replaces the first
                result = run("register", "sip:bob@example.test", *device, *registrar)
                self.assertEqual(result.status, 0, result.err)
                self.assertEqual(len([line for line in result.lines if " expires " in line]), 1)
                self.assertIn(f"pub-gruu sip:bob@example.test;gr={urn}", result.lines)
            self.assertEqual(run("register", "sip:bob@example.test", "--gruu", *registrar).status, 2)
            self.assertEqual(run("register", "sip:bob@example.test", "--instance", "bob", *registrar).status, 2)

    def test_a_device_whose_connections_are_gone_is_not_there(self):
        with Beside("serve", "--listen", UDP, "--listen", TCP, "--domain", "example.test") as server:
            device = ["register", "sip:bob@example.test", "--instance", "urn:uuid:00000000-0000-1000-8000-000a95a0e128",
                      "--registrar", f"sip:127.0.0.1:{server.port('tcp')};transport=tcp", "--listen", TCP, "--reg-id"]
            with Beside(*device, "1") as one, Beside(*device, "2") as two:
                for flow in (one, two):
                    flow.wait_for("^registered$")
                for flow in (one, two):
                    flow.signal(signal.SIGKILL)
                    flow.end()
            result = run("call", "sip:bob@example.test", "--proxy", f"sip:127.0.0.1:{server.port()}", "--listen", UDP)
            self.assertEqual(result.status, 1)
            self.assertRegex(result.lines[-1], "^rejected 480 ")

    def test_registering_once_prints_the_bindings_and_leaves_them(self):
        with Beside("serve", "--listen", UDP, "--domain", "example.test") as server:
            registrar = ["--registrar", f"sip:127.0.0.1:{server.port()}", "--listen", UDP, "--once"]
            result = run("register", "sip:bob@example.test", "--contact", "sip:one@192.0.2.1", "--expires", "600", *registrar)
            self.assertEqual((result.status, result.lines), (0, ["sip:one@192.0.2.1 expires 600"]), result.err)
            result = run("register", "sip:bob@example.test", "--contact", "sip:two@192.0.2.2", *registrar)
            self.assertEqual(result.status, 0)
            self.assertEqual({line.split()[0] for line in result.lines}, {"sip:one@192.0.2.1", "sip:two@192.0.2.2"})

    def test_a_users_file_that_can_not_be_read_names_its_line_and_no_secret(self):
        with tempfile.NamedTemporaryFile("w", suffix=".users") as file:
            file.write("alice:fine\nhunter2\n")
            file.flush()
            result = run("serve", "--listen", UDP, "--domain", "example.test", "--users", file.name)
        self.assertEqual(result.status, 1)
        self.assertIn(f"{file.name}:2: ", result.err)
        self.assertNotIn("hunter2", result.err)


def packets(path):
    """(source port, destination port, message) of a trace; checks every header on the way."""
    with open(path, "rb") as file:
        data = file.read()
    magic, major, minor, _, _, _, link = struct.unpack(">IHHiIII", data[:24])
    assert (magic, major, minor, link) == (0xA1B2C3D4, 2, 4, 101), data[:24]
    at, found = 24, []
    while at < len(data):
        _, micros, size, whole = struct.unpack(">IIII", data[at:at + 16])
        packet = data[at + 16:at + 16 + size]
        at += 16 + size
        assert size == whole == len(packet) and micros < 1000000
        assert packet[0] == 0x45 and packet[9] == 17, packet[:20]
        assert struct.unpack(">H", packet[2:4])[0] == size
        assert checksum(packet[:20]) == 0
        source, destination, length = struct.unpack(">HHH", packet[20:26])
        assert length == size - 20
        assert checksum(packet[12:20] + b"\0\x11" + packet[24:26] + packet[20:]) == 0
        found.append((source, destination, packet[28:].decode("utf-8", "replace")))
    return found


def checksum(data):
    """The Internet checksum: 0 over what includes a right one (RFC 1071)."""
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Traces(unittest.TestCase):
    def test_a_trace_holds_every_message_of_both_sides_as_ip_packets(self):
        with tempfile.TemporaryDirectory() as folder:
            paths = {side: os.path.join(folder, side + ".pcap") for side in ("uas", "call")}
            with Beside("uas", "--listen", UDP, "--trace", paths["uas"]) as uas:
                port = uas.port()
                result = run("call", target(uas), "--listen", UDP, "--duration-ms", "1", "--trace", paths["call"])
                self.assertEqual(result.status, 0, result.err)
                self.assertEqual(uas.stop(), 0)
            seen = packets(paths["call"])
            first = [m[2].split(" ", 2)[0 if not m[2].startswith("SIP") else 1] for m in seen]
            self.assertEqual([f for f in first if f != "100"], ["INVITE", "180", "200", "ACK", "BYE", "200"])
            self.assertEqual(seen[0][1], port)
            self.assertEqual(sorted(seen), sorted(packets(paths["uas"])))

    def test_a_trace_holds_the_messages_of_streams_too(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "tcp.pcap")
            with Beside("uas", "--listen", "tcp:127.0.0.1:0") as uas:
                where = target(uas, params=";transport=tcp", transport="tcp")
                self.assertEqual(run("options", where, "--trace", path).status, 0)
            self.assertEqual([m[2].split(" ")[0] for m in packets(path)], ["OPTIONS", "SIP/2.0"])


class Logging(unittest.TestCase):
    def test_the_debug_log_has_the_messages_on_stderr_alone(self):
        with Beside("uas", "--listen", UDP) as uas:
            result = run("options", target(uas), "--listen", UDP, "--log-level", "debug")
            self.assertEqual(result.status, 0)
            self.assertIn("sent udp to 127.0.0.1", result.err)
            self.assertIn("OPTIONS sip:bob", result.err)
            self.assertNotIn("OPTIONS sip:bob", result.text)
            self.assertNotIn("\x1b", result.err)
            self.assertEqual(run("options", target(uas), "--listen", UDP).err, "")


if __name__ == "__main__":
    main()
