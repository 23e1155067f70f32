#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A WebSocket client that is not ours (Node's) registers at `sipstack serve` over ws and wss, sends OPTIONS and is
called through it. A browser is a later step."""
import os
import subprocess

from _peer import Failed, Skipped, find, need, run

# Node 20 has it behind an option, later ones without.
CLIENT = r"""
const [url, scheme] = process.argv.slice(2);
const ws = new WebSocket(url, 'sip');
const host = Math.random().toString(36).slice(2) + '.invalid';
let branch = 0;
function request(method, uri, to, cseq, extra) {
  return `${method} ${uri} SIP/2.0\r\n` +
    `Via: SIP/2.0/${scheme} ${host};branch=z9hG4bK${host}${++branch}\r\nMax-Forwards: 70\r\n` +
    `From: <sip:alice@example.com>;tag=a\r\nTo: <${to}>\r\nCall-ID: ${cseq}@${host}\r\n` +
    `CSeq: ${cseq} ${method}\r\n${extra}Content-Length: 0\r\n\r\n`;
}
const contact = `Contact: <sip:alice@${host};transport=ws>\r\n`;
ws.onopen = () => {
  console.log('open ' + ws.protocol);
  ws.send(request('REGISTER', 'sip:example.com', 'sip:alice@example.com', 1, contact + 'Expires: 60\r\n'));
};
ws.onmessage = async (event) => {
  const text = typeof event.data === 'string' ? event.data : Buffer.from(await event.data.arrayBuffer()).toString();
  const first = text.split('\r\n')[0];
  console.log((typeof event.data === 'string' ? 'text ' : 'binary ') + first);
  if (text.startsWith('SIP/2.0') && / REGISTER/.test(text)) {
    const bound = text.split('\r\n').filter((l) => l.startsWith('Contact:')).join();
    console.log('bound ' + (bound.includes(host) ? 'here' : 'elsewhere'));
    ws.send(Buffer.from(request('OPTIONS', 'sip:example.com', 'sip:example.com', 2, contact)));  // binary
    // To ourselves, through the server: what has no address comes back by the connection.
    ws.send(request('OPTIONS', 'sip:alice@example.com', 'sip:alice@example.com', 3, contact));
  } else if (text.startsWith('OPTIONS')) {
    const keep = text.split('\r\n').filter((l) => /^(Via|v|From|f|To|t|Call-ID|i|CSeq):/i.test(l));
    ws.send(['SIP/2.0 200 OK', ...keep.map((l) => (/^To:/i.test(l) ? l + ';tag=b' : l)), 'Content-Length: 0', '', ''].join('\r\n'));
  } else if (/CSeq: 3 OPTIONS/.test(text) && !/^SIP\/2.0 1/.test(text)) {
    ws.close();
  }
};
ws.onerror = (event) => console.log('error ' + (event.message || event.type));
ws.onclose = (event) => { console.log('closed ' + event.code); process.exit(0); };
"""


def node():
    need("node")
    for flags in ([], ["--experimental-websocket"]):
        p = subprocess.run([find("node"), *flags, "-e", "process.exit(typeof WebSocket === 'function' ? 0 : 1)"],
                           capture_output=True, timeout=60)
        if p.returncode == 0:
            return [find("node"), *flags]
    raise Skipped("this Node has no WebSocket client")


def talk(bench, url, scheme, env=None):
    argv = node()
    script = bench.file("client.js", CLIENT)
    p = subprocess.run([*argv, script, url, scheme], capture_output=True, text=True, timeout=60,
                       env={**os.environ, **(env or {}), "NODE_NO_WARNINGS": "1"})
    lines = p.stdout.splitlines()
    for line in ("open sip", "text SIP/2.0 200 OK", "bound here", "text OPTIONS sip:alice@", "closed 1005"):
        if not any(l.startswith(line) for l in lines):
            raise Failed("no line %r:\n%s\n%s" % (line, p.stdout, p.stderr))
    if len([l for l in lines if l.startswith("text SIP/2.0 200")]) < 3:
        raise Failed("REGISTER and both OPTIONS want a 200:\n" + p.stdout)


def ws_registers(bench):
    node()
    _, ports = bench.server("serve", "--domain", "example.com", "--listen", "ws:127.0.0.1:0")
    talk(bench, "ws://127.0.0.1:%d/" % ports["ws"], "WS")


def wss_registers(bench):
    node()
    need("openssl")
    cert, key = os.path.join(bench.dir, "cert.pem"), os.path.join(bench.dir, "key.pem")
    subprocess.run([find("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=localhost", "-addext",
                    "subjectAltName=DNS:localhost"], check=True, capture_output=True, timeout=60)
    _, ports = bench.server("serve", "--domain", "example.com", "--listen", "wss:127.0.0.1:0", "--tls-cert", cert,
                            "--tls-key", key)
    talk(bench, "wss://localhost:%d/" % ports["wss"], "WSS", {"NODE_EXTRA_CA_CERTS": cert})


def our_own_client(bench):
    """Has no address that others could connect to, and says so (RFC 7118)."""
    _, ports = bench.server("serve", "--domain", "127.0.0.1", "--listen", "ws:127.0.0.1:0")
    server = "sip:127.0.0.1:%d;transport=ws" % ports["ws"]
    p = bench.sipstack("register", "sip:bob@127.0.0.1", "--registrar", server, "--once", "--timeout-ms", "5000")
    p.want_exit(0, 20)
    p.line(r"^sip:bob@[0-9a-f]{12}\.invalid;transport=ws expires \d+$")
    bench.sipstack("options", server, "--timeout-ms", "5000").want_exit(0, 20)


run(ws_registers, wss_registers, our_own_client)
