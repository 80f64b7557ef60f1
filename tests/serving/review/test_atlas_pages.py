"""The atlas behind the review page: the files of a run and no others, to people who are known."""

import re

import pytest
from starlette.testclient import TestClient

from tests.components.atlas.conftest import study
from tests.serving.review.browser import Browser
from tests.serving.review.conftest import HERE
from topiclens.components.atlas.pages import write_atlas
from topiclens.serving.asgi import ServerThread, build_server, open_socket
from topiclens.serving.review.access import Access
from topiclens.serving.review.app import create_app


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("run") / "atlas"
    write_atlas(path, study().atlas)
    (path / "secret.html").write_text("secret")
    (path.parent / "index.html").write_text("secret")
    return str(path)


def opened(backend, folder, access=None):
    app = create_app(backend, access or Access.on_loopback("ada"), atlas=folder)
    return TestClient(app, base_url=HERE, client=("127.0.0.1", 50000))


def test_pages_lead_to_the_atlas_and_every_such_link_opens(backend, folder):
    browser = opened(backend, folder)
    assert 'href="/atlas/index.html"' in browser.get("/").text
    links = set(re.findall('href="(/atlas/[^"]+)"', browser.get("/clip?id=stage").text))
    assert "/atlas/topic-1.html" in links and any("neuron" in link for link in links)
    assert browser.get("/atlas/atlas.json").json()["split"] == "val"
    answer = browser.get("/atlas/index.html")
    assert "Atlas of topics and neurons" in answer.text
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


def test_a_topics_page_tells_the_corrections_about_it_and_every_page_leads_back(backend, folder):
    browser = opened(backend, folder)
    assert "Nobody said that a caption misses it." in browser.get("/atlas/topic-1.html").text
    backend.propose("stage", [1], "<b>ada</b>")
    backend.propose("room", [3], "bob")
    text = browser.get("/atlas/topic-1.html").text
    (told,) = re.findall('<section id="corrections">.*?</section>', text, re.S)
    assert 'href="/clip?id=stage"' in told and "&lt;b&gt;ada&lt;/b&gt;" in told and "ready" in told
    assert "bob" not in told and "/clip?id=room" not in told
    for name in ("index.html", "topic-1.html", "neuron-7.html"):
        text = browser.get(f"/atlas/{name}").text
        assert '<a href="/">Queue</a>' in text and text.count("</main>") == 1 and text.endswith("</html>")
        assert ('id="corrections"' in text) == (name == "topic-1.html")


OTHERS = (
    "secret.html", "../index.html", "%2e%2e/index.html", "..%2findex.html", "topic-99.html", "topic-1.html%00",
    "index.html%0a", "topic-1.html/", "",
)  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_nothing_else_is_read(backend, folder, name):
    answer = opened(backend, folder).get(f"/atlas/{name}", follow_redirects=False)
    assert answer.status_code in (307, 404) and "secret" not in answer.text
    assert "unsafe-inline" not in answer.headers["Content-Security-Policy"]


def test_without_an_atlas_nothing_leads_there(backend):
    browser = opened(backend, None)
    assert "/atlas/" not in browser.get("/").text + browser.get("/clip?id=stage").text
    assert browser.get("/atlas/index.html").status_code == 404


def test_strangers_see_no_atlas(backend, folder, tokens):
    access, reviewer, _ = tokens
    browser = opened(backend, folder, access)
    assert "Atlas of topics" not in browser.get("/atlas/index.html").text
    known = browser.get("/atlas/index.html", headers={"Authorization": f"Bearer {reviewer}"})
    assert "Atlas of topics" in known.text


def test_a_person_finds_what_a_neuron_means(backend, folder):
    app = create_app(backend, Access.on_loopback("ada"), atlas=folder)
    server = ServerThread(build_server(app, connections=50), open_socket("127.0.0.1", 0))
    try:
        with Browser(360, 740) as window:
            window.go(f"http://127.0.0.1:{server.port}/")
            assert window.run("document.documentElement.scrollWidth") == 360
            window.click('nav a[href="/atlas/index.html"]')
            window.until("document.getElementById('filter')")
            window.click("#filter")
            window.type("neuron 7")
            window.until("document.getElementById('found').textContent.startsWith('0 of 5 topics, 1 of ')")
            window.click('#neurons a[href="neuron-7.html"]')
            window.until("document.title.startsWith('Neuron 7 ')")
            assert "When is it active?" in window.text() and not window.faults
    finally:
        server.stop(grace=30)
