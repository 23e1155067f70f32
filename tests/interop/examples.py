#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The examples, built as users would: the softphone against the voice menu, against itself and against a server,
with audio; the small ones against `sipstack`."""
import os
import socket
import time

from _examples import Softphone, example, sine, want_tone
from _peer import Failed, Skipped, run


def menu(bench, recording=""):
    ivr = example(bench, "ivr", "udp:127.0.0.1:0", sine(os.path.join(bench.dir, "prompt.wav"), 440, 1.5), recording)
    return ivr, "sip:menu@" + ivr.line(r"^listening (\S+)$").group(1)


def a_voice_menu_is_called(bench):
    recording, tone, prompt = (os.path.join(bench.dir, n) for n in ("caller.wav", "tone.wav", "heard.wav"))
    ivr, uri = menu(bench, recording)
    phone = Softphone(bench, "alice")
    phone.type("call " + uri, "record " + prompt)
    phone.line("^1 up$")
    phone.type("play " + sine(tone, 1000, 1.5))
    ivr.line("^prompt over$")
    phone.line("^1 played$")
    phone.type("digits 1*5", "info 7")
    for digit in ("1", r"\*", "5"):
        ivr.line("^digit %s by rtp$" % digit)
    ivr.line("^digit 7 by info$")
    phone.line("^1 info 200$")
    phone.type("digits #")  # the menu hangs up
    phone.line("^1 ended$")
    ivr.line("^ended$")
    if sum("digit" in line for line in ivr.lines) != 5:
        raise Failed("a digit was told twice:\n" + ivr.tail())
    phone.quit()
    ivr.stop()
    want_tone(prompt, 440, 1000)
    want_tone(recording, 1000, 440)


def two_softphones_hold_and_transfer(bench):
    alice, bob, carol = (Softphone(bench, name) for name in ("alice", "bob", "carol"))
    alice.type("call " + bob.uri)
    bob.line("^1 incoming from sip:alice@example.test$")
    alice.line("^1 rings$")
    bob.type("answer")
    alice.line("^1 up$")
    bob.line("^1 up$")
    tone = sine(os.path.join(bench.dir, "tone.wav"), 700, 1.0)
    silent, loud = (os.path.join(bench.dir, n) for n in ("held.wav", "resumed.wav"))
    bob.type("hold")
    bob.line("^1 held$")
    bob.type("record " + silent)
    alice.type("play " + tone)  # stands still: nobody may send to one who holds
    time.sleep(0.5)
    if any(line == "1 played" for line in alice.program.lines):
        raise Failed("played into a call on hold")
    bob.type("record " + loud, "resume")
    bob.line("^1 resumed$")
    alice.line("^1 played$")
    # Blind: Bob sends Alice to Carol.
    bob.type("transfer " + carol.uri)
    alice.line("^2 referred to ")
    carol.line("^1 incoming from sip:alice@example.test$")
    carol.type("answer")
    alice.line("^2 up$")
    bob.line("^1 transferred 200$")
    bob.line("^1 ended$")
    alice.line("^1 ended$")
    # Attended: Carol asks Bob, and then connects him with Alice.
    carol.type("call " + bob.uri)
    bob.line("^2 incoming from sip:carol@example.test$")
    bob.type("answer")
    carol.line("^2 up$")
    carol.type("use 1", "attended 2")
    alice.line("^3 up$")
    bob.line("^3 up$")
    carol.line("^1 transferred 200$")
    carol.line("^2 ended$")
    alice.type("digits 9")
    bob.line("^3 digit 9 by rtp$")
    for phone in (alice, bob, carol):
        phone.quit()
    if os.path.getsize(silent) > 1000:
        raise Failed("heard something on hold: %d bytes" % os.path.getsize(silent))
    want_tone(loud, 700, 1000)


def a_softphone_registers(bench):
    users = bench.file("users", "alice:secret\nbob:secret\n")
    _, ports = bench.server("serve", "--listen", "udp:127.0.0.1:0", "--domain", "example.test", "--users", users)
    proxy = ["--proxy", "sip:127.0.0.1:%d;lr" % ports["udp"], "--password", "secret"]
    alice, bob = Softphone(bench, "alice", *proxy), Softphone(bench, "bob", *proxy)
    for phone in (alice, bob):
        phone.type("register")
        phone.line("^registered 200$")
    alice.type("text sip:bob@example.test hello there")
    bob.line("^text hello there$")
    alice.line("^sent 200$")
    alice.type("call sip:bob@example.test")
    bob.line("^1 incoming")
    bob.type("reject")
    alice.line("^failed 603$")
    bob.type("unregister")
    bob.line("^unregistered 200$")
    alice.type("call sip:bob@example.test")
    alice.line("^failed 480$")
    for phone in (alice, bob):
        phone.quit()


def the_small_ones_run(bench):
    example(bench, "loopback").want_exit(0, 10)
    parsed = example(bench, "parse")
    parsed.want_exit(0, 10)
    if not any(line.startswith("OPTIONS for bob") for line in parsed.lines):
        raise Failed("parse:\n" + parsed.tail())
    # These two have port 5060 in them, as who reads them expects.
    answer = example(bench, "answer")
    time.sleep(0.3)
    if not answer.alive():
        raise Skipped("port 5060 is taken here, or answer does not start: " + answer.tail())
    bench.sipstack("call", "sip:bob@127.0.0.1:5060", "--duration-ms", "200", "--listen", "udp:127.0.0.1:0").want_exit(0, 10)
    answer.line("^up: ")
    other = bench.sipstack("call", "sip:bob@127.0.0.1:5060", "--duration-ms", "20000", "--listen", "udp:127.0.0.1:0")
    answer.line("^up: ", count=2)
    if answer.stop() != 0:
        raise Failed("answer did not end well:\n" + answer.tail())
    other.line("^ended$")  # who is told to go hangs up first
    uas, _ = bench.server("uas", "--listen", "udp:127.0.0.1:5060", "--log-level", "info")
    watch = example(bench, "watch")
    watch.line("<basic>open</basic>")
    uas.line("presence is watched")
    if watch.stop() != 0:
        raise Failed("watch did not end well:\n" + watch.tail())


def a_proxy_routes_by_a_header(bench):
    """Caller and servers are sockets, so that what is on the wire is seen."""
    caller, blue, green = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(3))
    try:
        for s in (caller, blue, green):
            s.bind(("127.0.0.1", 0))
            s.settimeout(5)
        port = {s: s.getsockname()[1] for s in (caller, blue, green)}
        proxy = example(bench, "route_by_header", "udp:127.0.0.1:0", "blue=sip:127.0.0.1:%d" % port[blue],
                        "green=sip:127.0.0.1:%d" % port[green])
        at = int(proxy.line(r"^listening 127\.0\.0\.1:(\d+)$").group(1))

        def ask(number, tenant):
            caller.sendto(("MESSAGE sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bK%d\r\n"
                           "Max-Forwards: 70\r\nFrom: <sip:c@example.net>;tag=c\r\nTo: <sip:bob@example.com>\r\n"
                           "Call-ID: m%d\r\nCSeq: 1 MESSAGE\r\nX-Tenant: %s\r\nContent-Length: 0\r\n\r\n"
                           % (port[caller], number, number, tenant)).encode(), ("127.0.0.1", at))

        for number, (tenant, server) in enumerate((("blue", blue), ("green", green))):
            ask(number, tenant)
            request = server.recv(65535).decode()
            if not request.startswith("MESSAGE sip:bob@example.com ") or "X-Tenant" in request:
                raise Failed("%s got %s" % (tenant, request))
        ask(7, "red")
        answer = caller.recv(65535).decode()
        if not answer.startswith("SIP/2.0 403 Unknown Tenant\r\n"):
            raise Failed("a tenant that there is not: " + answer)
        if proxy.stop() != 0:
            raise Failed("route_by_header did not end well:\n" + proxy.tail())
    finally:
        for s in (caller, blue, green):
            s.close()


run(a_voice_menu_is_called, two_softphones_hold_and_transfer, a_softphone_registers, a_proxy_routes_by_a_header,
    the_small_ones_run)
