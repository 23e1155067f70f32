# SPDX-License-Identifier: Apache-2.0
"""A headless Chromium, spoken to by its DevTools protocol over two pipes."""
import base64
import json
import os
import select
import subprocess
import time

from _peer import Failed, find, need


class Browser:
    def __init__(self, folder, *options):
        need("chromium")
        to_browser, self.write_end = os.pipe()
        self.read_end, from_browser = os.pipe()
        argv = [find("chromium"), "--headless", "--disable-gpu", "--no-first-run", "--remote-debugging-pipe",
                "--user-data-dir=" + os.path.join(folder, "profile"), "--window-size=1280,800", *options]
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

    def wait_for(self, expression, seconds=20):
        """The expression's value, once it is true."""
        end = time.monotonic() + seconds
        while True:
            value = self.value(expression)
            if value:
                return value
            if time.monotonic() > end:
                raise Failed("%s does not come true within %d s" % (expression, seconds))
            time.sleep(0.05)

    def picture(self):
        return base64.b64decode(self.ask("Page.captureScreenshot", format="png")["data"])

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
