#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""SIPp calls SIPp through `sipstack b2bua`, puts it on hold and hangs up; nothing of either side is seen on the
other, and nothing is left. SIPSTACK_STRICT=1: 10,000 calls at 200 a second."""
import os
import signal

from _peer import Failed, need, run

STRICT = os.environ.get("SIPSTACK_STRICT") == "1"
PATIENCE = 120 if STRICT else 40  # seconds


def through_b2bua(bench, transport, sipp_transport, calls, rate):
    need("sipp")
    options = ["-s", "callee"]
    callee = bench.sipp("uas_b2bua.xml", *options, transport=sipp_transport, calls=calls, rate=rate, timeout=PATIENCE)
    to = "sip:callee@127.0.0.1:%d%s" % (callee.port, ";transport=tcp" if transport == "tcp" else "")
    b2bua, ports = bench.server("b2bua", "--listen", transport + ":127.0.0.1:0", "--to", to, "--pass-header", "X-*",
                                "--log-level", "info")
    caller = bench.sipp("uac_b2bua.xml", "127.0.0.1:%d" % ports[transport], *options, transport=sipp_transport,
                        calls=calls, rate=rate, timeout=PATIENCE)
    result = bench.sipp_passed(caller)
    bench.sipp_passed(callee)
    os.kill(b2bua.p.pid, signal.SIGTERM)
    b2bua.want_exit(0, 10)
    left = b2bua.line(r"(\d+) calls came, (\d+) connected, (\d+) refused here, (\d+) left")
    if left.groups() != (str(calls), str(calls), "0", "0"):
        raise Failed("of %d calls: %s" % (calls, left.group(0)))
    return result


def sipp_through_b2bua_udp(bench):
    calls, rate = (10000, 200) if STRICT else (2000, 400)
    return through_b2bua(bench, "udp", "u1", calls, rate)


def sipp_through_b2bua_tcp(bench):
    return through_b2bua(bench, "tcp", "t1", 500, 250)


run(sipp_through_b2bua_udp, sipp_through_b2bua_tcp)
