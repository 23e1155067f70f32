#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An edge proxy in front of a registrar, both `sipstack serve`: phones register through it by TCP, are called down
their connections, and are told gone when these are cut (RFC 5626 sections 5 and 7). And a stateless proxy."""
import re
import socket

from _peer import Failed, run

INSTANCE = '+sip.instance="<urn:uuid:00000000-0000-1000-8000-000a95a0e128>"'

SDP = ("v=0\r\no=bob 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n"
       "a=rtpmap:0 PCMU/8000\r\n")


def both(bench):
    """(Registrar's port, edge's ports.)"""
    users = bench.file("users", "bob:secret\n")
    _, registrar = bench.server("serve", "--listen", "udp:127.0.0.1:0", "--domain", "example.test", "--users", users)
    # A phone's connection is one thread's, and what comes for it another's.
    config = bench.file("edge.toml", "threads = 2\nlisten = ['udp:127.0.0.1:0', 'tcp:127.0.0.1:0']\n[proxy]\n"
                        "edge = 'sip:127.0.0.1:%d'\npath-key = '%s'\n" % (registrar["udp"], "0123456789abcdef" * 2))
    _, edge = bench.server("serve", "--config", config)
    return registrar["udp"], edge


def fields(text, name):
    return re.findall(r"^%s: *(.*?)\r$" % name, text, re.I | re.M)


class Phone:
    """A phone of RFC 5626 without credentials, on one TCP connection; the far end is an open registrar."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), 5)
        self.socket.settimeout(5)
        self.at = "127.0.0.1:%d" % self.socket.getsockname()[1]
        self.bytes = b""

    def next(self):
        while b"\r\n\r\n" not in self.bytes:
            more = self.socket.recv(65535)
            if not more:
                raise Failed("the edge closed the connection")
            self.bytes += more
        head, _, rest = self.bytes.partition(b"\r\n\r\n")
        text = head.decode() + "\r\n\r\n"
        length = int((fields(text, "Content-Length") or ["0"])[0])
        while len(rest) < length:
            more = self.socket.recv(65535)
            if not more:
                raise Failed("the edge closed the connection within a body")
            rest += more
        self.bytes = rest[length:]
        return text

    def register(self, number):
        """The Path that the registrar has of it."""
        self.socket.sendall(
            ("REGISTER sip:example.test SIP/2.0\r\nVia: SIP/2.0/TCP %s;branch=z9hG4bKr%d;rport\r\nMax-Forwards: 70\r\n"
             "From: <sip:bob@example.test>;tag=f%d\r\nTo: <sip:bob@example.test>\r\nCall-ID: reg-%d\r\nCSeq: 1 REGISTER\r\n"
             "Contact: <sip:bob@%s;transport=tcp;ob>;reg-id=1;%s\r\nSupported: path, outbound\r\nContent-Length: 0\r\n\r\n"
             % (self.at, number, number, number, self.at, INSTANCE)).encode())
        answer = self.next()
        if not answer.startswith("SIP/2.0 200 "):
            raise Failed("REGISTER: " + answer)
        if fields(answer, "Require") != ["outbound"]:
            raise Failed("the edge's Path did not count as outbound:\n" + answer)
        return fields(answer, "Path")[0]

    def answer(self, request, status, *lines, body=""):
        keep = [line for line in request.split("\r\n") if re.match(r"(Via|From|To|Call-ID|CSeq|Record-Route):", line)]
        keep = [line + ";tag=bob" if line.startswith("To:") and ";tag=" not in line else line for line in keep]
        self.socket.sendall("\r\n".join(["SIP/2.0 %d Said" % status, *keep, *lines,
                                         "Content-Length: %d" % len(body), "", body]).encode())


