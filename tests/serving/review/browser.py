"""A headless Chromium that is used as a person would: keys, clicks, and what the page then shows."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

_KEYS = {  # name -> (code, Windows' number, text)
    "Tab": ("Tab", 9, ""),
    "Enter": ("Enter", 13, "\r"),
    " ": ("Space", 32, " "),
    "ArrowRight": ("ArrowRight", 39, ""),
    "ArrowLeft": ("ArrowLeft", 37, ""),
    "Home": ("Home", 36, ""),
    "End": ("End", 35, ""),
    **{key: (f"Key{key.upper()}", ord(key.upper()), key) for key in "fnsu"},
}


class Browser:
    """One window. Skips the test where there is no Chromium.

    Args:
        width, height: CSS pixels.
        dark: whether the person prefers dark.
        script: False turns JavaScript off.
    """

    def __init__(self, width: int = 1280, height: int = 900, *, dark: bool = False, script: bool = True):
        program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        if program is None:
            pytest.skip("No Chromium is installed")
        client = pytest.importorskip("websockets.sync.client")
        self._folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self._process = subprocess.Popen(
            [
                program, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars",
                "--disable-background-networking", "--disable-component-update", "--remote-debugging-port=0",
                f"--user-data-dir={self._folder.name}", "about:blank",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self.faults: list[str] = []  # what scripts threw, and what the browser refused to load
        port, path = self._address()
        self._socket = client.connect(
            f"ws://127.0.0.1:{port}{path}", max_size=None, open_timeout=60, ping_interval=None
        )
        self._number, self._session = 0, None
        targets = self._send("Target.getTargets")["targetInfos"]
        page = next(target for target in targets if target["type"] == "page")["targetId"]
        self._session = self._send("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "DOM", "Accessibility"):
            self._send(f"{domain}.enable")
        self._send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500
        )
        self._send(
            "Emulation.setEmulatedMedia",
            features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}],
        )
        self._send("Emulation.setScriptExecutionDisabled", value=not script)

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_) -> None:
        self._socket.close()
        self._process.kill()
        self._process.wait()
        self._folder.cleanup()

    def go(self, address: str) -> None:
        """Opens an address, and waits until the page has loaded."""
        self.run("document.documentElement.dataset.left = 'yes'")
        self._send("Page.navigate", url=address)
        self.until("document.readyState === 'complete' && !document.documentElement.dataset.left")

    def run(self, script: str):
        """The value of an expression in the page."""
        answer = self._send("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise AssertionError(answer["exceptionDetails"]["exception"].get("description", answer))
        return answer["result"].get("value")

    def until(self, condition: str, seconds: float = 60) -> None:
        """Waits until an expression holds in a page that has loaded; one may be on its way out meanwhile."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                if self.run(f"document.readyState === 'complete' && Boolean({condition})"):
                    return
            except (AssertionError, RuntimeError):
                pass
            time.sleep(0.05)
        raise AssertionError(f"Not so after {seconds} s: {condition}. The page says: {self.text()[:600]}")

    def text(self, selector: str = "main") -> str:
        """What a part of the page says."""
        return self.run(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''")

    def focused(self) -> str:
        """The name that a screen reader would give to what has the focus, or else its text."""
        script = """(() => { const e = document.activeElement; if (!e || e === document.body) return "";
            const label = e.getAttribute("aria-label") ?? e.labels?.[0]?.textContent ?? e.textContent;
            return label.replace(/\\s+/g, " ").trim(); })()"""
        return self.run(script)

    def press(self, key: str) -> None:
        code, number, text = _KEYS[key]
        common = {"key": key, "code": code, "windowsVirtualKeyCode": number}
        self._send("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", text=text, **common)
        self._send("Input.dispatchKeyEvent", type="keyUp", **common)

    def tab_to(self, name: str, most: int = 80) -> None:
        """Presses Tab until what has the focus is named so (the beginning of its name will do)."""
        passed = []
        for _ in range(most):
            self.press("Tab")
            passed.append(self.focused())
            if passed[-1].startswith(name):
                return
        raise AssertionError(f"{name!r} was not reached by Tab; passed {passed}")

    def type(self, text: str) -> None:
        self._send("Input.insertText", text=text)

    def click(self, selector: str) -> None:
        """Clicks the middle of an element with the mouse, once it is scrolled into view."""
        self.run(f"document.querySelector({json.dumps(selector)}).scrollIntoView({{block: 'center'}})")
        x, y = self.run(
            f"(() => {{ const r = document.querySelector({json.dumps(selector)}).getBoundingClientRect();"
            "return [r.x + r.width / 2, r.y + r.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self._send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def tree(self) -> list[dict]:
        """The accessibility tree: what a screen reader is given."""
        return [node for node in self._send("Accessibility.getFullAXTree")["nodes"] if not node.get("ignored")]

    def picture(self, path: Path, whole: bool = True) -> None:
        """A screenshot as a PNG."""
        taken = self._send("Page.captureScreenshot", captureBeyondViewport=whole)
        Path(path).write_bytes(base64.b64decode(taken["data"]))

    def _address(self) -> tuple[str, str]:
        told = Path(self._folder.name) / "DevToolsActivePort"
        end = time.monotonic() + 90
        while time.monotonic() < end:
            if told.exists() and len(lines := told.read_text().splitlines()) == 2:
                return lines[0], lines[1]
            time.sleep(0.1)
        self._process.kill()
        pytest.skip("Chromium does not start here")

    def _send(self, method: str, **given) -> dict:
        self._number += 1
        message = {"id": self._number, "method": method, "params": given}
        self._socket.send(json.dumps({**message, "sessionId": self._session} if self._session else message))
        while True:
            answer = json.loads(self._socket.recv(timeout=120))
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            if answer.get("method") == "Runtime.exceptionThrown":
                self.faults.append(json.dumps(answer["params"]["exceptionDetails"])[:500])
            elif answer.get("method") == "Log.entryAdded" and answer["params"]["entry"]["level"] == "error":
                self.faults.append(answer["params"]["entry"]["text"])
