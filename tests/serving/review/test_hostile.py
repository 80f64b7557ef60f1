"""A thousand bad requests and more: every one gets an answer, none is a 500, and none tells of this machine.

Schemathesis makes those for the API out of its OpenAPI document, Hypothesis those for the pages and their forms. Both
are derandomised: they are the same every time.
"""

import contextlib
import re
import time
from urllib.parse import quote

import pytest

from tests.serving.review.conftest import opened

hypothesis = pytest.importorskip("hypothesis")
schemathesis = pytest.importorskip("schemathesis")
requests = pytest.importorskip("requests")

st = hypothesis.strategies
BAD_A_CALL, GOOD_A_CALL, A_PAGE, A_FORM = 24, 3, 48, 16
LEAK = re.compile(r"Traceback|File \"|site-packages|\.py\b|/home/|/root/|/tmp/|/usr/|/etc/hosts|sqlite|line \d+, in ")
SLOWEST = 20  # seconds, on a machine that does other work too
PAGES = ("/", "/clip", "/frame", "/video", "/refinement", "/corrections", "/history", "/sign-in", "/static/")
FORMS = (
    "/corrections", "/corrections/withdraw", "/corrections/restore", "/corrections/agree", "/corrections/rollback",
    "/looks", "/captions", "/captions/withdraw", "/captions/restore", "/assignments",
    "/refinements", "/refinements/cancel", "/publish", "/versions/rollback", "/new",
    "/sign-in", "/sign-out",
)  # fmt: skip
FIELDS = (
    "id", "index", "search", "offset", "topic", "strength-1", "strength-99999999999", "done", "video_id", "version",
    "correction", "correction_id", "csrf", "token", "clip", "limit",
    "about", "reviewer", "state", "opinion", "page", "assigned", "to", "split", "described", "keep", "job_id",
    "text", "author", "of",
)  # fmt: skip
NASTY = (
    "../../../etc/passwd", "..\\..\\x", "%00", "\x00", "'; DROP TABLE corrections; --", "<script>alert(1)</script>",
    "{{7*7}}", "${7*7}", "-1", "1e999", "nan", "9" * 40, "\ud7ff\U0001f4a9", "\u202e", "a" * 3000, "stage", "",
)  # fmt: skip


def settings(count: int):
    checks = list(hypothesis.HealthCheck)
    return hypothesis.settings(
        max_examples=count, deadline=None, database=None, derandomize=True, suppress_health_check=checks,
        phases=[hypothesis.Phase.generate],
    )  # fmt: skip


class Asker:
    """Sends requests, and holds every answer against what must be so of all."""

    def __init__(self, browser):
        self.browser, self.count = browser, 0

    def ask(self, method: str, path: str, **given):
        began = time.monotonic()
        answer = self.browser.request(method, path, follow_redirects=False, **given)
        self.count += 1
        assert time.monotonic() - began < SLOWEST
        said = f"{method} {path} {given} -> {answer.status_code}: {answer.text[:300]}"
        assert answer.status_code < 500 or answer.status_code == 503, said
        if not path.startswith("/static/"):
            assert not LEAK.search(re.sub(r'href="[^"]*"|value="[^"]*"|“[^”]*”', "", answer.text)), said
            assert "<script>alert" not in answer.text or answer.headers["content-type"] == "application/json", said
        assert answer.headers["x-content-type-options"] == "nosniff"
        return answer


@pytest.fixture
def asker(backend):
    with opened(backend, raise_server_exceptions=True) as browser:
        yield Asker(browser)


def test_the_api_answers_whatever_it_is_asked(asker):
    document = asker.browser.get("/api/openapi.json").json()
    schema = schemathesis.openapi.from_dict(document)
    operations = [result.ok() for result in schema.get_all_operations()]
    asker.count = 0
    for operation in operations:
        for mode, count in (("negative", BAD_A_CALL), ("positive", GOOD_A_CALL)):
            try:
                strategy = operation.as_strategy(generation_mode=schemathesis.GenerationMode(mode))
            except schemathesis.errors.SchemathesisError:
                continue  # nothing can be wrong with a call that takes nothing
            _send_cases(asker, strategy, count)
    assert asker.count > 330


