#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""baresip registers at `sipstack serve` by digest, calls `sipstack uas`, and is called by `sipstack call`; transfers
and is transferred; watches and is watched."""
from _baresip import Baresip
from _peer import Failed, answers, certificate, run

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
                           "answermode=manual" % (DOMAIN, proxy), transport, more=config)
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


def alone(bench, contacts=""):
    """A baresip without registrar: its URI as well."""
    phone = Baresip(bench, "<sip:alice@127.0.0.1>;regint=0;answermode=auto", contacts=contacts)
    answers(phone.sip, "udp")
    return phone, "sip:alice@127.0.0.1:%d" % phone.sip


def two_uas(bench):
    bob, ports = bench.server("uas", "--listen", "udp:127.0.0.1:0", "--log-level", "info")
    carol, other = bench.server("uas", "--listen", "udp:127.0.0.1:0", "--log-level", "info")
    return bob, "sip:bob@127.0.0.1:%d" % ports["udp"], carol, "sip:carol@127.0.0.1:%d" % other["udp"]


def baresip_transfers_our_call(bench):
    bob, bobs, carol, carols = two_uas(bench)
    phone, _ = alone(bench)
    phone.command("dial", bobs)
    phone.event("CALL_ESTABLISHED")
    phone.command("transfer", carols)
    carol.line("call .* is up")
    bob.line("is referred to sip:carol@")
    phone.event("CALL_CLOSED", 20)  # what it does once it is told that the transfer has worked


def baresip_is_transferred(bench):
    _, _, carol, carols = two_uas(bench)
    _, uri = alone(bench)
    call = bench.sipstack("call", uri, "--refer-to", carols, "--duration-ms", "8000", "--listen", "udp:127.0.0.1:0")
    carol.line("call .* is up")
    call.want_exit(0, 20)
    if "referred 200 OK" not in call.lines:
        raise Failed("no line `referred 200 OK`:\n" + call.tail())


def baresip_watches_us_and_we_watch_it(bench):
    bob, bobs, _, _ = two_uas(bench)
    _, uri = alone(bench, '"Bob" <%s>;presence=p2p\n' % bobs)
    bob.line("presence is watched", 20)
    watch = bench.sipstack("subscribe", uri, "--event", "presence", "--expires", "600", "--listen",
                           "udp:127.0.0.1:0")
    watch.line("^NOTIFY active;expires=[0-9]+ application/pidf\\+xml$")
    watch.line("<basic>open</basic>|<rpid:unknown/>|<status>")
    if watch.stop() != 0:
        raise Failed("the subscription did not end well:\n" + watch.tail())


run(baresip_calls_udp, baresip_calls_tcp, baresip_calls_tls, baresip_is_called_udp, baresip_is_called_tcp,
    baresip_is_called_tls, baresip_transfers_our_call, baresip_is_transferred, baresip_watches_us_and_we_watch_it)
