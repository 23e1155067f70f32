#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""sipsak pings `sipstack uas` and `sipstack serve`, and registers at `sipstack serve` with digest."""
from _peer import Failed, find, free_port, need, run


def server(bench, *args):
    """sipsak 0.9.8 writes only four digits of a port into its URIs."""
    port = free_port(digits=4)
    bench.server(*args, "--listen", "udp:127.0.0.1:%d" % port)
    return port


def sipsak(bench, *args, status=0):
    need("sipsak")
    p = bench.start([find("sipsak"), *args], name="sipsak")
    p.want_exit(status, 20)
    return p


def sipsak_pings_uas(bench):
    port = server(bench, "uas")
    p = sipsak(bench, "-vv", "-s", "sip:bob@127.0.0.1:%d" % port)
    if not any("200 OK" in line for line in p.lines):
        raise Failed("no 200:\n" + p.tail())


def sipsak_pings_serve(bench):
    port = server(bench, "serve", "--domain", "127.0.0.1")
    sipsak(bench, "-vv", "-s", "sip:127.0.0.1:%d" % port)


def sipsak_registers(bench):
    port = server(bench, "serve", "--domain", "127.0.0.1", "--users", bench.file("users", "bob:secret\n"))
    uri = "sip:bob@127.0.0.1:%d" % port
    # Left to itself sipsak takes the user name from the URI with its "@".
    sipsak(bench, "-U", "-vv", "-C", "sip:bob@127.0.0.1:5099", "-u", "bob", "-a", "secret", "-x", "120", "-s", uri)
    wrong = bench.start([find("sipsak"), "-U", "-C", "sip:bob@127.0.0.1:5099", "-u", "bob", "-a", "wrong", "-x", "120", "-s", uri],
                        name="sipsak")
    if wrong.wait(20) == 0:
        raise Failed("sipsak registered with a wrong password:\n" + wrong.tail())


run(sipsak_pings_uas, sipsak_pings_serve, sipsak_registers)
