#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""sipstack flow on what tcpdump and sngrep have captured of a call on loopback, over UDP and over TCP."""
import os
import time

from _peer import Failed, Skipped, find, need, run


def call(bench, transport):
    _, ports = bench.server("uas", "--listen", "udp:127.0.0.1:0", "--listen", "tcp:127.0.0.1:0")

    def make():
        phone = bench.sipstack("call", "sip:bob@127.0.0.1:%d;transport=%s" % (ports[transport], transport),
                               "--duration-ms", "50", "--listen", "%s:127.0.0.1:0" % transport)
        phone.want_exit(0)
    return ports[transport], make


def want_call(bench, file):
    flow = bench.sipstack("flow", file)
    flow.want_exit(0)
    drawn = flow.tail(100)
    for label in ("-INVITE SDP-", "180 Ringing (INVITE)", "200 OK (INVITE) SDP", "-ACK-", "-BYE-", "200 OK (BYE)"):
        if drawn.count(label) != 1:
            raise Failed("%r is drawn %d times:\n%s" % (label, drawn.count(label), drawn))


def tcpdump(bench, transport, *how):
    need("tcpdump")
    port, make = call(bench, transport)
    file = os.path.join(bench.dir, "dump.pcap")
    dump = bench.start([find("tcpdump"), "-i", "lo", "-U", "-w", file, *how, "port", str(port)], name="tcpdump")
    try:
        dump.line("listening on")
    except Failed:
        if any("permission" in line for line in dump.lines):
            raise Skipped("tcpdump may not capture here")
        raise
    make()
    end = time.monotonic() + 10
    while time.monotonic() < end:  # what the kernel holds comes a little later
        with open(file, "rb") as f:
            if b" BYE\r\n" in f.read().split(b"SIP/2.0 200 OK")[-1]:
                break
        time.sleep(0.05)
    dump.stop()
    want_call(bench, file)


def tcpdump_udp(bench):
    tcpdump(bench, "udp")


def tcpdump_tcp(bench):
    tcpdump(bench, "tcp")


def tcpdump_nanoseconds(bench):
    tcpdump(bench, "udp", "--time-stamp-precision=nano")


def sngrep(bench):
    """What sngrep has read and written again."""
    need("sngrep")
    trace = os.path.join(bench.dir, "trace.pcap")
    again = os.path.join(bench.dir, "again.pcap")
    port, _ = call(bench, "udp")
    phone = bench.sipstack("call", "sip:bob@127.0.0.1:%d" % port, "--duration-ms", "50", "--listen", "udp:127.0.0.1:0",
                           "--trace", trace)
    phone.want_exit(0)
    program = bench.start([find("sngrep"), "-N", "-q", "-I", trace, "-O", again], name="sngrep")
    end = time.monotonic() + 5
    while program.alive() and time.monotonic() < end:
        time.sleep(0.05)
    program.stop()
    want_call(bench, again)


if __name__ == "__main__":
    run(tcpdump_udp, tcpdump_tcp, tcpdump_nanoseconds, sngrep)
