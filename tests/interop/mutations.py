#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Damaged messages to running servers (hardening P2): `serve` by UDP and TCP, `b2bua`. What they forward comes back to
us, and is answered with damaged responses. Every so often a canary must be answered, and in the end they stop cleanly.

In a network namespace of its own: a damaged address may be anybody's. SIPSTACK_MUTATIONS says how many messages each
server gets (50,000); SIPSTACK_SEED, with which they begin (1)."""
import fcntl
import os
import random
import shutil
import socket
import struct
import subprocess
import sys

from _peer import Failed, run

CORPUS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "fuzz", "corpus", "message")
COUNT = int(os.environ.get("SIPSTACK_MUTATIONS", "50000"))
SEED = int(os.environ.get("SIPSTACK_SEED", "1"))
CANARY = 5000
MOST_MEMORY = 400 * 2 ** 20

METHODS = (b"REGISTER INVITE OPTIONS MESSAGE SUBSCRIBE PUBLISH NOTIFY ACK BYE CANCEL PRACK UPDATE INFO REFER FOO").split()
BYTES = b"\r\n \t\"\\<>,;:=@%[]()*?&-._~/aA0\x7f\xff!+$'`\0"
NUMBERS = (b"0", b"-1", b"256", b"65536", b"2147483648", b"4294967296", b"99999999999999999999", b"0000000001")
STATUSES = (100, 180, 183, 200, 200, 202, 302, 401, 404, 407, 408, 481, 486, 487, 500, 503, 600, 603)


def request(rng, me, transport):
    """One that a server has something to do with."""
    n = rng.randrange
    method = METHODS[n(15)] if n(2) else (b"INVITE", b"REGISTER")[n(2)]
    user = b"u%d" % n(20)
    uri = b"sip:127.0.0.1" if method == b"REGISTER" or not n(6) else b"sip:%s@127.0.0.1" % user
    lines = [b"%s %s SIP/2.0" % (method, uri),
             b"Via: SIP/2.0/%s 127.0.0.1:%d;branch=z9hG4bK%d;rport" % (transport, me, n(10 ** 6)),
             b"Max-Forwards: %d" % (70 if n(10) else n(3)),
             b"From: \"A\" <sip:%s@127.0.0.1>;tag=f%d" % (user, n(50)),
             b"To: <sip:u%d@127.0.0.1>%s" % (n(20), b";tag=t%d" % n(50) if not n(5) else b""),
             b"Call-ID: %d" % n(300), b"CSeq: %d %s" % (n(1000), method)]
    if method in (b"REGISTER", b"INVITE", b"SUBSCRIBE") or not n(3):
        contact = b"<sip:%s@127.0.0.1:%d>" % (user, me)
        if not n(4):
            contact += b";+sip.instance=\"<urn:uuid:0000000%d-0000-1000-8000-000a95a0e128>\";reg-id=1" % n(9)
        lines.append(b"Contact: " + (contact if n(20) else b"*"))
    if method in (b"SUBSCRIBE", b"PUBLISH", b"NOTIFY"):
        lines += [b"Event: " + (b"presence", b"reg")[n(2)], b"Subscription-State: active;expires=60"]
    for chance, line in ((3, b"Supported: path, gruu, outbound, 100rel, timer, replaces"), (6, b"Expires: %d" % n(4000)),
                         (6, b"Route: <sip:127.0.0.1;lr>"), (8, b"Require: 100rel"), (8, b"Proxy-Require: foo"),
                         (8, b"Path: <sip:p@127.0.0.1:%d;lr;ob>" % me), (8, b"RAck: %d %d INVITE" % (n(9), n(1000))),
                         (8, b"Refer-To: <sip:u1@127.0.0.1?Replaces=%d%%3Bto-tag%%3Da%%3Bfrom-tag%%3Db>" % n(300)),
                         (8, b"Authorization: Digest username=\"%s\", realm=\"127.0.0.1\", nonce=\"x\", uri=\"sip:127.0.0.1\", "
                             b"response=\"%s\", qop=auth, nc=00000001, cnonce=\"y\"" % (user, b"0" * 32))):
        if not n(chance):
            lines.append(line)
    body = b""
    if method in (b"INVITE", b"UPDATE"):
        body = b"v=0\r\no=a 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"
        lines.append(b"Content-Type: application/sdp")
    lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def response(rng, forwarded):
    """To what a server sent us."""
    lines = [b"SIP/2.0 %d X" % STATUSES[rng.randrange(len(STATUSES))]]
    for line in forwarded.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]:
        name = line.partition(b":")[0].lower()
        if name == b"to" and b"tag=" not in line:
            line += b";tag=b%d" % rng.randrange(5)
        if name in (b"via", b"from", b"to", b"call-id", b"cseq", b"record-route"):
            lines.append(line)
    lines.append(b"Contact: <sip:b@127.0.0.1:5999>")
    if not rng.randrange(5):
        lines += [b"Require: 100rel", b"RSeq: %d" % rng.randrange(9)]
    return b"\r\n".join(lines) + b"\r\nContent-Length: 0\r\n\r\n"


def damaged(rng, text, others):
    text = bytearray(text)
    n = rng.randrange
    for _ in range(1 + n(4)):
        if not text:
            break
        at, kind = n(len(text)), n(10)
        line = text.find(b"\r\n", at)
        line_end = text.find(b"\r\n", line + 2) if line >= 0 else -1
        if kind == 0:
            text[at] = BYTES[n(len(BYTES))]
        elif kind == 1:
            text.insert(at, BYTES[n(len(BYTES))])
        elif kind == 2:
            del text[at:at + 1 + n(4)]
        elif kind == 3:
            while at < len(text) and not 48 <= text[at] <= 57:
                at += 1
            end = at
            while end < len(text) and 48 <= text[end] <= 57:
                end += 1
            text[at:end] = NUMBERS[n(len(NUMBERS))]
        elif kind == 4 and line_end >= 0:
            text[line:line] = bytes(text[line:line_end]) * (1 + n(3 if n(20) else 80))
        elif kind == 5 and line_end >= 0:
            del text[line:line_end]
        elif kind == 6 and line_end >= 0:
            other = others[n(len(others))].split(b"\r\n")
            text[line + 2:line + 2] = other[n(len(other))] + b"\r\n"
        elif kind == 7:
            del text[at:]
        elif kind == 8:
            text[at:at] = bytes(text[at:at + 1]) * (1 + n(20 if n(10) else 3000))
        else:
            text[at] = n(256)
    return bytes(text[:65000])


def canary(port, number):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(1)
        s.connect(("127.0.0.1", port))
        text = (b"OPTIONS sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;rport;branch=z9hG4bKcanary%d\r\n"
                b"Max-Forwards: 70\r\nFrom: <sip:c@127.0.0.1>;tag=1\r\nTo: <sip:127.0.0.1>\r\nCall-ID: canary%d\r\n"
                b"CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n" % (number, number))
        for _ in range(15):  # what comes in between may have filled the socket's queue
            s.send(text)
            try:
                if s.recv(65536).startswith(b"SIP/2.0 "):
                    return
            except OSError:
                pass
    raise Failed("no answer to OPTIONS any more, after %d messages" % number)


def flood(bench, *command, tcp=False):
    server, ports = bench.server(*command, "--listen", "udp:127.0.0.1:5090", "--listen", "tcp:127.0.0.1:5090", "--t1", "20")
    port = ports["udp"]
    rng = random.Random(SEED)
    me = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    me.bind(("127.0.0.1", 5999))
    me.setblocking(False)
    others = [request(rng, 5999, b"UDP") for _ in range(20)]
    for name in sorted(os.listdir(CORPUS)):
        with open(os.path.join(CORPUS, name), "rb") as f:
            others.append(f.read())
    stream, left, heard, forwarded = None, 0, 0, 0
    for number in range(1, COUNT + 1):
        text = request(rng, 5999, b"TCP" if tcp else b"UDP") if rng.randrange(4) else others[rng.randrange(len(others))]
        if rng.randrange(5):
            text = damaged(rng, text, others)
        if not tcp:
            me.sendto(text, ("127.0.0.1", port))
        else:
            if left == 0:
                if stream is not None:
                    if rng.randrange(2):
                        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    stream.close()
                stream, left = socket.create_connection(("127.0.0.1", port), timeout=10), 1 + rng.randrange(30)
            left -= 1
            try:
                stream.sendall(text[:rng.randrange(len(text) + 1)] if not rng.randrange(6) else text)
            except OSError:
                left = 0
        while True:
            try:
                got = me.recv(65536)
            except OSError:
                break
            heard += 1
            if got.startswith(b"SIP/"):
                continue
            forwarded += 1
            if rng.randrange(3):
                reply = response(rng, got)
                me.sendto(damaged(rng, reply, others) if rng.randrange(2) else reply, ("127.0.0.1", port))
        if number % CANARY == 0 or number == COUNT:
            canary(port, number)
    me.close()
    if stream is not None:
        stream.close()
    if not server.alive():
        raise Failed("it ended:\n" + server.tail())
    with open("/proc/%d/statm" % server.p.pid, encoding="ascii") as f:
        memory = int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    if memory > MOST_MEMORY:
        raise Failed("%d MiB in use" % (memory >> 20))
    if heard == 0 and not tcp:
        raise Failed("nothing was ever heard")
    return "%d messages, %d heard, %d of them forwarded to us, %d MiB" % (COUNT, heard, forwarded, memory >> 20)


def serve_by_udp(bench):
    return flood(bench, "serve", "--domain", "127.0.0.1", "--presence", "on")


def serve_by_tcp(bench):
    return flood(bench, "serve", "--domain", "127.0.0.1", "--threads", "2", tcp=True)


def serve_with_users(bench):
    users = bench.file("users", "".join("u%d:secret\n" % i for i in range(20)))
    return flood(bench, "serve", "--domain", "127.0.0.1", "--users", users, "--presence", "on")


def b2bua_by_udp(bench):
    return flood(bench, "b2bua", "--to", "sip:b@127.0.0.1:5999")


def alone():
    """Goes on in a network namespace with nothing but loopback."""
    mark = "SIPSTACK_MUTATIONS_ALONE"
    if os.environ.get(mark) is None:
        unshare = shutil.which("unshare")
        wrap = [unshare, "--net", "--map-root-user"]
        if unshare is None or subprocess.run([*wrap, "true"], capture_output=True, timeout=10).returncode != 0:
            print("SKIP mutations: no network namespace can be made here")
            sys.exit(77)
        os.environ[mark] = "1"
        os.execv(unshare, [*wrap, sys.executable, *sys.argv])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        up = struct.pack("16sh", b"lo", 0x1 | 0x40)  # IFF_UP, IFF_RUNNING
        fcntl.ioctl(s, 0x8914, up)  # SIOCSIFFLAGS


alone()
run(serve_by_udp, serve_by_tcp, serve_with_users, b2bua_by_udp)
