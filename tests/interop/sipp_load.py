#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""10,000 calls at 200 a second on each of three roads: SIPp - serve - SIPp and SIPp - Kamailio - serve - Kamailio -
SIPp by Record-Route, and SIPp - b2bua - SIPp. Not one may fail, and when all timers are over nothing may be left.

All three at the same time: each of them is mostly idle, and so is the half minute after. SIPSTACK_SLOW_BUILD=1, which
CTest sets for builds without optimisation or with sanitizers: 1,000 calls at 40 a second."""
import os

from _peer import find, need, run
from _roads import bridge_ends, bridge_road, serve_road

CALLS, RATE = (1000, 40) if os.environ.get("SIPSTACK_SLOW_BUILD") == "1" else (10000, 200)


def ten_thousand_calls_each_way(bench):
    need("sipp")
    roads = {"serve": serve_road(bench, "udp", "u1", CALLS, RATE),
             "b2bua": bridge_road(bench, "udp", "u1", CALLS, RATE)}
    if find("kamailio"):
        roads["kamailio - serve - kamailio"] = serve_road(bench, "udp", "u1", CALLS, RATE, kamailios=True)
    said = ["%s: %s" % (name, road.passed()) for name, road in roads.items()]
    for road in roads.values():
        road.empty()
    bridge_ends(roads["b2bua"])
    if len(roads) < 3:
        said.append("kamailio is not installed")
    return "at %d a second, nothing left\n    %s" % (RATE, "\n    ".join(said))


run(ten_thousand_calls_each_way)
