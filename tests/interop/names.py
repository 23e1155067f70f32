#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""RFC 3263 against a name server of Debian's, dnsmasq: NAPTR, SRV by priority and weight, A, and a call that
gets past a server that is dead."""
import collections
import socket

from _peer import Failed, find, free_port, need, run

DOMAIN = "example.test"


def name_server(bench, records):
    """dnsmasq with those records and no others, on loopback; "127.0.0.1:PORT"."""
    need("dnsmasq")
    port = free_port()
    argv = [find("dnsmasq"), "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts",
            "--no-daemon", "--listen-address=127.0.0.1", "--bind-interfaces", "--port=%d" % port,
            "--local=/%s/" % DOMAIN, "--log-queries", "--log-facility=-", "--pid-file"]
    server = bench.start(argv + records, name="dnsmasq")
    server.line(r"started, version", timeout=10)
    return server, "127.0.0.1:%d" % port


def dead_port():
    """A port where nobody listens: what is sent there comes back as an ICMP error."""
    return free_port()


def silent(bench):
    """A socket that takes and never answers."""
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("127.0.0.1", 0))
    return s


def queries(server):
    kinds = collections.Counter()
    for line in list(server.lines):
        words = line.split()
        for i, word in enumerate(words):
            if word.startswith("query[") and i + 1 < len(words):
                kinds[word[6:-1] + " " + words[i + 1]] += 1
    return kinds


def records_for(ports):
    """NAPTR leads to SRV, whose first target is dead and whose second one lives."""
    dead, living = ports
    return ["--naptr-record=%s,10,10,s,SIP+D2U,,_sip._udp.%s" % (DOMAIN, DOMAIN),
            "--naptr-record=%s,20,10,s,SIP+D2T,,_sip._tcp.%s" % (DOMAIN, DOMAIN),
            "--srv-host=_sip._udp.%s,dead.%s,%d,1,1" % (DOMAIN, DOMAIN, dead),
            "--srv-host=_sip._udp.%s,living.%s,%d,2,1" % (DOMAIN, DOMAIN, living),
            "--srv-host=_sip._tcp.%s,living.%s,%d,1,1" % (DOMAIN, DOMAIN, living),
            "--host-record=dead.%s,127.0.0.1" % DOMAIN, "--host-record=living.%s,127.0.0.1" % DOMAIN,
            "--host-record=%s,127.0.0.1" % DOMAIN]


def options_past_a_dead_server(bench):
    uas, ports = bench.server("uas", "--listen", "udp:127.0.0.1:0", "--listen", "tcp:127.0.0.1:0")
    dns, where = name_server(bench, records_for((dead_port(), ports["udp"])))
    for _ in range(3):
        client = bench.sipstack("options", "sip:bob@" + DOMAIN, "--dns", where, "--timeout-ms", "8000")
        client.line(r"^200 ")
        client.want_exit(0)
    asked = queries(dns)
    for question in ("NAPTR %s" % DOMAIN, "SRV _sip._udp.%s" % DOMAIN, "A dead.%s" % DOMAIN, "A living.%s" % DOMAIN):
        if question not in asked:
            raise Failed("%s was not asked; asked: %s" % (question, dict(asked)))
    if "SRV _sip._tcp.%s" % DOMAIN in asked:
        raise Failed("NAPTR said UDP, and TCP was asked for as well")
    return "3 of 3 got through"


def call_past_a_silent_server(bench):
    """Nothing comes at all: timer B, scaled down, leads to the next server."""
    uas, ports = bench.server("uas", "--listen", "udp:127.0.0.1:0")
    with silent(bench) as hole:
        _, where = name_server(bench, records_for((hole.getsockname()[1], ports["udp"])))
        call = bench.sipstack("call", "sip:bob@" + DOMAIN, "--dns", where, "--t1", "20", "--duration-ms", "200",
                              "--listen", "udp:127.0.0.1:0")
        call.line(r"^answered")
        call.want_exit(0)
        hole.settimeout(2)
        if not hole.recv(65536).startswith(b"INVITE sip:bob@" + DOMAIN.encode()):
            raise Failed("the silent server was not tried first")


def transport_and_port_are_obeyed(bench):
    uas, ports = bench.server("uas", "--listen", "udp:127.0.0.1:0", "--listen", "tcp:127.0.0.1:0")
    dns, where = name_server(bench, records_for((dead_port(), ports["tcp"])))
    for uri in ("sip:bob@%s;transport=tcp" % DOMAIN, "sip:bob@%s:%d;transport=tcp" % (DOMAIN, ports["tcp"]),
                "sip:bob@%s:%d" % (DOMAIN, ports["udp"])):
        client = bench.sipstack("options", uri, "--dns", where, "--timeout-ms", "8000")
        client.line(r"^200 ")
        client.want_exit(0)
    if any(q.startswith("NAPTR") for q in queries(dns)):
        raise Failed("a transport or a port is named, and NAPTR was asked for")


def weights_share(bench):
    """Two servers of equal priority, weights 9 and 1: both get some, the heavier one more."""
    hosts = [bench.server("uas", "--listen", "udp:127.0.0.1:0") for _ in range(2)]
    records = ["--host-record=living.%s,127.0.0.1" % DOMAIN]
    for (_, ports), weight in zip(hosts, (90, 10)):
        records.append("--srv-host=_sip._udp.%s,living.%s,%d,1,%d" % (DOMAIN, DOMAIN, ports["udp"], weight))
    _, where = name_server(bench, records)
    got = collections.Counter()
    for _ in range(12):
        client = bench.sipstack("options", "sip:bob@%s;transport=udp" % DOMAIN, "--dns", where, "--timeout-ms",
                                "8000", "--log-level", "debug", "--listen", "udp:127.0.0.1:0")
        to = client.line(r"sent udp to 127\.0\.0\.1:(\d+)").group(1)
        client.want_exit(0)
        got[int(to)] += 1
    heavy = got[hosts[0][1]["udp"]]
    # The heavier one has 12 chances of 0.9: fewer than 4 come once in six million runs.
    if heavy < 4 or sum(got.values()) != 12:
        raise Failed("the server with nine tenths of the weight got %d of 12" % heavy)
    return "%d of 12 at nine tenths" % heavy


def a_domain_without_service(bench):
    """A name that is not there, and a service that is denied, fail at once and say so."""
    _, where = name_server(bench, ["--srv-host=_sip._udp.%s" % DOMAIN, "--host-record=%s,127.0.0.1" % DOMAIN])
    for uri in ("sip:bob@nowhere.%s" % DOMAIN, "sip:bob@%s;transport=udp" % DOMAIN):
        client = bench.sipstack("options", uri, "--dns", where)
        client.line(r"no target")
        client.want_exit(1, timeout=10)


if __name__ == "__main__":
    run(options_past_a_dead_server, call_past_a_silent_server, transport_and_port_are_obeyed, weights_share,
        a_domain_without_service)
