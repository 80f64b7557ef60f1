"""Who is let in, as whom, and what each may do."""

import pytest
from starlette.datastructures import Headers

from tests.serving.review.conftest import opened, send
from topiclens.serving.review.access import Access, AccessError, Person, Role

TOKEN = "0123456789abcdef01234567"


def _file(path, text, mode=0o600):
    path.write_text(text)
    path.chmod(mode)
    return path


def test_tokens_name_people_and_their_roles(tokens):
    access, reviewer, publisher = tokens
    assert access.of_token(reviewer) == Person("rita", Role.REVIEWER)
    assert access.of_token(publisher) == Person("paul the publisher", Role.PUBLISHER)
    assert access.of_token(reviewer[:-1]) is None and access.of_token("") is None
    assert not any(reviewer.encode() in bytes(key) for key in access.tokens)


@pytest.mark.parametrize(
    ("text", "mode", "said"),
    [
        (f"rita {TOKEN}", 0o644, "chmod 600"),
        ("rita short", 0o600, "Line 1"),
        (f"\n{TOKEN}", 0o600, "Line 2"),
        (f"rita {TOKEN}\nrob {TOKEN}", 0o600, "somebody else's"),
        ("# nobody yet", 0o600, "nobody could come in"),
    ],
)
def test_files_of_tokens_that_let_the_wrong_people_in_are_refused(tmp_path, text, mode, said):
    with pytest.raises(AccessError, match=said):
        Access.by_tokens(_file(tmp_path / "tokens", text, mode), None)


def test_an_address_beyond_this_machine_needs_people_to_be_known(tokens):
    for host in ("0.0.0.0", "::", "192.168.1.4", "review.example.org"):
        with pytest.raises(AccessError, match="tokens"):
            Access.on_loopback("ada").check_bind(host)
        tokens[0].check_bind(host)
    for host in ("127.0.0.1", "::1", "localhost"):
        Access.on_loopback("ada").check_bind(host)


@pytest.mark.parametrize(
    ("host", "known"),
    [
        ("127.0.0.1:8600", True), ("localhost", True), ("[::1]:8600", True), ("LOCALHOST.:80", True),
        ("review.example.org", True), ("review.example.org:443", True),
        ("evil.example", False), ("", False), ("127.0.0.1.evil.example", False), ("evil.example:127.0.0.1", False),
    ],
)  # fmt: skip
def test_a_host_header_must_name_the_page(host, known):
    access = Access.behind_proxy("X-User", ["10.0.0.1"], hosts=["Review.example.org"])
    assert access.knows_host(host) is known


def test_only_the_proxy_is_believed_about_people():
    access = Access.behind_proxy("X-Forwarded-User", ["10.0.0.0/24"], publishers=["paul"])
    assert access.of_connection("10.0.0.7", {"x-forwarded-user": "paul"}) == Person("paul", Role.PUBLISHER)
    assert access.of_connection("::ffff:10.0.0.7", {"x-forwarded-user": "rita"}).role is Role.REVIEWER
    for address in ("10.0.1.7", "127.0.0.1", None, "unix"):
        assert access.of_connection(address, {"x-forwarded-user": "paul"}) is None
    assert access.of_connection("10.0.0.7", {}) is None
    with pytest.raises(AccessError):
        Access.behind_proxy("X-Forwarded-User", ["10.0.0.0/99"])


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        ("José".encode(), "José"), ("Óscar".encode(), "Óscar"), ("Łukasz 王".encode(), "Łukasz 王"),
        ("José".encode("latin-1"), "José"), (b"paul", "paul"),
    ],
)  # fmt: skip
def test_a_proxy_names_people_in_utf_8_or_else_in_latin_1(sent, name):
    headers = Headers(raw=[(b"x-forwarded-user", sent)])
    access = Access.behind_proxy("X-Forwarded-User", ["10.0.0.7"], publishers=[name])
    assert access.of_connection("10.0.0.7", headers) == Person(name, Role.PUBLISHER)


