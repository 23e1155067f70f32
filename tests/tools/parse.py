#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""sipstack parse: what a message holds as JSON, and what is wrong with it for people."""
import csv
import json
import os
import tempfile
import unittest

from _command import main, run

GOOD = (b"INVITE sip:carol:pw@chicago.example;transport=tcp;maddr=239.255.255.1;ttl=15 SIP/2.0\r\n"
        b"v: SIP/2.0/UDP [2001:db8::7]:5062;branch=z9hG4bKnashds7;ttl=3 , SIP/2.0/TLS a.example\r\n"
        b"Max-Forwards: 68\r\n"
        b"From: \"A. G. \\\"Sandy\\\" Bell\" <sip:agb@bell.example>;tag=a48s;x\r\n"
        b"t: Watson <sip:watson@bell.example>\r\n"
        b"Call-ID: a84b4c76e66710@gw\r\n"
        b"CSeq: 17 INVITE\r\n"
        b"m: <sip:agb@192.0.2.4:5062?Subject=hi&Priority=urgent>;expires=60\r\n"
        b"Subject: first\r\n  second\r\n"
        b"X-Bytes: \xff\xc3\xa9\r\n"
        b"c: application/sdp\r\n"
        b"l: 127\r\n\r\n"
        b"v=0\r\no=- 3724394400 3724394405 IN IP4 198.51.100.1\r\ns=Call\r\nc=IN IP4 198.51.100.1\r\nt=0 0\r\n"
        b"m=audio 49170 RTP/AVP 0\r\na=sendonly\r\n")


def one(data, *options):
    result = run("parse", "--json", *options, "-", given=data)
    objects = [json.loads(line) for line in result.lines]
    return result.status, objects


