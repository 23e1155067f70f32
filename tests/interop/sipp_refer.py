#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""SIPp transfers calls with `sipstack uas` to another `sipstack uas`: REFER, NOTIFYs from 100 to 200, BYE."""
from _peer import need, run


def sipp_transfers_100_calls(bench):
    need("sipp")
    _, bob = bench.server("uas", "--listen", "udp:127.0.0.1:0")
    _, carol = bench.server("uas", "--listen", "udp:127.0.0.1:0", "--max-call-ms", "200")
    p = bench.sipp("uac_refer.xml", "127.0.0.1:%d" % bob["udp"], "-s", "bob", "-key", "carol",
                   "127.0.0.1:%d" % carol["udp"], calls=100, rate=50)
    return bench.sipp_passed(p)


run(sipp_transfers_100_calls)
