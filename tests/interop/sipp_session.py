#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""100rel, UPDATE and session timers with SIPp: its caller at `sipstack uas`, its callee called by `sipstack call`."""
from _peer import need, run


def callee(bench, transport, sipp_transport):
    need("sipp")
    _, ports = bench.server("uas", "--listen", transport + ":127.0.0.1:0", "--reliable", "--session-expires", "1800")
    p = bench.sipp("uac_session.xml", "127.0.0.1:%d" % ports[transport], transport=sipp_transport, calls=50, rate=50)
    return bench.sipp_passed(p)


def caller(bench, transport, sipp_transport):
    need("sipp")
    sipp = bench.sipp("uas_session.xml", transport=sipp_transport, calls=2, rate=100, timeout=60)
    uri = "sip:callee@127.0.0.1:%d%s" % (sipp.port, ";transport=tcp" if transport == "tcp" else "")
    calls = [bench.sipstack("call", uri, "--listen", transport + ":127.0.0.1:0", "--duration-ms", "2200",
                            "--timeout-ms", "8000") for _ in range(2)]
    for p in calls:
        p.want_exit(0, 15)
    return bench.sipp_passed(sipp)


def session_callee_udp(bench):
    return callee(bench, "udp", "u1")


def session_callee_tcp(bench):
    return callee(bench, "tcp", "t1")


def session_caller_udp(bench):
    return caller(bench, "udp", "u1")


def session_caller_tcp(bench):
    return caller(bench, "tcp", "t1")


run(session_callee_udp, session_callee_tcp, session_caller_udp, session_caller_tcp)
