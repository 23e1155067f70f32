#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The page that `sipstack flow` makes, in headless Chromium: a click on an arrow shows its message.

Chromium is spoken to by its DevTools protocol over two pipes. SIPSTACK_SCREENSHOT=FILE.png keeps a picture."""
import base64
import json
import os
import select
import subprocess
import time

from _peer import Failed, find, need, run


class Browser:
    def __init__(self, folder):
        need("chromium")
        to_browser, self.write_end = os.pipe()
        self.read_end, from_browser = os.pipe()
        argv = [find("chromium"), "--headless", "--disable-gpu", "--no-first-run", "--remote-debugging-pipe",
                "--user-data-dir=" + os.path.join(folder, "profile"), "--window-size=1280,800"]
        if os.geteuid() == 0:
            argv.append("--no-sandbox")
        # It wants its pipes as descriptors 3 and 4.
        self.p = subprocess.Popen(["bash", "-c", 'exec "$@" 3<&%d 4>&%d' % (to_browser, from_browser), "bash", *argv],
                                  pass_fds=(to_browser, from_browser), stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                  env={**os.environ, "HOME": folder})
        os.close(to_browser)
        os.close(from_browser)
        self.pending, self.events, self.count, self.session = b"", [], 0, None

    def receive(self, end):
        while b"\0" not in self.pending:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.read_end], [], [], left)[0]:
                raise Failed("Chromium says nothing more")
            more = os.read(self.read_end, 1 << 20)
            if not more:
                raise Failed("Chromium has gone")
            self.pending += more
        one, self.pending = self.pending.split(b"\0", 1)
        return json.loads(one)

    def ask(self, method, **params):
        self.count += 1
        question = {"id": self.count, "method": method, "params": params}
        if self.session:
            question["sessionId"] = self.session
        os.write(self.write_end, json.dumps(question).encode() + b"\0")
        end = time.monotonic() + 30
        while True:
            answer = self.receive(end)
            if answer.get("id") == self.count:
                if "error" in answer:
                    raise Failed("%s: %s" % (method, answer["error"]))
                return answer["result"]
            self.events.append(answer)

    def value(self, expression):
        result = self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in result:
            raise Failed("%s: %s" % (expression, result["exceptionDetails"]))
        return result["result"].get("value")

    def open(self, url):
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(domain + ".enable")
        self.ask("Page.navigate", url=url)
        end = time.monotonic() + 30
        while self.value("document.readyState") != "complete" or self.value("location.href") == "about:blank":
            if time.monotonic() > end:
                raise Failed("the page is never complete")
            time.sleep(0.05)

    def close(self):
        self.session = None
        try:
            self.ask("Browser.close")
            self.p.wait(10)
        except (Failed, OSError, subprocess.TimeoutExpired):
            self.p.kill()
            self.p.wait(5)
        os.close(self.write_end)
        os.close(self.read_end)


def a_click_shows_the_message(bench):
    need("chromium")
    _, ports = bench.server("uas", "--listen", "udp:127.0.0.1:0", "--auth", "bob:secret")
    trace, page = os.path.join(bench.dir, "trace.pcap"), os.path.join(bench.dir, "flow.html")
    bench.sipstack("call", "sip:bob@127.0.0.1:%d" % ports["udp"], "--listen", "udp:127.0.0.1:0", "--duration-ms", "50",
                   "--user", "bob", "--password", "secret", "--trace", trace, "--trace-masked").want_exit(0)
    bench.sipstack("flow", trace, "-o", page).want_exit(0)
    browser = Browser(bench.dir)
    try:
        browser.open("file://" + page)
        count = browser.value("document.querySelectorAll('.m').length")
        if count < 8:
            raise Failed("%d arrows, where a challenged call has at least 8 messages" % count)
        seen = []
        for i in range(count):
            where = browser.value("(() => { const a = document.querySelectorAll('.m')[%d]; a.scrollIntoView({block: "
                                  "'center'}); const r = a.querySelector('rect').getBoundingClientRect(); "
                                  "return [r.x + r.width / 2, r.y + r.height / 2]; })()" % i)
            for kind in ("mousePressed", "mouseReleased"):
                browser.ask("Input.dispatchMouseEvent", type=kind, x=where[0], y=where[1], button="left", clickCount=1)
            label = browser.value("document.querySelectorAll('.m')[%d].getAttribute('aria-label')" % i)
            shown = browser.value("document.querySelector('#s pre').textContent")
            first = shown.split("\n")[0]
            word = label.split(" ")[0]
            if not (first.startswith(word + " ") or first.startswith("SIP/2.0 " + word)):
                raise Failed("a click on %r shows %r" % (label, first))
            if "Call-ID: " not in shown:
                raise Failed("not the whole message: %r" % shown)
            seen.append(shown)
        if len(set(seen)) != count:
            raise Failed("%d arrows show %d messages" % (count, len(set(seen))))
        # The keyboard does the same.
        browser.value("document.querySelectorAll('.m')[0].focus()")
        for kind in ("keyDown", "keyUp"):
            browser.ask("Input.dispatchKeyEvent", type=kind, key="Enter", code="Enter", windowsVirtualKeyCode=13)
        if browser.value("document.querySelector('#s pre').textContent") != seen[0]:
            raise Failed("Enter does not show the first message")
        if os.environ.get("SIPSTACK_SCREENSHOT"):
            picture = browser.ask("Page.captureScreenshot", format="png")["data"]
            with open(os.environ["SIPSTACK_SCREENSHOT"], "wb") as f:
                f.write(base64.b64decode(picture))
        for event in browser.events:
            if event.get("method") in ("Runtime.exceptionThrown", "Log.entryAdded"):
                raise Failed("the page complains: %s" % json.dumps(event)[:500])
            if event.get("method") == "Network.requestWillBeSent":
                url = event["params"]["request"]["url"]
                if not url.startswith("file://"):
                    raise Failed("the page asks for " + url)
        return "%d arrows" % count
    finally:
        browser.close()


if __name__ == "__main__":
    run(a_click_shows_the_message)
