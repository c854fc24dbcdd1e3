"""A headless Chromium, spoken to through a pipe: what a page asks for, says and looks like."""

import base64
import json
import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager

import pytest

_OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-dev-shm-usage", "--remote-debugging-pipe", "about:blank"),
)


class Browser:
    """One page in a browser, and everything that it reported of it."""

    def __init__(self, to_browser, from_browser):
        self._out, self._in = to_browser, from_browser
        self._session, self._count, self._rest = None, 0, b""
        self.events = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method, **params):
        """The answer to a command of the DevTools protocol."""
        self._count += 1
        message = {"id": self._count, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while (answer := self._next()).get("id") != self._count:
            self.events.append(answer)
        assert "error" not in answer, answer
        return answer["result"]

    def open(self, path, width=1300, height=900):
        """Open a file, and wait until it is there."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        self.call("Page.navigate", url=path.as_uri())
        while not self.said("Page.loadEventFired"):
            self.events.append(self._next())

    def said(self, method):
        """What it reported by that name."""
        return [one["params"] for one in self.events if one.get("method") == method]

    def run(self, script):
        """The value of an expression in the page."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def picture(self, width, height):
        """The page's upper left corner as PNG."""
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        shot = self.call("Page.captureScreenshot", format="png", clip=clip)
        return base64.b64decode(shot["data"])

    def _next(self):
        while b"\0" not in self._rest:
            got = os.read(self._in, 1 << 16)
            assert got, "the browser ended"
            self._rest += got
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)


@contextmanager
def browser():
    """A browser with an empty profile; skips where there is none."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("needs a browser: apt-get install chromium")
    to_browser, from_browser = os.pipe(), os.pipe()
    given, answered = to_browser[0], from_browser[1]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        as_three_and_four = f'exec "$@" 3<&{given} 4>&{answered}'
        running = subprocess.Popen(
            [
                "bash",
                "-c",
                as_three_and_four,
                "-",
                program,
                f"--user-data-dir={profile}",
                *_OPTIONS,
            ],
            pass_fds=(given, answered),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "HOME": profile},
        )
        os.close(to_browser[0])
        os.close(from_browser[1])
        try:
            yield Browser(to_browser[1], from_browser[0])
        finally:
            running.kill()
            running.wait()
            os.close(to_browser[1])
            os.close(from_browser[0])