def test_loopback_is_no_longer_local_when_a_proxy_stands_before_it():
    access = Access.on_loopback("ada")
    assert access.of_connection("127.0.0.1", {}) == Person("ada", Role.PUBLISHER)
    assert access.of_connection("127.0.0.1", {"x-forwarded-for": "8.8.8.8"}) is None
    assert access.of_connection("192.168.1.4", {}) is None


def test_nobody_unknown_gets_anything(backend, tokens):
    browser = opened(backend, tokens[0], peer=("203.0.113.9", 1))
    assert browser.get("/", follow_redirects=False).headers["location"] == "/sign-in"
    for path in ("/api/queue", "/api/openapi.json", "/api/nix"):
        answer = browser.get(path)
        assert answer.status_code == 401 and answer.headers["www-authenticate"] == "Bearer"
    assert browser.get("/frame?id=stage&index=0", follow_redirects=False).status_code == 303
    assert browser.get("/static/review.css").status_code == 200
    assert browser.get("/api/queue", headers={"Authorization": "Bearer wrong"}).status_code == 401


def test_a_form_on_a_foreign_page_signs_nobody_out(backend, tokens):
    browser = opened(backend, tokens[0])
    browser.post("/sign-in", data={"csrf": browser.csrf, "token": tokens[1]})
    foreign = {"origin": "https://evil.example", "sec-fetch-site": "cross-site", "cookie": "", "X-CSRF-Token": ""}
    answer = browser.post("/publish", headers=foreign, cookies={})
    assert answer.status_code in (401, 403) and "set-cookie" not in answer.headers
    assert "rita, reviewer" in browser.get("/").text


def test_people_sign_in_with_a_token_and_out_again(backend, tokens):
    browser = opened(backend, tokens[0])
    before = browser.cookies["topiclens_session"]
    wrong = send(browser, "/sign-in", token="x" * 48)
    assert wrong.status_code == 401 and "not known here" in wrong.text
    answer = browser.post("/sign-in", data={"csrf": browser.csrf, "token": tokens[1]}, follow_redirects=False)
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=lax" in cookie and tokens[1] not in cookie
    assert browser.cookies["topiclens_session"] != before  # a session that somebody planted is worth nothing
    page = browser.get("/")
    assert "rita, reviewer" in page.text
    browser.csrf = page.text.split('name="csrf" content="')[1][:64]
    assert send(browser, "/sign-out").url.path == "/sign-in"
    assert browser.get("/", follow_redirects=False).status_code == 303


PUBLISHING = [
    ("/refinements", {"correction": ["0"]}), ("/publish", {}), ("/versions/rollback", {"version": "1"}),
    ("/corrections/rollback", {"correction_id": "0"}),
]  # fmt: skip


def test_reviewers_may_not_change_the_model(backend, tokens):
    browser = opened(backend, tokens[0])
    browser.headers["Authorization"] = f"Bearer {tokens[1]}"
    for path, fields in PUBLISHING:
        answer = send(browser, path, **fields)
        assert answer.status_code == 403 and "Only a publisher may do this; rita is a reviewer." in answer.text
        fields = {"corrections": ["0"]} if path == "/refinements" else fields
        assert browser.post(f"/api{path}", json=fields).status_code == 403
    assert send(browser, "/corrections", video_id="stage", topic=["1"]).status_code == 200
    assert backend.corrections()[0].author == "rita" and backend.latest_job() is None
    text = browser.get("/corrections").text
    assert "Start refinement" not in text and "A publisher starts the refinement" in text


def test_publishers_may(backend, tokens):
    browser = opened(backend, tokens[0])
    browser.headers["Authorization"] = f"Bearer {tokens[2]}"
    del browser.headers["X-CSRF-Token"]  # no foreign page can make a browser send a bearer token
    browser.post("/api/corrections", json={"video_id": "stage", "topics": [1]})
    assert browser.post("/api/refinements", json={}).json()["by"] == "paul the publisher"
