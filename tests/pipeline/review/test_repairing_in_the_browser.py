"""`topiclens review` as a person uses it, in headless Chromium, on a small root: from a wrong caption to a better one,
with a page that is killed on the way, and back.
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest

from tests.pipeline.review.planted_run import SETTINGS, VERSION, make_root
from tests.serving.review.browser import Browser

SECONDS = 600  # for the slowest step, a refinement, on a machine that has other work

pytestmark = [
    pytest.mark.skipif(not shutil.which("chromium"), reason="No Chromium is installed"),
    pytest.mark.timeout(3600),
]


@contextlib.contextmanager
def page(root):
    """The command, running: its process, and the address that it prints."""
    changes = [part for change in SETTINGS for part in ("--set", change)]
    with subprocess.Popen(
        [
            sys.executable,
            "-m",
            "topiclens.pipeline.cli.main",
            "review",
            "--root",
            root,
            "--port",
            "0",
            "--name",
            "Ann",
            *changes,
        ],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    ) as process:
        try:
            address = re.match(r"Review page: (http://\S+)/$", process.stdout.readline())[1]
            yield process, address
        finally:
            process.kill()


def caption(browser):
    return browser.text("#caption").split()


def confirm(browser, label, yes):
    """Opens a step that asks again, and says yes."""
    browser.run(
        f"[...document.querySelectorAll('details.confirm')].find(d => d.querySelector('summary').textContent"
        f".includes({label!r})).setAttribute('id', 'chosen-step')"
    )
    browser.click("#chosen-step summary")
    assert yes in browser.text("#chosen-step button")
    browser.click("#chosen-step button")


def test_a_person_repairs_a_caption_and_takes_it_back(tmp_path):
    root = make_root(tmp_path / "run")
    with Browser() as browser:
        with page(root) as (process, address):
            # The queue: the clip of which people wrote what the caption lacks is first.
            browser.go(f"{address}/?split=val")
            for _ in range(SECONDS):
                if browser.text(".card .id") and "not captioned yet" not in browser.text():
                    break  # a server that starts on a busy machine may not answer at the first look
                time.sleep(1)
                browser.go(f"{address}/?split=val")
            assert browser.text(".card .id").startswith("val0")
            assert "1 of 1 people mention “man”, the caption does not" in browser.text(".card .reasons")
            browser.click(".card a")
            browser.until("document.querySelector('#caption')")
            assert caption(browser) == ["dog"] * 3
            browser.until("document.querySelector('.frames img').naturalWidth > 0")
            origins = browser.text("section[aria-labelledby=origins-title]")
            assert origins.count("Strongest frames: ") == 3 and "Strongest neurons: 2 (dog) +" in origins, origins

            # The topic is ticked, and the served model says at once what it would say.
            browser.click(".topic[data-topic='1'] input[type=checkbox]")
            browser.until("document.querySelector('#caption').innerText.includes('man')")
            assert re.search(r"answered in \d+ ms", browser.text("#about"))
            browser.click("button.strong[form=correct]")
            browser.until("document.querySelector('.corrections')")
            assert "misses man" in browser.text(".corrections")

            # The refinement runs on though the page is killed.
            browser.go(f"{address}/corrections")
            browser.click("button[form=refine]")
            browser.until("document.querySelector('#job .job')")
            os.kill(process.pid, signal.SIGKILL)
        with page(root) as (process, address):
            browser.go(f"{address}/corrections")
            browser.until("document.querySelector('.j-blessed, .j-refused, .j-failed')", SECONDS)
            assert browser.run("Boolean(document.querySelector('.j-blessed'))"), browser.text()
            assert "What the gate says" in browser.text("#job") and "man" in browser.text("#job .after")

            # Published: the served version answers, for the clip and for what-if.
            confirm(browser, "Publish", "Publish now")
            browser.until("document.body.innerText.includes('Published: the new version answers')")
            browser.go(f"{address}/clip?id=val0")
            assert f"version {VERSION} " not in browser.text("#about") and "man" in caption(browser)
            browser.go(f"{address}/history")
            assert all(part in browser.text() for part in ("Ann", "published “man”", "misses “man”"))

            # And back.
            browser.go(f"{address}/versions")
            confirm(browser, f"Roll back to version {VERSION}", "Roll back now")
            browser.until("document.querySelector('.versions .served h2')")
            browser.until(f"document.querySelector('.served h2').innerText.includes('Version {VERSION} ')")
            browser.go(f"{address}/clip?id=val0")
            assert caption(browser) == ["dog"] * 3
            assert "taken back" in browser.text(".corrections").lower()

            process.send_signal(signal.SIGINT)
            assert process.wait(120) == 0
    # An open page follows the job while its server is killed.
    assert [fault for fault in browser.faults if "net::ERR_" not in fault] == []
