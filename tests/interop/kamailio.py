#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Kamailio 5.6 is registrar and proxy for `sipstack register` and `sipstack call`."""
from _kamailio import DOMAIN, kamailio
from _peer import Failed, run


def through_kamailio(bench, transport, algorithm="MD5"):
    _, port = kamailio(bench, algorithm)
    suffix = ";transport=tcp" if transport == "tcp" else ""
    proxy = "sip:127.0.0.1:%d%s" % (port, suffix)
    uas, ports = bench.server("uas", "--listen", transport + ":127.0.0.1:0")
    contact = "sip:bob@127.0.0.1:%d%s" % (ports[transport], suffix)
    common = ["--proxy", proxy, "--password", "secret", "--listen", transport + ":127.0.0.1:0",
              "--timeout-ms", "10000"]
    once = bench.sipstack("register", "sip:bob@" + DOMAIN, "--once", "--user", "bob", "--contact", contact,
                          "--log-level", "debug", *common)
    once.want_exit(0, 15)
    # MD5 goes without saying.
    said = [line for line in once.lines if line.startswith("Authorization:") and "algorithm=" + algorithm in line]
    if not said and algorithm != "MD5":
        raise Failed("no Authorization by %s:\n%s" % (algorithm, once.tail()))
    if not any(contact in line for line in once.lines):
        raise Failed("the binding is not printed:\n" + once.tail())
    wrong = bench.sipstack("register", "sip:bob@" + DOMAIN, "--once", "--user", "bob", "--proxy", proxy,
                           "--password", "wrong", "--listen", transport + ":127.0.0.1:0", "--timeout-ms", "10000")
    wrong.want_exit(1, 15)
    call = bench.sipstack("call", "sip:bob@" + DOMAIN, "--from", "sip:alice@" + DOMAIN, "--user", "alice",
                          "--duration-ms", "300", *common)
    call.want_exit(0, 20)
    nobody = bench.sipstack("call", "sip:nobody@" + DOMAIN, "--from", "sip:alice@" + DOMAIN, "--user", "alice",
                            *common)
    nobody.want_exit(1, 20)
    if not any("404" in line for line in nobody.lines):
        raise Failed("the 404 is not told:\n" + nobody.tail())
    options = bench.sipstack("options", "sip:bob@" + DOMAIN, "--user", "alice", *common)
    options.want_exit(0, 20)
    if not uas.alive():
        raise Failed("the uas is gone:\n" + uas.tail())


def kamailio_udp(bench):
    through_kamailio(bench, "udp")


def kamailio_tcp(bench):
    through_kamailio(bench, "tcp")


def kamailio_sha256(bench):
    through_kamailio(bench, "udp", "SHA-256")


run(kamailio_udp, kamailio_tcp, kamailio_sha256)
