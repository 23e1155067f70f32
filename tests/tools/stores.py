#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A server with its stores in SQLite: what it acknowledged is there after kill -9, and nothing else.

SIPSTACK_EXHAUSTIVE=1 kills it 200 times instead of 20.
"""
import contextlib
import hashlib
import os
import random
import re
import select
import shutil
import signal
import socket
import sqlite3
import tempfile
import time
import unittest

from _command import PATIENCE, Beside, main, run

UDP = "udp:127.0.0.1:0"
DOMAIN = "example.test"
KILLS = 200 if os.environ.get("SIPSTACK_EXHAUSTIVE") else 20
AORS = 60
IN_FLIGHT = 24
MOST_CONTACTS = 4


class Phones:
    """One socket for all phones: REGISTERs of many AORs on their way at once, one at a time of each."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.sent_by = f"127.0.0.1:{self.port}"
        self.server = None
        self.cseq = 0
        self.acknowledged = {f"user{i}": frozenset() for i in range(AORS)}  # numbers of contacts
        self.pending = {}  # user: (CSeq, contacts if it was done)
        self.answers = self.removals = 0

    def send(self, user, *fields):
        self.cseq += 1
        lines = [f"REGISTER sip:{DOMAIN} SIP/2.0",
                 f"Via: SIP/2.0/UDP {self.sent_by};rport;branch=z9hG4bKr{self.port}x{self.cseq}",
                 "Max-Forwards: 70", f"From: <sip:{user}@{DOMAIN}>;tag={self.cseq}", f"To: <sip:{user}@{DOMAIN}>",
                 f"Call-ID: {user}@phones", f"CSeq: {self.cseq} REGISTER", *fields, "Content-Length: 0", "", ""]
        self.socket.sendto("\r\n".join(lines).encode(), ("127.0.0.1", self.server))

    def contact(self, user, number):
        return f"<sip:{user}@127.0.0.1:{40000 + number}>"

    def begin(self, user):
        """Something random: a contact more or refreshed, one less, or none at all."""
        known = self.acknowledged[user]
        what = self.random.random()
        number = self.random.randrange(MOST_CONTACTS)
        if what < 0.6:
            fields, after = [f"Contact: {self.contact(user, number)};expires=3600"], known | {number}
        elif what < 0.9:
            fields, after = [f"Contact: {self.contact(user, number)};expires=0"], known - {number}
        else:
            fields, after = ["Contact: *", "Expires: 0"], frozenset()
        if after < known:
            self.removals += 1
        self.send(user, *fields)
        self.pending[user] = (self.cseq, after)

    def take(self, patience):
        """Reads what has come, waiting a little for the first."""
        while select.select([self.socket], [], [], patience)[0]:
            patience = 0
            text = self.socket.recv(65535).decode()
            status = int(text.split(" ", 2)[1])
            user = re.search(r"^Call-ID: (\w+)@", text, re.M).group(1)
            cseq = int(re.search(r"^CSeq: (\d+)", text, re.M).group(1))
            if user not in self.pending or self.pending[user][0] != cseq:
                continue  # of an earlier process, or said twice
            after = self.pending.pop(user)[1]
            if status != 200:
                raise AssertionError(f"{status} to a REGISTER:\n{text}")
            if numbers(text, user) != after:
                raise AssertionError(f"{user} should have {sorted(after)}:\n{text}")
            self.acknowledged[user] = after
            self.answers += 1

    def load(self, seconds):
        end = time.monotonic() + seconds
        users = list(self.acknowledged)
        while time.monotonic() < end:
            while len(self.pending) < IN_FLIGHT:
                user = self.random.choice(users)
                if user not in self.pending:
                    self.begin(user)
            self.take(min(0.005, max(0, end - time.monotonic())))

    def check(self):
        """Every AOR has what was acknowledged; or what was on its way when the server was killed."""
        for user, known in self.acknowledged.items():
            self.send(user)
            if not select.select([self.socket], [], [], PATIENCE)[0]:
                raise AssertionError("no answer to a fetch")
            text = self.socket.recv(65535).decode()
            may = {known} | ({self.pending[user][1]} if user in self.pending else set())
            found = numbers(text, user)
            if not text.startswith("SIP/2.0 200") or found not in may:
                raise AssertionError(f"{user} has {sorted(found)}, and should have one of "
                                     f"{[sorted(m) for m in may]}:\n{text}")
            self.acknowledged[user] = found
        self.pending.clear()


def numbers(text, user):
    return frozenset(int(n) - 40000 for n in re.findall(rf"<sip:{user}@127\.0\.0\.1:(\d+)>;", text))


