# SPDX-License-Identifier: Apache-2.0
"""What the interop tests share: programs that are started, awaited and stopped by pid, and SIPp runs.

Everything listens and sends on 127.0.0.1. Every wait has an end. A test is a function that raises
Failed; run() reports and turns that into the exit status (77: a peer is not installed).
"""
import argparse
import collections
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SCENARIOS = os.path.join(HERE, "scenarios")


class Failed(Exception):
    pass


class Skipped(Exception):
    pass


def need(*programs):
    """Skips where a peer is not installed. In CI the peers are there, so a skip shows in the summary."""
    for p in programs:
        if find(p) is None:
            raise Skipped("%s is not installed" % p)


def find(program):
    return shutil.which(program, path=os.environ.get("PATH", "") + os.pathsep + "/usr/sbin")


def free_port(kind=socket.SOCK_DGRAM, digits=5):
    """A port that was free a moment ago, for peers that cannot choose one themselves."""
    while True:
        with socket.socket(socket.AF_INET, kind) as s:
            try:
                s.bind(("127.0.0.1", 0 if digits == 5 else random.randrange(5000, 9999)))
            except OSError:
                continue
            port = s.getsockname()[1]
        # Peers such as SIPp want both kinds, and Kamailio's neighbours the next ports: stay clear of the end.
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as t:
            try:
                t.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port < 60000:
            return port


def taken(port, transport):
    """Whether a program listens there by now."""
    kind = socket.SOCK_DGRAM if transport.startswith("u") else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET, kind) as s:
        try:
            s.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def answers(port, transport, patience=15.0):
    """Waits until OPTIONS gets a SIP response there: a peer may tell that it listens before all of it does."""
    options = ("OPTIONS sip:127.0.0.1:%d SIP/2.0\r\nVia: SIP/2.0/%s 127.0.0.1:9;branch=z9hG4bK%d;rport\r\n"
               "Max-Forwards: 70\r\nFrom: <sip:ready@127.0.0.1>;tag=r\r\nTo: <sip:127.0.0.1:%d>\r\n"
               "Call-ID: ready-%d\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n")
    end = time.monotonic() + patience
    kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
    while time.monotonic() < end:
        mark = random.randrange(10 ** 9)
        try:
            with socket.socket(socket.AF_INET, kind) as s:
                s.settimeout(0.5)
                s.connect(("127.0.0.1", port))
                s.sendall((options % (port, transport.upper(), mark, port, mark)).encode())
                if s.recv(4096).startswith(b"SIP/2.0 "):
                    return
        except OSError:  # refused, reset or silent: not there yet
            time.sleep(0.05)
    raise Failed("port %d gives no answer to OPTIONS over %s within %g s" % (port, transport, patience))


