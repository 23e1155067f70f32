#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""scripts/demo.py comes to a good end, shows a whole call and leaves nothing running."""
import argparse
import pathlib
import subprocess
import sys

parser = argparse.ArgumentParser()
parser.add_argument("--sipstack", required=True)
arguments = parser.parse_args()

script = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "demo.py"
done = subprocess.run([sys.executable, script, "--sipstack", arguments.sipstack, "--calls", "50", "--rate", "50"],
                      capture_output=True, text=True, timeout=150, check=False)
print(done.stdout)
print(done.stderr, file=sys.stderr)
wrong = [] if done.returncode == 0 else [f"exit status {done.returncode}"]
for expected in ("REGISTER", "INVITE", "180 Ringing", "200 OK (INVITE)", "ACK", "BYE", "50 of 50 answered",
                 "Everything is stopped."):
    if expected not in done.stdout:
        wrong.append(f"nothing of {expected!r}")
if "\x1b" in done.stdout:
    wrong.append("colour where there is no terminal")
print("; ".join(wrong) or "a good end")
sys.exit(1 if wrong else 0)
