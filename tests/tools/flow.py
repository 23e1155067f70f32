#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""sipstack flow: ladders out of our own traces and of other people's captures, hostile ones among them."""
import html.parser
import os
import socket
import struct
import tempfile
import unittest
import xml.etree.ElementTree

from _command import Beside, main, run


def message(start, call="call-1", cseq="1 INVITE", more="", body=b"", via="SIP/2.0/UDP h;branch=z9hG4bK1"):
    head = ("%s\r\nVia: %s\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\nCall-ID: %s\r\nCSeq: %s\r\n%s"
            "Content-Length: %d\r\n\r\n") % (start, via, call, cseq, more, len(body))
    return head.encode("latin-1") + body


def packet(src, dst, payload):
    udp = struct.pack(">HHHH", src[1], dst[1], 8 + len(payload), 0) + payload
    return struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, socket.inet_aton(src[0]),
                       socket.inet_aton(dst[0])) + udp


def capture(messages):
    """A pcap file of (seconds, from, to, bytes)."""
    out = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)
    for at, src, dst, payload in messages:
        data = packet(src, dst, payload)
        micros = round(at * 1e6)
        out += struct.pack("<IIII", micros // 10**6, micros % 10**6, len(data), len(data)) + data
    return out


ALICE, BOB, CAROL = ("192.0.2.1", 5060), ("192.0.2.2", 5060), ("192.0.2.3", 5060)
INVITE = message("INVITE sip:b@h SIP/2.0")
BUSY = message("SIP/2.0 486 Busy Here")
ACK = message("ACK sip:b@h SIP/2.0", cseq="1 ACK")
CALL = [(10, ALICE, BOB, INVITE), (10.5, ALICE, BOB, INVITE), (10.6, BOB, ALICE, BUSY), (11.1, BOB, ALICE, BUSY),
        (11.1, ALICE, BOB, ACK)]
OTHER = [(10.2, CAROL, BOB, message("OPTIONS sip:b@h SIP/2.0", "call-2", "7 OPTIONS")),
         (10.3, BOB, CAROL, message("SIP/2.0 200 OK", "call-2", "7 OPTIONS"))]
EVIL = [(1, ALICE, BOB, message("INVITE sip:b@h SIP/2.0", "</template><script>alert(1)</script>'\"&\xff\x01\x1b[31m",
                                body=b"</pre><img src=x onerror=alert(2)>]]>\0\xff")),
        (2, BOB, ALICE, b"SIP/2.0 200 <b>OK</b>\r\nCall-ID: x\r\n\r\n")]


class Flow(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def flow(self, messages, *argv):
        return run("flow", "-", *argv, given=capture(sorted(messages, key=lambda m: m[0])))

    def test_a_call_is_drawn_as_a_person_would_and_retransmissions_name_their_timer(self):
        result = self.flow(CALL)
        self.assertEqual(result.status, 0, result.err)
        self.assertEqual(result.text, """\
INVITE sip:b@h
Call-ID call-1, 5 messages in 1.100 s, 2 retransmitted

           192.0.2.1:5060              192.0.2.2:5060
     0.000 |--INVITE------------------>|
     0.500 |..INVITE..................>|  retransmission 1, 0.500 s later, timer A
     0.600 |<-486 Busy Here (INVITE)---|
     1.100 |<.486 Busy Here (INVITE)...|  retransmission 1, 0.500 s later, timer G
     1.100 |--ACK--------------------->|
""")

    def test_calls_are_told_apart_and_one_is_picked(self):
        both = self.flow(CALL + OTHER)
        self.assertEqual(both.text.count("Call-ID call-"), 2)
        self.assertLess(both.text.index("call-1"), both.text.index("call-2"))
        one = self.flow(CALL + OTHER, "--call-id", "call-2")
        self.assertNotIn("INVITE", one.text)
        self.assertIn("--OPTIONS--", one.text)
        none = self.flow(CALL, "--call-id", "nobody's")
        self.assertEqual((none.status, none.out), (1, b""))
        self.assertIn("no SIP message of that call", none.err)

    def test_the_svg_is_xml_with_an_arrow_for_every_message(self):
        for messages in (CALL + OTHER, EVIL):
            result = self.flow(messages, "-o", self.path("x.svg"))
            self.assertEqual(result.status, 0, result.err)
            root = xml.etree.ElementTree.parse(self.path("x.svg")).getroot()
            arrows = [g for g in root.iter("{http://www.w3.org/2000/svg}g") if "data-m" in g.attrib]
            self.assertEqual(len(arrows), len(messages))
            self.assertFalse(list(root.iter("{http://www.w3.org/2000/svg}script")))

    def test_the_page_holds_every_message_as_text_and_nothing_of_it_as_markup(self):
        result = self.flow(EVIL, "-o", self.path("x.html"))
        self.assertEqual(result.status, 0, result.err)
        with open(self.path("x.html"), "rb") as f:
            page = f.read().decode("utf-8")  # raises where a byte is none

        class Reader(html.parser.HTMLParser):
            def __init__(self):
                super().__init__()
                self.tags, self.texts, self.inside = [], [], False

            def handle_starttag(self, tag, attributes):
                self.tags.append((tag, dict(attributes)))
                self.inside = tag == "pre"

            def handle_endtag(self, tag):
                self.inside = False

            def handle_data(self, data):
                if self.inside:
                    self.texts.append(data)

        reader = Reader()
        reader.feed(page)
        names = [tag for tag, _ in reader.tags]
        self.assertEqual(names.count("script"), 1)
        self.assertEqual(names.count("template"), len(EVIL))
        self.assertNotIn("img", names)
        self.assertNotIn("b", names)
        for tag, attributes in reader.tags:
            for name, value in attributes.items():
                self.assertFalse(name.startswith("on"), (tag, name))
                self.assertFalse(name in ("src", "href"), (tag, name))
        self.assertIn("<img src=x onerror=alert(2)>", "".join(reader.texts))
        self.assertNotIn("\x1b", page)
        self.assertNotRegex(page.replace("http://www.w3.org/2000/svg", ""), "https?://")

    def test_text_for_a_terminal_has_no_control_characters_of_the_wire(self):
        result = self.flow(EVIL)
        self.assertEqual(result.status, 0)
        self.assertFalse([b for b in result.out if b < 0x20 and b != 0x0A])

    def test_a_trace_of_our_own_is_drawn(self):
        with Beside("uas", "--listen", "udp:127.0.0.1:0", "--listen", "tcp:127.0.0.1:0", "--auth", "bob:secret") as uas:
            port = uas.wait_for(r"^listening udp 127\.0\.0\.1:(\d+)").group(1)
            for mask in ([], ["--trace-masked"]):
                trace = self.path("t.pcap")
                done = run("call", f"sip:bob@127.0.0.1:{port}", "--listen", "udp:127.0.0.1:0", "--user", "bob",
                           "--password", "secret", "--duration-ms", "50", "--trace", trace, *mask)
                self.assertEqual(done.status, 0, done.err)
                drawn = run("flow", trace)
                self.assertEqual(drawn.status, 0, drawn.err)
                for label in ("--INVITE SDP--", "401 Unauthorized (INVITE)", "200 OK (INVITE) SDP", "--ACK--", "--BYE--",
                              "200 OK (BYE)"):
                    self.assertIn(label, drawn.text)
                with open(trace, "rb") as f:
                    held = f.read()
                self.assertIn(b'username="bob"', held)
                self.assertEqual(b'response="' + 32 * b"*" in held or b'response="' + 64 * b"*" in held, bool(mask))

    def test_homer_gets_each_message_as_one_packet(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as homer, Beside("uas", "--listen", "udp:127.0.0.1:0") as uas:
            homer.bind(("127.0.0.1", 0))
            homer.settimeout(10)
            port = uas.wait_for(r"^listening udp 127\.0\.0\.1:(\d+)").group(1)
            done = run("options", f"sip:bob@127.0.0.1:{port}", "--trace-hep", "127.0.0.1:%d" % homer.getsockname()[1])
            self.assertEqual(done.status, 0, done.err)
            starts = []
            for _ in range(2):
                packet_ = homer.recv(65536)
                self.assertEqual((packet_[:4], struct.unpack(">H", packet_[4:6])[0]), (b"HEP3", len(packet_)))
                at, chunks = 6, {}
                while at < len(packet_):
                    _, kind, size = struct.unpack(">HHH", packet_[at:at + 6])
                    chunks[kind] = packet_[at + 6:at + size]
                    at += size
                servers_end = chunks[7 if starts else 8]  # the response's source, the request's destination
                self.assertEqual(struct.unpack(">H", servers_end), (int(port),))
                starts.append(chunks[15].split(b" ")[0])
            self.assertEqual(starts, [b"OPTIONS", b"SIP/2.0"])

    def test_what_cannot_be_drawn_is_told(self):
        for given, why in ((b"", "not a pcap"), (b"INVITE sip:a SIP/2.0\r\n\r\n", "not a pcap"),
                           (capture([]), "no SIP message in 0 packets")):
            result = run("flow", "-", given=given)
            self.assertEqual((result.status, result.out), (1, b""))
            self.assertIn(why, result.err)
        self.assertEqual(run("flow", self.path("absent")).status, 1)
        self.assertIn("No such file", run("flow", self.path("absent")).err)
        cut = run("flow", "-", given=capture(CALL)[:-20])
        self.assertEqual(cut.status, 0)
        self.assertIn("cut off", cut.err)
        wrong = run("flow", "-", "-o", self.path("x.png"))
        self.assertEqual(wrong.status, 2)
        self.assertIn(".svg, .html, .txt", wrong.err)
        self.assertEqual(self.flow(CALL, "-o", self.path("no/such/folder.txt")).status, 1)


if __name__ == "__main__":
    main()
