#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""SIPp registers a callee at `sipstack serve` by digest; SIPp calls SIPp through it by Record-Route."""
from _peer import need, run

DOMAIN = "example.test"


def through_serve(bench, transport, sipp_transport, calls, rate, *options):
    need("sipp")
    serve, ports = bench.server("serve", "--listen", transport + ":127.0.0.1:0", "--domain", DOMAIN, *options,
                                "--users", bench.file("users", "callee:secret\nsipp:secret\n"))
    proxy = "127.0.0.1:%d" % ports[transport]
    bench.file("domain.csv", "SEQUENTIAL\n%s;[authentication username=callee password=secret]\n" % DOMAIN)
    callee = bench.sipp("uas.xml", transport=sipp_transport, calls=calls, rate=rate)
    contact = "sip:callee@127.0.0.1:%d%s" % (callee.port, ";transport=tcp" if transport == "tcp" else "")
    bench.sipp_passed(bench.sipp("register.xml", proxy, "-s", "callee", "-key", "contact", contact,
                                 "-inf", "domain.csv", transport=sipp_transport))
    # The caller is a user of the domain as well and answers the proxy's 407.
    bench.file("domain.csv", "SEQUENTIAL\n%s;[authentication username=sipp password=secret]\n" % DOMAIN)
    caller = bench.sipp("uac_auth.xml", proxy, "-s", "callee", "-inf", "domain.csv", "-d", "100",
                        transport=sipp_transport, calls=calls, rate=rate)
    result = bench.sipp_passed(caller)
    bench.sipp_passed(callee)
    return result


def sipp_through_serve_udp(bench):
    return through_serve(bench, "udp", "u1", 1000, 100)


def sipp_through_serve_tcp(bench):
    return through_serve(bench, "tcp", "t1", 200, 50)


def sipp_through_two_threads_udp(bench):
    return through_serve(bench, "udp", "u1", 300, 100, "--threads", "2")


def sipp_through_two_threads_tcp(bench):
    return through_serve(bench, "tcp", "t1", 200, 100, "--threads", "2")


run(sipp_through_serve_udp, sipp_through_serve_tcp, sipp_through_two_threads_udp, sipp_through_two_threads_tcp)
