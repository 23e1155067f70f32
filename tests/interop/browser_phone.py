#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Two browser phones in headless Chromium register at `sipstack serve` over WebSocket with a password, and call each
other through it with audio by WebRTC: hold, DTMF, the end. A call to nobody fails as it should.

The phones are JsSIP, from the npm registry as it is there: its newest 3.x. Its modules are put into a page as they
are. The page is a file: it may use a (made-up) microphone, and asks for nothing over the network but ws."""
import json
import os
import subprocess

from _chromium import Browser
from _peer import Failed, Skipped, find, need, run

# What require() is where there is no Node: names to modules, each run once.
PAGE = r"""<!doctype html><meta charset="utf-8"><title>phones</title>
<script>
const sources = %(sources)s, mains = %(mains)s, loaded = {};
function resolve(from, name) {
  let path = mains[name] ? name + '/' + mains[name] : name;
  if (name.startsWith('.')) path = from.replace(/[^/]*$/, '') + name;
  const parts = [];
  for (const part of path.split('/')) {
    if (part === '..') parts.pop(); else if (part !== '.' && part !== '') parts.push(part);
  }
  path = parts.join('/');
  for (const end of ['', '.js', '.json', '/index.js']) if (path + end in sources) return path + end;
  throw new Error(`no module ${name} for ${from}`);
}
function load(path) {
  if (loaded[path]) return loaded[path].exports;
  const module = loaded[path] = {exports: {}};
  if (path.endsWith('.json')) module.exports = JSON.parse(sources[path]);
  else new Function('module', 'exports', 'require', 'process', 'global', sources[path])(
      module, module.exports, (name) => load(resolve(path, name)), {env: {}}, window);
  return module.exports;
}
const JsSIP = load(resolve('', 'jssip'));

const told = [];                       // what happened, in order
function phone(name, url, password) {
  const ua = new JsSIP.UA({sockets: [new JsSIP.WebSocketInterface(url)], uri: `sip:${name}@example.com`, password,
                           register_expires: 60, session_timers: false});
  for (const event of ['connected', 'registered', 'registrationFailed', 'unregistered', 'disconnected'])
    ua.on(event, (e) => told.push(`${name} ${event}` + (e && e.cause ? ` ${e.cause}` : '')));
  ua.on('newRTCSession', ({session, originator}) => {
    phones[name].session = session;
    for (const event of ['progress', 'accepted', 'confirmed', 'ended', 'failed', 'hold', 'unhold', 'newDTMF'])
      session.on(event, (e) => told.push(`${name} ${event}` +
          (event === 'newDTMF' ? ` ${e.originator} ${e.dtmf.tone}` : e && e.cause ? ` ${e.cause}` : '')));
    if (originator === 'remote') session.answer({mediaConstraints: {audio: true, video: false}});
  });
  phones[name] = {ua};
  ua.start();
}
const phones = {};
function call(name, target) {
  phones[name].ua.call(target, {mediaConstraints: {audio: true, video: false}});
}
async function heard(name) {           // RTP packets that came, decrypted
  let packets = 0;
  for (const r of (await phones[name].session.connection.getStats()).values())
    if (r.type === 'inbound-rtp') packets += r.packetsReceived;
  return packets;
}
const packets = {};
setInterval(async () => {
  for (const name in phones)
    if (phones[name].session && phones[name].session.connection) packets[name] = await heard(name);
}, 100);
</script>
"""


def modules(folder):
    """JsSIP and what it needs, as the registry has them: {path: source}, {package: main file}."""
    need("npm")
    p = subprocess.run([find("npm"), "install", "--no-save", "--no-package-lock", "--no-audit", "--no-fund",
                        "--ignore-scripts", "jssip@3"], cwd=folder, capture_output=True, text=True, timeout=120)
    if p.returncode != 0:
        raise Skipped("npm brings no JsSIP: " + p.stderr[-300:])
    root, sources, mains = os.path.join(folder, "node_modules"), {}, {}
    for where, _, names in os.walk(root):
        for name in names:
            path = os.path.join(where, name)
            key = os.path.relpath(path, root)
            if name == "package.json" and key.count("/") == 1:
                with open(path, encoding="utf-8") as f:
                    about = json.load(f)
                browser = about.get("browser")
                mains[about["name"]] = browser if isinstance(browser, str) else about.get("main", "index.js")
                sources[key] = json.dumps(about)
            elif name.endswith(".js"):
                with open(path, encoding="utf-8") as f:
                    sources[key] = f.read()
    return sources, mains


def told(browser, *lines):
    """That these were told, in this order, others between them."""
    asked = json.dumps(list(lines))
    try:
        browser.wait_for("(() => { let at = 0; const want = %s; for (const line of told) "
                         "if (at < want.length && line.startsWith(want[at])) ++at; return at === want.length; })()" % asked)
    except Failed:
        raise Failed("wanted %s; told: %s" % (asked, browser.value("told.join('\\n')")))


def calls_go_through(bench):
    need("chromium")
    sources, mains = modules(bench.dir)
    users = bench.file("users", "alice:secret\nbob:geheim\n")
    _, ports = bench.server("serve", "--listen", "ws:127.0.0.1:0", "--listen", "udp:127.0.0.1:0", "--domain",
                            "example.com", "--users", users)
    quoted = [json.dumps(x).replace("</", "<\\/") for x in (sources, mains)]
    page = bench.file("phones.html", PAGE % {"sources": quoted[0], "mains": quoted[1]})
    browser = Browser(bench.dir, "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
    try:
        browser.open("file://" + page)
        url = json.dumps("ws://127.0.0.1:%d" % ports["ws"])
        browser.value("phone('alice', %s, 'wrong')" % url)
        told(browser, "alice connected", "alice registrationFailed")
        browser.value("phones.alice.ua.stop()")
        browser.value("told.length = 0; phone('alice', %s, 'secret'); phone('bob', %s, 'geheim')" % (url, url))
        told(browser, "alice registered")
        told(browser, "bob registered")

        browser.value("call('alice', 'sip:bob@example.com')")
        told(browser, "alice progress", "alice accepted", "alice confirmed")
        told(browser, "bob accepted", "bob confirmed")
        for name in ("alice", "bob"):
            browser.wait_for("packets.%s > 25" % name)  # half a second of audio, each way
        browser.value("phones.alice.session.sendDTMF('5', {transportType: 'INFO'})")
        told(browser, "bob newDTMF remote 5")
        browser.value("phones.bob.session.hold()")
        told(browser, "bob hold", "alice hold")
        browser.value("phones.bob.session.unhold()")
        told(browser, "alice hold", "alice unhold")
        browser.value("phones.bob.session.terminate()")
        told(browser, "alice ended Terminated")
        told(browser, "bob ended Terminated")

        browser.value("told.length = 0; call('alice', 'sip:nobody@example.com')")
        told(browser, "alice failed")
        if "alice failed Unavailable" not in browser.value("told.join()") and \
           "alice failed Not Found" not in browser.value("told.join()"):
            raise Failed("a call to nobody: " + browser.value("told.join()"))
        browser.value("phones.alice.ua.stop(); phones.bob.ua.stop()")
        told(browser, "alice unregistered")
        for event in browser.events:
            if event.get("method") == "Runtime.exceptionThrown":
                raise Failed("the page complains: %s" % json.dumps(event)[:500])
        return "JsSIP " + json.loads(sources["jssip/package.json"])["version"]
    finally:
        browser.close()


if __name__ == "__main__":
    run(calls_go_through)
