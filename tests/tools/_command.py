# SPDX-License-Identifier: Apache-2.0
"""The sipstack command as tests run it: once to its end, or beside them until it is stopped."""
import argparse
import os
import re
import signal
import subprocess
import sys
import threading
import time
import unittest

PATIENCE = 20.0
SIPSTACK = None


def main():
    """Takes --sipstack PATH off the command line and runs the module's tests."""
    global SIPSTACK
    parser = argparse.ArgumentParser()
    parser.add_argument("--sipstack", required=True)
    arguments, rest = parser.parse_known_args()
    SIPSTACK = os.path.abspath(arguments.sipstack)
    # As a module of its own this file has another copy of the variable.
    sys.modules["_command"].SIPSTACK = SIPSTACK
    unittest.main(module="__main__", argv=[sys.argv[0], *rest], verbosity=2)


class Result:
    def __init__(self, done):
        self.status = done.returncode
        self.out = done.stdout
        self.err = done.stderr.decode("utf-8", "replace")
        self.text = self.out.decode("utf-8", "replace")
        self.lines = self.text.splitlines()


def run(*argv, given=b"", env=None):
    """Runs the command to its end."""
    done = subprocess.run([SIPSTACK, *map(str, argv)], input=given, capture_output=True, timeout=PATIENCE,
                          env=env, check=False)
    return Result(done)


class Beside:
    """The command running beside the test. Leaving the `with` kills what still runs."""

    def __init__(self, *argv, ready=True):
        self.lines, self.errors = [], []
        self.changed = threading.Condition()
        self.process = subprocess.Popen([SIPSTACK, *map(str, argv)], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                        errors="replace")
        self.readers = [threading.Thread(target=self._read, args=pair, daemon=True)
                        for pair in ((self.process.stdout, self.lines), (self.process.stderr, self.errors))]
        for reader in self.readers:
            reader.start()
        if ready:
            self.wait_for("^ready$")

    def _read(self, stream, into):
        for line in stream:
            with self.changed:
                into.append(line.rstrip("\n"))
                self.changed.notify_all()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for reader in self.readers:
            reader.join(5)
        self.process.stdout.close()
        self.process.stderr.close()

    def wait_for(self, pattern, among=None):
        """The match of the first line that fits."""
        end = time.monotonic() + PATIENCE
        with self.changed:
            while True:
                for line in self.lines if among is None else among:
                    found = re.search(pattern, line)
                    if found:
                        return found
                if time.monotonic() > end or (self.process.poll() is not None
                                              and not any(r.is_alive() for r in self.readers)):
                    raise AssertionError(f"no line like {pattern!r} in {self.lines}; stderr {self.errors}")
                self.changed.wait(0.1)

    def port(self, transport="udp"):
        return int(self.wait_for(rf"^listening {transport} \S+:(\d+)$").group(1))

    def signal(self, number=signal.SIGTERM):
        self.process.send_signal(number)

    def end(self, patience=PATIENCE):
        """The exit status, once it has ended by itself."""
        status = self.process.wait(patience)
        for reader in self.readers:
            reader.join(5)
        return status

    def stop(self):
        self.signal()
        return self.end()
