#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""baresip registers at `sipstack serve` by digest, calls `sipstack uas`, and is called by `sipstack call`; transfers
and is transferred; holds and is held; sends digits and texts, and gets them; watches and is watched."""
import os
import time

from _baresip import Baresip
from _examples import Softphone, sine, want_tone
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


def alone(bench, contacts="", **more):
    """A baresip without registrar: its URI as well."""
    phone = Baresip(bench, "<sip:alice@127.0.0.1>;regint=0;answermode=auto", contacts=contacts, **more)
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


def direction(program, sent, count):
    """That of the count-th description which our command has sent or received, by its debug log."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        found, ours = [], False
        for line in list(program.lines):
            if line.startswith(("sent ", "received ")):
                ours = line.startswith("sent ") == sent
            elif ours and line.startswith("v=0"):
                found.append("sendrecv")  # where nothing is said (RFC 8866 section 6.7)
            elif ours and line in ("a=sendrecv", "a=sendonly", "a=recvonly", "a=inactive"):
                found[-1] = line[2:]
        if len(found) >= count:
            return found[count - 1]
        time.sleep(0.05)
    raise Failed("%s: no %d descriptions:\n%s" % (program.name, count, program.tail(100)))


def want_direction(program, sent, count, wanted):
    got = direction(program, sent, count)
    if got not in wanted:
        raise Failed("%s: description %d is %s, not %s:\n%s" % (program.name, count, got, wanted, program.tail(100)))


def baresip_holds_and_resumes(bench):
    uas, ports = bench.server("uas", "--listen", "udp:127.0.0.1:0", "--log-level", "debug")
    phone, _ = alone(bench)
    phone.command("dial", "sip:bob@127.0.0.1:%d" % ports["udp"])
    phone.event("CALL_ESTABLISHED")
    uas.line("call .* is up")
    phone.command("hold")
    want_direction(uas, False, 2, ("sendonly", "inactive"))
    want_direction(uas, True, 2, ("recvonly", "inactive"))
    phone.command("resume")
    want_direction(uas, False, 3, ("sendrecv",))
    want_direction(uas, True, 3, ("sendrecv",))
    phone.command("hangup")
    uas.line("call .* has ended")


def baresip_is_held(bench):
    _, uri = alone(bench)
    call = bench.sipstack("call", uri, "--hold-after-ms", "200", "--duration-ms", "1000", "--log-level", "debug",
                          "--listen", "udp:127.0.0.1:0")
    call.line("^held$")
    want_direction(call, True, 2, ("sendonly", "inactive"))
    want_direction(call, False, 2, ("recvonly", "inactive"))
    call.want_exit(0, 15)


def baresip_and_digits(bench):
    """By RTP both ways; by INFO to baresip, which sends none itself. It plays a tone: RTP flows."""
    bob = Softphone(bench, "bob")
    tone = sine(os.path.join(bench.dir, "tone.wav"), 1000, 2)
    recording = os.path.join(bench.dir, "heard.wav")
    phone, _ = alone(bench, source="aufile," + tone)
    phone.command("dial", bob.uri)
    bob.line("^1 incoming")
    bob.type("record " + recording, "answer")
    phone.event("CALL_ESTABLISHED")
    bob.line("^1 up$")
    phone.command("sndcode", "5")
    bob.line("^1 digit 5 by rtp$")
    bob.type("digits 7")
    bob.type("info 9")
    got = sorted(phone.event("CALL_DTMF_START")["param"] for _ in range(2))
    if got != ["7", "9"]:
        raise Failed("baresip got the digits %s, not 7 and 9" % got)
    bob.line("^1 info 200$")
    time.sleep(0.6)  # something to be heard
    bob.type("hangup")
    phone.event("CALL_CLOSED")
    bob.quit()
    want_tone(recording, 1000, 440)


def baresip_and_texts(bench):
    uas, ports = bench.server("uas", "--listen", "udp:127.0.0.1:0", "--log-level", "debug")
    phone, uri = alone(bench, '"Bob" <sip:bob@127.0.0.1:%d>\n' % ports["udp"])
    phone.command("contact_next")  # whom `message` goes to
    phone.command("message", "a word from baresip")
    uas.line("^MESSAGE sip:bob@")
    uas.line("^a word from baresip$")
    bench.sipstack("message", uri, "a word to it", "--listen", "udp:127.0.0.1:0").want_exit(0, 10)


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
    baresip_is_called_tls, baresip_transfers_our_call, baresip_is_transferred, baresip_holds_and_resumes,
    baresip_is_held, baresip_and_digits, baresip_and_texts, baresip_watches_us_and_we_watch_it)
