#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Two `sipstack serve` share one Redis: a phone registered through one is called through the other, also when the
first was killed, and also over the connection that the first one holds; without Redis there is 503 with Retry-After,
and with it things go on."""
import os
import re
import signal
import socket
import threading
import time

from _peer import Failed, find, free_port, need, run

DOMAIN = "example.test"


class Redis:
    """redis-server on a socket in the bench's folder, with what it was told kept on disk."""

    def __init__(self, bench):
        need("redis-server")
        self.bench = bench
        self.path = os.path.join(bench.dir, "redis.sock")
        self.url = "redis+unix://" + self.path
        self.start()

    def start(self):
        self.program = self.bench.start([find("redis-server"), "--port", "0", "--unixsocket", self.path, "--dir",
                                         self.bench.dir, "--save", "", "--appendonly", "yes", "--appendfsync",
                                         "always"], name="redis")
        self.program.line(r"eady to accept connections", timeout=10)

    def kill(self):
        os.kill(self.program.p.pid, signal.SIGKILL)
        self.program.wait(5)


def serve(bench, redis, *args):
    """(program, port by transport)"""
    return bench.server("serve", "--domain", DOMAIN, "--location", redis.url, "--listen", "udp:127.0.0.1:0", "--listen",
                        "tcp:127.0.0.1:0", *args)


def register(bench, user, contact, port, status=0):
    p = bench.sipstack("register", "sip:%s@%s" % (user, DOMAIN), "--registrar", "sip:127.0.0.1:%d" % port, "--contact",
                       contact, "--once", "--listen", "udp:127.0.0.1:0")
    p.want_exit(status, 10)


def call(bench, user, port, status=0):
    p = bench.sipstack("call", "sip:%s@%s" % (user, DOMAIN), "--proxy", "sip:127.0.0.1:%d;lr" % port, "--duration-ms",
                       "100", "--from", "sip:caller@elsewhere.test", "--listen", "udp:127.0.0.1:0", "--timeout-ms", "5000")
    p.want_exit(status, 10)
    return p


def ask(method, port, cseq):
    """The final response to one request over UDP, bare: (status, {header: value})."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        s.settimeout(5)
        own = s.getsockname()[1]
        uri = "sip:%s" % DOMAIN if method == "REGISTER" else "sip:carol@%s" % DOMAIN
        s.sendto(("%s %s SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bK%d%d\r\nMax-Forwards: 70\r\n"
                  "From: <sip:carol@%s>;tag=1\r\nTo: <sip:carol@%s>\r\nCall-ID: away-%d\r\nCSeq: %d %s\r\n"
                  "Contact: <sip:carol@127.0.0.1:%d>\r\nContent-Length: 0\r\n\r\n" % (
                      method, uri, own, own, cseq, DOMAIN, DOMAIN, own, cseq, method, own)).encode(),
                 ("127.0.0.1", port))
        while True:
            lines = s.recv(4096).decode().split("\r\n")
            status = int(lines[0].split()[1])
            if status >= 200:
                return status, dict(re.split(r":\s*", line, maxsplit=1) for line in lines[1:] if ":" in line)


class TcpPhone(threading.Thread):
    """Registers over a connection, where alone it can be reached, and answers whatever comes there."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.seen = []
        self.socket = socket.create_connection(("127.0.0.1", port), 5)
        self.at = "127.0.0.1:%d" % self.socket.getsockname()[1]
        self.contact = "Contact: <sip:tess@%s;transport=tcp>\r\n" % self.at
        self.socket.sendall(("REGISTER sip:%s SIP/2.0\r\nVia: SIP/2.0/TCP %s;branch=z9hG4bKr\r\nMax-Forwards: 70\r\n"
                             "From: <sip:tess@%s>;tag=1\r\nTo: <sip:tess@%s>\r\nCall-ID: tess\r\nCSeq: 1 REGISTER\r\n%s"
                             "Content-Length: 0\r\n\r\n" % (DOMAIN, self.at, DOMAIN, DOMAIN, self.contact)).encode())
        self.rest = b""
        if not self.message()[0].startswith("SIP/2.0 200"):
            raise Failed("the TCP phone cannot register")
        self.start()

    def message(self):
        """The lines of a message's head; its body is passed over."""
        while b"\r\n\r\n" not in self.rest:
            more = self.socket.recv(65536)
            if not more:
                raise OSError("closed")
            self.rest += more
        head, self.rest = self.rest.split(b"\r\n\r\n", 1)
        lines = head.decode().split("\r\n")
        length = next((int(line.split(":")[1]) for line in lines if line.lower().startswith("content-length:")), 0)
        while len(self.rest) < length:
            more = self.socket.recv(65536)
            if not more:
                raise Failed("the connection was closed within a body")
            self.rest += more
        self.body, self.rest = self.rest[:length], self.rest[length:]
        return lines

    def run(self):
        try:
            while True:
                lines = self.message()
                method = lines[0].split()[0]
                self.seen.append(method)
                if method == "ACK":
                    continue
                keep = [line for line in lines if re.match(r"(?i)(via|from|call-id|cseq|record-route|to):", line)]
                keep = [line + ";tag=t" if line.lower().startswith("to:") and ";tag=" not in line else line for line in keep]
                body = self.body if method == "INVITE" else b""  # the caller's own description, echoed
                more = "Content-Type: application/sdp\r\n" if body else ""
                self.socket.sendall(("SIP/2.0 200 OK\r\n%s\r\n%s%sContent-Length: %d\r\n\r\n" % (
                    "\r\n".join(keep), self.contact, more, len(body))).encode() + body)
        except OSError:
            pass


