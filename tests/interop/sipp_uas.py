#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""SIPp calls `sipstack uas`: 1,000 calls at 200 a second over UDP, over one TCP connection, and with a connection for
each."""
from _peer import need, run


def calls(bench, transport, sipp_transport):
    need("sipp")
    uas, ports = bench.server("uas", "--listen", transport + ":127.0.0.1:0")
    p = bench.sipp("uac", "127.0.0.1:%d" % ports[transport], "-d", "100", "-max_socket", "1000", transport=sipp_transport, calls=1000,
                   rate=200)
    return bench.sipp_passed(p)


def sipp_1000_calls_udp(bench):
    return calls(bench, "udp", "u1")


def sipp_1000_calls_tcp(bench):
    return calls(bench, "tcp", "t1")


def sipp_1000_calls_tcp_each(bench):
    return calls(bench, "tcp", "tn")


run(sipp_1000_calls_udp, sipp_1000_calls_tcp, sipp_1000_calls_tcp_each)
