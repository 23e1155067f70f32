#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""sipstack sdp: what a description holds, what is wrong with it, and the answer to an offer."""
import json
import os
import tempfile
import unittest

from _command import main, run

HEAD = "v=0\r\no=a 1 5 IN IP4 h\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
OFFER = HEAD + ("m=audio 5000 RTP/AVP 18 0 101\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-11\r\n"
                "m=video 5002 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
                "a=fmtp:96 profile-level-id=42e01f;packetization-mode=1\r\n"
                "m=image 5004 udptl t38\r\n")
OURS = HEAD.replace("192.0.2.1", "192.0.2.2") + (
    "m=audio 4000 RTP/AVP 0 18 97\r\na=fmtp:18 annexb=no\r\na=rtpmap:97 telephone-event/8000\r\na=fmtp:97 0-15\r\n"
    "m=video 4002 RTP/AVP 99\r\na=rtpmap:99 H264/90000\r\na=fmtp:99 profile-level-id=42e00d;packetization-mode=1\r\n")


class Sdp(unittest.TestCase):
    def file(self, text):
        with tempfile.NamedTemporaryFile("w", suffix=".sdp", delete=False, newline="") as out:
            out.write(text)
        self.addCleanup(os.unlink, out.name)
        return out.name

    def test_a_good_one_as_text_and_as_json(self):
        result = run("sdp", self.file(OFFER))
        self.assertEqual(result.status, 0, result.err)
        self.assertIn("video port 5002 RTP/AVP 96", result.text)
        result = run("sdp", "--json", "-", given=OFFER.encode())
        self.assertEqual(result.status, 0, result.err)
        self.assertEqual(json.loads(result.text)["media"][0]["port"], 5000)

    def test_a_bad_one_says_where(self):
        bad = self.file(HEAD + "m=audio x RTP/AVP 0\r\n")
        result = run("sdp", bad)
        self.assertEqual(result.status, 1)
        self.assertIn(bad + ":6:", result.text)
        self.assertIn("RFC 8866", result.text)
        self.assertEqual(run("sdp", "--json", bad).status, 1)
        self.assertEqual(run("sdp", "/nonexistent").status, 1)
        self.assertEqual(run("sdp").status, 2)
        self.assertIn("answer", run("sdp", "--help").text)

    def test_an_answer(self):
        result = run("sdp", "answer", "--offer", self.file(OFFER), "--capabilities", self.file(OURS))
        self.assertEqual(result.status, 0, result.err)
        lines = result.out.decode().split("\r\n")
        self.assertEqual(lines[5:], [
            "m=audio 4000 RTP/AVP 18 0 101", "a=rtpmap:18 G729/8000", "a=fmtp:18 annexb=no",
            "a=rtpmap:0 PCMU/8000", "a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-11", "a=sendrecv",
            "m=video 4002 RTP/AVP 96", "a=rtpmap:96 H264/90000",
            "a=fmtp:96 profile-level-id=42e00d;packetization-mode=1", "a=sendrecv",
            "m=image 0 udptl t38", ""])
        self.assertIn("c=IN IP4 192.0.2.2", lines)

    def test_what_cannot_be_answered(self):
        offer = self.file(HEAD + "m=audio 5000 RTP/AVP 3\r\n")
        result = run("sdp", "answer", "--offer", offer, "--capabilities", self.file(OURS))
        self.assertEqual((result.status, result.out), (1, b""))
        self.assertIn("488", result.err)
        self.assertEqual(run("sdp", "answer", "--offer", offer).status, 2)


if __name__ == "__main__":
    main()
