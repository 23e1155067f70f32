#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The examples, built as users would: the softphone against the voice menu, against itself and against a server,
with audio; the small ones against `sipstack`."""
import math
import os
import struct
import time

from _peer import Failed, Skipped, run

RATE = 8000


def example(bench, name, *args):
    path = os.path.join(os.path.dirname(bench.sipstack_path), "examples", "example_" + name)
    if not os.path.exists(path):
        raise Skipped("the example %s is not built" % name)
    return bench.start([path, *args], name=name)


class Softphone:
    def __init__(self, bench, user, *args):
        self.program = example(bench, "softphone", "udp:127.0.0.1:0", "sip:%s@example.test" % user, *args)
        port = self.line(r"^listening 127\.0\.0\.1:(\d+)$").group(1)
        self.uri = "sip:%s@127.0.0.1:%s" % (user, port)

    def line(self, *args, **keywords):
        return self.program.line(*args, **keywords)

    def type(self, *commands):
        self.program.p.stdin.write("".join(c + "\n" for c in commands).encode())
        self.program.p.stdin.flush()

    def quit(self):
        self.type("quit")
        self.program.want_exit(0, 8)


def sine(path, frequency, seconds):
    samples = [int(12000 * math.sin(2 * math.pi * frequency * i / RATE)) for i in range(int(RATE * seconds))]
    data = struct.pack("<%dh" % len(samples), *samples)
    with open(path, "wb") as f:
        f.write(b"RIFF" + struct.pack("<I", 36 + len(data)) + b"WAVEfmt " +
                struct.pack("<IHHIIHH", 16, 1, 1, RATE, 2 * RATE, 2, 16) + b"data" + struct.pack("<I", len(data)) + data)
    return path


def linear(byte):
    """Of G.711 µ-law."""
    byte = ~byte & 0xFF
    level = (((byte & 0xF) << 3) + 0x84) << (byte >> 4 & 7)
    return 0x84 - level if byte & 0x80 else level - 0x84


def heard(path):
    """The samples of a µ-law WAV file."""
    with open(path, "rb") as f:
        data = f.read()
    kind, channels, rate = struct.unpack("<HHI", data[20:28])
    at = data.index(b"data")
    size = struct.unpack("<I", data[at + 4:at + 8])[0]
    if (kind, channels, rate) != (7, 1, RATE) or len(data) < at + 8 + size or size == 0:
        raise Failed("%s: %d bytes of samples in format %r" % (path, size, (kind, channels, rate)))
    return [linear(b) for b in data[at + 8:at + 8 + size]]


def share(samples, frequency):
    """Of the energy, at that frequency: Goertzel over each 50 ms, the loudest half second's worth."""
    best = []
    for start in range(0, len(samples) - 400, 400):
        block = samples[start:start + 400]
        energy = sum(s * s for s in block)
        if energy < 400 * 1000 * 1000:  # silence
            continue
        coefficient = 2 * math.cos(2 * math.pi * frequency / RATE)
        one = two = 0.0
        for s in block:
            one, two = s + coefficient * one - two, one
        best.append((one * one + two * two - coefficient * one * two) / (energy * len(block) / 2))
    best.sort(reverse=True)
    return sum(best[:10]) / 10


def want_tone(path, frequency, other):
    samples = heard(path)
    if share(samples, frequency) < 0.9 or share(samples, other) > 0.2:
        raise Failed("%s: %d samples, %.2f of 10 blocks at %d Hz, %.2f at %d Hz" % (
            path, len(samples), share(samples, frequency), frequency, share(samples, other), other))


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
    tone = sine(os.path.join(bench.dir, "tone.wav"), 700, 0.6)
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
    answer.stop()
    uas, _ = bench.server("uas", "--listen", "udp:127.0.0.1:5060", "--log-level", "info")
    watch = example(bench, "watch")
    watch.line("<basic>open</basic>")
    uas.line("presence is watched")
    watch.stop()


run(a_voice_menu_is_called, two_softphones_hold_and_transfer, a_softphone_registers, the_small_ones_run)
