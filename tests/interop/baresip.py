#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""baresip registers at `sipstack serve` by digest, calls `sipstack uas`, and is called by `sipstack call`."""
from _baresip import Baresip
from _peer import Failed, certificate, run

DOMAIN = "example.test"


def house(bench, transport):
    users = bench.file("users", "alice:secret\nbob:secret\ncarol:secret\n")
    more, config = [], ""
    if transport == "tls":
        cert, key = certificate(bench, "server", "IP:127.0.0.1")
        more = ["--listen", "tls:127.0.0.1:0", "--tls-cert", cert, "--tls-key", key, "--tls-ca", cert]
        config = "sip_cafile %s\nsip_verify_server yes" % cert
    serve, ports = bench.server("serve", "--listen", "udp:127.0.0.1:0", "--listen", "tcp:127.0.0.1:0", *more,
                                "--domain", DOMAIN, "--users", users)
    suffix = "" if transport == "udp" else ";transport=" + transport
    proxy = "sip:127.0.0.1:%d%s" % (ports[transport], suffix)
    phone = Baresip(bench, "<sip:alice@%s>;auth_user=alice;auth_pass=secret;outbound=\"%s\";regint=600;"
                           "answermode=manual" % (DOMAIN, proxy), transport, config)
    phone.registered()
    # Our own commands take the road beside where the phone's needs certificates.
    return phone, "sip:127.0.0.1:%d" % ports["udp"] if transport == "tls" else proxy


def baresip_calls(bench, transport):
    phone, proxy = house(bench, transport)
    transport = "udp" if transport == "tls" else transport
    suffix = ";transport=tcp" if transport == "tcp" else ""
    _, ports = bench.server("uas", "--listen", transport + ":127.0.0.1:0")
    bench.sipstack("register", "sip:bob@" + DOMAIN, "--once", "--user", "bob", "--password", "secret", "--proxy",
                   proxy, "--contact", "sip:bob@127.0.0.1:%d%s" % (ports[transport], suffix), "--listen",
                   transport + ":127.0.0.1:0").want_exit(0, 15)
    phone.command("dial", "sip:bob@" + DOMAIN)
    phone.event("CALL_ESTABLISHED")
    phone.command("hangup")
    phone.event("CALL_CLOSED")


def baresip_is_called(bench, transport):
    phone, proxy = house(bench, transport)
    transport = "udp" if transport == "tls" else transport
    call = bench.sipstack("call", "sip:alice@" + DOMAIN, "--from", "sip:carol@" + DOMAIN, "--user", "carol",
                          "--password", "secret", "--proxy", proxy, "--duration-ms", "500", "--timeout-ms", "15000",
                          "--listen", transport + ":127.0.0.1:0")
    phone.event("CALL_INCOMING")
    phone.command("accept")
    phone.event("CALL_ESTABLISHED")
    call.want_exit(0, 20)
    phone.event("CALL_CLOSED")
    if not any(line.startswith("answered") for line in call.lines):
        raise Failed("no line `answered`:\n" + call.tail())


def baresip_calls_udp(bench):
    baresip_calls(bench, "udp")


def baresip_calls_tcp(bench):
    baresip_calls(bench, "tcp")


def baresip_is_called_udp(bench):
    baresip_is_called(bench, "udp")


def baresip_is_called_tcp(bench):
    baresip_is_called(bench, "tcp")


def baresip_calls_tls(bench):
    baresip_calls(bench, "tls")


def baresip_is_called_tls(bench):
    baresip_is_called(bench, "tls")


run(baresip_calls_udp, baresip_calls_tcp, baresip_calls_tls, baresip_is_called_udp, baresip_is_called_tcp,
    baresip_is_called_tls)
