#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The black-box conformance tester beside this project (sipcheck), where it is present.

Also ours: `sipstack parse` agrees with the labelled messages of RFC 3665 and RFC 5359, and `sipstack uas`
lives through RFC 4475's, answering 400 to what it cannot parse but can answer."""
import csv
import json
import os
import re
import socket
import subprocess
import sys

from _peer import Failed, Skipped, run

SHARED = os.environ.get("SIPSTACK_SHARED_DIR", "")
AREAS = ("parse", "uas", "tsx", "client", "dialog", "transport", "registrar", "proxy", "b2bua", "robust")


def shared(*path):
    full = os.path.join(SHARED, *path)
    if not SHARED or not os.path.exists(full):
        raise Skipped("%s is not here" % os.path.join(*path))
    return full


def manifest(folder):
    """(path, verdict) of each labelled message."""
    where = shared("vectors", folder)
    with open(os.path.join(where, "MANIFEST.tsv"), encoding="utf-8") as f:
        for row in csv.DictReader(f, delimiter="\t", quoting=csv.QUOTE_NONE):
            yield os.path.join(where, row["file"]), row["expected"]


def sipcheck_run(bench, only, jobs):
    p = subprocess.run([sys.executable, "-m", "sipcheck", "--command", bench.sipstack_path, "-j", str(jobs),
                        *[w for o in only for w in ("--only", o)]], cwd=SHARED, capture_output=True, text=True,
                       timeout=900)
    return p, p.stdout.strip().split("\n")[-1], re.findall(r"^FAIL (\S+)", p.stdout, re.M)


def sipcheck(bench):
    """Its tests of retransmissions measure milliseconds from outside. What fails beside others is run once more
    by itself: a machine that was busy elsewhere is no failure of ours, and a defect fails again."""
    shared("sipcheck")
    first, summary, failed = sipcheck_run(bench, AREAS, 2)
    if not re.match(r"^[1-9]\d* passed, \d+ failed", summary):
        raise Failed("no tests ran: %s\n%s" % (summary, first.stderr[-1000:]))
    if first.returncode == 0 and not failed:
        return summary
    if not failed or len(failed) > 3:
        raise Failed("%s\n%s\n%s" % (summary, first.stdout[-12000:], first.stderr[-1000:]))
    again, second, _ = sipcheck_run(bench, failed, 1)
    if again.returncode != 0:
        raise Failed("%s; again: %s\n%s" % (summary, second, again.stdout[-12000:]))
    return "%s; run again alone, and passed: %s" % (summary, ", ".join(failed))


def vectors(bench, folder):
    wrong, count = [], 0
    rows = list(manifest(folder))
    p = subprocess.run([bench.sipstack_path, "parse", "--json", *[path for path, _ in rows]], capture_output=True,
                       timeout=60)
    verdicts = [json.loads(line) for line in p.stdout.splitlines()]
    if len(verdicts) != len(rows):
        raise Failed("%d verdicts on %d messages" % (len(verdicts), len(rows)))
    for (path, expected), got in zip(rows, verdicts):
        count += 1
        if (expected, got["valid"]) in (("valid", False), ("invalid-must-reject", True)):
            wrong.append("%s: %s expected, %s" % (os.path.basename(path), expected, json.dumps(got.get("error"))))
    if wrong:
        raise Failed("\n".join(wrong))
    return "%d messages agree" % count


def vectors_rfc3665(bench):
    return vectors(bench, "rfc3665")


def vectors_rfc5359(bench):
    return vectors(bench, "rfc5359")


def torture(bench):
    """Every message of RFC 4475 at a uas: it stays alive; what must be rejected and can be answered gets 4xx/5xx."""
    rows = list(manifest("rfc4475"))
    uas, ports = bench.server("uas", "--listen", "udp:127.0.0.1:0")
    target = ("127.0.0.1", ports["udp"])
    canary = ("OPTIONS sip:bob@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%d;rport;branch=z9hG4bKc%d\r\n"
              "Max-Forwards: 70\r\nFrom: <sip:canary@example.test>;tag=c\r\nTo: <sip:bob@127.0.0.1>\r\n"
              "Call-ID: canary%d\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n")
    refused = 0
    for i, (path, expected) in enumerate(rows):
        with open(path, "rb") as f:
            message = f.read()
        parsed = json.loads(subprocess.run([bench.sipstack_path, "parse", "--json", path], capture_output=True,
                                           timeout=10).stdout.splitlines()[0])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.bind(("127.0.0.1", 0))
            s.settimeout(2)
            # Replies go to the source: rport is added to a Via that has none, so that we hear them.
            message = re.sub(rb"(?im)^((?:via|v)[ \t]*:[ \t]*SIP[ \t]*/[ \t]*2\.0[ \t]*/[ \t]*UDP[^;,\r\n]*)",
                             rb"\1;rport", message, count=1)
            s.sendto(message, target)
            s.sendto((canary % (s.getsockname()[1], i, i)).encode(), target)
            statuses, alive = [], False
            while not alive:
                try:
                    reply = s.recv(65535)
                except socket.timeout:
                    break
                alive = b"canary%d" % i in reply
                if not alive and reply.startswith(b"SIP/2.0 "):
                    statuses.append(int(reply[8:11]))
        if not alive or not uas.alive():
            raise Failed("no answer after %s; %s" % (os.path.basename(path), uas.tail()))
        error = parsed.get("error") or {}
        final = [st for st in statuses if st >= 200]
        if expected == "invalid-must-reject" and any(st < 300 for st in final):
            raise Failed("%s was served: %s" % (os.path.basename(path), statuses))
        # What RFC 4475 lets an element ignore where it has no use for the value (3.1.2.12), a UAS may serve.
        if not parsed["valid"] and expected != "valid-with-warning" and parsed.get("kind") == "request" and final:
            refused += 1
            if not all(400 <= st <= 513 for st in final):
                raise Failed("%s: %s for %s" % (os.path.basename(path), statuses, error))
    if refused < 5:
        raise Failed("only %d malformed requests were answered" % refused)
    return "%d messages, %d malformed requests refused" % (len(rows), refused)


run(sipcheck, vectors_rfc3665, vectors_rfc5359, torture)
