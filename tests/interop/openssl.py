#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`openssl s_client` and `sipstack` over TLS: a request and its answer, identities, old protocols, and a certificate
that is renewed while the server runs."""
import os
import signal
import subprocess

from _peer import Failed, certificate, find, need, run


def server(bench, cert, key, *more):
    p, ports = bench.server("uas", "--listen", "tls:127.0.0.1:0", "--tls-cert", cert, "--tls-key", key, *more)
    return p, ports["tls"]


def s_client(bench, port, ca, *more):
    """Asks OPTIONS, and gives the program; it stays until it is stopped."""
    p = bench.start([find("openssl"), "s_client", "-connect", "127.0.0.1:%d" % port, "-CAfile", ca, "-verify_return_error",
                     "-quiet", *more], name="s_client")
    try:
        p.p.stdin.write(OPTIONS.encode())
        p.p.stdin.flush()
    except BrokenPipeError:
        pass  # it has ended, as old protocols should
    return p


OPTIONS = ("OPTIONS sip:bob@localhost SIP/2.0\r\nVia: SIP/2.0/TLS 127.0.0.1:9;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n"
           "From: <sip:alice@localhost>;tag=a\r\nTo: <sip:bob@localhost>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n"
           "Content-Length: 0\r\n\r\n")


def s_client_asks(bench):
    cert, key = certificate(bench, "server", "DNS:localhost")
    _, port = server(bench, cert, key)
    for version in ("-tls1_2", "-tls1_3"):
        s_client(bench, port, cert, version, "-servername", "localhost").line("^SIP/2.0 200 ")
    old = s_client(bench, port, cert, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0")
    if old.wait(20) == 0 or any("SIP/2.0" in line for line in old.lines):
        raise Failed("TLS 1.1 was served:\n" + old.tail())


def options(bench, port, status, *more):
    p = bench.sipstack("options", "sips:bob@localhost:%d" % port, "--timeout-ms", "5000", *more)
    p.want_exit(status, 20)
    return p


def clients_verify(bench):
    cert, key = certificate(bench, "server", "DNS:localhost")
    _, port = server(bench, cert, key)
    options(bench, port, 0, "--tls-ca", cert)
    stranger, _ = certificate(bench, "stranger", "DNS:localhost")
    p = options(bench, port, 1, "--tls-ca", stranger)
    p.line("sips:bob@localhost")
    p.line("tls to 127.0.0.1:%d: the peer's certificate is self-signed and not trusted" % port)
    options(bench, port, 0, "--tls-ca", stranger, "--tls-verify", "off")
    wrong, wrong_key = certificate(bench, "wrong", "DNS:example.com")
    _, other = server(bench, wrong, wrong_key)
    options(bench, other, 1, "--tls-ca", wrong).line("the peer's certificate is not for this domain")


def a_call_by_tls(bench):
    cert, key = certificate(bench, "server", "DNS:localhost")
    _, port = server(bench, cert, key)
    p = bench.sipstack("call", "sip:bob@localhost:%d;transport=tls" % port, "--tls-ca", cert, "--duration-ms", "200")
    p.want_exit(0, 20)
    for word in ("answered", "ended"):
        p.line("^%s$" % word)


def a_certificate_is_renewed(bench):
    cert, key = certificate(bench, "server", "DNS:localhost")
    p, port = server(bench, cert, key, "--log-level", "info")
    options(bench, port, 0, "--tls-ca", cert)
    fresh, fresh_key = certificate(bench, "fresh", "DNS:localhost")
    options(bench, port, 1, "--tls-ca", fresh)
    os.replace(fresh_key, key)
    os.replace(fresh, cert)
    os.kill(p.p.pid, signal.SIGHUP)
    p.line("certificates reloaded")
    options(bench, port, 0, "--tls-ca", cert)


run(s_client_asks, clients_verify, a_call_by_tls, a_certificate_is_renewed)
