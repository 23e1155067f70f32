#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""SIPp calls `sipstack uas`: 1,000 calls at 100 a second over UDP and over TCP."""
from _peer import need, run


def calls(bench, transport, sipp_transport):
    need("sipp")
    uas, ports = bench.server("uas", "--listen", transport + ":127.0.0.1:0")
    p = bench.sipp("uac", "127.0.0.1:%d" % ports[transport], "-d", "100", transport=sipp_transport, calls=1000,
                   rate=100)
    return bench.sipp_passed(p)


def sipp_1000_calls_udp(bench):
    return calls(bench, "udp", "u1")


def sipp_1000_calls_tcp(bench):
    return calls(bench, "tcp", "t1")


run(sipp_1000_calls_udp, sipp_1000_calls_tcp)