def certificate(bench, name, sans):
    """A self-signed one, which is its own CA: (certificate, key)."""
    need("openssl")
    cert, key = os.path.join(bench.dir, name + ".pem"), os.path.join(bench.dir, name + "-key.pem")
    subprocess.run([find("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=" + name, "-addext",
                    "subjectAltName=" + sans], check=True, capture_output=True, timeout=60)
    return cert, key


class Program:
    """A program with its output read line by line. Stopped by pid, twice, then killed."""

    def __init__(self, argv, cwd=None, name=None):
        self.name = name or os.path.basename(argv[0])
        self.argv = [str(a) for a in argv]
        self.lines = collections.deque(maxlen=4000)
        self.cv = threading.Condition()
        self.p = subprocess.Popen(self.argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, cwd=cwd, start_new_session=True)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.p.stdout:
            with self.cv:
                self.lines.append(line.decode("utf-8", "replace").rstrip("\r\n"))
                self.cv.notify_all()

    def line(self, pattern, timeout=10.0, count=1):
        """The count-th line that matches, once it is there."""
        end = time.monotonic() + timeout
        rx = re.compile(pattern)
        with self.cv:
            while True:
                hits = [m for m in map(rx.search, list(self.lines)) if m]
                if len(hits) >= count:
                    return hits[count - 1]
                left = end - time.monotonic()
                if left <= 0 or (self.p.poll() is not None and not self.reader.is_alive()):
                    raise Failed("%s: no line like %r within %g s; exit status %s; output:\n%s" % (
                        self.name, pattern, timeout, self.p.poll(), self.tail()))
                self.cv.wait(min(left, 0.2))

    def tail(self, n=40):
        return "\n".join("    " + line for line in list(self.lines)[-n:])

    def wait(self, timeout):
        try:
            self.p.wait(timeout)
        except subprocess.TimeoutExpired:
            raise Failed("%s still runs after %g s; output:\n%s" % (self.name, timeout, self.tail()))
        self.reader.join(2)
        return self.p.returncode

    def want_exit(self, status, timeout=30.0):
        got = self.wait(timeout)
        if got != status:
            raise Failed("%s ended with status %s, not %s; output:\n%s" % (self.name, got, status, self.tail()))

    def alive(self):
        return self.p.poll() is None

    def stop(self):
        """Ends it; the exit status, or None where it had to be killed."""
        for sig, patience in ((signal.SIGTERM, 6.0), (signal.SIGTERM, 2.0), (signal.SIGKILL, 5.0)):
            if self.p.poll() is not None:
                break
            try:
                os.kill(self.p.pid, sig)
                self.p.wait(patience)
            except subprocess.TimeoutExpired:
                continue
            except ProcessLookupError:
                break
        self.reader.join(2)
        rc = self.p.returncode
        return None if rc == -signal.SIGKILL else rc


class Bench:
    """The programs and files of one test."""

    def __init__(self, sipstack):
        self.sipstack_path = sipstack
        self.programs = []
        self.dir = tempfile.mkdtemp(prefix="sipstack-interop-")

    def start(self, argv, name=None):
        p = Program(argv, cwd=self.dir, name=name)
        self.programs.append(p)
        return p

    def sipstack(self, *args):
        return self.start([self.sipstack_path, *args], name="sipstack " + str(args[0]))

    def server(self, *args):
        """A `sipstack` server on free ports: (program, {transport: port})."""
        p = self.sipstack(*args)
        p.line(r"^ready$")
        ports = {}
        for line in list(p.lines):
            m = re.match(r"^listening (\S+) .*:(\d+)$", line)
            if m:
                ports[m.group(1)] = int(m.group(2))
        return p, ports

    def file(self, name, text):
        path = os.path.join(self.dir, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def close(self):
        complaints = []
        for p in reversed(self.programs):
            ours = p.name.startswith("sipstack")
            ran = p.alive()
            rc = p.stop()
            if ours and ran and rc != 0:
                complaints.append("%s did not end cleanly on SIGTERM: %s\n%s" % (p.name, rc, p.tail()))
            if any("AddressSanitizer" in line or "runtime error:" in line for line in p.lines):
                complaints.append("sanitizer report from %s:\n%s" % (p.name, p.tail(80)))
        shutil.rmtree(self.dir, ignore_errors=True)
        return complaints

    # ---- SIPp

    def sipp(self, scenario, *args, port=None, transport="u1", calls=1, rate=10, timeout=60):
        """Starts SIPp on a scenario file (or a built-in one by name). Its statistics go to a file."""
        port = port or free_port()
        where = ["-sf", os.path.join(SCENARIOS, scenario)] if scenario.endswith(".xml") else ["-sn", scenario]
        stat = os.path.join(self.dir, "sipp-%d.csv" % port)
        argv = [find("sipp"), *where, "-i", "127.0.0.1", "-p", port, "-t", transport, "-m", calls, "-r", rate,
                "-nostdin", "-timeout", "%ds" % timeout, "-timeout_error", "-trace_stat", "-stf", stat,
                "-trace_err", "-error_file", stat + ".err", "-fd", "1", *args]
        p = self.start(argv, name="sipp " + scenario)
        p.port, p.stat, p.calls, p.timeout = port, stat, calls, timeout
        end = time.monotonic() + 5
        while p.alive() and not taken(port, transport) and time.monotonic() < end:
            time.sleep(0.02)
        return p

    def sipp_passed(self, p):
        """Waits; every call must have succeeded and nothing unexpected arrived."""
        rc = p.wait(p.timeout + 15)
        errors = ""
        if os.path.exists(p.stat + ".err"):
            with open(p.stat + ".err", encoding="utf-8", errors="replace") as f:
                errors = f.read()
        with open(p.stat, encoding="utf-8") as f:
            head, *rows = [line.rstrip("\n").split(";") for line in f if line.strip()]
        last = dict(zip(head, rows[-1]))
        p.held = float(last["CallRate(C)"])
        good = int(last["SuccessfulCall(C)"])
        bad = int(last["FailedCall(C)"])
        if rc != 0 or good != p.calls or bad != 0 or "unexpected" in errors.lower():
            raise Failed("%s: exit %s, %d calls good, %d failed, of %d\n%s" % (
                p.name, rc, good, bad, p.calls, errors[:3000]))
        return "%d calls, none failed, %s retransmissions" % (good, last.get("Retransmissions(C)", "?"))


def run(*tests):
    """main() of a test file."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sipstack", required=True)
    parser.add_argument("--only", help="run the tests whose name holds this")
    args = parser.parse_args()
    failed = skipped = passed = 0
    for test in tests:
        if args.only and args.only not in test.__name__:
            continue
        bench = Bench(os.path.abspath(args.sipstack))
        began = time.monotonic()
        why, verdict = "", "PASS"
        try:
            why = test(bench) or ""
        except Skipped as e:
            verdict, why = "SKIP", str(e)
        except Failed as e:
            verdict, why = "FAIL", str(e)
        except (OSError, ValueError, KeyError, IndexError) as e:
            verdict, why = "FAIL", "%s: %s" % (type(e).__name__, e)
        complaints = bench.close()
        if complaints:
            verdict, why = "FAIL", "\n".join(filter(None, [why] + complaints))
        print("%s %s (%.1f s) %s" % (verdict, test.__name__, time.monotonic() - began, why), flush=True)
        failed += verdict == "FAIL"
        skipped += verdict == "SKIP"
        passed += verdict == "PASS"
    if failed or not (passed or skipped):
        sys.exit(1)
    sys.exit(0 if passed else 77)
