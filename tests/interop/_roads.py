# SPDX-License-Identifier: Apache-2.0
"""SIPp calls SIPp through a server of ours. A road is begun, waited for, and then found empty, so that several can
be busy at the same time."""
import os
import re
import signal
import time
import urllib.request

from _kamailio import relay
from _peer import Failed, need

DOMAIN = "example.test"
# The last one where there is a B2BUA.
TABLES = ("sipstack_transactions", "sipstack_transactions_open", "sipstack_proxy_contexts", "sipstack_calls",
          "sipstack_pool_blocks", "sipstack_b2bua_calls")


class Road:
    """SIPp, server, SIPp; .gauges() are the server's own words."""

    def __init__(self, bench, server, metrics, calls, rate):
        self.bench, self.server, self.metrics, self.calls, self.rate = bench, server, metrics, calls, rate
        self.caller = self.callee = None

    def sipp(self, scenario, *args, transport):
        # -l: its own limit of calls at once would slow it down where an answer is late. -buff_size: by default 64 KiB,
        # which are 50 datagrams. It aborts a call whose messages come in another order, as they do after a loss.
        return self.bench.sipp(scenario, *args, "-l", 4 * self.rate, "-buff_size", 1 << 20, transport=transport,
                               calls=self.calls, rate=self.rate, timeout=self.calls // self.rate + 45)

    def passed(self):
        """Not one call failed, the rate was kept, and next to nothing was sent twice."""
        results, failures = [], []
        for one in (self.caller, self.callee):
            try:
                results.append(self.bench.sipp_passed(one))
            except Failed as e:
                failures.append(str(e))
        if failures:
            raise Failed("\n".join(failures))
        again = [int(re.search(r"(\d+) retransmissions", r).group(1)) for r in results]
        counted = self.gauges("sipstack_retransmissions_total", "sipstack_server_transactions_total")
        again.append(int(counted["sipstack_retransmissions_total"]))
        if counted["sipstack_server_transactions_total"] < 2 * self.calls:  # INVITE and BYE
            raise Failed("these are not the counters of %d calls: %s" % (self.calls, counted))
        if self.caller.held < 0.7 * self.rate:
            raise Failed("only %g calls a second" % self.caller.held)
        if max(again) > self.calls // 20:
            raise Failed("a storm: retransmissions of caller, callee and server: %s" % again)
        return "%s by SIPp and %d by us" % (results[0], again[2])

    def gauges(self, *names):
        """Sums over the labels. What the server has no word for is left out."""
        with urllib.request.urlopen("http://127.0.0.1:%d/metrics" % self.metrics, timeout=10) as answer:
            text = answer.read().decode()
        found = {}
        for name, value in re.findall(r"^(\w+)(?:\{.*\})? (\S+)$", text, re.M):
            if name in names:
                found[name] = found.get(name, 0) + float(value)
        return found

    def empty(self, patience=60):
        """Transactions linger for 32 s, by timers D, J, L and M; after that nothing may be left."""
        end = time.monotonic() + patience
        while True:
            tables = self.gauges(*TABLES)
            left = {name: n for name, n in tables.items() if n}
            if not left and len(tables) >= len(TABLES) - 1:
                return
            if time.monotonic() > end:
                raise Failed("left after %d s: %s of %s" % (patience, left, tables))
            time.sleep(0.5)


def metrics_port(server):
    return int(server.line(r"^listening metrics .*:(\d+)$").group(1))


def serve_road(bench, transport, sipp_transport, calls, rate, *options, kamailios=False):
    """By Record-Route, the caller and the callee with credentials; with a Kamailio before and one behind, too."""
    need("sipp")
    server, ports = bench.server("serve", "--listen", transport + ":127.0.0.1:0", "--domain", DOMAIN, *options,
                                 "--metrics", "127.0.0.1:0",
                                 "--users", bench.file("users", "callee:secret\nsipp:secret\n"))
    road = Road(bench, server, metrics_port(server), calls, rate)
    proxy = "127.0.0.1:%d" % ports[transport]
    bench.file("domain.csv", "SEQUENTIAL\n%s;[authentication username=callee password=secret]\n" % DOMAIN)
    road.callee = road.sipp("uas.xml", transport=sipp_transport)
    first, last = proxy, road.callee.port
    if kamailios:
        first = "127.0.0.1:%d" % relay(bench, ports[transport])
        last = relay(bench, road.callee.port)
    contact = "sip:callee@127.0.0.1:%d%s" % (last, ";transport=tcp" if transport == "tcp" else "")
    bench.sipp_passed(bench.sipp("register.xml", proxy, "-s", "callee", "-key", "contact", contact,
                                 "-inf", "domain.csv", transport=sipp_transport))
    # The caller is a user of the domain as well and answers the proxy's 407, whoever has brought it.
    bench.file("domain.csv", "SEQUENTIAL\n%s;[authentication username=sipp password=secret]\n" % DOMAIN)
    road.caller = road.sipp("uac_auth.xml", first, "-s", "callee", "-inf", "domain.csv", "-d", "100",
                            "-auth_uri", "callee@" + DOMAIN, transport=sipp_transport)
    return road


def bridge_road(bench, transport, sipp_transport, calls, rate):
    """Across a B2BUA: each call is put on hold, and nothing of either side is seen on the other."""
    need("sipp")
    road = Road(bench, None, None, calls, rate)
    road.callee = road.sipp("uas_b2bua.xml", "-s", "callee", transport=sipp_transport)
    to = "sip:callee@127.0.0.1:%d%s" % (road.callee.port, ";transport=tcp" if transport == "tcp" else "")
    road.server, ports = bench.server("b2bua", "--listen", transport + ":127.0.0.1:0", "--to", to, "--pass-header",
                                      "X-*", "--metrics", "127.0.0.1:0", "--log-level", "info")
    road.metrics = metrics_port(road.server)
    road.caller = road.sipp("uac_b2bua.xml", "127.0.0.1:%d" % ports[transport], "-s", "callee",
                            transport=sipp_transport)
    return road


def bridge_ends(road):
    """Its own account, at the end."""
    os.kill(road.server.p.pid, signal.SIGTERM)
    road.server.want_exit(0, 10)
    left = road.server.line(r"(\d+) calls came, (\d+) connected, (\d+) refused here, (\d+) left")
    if left.groups() != (str(road.calls), str(road.calls), "0", "0"):
        raise Failed("of %d calls: %s" % (road.calls, left.group(0)))
