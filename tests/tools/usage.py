#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The command line: help, version, and what a wrong one is told. Exit status 2 is wrong usage."""
import unittest

from _command import main, run

COMMANDS = ("parse", "uas", "call", "register", "options", "message", "subscribe", "publish", "serve",
            "b2bua", "flow", "sdp")


class Usage(unittest.TestCase):
    def wrong(self, *argv):
        result = run(*argv)
        self.assertEqual(result.status, 2, f"{argv}: {result.err}")
        self.assertEqual(result.out, b"", f"{argv}: diagnostics go to stderr")
        return result.err

    def test_help_names_every_command_and_ends_well(self):
        result = run("--help")
        self.assertEqual(result.status, 0)
        for command in COMMANDS:
            self.assertIn(command, result.text)

    def test_every_command_has_a_help_of_its_own(self):
        for command in COMMANDS:
            result = run(command, "--help")
            self.assertEqual(result.status, 0, result.err)
            self.assertIn("--", result.text)
            self.assertNotIn("\x1b", result.text)

    def test_version_is_one_line(self):
        result = run("--version")
        self.assertEqual(result.status, 0)
        self.assertRegex(result.text, r"\Asipstack \d+\.\d+\.\d+\n\Z")

    def test_a_wrong_option_names_itself_and_the_nearest_right_one(self):
        for argv, option, meant in (
                (["call", "sip:a@127.0.0.1", "--duraton-ms", "5"], "--duraton-ms", "--duration-ms"),
                (["uas", "--lisen", "udp:127.0.0.1:0"], "--lisen", "--listen"),
                (["uas", "--ring_ms=5"], "--ring_ms", "--ring-ms"),
                (["serve", "--domian", "x"], "--domian", "--domain"),
                (["parse", "--jsno", "-"], "--jsno", "--json"),
                (["register", "sip:a@127.0.0.1", "--onec"], "--onec", "--once"),
                (["--versoin"], "--versoin", "--version")):
            err = self.wrong(*argv)
            self.assertIn(f"{option};", err)
            self.assertIn(f"{meant}?", err)

    def test_a_wrong_command_names_the_nearest_right_one(self):
        self.assertIn("register", self.wrong("regster", "sip:a@127.0.0.1"))
        self.assertIn("parse", self.wrong("prase", "x"))

    def test_an_option_that_is_missing_is_named(self):
        self.assertIn("--domain", self.wrong("serve"))
        self.assertIn("--to", self.wrong("b2bua"))
        self.assertIn("TARGET", self.wrong("call"))
        self.assertIn("TEXT", self.wrong("message", "sip:a@127.0.0.1"))

    def test_no_command_is_wrong_usage(self):
        self.wrong()

    def test_values_out_of_their_range_are_wrong_usage(self):
        for argv in (["uas", "--t1", "0"], ["uas", "--t1", "x"], ["uas", "--answer", "199"],
                     ["uas", "--answer", "700"], ["uas", "--answer", "2000"], ["uas", "--answer", "ok"],
                     ["uas", "--ring-ms", "-1"], ["uas", "--auth", "nopassword"], ["uas", "--auth", ":x"],
                     ["uas", "--log-level", "loud"], ["serve", "--domain", "x", "--mode", "b2bua"],
                     ["serve", "--domain", "x", "--record-route", "yes"],
                     ["serve", "--domain", "x", "--location", "sqlite:"],
                     ["serve", "--domain", "x", "--location", "disk:x"],
                     ["serve", "--domain", "x", "--location", "redis://"],
                     ["serve", "--domain", "x", "--location", "rediss://h"],
                     ["serve", "--domain", "x", "--threads", "0"],
                     ["options", "sip:a@127.0.0.1", "--dns", "ns.example.com"],
                     ["options", "sip:a@127.0.0.1", "--dns", "127.0.0.1,"],
                     ["options", "sip:a@127.0.0.1", "--dns", ""],
                     ["options", "sip:a@127.0.0.1", "--trace-hep", "homer.example.com:9060"],
                     ["options", "sip:a@127.0.0.1", "--trace-hep", "127.0.0.1"],
                     ["call", "sip:a@127.0.0.1", "--rate", "5"],
                     ["call", "sip:a@127.0.0.1", "--password", "secret"]):
            self.wrong(*argv)

    def test_what_is_no_place_to_listen_is_wrong_usage(self):
        for where in ("", "udp", "udp:", "udp:127.0.0.1", "udp::5060", "5060", "sctp:127.0.0.1:0",
                      "udp:127.0.0.1:65536", "udp:127.0.0.1:-1", "udp:[::1]"):
            self.wrong("uas", "--listen", where)

    def test_what_is_no_uri_is_wrong_usage(self):
        for uri in ("sip:", "sip:@", "sip:a b@127.0.0.1", "sip:a@[::1", "sip:a@127.0.0.1:99999"):
            err = self.wrong("options", uri)
            self.assertIn("TARGET", err)

    def test_a_password_given_wrongly_is_not_repeated(self):
        self.assertNotIn("hunter2", self.wrong("uas", "--auth", ":hunter2"))

    def test_what_can_not_be_done_is_failure_and_not_wrong_usage(self):
        for argv in (["uas", "--listen", "udp:192.0.2.1:0"],
                     ["serve", "--listen", "udp:127.0.0.1:0", "--domain", "x", "--users", "/nonexistent/users"],
                     ["uas", "--listen", "udp:127.0.0.1:0", "--trace", "/nonexistent/trace"],
                     ["call", "sip:a@127.0.0.1:9", "--sdp", "/nonexistent/sdp"],
                     ["parse", "/nonexistent/message"]):
            result = run(*argv)
            self.assertEqual(result.status, 1, argv)
            self.assertEqual(result.out, b"")
            self.assertIn("sipstack", result.err)


if __name__ == "__main__":
    main()
