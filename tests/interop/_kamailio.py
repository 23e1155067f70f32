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
