# SPDX-License-Identifier: Apache-2.0
"""Kamailio on a free port of 127.0.0.1."""
import os

from _peer import HERE, answers, find, free_port, need

DOMAIN = "example.test"


def kamailio(bench, algorithm="MD5"):
    """(program, port), with challenges of that algorithm. Its children die with the process that is stopped by pid."""
    need("kamailio")
    port = free_port()
    p = bench.start([find("kamailio"), "-f", os.path.join(HERE, "kamailio.cfg"), "-DD", "-E", "-m", "64", "-M", "8",
                     "-Y", bench.dir, "-P", os.path.join(bench.dir, "kamailio.pid"), "-A", "DOMAIN=" + DOMAIN,
                     "-A", 'ALGORITHM="%s"' % algorithm,
                     "-l", "udp:127.0.0.1:%d" % port, "-l", "tcp:127.0.0.1:%d" % port], name="kamailio")
    for transport in ("udp", "tcp"):  # "Listening on" comes before its TCP processes run
        answers(port, transport)
    return p, port


def relay(bench, next_port):
    """A Kamailio that passes all dialogs on to a port by Record-Route, over UDP: its own port."""
    need("kamailio")
    port = free_port()
    name = "relay-%d" % port
    os.mkdir(os.path.join(bench.dir, name))
    bench.start([find("kamailio"), "-f", os.path.join(HERE, "relay.cfg"), "-DD", "-E", "-m", "64", "-M", "8",
                 "-Y", os.path.join(bench.dir, name), "-P", os.path.join(bench.dir, name, "pid"),
                 "-A", 'NEXT="sip:127.0.0.1:%d"' % next_port, "-l", "udp:127.0.0.1:%d" % port], name=name)
    answers(port, "udp")
    return port
