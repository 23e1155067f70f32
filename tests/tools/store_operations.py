#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Operating a server's stores: what /metrics tells of them, their limits in a file, and a log whose level a reload
changes."""
import contextlib
import hashlib
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import time
import unittest

from _command import PATIENCE, Beside, main, run
from serve_operations import UDP, Folder, Peer, get, parse_exposition, value

DOMAIN = "example.test"
AGAIN = "the disk takes bindings again"


class Store(Folder):
    def serve(self, text, *argv):
        self.path = self.file("serve.toml", text)
        return Beside("serve", "--config", self.path, "--domain", DOMAIN, "--listen", UDP, "--metrics", "127.0.0.1:0",
                      *argv)

    def reload(self, server, text):
        """At a level of info, which tells when it is done."""
        self.file("serve.toml", text + '\nlog-level = "info"\n')
        said = sum("configuration reloaded" in line for line in server.errors)
        server.signal(signal.SIGHUP)
        self.soon(lambda: sum("configuration reloaded" in line for line in server.errors) > said, server.errors)

    def soon(self, fact, what=""):
        end = time.monotonic() + PATIENCE
        while not fact():
            self.assertLess(time.monotonic(), end, what)
            time.sleep(0.02)

    @staticmethod
    def metrics(server):
        return parse_exposition(get(server.port("metrics"), "/metrics")[1])

    def never_less(self, before, after):
        for (name, labels), count in before.items():
            if name.endswith("_total") and name.startswith(("sipstack_location_", "sipstack_users_")):
                self.assertGreaterEqual(after[(name, labels)], count, name)

    @staticmethod
    def register(peer, user, expires=600, more=""):
        contact = f"Contact: <sip:{user}@127.0.0.1:{peer.port}{more}>;expires={expires}"
        return int(peer.ask("REGISTER", f"sip:{DOMAIN}", contact, to=f"sip:{user}@{DOMAIN}").split(" ", 2)[1])


class Bindings(Store):
    def fill(self, peer, begin):
        """Registers users until there is no room; how many were taken."""
        for number in range(begin, begin + 1000):
            status = self.register(peer, f"user{number}", more=";x=" + "x" * 500)
            if status != 200:
                self.assertEqual(status, 503)
                return number - begin
        raise AssertionError("the file has no end")

    def test_a_file_that_is_full_is_seen_and_its_log_obeys_a_reload(self):
        tables = "\n[sqlite]\nfile-bytes = 65536\n"
        words = f'location = "sqlite:{os.path.join(self.folder, "bindings")}"\n'
        with self.serve(words + 'log-level = "error"\n' + tables) as server, Peer(server.port()) as peer:
            empty = self.metrics(server)
            self.assertEqual(value(empty, "sipstack_location_updates_total"), 0)
            self.assertIsNone(value(empty, "sipstack_location_redis_connected"))
            self.assertIsNone(value(empty, "sipstack_users_lookups_total"))
            taken = self.fill(peer, 0)
            self.assertGreater(taken, 10)
            full = self.metrics(server)
            self.assertEqual(value(full, "sipstack_location_updates_total"), taken + 1)
            self.assertEqual(value(full, "sipstack_location_unavailable_total"), 1)
            self.assertEqual(value(full, "sipstack_location_pending"), 0)
            self.assertEqual(value(full, "sipstack_location_sqlite_commits_total"), taken)
            self.assertEqual(value(full, "sipstack_location_sqlite_committed_updates_total"), taken)
            self.assertEqual(value(full, "sipstack_location_sqlite_rows_total"), taken)
            self.assertEqual(value(full, "sipstack_location_sqlite_commits_failed_total"), 1)
            self.assertGreater(value(full, "sipstack_location_sqlite_commit_seconds_total"), 0)
            self.assertEqual(value(full, "sipstack_registered_bindings"), taken)
            server.wait_for("error: location: bindings cannot be written", server.errors)
            # That it takes them again is a warning, and so is not told yet.
            lookups = value(full, "sipstack_location_lookups_total")
            self.assertEqual(self.register(peer, "user0", 0, ";x=" + "x" * 500), 200)
            self.assertEqual(self.register(peer, "user1", 0, ";x=" + "x" * 500), 200)
            self.assertRegex(peer.ask("OPTIONS", f"sip:user0@{DOMAIN}"), "^SIP/2.0 480 ")
            room = self.metrics(server)
            self.assertEqual(value(room, "sipstack_registered_bindings"), taken - 2)
            self.assertEqual(value(room, "sipstack_location_lookups_total"), lookups + 1)
            self.reload(server, words)
            self.assertFalse(any(AGAIN in line for line in server.errors), server.errors)
            # Now it is.
            self.fill(peer, 2000)
            self.assertEqual(self.register(peer, "user2", 0, ";x=" + "x" * 500), 200)
            server.wait_for("warning: location: " + AGAIN, server.errors)
            self.never_less(room, self.metrics(server))

    def test_the_store_in_memory_has_a_limit_too(self):
        for threads in (1, 2):
            with self.serve(f"threads = {threads}\n[registrar]\nmax-bindings = 2\n") as server, Peer(server.port()) as peer:
                self.assertEqual([self.register(peer, user) for user in "abc"], [200, 200, 503])
                self.assertEqual(self.register(peer, "a", 0), 200)
                self.assertEqual(self.register(peer, "c"), 200)

    def test_a_limit_of_bindings_comes_from_the_file(self):
        words = f'location = "sqlite:{os.path.join(self.folder, "bindings")}"\n[sqlite]\nmax-bindings = 2\n'
        with self.serve(words) as server, Peer(server.port()) as peer:
            self.assertEqual([self.register(peer, user) for user in "abc"], [200, 200, 503])
            seen = self.metrics(server)
            self.assertEqual(value(seen, "sipstack_location_unavailable_total"), 1)
            self.assertEqual(value(seen, "sipstack_location_sqlite_commits_failed_total"), 0)
        wrong = self.file("wrong.toml", 'domain = "a.test"\n[redis]\nprefix = "a{b}"\nanswer-time = 1\n[sqlite]\nmax-btach = 2\n')
        lines = run("serve", "--config", wrong, "--check-config").err.splitlines()
        self.assertEqual(len(lines), 3, lines)
        for line, place in zip(lines, (":3:10: prefix: must have no braces", ":4:15: answer-time must be from 10 to",
                                       ":6:1: unknown key max-btach in [sqlite]; did you mean max-batch?")):
            self.assertIn(wrong + place, line)


class Users(Store):
    def test_lookups_are_counted_across_reloads(self):
        table = os.path.join(self.folder, "users")
        ha1 = hashlib.md5(f"alice:{DOMAIN}:wonder".encode()).hexdigest()
        words = f'users = "sqlite:{table}"\n'
        with contextlib.closing(sqlite3.connect(table, isolation_level=None)) as file:
            file.execute("CREATE TABLE users (user TEXT NOT NULL, realm TEXT NOT NULL, algorithm TEXT NOT NULL,"
                         " ha1 TEXT NOT NULL, PRIMARY KEY (user, realm, algorithm)) WITHOUT ROWID")
            file.execute("INSERT INTO users VALUES ('alice', ?, 'MD5', ?)", (DOMAIN, ha1))
            with self.serve(words + "[sqlite]\nusers-time = 300\n") as server:
                def status(user):
                    return run("register", f"sip:{user}@{DOMAIN}", "--registrar", f"sip:127.0.0.1:{server.port()}",
                               "--once", "--listen", UDP, "--user", user, "--password", "wonder").status
                self.assertEqual((status("alice"), status("bob")), (0, 1))
                seen = self.metrics(server)
                lookups = value(seen, "sipstack_users_lookups_total")
                self.assertGreaterEqual(lookups, 2)
                self.assertEqual(value(seen, "sipstack_users_found_total"), 1)
                self.assertEqual(value(seen, "sipstack_users_failed_total"), 0)
                waited = value(seen, "sipstack_users_lookup_seconds_total")
                file.execute("BEGIN EXCLUSIVE")
                self.assertEqual(status("alice"), 1)
                file.execute("COMMIT")
                locked = self.metrics(server)
                self.assertGreaterEqual(value(locked, "sipstack_users_failed_total"), 1)
                self.assertGreaterEqual(value(locked, "sipstack_users_lookup_seconds_total"), waited + 0.3)
                # The table is opened anew, and then there is none; figures stay.
                self.reload(server, words)
                self.assertEqual(status("alice"), 0)
                again = self.metrics(server)
                self.never_less(locked, again)
                self.assertEqual(value(again, "sipstack_users_found_total"), 2)
                self.reload(server, "")
                self.never_less(again, self.metrics(server))


class Redis(Store):
    def start(self):
        redis = subprocess.Popen([shutil.which("redis-server"), "--port", "0", "--unixsocket", self.socket, "--dir",
                                  self.folder, "--save", ""], stdout=subprocess.DEVNULL)
        self.addCleanup(self.stop, redis)
        self.soon(lambda: b"PONG" in self.ask(b"PING"), "redis-server")
        return redis

    @staticmethod
    def stop(redis):
        redis.kill()
        redis.wait()

    def ask(self, line):
        with socket.socket(socket.AF_UNIX) as s:
            try:
                s.connect(self.socket)
                s.sendall(line + b"\r\n")
                return s.recv(65536)
            except OSError:
                return b""

    def test_redis_is_seen_going_and_coming_back(self):
        if shutil.which("redis-server") is None:
            self.skipTest("no redis-server")
        self.socket = os.path.join(self.folder, "socket")
        redis = self.start()
        words = f'location = "redis+unix://{self.socket}"\n'
        tables = '[redis]\nprefix = "phones:"\nretry-time = 100\n'
        check = run("serve", "--domain", DOMAIN, "--check-config", "--config", self.file("check.toml", words + tables))
        if "built without it" in check.err:
            self.skipTest("no Redis in this build")
        self.assertEqual(check.status, 0, check.err)
        with self.serve(words + 'log-level = "error"\n' + tables) as server, Peer(server.port()) as peer:
            def seen(name):
                return value(self.metrics(server), "sipstack_location_" + name)
            self.assertEqual(self.register(peer, "bob"), 200)
            self.assertIn(b"phones:{sip:bob@", self.ask(b"KEYS *"))
            self.soon(lambda: seen("redis_connected") == 1)
            first = self.metrics(server)
            self.assertEqual(value(first, "sipstack_location_updates_total"), 1)
            self.assertEqual(value(first, "sipstack_location_redis_commands_total"), 2)
            self.assertEqual(value(first, "sipstack_location_redis_connects_total"), 1)
            self.assertEqual(value(first, "sipstack_location_redis_connection_failures_total"), 0)
            self.assertGreater(value(first, "sipstack_location_redis_answer_seconds_total"), 0)
            self.assertIsNone(value(first, "sipstack_registered_bindings"))
            self.stop(redis)
            self.soon(lambda: seen("redis_connected") == 0)
            server.wait_for("error: location: Redis at .* is away", server.errors)
            self.assertEqual(self.register(peer, "bob"), 503)
            self.assertEqual(seen("unavailable_total"), 1)
            self.soon(lambda: seen("redis_connection_failures_total") >= 2)
            self.reload(server, words)
            redis = self.start()
            self.soon(lambda: self.register(peer, "bob") == 200)
            server.wait_for("warning: location: Redis at .* answers again", server.errors)
            self.soon(lambda: seen("redis_connects_total") == 2)
            self.never_less(first, self.metrics(server))


if __name__ == "__main__":
    main()
