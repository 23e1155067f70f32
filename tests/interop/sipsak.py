#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""sipsak pings `sipstack uas` and `sipstack serve`, and registers at `sipstack serve` with digest."""
from _peer import Failed, find, need, run


def sipsak(bench, *args, status=0):
    need("sipsak")
    p = bench.start([find("sipsak"), *args], name="sipsak")
    p.want_exit(status, 20)
    return p


def sipsak_pings_uas(bench):
    _, ports = bench.server("uas", "--listen", "udp:127.0.0.1:0")
    p = sipsak(bench, "-vv", "-s", "sip:bob@127.0.0.1:%d" % ports["udp"])
    if not any("200 OK" in line for line in p.lines):
        raise Failed("no 200:\n" + p.tail())


def sipsak_pings_serve(bench):
    _, ports = bench.server("serve", "--listen", "udp:127.0.0.1:0", "--domain", "127.0.0.1")
    sipsak(bench, "-vv", "-s", "sip:127.0.0.1:%d" % ports["udp"])


def sipsak_registers(bench):
    _, ports = bench.server("serve", "--listen", "udp:127.0.0.1:0", "--domain", "127.0.0.1", "--users",
                            bench.file("users", "bob:secret\n"))
    uri = "sip:bob@127.0.0.1:%d" % ports["udp"]
    sipsak(bench, "-U", "-vv", "-C", "sip:bob@127.0.0.1:5099", "-a", "secret", "-x", "120", "-s", uri)
    wrong = bench.start([find("sipsak"), "-U", "-C", "sip:bob@127.0.0.1:5099", "-a", "wrong", "-x", "120", "-s", uri],
                        name="sipsak")
    if wrong.wait(20) == 0:
        raise Failed("sipsak registered with a wrong password:\n" + wrong.tail())


run(sipsak_pings_uas, sipsak_pings_serve, sipsak_registers)
