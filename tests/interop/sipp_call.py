#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`sipstack call` calls a SIPp server scenario over UDP and TCP."""
from _peer import Failed, need, run

CALLS = 5


def call(bench, transport, sipp_transport):
    need("sipp")
    sipp = bench.sipp("uas.xml", transport=sipp_transport, calls=CALLS, rate=100, timeout=60)
    uri = "sip:callee@127.0.0.1:%d%s" % (sipp.port, ";transport=tcp" if transport == "tcp" else "")
    for _ in range(CALLS):
        p = bench.sipstack("call", uri, "--listen", transport + ":127.0.0.1:0", "--duration-ms", "200",
                           "--timeout-ms", "8000")
        p.want_exit(0, 15)
        steps = [line.split()[0] for line in p.lines if line.split()]
        for step in ("ringing", "answered", "ended"):
            if step not in steps:
                raise Failed("no line %r from sipstack call:\n%s" % (step, p.tail()))
    return bench.sipp_passed(sipp)


def call_sipp_udp(bench):
    return call(bench, "udp", "u1")


def call_sipp_tcp(bench):
    return call(bench, "tcp", "t1")


run(call_sipp_udp, call_sipp_tcp)
