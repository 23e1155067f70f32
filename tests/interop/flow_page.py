#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The page that `sipstack flow` makes, in headless Chromium: a click on an arrow shows its message.

Chromium is spoken to by its DevTools protocol over two pipes. SIPSTACK_SCREENSHOT=FILE.png keeps a picture."""
import json
import os

from _chromium import Browser
from _peer import Failed, need, run


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
            with open(os.environ["SIPSTACK_SCREENSHOT"], "wb") as f:
                f.write(browser.picture())
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