def a_connection_is_another_nodes(bench):
    redis = Redis(bench)
    nodes = []
    for _ in range(2):
        port = free_port(socket.SOCK_STREAM)
        nodes.append((bench.server("serve", "--domain", DOMAIN, "--location", redis.url, "--listen", "udp:127.0.0.1:%d" % port,
                                   "--listen", "tcp:127.0.0.1:%d" % port, "--node-uri",
                                   "sip:127.0.0.1:%d;transport=tcp" % port), port))
    phone = TcpPhone(nodes[0][1])
    call(bench, "tess", nodes[1][1])
    call(bench, "tess", nodes[0][1])
    if phone.seen != ["INVITE", "ACK", "BYE"] * 2:
        raise Failed("the phone has seen %s" % phone.seen)
    phone.socket.shutdown(socket.SHUT_RDWR)
    call(bench, "tess", nodes[1][1], status=1).line("480")


def a_node_is_killed(bench):
    redis = Redis(bench)
    a, a_ports = serve(bench, redis)
    b, b_ports = serve(bench, redis)
    uas, uas_ports = bench.server("uas", "--listen", "udp:127.0.0.1:0")
    register(bench, "bob", "sip:bob@127.0.0.1:%d" % uas_ports["udp"], a_ports["udp"])
    call(bench, "bob", a_ports["udp"])
    call(bench, "bob", b_ports["udp"])
    os.kill(a.p.pid, signal.SIGKILL)
    a.wait(5)
    for _ in range(3):
        call(bench, "bob", b_ports["udp"])
    register(bench, "bob", "sip:bob@127.0.0.1:%d" % uas_ports["udp"], b_ports["udp"])
    call(bench, "bob", b_ports["udp"])
    # Another takes its place.
    c, c_ports = serve(bench, redis)
    call(bench, "bob", c_ports["udp"])


def redis_goes_and_comes_back(bench):
    redis = Redis(bench)
    node, ports = serve(bench, redis)
    uas, uas_ports = bench.server("uas", "--listen", "udp:127.0.0.1:0")
    register(bench, "bob", "sip:bob@127.0.0.1:%d" % uas_ports["udp"], ports["udp"])
    redis.kill()
    for cseq, method in enumerate(("REGISTER", "INVITE", "REGISTER"), 1):
        began = time.monotonic()
        status, headers = ask(method, ports["udp"], cseq)
        if status != 503 or not 1 <= int(headers.get("Retry-After", 0)) <= 60:
            raise Failed("%s without Redis: %d, Retry-After %s" % (method, status, headers.get("Retry-After")))
        if time.monotonic() - began > 2:
            raise Failed("%s without Redis was answered after %.1f s" % (method, time.monotonic() - began))
    redis.start()
    node.line(r"answers again", timeout=10)
    call(bench, "bob", ports["udp"])  # what was acknowledged is still there
    status, _ = ask("REGISTER", ports["udp"], 9)
    if status != 200:
        raise Failed("REGISTER with Redis back: %d" % status)


run(a_node_is_killed, a_connection_is_another_nodes, redis_goes_and_comes_back)
