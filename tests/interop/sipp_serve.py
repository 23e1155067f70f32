#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""SIPp registers a callee at `sipstack serve` by digest; SIPp calls SIPp through it by Record-Route. Over UDP, and in
numbers: sipp_load.py."""
from _peer import run
from _roads import serve_road


def sipp_through_serve_tcp(bench):
    return serve_road(bench, "tcp", "t1", 200, 50).passed()


def sipp_through_two_threads_udp(bench):
    return serve_road(bench, "udp", "u1", 300, 100, "--threads", "2").passed()


def sipp_through_two_threads_tcp(bench):
    return serve_road(bench, "tcp", "t1", 200, 100, "--threads", "2").passed()


run(sipp_through_serve_tcp, sipp_through_two_threads_udp, sipp_through_two_threads_tcp)
