# SPDX-License-Identifier: BSD-2-Clause
"""A headless Chromium for tests, driven by its DevTools protocol over two pipes (no library, no port).

    with Browser() as browser:
        tab = browser.open(Path("page.html"))
        tab.evaluate("document.title")
        assert not tab.problems
"""

import base64
import json
import os
import shutil
import subprocess
import tempfile
import time

from support import TIMEOUT


def program():
    """Chromium, or None."""
    return next(filter(None, map(shutil.which, ["chromium", "chromium-browser"])), None)


class Browser:
    def __enter__(self):
        self.profile = tempfile.TemporaryDirectory()
        there, self.commands = os.pipe()
        self.answers, back = os.pipe()
        # Chromium reads commands from descriptor 3 and writes answers to 4
        self.process = subprocess.Popen(
            ["/bin/sh", "-c", f'exec nice -n 10 "$@" 3<&{there} 4>&{back}', "sh", program(),
             "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe",
             "--no-first-run", "--disable-dev-shm-usage", "--disable-background-networking",
             "--hide-scrollbars", "--force-color-profile=srgb", "--window-size=1400,1000",
             f"--user-data-dir={self.profile.name}", "about:blank"],
            pass_fds=(there, back), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        os.close(there)
        os.close(back)
        self.number, self.rest, self.tabs = 0, b"", {}
        return self

    def __exit__(self, *_):
        try:
            self.call("Browser.close")
            self.process.wait(10)
        except (OSError, AssertionError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        os.close(self.commands)
        os.close(self.answers)
        self.profile.cleanup()

    def _message(self):
        while b"\0" not in self.rest:
            piece = os.read(self.answers, 1 << 20)
            assert piece, "chromium has ended"
            self.rest += piece
        text, self.rest = self.rest.split(b"\0", 1)
        message = json.loads(text)
        tab = self.tabs.get(message.get("sessionId"))
        if tab and "method" in message:
            tab.event(message["method"], message["params"])
        return message

    def call(self, method, session=None, **params):
        self.number += 1
        command = {"id": self.number, "method": method, "params": params}
        if session:
            command["sessionId"] = session
        os.write(self.commands, json.dumps(command).encode() + b"\0")
        while True:
            message = self._message()
            if message.get("id") == self.number:
                assert "error" not in message, (method, message)
                return message["result"]

    def open(self, path, fragment=""):
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        tab = self.tabs[session] = Tab(self, session)
        tab.go(path, fragment)
        return tab


class Tab:
    def __init__(self, browser, session):
        self.browser, self.session = browser, session
        self.problems = []  # exceptions, messages of the console, requests but that for the page
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.call("Performance.enable", timeDomain="threadTicks")

    def call(self, method, **params):
        return self.browser.call(method, self.session, **params)

    def event(self, method, params):
        if method == "Runtime.exceptionThrown":
            self.problems.append(params["exceptionDetails"])
        elif method == "Runtime.consoleAPICalled":
            self.problems.append(params["args"])
        elif method == "Log.entryAdded":
            self.problems.append(params["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            url = params["request"]["url"]
            if not url.startswith(self.url) and not url.startswith(("data:", "blob:")):
                self.problems.append(url)

    def go(self, path, fragment=""):
        self.url = path.resolve().as_uri()
        self.call("Page.navigate", url=self.url + fragment)
        self.wait("document.documentElement?.dataset.ready === 'yes'")

    def wait(self, condition):
        end = time.monotonic() + TIMEOUT
        while not self.evaluate(condition):
            assert time.monotonic() < end, f"waited in vain: {condition}; {self.problems}"
            time.sleep(0.02)

    def evaluate(self, expression):
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True,
                           awaitPromise=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def busy(self):
        """Seconds of processor time that the page has used, whatever else runs on this machine."""
        metrics = self.call("Performance.getMetrics")["metrics"]
        return next(m["value"] for m in metrics if m["name"] == "TaskDuration")

    def drag(self, x0, y0, x1, y1):
        def mouse(kind, x, y, buttons):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left",
                      buttons=buttons, clickCount=1)
        mouse("mouseMoved", x0, y0, 0)
        mouse("mousePressed", x0, y0, 1)
        for step in range(1, 5):
            mouse("mouseMoved", x0 + (x1 - x0) * step / 4, y0 + (y1 - y0) * step / 4, 1)
        mouse("mouseReleased", x1, y1, 0)

    def click(self, x, y):
        self.drag(x, y, x, y)

    def key(self, name, shift=False):
        """Presses a key."""
        code, text = {"Tab": (9, ""), "Enter": (13, "\r"), "Space": (32, " "), "ArrowDown": (40, "")}[name]
        more = {"text": text} if text else {}
        key = " " if name == "Space" else name
        for kind in "keyDown", "keyUp":
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=name, windowsVirtualKeyCode=code,
                      modifiers=8 if shift else 0, **(more if kind == "keyDown" else {}))

    def tab_to(self, condition):
        """Presses Tab until the condition of `e`, the element that has the focus, is true."""
        for _ in range(500):
            self.key("Tab")
            if self.evaluate(f"(e => Boolean({condition}))(document.activeElement)"):
                return
        raise AssertionError(f"no Tab leads to {condition}")

    def write(self, text):
        """Types a text in the place of what is in the field that has the focus."""
        self.evaluate("document.activeElement.select()")
        self.call("Input.insertText", text=text)

    def print(self, path):
        """The page as PDF, on A4."""
        printed = self.call("Page.printToPDF", paperWidth=8.27, paperHeight=11.69)
        path.write_bytes(base64.b64decode(printed["data"]))

    def screenshot(self, path):
        """The whole page, for one's own eyes."""
        picture = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(picture["data"]))
