# SPDX-License-Identifier: Apache-2.0
"""The examples with audio, and tones in WAV files."""
import math
import os
import struct

from _peer import Failed, Skipped

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
    """Of the energy, at that frequency: Goertzel over each 50 ms, of the best eight."""
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
    return sum(best[:8]) / 8


def want_tone(path, frequency, other):
    samples = heard(path)
    if share(samples, frequency) < 0.9 or share(samples, other) > 0.2:
        raise Failed("%s: %d samples, %.2f at %d Hz, %.2f at %d Hz" % (
            path, len(samples), share(samples, frequency), frequency, share(samples, other), other))