def phones_are_called_down_their_connections(bench):
    _, far = bench.server("serve", "--listen", "udp:127.0.0.1:0", "--domain", "example.test")
    _, edge = bench.server("serve", "--listen", "udp:127.0.0.1:0", "--listen", "tcp:127.0.0.1:0",
                           "--edge", "sip:127.0.0.1:%d" % far["udp"])
    phone = Phone(edge["tcp"])
    path = phone.register(1)
    call = ["call", "sip:bob@example.test", "--proxy", "sip:127.0.0.1:%d;lr" % far["udp"], "--listen", "udp:127.0.0.1:0"]
    caller = bench.sipstack(*call, "--duration-ms", "100")
    invite = phone.next()
    if not invite.startswith("INVITE sip:bob@%s;transport=tcp;ob SIP/2.0" % phone.at) or fields(invite, "Route"):
        raise Failed("the phone got\n" + invite)
    phone.answer(invite, 200, "Contact: <sip:bob@%s;transport=tcp;ob>" % phone.at, "Content-Type: application/sdp", body=SDP)
    for method in ("ACK", "BYE"):
        request = phone.next()
        if not request.startswith(method + " sip:bob@"):
            raise Failed("not the %s:\n%s" % (method, request))
    phone.answer(request, 200)
    caller.want_exit(0, 10)

    # Its connection is cut: who follows the Path hears 430, and a caller that nobody is there.
    phone.socket.close()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        other.settimeout(5)
        other.sendto(("OPTIONS sip:bob@%s;transport=tcp;ob SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bKo1\r\n"
                      "Max-Forwards: 70\r\nFrom: <sip:x@example.test>;tag=x\r\nTo: <sip:bob@example.test>\r\nCall-ID: o1\r\n"
                      "CSeq: 1 OPTIONS\r\nRoute: %s\r\nContent-Length: 0\r\n\r\n"
                      % (phone.at, other.getsockname()[1], path)).encode(), ("127.0.0.1", edge["udp"]))
        answer = other.recv(65535).decode()
    if not answer.startswith("SIP/2.0 430 Flow Failed"):
        raise Failed("down a flow that is gone: " + answer)
    caller = bench.sipstack(*call)
    caller.want_exit(1, 10)
    caller.line("480")

    # It comes back by another connection, and takes its old flow's place.
    phone = Phone(edge["tcp"])
    phone.register(2)
    caller = bench.sipstack(*call)
    phone.answer(phone.next(), 603)
    caller.want_exit(1, 10)
    caller.line("603")


def the_registrar_behind_it_asks_for_credentials(bench):
    registrar, edge = both(bench)
    through = ["--proxy", "sip:127.0.0.1:%d;transport=tcp;lr" % edge["tcp"], "--listen", "tcp:127.0.0.1:0"]
    bob = bench.sipstack("register", "sip:bob@example.test", "--user", "bob", "--password", "secret", *through)
    bob.line("^registered")
    stranger = bench.sipstack("register", "sip:bob@example.test", "--user", "bob", "--password", "wrong", "--once", *through)
    stranger.want_exit(1, 10)
    # A user agent answers OPTIONS, so that this one says whether it is reached.
    bench.sipstack("options", "sip:bob@example.test", "--user", "bob", "--password", "secret", "--proxy",
                   "sip:127.0.0.1:%d;lr" % registrar, "--listen", "udp:127.0.0.1:0").want_exit(0, 10)


def calls_go_through_a_stateless_proxy(bench):
    for before, behind in (("udp", "tcp"), ("tcp", "udp")):
        _, uas = bench.server("uas", "--listen", behind + ":127.0.0.1:0")
        config = bench.file(before + ".toml", "domain = 'example.test'\nlisten = ['udp:127.0.0.1:0', 'tcp:127.0.0.1:0']\n"
                            "[[route]]\ndomain = 'b.test'\ntargets = 'sip:127.0.0.1:%d;transport=%s'\nopen = true\n"
                            % (uas[behind], behind))
        _, proxy = bench.server("serve", "--config", config, "--stateless", "--threads", "2")
        caller = bench.sipstack("call", "sip:bob@b.test", "--proxy", "sip:127.0.0.1:%d;transport=%s;lr"
                                % (proxy[before], before), "--duration-ms", "50", "--listen", before + ":127.0.0.1:0")
        caller.want_exit(0, 10)


run(phones_are_called_down_their_connections, the_registrar_behind_it_asks_for_credentials,
    calls_go_through_a_stateless_proxy)