def _send_cases(asker: Asker, strategy, count: int) -> None:
    @settings(count)
    @hypothesis.given(case=strategy)
    def send(case):
        try:
            prepared = requests.Request(**_asked(case)).prepare()
        except (ValueError, UnicodeError):  # no client can send such a request
            hypothesis.assume(False)
        path = prepared.path_url
        headers = {k: v for k, v in prepared.headers.items() if k.lower() != "x-csrf-token" and v.isprintable()}
        asker.ask(prepared.method, path, headers=headers, content=prepared.body or b"")

    with contextlib.suppress(hypothesis.errors.Unsatisfiable):  # as above
        send()


def _asked(case) -> dict:
    given = case.as_transport_kwargs(base_url="http://127.0.0.1:8600")
    parts = ("method", "url", "headers", "params", "json", "data", "files")
    return {name: given[name] for name in parts if name in given}


TEXTS = st.one_of(st.sampled_from(NASTY), st.text(max_size=40))
QUERIES = st.lists(st.tuples(st.sampled_from(FIELDS), TEXTS), max_size=6)


def test_pages_and_forms_answer_whatever_they_are_asked(asker):
    for path in PAGES:
        _look(asker, path)
    for path in FORMS:
        _fill_in(asker, path)
    assert asker.count > 700


def _look(asker: Asker, path: str) -> None:
    @settings(A_PAGE)
    @hypothesis.given(query=QUERIES, rest=st.sampled_from(("", "", "", "/../..", "%2e%2e%2f", "//", "%00", ";x")))
    def look(query, rest):
        pairs = "&".join(f"{name}={quote(value, safe='', errors='replace')}" for name, value in query)
        asker.ask("GET", f"{path}{rest}?{pairs}")

    look()


def _fill_in(asker: Asker, path: str) -> None:
    form, parts = "application/x-www-form-urlencoded", "multipart/form-data"
    kinds = (form, f"{form}; charset=utf-16", parts, f"{parts}; boundary=b", "text/plain", "")

    @settings(A_FORM)
    @hypothesis.given(fields=QUERIES, ours=st.booleans())
    def fill_in(fields, ours):
        data = {**dict(fields), **({"csrf": asker.browser.csrf} if ours else {})}
        data = {name: value.encode("utf-8", "replace").decode() for name, value in data.items()}
        asker.ask("POST", path, data=data)

    @settings(A_FORM)
    @hypothesis.given(body=st.binary(max_size=300), kind=st.sampled_from(kinds), head=st.booleans())
    def scribble(body, kind, head):
        body = b'--b\r\nContent-Disposition: form-data; name="csrf"\r\n\r\n' + body + b"\r\n--b--" if head else body
        asker.ask("POST", path, content=body, headers={"Content-Type": kind})

    fill_in()
    scribble()


@pytest.mark.parametrize(
    "headers",
    [
        {"Cookie": "topiclens_session=" + "A" * 43}, {"Cookie": "topiclens_session=../../x; ;;=;"},
        {"Content-Length": "-1"}, {"Content-Length": "9" * 30},
        {"Authorization": "Bearer \xff"}, {"Authorization": "Bearer"}, {"Host": "\xff"},
        {"Origin": "http://[::1"}, {"Sec-Fetch-Site": "\x80"}, {"Range": "bytes=-99999999999999999999"},
        {"X-Forwarded-For": "x"}, {"Accept-Encoding": "zip, bomb"}, {"X-CSRF-Token": "\xe9"},
    ],
)  # fmt: skip
def test_headers_of_any_kind_are_answered(asker, headers):
    encoded = {name: value.encode("latin-1") for name, value in headers.items()}
    for method, path in (("GET", "/"), ("POST", "/publish"), ("POST", "/api/publish"), ("GET", "/static/clip.js")):
        asker.ask(method, path, headers=encoded)
