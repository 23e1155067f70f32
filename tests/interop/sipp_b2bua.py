#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""SIPp calls SIPp through `sipstack b2bua` over TCP, puts it on hold and hangs up; nothing of either side is seen on
the other, and nothing is left. Over UDP, and in numbers: sipp_load.py."""
from _peer import run
from _roads import bridge_ends, bridge_road


def sipp_through_b2bua_tcp(bench):
    road = bridge_road(bench, "tcp", "t1", 500, 250)
    result = road.passed()
    bridge_ends(road)
    return result


run(sipp_through_b2bua_tcp)