class Stores(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="sipstack-stores-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.file = os.path.join(self.folder, "bindings")

    def serve(self, *argv, listen=UDP):
        return Beside("serve", "--domain", DOMAIN, "--listen", listen, "--location", f"sqlite:{self.file}", *argv)

    def test_what_was_acknowledged_survives_kill_9_and_what_was_removed_does_not(self):
        seed = random.SystemRandom().randrange(1 << 32)
        print(f"seed {seed}")
        phones = Phones(seed)
        self.addCleanup(phones.socket.close)
        for number in range(KILLS):
            with self.serve("--threads", 1 + number % 2) as server:
                phones.server = server.port()
                if number:
                    phones.check()
                phones.load(phones.random.uniform(0.001, 0.15))
                server.process.kill()
                server.process.wait()
            phones.take(0)  # what it still said
        print(f"{phones.answers} acknowledged, {phones.removals} removals, {KILLS} kills")
        self.assertGreater(phones.answers, 20 * KILLS)
        self.assertGreater(phones.removals, KILLS)
        # A clean end, too; and a binding that is missing would be seen.
        with self.serve() as server:
            phones.server = server.port()
            phones.check()
            self.assertEqual(server.stop(), 0)
        user = next(u for u, known in phones.acknowledged.items() if known)
        with contextlib.closing(sqlite3.connect(self.file)) as file:
            file.execute("DELETE FROM binding WHERE aor LIKE ?", (f"%{user}@%",))
            file.commit()
        with self.serve() as server:
            phones.server = server.port()
            with self.assertRaisesRegex(AssertionError, f"{user} has \\[\\]"):
                phones.check()

    def test_a_phone_behind_a_nat_is_called_after_a_restart(self):
        phone = Phones(1)
        self.addCleanup(phone.socket.close)
        phone.sent_by = "10.255.255.1:5060"
        with self.serve() as server:
            phone.server = server.port()
            phone.send("bob", "Contact: <sip:bob@10.255.255.1:5060>;expires=600")
            self.assertIn("200 OK", phone.socket.recv(65535).decode())
            server.process.kill()
            server.process.wait()
        with self.serve(listen=f"udp:127.0.0.1:{phone.server}") as server:
            done = run("message", f"sip:bob@{DOMAIN}", "hello", "--proxy", f"sip:127.0.0.1:{server.port()};lr",
                       "--listen", UDP, "--timeout-ms", "300")
            self.assertNotEqual(done.status, 0)  # nobody answers
            self.assertTrue(select.select([phone.socket], [], [], PATIENCE)[0])
            self.assertTrue(phone.socket.recv(65535).startswith(b"MESSAGE sip:bob@10.255.255.1:5060"))

    def test_a_file_that_is_taken_is_refused(self):
        with self.serve():
            second = run("serve", "--domain", DOMAIN, "--listen", UDP, "--location", f"sqlite:{self.file}")
            self.assertEqual(second.status, 1)
            self.assertIn("locked", second.err)
        other = os.path.join(self.folder, "text")
        with open(other, "w", encoding="utf-8") as text:
            text.write("no database" * 1000)
        for option in ("--location", "--users"):
            wrong = run("serve", "--domain", DOMAIN, "--listen", UDP, option, f"sqlite:{other}")
            self.assertEqual(wrong.status, 1)
            self.assertIn("not a database", wrong.err)

    def test_users_of_a_table(self):
        table = os.path.join(self.folder, "users")
        file = sqlite3.connect(table, isolation_level=None)
        self.addCleanup(file.close)
        file.execute("CREATE TABLE users (user TEXT NOT NULL, realm TEXT NOT NULL, algorithm TEXT NOT NULL,"
                     " ha1 TEXT NOT NULL, PRIMARY KEY (user, realm, algorithm)) WITHOUT ROWID")
        ha1 = hashlib.md5(f"alice:{DOMAIN}:wonder".encode()).hexdigest().upper()
        file.execute("INSERT INTO users VALUES ('alice', ?, 'MD5', ?)", (DOMAIN, ha1))
        file.execute("INSERT INTO users VALUES ('carol', 'elsewhere.test', 'MD5', ?)", (ha1,))
        with self.serve("--users", f"sqlite:{table}", "--threads", "2") as server:
            def status(user, password):
                return run("register", f"sip:{user}@{DOMAIN}", "--registrar", f"sip:127.0.0.1:{server.port()}",
                           "--once", "--listen", UDP, "--user", user, "--password", password).status
            self.assertEqual(status("alice", "wonder"), 0)
            self.assertEqual(status("alice", "other"), 1)
            self.assertEqual(status("carol", "wonder"), 1)
            file.execute("UPDATE users SET user = 'bob', ha1 = ?",
                         (hashlib.md5(f"bob:{DOMAIN}:builder".encode()).hexdigest(),))
            self.assertEqual(status("alice", "wonder"), 1)
            self.assertEqual(status("bob", "builder"), 0)  # without a word to the server
            file.execute("BEGIN EXCLUSIVE")
            self.assertEqual(status("bob", "builder"), 1)
            server.wait_for("error: users: database is locked", server.errors)
            file.execute("COMMIT")
            self.assertEqual(status("bob", "builder"), 0)
            server.wait_for("users: the table can be read again", server.errors)
            file.execute("DROP TABLE users")
            server.signal(signal.SIGHUP)
            server.wait_for("no such table", server.errors)
            self.assertNotIn("builder", "\n".join(server.errors))


if __name__ == "__main__":
    main()
