"""What a request must pass: where it was sent from, what it is called, how much it brings."""

import asyncio
import logging

import pytest
from starlette.testclient import TestClient

from tests.serving.review.conftest import HERE, opened, send
from topiclens.serving.review.access import Access
from topiclens.serving.review.app import create_app
from topiclens.serving.review.limits import PageLimits

FORMS = ("/corrections", "/corrections/withdraw", "/corrections/restore", "/corrections/agree", "/corrections/rollback",
         "/looks", "/captions", "/captions/withdraw", "/captions/restore", "/assignments",
         "/refinements", "/refinements/cancel", "/publish", "/versions/rollback", "/new",
         "/sign-in", "/sign-out")  # fmt: skip


def test_no_form_works_without_the_page_s_token(browser, backend):
    stranger = TestClient(browser.app, base_url=HERE, client=("127.0.0.1", 1))
    for path in FORMS:
        for client, token in ((browser, ""), (browser, "0" * 64), (stranger, browser.csrf)):
            answer = client.post(path, data={"csrf": token, "video_id": "stage", "topic": "1", "version": "1"})
            assert answer.status_code == 403, path
    assert not backend.corrections()


def test_no_call_that_changes_works_without_the_page_s_token(browser, backend):
    paths = browser.get("/api/openapi.json").json()["paths"]
    changing = [path for path, operations in paths.items() if "post" in operations]
    assert len(changing) == 16
    bodies = {
        "/api/what-if": {"video_id": "stage", "strengths": {}},
        "/api/corrections": {"video_id": "a", "topics": [1]},
        "/api/corrections/withdraw": {"correction_id": "0"},
        "/api/corrections/restore": {"correction_id": "0"},
        "/api/corrections/agree": {"correction_id": "0"},
        "/api/looks": {"video_id": "stage", "opinion": "fine"},
        "/api/captions": {"video_id": "stage", "text": "a dog"},
        "/api/captions/withdraw": {"by": "ada", "video_id": "stage", "version": "1"},
        "/api/captions/restore": {"by": "ada", "video_id": "stage", "version": "1"},
        "/api/assignments": {"video_ids": ["stage"], "to": ["ada"]},
        "/api/corrections/rollback": {"correction_id": "0"},
        "/api/versions/rollback": {"version": "1"},
    }
    for path in changing:
        answer = browser.post(path, json=bodies.get(path, {}), headers={"X-CSRF-Token": "0" * 64})
        assert answer.status_code == 403, path
    assert not backend.corrections() and not backend.asked and not backend.looks()
    assert not backend.assignments() and not backend.written_captions()


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Origin": "http://[", "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_what_another_page_sends_is_refused_even_with_the_token(browser, backend, headers):
    answer = browser.post("/publish", data={"csrf": browser.csrf}, headers=headers)
    assert answer.status_code == 403 and "sent from another page" in answer.text


def test_what_our_page_sends_is_taken(browser, backend):
    headers = {"Origin": HERE, "Sec-Fetch-Site": "same-origin"}
    form = {"csrf": browser.csrf, "video_id": "stage", "topic": "1"}
    assert browser.post("/corrections", data=form, headers=headers).status_code == 200
    assert len(backend.corrections()) == 1


def test_a_foreign_name_for_this_machine_gets_nothing(browser):
    answer = browser.get("/", headers={"Host": "rebound.example:8600"})
    assert answer.status_code == 421 and "a woman" not in answer.text


def test_every_answer_carries_the_headers(browser):
    for path in ("/", "/api/queue", "/static/clip.js", "/nix", "/api/nix", "/frame?id=stage&index=0"):
        headers = browser.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff" and headers["x-frame-options"] == "DENY"
        private = not path.startswith("/static/")
        assert headers["cache-control"].startswith(("no-store", "private") if private else "no-cache"), path
    refused = browser.get("/", headers={"Host": "evil.example"})
    assert refused.headers["cache-control"] == "no-store" and "content-security-policy" in refused.headers


def test_pages_load_nothing_from_elsewhere_and_run_no_script_of_their_own(browser, backend):
    send(browser, "/corrections", video_id="stage", topic=["1"])
    for path in ("/", "/clip?id=stage", "/corrections", "/versions", "/history", "/new", "/sign-in", "/nix"):
        text = browser.get(path).text
        assert "http://" not in text and "https://" not in text and "style=" not in text and " on" + "click" not in text
        assert "<script>" not in text and "<style" not in text


def test_addresses_and_bodies_are_bounded(backend):
    browser = opened(backend, limits=PageLimits(max_body_bytes=1000, max_address_bytes=500))
    assert browser.get("/", params={"search": "x" * 600}).status_code == 414
    assert browser.post("/api/what-if", content=b"x" * 1001).status_code == 413
    assert send(browser, "/publish", filler="x" * 1000).status_code == 413

    def unannounced():
        for _ in range(30):
            yield b"x" * 100

    for path in ("/api/what-if", "/publish"):
        headers = {"Content-Type": "application/x-www-form-urlencoded"} if path == "/publish" else {}
        answer = browser.post(path, content=unannounced(), headers=headers)
        assert answer.status_code == 413 and "at most" in answer.text


def test_a_refusal_leaves_the_forms_that_are_open_good(browser):
    for refused in ({"url": "/?" + "x" * 9000}, {"url": "/", "headers": {"Content-Length": "9" * 9}}):
        assert "set-cookie" not in browser.get(**refused).headers
    assert send(browser, "/corrections", video_id="stage", topic=["1"]).status_code == 200


def test_a_body_that_does_not_arrive_is_not_waited_for(backend):
    app = create_app(backend, Access.on_loopback("ada"), limits=PageLimits(body_seconds=0.05, max_body_bytes=2**10))
    sent = []

    async def receive():
        await asyncio.sleep(30)

    async def send_(message):
        sent.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http", "method": "POST",
        "path": "/api/what-if", "raw_path": b"/api/what-if", "query_string": b"", "root_path": "",
        "headers": [(b"host", b"localhost")], "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8600),
    }  # fmt: skip
    asyncio.run(asyncio.wait_for(app(scope, receive, send_), 20))
    assert sent[0]["status"] == 408


def test_what_breaks_inside_shows_neither_traceback_nor_path(browser, backend, monkeypatch, caplog):
    def fail(*_):
        open("/very/secret/path")

    monkeypatch.setattr(backend, "queue", fail)
    for path in ("/", "/api/queue"):
        with caplog.at_level(logging.ERROR, "topiclens.serving.review.request_limits"):
            answer = browser.get(path)
        assert answer.status_code == 500 and "secret" not in answer.text and "Traceback" not in answer.text
        mark = answer.text.split("under ")[1][:8]
        assert mark in caplog.text and "secret" in caplog.text


def test_methods_and_kinds_of_bodies_that_are_not_ours(browser):
    assert browser.put("/publish").status_code == 405
    assert browser.delete("/api/corrections").status_code == 405
    assert browser.post("/publish", content=b"{}", headers={"Content-Type": "application/json"}).status_code == 415
    form = "application/x-www-form-urlencoded"
    for kind in ("multipart/form-data", "multipart/form-data; boundary=", f"{form}; charset=x"):
        answer = browser.post("/publish", content=b"--x\r\n\r\n%%%", headers={"Content-Type": kind})
        assert 400 <= answer.status_code < 500
