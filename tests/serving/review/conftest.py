"""A backend in memory behind the page, and browsers' and programs' ways to ask it."""

import re
import secrets

import pytest
from starlette.testclient import TestClient

from tests.serving.review.memory_backend import MemoryBackend
from topiclens.serving.review.access import Access
from topiclens.serving.review.app import create_app
from topiclens.serving.review.limits import PageLimits

CAPTIONS = {
    "stage": "a woman is standing on a stage",
    "room": "a man is in a room",
    "field": "two dogs run across a field",
}
HERE = "http://127.0.0.1:8600"


@pytest.fixture
def backend() -> MemoryBackend:
    return MemoryBackend(CAPTIONS)


def opened(backend, access: Access | None = None, limits: PageLimits = PageLimits(), **client) -> TestClient:
    """A browser that has opened the page: it has the cookie and the token."""
    app = create_app(backend, access or Access.on_loopback("ada"), limits=limits)
    browser = TestClient(app, base_url=HERE, client=client.pop("peer", ("127.0.0.1", 50000)), **client)
    page = browser.get("/sign-in")
    token = re.search('name="csrf" content="([0-9a-f]{64})"', page.text)
    browser.csrf = token[1] if token else ""
    browser.headers["X-CSRF-Token"] = browser.csrf
    return browser


@pytest.fixture
def browser(backend) -> TestClient:
    return opened(backend)


@pytest.fixture
def tokens(tmp_path) -> tuple[Access, str, str]:
    """Access for a reviewer and a publisher, and their tokens."""
    secret = [secrets.token_hex(24), secrets.token_hex(24)]
    files = [tmp_path / "reviewers", tmp_path / "publishers"]
    for file, line in zip(files, (f"rita {secret[0]}\n", f"# those who publish\n\npaul the publisher {secret[1]}\n")):
        file.write_text(line)
        file.chmod(0o600)
    return Access.by_tokens(*files), *secret


def send(browser: TestClient, path: str, **fields):
    """Sends a form as its page would."""
    return browser.post(path, data={"csrf": browser.csrf, **fields})