class Json(unittest.TestCase):
    def good(self):
        status, (message,) = one(GOOD)
        self.assertEqual(status, 0, message.get("error"))
        self.assertIs(message["valid"], True)
        return message

    def test_the_start_line_and_its_uri(self):
        message = self.good()
        self.assertEqual((message["kind"], message["method"], message["version"]), ("request", "INVITE", "SIP/2.0"))
        self.assertEqual(message["uri"], {
            "text": "sip:carol:pw@chicago.example;transport=tcp;maddr=239.255.255.1;ttl=15",
            "scheme": "sip", "user": "carol", "password": "pw", "host": "chicago.example", "port": None,
            "params": {"transport": "tcp", "maddr": "239.255.255.1", "ttl": "15"}, "headers": {}})

    def test_addresses(self):
        message = self.good()
        self.assertEqual(message["from"]["display"], 'A. G. "Sandy" Bell')
        self.assertEqual(message["from"]["tag"], "a48s")
        self.assertEqual(message["from"]["params"], {"tag": "a48s", "x": None})
        self.assertEqual(message["to"]["display"], "Watson")
        self.assertIsNone(message["to"]["tag"])
        self.assertEqual(message["contact"][0]["uri"]["port"], 5062)
        self.assertEqual(message["contact"][0]["uri"]["headers"], {"Subject": "hi", "Priority": "urgent"})
        self.assertEqual(message["contact"][0]["params"], {"expires": "60"})

    def test_via_values_of_one_line(self):
        first, second = self.good()["via"]
        self.assertEqual(first, {"transport": "UDP", "host": "[2001:db8::7]", "port": 5062, "branch": "z9hG4bKnashds7",
                                 "params": {"branch": "z9hG4bKnashds7", "ttl": "3"}})
        self.assertEqual((second["host"], second["branch"]), ("a.example", None))

    def test_header_lines_have_both_names_and_unfolded_values(self):
        headers = self.good()["headers"]
        self.assertEqual([h["name"] for h in headers][:2], ["Via", "Max-Forwards"])
        self.assertEqual(headers[0]["raw_name"], "v")
        self.assertEqual([h["value"] for h in headers if h["name"] == "Subject"], ["first second"])
        # A byte that is no UTF-8 appears as the character of its number.
        self.assertEqual([h["value"] for h in headers if h["name"] == "X-Bytes"], ["\xff\xe9"])

    def test_body_and_description(self):
        message = self.good()
        self.assertEqual(GOOD[message["body"]["offset"]:][:message["body"]["length"]], GOOD.split(b"\r\n\r\n", 1)[1])
        self.assertEqual(message["content_length"], 127)
        self.assertEqual(message["content_type"], {"type": "application", "subtype": "sdp", "params": {}})
        media, = message["sdp"]["media"]
        self.assertEqual((media["type"], media["port"], media["formats"]), ("audio", 49170, ["0"]))
        self.assertEqual(media["attributes"], [{"name": "sendonly", "value": None}])

    def test_a_body_of_another_kind_has_no_description(self):
        status, (message,) = one(GOOD.replace(b"c: application/sdp", b"c: application/xml"))
        self.assertEqual(status, 0)
        self.assertNotIn("sdp", message)

    def test_an_error_has_its_place_and_what_could_be_read(self):
        data = GOOD.replace(b"CSeq: 17 INVITE", b"CSeq: 17 BYE")
        status, (message,) = one(data)
        self.assertEqual(status, 1)
        self.assertIs(message["valid"], False)
        error = message["error"]
        self.assertEqual((error["code"], error["header"], error["status"]), ("cseq-mismatch", "CSeq", 400))
        line = data[:error["offset"]].count(b"\n") + 1
        self.assertEqual(error["line"], line)
        self.assertEqual(data.split(b"\r\n")[line - 1][:5], b"CSeq:")
        self.assertIn("RFC", error["rfc"])
        self.assertEqual(message["call_id"], "a84b4c76e66710@gw")

    def test_nothing_is_owed_for_a_bad_response_or_ack(self):
        response = b"SIP/2.0 200 OK\r\n" + GOOD.split(b"\r\n", 1)[1].replace(b"17 INVITE", b"x INVITE")
        _, (message,) = one(response)
        self.assertEqual(message["error"]["status"], 0)
        ack = GOOD.replace(b"INVITE sip", b"ACK sip").replace(b"17 INVITE", b"x ACK")
        _, (message,) = one(ack)
        self.assertEqual(message["error"]["status"], 0)

    def test_a_datagram_may_be_longer_than_its_message_and_not_shorter(self):
        self.assertEqual(one(GOOD + b"trailing")[0], 0)
        status, (message,) = one(GOOD[:-1])
        self.assertEqual((status, message["error"]["code"]), (1, "body-too-short"))

    def test_lenient_tells_what_it_let_through(self):
        data = (GOOD.replace(b"CSeq: 17 INVITE", b"CSeq: 17INVITE").replace(b"ttl=15 SIP/2.0", b"ttl=15  SIP/2.0")
                .replace(b"bell.example>;tag", b"bell.example>;;tag"))
        self.assertEqual(one(data)[0], 1)
        status, (message,) = one(data, "--lenient")
        self.assertEqual(status, 0)
        self.assertIs(message["valid"], True)
        self.assertEqual([(r["rule"], r["header"]) for r in message["repairs"]],
                         [("extra-space", None), ("empty-parameter", "From"), ("missing-space", "CSeq")])
        for repair in message["repairs"]:
            before = data[:repair["offset"]]
            self.assertEqual(repair["line"], before.count(b"\n") + 1)
            self.assertEqual(repair["column"], len(before) - before.rfind(b"\n"))
        self.assertEqual(message["cseq"], {"number": 17, "method": "INVITE"})
        self.assertEqual(message["from"]["tag"], "a48s")
        self.assertEqual((message["version"], message["uri"]["host"]), ("SIP/2.0", "chicago.example"))

    def test_lenient_tells_nothing_of_a_good_message_and_takes_no_doubtful_one(self):
        status, (message,) = one(GOOD, "--lenient")
        self.assertEqual((status, message.pop("repairs")), (0, []))
        self.assertEqual(message, self.good())
        for data in (GOOD.replace(b"\r\nSubject", b"\nSubject"), GOOD[:-1],
                     GOOD.replace(b"X-Bytes:", b"X Bytes:")):
            self.assertEqual(one(data, "--lenient")[0], 1)

    def test_a_stream_holds_many(self):
        status, objects = one(b"\r\n\r\n" + GOOD + GOOD + b"\r\n" + GOOD, "--stream")
        self.assertEqual((status, len(objects)), (0, 3))
        status, objects = one(GOOD + GOOD[:-1], "--stream")
        self.assertEqual((status, [o["valid"] for o in objects]), (1, [True, False]))
        status, objects = one(GOOD + b"INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP h\r\n", "--stream")
        self.assertEqual((status, [o["valid"] for o in objects]), (1, [True, False]))

    def test_garbage_is_invalid_and_still_one_object(self):
        for data in (b"", b"\r\n\r\n", b"\0" * 70000, bytes(range(256)), b"GET / HTTP/1.1\r\n\r\n", b"SIP/2.0", b"A" * 9000):
            status, objects = one(data)
            self.assertEqual((status, len(objects)), (1, 1), data[:20])
            self.assertIs(objects[0]["valid"], False)


class Text(unittest.TestCase):
    def test_a_good_message_is_summed_up_in_a_line(self):
        result = run("parse", "-", given=GOOD)
        self.assertEqual(result.status, 0)
        self.assertEqual(len(result.lines), 1)
        self.assertIn("stdin: valid: INVITE sip:carol", result.text)
        self.assertNotIn("\x1b", result.text)

    def test_an_error_shows_line_caret_expectation_and_section(self):
        with tempfile.NamedTemporaryFile(suffix=".sip") as file:
            file.write(GOOD.replace(b"CSeq: 17 INVITE", b"CSeq: 4294967296 INVITE"))
            file.flush()
            result = run("parse", file.name)
        self.assertEqual(result.status, 1)
        head, line, caret, *rest = result.lines
        self.assertIn(f"{file.name}:7:7: out-of-range", head)
        self.assertEqual(line, "    CSeq: 4294967296 INVITE")
        self.assertEqual(caret, "          ^")
        self.assertTrue(any("expected:" in r for r in rest))
        self.assertTrue(any("RFC " in r for r in rest))

    def test_what_is_let_through_is_shown_with_a_caret_too(self):
        result = run("parse", "--lenient", "-", given=GOOD.replace(b"CSeq: 17 INVITE", b"CSeq: 17INVITE"))
        self.assertEqual(result.status, 0)
        head, line, caret, assumed, summary = result.lines
        self.assertIn("stdin:7:9: let through: missing-space (CSeq)", head)
        self.assertEqual((line, caret), ("    CSeq: 17INVITE", "            ^"))
        self.assertIn("assumed:", assumed)
        self.assertIn("stdin: valid: INVITE", summary)

    def test_control_characters_of_the_wire_do_not_reach_the_terminal(self):
        result = run("parse", "-", given=GOOD.replace(b"CSeq: 17", b"CSeq: \x1b[31m17"))
        self.assertEqual(result.status, 1)
        self.assertNotIn("\x1b", result.text)

    def test_one_bad_file_of_several_is_failure(self):
        with tempfile.TemporaryDirectory() as folder:
            names = []
            for i, data in enumerate((GOOD, b"nonsense", GOOD)):
                names.append(os.path.join(folder, f"{i}.sip"))
                with open(names[-1], "wb") as file:
                    file.write(data)
            result = run("parse", *names)
        self.assertEqual(result.status, 1)
        self.assertEqual(result.text.count(": valid:"), 2)


class Vectors(unittest.TestCase):
    """The messages of RFC 4475, 5118, 3665 and 5359, where they are at hand."""

    def test_verdicts_agree_with_the_manifests(self):
        shared = os.path.join(os.environ.get("SIPSTACK_SHARED_DIR", ""), "vectors")
        if not os.path.isdir(shared):
            self.skipTest("no vectors beside the project")
        for folder in ("rfc4475", "rfc5118", "rfc3665", "rfc5359"):
            wanted = {}
            with open(os.path.join(shared, folder, "MANIFEST.tsv"), encoding="utf-8") as manifest:
                for row in csv.DictReader(manifest, delimiter="\t", quoting=csv.QUOTE_NONE):
                    wanted[os.path.join(shared, folder, row["file"])] = row["expected"]
            self.assertTrue(wanted)
            result = run("parse", "--json", *wanted)
            verdicts = [json.loads(line)["valid"] for line in result.lines]
            self.assertEqual(len(verdicts), len(wanted))
            for (file, expected), verdict in zip(wanted.items(), verdicts):
                if expected in ("valid", "invalid-must-reject"):
                    self.assertEqual(verdict, expected == "valid", file)


if __name__ == "__main__":
    main()
